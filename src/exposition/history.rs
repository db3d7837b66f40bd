//! Samples of many instants as one OpenMetrics text with timestamps, which is what
//! `promtool tsdb create-blocks-from openmetrics` reads.
//!
//! OpenMetrics has all samples of a series together, and they come instant by instant: they are kept as numbers
//! ([`spool`]), and put in order at the end. Memory is bounded by the number of series, not by that of instants.
//!
//! Invariants:
//! - Families that are [momentary](super::family::Family::momentary) are left out.
//! - A counter or histogram whose series is not there at the first instant begins with 0 at the instant before it comes, so
//!   that `increase()` sees its first step.

pub mod labels;
mod spool;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::sync::Arc;

use self::labels::ExtraLabels;
use self::spool::{Sample, Sorted, Spool};
use super::family::{Description, Kind};
use super::samples::{Samples, Value};

/// The most instants there may be: as many points of a series as Prometheus answers with.
pub const MAX_INSTANTS: usize = 11_000;

/// Bytes of text that are put together at a time.
const PIECE: usize = 64 * 1024;

/// Takes in samples, instant by instant.
#[derive(Debug)]
pub struct History {
    /// What each series has behind its own labels.
    extra: String,
    /// Seconds since 1970.
    instants: Vec<i64>,
    families: BTreeMap<&'static str, Known>,
    spool: Spool,
}

/// A family, and the series it has had.
#[derive(Debug)]
struct Known {
    /// Its place in the text.
    number: u16,
    description: Description,
    series: HashMap<Arc<str>, u32>,
    /// What follows the name in each line of a metric, and in braces its own labels.
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    suffix: &'static str,
    /// The bound of a bucket.
    label: String,
}

impl History {
    /// `file` holds what is too much for memory; `extra` are labels that each series gets.
    pub fn new(file: File, extra: &ExtraLabels) -> Self {
        let mut text = String::new();
        extra.iter().for_each(|(name, value)| push_label(&mut text, name, value));
        Self { extra: text, instants: Vec::new(), families: BTreeMap::new(), spool: Spool::new(file) }
    }

    /// Takes in the samples of an instant, which is later than the one before.
    ///
    /// # Errors
    /// The file cannot be written, or there are too many instants.
    pub fn record(&mut self, at: i64, samples: &Samples) -> io::Result<()> {
        let step = u16::try_from(self.instants.len()).map_err(io::Error::other)?;
        self.instants.push(at);
        let mut labels = String::new();
        for rows in samples.all().filter(|rows| !rows.description.is_momentary) {
            let number = u16::try_from(self.families.len()).map_err(io::Error::other)?;
            let family = self
                .families
                .entry(rows.description.name)
                .or_insert_with(|| Known::new(number, rows.description));
            for (values, value) in &rows.rows {
                labels.clear();
                let named = rows.description.labels.iter().zip(values);
                named.for_each(|(name, value)| push_label(&mut labels, name, value));
                if !labels.is_empty() && !self.extra.is_empty() {
                    labels.push(',');
                }
                labels.push_str(&self.extra);
                let (series, is_new) = family.series(&labels)?;
                if is_new && step > 0 && rows.description.kind != Kind::Gauge {
                    family.push(&mut self.spool, [series, u32::from(step - 1)], value, |_| 0.0);
                }
                family.push(&mut self.spool, [series, u32::from(step)], value, |number| number);
            }
        }
        self.spool.set_aside()
    }

    /// How many series there are by now, as Prometheus counts them.
    pub fn series(&self) -> usize {
        self.families.values().map(|family| family.series.len() * family.lines.len()).sum()
    }

    /// The text of all that was taken in.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn into_text(self) -> io::Result<Text> {
        let mut families: Vec<_> = self.families.into_values().collect();
        families.sort_by_key(|family| family.number);
        let families = families.into_iter().map(Written::from).collect();
        let mut sorted = self.spool.sorted()?;
        let next = sorted.next()?;
        Ok(Text { instants: self.instants, families, sorted, next, family: None, is_done: false })
    }
}

impl Known {
    fn new(number: u16, description: Description) -> Self {
        let lines = match description.kind {
            Kind::Histogram => Vec::new(),
            Kind::Gauge | Kind::Counter => vec![Line { suffix: "", label: String::new() }],
        };
        Self { number, description, series: HashMap::new(), lines }
    }

    /// The number of a series, and whether it is new.
    fn series(&mut self, labels: &str) -> io::Result<(u32, bool)> {
        if let Some(number) = self.series.get(labels) {
            return Ok((*number, false));
        }
        let number = u32::try_from(self.series.len()).map_err(io::Error::other)?;
        self.series.insert(labels.into(), number);
        Ok((number, true))
    }

