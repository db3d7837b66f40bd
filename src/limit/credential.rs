//! What somebody showed, as tables may remember it.

use crate::secret::Fingerprint;

/// A part of a keyed digest: enough to tell one credential from another, too little to tell what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credential(u64);

impl From<Fingerprint> for Credential {
    fn from(digest: Fingerprint) -> Self {
        Self(digest.short())
    }
}
