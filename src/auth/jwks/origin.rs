//! Where a key set comes from: a fixed URL, or the one that the issuer names (OpenID Connect Discovery 1.0 section 4, RFC
//! 8414 section 3).
//!
//! Invariants: the metadata speaks for the configured issuer only; its `jwks_uri` is as secure as a configured
//! one has to be, and it is asked for anew every hour and after each failure, so that the keys may move.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use tokio::time::Instant;

use super::encoding::without_bom;
use super::endpoint::Endpoint;
use super::fetch::{FetchError, Fetcher};
use super::issuer::{Discovery, Issuer};
use super::set::{Remarks, Unusable};
use crate::auth::excerpt::Excerpt;

const DISCOVERY_LIFETIME: Duration = Duration::from_secs(3600);

/// The configured way to the keys.
#[derive(Clone, Debug)]
pub enum Source {
    /// `METRICS_OAUTH2_JWKS_URI`: no discovery.
    Uri(Endpoint),
    /// `METRICS_OAUTH2_ISSUER`.
    Issuer { discovery: Box<Discovery>, allow_insecure: bool },
}

impl Source {
    /// What is asked first.
    pub fn endpoint(&self) -> &Endpoint {
        match self {
            Self::Uri(endpoint) => endpoint,
            Self::Issuer { discovery, .. } => &discovery.endpoint,
        }
    }
}

/// The way to the keys, with what was learned of it.
pub(super) struct Origin {
    source: Source,
    fetcher: Fetcher,
    found: Option<Found>,
}

struct Found {
    keys: Endpoint,
    at: Instant,
}

impl Origin {
    pub(super) fn new(source: Source, fetcher: Fetcher) -> Self {
        Self { source, fetcher, found: None }
    }

    /// Fetches the document with the keys, and before it the one that says where they are if that is not known.
    pub(super) async fn fetch(&mut self) -> Result<(Endpoint, Vec<u8>), FetchError> {
        let keys = self.keys().await?;
        let document = self.fetcher.get(&keys).await?;
        Ok((keys, document))
    }

    /// After a failure: the keys may have moved.
    pub(super) fn forget(&mut self) {
        self.found = None;
    }

    async fn keys(&mut self) -> Result<Endpoint, FetchError> {
        let (discovery, allow_insecure) = match &self.source {
            Source::Uri(endpoint) => return Ok(endpoint.clone()),
            Source::Issuer { discovery, allow_insecure } => (discovery, *allow_insecure),
        };
        match &self.found {
            Some(found) if found.at.elapsed() < DISCOVERY_LIFETIME => return Ok(found.keys.clone()),
            _ => {}
        }
        let (endpoint, document) = self.metadata(discovery).await?;
        let keys = jwks_uri(&discovery.issuer, allow_insecure, &document).map_err(|problem| {
            FetchError::unusable(endpoint.clone(), Unusable { problem, remarks: Remarks::default() })
        })?;
        match &self.found {
            Some(found) if found.keys != keys => {
                tracing::info!(from = %found.keys, to = %keys, "the issuer moved its keys");
            }
            _ => {}
        }
        self.found = Some(Found { keys: keys.clone(), at: Instant::now() });
        Ok(keys)
    }

    /// The document of OpenID Connect, or where there is none that of RFC 8414.
    async fn metadata<'d>(&self, discovery: &'d Discovery) -> Result<(&'d Endpoint, Vec<u8>), FetchError> {
        let is_missing =
            |error: &FetchError| matches!(error, FetchError::Status { status: StatusCode::NOT_FOUND, .. });
        let Discovery { openid, oauth, .. } = discovery;
        match self.fetcher.get(openid).await {
            Err(error) if is_missing(&error) => {}
            other => return other.map(|document| (openid, document)),
        }
        match self.fetcher.get(oauth).await {
            Err(error) if is_missing(&error) => Err(FetchError::NoMetadata(Box::new(discovery.clone()))),
            other => other.map(|document| (oauth, document)),
        }
    }
}

/// What the discovery document says, if it is the document of this issuer (section 4.3).
fn jwks_uri(issuer: &Issuer, allow_insecure: bool, document: &[u8]) -> Result<Endpoint, String> {
    let document: Value = serde_json::from_slice(without_bom(document)).map_err(|_| "is not JSON")?;
    let published = document.get("issuer").and_then(Value::as_str).ok_or("has no issuer")?;
    if published != issuer.text() {
        return Err(format!(
            "is of issuer \"{}\", not of \"{}\"{}",
            Excerpt(published),
            issuer.text(),
            issuer.hint(published)
        ));
    }
    let uri = document.get("jwks_uri").and_then(Value::as_str).ok_or("has no jwks_uri")?;
    let keys: Endpoint = uri.parse().map_err(|problem| format!("has a jwks_uri that {problem}"))?;
    if !allow_insecure && !keys.is_secure() {
        return Err(
            "has a jwks_uri with http, which METRICS_OAUTH2_ALLOW_INSECURE would have to allow".into()
        );
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(document: &Value, allow_insecure: bool) -> Result<String, String> {
        let issuer: Issuer = "https://idp.example/".parse().unwrap();
        jwks_uri(&issuer, allow_insecure, document.to_string().as_bytes()).map(|keys| keys.to_string())
    }

    #[test]
    fn row_192_the_keys_may_lie_on_another_host_when_it_is_secure() {
        let at = |uri: &str| json!({ "issuer": "https://idp.example/", "jwks_uri": uri });
        let other = "https://keys.example/v3/certs";
        assert_eq!(read(&at(other), false).as_deref(), Ok(other));
        let plain = at("http://keys.example/certs");
        assert!(read(&plain, false).is_err());
        assert!(read(&plain, true).is_ok());
        for uri in ["ftp://idp.example/", "file:///etc/passwd", "/keys", "https://u:canary@idp.example/"] {
            let problem = read(&at(uri), true).unwrap_err();
            assert!(!problem.contains("canary"), "{problem}");
        }
    }

    #[test]
    fn row_193_a_document_without_jwks_uri_is_unusable() {
        let cases = [
            json!({ "issuer": "https://idp.example/" }),
            json!({ "issuer": "https://idp.example/", "jwks_uri": 5 }),
            json!({ "issuer": "https://idp.example/", "jwks_uri": ["https://idp.example/keys"] }),
            json!({ "jwks_uri": "https://idp.example/keys" }),
            json!([]),
        ];
        for document in cases {
            assert!(read(&document, false).is_err(), "{document}");
        }
    }

    #[test]
    fn row_132_another_issuer_is_refused_with_a_hint_when_only_the_slash_differs() {
        let of = |issuer: &str| json!({ "issuer": issuer, "jwks_uri": "https://idp.example/keys" });
        let problem = read(&of("https://idp.example"), false).unwrap_err();
        assert!(problem.contains("trailing slash"), "{problem}");
        let problem = read(&of("https://evil.example/\r\n"), false).unwrap_err();
        assert!(!problem.contains("trailing slash") && problem.contains("evil.example/\\r\\n"), "{problem}");
    }
}
