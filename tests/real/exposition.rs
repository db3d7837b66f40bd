//! Reads the classic text format into samples, and tells in which samples two expositions differ.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

/// A sample's name and labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    /// The metric's name.
    pub(crate) name: String,
    /// Label values by label name, unescaped.
    pub(crate) labels: BTreeMap<String, String>,
}

/// Relative: what the order of floating-point sums may change.
const TOLERANCE: f64 = 1e-9;

/// Parses the classic text format; panics on a line that is none, and on a sample that comes twice.
pub(crate) fn parse(text: &str) -> BTreeMap<Series, f64> {
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (series, value) = sample(line).unwrap_or_else(|| panic!("not a sample: {line}"));
        assert!(samples.insert(series, value).is_none(), "comes twice: {line}");
    }
    samples
}

/// Parses a gzipped file.
pub(crate) fn parse_file(path: &Path) -> BTreeMap<Series, f64> {
    let mut text = String::new();
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    parse(&text)
}

/// The value of the only sample of this name, if there is one.
pub(crate) fn value(samples: &BTreeMap<Series, f64>, name: &str) -> Option<f64> {
    let mut values = samples.iter().filter(|(series, _)| series.name == name).map(|(_, value)| *value);
    let first = values.next();
    assert!(values.next().is_none(), "{name} has several samples");
    first
}

/// One line for each sample that is on one side only or differs by more than the tolerance.
pub(crate) fn differences(expected: &BTreeMap<Series, f64>, actual: &BTreeMap<Series, f64>) -> Vec<String> {
    let mut found = Vec::new();
    for (series, expected) in expected {
        match actual.get(series) {
            None => found.push(format!("missing: {} = {expected}", show(series))),
            Some(actual) if !close(*expected, *actual) => {
                found.push(format!("{} = {actual}, not {expected}", show(series)));
            }
            Some(_) => {}
        }
    }
    let unexpected = actual.iter().filter(|(series, _)| !expected.contains_key(series));
    found.extend(unexpected.map(|(series, value)| format!("too many: {} = {value}", show(series))));
    found
}

fn show(series: &Series) -> String {
    format!("{}{:?}", series.name, series.labels)
}

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() <= TOLERANCE * left.abs().max(right.abs())
}

fn sample(line: &str) -> Option<(Series, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            labels.insert(label.to_owned(), value);
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = rest.strip_prefix('}')?;
    }
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some((Series { name: name.to_owned(), labels }, value))
}

/// Unescapes up to the closing quote; gives the value and what follows the quote.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[test]
fn reads_labels_with_every_escape() {
    let samples = parse(
        "# HELP a A.\n# TYPE a gauge\na{b=\"x \\\"y\\\" \\\\ \\n|{},=\",c=\"\"} 1.5e3\nplain 2 1700000000000\n",
    );
    let labels = BTreeMap::from([("b", "x \"y\" \\ \n|{},="), ("c", "")]);
    let labels = labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(samples.get(&Series { name: "a".to_owned(), labels }), Some(&1500.0));
    assert_eq!(value(&samples, "plain"), Some(2.0));
    assert_eq!(value(&samples, "absent"), None);
}

#[test]
fn tells_every_difference_in_both_directions_and_none_within_the_tolerance() {
    let expected = parse("same 0.1\nclose 1000000000000\nfar 1\nmissing 5\nzero 0\n");
    let actual = parse("same 0.1\nclose 1000000000001\nfar 1.00001\ntoo_many 6\nzero 0.0000001\n");
    let found = differences(&expected, &actual).join("\n");
    let wanted =
        "far{} = 1.00001, not 1\nmissing: missing{} = 5\nzero{} = 0.0000001, not 0\ntoo many: too_many{} = 6";
    assert_eq!(found, wanted);
    assert!(differences(&expected, &expected).is_empty());
}
