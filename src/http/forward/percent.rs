//! Percent-encoding (RFC 3986 section 2.1) of texts that become part of a header value.

use std::fmt::Write as _;

/// Leaves nothing but unreserved characters as they are.
pub fn encode(text: &str) -> String {
    encode_but(text, "-._~")
}

/// For a name that stands alone: printable ASCII stays readable, and different names stay different.
pub fn encode_name(text: &str) -> String {
    encode_but(text, "-._~@:/|+=,!#$&'()*;?[]^`{}<>")
}

fn encode_but(text: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || kept.contains(c) {
            encoded.push(c);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_end_a_value_or_change_its_meaning_is_encoded() {
        assert_eq!(encode("/a b?c=d&e%\u{e4}"), "%2Fa%20b%3Fc%3Dd%26e%25%C3%A4");
        assert_eq!(encode_name("auth0|a@b.example"), "auth0|a@b.example");
        assert_eq!(encode_name("a\r\nX: b%20\"\\\u{e4}"), "a%0D%0AX:%20b%2520%22%5C%C3%A4");
    }
}
