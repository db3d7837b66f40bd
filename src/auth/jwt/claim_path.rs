//! How settings name claims and the values that they must have.
//!
//! A path is names separated by dots: `realm_access.roles`. A name that holds a dot, a blank, a comma or an equals sign is
//! quoted, with `"` or `'`: `"kubernetes.io".namespace`. A path without quotes is also the name of one claim, if there is
//! such a claim (`https://example.com/roles`).

use std::fmt;
use std::iter::Peekable;
use std::str::{CharIndices, FromStr};

use serde_json::{Map, Value};

/// The way to one claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath {
    /// As the setting has it, for messages.
    text: String,
    names: Vec<String>,
    quoted: bool,
}

impl ClaimPath {
    /// A claim of this very name.
    pub(super) fn of(name: &str) -> Self {
        Self { text: name.to_owned(), names: vec![name.to_owned()], quoted: false }
    }

    pub(super) fn find<'c>(&self, claims: &'c Map<String, Value>) -> Option<&'c Value> {
        if !self.quoted
            && let Some(value) = claims.get(&self.text)
        {
            return Some(value);
        }
        let (first, rest) = self.names.split_first()?;
        rest.iter().try_fold(claims.get(first)?, |value, name| value.as_object()?.get(name))
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for ClaimPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut reader = Reader::new(text);
        let path = reader.path()?;
        if reader.next_item() { Err("must be one claim".into()) } else { Ok(path) }
    }
}

/// Reads a list of paths, or of paths with values, separated by commas or blanks.
pub(super) struct Reader<'t> {
    text: &'t str,
    rest: Peekable<CharIndices<'t>>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, rest: text.char_indices().peekable() }
    }

    /// Skips what separates items; whether there is another one.
    pub(super) fn next_item(&mut self) -> bool {
        while self.rest.next_if(|(_, character)| is_separator(*character)).is_some() {}
        self.rest.peek().is_some()
    }

    /// Whether `expected` comes next; it is taken if so.
    pub(super) fn takes(&mut self, expected: char) -> bool {
        self.rest.next_if(|(_, character)| *character == expected).is_some()
    }

    pub(super) fn path(&mut self) -> Result<ClaimPath, String> {
        self.next_item();
        let start = self.position();
        let (mut names, mut quoted) = (Vec::new(), false);
        loop {
            let (name, was_quoted) = self.word(&['.', '='])?;
            if name.is_empty() {
                return Err("has a path of claims with an empty name in it".into());
            }
            // Other programs' spellings: as a name they would never be found.
            if !was_quoted && name.contains(['[', ']', '\\']) {
                return Err("has a path of claims with a bracket or a backslash in a name: names with dots are quoted, \
                            as in resource_access.\"my.client\".roles"
                    .into());
            }
            names.push(name);
            quoted |= was_quoted;
            if !self.takes('.') {
                break;
            }
        }
        let text = self.text.get(start..self.position()).unwrap_or_default().to_owned();
        Ok(ClaimPath { text, names, quoted })
    }

    /// A quoted text, or everything up to a separator or one of `ends`; with whether it was quoted.
    pub(super) fn word(&mut self, ends: &[char]) -> Result<(String, bool), String> {
        let quote = self.rest.next_if(|(_, character)| matches!(character, '"' | '\''));
        let Some((_, quote)) = quote else {
            let mut word = String::new();
            while let Some((_, character)) =
                self.rest.next_if(|(_, character)| !ends.contains(character) && !is_separator(*character))
            {
                word.push(character);
            }
            return Ok((word, false));
        };
        let mut word = String::new();
        loop {
            match self.rest.next() {
                None => return Err("has a quote that is not closed".into()),
                Some((_, character)) if character == quote => break,
                Some((_, '\\')) => word.extend(self.rest.next().map(|(_, escaped)| escaped)),
                Some((_, character)) => word.push(character),
            }
        }
        match self.rest.peek() {
            Some((_, next)) if !ends.contains(next) && !is_separator(*next) => {
                Err("has text right behind a closing quote".into())
            }
            _ => Ok((word, true)),
        }
    }

    fn position(&mut self) -> usize {
        self.rest.peek().map_or(self.text.len(), |(at, _)| *at)
    }
}

fn is_separator(character: char) -> bool {
    character == ',' || character.is_whitespace()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn f3_f5_every_claim_can_be_named() {
        let claims = json!({
            "sub": 1,
            "https://example.com/roles": 2,
            "realm_access": { "roles": 3 },
            "realm_access.roles": 4,
            "resource_access": { "my.exporter.client": { "roles": 5 } },
            "kubernetes.io": { "namespace": 6, "serviceaccount": { "name": 7 } },
            "a b": 8, "a\"b": 9, "it's": 10, "a=b": 11, "urn:zitadel:iam:org:project:roles": 12,
        });
        let claims = claims.as_object().unwrap();
        let cases = [
            ("sub", Some(1)),
            ("https://example.com/roles", Some(2)),
            ("realm_access.roles", Some(4)),
            ("'realm_access'.roles", Some(3)),
            (r#""realm_access.roles""#, Some(4)),
            (r#"resource_access."my.exporter.client".roles"#, Some(5)),
            ("resource_access.'my.exporter.client'.roles", Some(5)),
            ("resource_access.my.exporter.client.roles", None),
            (r#""kubernetes.io".namespace"#, Some(6)),
            (r#""kubernetes.io".serviceaccount.name"#, Some(7)),
            ("kubernetes.io.namespace", None),
            ("'a b'", Some(8)),
            (r#""a\"b""#, Some(9)),
            ("it's", Some(10)),
            (r#""a=b""#, Some(11)),
            ("urn:zitadel:iam:org:project:roles", Some(12)),
            ("sub.x", None),
            ("nothing", None),
        ];
        for (text, value) in cases {
            let path: ClaimPath = text.parse().unwrap();
            assert_eq!(path.find(claims).and_then(Value::as_i64), value, "{text}");
            assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [r#"a["b.c"].d"#, "a['b.c'].d", r"a.b\.c.d", "a[0]"] {
            assert!(text.parse::<ClaimPath>().unwrap_err().contains("quoted"), "{text}");
        }
        assert!(r#""a[0]".b"#.parse::<ClaimPath>().is_ok());
        for text in ["", ".", "a.", ".a", "a..b", "\"a", "\"a\"b", "a b", "a,b", "a=b", "\"\"", "'"] {
            assert!(text.parse::<ClaimPath>().is_err(), "{text}");
        }
    }
}
