//! Values that must never be seen: held in memory that is zeroed on drop, compared in constant time.
//!
//! Invariants: no `Display`, no `Serialize`, a `Debug` that says `[redacted]`; comparison takes the same time whatever
//! differs, the length included, because digests are compared instead of texts.

pub mod file;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rand::TryRng as _;
use rand::rngs::SysRng;
use secrecy::{ExposeSecret, SecretBox, SecretString};
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

/// Whether a text is in quotation marks, as `docker --env-file` and lists in Compose leave them in a value. No secret,
/// address or path is meant to have them.
pub fn is_quoted(text: &str) -> bool {
    const PAIRS: [(char, char); 5] =
        [('"', '"'), ('\'', '\''), ('`', '`'), ('\u{201c}', '\u{201d}'), ('\u{2018}', '\u{2019}')];
    let text = text.trim();
    let between = |(open, close)| text.strip_prefix(open).is_some_and(|rest| rest.ends_with(close));
    PAIRS.into_iter().any(between)
}

/// What is said of it, behind the name of a variable.
pub const QUOTED: &str =
    "has quotation marks around its value, which belong to it where no shell takes them off: take them out";

/// SHA-256 of a secret: what is compared, so that the time taken does not depend on where or how texts differ.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The fingerprint of several texts in this order; where one ends and the next begins counts.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let digests =
            parts.into_iter().fold(Sha256::new(), |all, part| all.chain_update(Sha256::digest(part)));
        Self(digests.finalize().into())
    }

    /// Of several parts under a key of this process, so that it tells nothing to who does not hold the key. No two lists
    /// of parts have the same one (CVE-2022-46146 joined them instead).
    pub fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> Self {
        Self::of_parts([key.as_slice()].into_iter().chain(parts.iter().copied()))
    }

    pub fn matches(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }

    /// Its first eight bytes, for tables that need no more.
    pub fn short(&self) -> u64 {
        self.0.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }
}

/// A key of this process for digests that are remembered.
#[derive(Debug)]
pub struct DigestKey(SecretBox<[u8; 32]>);

impl DigestKey {
    /// # Errors
    /// The system has no randomness.
    pub fn new() -> Result<Self, &'static str> {
        let mut key = Box::new([0; 32]);
        SysRng.try_fill_bytes(key.as_mut()).map_err(|_| "the system has no randomness")?;
        Ok(Self(SecretBox::new(key)))
    }

    /// The digest of several texts in this order.
    pub fn digest(&self, parts: &[&[u8]]) -> Fingerprint {
        Fingerprint::keyed(self.0.expose_secret(), parts)
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
    fn knows_a_value_in_quotation_marks() {
        for text in ["\"a\"", "'a'", "`a`", " 'a' ", "\"\"", "\u{201c}a\u{201d}", "'a' b 'c'"] {
            assert!(is_quoted(text), "{text}");
        }
        for text in ["a", "", "\"", "'", "it's", "\"a", "a\"", "'a\""] {
            assert!(!is_quoted(text), "{text}");
        }
    }

    #[test]
    fn the_fingerprint_of_parts_knows_their_bounds_and_their_order() {
        let whole = Fingerprint::of_parts([b"ab".as_slice(), b"c"]);
        assert_eq!(whole, Fingerprint::of_parts([b"ab".as_slice(), b"c"]));
        assert_ne!(whole, Fingerprint::of_parts([b"a".as_slice(), b"bc"]));
        assert_ne!(whole, Fingerprint::of_parts([b"c".as_slice(), b"ab"]));
        assert_ne!(whole, Fingerprint::of_parts([b"ab".as_slice(), b"c", b""]));
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
