//! Tells an access token from the other tokens that an issuer signs (RFC 8725 sections 3.11 and 3.12).
//!
//! Invariants: a token that names another kind in its header is refused; one that names none, or only says that it is a
//! JWT, must not have a claim that only other kinds have.

use std::str::FromStr;

use serde_json::{Map, Value};

/// What a header may say that leaves the kind open: nothing, or the form alone (RFC 7515 section 4.1.9, RFC 7519 section
/// 5.1).
const OPEN: [&str; 2] = ["jwt", "jose"];

/// RFC 9068 section 2.1.
const ACCESS: &str = "at+jwt";

/// Registered types of other kinds: a list that names one would let in what is never an access token.
const OTHER_KINDS: [&str; 6] =
    ["logout+jwt", "secevent+jwt", "dpop+jwt", "kb+jwt", "token-introspection+jwt", "oauth-authz-req+jwt"];

/// Claims of ID tokens (OpenID Connect Core sections 2 and 3.3.2.11; Financial-grade API part 2 section 5.1).
const OF_ID_TOKENS: [&str; 4] = ["nonce", "at_hash", "c_hash", "s_hash"];

/// Values of the claim `typ` (Keycloak) or `token_type` (libraries that sign refresh tokens too) for tokens that are not for a resource.
const KINDS: [&str; 5] = ["id", "refresh", "offline", "logout", "serialized-id"];

/// Values of the header `typ` that tokens may have (`METRICS_OAUTH2_TOKEN_TYPES`); without a list, all that are open or
/// name an access token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenTypes(Vec<String>);

impl TokenTypes {
    /// Whether a list was given, so that a token has to say what it is.
    pub fn is_listed(&self) -> bool {
        !self.0.is_empty()
    }

    /// `typ` is that of the header, as [`media_type`] gives it.
    ///
    /// # Errors
    /// What shows that the token is of another kind.
    pub(super) fn check(&self, typ: Option<&str>, claims: &Map<String, Value>) -> Result<(), String> {
        let is_listed = typ.is_some_and(|typ| self.0.iter().any(|listed| listed == typ));
        let is_open = typ.is_none_or(|typ| OPEN.contains(&typ));
        if !is_listed && (self.is_listed() || !(is_open || typ == Some(ACCESS))) {
            return Err(match typ {
                Some(typ) => format!("its typ is {typ:?}"),
                None => "it has no typ".into(),
            });
        }
        if is_open { check_claims(claims) } else { Ok(()) }
    }
}

impl FromStr for TokenTypes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let items = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|item| !item.is_empty());
        let types: Vec<String> = items.map(media_type).collect();
        if types.is_empty() {
            return Err("is set but names no type, such as at+jwt".into());
        }
        // RFC 6838 section 4.2.
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        for typ in &types {
            if !typ.bytes().all(fits) {
                return Err(format!("has {typ:?}, which is no media type, such as at+jwt"));
            }
            if OTHER_KINDS.contains(&typ.as_str()) {
                return Err(format!("has {typ:?}, which is never the type of an access token"));
            }
        }
        Ok(Self(types))
    }
}

/// RFC 7515 section 4.1.9: compared without case, and `application/` may be left out.
pub(super) fn media_type(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    text.strip_prefix("application/").map_or(text.clone(), str::to_owned)
}

