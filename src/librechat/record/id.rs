//! Ids of users: LibreChat keeps them as ObjectIds in some collections and as their hex text in others.

use std::fmt;

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
    fn hex_text_and_object_ids_are_the_same_user() {
        let bytes = [0x69, 0x62, 0x9f, 0xc7, 0x8b, 0x4c, 0x51, 0xa2, 0x45, 0, 0, 5];
        assert_eq!(Id::from("69629fc78b4c51a245000005"), Id::from(bytes));
        assert_eq!(Id::from("69629FC78B4C51A245000005").to_string(), "69629fc78b4c51a245000005");
        for other in ["", "69629fc78b4c51a24500000", "69629fc78b4c51a24500000\u{e4}", "system"] {
            assert_eq!(Id::from(other), Id::Text(other.into()));
        }
    }
}
