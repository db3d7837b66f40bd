//! Where the issuer and its keys are: URLs that may be fetched, and be printed.
//!
//! Invariants: `http` or `https`, without user, password and fragment; shown without the query, which may hold a key
//! (some issuers want one). Whether `http` is good enough depends on the host: see [`Endpoint::is_secure`].

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;

/// A URL that a document is fetched from (`METRICS_OAUTH2_JWKS_URI`, or `jwks_uri` of the discovery document).
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Whether nobody on the way can change what is read: TLS, or a host that is this machine.
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == "https" || is_loopback(self.0.host_str().unwrap_or_default())
    }

    /// Whether both are on one host and port, by one scheme.
    pub fn is_beside(&self, other: &Self) -> bool {
        self.0.origin() == other.0.origin()
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The parser drops blanks and line ends without a word; a setting that holds them is a mistake.
        if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return Err("must be a URL without blanks".into());
        }
        let url = Url::parse(text).map_err(|_| "must be an https URL, such as https://idp.example/")?;
        if url.scheme() == "file" {
            return Err("must be an https URL; keys from a file are METRICS_OAUTH2_JWKS_FILE".into());
        }
        if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
            return Err("must be an https URL, such as https://idp.example/".into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a user name or a password".into());
        }
        if url.fragment().is_some() {
            return Err("must not have a fragment (#\u{2026})".into());
        }
        Ok(Self(url))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0.origin().ascii_serialization(), self.0.path())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match address {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_386_what_is_not_a_plain_url_is_refused_without_showing_it() {
        let cases = [
            "idp.example",
            "ftp://idp.example/",
            "file:///etc/canary",
            "https://user:canary@idp.example/",
            "https://canary@idp.example/",
            "https://idp.example/#canary",
            "https://idp.example/ canary",
            "https://idp.example/\ncanary",
            "https://",
            "",
        ];
        for text in cases {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.starts_with("must ") && !error.contains("canary"), "{error}");
        }
        assert!("https://idp.example/?p=x".parse::<Endpoint>().is_ok());
        assert!("file:///keys".parse::<Endpoint>().unwrap_err().contains("METRICS_OAUTH2_JWKS_FILE"), "e3");
    }

    #[test]
    fn row_190_http_is_for_this_machine_only() {
        let cases = [
            ("https://idp.example/", true),
            ("http://127.0.0.1:8080/realms/x", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]:8080/", true),
            ("http://localhost/", true),
            ("http://idp.localhost/", true),
            ("http://idp.example/", false),
            ("http://localhost.example/", false),
            ("http://169.254.169.254/", false),
            ("http://127.0.0.1.example/", false),
        ];
        for (text, secure) in cases {
            assert_eq!(text.parse::<Endpoint>().unwrap().is_secure(), secure, "{text}");
        }
    }

    #[test]
    fn row_421_the_query_is_never_shown() {
        let endpoint: Endpoint = "https://idp.example:8443/keys?key=canary".parse().unwrap();
        assert_eq!(
            format!("{endpoint} {endpoint:?}"),
            "https://idp.example:8443/keys https://idp.example:8443/keys"
        );
    }
}
