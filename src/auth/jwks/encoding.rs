//! Reads the binary values of key documents: lenient in form, strict in meaning.
//!
//! Issuers publish base64url with padding, in the standard alphabet or broken into lines, and numbers with a leading zero
//! octet too many or too few. None of it is ambiguous, and none of it is in a token, where one spelling must count.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Bytes in base64 of either alphabet, with or without padding and line breaks.
pub(super) fn octets(text: &str) -> Option<Vec<u8>> {
    let plain: String = text
        .chars()
        .filter(|character| !character.is_ascii_whitespace())
        .map(|character| match character {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    LENIENT.decode(plain.trim_end_matches('=')).ok()
}

/// A document without the byte order mark that some editors and servers put in front (RFC 8259 section 8.1).
pub(super) fn without_bom(document: &[u8]) -> &[u8] {
    document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document)
}

/// A big-endian number without leading zero octets.
pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|octet| **octet == 0).count();
    number.split_at(zeros).1
}

/// The same number in exactly `width` octets, if it has no more.
pub(super) fn padded(number: &[u8], width: usize) -> Option<Vec<u8>> {
    let number = without_zeros(number);
    let zeros = width.checked_sub(number.len())?;
    Some([&vec![0; zeros], number].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d1_every_spelling_of_base64_is_read_and_what_is_none_is_not() {
        for text in ["-_-_YQ", "+/+/YQ==", "-_-_YQ=", " -_-_\r\nYQ== ", "-/+_YR"] {
            assert_eq!(octets(text).as_deref(), Some(b"\xfb\xff\xbfa".as_slice()), "{text:?}");
        }
        for text in ["-_-_Y", "a.b", "YQ==YQ", "\u{e9}", "a,b0"] {
            assert_eq!(octets(text), None, "{text:?}");
        }
    }

    #[test]
    fn d4_numbers_are_padded_to_their_width_and_never_cut() {
        assert_eq!(padded(&[1, 2], 3), Some(vec![0, 1, 2]));
        assert_eq!(padded(&[0, 0, 1, 2], 2), Some(vec![1, 2]));
        assert_eq!(padded(&[1, 2, 3], 2), None);
    }
}
