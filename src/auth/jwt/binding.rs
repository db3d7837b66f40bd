//! Tokens that only the holder of a key may use (`cnf`, RFC 7800 section 3.1).
//!
//! One that is bound to a client certificate (RFC 8705 section 3.1) is good on a connection that was made with that
//! certificate. Every other binding (`jkt` of DPoP, RFC 9449) needs a proof that is not looked at here, so the token is
//! refused: taken as a plain bearer token, it would let in whoever stole it.

use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::required::shown;
use crate::auth::caller::CertificateDigest;
use crate::auth::jwks::key_ref::Thumbprints;
use crate::auth::reason::Reason;

const CERTIFICATE: &str = "x5t#S256";

/// Takes a token that is bound to nothing, or to the certificate of the connection.
pub(super) fn check(
    claims: &Map<String, Value>,
    certificate: Option<&CertificateDigest>,
) -> Result<(), Refusal> {
    let Some(confirmation) = claims.get("cnf") else { return Ok(()) };
    let unknown = || {
        let detail = format!(
            "its cnf is \"{}\": only a binding to a client certificate ({CERTIFICATE} alone) can be checked, not DPoP",
            shown(confirmation)
        );
        Refusal::new(Reason::BoundToken, detail)
    };
    let members = confirmation.as_object().ok_or_else(unknown)?;
    // What else it is bound to has to hold too.
    if !members.keys().eq([CERTIFICATE]) {
        return Err(unknown());
    }
    let bound = Thumbprints::of_members(members);
    if bound.is_empty() {
        return Err(unknown());
    }
    match certificate {
        Some(certificate) if bound.are_of(certificate) => Ok(()),
        Some(_) => Err(mismatch("its cnf names another certificate than that of the connection")),
        None => Err(mismatch(
            "its cnf names a client certificate, and the connection has none: TLS_CLIENT_CA_FILE asks for one, and a proxy in \
             between must pass TLS on as it is",
        )),
    }
}

fn mismatch(detail: &str) -> Refusal {
    Refusal::new(Reason::CertificateMismatch, detail.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OURS: CertificateDigest = [7; 32];
    const OTHER: CertificateDigest = [8; 32];
    /// base64url of `OURS`.
    const NAMED: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

    fn reason(cnf: &Value, certificate: Option<&CertificateDigest>) -> Option<Reason> {
        let claims = Map::from_iter([("cnf".to_owned(), cnf.clone())]);
        check(&claims, certificate).err().map(|refusal| refusal.reason)
    }

    #[test]
    fn row_f12_a_token_of_a_certificate_needs_that_certificate() {
        let mismatch = Some(Reason::CertificateMismatch);
        let padded = format!("{NAMED}=");
        for name in [NAMED, &padded] {
            let cnf = json!({ "x5t#S256": name });
            assert_eq!(reason(&cnf, Some(&OURS)), None, "{name}");
            assert_eq!(reason(&cnf, Some(&OTHER)), mismatch, "{name}");
            assert_eq!(reason(&cnf, None), mismatch, "{name}");
        }
        assert!(check(&Map::new(), Some(&OTHER)).is_ok());
        assert!(check(&Map::new(), None).is_ok());
    }

    #[test]
    fn row_f12_every_other_binding_is_refused() {
        for cnf in [
            json!(null),
            json!("x5t#S256"),
            json!([{ "x5t#S256": NAMED }]),
            json!({}),
            json!({ "jkt": NAMED }),
            json!({ "x5t#S256": NAMED, "jkt": NAMED }),
            json!({ "x5t#S256": NAMED, "kid": "a" }),
            json!({ "x5t": "BwcHBwcHBwcHBwcHBwcHBwcHBwc" }),
            json!({ "X5T#S256": NAMED }),
            json!({ "x5t#S256": [NAMED] }),
            json!({ "x5t#S256": "" }),
            json!({ "x5t#S256": NAMED[1..] }),
            json!({ "x5t#S256": format!("{NAMED}BwcH") }),
        ] {
            assert_eq!(reason(&cnf, Some(&OURS)), Some(Reason::BoundToken), "{cnf}");
        }
    }
}
