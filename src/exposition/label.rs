//! The text of a label's value as it is shown: without control characters and of bounded length, whatever people made of it.
//! A line feed stays, since every format escapes it.
//!
//! The formats allow any UTF-8, and some readers do not: parsers that split at every Unicode line separator, and limits
//! on the length of a value that cost the whole scrape (`label_value_length_limit`).

use std::borrow::Cow;

/// The most bytes of UTF-8 that a value has, [`ELLIPSIS`] included.
pub const MAX_BYTES: usize = 512;

/// Stands at the end of a value that was cut.
const ELLIPSIS: char = '\u{2026}';

/// The value with a space for each character that ends a line unescaped or controls a terminal, cut between two characters.
pub fn printable(value: &str) -> Cow<'_, str> {
    if value.len() <= MAX_BYTES && !value.contains(is_unprintable) {
        return Cow::Borrowed(value);
    }
    let mut shown = String::new();
    // No longer than the bound and one character, however long the value is.
    for character in value.chars() {
        shown.push(if is_unprintable(character) { ' ' } else { character });
        if shown.len() > MAX_BYTES {
            shown.truncate(shown.floor_char_boundary(MAX_BYTES - ELLIPSIS.len_utf8()));
            shown.push(ELLIPSIS);
            break;
        }
    }
    Cow::Owned(shown)
}

/// C0 and C1 control characters but the line feed, U+0085 among them, and the two separators of Unicode.
fn is_unprintable(character: char) -> bool {
    character.is_control() && character != '\n' || matches!(character, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d74_whatever_separates_lines_or_controls_becomes_a_space() {
        for unprintable in [
            '\0', '\t', '\u{b}', '\u{c}', '\r', '\u{1b}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{1f}', '\u{7f}',
            '\u{80}', '\u{85}', '\u{9f}', '\u{2028}', '\u{2029}',
        ] {
            assert_eq!(printable(&format!("agent {unprintable}x")), "agent  x", "{unprintable:?}");
        }
        for kept in [
            "",
            " ",
            "two\nlines",
            "quote\" back\\slash",
            "\u{1f600}\u{202e}\u{5d0}",
            "a\u{a0}b\u{200b}\u{feff}",
        ] {
            assert!(matches!(printable(kept), Cow::Borrowed(same) if same == kept), "{kept:?}");
        }
    }

    #[test]
    fn d75_long_values_are_cut_between_characters_within_512_bytes() {
        for (value, expected) in [
            ("x".repeat(512), "x".repeat(512)),
            ("x".repeat(513), format!("{}\u{2026}", "x".repeat(509))),
            ("x".repeat(5_000), format!("{}\u{2026}", "x".repeat(509))),
            ("\u{e4}".repeat(256), "\u{e4}".repeat(256)),
            ("\u{e4}".repeat(257), format!("{}\u{2026}", "\u{e4}".repeat(254))),
            ("\u{1f600}".repeat(128), "\u{1f600}".repeat(128)),
            ("\u{1f600}".repeat(129), format!("{}\u{2026}", "\u{1f600}".repeat(127))),
            // Shorter by its replacements, so not cut.
            ("\u{2028}".repeat(512), " ".repeat(512)),
            ("\u{2028}".repeat(513), format!("{}\u{2026}", " ".repeat(509))),
        ] {
            let shown = printable(&value);
            assert_eq!(shown, expected);
            assert!(shown.len() <= MAX_BYTES);
        }
    }
}
