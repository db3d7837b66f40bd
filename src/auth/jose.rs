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
    use super::*;

    #[test]
    fn reads_objects_that_mean_one_thing_only() {
        let cases = [
            (r#"{"a":1,"b":{"c":[null,true,-1,1.5,"x"]}}"#, true),
            (r"{}", true),
            (r#"{"a":1,"a":1}"#, false),
            (r#"{"a":1,"\u0061":2}"#, false),
            (r#"{"b":{"a":1,"a":2}}"#, false),
            (r#"{"b":[{"a":1,"a":2}]}"#, false),
            (r#"{"a":1} x"#, false),
            (r"[]", false),
            (r#""a""#, false),
            ("", false),
        ];
        for (json, read) in cases {
            assert_eq!(object(json.as_bytes()).is_some(), read, "{json}");
        }
        assert!(object(b"{\"a\":\"\xff\"}").is_none());
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
        assert!(object(deep.as_bytes()).is_none());
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
