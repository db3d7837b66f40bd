//! Ids of users, which LibreChat keeps as ObjectIds in some collections and as their hex text in others, and of
//! conversations.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::Moment;

/// An id in one spelling, so that both kinds meet. 24 hex digits are the 12 bytes they stand for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Id {
    Object([u8; 12]),
    /// Any other text.
    Text(Box<str>),
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        parse_hex(text).map_or_else(|| Self::Text(text.into()), Self::Object)
    }
}

impl From<[u8; 12]> for Id {
    fn from(bytes: [u8; 12]) -> Self {
        Self::Object(bytes)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Id {
    /// When it was made: an ObjectId begins with its second.
    pub fn time(&self) -> Option<Moment> {
        match self {
            Self::Object([a, b, c, d, ..]) => {
                Some(Moment(i64::from(u32::from_be_bytes([*a, *b, *c, *d])) * 1_000))
            }
            Self::Text(_) => None,
        }
    }
}

/// The id of a conversation in 16 bytes, since there are many: a UUID is the bytes it stands for, any other text its
/// hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; 16]);

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        parse_uuid(text).map_or_else(
            || {
                let mut bytes = [0; 16];
                bytes.iter_mut().zip(Sha256::digest(text)).for_each(|(byte, digest)| *byte = digest);
                Self(bytes)
            },
            Self,
        )
    }
}

/// 8-4-4-4-12 hex digits in lower case: another spelling is another text.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let mut digits = text.bytes().enumerate().filter(|(at, _)| !matches!(at, 8 | 13 | 18 | 23));
    let dashes = [8, 13, 18, 23].iter().all(|at| text.as_bytes().get(*at) == Some(&b'-'));
    if text.len() != 36 || !dashes {
        return None;
    }
    for byte in &mut bytes {
        *byte = (nibble(digits.next()?.1)? << 4) | nibble(digits.next()?.1)?;
    }
    Some(bytes)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn parse_hex(text: &str) -> Option<[u8; 12]> {
    let mut bytes = [0; 12];
    if text.len() != 24 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_conversations_have_different_keys() {
        let uuid = "873fa254-c9f2-440d-ab14-62ef535b888d";
        assert_eq!(Key::from(uuid).0[..3], [0x87, 0x3f, 0xa2]);
        let others = [
            "",
            "a",
            "873FA254-c9f2-440d-ab14-62ef535b888d",
            "873fa254-c9f2-440d-ab14-62ef535b888",
            "873fa254-c9f2-440d-ab1-462ef535b888d",
            "873fa254-c9f2-440d-ab14-62ef535b888g",
            "873fa254c9f2440dab1462ef535b888d",
        ];
        let keys: std::collections::BTreeSet<_> = others.into_iter().chain([uuid]).map(Key::from).collect();
        assert_eq!(keys.len(), others.len() + 1);
        assert_eq!(Id::from("69629fc78b4c51a245000005").time(), Some(Moment(0x6962_9fc7 * 1_000)));
    }

    #[test]
    fn hex_text_and_object_ids_are_the_same_user() {
        let bytes = [0x69, 0x62, 0x9f, 0xc7, 0x8b, 0x4c, 0x51, 0xa2, 0x45, 0, 0, 5];
        assert_eq!(Id::from("69629fc78b4c51a245000005"), Id::from(bytes));
        assert_eq!(Id::from("69629FC78B4C51A245000005").to_string(), "69629fc78b4c51a245000005");
        for other in ["", "69629fc78b4c51a24500000", "69629fc78b4c51a24500000\u{e4}", "system"] {
            assert_eq!(Id::from(other), Id::Text(other.into()));
        }
    }
}
