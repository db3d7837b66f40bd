//! Text from outside (a `kid`, an `iss`, a document of the issuer) made fit for a log line.
//!
//! Invariants: one line, no control characters (CWE-117), cut after a fixed number of characters of the text.

use std::fmt::{self, Write as _};

const LONGEST: usize = 80;

/// Shows the beginning of a text, escaped.
#[derive(Clone, Copy)]
pub struct Excerpt<'t>(pub &'t str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(LONGEST) {
            write!(f, "{}", character.escape_debug())?;
        }
        if characters.next().is_some() {
            f.write_char('\u{2026}')?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_424_is_one_short_line_without_control_characters() {
        let shown = Excerpt("a\r\n\u{1b}[31mb\u{202e}\u{2028}\0").to_string();
        assert_eq!(shown, "a\\r\\n\\u{1b}[31mb\\u{202e}\\u{2028}\\0");
        assert_eq!(Excerpt(&"x".repeat(100_000)).to_string().chars().count(), LONGEST + 1);
        assert_eq!(Excerpt("plain").to_string(), "plain");
    }
}
