//! OpenMetrics text to Prometheus' protocol buffers (`io.prometheus.client.MetricFamily`, each behind its length): a
//! rewrite of what `prometheus-client` writes, plus what text cannot say: native histograms, and since when counters count.
//!
//! The numbers of fields are those of the public `metrics.proto` of Prometheus' client model. The library can write these
//! messages too, but only with a compiler of protocol buffers at hand when it is built, and without a counter's beginning.

mod sample;
mod wire;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use self::sample::{Sample, unescape};
use self::wire::Message;
use super::native::{Native, Sparse, ZERO_THRESHOLD};

/// Native buckets by family and by the values of labels, in the order of their names in the family.
pub type Natives = BTreeMap<&'static str, BTreeMap<Vec<String>, Native>>;

/// `MetricType`.
const COUNTER: u64 = 0;
const GAUGE: u64 = 1;
const UNTYPED: u64 = 3;
const HISTOGRAM: u64 = 4;

/// Rewrites a whole exposition, or any part of it that begins and ends with a line. Counters and histograms count since
/// `created`. Families without a sample are left out.
pub fn rewrite(openmetrics: &str, natives: &Natives, created: SystemTime) -> Vec<u8> {
    let mut out = Vec::with_capacity(openmetrics.len());
    let mut family = Family::new("", "", created);
    for line in openmetrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family.finish(&mut out);
            let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
            family = Family::new(name, help, created);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            family.kind = match rest.rsplit(' ').next() {
                Some("counter") => COUNTER,
                Some("gauge") => GAUGE,
                Some("histogram") => HISTOGRAM,
                _ => UNTYPED,
            };
        } else if let Some(rest) = line.strip_prefix("# UNIT ") {
            family.unit = rest.rsplit(' ').next().unwrap_or_default();
        } else if let Some(sample) = Sample::parse(line) {
            family.add(sample, natives);
        }
    }
    family.finish(&mut out);
    out
}

/// The family whose lines are being read.
struct Family<'a> {
    name: &'a str,
    help: Cow<'a, str>,
    unit: &'a str,
    kind: u64,
    created: Message,
    metrics: Vec<Message>,
    histogram: Option<Histogram<'a>>,
}

/// A histogram whose lines are being read: its sum comes first, then its count, then its buckets.
struct Histogram<'a> {
    labels: Vec<(&'a str, Cow<'a, str>)>,
    message: Message,
    native: Option<Native>,
}

impl<'a> Family<'a> {
    fn new(name: &'a str, help: &'a str, created: SystemTime) -> Self {
        let help = unescape(help);
        Self {
            name,
            help,
            unit: "",
            kind: UNTYPED,
            created: timestamp(created),
            metrics: Vec::new(),
            histogram: None,
        }
    }

    fn add(&mut self, sample: Sample<'a>, natives: &Natives) {
        let mut value = Message::default();
        value.double(1, sample.value);
        let (field, message) = match self.kind {
            COUNTER => {
                value.message(3, &self.created);
                (3, value)
            }
            GAUGE => (2, value),
            HISTOGRAM => return self.add_to_histogram(sample, natives),
            _ => (5, value),
        };
        self.metrics.push(metric(&sample.labels, field, &message));
    }

    fn add_to_histogram(&mut self, sample: Sample<'a>, natives: &Natives) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts are whole and not negative"
        )]
        let count = sample.value as u64;
        match sample.name.strip_prefix(self.name) {
            Some("_sum") => {
                self.finish_histogram();
                let values: Vec<String> =
                    sample.labels.iter().map(|(_, value)| value.clone().into_owned()).collect();
                let native = natives.get(self.name).and_then(|rows| rows.get(&values)).cloned();
                let mut message = Message::default();
                message.double(2, sample.value);
                self.histogram = Some(Histogram { labels: sample.labels, message, native });
            }
            Some("_count") => {
                if let Some(histogram) = &mut self.histogram {
                    histogram.message.varint(1, count);
                }
            }
            Some("_bucket") => {
                let bound = sample.labels.iter().find(|(name, _)| *name == "le");
                let bound = bound.and_then(|(_, bound)| bound.parse().ok());
                if let (Some(histogram), Some(bound)) = (&mut self.histogram, bound) {
                    let mut bucket = Message::default();
                    bucket.varint(1, count);
                    bucket.double(2, bound);
                    histogram.message.message(3, &bucket);
                }
            }
            _ => {}
        }
    }

    fn finish_histogram(&mut self) {
        if let Some(Histogram { labels, mut message, native }) = self.histogram.take() {
            if let Some(native) = native {
                add_native(&mut message, &native);
            }
            message.message(15, &self.created);
            self.metrics.push(metric(&labels, 7, &message));
        }
    }

    fn finish(mut self, out: &mut Vec<u8>) {
        self.finish_histogram();
        if self.metrics.is_empty() {
            return;
        }
        let mut family = Message::default();
        let suffix = if self.kind == COUNTER { "_total" } else { "" };
        family.bytes(1, format!("{}{suffix}", self.name).as_bytes());
        family.bytes(2, self.help.as_bytes());
        family.varint(3, self.kind);
        self.metrics.iter().for_each(|metric| family.message(4, metric));
        if !self.unit.is_empty() {
            family.bytes(5, self.unit.as_bytes());
        }
        family.delimited(out);
    }
}

/// The threshold is always there: by it a reader knows a native histogram that has no observation yet.
fn add_native(message: &mut Message, native: &Native) {
    message.zigzag(5, native.schema().into());
    message.double(6, ZERO_THRESHOLD);
    message.varint(7, native.zero());
    for ((spans, deltas), Sparse { spans: runs, deltas: differences }) in
        [((9, 10), native.negative()), ((12, 13), native.positive())]
    {
        for (offset, length) in runs {
            let mut span = Message::default();
            span.zigzag(1, offset.into());
            span.varint(2, length.into());
            message.message(spans, &span);
        }
        if !differences.is_empty() {
            message.packed_zigzag(deltas, &differences);
        }
    }
}

/// `Metric` with its labels and one value.
fn metric(labels: &[(&str, Cow<'_, str>)], field: u64, value: &Message) -> Message {
    let mut metric = Message::default();
    for (name, text) in labels {
        let mut label = Message::default();
        label.bytes(1, name.as_bytes());
        label.bytes(2, text.as_bytes());
        metric.message(1, &label);
    }
    metric.message(field, value);
    metric
}

/// `google.protobuf.Timestamp`; before 1970 nobody counted.
fn timestamp(at: SystemTime) -> Message {
    let since: Duration = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut timestamp = Message::default();
    timestamp.varint(1, since.as_secs());
    timestamp.varint(2, since.subsec_nanos().into());
    timestamp
}

#[cfg(test)]
mod tests;