fn check_claims(claims: &Map<String, Value>) -> Result<(), String> {
    // OpenID Connect Back-Channel Logout section 2.4, RFC 8417 section 2.2.
    if claims.contains_key("events") {
        return Err("it has the claim events, as logout tokens and security events do".into());
    }
    let text = |name| claims.get(name).and_then(Value::as_str).map(str::to_ascii_lowercase);
    let typ = text("typ");
    for (name, kind) in [("typ", &typ), ("token_type", &text("token_type"))] {
        if let Some(kind) = kind.as_deref().filter(|kind| KINDS.contains(kind)) {
            return Err(format!("its claim {name} is {kind:?}"));
        }
    }
    let token_use = claims.get("token_use");
    if token_use.is_some_and(|token_use| token_use != "access") {
        return Err("its claim token_use is not \"access\"".into());
    }
    // Keycloak before version 25 copies the nonce of a login into the access token, which says `Bearer` of itself.
    let says_access = typ.as_deref() == Some("bearer") || token_use.is_some();
    match OF_ID_TOKENS.iter().find(|name| claims.contains_key(**name)) {
        Some(name) if !says_access => Err(format!("it has the claim {name}, as ID tokens do")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(types: &str, typ: Option<&str>, claims: &Value) -> bool {
        let types = if types.is_empty() { TokenTypes::default() } else { types.parse().unwrap() };
        let typ = typ.map(media_type);
        types.check(typ.as_deref(), claims.as_object().unwrap()).is_ok()
    }

    #[test]
    fn rows_96_97_98_f8_the_header_says_what_a_token_is() {
        let types = [
            (None, true, false),
            (Some("JWT"), true, false),
            (Some("application/jwt"), true, false),
            (Some("JOSE"), true, false),
            (Some("jose"), true, false),
            (Some("at+jwt"), true, true),
            (Some("AT+JWT"), true, true),
            (Some("application/at+jwt"), true, true),
            (Some("logout+jwt"), false, false),
            (Some("secevent+jwt"), false, false),
            (Some("dpop+jwt"), false, false),
            (Some("kb+jwt"), false, false),
            (Some("JWE"), false, false),
            (Some("JOSE+JSON"), false, false),
            (Some(""), false, false),
            (Some("application/application/jwt"), false, false),
        ];
        for (typ, by_default, strictly) in types {
            assert_eq!(check("", typ, &json!({})), by_default, "{typ:?}");
            assert_eq!(check("at+jwt", typ, &json!({})), strictly, "{typ:?}");
        }
        assert!(check("at+jwt, JWT", Some("application/JWT"), &json!({})));
        assert!(check("vnd.example+jwt", Some("vnd.example+JWT"), &json!({})));
        assert!(!check("at+jwt, JWT", None, &json!({})));
    }

    #[test]
    fn review_8_claims_of_other_kinds_are_refused_where_the_header_leaves_it_open() {
        let refused = [
            json!({ "nonce": "n" }),
            json!({ "nonce": null }),
            json!({ "at_hash": "h" }),
            json!({ "c_hash": "h" }),
            json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} }, "sid": "s" }),
            json!({ "s_hash": "h" }),
            json!({ "token_type": "refresh" }),
            json!({ "typ": "Bearer", "token_type": "ID" }),
            json!({ "typ": "ID" }),
            json!({ "typ": "Refresh" }),
            json!({ "typ": "Offline" }),
            json!({ "typ": "logout" }),
            json!({ "token_use": "id" }),
            json!({ "token_use": "Access" }),
            json!({ "token_use": null }),
            json!({ "typ": "Bearer", "events": {} }),
        ];
        for claims in refused {
            for typ in [None, Some("JWT"), Some("JOSE")] {
                assert!(!check("", typ, &claims), "{claims}");
                assert!(typ.is_none() || !check("jwt,jose", typ, &claims), "{claims}");
            }
        }
        let accepted = [
            json!({ "typ": "Bearer" }),
            json!({ "typ": "Bearer", "nonce": "n" }),
            json!({ "token_use": "access" }),
            json!({ "token_type": "Bearer" }),
            json!({ "typ": 5 }),
            json!({ "auth_time": 5, "azp": "x", "sid": "s", "idp": "x" }),
        ];
        for claims in accepted {
            assert!(check("", None, &claims) && check("", Some("JWT"), &claims), "{claims}");
        }
        assert!(check("", Some("at+jwt"), &json!({ "nonce": "n" })), "it says what it is");
    }

    #[test]
    fn a_list_of_types_is_one_of_media_types_that_access_tokens_can_have() {
        for text in
            [" , ", "logout+jwt", "at+jwt,Application/SecEvent+JWT", "a/b", "at+jwt;q=1", "\"at+jwt\""]
        {
            assert!(text.parse::<TokenTypes>().is_err(), "{text}");
        }
        assert!(!TokenTypes::default().is_listed());
    }
}
