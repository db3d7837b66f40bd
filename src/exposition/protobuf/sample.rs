//! One line of a sample, as `prometheus-client` writes it.

use std::borrow::Cow;

/// A name, labels and a value.
#[derive(Debug, PartialEq)]
pub(super) struct Sample<'a> {
    pub(super) name: &'a str,
    pub(super) labels: Vec<(&'a str, Cow<'a, str>)>,
    pub(super) value: f64,
}

impl<'a> Sample<'a> {
    /// `None` for what is no such line.
    pub(super) fn parse(line: &'a str) -> Option<Self> {
        let end = line.find(['{', ' '])?;
        let (name, mut rest) = line.split_at_checked(end)?;
        let mut labels = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            while !rest.starts_with('}') {
                let (label, behind) = rest.split_once("=\"")?;
                let quote = closing_quote(behind)?;
                labels.push((label, unescape(behind.get(..quote)?)));
                rest = behind.get(quote + 1..)?;
                rest = rest.strip_prefix(',').unwrap_or(rest);
            }
            rest = rest.strip_prefix('}')?;
        }
        Some(Self { name, labels, value: rest.trim_start().parse().ok()? })
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// Undoes `\\`, `\"` and `\n`.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => plain.push('\n'),
                Some(escaped) => plain.push(escaped),
                None => {}
            },
            character => plain.push(character),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_labels_and_values() {
        for (line, name, labels, value) in [
            ("a 1", "a", vec![], 1.0),
            ("a{} -2.5", "a", vec![], -2.5),
            ("a_bucket{le=\"+Inf\",model=\"m\"} 3", "a_bucket", vec![("le", "+Inf"), ("model", "m")], 3.0),
            (
                r#"a{l="q\" b\\ n\n c,}{= d",m=""} +Inf"#,
                "a",
                vec![("l", "q\" b\\ n\n c,}{= d"), ("m", "")],
                f64::INFINITY,
            ),
        ] {
            let sample = Sample::parse(line).unwrap();
            let read: Vec<_> = sample.labels.iter().map(|(name, value)| (*name, &**value)).collect();
            assert_eq!((sample.name, read, sample.value), (name, labels, value), "{line}");
        }
        for line in ["", "a", "a{", "a{l=\"x", "a{l=\"x\"", "a{l} 1", "a{} x"] {
            assert_eq!(Sample::parse(line), None, "{line}");
        }
    }
}
