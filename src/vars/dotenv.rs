//! The syntax of `.env` files, exactly as Node's `dotenv` 16 and 17 has it, since LibreChat reads the same file with it.
//!
//! `dotenv` is one regular expression that is searched for again and again:
//!
//! ```text
//! ^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$
//! ```
//!
//! Invariants: pure and total, every text has a reading; nothing is ever expanded but `\n` and `\r` between double quotes;
//! the time taken is linear in the text but for backslashes before quotation marks. What a line means is not decided here.

use std::ops::Range;

/// One assignment, as it was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The line that its name stands in, counted from 1.
    pub line: usize,
    pub name: String,
    pub value: String,
    pub oddity: Option<Oddity>,
}

/// What `dotenv` reads without complaint and nobody can have meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// A quotation mark at the beginning that is not the end of a quoted value: it became part of the value.
    OpenQuote,
    /// An unquoted value was cut at a `#` that no blank stands before.
    CutAtHash,
    /// Bytes that are not UTF-8.
    NotText,
}

/// A line that is no assignment, and the word that it begins with.
#[derive(Debug, PartialEq, Eq)]
pub struct Stray {
    pub line: usize,
    pub word: String,
}

/// What a file holds, in its order: of two entries with one name the last counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    pub entries: Vec<Entry>,
    pub strays: Vec<Stray>,
}

/// Reads the text of a file.
pub fn parse(text: &str) -> Parsed {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut parsed = Parsed::default();
    let mut lines = LineNumbers { text: &text, seen: 0, number: 1 };
    let mut at = 0;
    while at < text.len() {
        let begin = skip_blanks(&text, at);
        if begin == text.len() {
            break;
        }
        let line = lines.of(begin);
        let Some(found) = assignment(&text, begin) else {
            if let Some(word) = first_word(&text, begin) {
                parsed.strays.push(Stray { line, word: word.to_owned() });
            }
            at = next_line(&text, begin);
            continue;
        };
        let line = lines.of(found.name.start);
        parsed.entries.push(found.entry(&text, line));
        // The search goes on at the next beginning of a line.
        at = next_line(&text, found.end);
    }
    parsed
}

/// Where the parts of an assignment are.
struct Found {
    name: Range<usize>,
    value: Range<usize>,
    end: usize,
}

impl Found {
    fn entry(&self, text: &str, line: usize) -> Entry {
        let raw = slice(text, self.value.clone());
        let trimmed = raw.trim_matches(is_blank);
        let quote = trimmed.chars().next().filter(|first| QUOTES.contains(first));
        let inner = quote.and_then(|quote| trimmed.strip_prefix(quote)?.strip_suffix(quote));
        let mut value = unquoted(trimmed);
        if quote == Some('"') {
            value = value.replace("\\n", "\n").replace("\\r", "\r");
        }
        let cut = text.get(self.value.end..).is_some_and(|rest| rest.starts_with('#'))
            && !raw.is_empty()
            && !raw.ends_with(is_blank)
            && inner.is_none();
        let oddity = if value.contains(char::REPLACEMENT_CHARACTER) {
            Some(Oddity::NotText)
        } else if quote.is_some() && inner.is_none() {
            Some(Oddity::OpenQuote)
        } else {
            cut.then_some(Oddity::CutAtHash)
        };
        Entry { line, name: slice(text, self.name.clone()).to_owned(), value, oddity }
    }
}

const QUOTES: [char; 3] = ['\'', '"', '`'];

/// The text without pairs of quotation marks around whole lines, as a multi-line regular expression takes them away: beside
/// a value that is quoted as a whole, that is also what stands behind U+2028 and U+2029, which end lines there.
fn unquoted(text: &str) -> String {
    let (mut value, mut rest, mut begins_line) = (String::with_capacity(text.len()), text, true);
    while let Some(first) = rest.chars().next() {
        let after = rest.strip_prefix(first).unwrap_or_default();
        if begins_line
            && QUOTES.contains(&first)
            && let Some((inner, behind)) =
                last_at_an_end(after, first).and_then(|at| after.split_at_checked(at))
        {
            value.push_str(inner);
            rest = behind.strip_prefix(first).unwrap_or_default();
            begins_line = false;
        } else {
            value.push(first);
            rest = after;
            begins_line = ends_line(first);
        }
    }
    value
}

/// Where the last quotation mark is that a line ends with.
fn last_at_an_end(text: &str, quote: char) -> Option<usize> {
    let at_an_end =
        |at: usize| text.get(at + 1..).is_some_and(|behind| behind.chars().next().is_none_or(ends_line));
    text.rmatch_indices(quote).map(|(at, _)| at).find(|at| at_an_end(*at))
}

