//! The files that TLS needs, read together, and what is in them.
//!
//! Reading does not judge: it gives the bytes, whose digest tells a change; the parts are decoded when asked for.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretBox};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::error::{Fault, TlsError};
use crate::secret::Fingerprint;
use crate::secret::file::{self, Content, Contents};

pub const CERTIFICATE: &str = "TLS_CERT_FILE";
pub const KEY: &str = "TLS_KEY_FILE";
pub const CLIENT_CA: &str = "TLS_CLIENT_CA_FILE";

/// The most that a file may hold, in bytes: bundles of CAs are larger than secrets.
const LIMIT: usize = 1024 * 1024;

/// Where the certificate chain (the server's own first), its private key and the client CA lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// `TLS_CERT_FILE`
    pub cert: PathBuf,
    /// `TLS_KEY_FILE`
    pub key: PathBuf,
    /// `TLS_CLIENT_CA_FILE`; without it, clients need no certificate.
    pub client_ca: Option<PathBuf>,
}

impl Files {
    /// # Errors
    /// Names the first file that cannot be read, and its variable.
    pub fn read(&self) -> Result<Pem, TlsError> {
        let read = |variable, path: &Path| {
            file::read(path, LIMIT).map_err(|error| TlsError::File { variable, error })
        };
        Ok(Pem {
            cert: read(CERTIFICATE, &self.cert)?,
            key: read(KEY, &self.key)?,
            client_ca: self.client_ca.as_deref().map(|path| read(CLIENT_CA, path)).transpose()?,
            files: self.clone(),
        })
    }

    /// What deserves a warning about who may do what with them, each with its variable.
    pub fn remarks(&self) -> Vec<(&'static str, &'static str)> {
        let client_ca = self.client_ca.as_deref().map(|path| (CLIENT_CA, path, Contents::Public));
        let files = [
            (CERTIFICATE, self.cert.as_path(), Contents::Public),
            (KEY, self.key.as_path(), Contents::Secret),
        ];
        let all = files.into_iter().chain(client_ca);
        all.flat_map(|(variable, path, contents)| {
            file::remarks(path, contents).map(move |remark| (variable, remark))
        })
        .collect()
    }
}

/// The contents of all [`Files`] at one time.
#[derive(Debug)]
pub struct Pem {
    cert: SecretBox<Vec<u8>>,
    key: SecretBox<Vec<u8>>,
    client_ca: Option<SecretBox<Vec<u8>>>,
    files: Files,
}

impl Content for Pem {
    fn fingerprint(&self) -> Fingerprint {
        let parts = [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()];
        Fingerprint::of_parts(parts.into_iter().flatten().map(|part| part.expose_secret().as_slice()))
    }
}

impl Pem {
    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// The certificate chain; never empty.
    pub(super) fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        certificates(self.cert.expose_secret()).map_err(|fault| TlsError::certificate(self, fault))
    }

    /// The earliest `notAfter` of a chain (RFC 5280 section 4.1.2.5), in seconds since 1970.
    pub(super) fn expiry(&self, chain: &[CertificateDer<'_>]) -> Result<i64, TlsError> {
        let ends = chain.iter().map(not_after).collect::<Option<Vec<_>>>();
        ends.and_then(|ends| ends.into_iter().min())
            .ok_or_else(|| TlsError::certificate(self, Fault::Undecodable))
    }

    /// The first private key.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let bytes = self.key.expose_secret();
        PrivateKeyDer::from_pem_slice(bytes).map_err(|error| {
            let fault = match error {
                _ if is_encrypted(bytes) => Fault::KeyEncrypted,
                PemError::NoItemsFound => Fault::NoKey,
                _ => Fault::Damaged,
            };
            TlsError::key(self, fault)
        })
    }

    /// The certificates of the client CAs; never an empty list.
    pub(super) fn client_ca(&self) -> Result<Option<Vec<CertificateDer<'static>>>, TlsError> {
        let Some(bytes) = &self.client_ca else { return Ok(None) };
        certificates(bytes.expose_secret()).map(Some).map_err(|fault| TlsError::client_ca(self, fault))
    }

    /// Tells one set of client CAs from another.
    pub(super) fn client_ca_fingerprint(&self) -> Option<Fingerprint> {
        self.client_ca.as_ref().map(|bytes| Fingerprint::of(bytes.expose_secret()))
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => Err(Fault::NoCertificate),
        Ok(certificates) => Ok(certificates),
        Err(_) => Err(Fault::Damaged),
    }
}

fn not_after(certificate: &CertificateDer<'_>) -> Option<i64> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let end = certificate.tbs_certificate().validity().not_after.to_unix_duration();
    i64::try_from(end.as_secs()).ok()
}

/// `ENCRYPTED PRIVATE KEY` (RFC 7468 section 11), or `Proc-Type: 4,ENCRYPTED` (RFC 1421 section 4.6.1.1).
fn is_encrypted(pem: &[u8]) -> bool {
    pem.windows(9).any(|window| window == b"ENCRYPTED")
}
