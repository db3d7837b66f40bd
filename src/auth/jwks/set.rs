//! A whole key set (RFC 7517 section 5): read leniently key by key, never empty.
//!
//! Invariants: one odd key never spoils the set; one look-up tries at most `MOST_CANDIDATES` keys; a key set knows
//! nothing of time or of where it came from.

use std::collections::BTreeSet;

use serde_json::Value;

use super::encoding::without_bom;
use super::key::Key;
use super::key_ref::KeyRef;
use super::pem;
use crate::auth::excerpt::Excerpt;
use crate::auth::jwa::Algorithm;

/// How many keys are tried on one signature: bounds the work that one token can cause.
const MOST_CANDIDATES: usize = 32;

/// How many keys of one document are used: far more than issuers publish.
pub(super) const MOST_KEYS: usize = 256;

/// The keys that the issuer published last.
pub struct KeySet {
    keys: Vec<Key>,
    /// Tells this set from the one before: what was verified with another one has to be verified again.
    generation: u64,
}

/// What a document held besides usable keys.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// Keys that are not used, each with the reason.
    pub skipped: BTreeSet<String>,
    /// Keys that the issuer published together with their private half.
    pub leaked: BTreeSet<String>,
}

/// A document that cannot be used: why, as a phrase, and what is wrong with each of its keys.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct Unusable {
    pub problem: String,
    pub remarks: Remarks,
}

impl From<&'static str> for Unusable {
    fn from(problem: &'static str) -> Self {
        Self { problem: problem.to_owned(), remarks: Remarks::default() }
    }
}

impl KeySet {
    /// Reads what an issuer publishes.
    ///
    /// # Errors
    /// Why this is no key set.
    pub fn read(document: &[u8], generation: u64) -> Result<(Self, Remarks), Unusable> {
        let document: Value = serde_json::from_slice(without_bom(document)).map_err(|_| "is not JSON")?;
        let listed = document.get("keys").and_then(Value::as_array);
        let listed = listed.ok_or("has no list of keys: is a signing key chosen at the provider?")?;
        let keys = listed.iter().enumerate().take(MOST_KEYS).map(|(index, jwk)| {
            let kid = jwk.get("kid").and_then(Value::as_str).unwrap_or_default();
            (format!("key {index} (kid \"{}\")", Excerpt(kid)), Key::new(jwk))
        });
        Self::collect(keys, generation)
    }

    /// Reads what an operator keeps in a file: a key set, one key, or PEM.
    ///
    /// # Errors
    /// Why it holds no keys.
    pub fn read_file(document: &[u8], generation: u64) -> Result<(Self, Remarks), Unusable> {
        let text = without_bom(document);
        if !text.trim_ascii_start().starts_with(b"{") {
            return Self::collect(pem::keys(text)?.into_iter(), generation);
        }
        match serde_json::from_slice::<Value>(text) {
            Ok(jwk) if jwk.get("kty").is_some() => {
                Self::collect([("key 0".to_owned(), Key::new(&jwk))].into_iter(), generation)
            }
            _ => Self::read(text, generation),
        }
    }

    fn collect(
        read: impl Iterator<Item = (String, Result<Key, &'static str>)>,
        generation: u64,
    ) -> Result<(Self, Remarks), Unusable> {
        let mut keys = Vec::new();
        let mut remarks = Remarks::default();
        for (name, key) in read {
            match key {
                Ok(key) => {
                    if key.is_leaked() {
                        remarks.leaked.insert(name);
                    }
                    keys.push(key);
                }
                Err(reason) => {
                    remarks.skipped.insert(format!("{name}: {reason}"));
                }
            }
        }
        if keys.is_empty() {
            return Err(Unusable { problem: "has no key that could be used".into(), remarks });
        }
        Ok((Self { keys, generation }, remarks))
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// Whether the set may have the key that a token means, whatever it is good for.
    pub fn knows(&self, key: &KeyRef) -> bool {
        self.keys.iter().any(|own| own.answers_to(key) || own.is_silent_on(key))
    }

    /// Whether a key that fits made this signature. A `kid` picks the keys of that name (RFC 7517 section 4.5 allows
    /// several); without one, a certificate does; without either, every key that fits the algorithm may be it.
    pub fn verifies(&self, key: &KeyRef, algorithm: Algorithm, message: &str, signature: &str) -> bool {
        let is_meant = self.keys.iter().any(|own| own.answers_to(key));
        self.keys
            .iter()
            .filter(|own| own.fits(algorithm))
            // A key that says nothing of its certificate may be the one, where no other says that it is.
            .filter(|own| if is_meant { own.answers_to(key) } else { own.is_silent_on(key) })
            .take(MOST_CANDIDATES)
            .any(|own| own.verifies(algorithm, message, signature))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    fn rsa(kid: &str) -> Value {
        json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xff; 256]), "e": "AQAB", "kid": kid })
    }

    #[test]
    fn row_158_one_odd_key_never_spoils_the_set() {
        let document = json!({ "keys": [
            { "kty": "AKP", "kid": "pq\u{1b}", "alg": "ML-DSA-44" }, 5, rsa("r1"), { "kty": "oct", "k": "AA" },
        ]});
        let (set, remarks) = KeySet::read(document.to_string().as_bytes(), 1).unwrap();
        assert_eq!(set.count(), 1);
        let knows = |kid: &str| set.knows(&KeyRef::Kid(kid.into()));
        assert!(knows("r1") && !knows("pq\u{1b}") && !knows(""));
        assert_eq!(remarks.skipped.len(), 3);
        assert!(remarks.skipped.contains("key 0 (kid \"pq\\u{1b}\"): its kty is not known"), "{remarks:?}");
    }

    #[test]
    fn row_181_what_is_no_key_set_is_refused() {
        let nested = "[".repeat(10_000);
        let cases = [
            "<html>",
            "",
            "[]",
            "{}",
            r#"{"keys":{}}"#,
            r#"{"keys":[]}"#,
            r#"{"keys":[{"kty":"oct"}]}"#,
            r#"{"keys":["#,
            &nested,
        ];
        for document in cases {
            assert!(KeySet::read(document.as_bytes(), 1).is_err(), "{}", Excerpt(document));
        }
    }

    #[test]
    fn a_document_of_countless_keys_is_read_in_part() {
        let keys: Vec<Value> = (0..1000).map(|index| rsa(&format!("k{index}"))).collect();
        let (set, _) = KeySet::read(json!({ "keys": keys }).to_string().as_bytes(), 1).unwrap();
        assert_eq!(set.count(), MOST_KEYS);
    }
}