const fn ends_line(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// The assignment that begins at `begin`, where no blank stands.
fn assignment(text: &str, begin: usize) -> Option<Found> {
    let exported = slice(text, begin..text.len()).strip_prefix("export").map(|_| begin + "export".len());
    let after_export = exported.map(|at| (at, skip_blanks(text, at))).filter(|(at, end)| end > at);
    let with_export = after_export.and_then(|(_, name)| named(text, name));
    with_export.or_else(|| named(text, begin))
}

fn named(text: &str, begin: usize) -> Option<Found> {
    let end = skip(text, begin, |c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    let name = begin..end;
    if name.is_empty() {
        return None;
    }
    let equals = skip_blanks(text, end);
    let from = if slice(text, equals..text.len()).starts_with('=') {
        equals + 1
    } else {
        let colon = slice(text, end..text.len()).strip_prefix(':')?;
        let blank = colon.chars().next().filter(|c| is_blank(*c))?;
        end + 1 + blank.len_utf8()
    };
    let (value, end) = value(text, from);
    Some(Found { name, value, end })
}

/// The value that begins at `from`, and where the whole match ends.
fn value(text: &str, from: usize) -> (Range<usize>, usize) {
    let open = skip_blanks(text, from);
    let quoted = slice(text, open..text.len()).chars().next().filter(|first| QUOTES.contains(first));
    if let Some((close, end)) = quoted.and_then(|quote| closing(text, open + 1, quote)) {
        return (from..close, end);
    }
    let plain = skip(text, from, |c| c != '#' && c != '\n');
    (from..plain, tail(text, plain).unwrap_or(plain))
}

/// Behind the quotation mark that ends what begins at `from`, and where the match ends. A mark behind a backslash ends it
/// only where no other does.
fn closing(text: &str, from: usize, quote: char) -> Option<(usize, usize)> {
    let mut escaped = Vec::new();
    let mut is_escaped = false;
    let mut unescaped = None;
    for (at, c) in slice(text, from..text.len()).char_indices() {
        let behind = from + at + c.len_utf8();
        if c == quote && is_escaped {
            escaped.push(behind);
        } else if c == quote {
            unescaped = Some(behind);
            break;
        }
        // As in the expression, two backslashes are not one: the second still escapes.
        is_escaped = c == '\\';
    }
    let candidates = unescaped.into_iter().chain(escaped.into_iter().rev());
    candidates.filter_map(|close| Some((close, tail(text, close)?))).next()
}

/// The end of `\s*(?:#.*)?$`, when it fits at `from`.
fn tail(text: &str, from: usize) -> Option<usize> {
    let rest = skip_blanks(text, from);
    match slice(text, rest..text.len()).chars().next() {
        None => Some(rest),
        Some('#') => Some(skip(text, rest, |c| !is_line_end(c))),
        Some(_) => slice(text, from..rest).rfind(is_line_end).map(|at| from + at),
    }
}

fn first_word(text: &str, begin: usize) -> Option<&str> {
    let line = slice(text, begin..end_of_line(text, begin));
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start_matches(is_blank);
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(line.len());
    line.get(..end).filter(|word| !word.is_empty())
}

/// JavaScript's `\s`.
fn is_blank(c: char) -> bool {
    c == '\u{feff}' || c.is_whitespace() && c != '\u{85}'
}

/// JavaScript's line terminators; `\r` is gone by then.
fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\u{2028}' | '\u{2029}')
}

fn skip_blanks(text: &str, from: usize) -> usize {
    skip(text, from, is_blank)
}

fn skip(text: &str, from: usize, fits: impl Fn(char) -> bool) -> usize {
    slice(text, from..text.len()).find(|c| !fits(c)).map_or(text.len(), |at| from + at)
}

/// The position of the next line terminator, or the end.
fn end_of_line(text: &str, from: usize) -> usize {
    skip(text, from, |c| !is_line_end(c))
}

fn next_line(text: &str, from: usize) -> usize {
    let end = end_of_line(text, from);
    end + slice(text, end..text.len()).chars().next().map_or(1, char::len_utf8)
}

fn slice(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}

/// Counts lines as positions go up.
struct LineNumbers<'a> {
    text: &'a str,
    seen: usize,
    number: usize,
}

