//! What can be wrong with the files, each naming its variable and its path, and with a handshake.
//!
//! No text shows anything of a file's contents: errors of the PEM and key parsers quote what they choke on, so they are
//! replaced.

use std::io;
use std::path::Path;

use rustls::CertificateError;
use thiserror::Error;

use super::pem::{CERTIFICATE, CLIENT_CA, KEY, Pem};
use crate::secret::file::{FileError, shown};

/// Why the files cannot be served with.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("{variable} {error}")]
    File { variable: &'static str, error: FileError },
    #[error("{variable} names {path}, which {fault}")]
    Contents { variable: &'static str, path: String, fault: Fault },
}

/// What is wrong with the contents of a file.
#[derive(Debug, Error)]
pub enum Fault {
    #[error("holds no certificate in PEM form")]
    NoCertificate,
    #[error("holds a PEM section that is damaged")]
    Damaged,
    #[error("holds a certificate that cannot be used: {0}")]
    Unusable(rustls::Error),
    #[error("holds a certificate that cannot be decoded")]
    Undecodable,
    #[error("holds no private key in PEM form (PKCS#8, PKCS#1 or SEC1)")]
    NoKey,
    #[error("holds a private key that is encrypted; give it without a passphrase")]
    KeyEncrypted,
    #[error("holds a private key of a kind that is not supported, or a damaged one")]
    KeyUnusable,
    #[error("holds a private key that does not fit the first certificate in {certificate}")]
    KeyMismatch { certificate: String },
}

impl TlsError {
    pub(super) fn certificate(pem: &Pem, fault: Fault) -> Self {
        Self::contents(CERTIFICATE, &pem.files().cert, fault)
    }

    pub(super) fn key(pem: &Pem, fault: Fault) -> Self {
        Self::contents(KEY, &pem.files().key, fault)
    }

    pub(super) fn mismatch(pem: &Pem) -> Self {
        Self::key(pem, Fault::KeyMismatch { certificate: shown(&pem.files().cert) })
    }

    pub(super) fn client_ca(pem: &Pem, fault: Fault) -> Self {
        let path = pem.files().client_ca.as_deref().unwrap_or(Path::new(""));
        Self::contents(CLIENT_CA, path, fault)
    }

    fn contents(variable: &'static str, path: &Path, fault: Fault) -> Self {
        Self::Contents { variable, path: shown(path), fault }
    }
}

/// Why a connection did not become TLS.
#[derive(Debug, Error)]
pub enum HandshakeError {
    #[error("the client took too long over the TLS handshake")]
    TimedOut,
    #[error("the TLS handshake failed: {}", told(.error))]
    Failed {
        #[source]
        error: io::Error,
        /// Whose certificate the client showed, as far as it came to that.
        certificate: Option<String>,
    },
}

fn told(error: &io::Error) -> String {
    match certificate_error(error) {
        Some(CertificateError::ApplicationVerificationFailure) => {
            "none of the names in the client's certificate is in TLS_CLIENT_ALLOWED_SANS".into()
        }
        _ => error.to_string(),
    }
}

fn certificate_error(error: &io::Error) -> Option<&CertificateError> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::InvalidCertificate(error) => Some(error),
        _ => None,
    }
}

/// The kinds of such failures: labels of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Too slow.
    Timeout,
    /// The connection ended in the middle of the handshake.
    Closed,
    /// What came is no TLS: plain HTTP, say.
    NotTls,
    /// No version, cipher suite or protocol in common.
    Incompatible,
    /// The client does not accept our certificate.
    RefusedByClient,
    /// The client has no certificate.
    NoCertificate,
    /// Its certificate is of no authority of `TLS_CLIENT_CA_FILE`.
    UnknownAuthority,
    /// Its certificate has expired.
    Expired,
    /// Its certificate is not valid yet.
    NotYetValid,
    /// Its certificate has none of the names of `TLS_CLIENT_ALLOWED_SANS`.
    NameNotAllowed,
    /// Its certificate is not for clients.
    WrongPurpose,
    /// Anything else about its certificate.
    InvalidCertificate,
    Other,
}

impl Reason {
    pub const ALL: [Self; 13] = [
        Self::Timeout,
        Self::Closed,
        Self::NotTls,
        Self::Incompatible,
        Self::RefusedByClient,
        Self::NoCertificate,
        Self::UnknownAuthority,
        Self::Expired,
        Self::NotYetValid,
        Self::NameNotAllowed,
        Self::WrongPurpose,
        Self::InvalidCertificate,
        Self::Other,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::NotTls => "not_tls",
            Self::Incompatible => "incompatible",
            Self::RefusedByClient => "refused_by_client",
            Self::NoCertificate => "no_certificate",
            Self::UnknownAuthority => "unknown_authority",
            Self::Expired => "certificate_expired",
            Self::NotYetValid => "certificate_not_yet_valid",
            Self::NameNotAllowed => "name_not_allowed",
            Self::WrongPurpose => "wrong_purpose",
            Self::InvalidCertificate => "invalid_certificate",
            Self::Other => "other",
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::UnknownIssuer => Self::UnknownAuthority,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::ApplicationVerificationFailure => Self::NameNotAllowed,
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::WrongPurpose
            }
            _ => Self::InvalidCertificate,
        }
    }
}

impl HandshakeError {
    /// The name in the client's certificate, which need not be true.
    pub fn certificate(&self) -> Option<&str> {
        match self {
            Self::TimedOut => None,
            Self::Failed { certificate, .. } => certificate.as_deref(),
        }
    }

    pub fn reason(&self) -> Reason {
        let error = match self {
            Self::TimedOut => return Reason::Timeout,
            Self::Failed { error, .. } => error,
        };
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::NoCertificatesPresented) => Reason::NoCertificate,
            Some(rustls::Error::InvalidCertificate(error)) => Reason::of_certificate(error),
            Some(rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol) => {
                Reason::Incompatible
            }
            Some(rustls::Error::InvalidMessage(_)) => Reason::NotTls,
            Some(rustls::Error::AlertReceived(_)) => Reason::RefusedByClient,
            Some(_) => Reason::Other,
            None if error.kind() == io::ErrorKind::TimedOut => Reason::Timeout,
            None => Reason::Closed,
        }
    }
}
