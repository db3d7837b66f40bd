//! Verifies the tokens that LibreChat signs for a login: HS256 under its refresh secret, and nothing else.
//!
//! Invariants: nothing of a token is believed before its signature fits; both kinds of token name their user, and
//! neither is taken for the other: LibreChat signs both, and more, with the same secret. Whether the session is still
//! alive is not known here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::identity::{SessionId, SessionKey, TokenHash, UserId};
use super::secret::SessionSecret;
use crate::auth::jose;
use crate::auth::reason::Reason;

/// How far LibreChat's clock may run ahead of ours.
const LEEWAY: Duration = Duration::from_secs(30);

/// A login that LibreChat signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) session: SessionKey,
    pub(super) user: UserId,
    /// `exp`: not a moment longer.
    pub(super) expires_at: SystemTime,
    /// `iat`.
    pub(super) issued_at: Option<SystemTime>,
    /// Of the refresh token that was sent.
    pub(super) hash: TokenHash,
}

impl Login {
    /// What an answer of the database is remembered for.
    pub(super) fn key(&self) -> (SessionKey, UserId, TokenHash) {
        (self.session, self.user, self.hash)
    }
}

/// Reads LibreChat's own refresh token: `{id, sessionId, iat, exp}`.
///
/// # Errors
/// [`Reason::SessionInvalid`] or [`Reason::SessionExpired`].
pub(super) fn librechat(token: &str, secret: &SessionSecret, now: SystemTime) -> Result<Login, Reason> {
    let claims = verified(token, secret).ok_or(Reason::SessionInvalid)?;
    // The same secret signs tokens for other ends, which have an `id` too: only this kind has a `sessionId`.
    let session = text(&claims, "sessionId").and_then(SessionId::parse).ok_or(Reason::SessionInvalid)?;
    login(SessionKey::Id(session), TokenHash::of(token), &claims, now)
}

/// Reads LibreChat's `openid_user_id`: `{id, refreshTokenHash, iat, exp}`, beside the refresh token that it is bound to.
///
/// LibreChat before 0.8.8 binds nothing and keeps no session of such a login, so that signing out could not be told;
/// its tokens are refused.
///
/// # Errors
/// [`Reason::SessionInvalid`] or [`Reason::SessionExpired`].
pub(super) fn openid(
    user_token: &str,
    refresh_token: &str,
    secret: &SessionSecret,
    now: SystemTime,
) -> Result<Login, Reason> {
    let claims = verified(user_token, secret).ok_or(Reason::SessionInvalid)?;
    let bound = text(&claims, "refreshTokenHash").and_then(jose::base64url).ok_or(Reason::SessionInvalid)?;
    let hash = TokenHash::of(refresh_token);
    if !bool::from(bound.ct_eq(hash.bytes())) {
        return Err(Reason::SessionInvalid);
    }
    login(SessionKey::TokenHash(hash), hash, &claims, now)
}

fn login(
    session: SessionKey,
    hash: TokenHash,
    claims: &Map<String, Value>,
    now: SystemTime,
) -> Result<Login, Reason> {
    let user = text(claims, "id").and_then(UserId::parse).ok_or(Reason::SessionInvalid)?;
    let expires_at = claims.get("exp").and_then(instant).ok_or(Reason::SessionInvalid)?;
    let latest = now.checked_add(LEEWAY).ok_or(Reason::SessionInvalid)?;
    for name in ["iat", "nbf"] {
        if let Some(value) = claims.get(name)
            && instant(value).is_none_or(|from| from > latest)
        {
            return Err(Reason::SessionInvalid);
        }
    }
    if expires_at <= now {
        return Err(Reason::SessionExpired);
    }
    Ok(Login { session, user, expires_at, issued_at: claims.get("iat").and_then(instant), hash })
}

/// The claims of a JWS compact serialization (RFC 7515 section 7.1) that `secret` signed.
fn verified(token: &str, secret: &SessionSecret) -> Option<Map<String, Value>> {
    let (message, signature) = token.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    if claims.contains('.') || !is_plain_hs256(&jose::object(&jose::base64url(header)?)?) {
        return None;
    }
    // The library decodes the signature itself; here only its spelling is checked.
    jose::base64url(signature)?;
    let verdict = jsonwebtoken::crypto::verify(signature, message.as_bytes(), secret.key(), Algorithm::HS256);
    if !verdict.unwrap_or(false) {
        return None;
    }
    jose::object(&jose::base64url(claims)?)
}

/// `crit` and `b64` would change what the signature means (RFC 7515 section 4.1.11, RFC 7797).
fn is_plain_hs256(header: &Map<String, Value>) -> bool {
    header.get("alg").is_some_and(|alg| alg == "HS256")
        && header.get("typ").is_none_or(|typ| typ == "JWT")
        && !header.contains_key("crit")
        && !header.contains_key("b64")
}

fn text<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c str> {
    claims.get(name)?.as_str()
}

