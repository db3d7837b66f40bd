//! Values that must never be seen: held in memory that is zeroed on drop, compared in constant time.
//!
//! Invariants: no `Display`, no `Serialize`, a `Debug` that says `[redacted]`; comparison takes the same time whatever
//! differs, the length included, because digests are compared instead of texts.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// One secret text: a token, a password, a connection string with credentials.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself: for handing to a library that needs it, never for printing.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether `candidate` is this secret, in a time that tells nothing about either.
    pub fn matches(&self, candidate: &[u8]) -> Choice {
        Fingerprint::of(self.expose().as_bytes()).matches(&Fingerprint::of(candidate))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// SHA-256 of a secret: what is compared, so that the time taken does not depend on where or how texts differ.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of several parts under a key of this process, so that the fingerprint tells nothing to who does not hold the key.
    /// Each part is led by its length: no two lists of parts give the same bytes (CVE-2022-46146 joined them instead).
    pub fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> Self {
        let digest = parts.iter().fold(Sha256::new().chain_update(key), |digest, part| {
            digest.chain_update(part.len().to_be_bytes()).chain_update(part)
        });
        Self(digest.finalize().into())
    }

    pub fn matches(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[fingerprint]")
    }
}

/// A value that a reload may replace while others read it: readers take the current one and keep it.
#[derive(Debug)]
pub struct Live<T>(RwLock<Arc<T>>);

impl<T> Live<T> {
    pub fn new(value: T) -> Self {
        Self(RwLock::new(Arc::new(value)))
    }

    pub fn current(&self) -> Arc<T> {
        // A poisoned lock still holds a whole value: replacing is one assignment.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn replace(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_text() {
        let secret = Secret::new("hunter2-hunter2");
        assert_eq!(
            format!("{secret:?} {:?}", Fingerprint::of(b"hunter2-hunter2")),
            "[redacted] [fingerprint]"
        );
    }

    #[test]
    fn keyed_fingerprints_depend_on_the_key_and_on_where_the_parts_end() {
        let of = |key: u8, parts: &[&[u8]]| Fingerprint::keyed(&[key; 32], parts);
        assert_eq!(of(1, &[b"ab", b"c"]), of(1, &[b"ab", b"c"]));
        for parts in [&[b"a".as_slice(), b"bc"] as &[&[u8]], &[b"abc", b""], &[b"abc"], &[b"ab", b"c", b""]] {
            assert_ne!(of(1, &[b"ab", b"c"]), of(1, parts), "{parts:?}");
        }
        assert_ne!(of(1, &[b"ab", b"c"]), of(2, &[b"ab", b"c"]));
    }

    #[test]
    fn matches_the_same_bytes_only() {
        let secret = Secret::new("p\u{e4}ss");
        let cases: [(&[u8], bool); 5] = [
            ("p\u{e4}ss".as_bytes(), true),
            (b"p\xe4ss", false),
            (b"", false),
            ("p\u{e4}s".as_bytes(), false),
            ("p\u{e4}ss ".as_bytes(), false),
        ];
        for (candidate, expected) in cases {
            assert_eq!(bool::from(secret.matches(candidate)), expected, "{candidate:?}");
        }
    }
}
