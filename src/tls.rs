//! TLS for the listeners (rustls): one certificate, optionally a CA that clients must have theirs from, both replaced
//! while connections are open.
//!
//! Invariants:
//! - TLS 1.2 and 1.3, HTTP/1.1 only (ALPN); no session is ever resumed, so nothing of a session is kept and every
//!   connection is judged by the client CA in force when it was made.
//! - With a client CA, nobody without a certificate from it gets past the handshake.
//! - A replacement is whole or not at all: what does not fit together leaves everything as it was.
//!
//! - Connections that were let in by other client CAs than those in force learn of it ([`Acceptor::authorities`]).
//!
//! This module does not watch files and knows nothing of HTTP.

pub mod client;
pub mod error;
pub mod offer;
pub mod pem;
pub mod sans;
mod verifier;

use std::io;
use std::str::FromStr;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::secret::{Fingerprint, Live};
use client::ClientCertificate;
use error::{Fault, HandshakeError, TlsError};
use offer::Offer;
use pem::Pem;
use sans::AllowedSans;
use verifier::{SHOWN, Verifier};

/// How long a client may take for its handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What is said of a served certificate that no client will accept; it is served all the same.
pub const HAS_EXPIRED: &str = "names a certificate that has expired, which clients will not accept";

/// What holds whatever the files say.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    pub min_version: MinVersion,
    /// `None` lets in every certificate of the client CAs.
    pub allowed_sans: Option<AllowedSans>,
    pub offer: Offer,
}

/// The oldest version that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinVersion {
    #[default]
    Tls12,
    Tls13,
}

impl FromStr for MinVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "1.2" => Ok(Self::Tls12),
            "1.3" => Ok(Self::Tls13),
            _ => Err(format!("has {text:?}; it must be 1.2 or 1.3")),
        }
    }
}

/// Makes TLS of accepted connections. A clone shares the certificate in force.
#[derive(Clone)]
pub struct Acceptor {
    current: Arc<Live<Current>>,
    policy: Arc<Policy>,
    expiry: Gauge<i64, AtomicI64>,
    authorities: Arc<watch::Sender<u64>>,
}

/// What new connections get.
struct Current {
    acceptor: TlsAcceptor,
    client_ca: Option<Fingerprint>,
}

/// A connection that became TLS.
#[derive(Debug)]
pub struct Accepted<S> {
    pub stream: TlsStream<S>,
    /// What the client showed; `None` where no client is asked for one.
    pub certificate: Option<ClientCertificate>,
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptor")
    }
}

impl Acceptor {
    /// # Errors
    /// Names the file that does not hold what it should, or the key that does not fit the certificate.
    pub fn new(pem: &Pem, policy: Policy) -> Result<Self, TlsError> {
        let (current, expiry) = configure(pem, &policy)?;
        let gauge = Gauge::default();
        gauge.set(expiry);
        let (authorities, _) = watch::channel(0);
        Ok(Self {
            current: Arc::new(Live::new(current)),
            policy: Arc::new(policy),
            expiry: gauge,
            authorities: Arc::new(authorities),
        })
    }

    /// Puts `pem` in force for new connections. Those that are open go on as they are, but are told when the client CAs
    /// are others.
    ///
    /// # Errors
    /// As [`Acceptor::new`]; what was in force stays so.
    pub fn replace(&self, pem: &Pem) -> Result<(), TlsError> {
        let (current, expiry) = configure(pem, &self.policy)?;
        let is_other_ca = current.client_ca != self.current.current().client_ca;
        self.current.replace(current);
        self.expiry.set(expiry);
        if is_other_ca {
            // Only now: who looked before this has seen the new ones, or learns of them.
            self.authorities.send_modify(|number| *number += 1);
        }
        Ok(())
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Changes when the client CAs do.
    pub fn authorities(&self) -> watch::Receiver<u64> {
        self.authorities.subscribe()
    }

    /// Shakes hands over an accepted connection.
    ///
    /// # Errors
    /// When the client is too slow, offers nothing that we do, or has no certificate where one is asked for.
    pub async fn accept<S>(&self, stream: S) -> Result<Accepted<S>, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let current = self.current.current();
        let shown = Arc::new(OnceLock::new());
        let handshake = SHOWN.scope(Arc::clone(&shown), current.acceptor.accept(stream));
        let failed = |error| HandshakeError::Failed { error, certificate: shown.get().cloned() };
        let stream = match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
            Ok(outcome) => outcome.map_err(failed)?,
            Err(_) => return Err(HandshakeError::TimedOut),
        };
        let chain = stream.get_ref().1.peer_certificates();
        let certificate = chain.and_then(<[_]>::first).map(ClientCertificate::of).transpose();
        let undecodable = |error| failed(io::Error::new(io::ErrorKind::InvalidData, error));
        let certificate = certificate.map_err(undecodable)?;
        Ok(Accepted { stream, certificate })
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

/// What new connections get, and when its first certificate expires.
fn configure(pem: &Pem, policy: &Policy) -> Result<(Current, i64), TlsError> {
    let mut provider = aws_lc_rs::default_provider();
    policy.offer.restrict(&mut provider);
    let provider = Arc::new(provider);
    let chain = pem.chain()?;
    let expiry = pem.expiry(&chain)?;
    let key = certified_key(pem, chain, pem.key()?, &provider)?;
    let versions: &[_] = match policy.min_version {
        MinVersion::Tls12 => &[&TLS13, &TLS12],
        MinVersion::Tls13 => &[&TLS13],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| TlsError::certificate(pem, Fault::Unusable(error)))?;
    let builder = match pem.client_ca()? {
        None => builder.with_no_client_auth(),
        Some(authorities) => {
            let allowed = policy.allowed_sans.clone();
            builder.with_client_cert_verifier(Arc::new(client_verifier(pem, authorities, allowed, provider)?))
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A scraper connects once and keeps the connection; resuming would only let a client past a CA that was replaced
    // or a certificate that expired since.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Ok((Current { acceptor, client_ca: pem.client_ca_fingerprint() }, expiry))
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
    authorities: Vec<CertificateDer<'static>>,
    allowed: Option<AllowedSans>,
    provider: Arc<CryptoProvider>,
) -> Result<Verifier, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in &authorities {
        roots.add(certificate.clone()).map_err(|error| TlsError::client_ca(pem, Fault::Unusable(error)))?;
    }
    let algorithms = provider.signature_verification_algorithms;
    let webpki = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|_| TlsError::client_ca(pem, Fault::NoCertificate))?;
    Ok(Verifier::new(webpki, algorithms, authorities, allowed))
}

#[cfg(test)]
mod tests;
