//! LibreChat's `JWT_REFRESH_SECRET`: the key under which it signs its logins.
//!
//! Invariants: the bytes are used as they are, since LibreChat does so too; a value that LibreChat once published is
//! never taken, because whoever reads its documentation could sign in as anybody.

use std::fmt;

use jsonwebtoken::DecodingKey;
use sha2::{Digest, Sha256};

/// Shortest secret that is taken, in bytes: what is shorter can be found offline from a single cookie.
const MIN_LENGTH: usize = 16;
/// The length that HS256 asks for (RFC 7518 section 3.2).
const GOOD_LENGTH: usize = 32;

/// SHA-256 of the secrets in LibreChat's `.env.example` and in its Helm page: for refresh tokens and for access tokens,
/// because one is easily pasted for the other. As digests, so that scanners for secrets don't stumble over this file.
const PUBLISHED: [&str; 4] = [
    "69024f21e9ad17594dcccd93e87399af24a5426ccfe6108d1787f0335966abc4",
    "282ad5f60261639fefed381976b4d0dde52eab5527a1ab2ec75d5be1efa1165b",
    "e39e8cf4dae6d419d906340d4674911b383dd2a66fb9c0f7bee73352e0fc2387",
    "71848a2beb76642c3e7ccb816cc1afc15a2c7c83247eeb6ddab4efd8a2c256a0",
];

/// The key that verifies LibreChat's tokens: zeroed on drop, never printed.
pub struct SessionSecret {
    key: DecodingKey,
    length: usize,
}

impl SessionSecret {
    /// # Errors
    /// Why the secret protects nothing, as a phrase that follows the variable's name; the value is not in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() < MIN_LENGTH {
            return Err(format!(
                "is shorter than {MIN_LENGTH} characters; set a long random one in LibreChat"
            ));
        }
        if Self::is_published(text) {
            return Err("is a sample value that LibreChat published; set a random one in LibreChat".into());
        }
        Ok(Self { key: DecodingKey::from_secret(text.as_bytes()), length: text.len() })
    }

    /// Whether it is a value that LibreChat once published as a sample.
    pub fn is_published(text: &str) -> bool {
        let digest: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        PUBLISHED.contains(&digest.as_str())
    }

    /// What deserves a warning about a secret that is valid all the same.
    pub fn weakness(&self) -> Option<&'static str> {
        (self.length < GOOD_LENGTH).then_some("is shorter than 32 bytes, which HS256 asks for (RFC 7518)")
    }

    pub(super) fn key(&self) -> &DecodingKey {
        &self.key
    }
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_short_and_published_secrets_without_showing_them() {
        let cases = [
            "",
            "refresh_secret",
            "0123456789abcde",
            "16f8c0ef4a5d391b26034086c628469d3f9f497f08163ab9b40137092f2909ef",
            "eaa5191f2914e30b9387fd84e254e4ba6fc51b4654968a9b0803b456a54b8418",
            "83e5c1f0e037e4f027dbdb332d54ca1bd1f12af6798700c207ed817ebd7c544b",
            "83e5c1f0c037e4f027dbab332d54ca1bd1f12af6798700c207ed817ebd7c544",
        ];
        for text in cases {
            let error = SessionSecret::parse(text).unwrap_err();
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
    }

    #[test]
    fn warns_of_secrets_shorter_than_the_algorithm_asks_for() {
        let secret = |text| SessionSecret::parse(text).unwrap();
        assert!(secret("0123456789abcdef").weakness().is_some());
        assert!(secret("0123456789abcdef0123456789abcdef").weakness().is_none());
        assert_eq!(format!("{:?}", secret("0123456789abcdef")), "[redacted]");
    }
}
