//! One document over HTTP: bounded in size, never redirected.
//!
//! Invariants: at most [`LARGEST_BODY`] bytes *after* decompression are read; a redirect is an error, because a document
//! from elsewhere is not the issuer's word (and could be asked of the inner network); nothing that a token names is
//! ever fetched. The time is bounded by the caller, for everything that one refresh does.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use reqwest::{Certificate, Client, redirect};

use super::endpoint::Endpoint;
use crate::auth::clock::WallClock;

pub const LARGEST_BODY: usize = 1024 * 1024;

/// Why keys could not be fetched. Shows hosts and paths, never queries.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("no answer within {} s", .0.as_secs())]
    Deadline(Duration),
    #[error("{endpoint} cannot be reached: {cause}")]
    Unreachable { endpoint: Endpoint, cause: String },
    #[error("{endpoint} answered {status}")]
    Status { endpoint: Endpoint, status: StatusCode, retry_after: Option<Duration> },
    #[error("{endpoint} answered with more than 1 MiB")]
    TooLarge { endpoint: Endpoint },
    #[error("the document of {endpoint} {problem}")]
    Unusable { endpoint: Endpoint, problem: String },
}

impl FetchError {
    /// How long the issuer asks us to stay away (RFC 9110 section 10.2.3).
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// An HTTP client that trusts the system's certificate authorities and, if given, some more.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: Client,
    clock: WallClock,
}

impl Fetcher {
    /// `authorities` is PEM, the text of `METRICS_OAUTH2_CA_FILE`.
    ///
    /// # Errors
    /// What is wrong with `authorities`, or that TLS cannot be set up at all.
    pub fn new(authorities: Option<&[u8]>, clock: WallClock) -> Result<Self, String> {
        let authorities = authorities.map_or(Ok(Vec::new()), certificates)?;
        let client = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            // The environment is read in one place only, and that is not here.
            .no_proxy()
            // Fetches are minutes apart: a kept connection would be dead by the next.
            .pool_max_idle_per_host(0)
            .tls_certs_merge(authorities)
            .build()
            .map_err(|error| format!("cannot be used for TLS: {}", causes(&error)))?;
        Ok(Self { client, clock })
    }

    /// # Errors
    /// Anything but a whole document with status 200. The content type is not looked at: many issuers get it wrong.
    pub async fn get(&self, endpoint: &Endpoint) -> Result<Vec<u8>, FetchError> {
        let unreachable = |error: reqwest::Error| FetchError::Unreachable {
            endpoint: endpoint.clone(),
            cause: causes(&error.without_url()),
        };
        let request =
            self.client.get(endpoint.url().clone()).header(header::ACCEPT, "application/json, */*;q=0.5");
        let mut response = request.send().await.map_err(unreachable)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status {
                endpoint: endpoint.clone(),
                status: response.status(),
                retry_after: retry_after(response.headers(), self.clock.now()),
            });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > LARGEST_BODY {
                return Err(FetchError::TooLarge { endpoint: endpoint.clone() });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, String> {
    let certificates = Certificate::from_pem_bundle(pem).unwrap_or_default();
    if certificates.is_empty() {
        return Err("holds no certificate in PEM form".into());
    }
    Ok(certificates)
}

/// An error with what caused it: the outermost one of an HTTP client says next to nothing.
fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Seconds or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    value
        .parse()
        .map(Duration::from_secs)
        .ok()
        .or_else(|| httpdate::parse_http_date(value).ok()?.duration_since(now).ok())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn row_180_retry_after_is_read_as_seconds_and_as_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777 - 30);
        let cases = [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
            ("Sun, 06 Nov 1984 08:49:37 GMT", None),
            ("-1", None),
            ("soon", None),
            ("99999999999999999999999", None),
        ];
        for (value, seconds) in cases {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn row_189_a_file_without_certificates_is_refused() {
        let clock = WallClock::new(|| UNIX_EPOCH);
        for pem in [&b""[..], b"not pem", b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"] {
            let error = Fetcher::new(Some(pem), clock.clone()).unwrap_err();
            assert_eq!(error, "holds no certificate in PEM form");
        }
    }
}
