//! Tokens as LibreChat signs them, and forged ones, for the tests of this area.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::Value;

pub(super) const SECRET: &str = "a-secret-of-librechat-0123456789";
pub(super) const USER: &str = "65a000000000000000000001";
pub(super) const SESSION: &str = "65b000000000000000000002";
/// Seconds since the epoch.
pub(super) const NOW: u64 = 1_800_000_000;

pub(super) fn now() -> SystemTime {
    at(0)
}

/// `seconds` after [`NOW`].
pub(super) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW + seconds)
}

pub(super) fn signed(claims: &Value) -> String {
    forged(r#"{"alg":"HS256","typ":"JWT"}"#, &claims.to_string(), SECRET)
}

/// Any header over any claims, signed with HS256 whatever the header says.
pub(super) fn forged(header: &str, claims: &str, secret: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(secret.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}
