//! What a metric family is: its name, type, labels and help, known at compile time.

use prometheus_client::metrics::MetricType;

/// The types of families that a snapshot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Gauge,
    Counter,
}

impl Kind {
    pub(super) const fn metric_type(self) -> MetricType {
        match self {
            Self::Gauge => MetricType::Gauge,
            Self::Counter => MetricType::Counter,
        }
    }
}

/// A family with `L` labels. Its samples carry exactly that many values, which the compiler checks.
#[derive(Debug)]
pub struct Family<const L: usize> {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    labels: [&'static str; L],
}

impl<const L: usize> Family<L> {
    /// A gauge; `help` is one sentence without a full stop.
    pub const fn gauge(name: &'static str, labels: [&'static str; L], help: &'static str) -> Self {
        Self { name, help, kind: Kind::Gauge, labels }
    }

    /// A counter; `name` ends in `_total`.
    pub const fn counter(name: &'static str, labels: [&'static str; L], help: &'static str) -> Self {
        Self { name, help, kind: Kind::Counter, labels }
    }

    pub const fn describe(&'static self) -> Description {
        Description { name: self.name, help: self.help, kind: self.kind, labels: &self.labels }
    }
}

/// A family without its number of labels in the type: for lists, for the writer, for the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// As the classic format shows it: with `_total` on counters.
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
}
