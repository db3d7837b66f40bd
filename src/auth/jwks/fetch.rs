//! One document over HTTP: bounded in size, never redirected.
//!
//! Invariants: at most [`LARGEST_BODY`] bytes *after* decompression are read; a redirect is an error, because a document
//! from elsewhere is not the issuer's word (and could be asked of the inner network); nothing that a token names is
//! ever fetched. The time is bounded by the caller, for everything that one refresh does.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use reqwest::{Client, redirect};

use super::endpoint::Endpoint;
use super::issuer::Discovery;
use super::proxy::Proxies;
use super::set::Unusable;
use super::trust;
use crate::auth::clock::WallClock;
use crate::secret::{Live, Secret};

pub const LARGEST_BODY: usize = 1024 * 1024;

/// Why keys could not be fetched. Shows hosts and paths, never queries.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("no answer within {} s", .0.as_secs())]
    Deadline(Duration),
    #[error("{endpoint} cannot be reached: {cause}")]
    Unreachable { endpoint: Endpoint, cause: String },
    #[error("{endpoint} answered {status}{}", unsent(*.without_token))]
    Status {
        endpoint: Endpoint,
        status: StatusCode,
        retry_after: Option<Duration>,
        /// There is a token for the issuer, and it was not sent there.
        without_token: bool,
    },
    #[error("{endpoint} answered with more than 1 MiB")]
    TooLarge { endpoint: Endpoint },
    #[error("the document of {endpoint} {reason}")]
    Unusable { endpoint: Endpoint, reason: Box<Unusable> },
    #[error("neither {} nor {} exists (404): METRICS_OAUTH2_JWKS_URI can name the keys directly", .0.openid, .0.oauth)]
    NoMetadata(Box<Discovery>),
}

fn unsent(without_token: bool) -> &'static str {
    if without_token {
        "; the token of METRICS_OAUTH2_JWKS_BEARER_TOKEN_FILE is not sent to this host: METRICS_OAUTH2_JWKS_URI has \
         to name it"
    } else {
        ""
    }
}

impl FetchError {
    /// How long the issuer asks us to stay away (RFC 9110 section 10.2.3).
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// A document that was fetched and holds nothing to use.
    pub(super) fn unusable(endpoint: Endpoint, unusable: Unusable) -> Self {
        Self::Unusable { endpoint, reason: Box::new(unusable) }
    }
}

/// An HTTP client that trusts the system's certificate authorities and, if given, some more. Clones are one client.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: Arc<Live<Client>>,
    proxies: Arc<Proxies>,
    token: Option<Token>,
    clock: WallClock,
}

/// What the issuer wants to see before it shows its keys (`METRICS_OAUTH2_JWKS_BEARER_TOKEN_FILE`).
#[derive(Clone, Debug)]
struct Token {
    secret: Arc<Live<Secret>>,
    host: Endpoint,
}

impl Fetcher {
    /// `authorities` is PEM, the text of `METRICS_OAUTH2_CA_FILE`.
    ///
    /// # Errors
    /// What is wrong with `authorities`, or that TLS cannot be set up at all.
    pub fn new(authorities: Option<&[u8]>, proxies: Proxies, clock: WallClock) -> Result<Self, String> {
        let proxies = Arc::new(proxies);
        let client = Arc::new(Live::new(client(authorities, &proxies)?));
        Ok(Self { client, proxies, token: None, clock })
    }

    /// Sends a token to the host of `host`, and nowhere else.
    #[must_use]
    pub fn with_token(self, secret: Arc<Live<Secret>>, host: Endpoint) -> Self {
        Self { token: Some(Token { secret, host }), ..self }
    }

    /// Puts other authorities in the place of the given ones.
    ///
    /// # Errors
    /// What is wrong with them; the old ones stay.
    pub fn trust(&self, authorities: &[u8]) -> Result<(), String> {
        self.client.replace(client(Some(authorities), &self.proxies)?);
        Ok(())
    }

    /// # Errors
    /// Anything but a whole document with status 200. The content type is not looked at: many issuers get it wrong.
    pub async fn get(&self, endpoint: &Endpoint) -> Result<Vec<u8>, FetchError> {
        let unreachable = |error: reqwest::Error| FetchError::Unreachable {
            endpoint: endpoint.clone(),
            cause: causes(&error.without_url()),
        };
        let client = self.client.current();
        let mut request =
            client.get(endpoint.url().clone()).header(header::ACCEPT, "application/json, */*;q=0.5");
        let token =
            self.token.as_ref().filter(|token| endpoint.is_beside(&token.host) && endpoint.is_secure());
        if let Some(token) = token {
            // The header is marked as sensitive by the library.
            request = request.bearer_auth(token.secret.current().expose());
        }
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if status != StatusCode::OK {
            let wants_token = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            return Err(FetchError::Status {
                endpoint: endpoint.clone(),
                status,
                retry_after: retry_after(response.headers(), self.clock.now()),
                without_token: wants_token && self.token.is_some() && token.is_none(),
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

fn client(authorities: Option<&[u8]>, proxies: &Proxies) -> Result<Client, String> {
    let builder = Client::builder()
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        // The environment is read in one place only, and that is not here.
        .no_proxy()
        // Fetches are minutes apart: a kept connection would be dead by the next.
        .pool_max_idle_per_host(0)
        .tls_backend_preconfigured(trust::client_config(authorities)?);
    let builder = proxies.iter().fold(builder, reqwest::ClientBuilder::proxy);
    builder.build().map_err(|error| format!("cannot be used for TLS: {}", causes(&error)))
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
            let error = Fetcher::new(Some(pem), Proxies::default(), clock.clone()).unwrap_err();
            assert_eq!(error, "holds no certificate in PEM form");
        }
    }
}
