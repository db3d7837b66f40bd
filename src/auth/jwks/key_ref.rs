//! How a token says which key it was signed with, and the certificate digests that keys are known by.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use serde_json::{Map, Value};

use super::encoding::octets;

/// The longest `kid` that a token or a key may have, in bytes.
pub const LONGEST_KID: usize = 256;

/// Digests of a certificate: `x5t` and `x5t#S256` (RFC 7515 sections 4.1.7 and 4.1.8, RFC 7517 sections 4.8 and 4.9).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thumbprints {
    sha1: Option<Vec<u8>>,
    sha256: Option<Vec<u8>>,
}

impl Thumbprints {
    /// The members of a token's header or of a key; what is no digest counts as absent.
    pub fn of_members(members: &Map<String, Value>) -> Self {
        let member = |name: &str, length: usize| {
            let text = members.get(name)?.as_str().filter(|text| text.len() <= LONGEST_KID)?;
            octets(text).filter(|octets| octets.len() == length)
        };
        Self { sha1: member("x5t", 20), sha256: member("x5t#S256", 32) }
    }

    pub(super) fn of_certificate(der: &[u8]) -> Self {
        let digest = |algorithm| Some(digest(algorithm, der).as_ref().to_vec());
        Self { sha1: digest(&SHA1_FOR_LEGACY_USE_ONLY), sha256: digest(&SHA256) }
    }

    /// Whether the SHA-256 of a certificate is among them.
    pub fn are_of(&self, certificate: &[u8; 32]) -> bool {
        self.sha256.as_deref() == Some(certificate.as_slice())
    }

    pub fn is_empty(&self) -> bool {
        self.sha1.is_none() && self.sha256.is_none()
    }

    /// Whether it can be told at all if both are of one certificate.
    pub(super) fn are_comparable(&self, other: &Self) -> bool {
        (self.sha256.is_some() && other.sha256.is_some()) || (self.sha1.is_some() && other.sha1.is_some())
    }

    /// Whether both are of one certificate, told by the better digest that both have.
    pub(super) fn agree(&self, other: &Self) -> bool {
        match (&self.sha256, &other.sha256) {
            (Some(left), Some(right)) => left == right,
            _ => self.sha1.is_some() && self.sha1 == other.sha1,
        }
    }
}

/// What a token says of its key. Only looked up, never fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyRef {
    Kid(String),
    /// Without a `kid`, as tokens of AD FS come.
    Certificate(Thumbprints),
    Unnamed,
}

impl KeyRef {
    /// What it is told apart by; `None` when nothing is named that could be unknown.
    pub(super) fn name(&self) -> Option<&[u8]> {
        match self {
            Self::Kid(kid) => Some(kid.as_bytes()),
            Self::Certificate(thumbprints) => thumbprints.sha256.as_deref().or(thumbprints.sha1.as_deref()),
            Self::Unnamed => None,
        }
    }

    /// For a log line.
    pub fn text(&self) -> &str {
        match self {
            Self::Kid(kid) => kid,
            Self::Certificate(_) => "(by the thumbprint of its certificate)",
            Self::Unnamed => "(none)",
        }
    }
}