    /// Notes a value, number by number in the order of the lines.
    fn push(
        &mut self,
        spool: &mut Spool,
        [series, step]: [u32; 2],
        value: &Value,
        change: impl Fn(f64) -> f64,
    ) {
        let key = u64::from(self.number) << 48 | u64::from(series) << 16 | u64::from(step);
        let mut note = |value: f64| spool.push(Sample { key, value: change(value) });
        match value {
            Value::Sum(sum) => note(*sum),
            Value::Mean { sum, weight } => note(sum / weight),
            Value::Histogram(buckets) => {
                let rows = buckets.rows();
                note(buckets.sum());
                note(exact(buckets.count()));
                let mut below = 0;
                for (_, count) in &rows {
                    below += count;
                    note(exact(below));
                }
                if self.lines.is_empty() {
                    self.lines = of_histogram(&rows);
                }
            }
        }
    }
}

/// In the order in which a scrape has them.
fn of_histogram(rows: &[(f64, u64)]) -> Vec<Line> {
    let line = |suffix| Line { suffix, label: String::new() };
    let buckets = rows.iter().map(|(bound, _)| {
        // A scrape has them in this form, too, and another one is another series.
        let bound = if bound.is_finite() { format!("{bound:?}") } else { "+Inf".into() };
        let mut label = String::new();
        push_label(&mut label, "le", &bound);
        Line { suffix: "_bucket", label }
    });
    [line("_sum"), line("_count")].into_iter().chain(buckets).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
const fn exact(count: u64) -> f64 {
    count as f64
}

fn push_label(text: &mut String, name: &str, value: &str) {
    if !text.is_empty() {
        text.push(',');
    }
    text.push_str(name);
    text.push_str("=\"");
    push_escaped(text, value);
    text.push('"');
}

fn push_escaped(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

/// A family whose series are known.
#[derive(Debug)]
struct Written {
    description: Description,
    /// The labels of each series, by its number.
    series: Vec<Arc<str>>,
    lines: Vec<Line>,
}

impl From<Known> for Written {
    fn from(known: Known) -> Self {
        let mut series: Vec<_> = known.series.into_iter().collect();
        series.sort_by_key(|(_, number)| *number);
        let series = series.into_iter().map(|(labels, _)| labels).collect();
        Self { description: known.description, series, lines: known.lines }
    }
}

impl Written {
    fn head(&self, text: &mut String) {
        let Description { name, help, kind, .. } = self.description;
        let kind_name = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        };
        let name = name.strip_suffix("_total").filter(|_| kind == Kind::Counter).unwrap_or(name);
        // As a scrape has it, with a full stop.
        let _ = write!(text, "# HELP {name} ");
        push_escaped(text, help);
        let _ = write!(text, ".\n# TYPE {name} {kind_name}\n");
    }

    fn line(&self, text: &mut String, line: &Line, series: &str, value: f64, at: i64) {
        text.push_str(self.description.name);
        text.push_str(line.suffix);
        let comma = if line.label.is_empty() || series.is_empty() { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = match (line.label.as_str(), series) {
            ("", "") => write!(text, " "),
            (label, series) => write!(text, "{{{label}{comma}{series}}} "),
        };
        let _ = writeln!(text, "{value} {at}");
    }
}

/// A history as text, put together piece by piece.
#[derive(Debug)]
pub struct Text {
    instants: Vec<i64>,
    families: Vec<Written>,
    sorted: Sorted,
    next: Option<Sample>,
    /// The one whose samples are written.
    family: Option<usize>,
    is_done: bool,
}

impl Text {
    /// The next piece; `None` after the last.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn next_piece(&mut self) -> io::Result<Option<String>> {
        if self.is_done {
            return Ok(None);
        }
        let mut text = String::with_capacity(PIECE + PIECE / 8);
        while text.len() < PIECE {
            let Some(first) = self.next.take() else {
                text.push_str("# EOF\n");
                self.is_done = true;
                break;
            };
            self.point(first, &mut text)?;
        }
        Ok(Some(text))
    }

    /// Writes what a metric was at an instant: its first sample, and as many more as it has lines.
    fn point(&mut self, first: Sample, text: &mut String) -> io::Result<()> {
        let [family, series, step] = parts(first.key);
        let lost = || io::Error::other("what was set aside is not what comes back");
        let written = self.families.get(family).ok_or_else(lost)?;
        let labels = written.series.get(series).ok_or_else(lost)?;
        let at = *self.instants.get(step).ok_or_else(lost)?;
        if self.family.replace(family) != Some(family) {
            written.head(text);
        }
        let mut sample = Some(first);
        for line in &written.lines {
            let Sample { key, value } = sample.ok_or_else(lost)?;
            if key != first.key {
                return Err(lost());
            }
            written.line(text, line, labels, value, at);
            sample = self.sorted.next()?;
        }
        self.next = sample;
        Ok(())
    }
}

/// The numbers of the family, the series and the instant.
fn parts(key: u64) -> [usize; 3] {
    [key >> 48, key >> 16 & 0xffff_ffff, key & 0xffff].map(|part| usize::try_from(part).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests;
