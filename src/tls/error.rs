//! What can be wrong with the files, each naming its variable and its path, and with a handshake.
//!
//! No text shows anything of a file's contents: errors of the PEM and key parsers quote what they choke on, so they are
//! replaced.

use std::io;
use std::path::Path;

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

/// Why a connection did not become TLS. Clients cause these at will: log them at debug level.
#[derive(Debug, Error)]
pub enum HandshakeError {
    #[error("the client took too long over the TLS handshake")]
    TimedOut,
    #[error("the TLS handshake failed: {0}")]
    Failed(#[source] io::Error),
}
