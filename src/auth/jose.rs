//! The two readings that every signed token needs, each in its one canonical form.
//!
//! Invariant: a text that another reader might take for something else (padding, stray bits, a member named twice) is
//! not read at all. This module knows no algorithm, no key and no claim.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Bytes in base64url (RFC 4648 section 5) without padding, blanks, or bits beyond the last byte.
pub(super) fn base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A JSON object (RFC 8259) in which no object, at any depth, names a member twice (RFC 7515 section 4).
pub(super) fn object(json: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(json).ok()? {
        Unambiguous(Value::Object(members)) => Some(members),
        Unambiguous(_) => None,
    }
}

/// A value read with duplicates refused: `serde_json` itself keeps the last of them in silence.
struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Unambiguous(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Unambiguous(value))) = entries.next_entry::<String, _>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is named twice"));
            }
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        let value = json!({ "a": [null, true, -1, 1.5, u64::MAX, "x"], "b": { "a": {} }, "": "\u{e9}" });
        assert_eq!(object(value.to_string().as_bytes()).map(Value::Object), Some(value));
        assert!(object(b" { } \n").is_some());
    }

    #[test]
    fn rows_109_to_113_equal_names_are_refused_at_any_depth_and_however_they_are_spelled() {
        for text in [
            r#"{"alg":"none","alg":"RS256"}"#,
            r#"{"alg":"RS256","\u0061lg":"none"}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
        ] {
            assert!(object(text.as_bytes()).is_none(), "{text}");
        }
        assert!(object(br#"{"a":{"a":1},"A":1}"#).is_some());
    }

    #[test]
    fn rows_149_150_what_is_no_object_is_refused() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let cases: [&[u8]; 13] = [
            b"",
            b"[]",
            b"\"x\"",
            b"5",
            b"null",
            b"{",
            b"{} {}",
            b"{}x",
            b"{}\0",
            b"\xef\xbb\xbf{}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":1e400}",
            deep.as_bytes(),
        ];
        for text in cases {
            assert!(object(text).is_none(), "{:?}", String::from_utf8_lossy(text).get(..20));
        }
    }

    #[test]
    fn reads_the_one_spelling_of_base64url() {
        let cases = [
            ("YQ", Some(b"a".as_slice())),
            ("-_-_", Some(b"\xfb\xff\xbf")),
            ("YR", None),
            ("YQ==", None),
            ("YQ\n", None),
            (" YQ", None),
            ("+/+/", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(base64url(text).as_deref(), bytes, "{text:?}");
        }
    }
}
