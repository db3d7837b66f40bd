//! The certificate that a client showed: who it says the client is, and until when.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Error};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::sans::San;

/// The most of a name that is kept: it goes to the log.
const MAX_NAME: usize = 256;

/// A certificate that was verified, with whose key the client signed the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    name: String,
    thumbprint: [u8; 32],
    not_after: SystemTime,
}

impl ClientCertificate {
    pub(super) fn of(der: &CertificateDer<'_>) -> Result<Self, Error> {
        let certificate = Certificate::from_der(der)?;
        let tbs = certificate.tbs_certificate();
        let not_after = UNIX_EPOCH + tbs.validity().not_after.to_unix_duration();
        Ok(Self { name: name(&certificate), thumbprint: Sha256::digest(der).into(), not_after })
    }

    /// Its first URI, else its first DNS name, address or e-mail address, else its subject; printable and cut.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The SHA-256 of the whole certificate: `x5t#S256` of RFC 8705 before it is encoded.
    pub fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }

    /// For how long it is still valid at `now`.
    pub fn remaining(&self, now: SystemTime) -> Duration {
        self.not_after.duration_since(now).unwrap_or_default()
    }
}

/// What a certificate is called in the log.
pub(super) fn name(certificate: &Certificate) -> String {
    let names = alternative_names(certificate);
    printable(&match preferred(&names) {
        Some(san) => san.to_string(),
        None => certificate.tbs_certificate().subject().to_string(),
    })
}

/// The names that it carries; none where they cannot be decoded.
pub(super) fn alternative_names(certificate: &Certificate) -> Vec<GeneralName> {
    match certificate.tbs_certificate().get_extension::<SubjectAltName>() {
        Ok(Some((_, SubjectAltName(names)))) => names,
        Ok(None) | Err(_) => Vec::new(),
    }
}

fn preferred(names: &[GeneralName]) -> Option<San> {
    let is_uri = |name: &&GeneralName| matches!(name, GeneralName::UniformResourceIdentifier(_));
    names.iter().find(is_uri).and_then(San::of).or_else(|| names.iter().find_map(San::of))
}

/// One line, and nothing in it that reorders or hides what stands beside it.
fn printable(name: &str) -> String {
    name.chars().take(MAX_NAME).flat_map(char::escape_debug).collect()
}
