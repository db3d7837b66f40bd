//! TLS for the listeners (rustls): one certificate, optionally a CA that clients must have theirs from, both replaced
//! while connections are open.
//!
//! Invariants:
//! - TLS 1.2 and 1.3, HTTP/1.1 only (ALPN); no session is ever resumed, so nothing of a session is kept and every
//!   connection is judged by the client CA in force when it was made.
//! - With a client CA, nobody without a certificate from it gets past the handshake.
//! - A replacement is whole or not at all: what does not fit together leaves everything as it was.
//!
//! This module does not watch files, knows nothing of HTTP and draws no identity from a client's certificate.

pub mod error;
pub mod pem;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::secret::Live;
use error::{Fault, HandshakeError, TlsError};
use pem::Pem;

/// How long a client may take for its handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes TLS of accepted connections. A clone shares the certificate in force.
#[derive(Clone)]
pub struct Acceptor {
    current: Arc<Live<TlsAcceptor>>,
    expiry: Gauge<i64, AtomicI64>,
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptor")
    }
}

impl Acceptor {
    /// # Errors
    /// Names the file that does not hold what it should, or the key that does not fit the certificate.
    pub fn new(pem: &Pem) -> Result<Self, TlsError> {
        let (config, expiry) = configure(pem)?;
        let gauge = Gauge::default();
        gauge.set(expiry);
        Ok(Self { current: Arc::new(Live::new(TlsAcceptor::from(config))), expiry: gauge })
    }

    /// Puts `pem` in force for new connections; those that are open go on as they are.
    ///
    /// # Errors
    /// As [`Acceptor::new`]; what was in force stays so.
    pub fn replace(&self, pem: &Pem) -> Result<(), TlsError> {
        let (config, expiry) = configure(pem)?;
        self.current.replace(TlsAcceptor::from(config));
        self.expiry.set(expiry);
        Ok(())
    }

    /// Shakes hands over an accepted connection.
    ///
    /// # Errors
    /// When the client is too slow, offers nothing that we do, or has no certificate where one is asked for.
    pub async fn accept<S>(&self, stream: S) -> Result<TlsStream<S>, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = self.current.current();
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
            Ok(outcome) => outcome.map_err(HandshakeError::Failed),
            Err(_) => Err(HandshakeError::TimedOut),
        }
    }

    /// Whether some certificate of the chain in force has expired at `now`: clients will not accept it, which is worth
    /// a warning; it is served all the same.
    pub fn has_expired(&self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
        self.not_after() < i64::try_from(now).unwrap_or(i64::MAX)
    }

    /// When the first certificate of the chain in force expires, in seconds since 1970.
    pub fn not_after(&self) -> i64 {
        self.expiry.get()
    }

    /// Registers `librechat_exporter_tls_certificate_expiry_timestamp_seconds`.
    pub fn register(&self, registry: &mut Registry) {
        let help = "When the first certificate of the served chain expires, in Unix time";
        registry.register_with_unit(
            "tls_certificate_expiry_timestamp",
            help,
            Unit::Seconds,
            self.expiry.clone(),
        );
    }
}

/// The configuration for new connections, and when its first certificate expires.
fn configure(pem: &Pem) -> Result<(Arc<ServerConfig>, i64), TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let chain = pem.chain()?;
    let expiry = pem.expiry(&chain)?;
    let key = certified_key(pem, chain, pem.key()?, &provider)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| TlsError::certificate(pem, Fault::Unusable(error)))?;
    let builder = match pem.client_ca()? {
        None => builder.with_no_client_auth(),
        Some(roots) => builder.with_client_cert_verifier(client_verifier(pem, roots, provider)?),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A scraper connects once and keeps the connection; resuming would only let a client past a CA that was replaced
    // or a certificate that expired since.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok((Arc::new(config), expiry))
}

fn certified_key(
    pem: &Pem,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let key =
        provider.key_provider.load_private_key(key).map_err(|_| TlsError::key(pem, Fault::KeyUnusable))?;
    let key = CertifiedKey::new(chain, key);
    match key.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(key),
        Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::mismatch(pem)),
        Err(error) => Err(TlsError::certificate(pem, Fault::Unusable(error))),
    }
}

fn client_verifier(
    pem: &Pem,
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|_| TlsError::client_ca(pem, Fault::NoCertificate))
}

#[cfg(test)]
mod tests;
