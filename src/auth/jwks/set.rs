//! A whole key set (RFC 7517 section 5): read leniently key by key, never empty.
//!
//! Invariants: one odd key never spoils the set; one look-up tries at most `MOST_CANDIDATES` keys; a key set knows
//! nothing of time or of where it came from.

use std::collections::BTreeSet;

use serde_json::Value;

use super::key::Key;
use crate::auth::excerpt::Excerpt;
use crate::auth::jwa::Algorithm;

/// How many keys are tried on one signature: bounds the work that one token can cause.
const MOST_CANDIDATES: usize = 8;

/// How many keys of one document are used: far more than issuers publish.
const MOST_KEYS: usize = 256;

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

impl KeySet {
    /// # Errors
    /// Why this is no key set, as a phrase.
    pub fn read(document: &[u8], generation: u64) -> Result<(Self, Remarks), &'static str> {
        let document: Value = serde_json::from_slice(document).map_err(|_| "is not JSON")?;
        let listed = document.get("keys").and_then(Value::as_array).ok_or("has no list of keys")?;
        let mut keys = Vec::new();
        let mut remarks = Remarks::default();
        for (index, jwk) in listed.iter().enumerate().take(MOST_KEYS) {
            let name = || {
                let kid = jwk.get("kid").and_then(Value::as_str).unwrap_or_default();
                format!("key {index} (kid \"{}\")", Excerpt(kid))
            };
            match Key::new(jwk) {
                Ok(key) => {
                    if key.is_leaked() {
                        remarks.leaked.insert(name());
                    }
                    keys.push(key);
                }
                Err(reason) => {
                    remarks.skipped.insert(format!("{}: {reason}", name()));
                }
            }
        }
        if keys.is_empty() {
            return Err("has no key that could be used");
        }
        Ok((Self { keys, generation }, remarks))
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// Whether a key of this name is in the set, whatever it is good for.
    pub fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// Whether a key that fits made this signature. A `kid` picks the keys of that name (RFC 7517 section 4.5 allows
    /// several); without one, every key that fits the algorithm may be it.
    pub fn verifies(&self, kid: Option<&str>, algorithm: Algorithm, message: &str, signature: &str) -> bool {
        self.keys
            .iter()
            .filter(|key| key.fits(algorithm) && (kid.is_none() || key.kid() == kid))
            .take(MOST_CANDIDATES)
            .any(|key| key.verifies(algorithm, message, signature))
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
        assert!(set.knows("r1") && !set.knows("pq\u{1b}") && !set.knows(""));
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