impl LineNumbers<'_> {
    fn of(&mut self, position: usize) -> usize {
        if position > self.seen {
            self.number += slice(self.text, self.seen..position).matches('\n').count();
            self.seen = position;
        }
        self.number
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).entries.into_iter().map(|entry| (entry.name, entry.value)).collect()
    }

    #[test]
    fn reads_one_line_as_dotenv_does() {
        let cases = [
            ("A=b", "b"),
            ("A = b ", "b"),
            ("A=", ""),
            ("A=1000 * 60 * 60 * 2", "1000 * 60 * 60 * 2"),
            ("A=(1000 * 60) * 7", "(1000 * 60) * 7"),
            ("A=it's", "it's"),
            ("A=b # c", "b"),
            ("A=b#c", "b"),
            ("A=#b", ""),
            ("A='b # c' # d", "b # c"),
            ("A='$b\\n'", "$b\\n"),
            ("A=\"b\\nc\"", "b\nc"),
            ("A=b\\nc", "b\\nc"),
            ("A=$b${c}$(d)", "$b${c}$(d)"),
            ("A=\"b\nc\"", "b\nc"),
            ("A=`b \"c\" 'd'`", "b \"c\" 'd'"),
            ("A=\"b", "\"b"),
            ("A='b' c", "'b' c"),
            ("A=\"b\\\"c\"", "b\\\"c"),
            ("A='b\\'", "b\\"),
            ("export A=b", "b"),
            ("  export\tA=b", "b"),
            ("A: b", "b"),
            ("\u{feff}A=b", "b"),
            ("A=b\r\n", "b"),
            ("A\n=b", "b"),
            ("A=\n'b'", "b"),
            ("A==b", "=b"),
            ("A=b\u{a0}", "b"),
        ];
        for (text, value) in cases {
            assert_eq!(pairs(text), [("A".to_owned(), value.to_owned())], "{text:?}");
        }
    }

    /// What Node's own reader makes of the same texts; `tests/real/dotenv.rs` asks it whether that is still so.
    #[test]
    fn reads_every_text_of_the_table_as_dotenv_does() {
        let table = include_str!("../../tests/support/dotenv/table.json");
        let rows: Vec<(String, BTreeMap<String, String>)> = serde_json::from_str(table).unwrap();
        assert!(rows.len() >= 80, "{}", rows.len());
        for (text, expected) in rows {
            assert_eq!(pairs(&text).into_iter().collect::<BTreeMap<_, _>>(), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_assignment_is_passed_over_and_named() {
        for text in ["", "# A=b", "A b", "A:b", "A", "http://host/path", "export A", "=b", "'A'=b"] {
            assert_eq!(pairs(text), [], "{text:?}");
            assert_eq!(pairs(&format!("{text}\nB=c\n")), [("B".to_owned(), "c".to_owned())], "{text:?}");
        }
        let parsed = parse("# a\nPORT 80\n\nA=b\nexport TOKEN x\n");
        let strays: Vec<_> = parsed.strays.iter().map(|stray| (stray.line, stray.word.as_str())).collect();
        assert_eq!(strays, [(2, "PORT"), (5, "TOKEN")]);
    }

    #[test]
    fn lines_are_counted_as_an_editor_does() {
        let parsed = parse("# a\r\n\r\nA=\"b\r\nc\"\r\n  \r\nD=e\r\nF=g");
        let lines: Vec<_> = parsed.entries.iter().map(|entry| (entry.line, entry.name.as_str())).collect();
        assert_eq!(lines, [(3, "A"), (6, "D"), (7, "F")]);
    }

    #[test]
    fn what_nobody_can_have_meant_is_remarked() {
        let oddity = |text: &str| parse(text).entries.remove(0).oddity;
        assert_eq!(oddity("A='b"), Some(Oddity::OpenQuote));
        assert_eq!(oddity("A=\"b\" c"), Some(Oddity::OpenQuote));
        assert_eq!(oddity("A=b#c"), Some(Oddity::CutAtHash));
        assert_eq!(oddity("A=b\u{fffd}"), Some(Oddity::NotText));
        for text in ["A=b # c", "A='b#c'", "A='b'#c", "A=", "A=#b"] {
            assert_eq!(oddity(text), None, "{text}");
        }
    }

    #[test]
    fn no_text_takes_long_or_stops_it() {
        for piece in ["\n", "A=\"\\\"", "A='", "\"", "A", "export ", "A=`\n", "\u{2028}A=\u{2029}", "\\'"] {
            let text = piece.repeat(200_000 / piece.len());
            let _ = parse(&text);
            let _ = parse(&format!("A='{text}"));
        }
    }
}