/// A NumericDate (RFC 7519 section 2) in whole seconds, the only form that LibreChat writes.
fn instant(value: &Value) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(value.as_u64()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{NOW, SECRET, SESSION, USER, forged, now, signed};
    use super::*;

    fn secret() -> SessionSecret {
        SessionSecret::parse(SECRET).unwrap()
    }

    #[test]
    fn takes_the_claims_of_librechat_and_no_others() {
        let good = json!({"id": USER, "sessionId": SESSION, "iat": NOW - 1, "exp": NOW + 1});
        let with = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            claims
        };
        let without = |name: &str| {
            let mut claims = good.clone();
            claims.as_object_mut().unwrap().remove(name);
            claims
        };
        let invalid = Some(Reason::SessionInvalid);
        let expired = Some(Reason::SessionExpired);
        let cases = [
            (good.clone(), None),
            (without("iat"), None),
            (with("iat", json!(NOW + 30)), None),
            (with("iat", json!(NOW + 31)), invalid),
            (with("nbf", json!(NOW + 31)), invalid),
            (with("iat", json!("now")), invalid),
            (with("exp", json!(NOW)), expired),
            (with("exp", json!(0)), expired),
            (without("exp"), invalid),
            (with("exp", json!("9999999999")), invalid),
            (with("exp", json!(NOW as f64 + 0.5)), invalid),
            (with("exp", json!(1e300)), invalid),
            (with("exp", json!(u64::MAX)), invalid),
            (with("exp", json!(-1)), invalid),
            (with("exp", Value::Null), invalid),
            (without("id"), invalid),
            (without("sessionId"), invalid),
            (with("id", json!("0123456789abcdef0123456")), invalid),
            (with("id", json!({"$ne": null})), invalid),
            (with("sessionId", json!("")), invalid),
            (with("sessionId", json!([SESSION])), invalid),
        ];
        for (claims, refusal) in cases {
            let token = signed(&claims);
            assert_eq!(librechat(&token, &secret(), now()).err(), refusal, "{claims}");
        }
    }

    #[test]
    fn takes_hs256_under_its_own_secret_only() {
        let claims = json!({"id": USER, "sessionId": SESSION, "exp": NOW + 60}).to_string();
        let good = forged(r#"{"alg":"HS256","typ":"JWT"}"#, &claims, SECRET);
        assert!(librechat(&good, &secret(), now()).is_ok());
        assert!(
            librechat(&forged(r#"{"alg":"HS256","kid":"x"}"#, &claims, SECRET), &secret(), now()).is_ok()
        );
        let headers = [
            r#"{"alg":"none"}"#,
            r#"{"alg":"hs256"}"#,
            r#"{"alg":"HS384"}"#,
            r#"{"alg":"RS256"}"#,
            r#"{"alg":["HS256"]}"#,
            r#"{"alg":"none","alg":"HS256"}"#,
            r#"{"typ":"JWT"}"#,
            r#"{"alg":"HS256","typ":"at+jwt"}"#,
            r#"{"alg":"HS256","typ":null}"#,
            r#"{"alg":"HS256","crit":[]}"#,
            r#"{"alg":"HS256","b64":true}"#,
            r#"[]"#,
        ];
        for header in headers {
            let token = forged(header, &claims, SECRET);
            assert_eq!(librechat(&token, &secret(), now()), Err(Reason::SessionInvalid), "{header}");
        }
        let (message, signature) = good.rsplit_once('.').unwrap();
        let (header, payload) = message.split_once('.').unwrap();
        let texts = [
            forged(r#"{"alg":"HS256"}"#, &claims, "another-secret-of-librechat-0123"),
            forged(
                r#"{"alg":"HS256"}"#,
                &claims.replace("{", r#"{"id":"0123456789abcdef01234567","#),
                SECRET,
            ),
            forged(r#"{"alg":"HS256"}"#, &format!("{claims} "), SECRET) + "=",
            message.to_owned(),
            format!("{message}."),
            format!("{good}."),
            format!(".{good}"),
            format!("{header}..{signature}"),
            format!("{header}.{payload}.{payload}.{signature}"),
            format!("{message}.{}", &signature[..signature.len() - 2]),
            format!("{message}.{signature}AA"),
            String::new(),
            "..".into(),
        ];
        for text in texts {
            assert_eq!(librechat(&text, &secret(), now()), Err(Reason::SessionInvalid), "{text}");
        }
    }

    #[test]
    fn takes_an_openid_user_only_beside_the_refresh_token_that_it_is_bound_to() {
        let refresh = "idp/refresh=token";
        let hash = "VQcHJZ3AoiTbVLKnSvCp8FGCJFJnL8V_dUq6l-qU7Wc";
        let bound = {
            use base64::Engine as _;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(TokenHash::of(refresh).bytes())
        };
        let cases = [
            (json!({"id": USER, "exp": NOW + 60, "refreshTokenHash": bound}), refresh, true),
            (json!({"id": USER, "exp": NOW + 60, "refreshTokenHash": bound}), "another", false),
            (json!({"id": USER, "exp": NOW + 60, "refreshTokenHash": hash}), refresh, false),
            (json!({"id": USER, "exp": NOW + 60, "refreshTokenHash": format!("{bound}=")}), refresh, false),
            (json!({"id": USER, "exp": NOW + 60, "refreshTokenHash": ""}), refresh, false),
            (json!({"id": USER, "exp": NOW + 60}), refresh, false),
            (json!({"id": USER, "sessionId": SESSION, "exp": NOW + 60}), refresh, false),
            (json!({"exp": NOW + 60, "refreshTokenHash": bound}), refresh, false),
        ];
        for (claims, refresh, taken) in cases {
            let token = signed(&claims);
            let login = openid(&token, refresh, &secret(), now());
            assert_eq!(login.is_ok(), taken, "{claims}");
            assert!(librechat(&token, &secret(), now()).is_err() || claims.get("sessionId").is_some());
        }
    }
}
