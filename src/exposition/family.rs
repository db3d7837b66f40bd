//! What a metric family is: its name, type, labels and help, known at compile time.

use prometheus_client::metrics::MetricType;

/// The types of families that a snapshot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Gauge,
    Counter,
    Histogram,
}

impl Kind {
    pub(super) const fn metric_type(self) -> MetricType {
        match self {
            Self::Gauge => MetricType::Gauge,
            Self::Counter => MetricType::Counter,
            Self::Histogram => MetricType::Histogram,
        }
    }
}

/// A family with `L` labels. Its samples carry exactly that many values, which the compiler checks.
#[derive(Debug)]
pub struct Family<const L: usize> {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    rest: Rest,
    is_momentary: bool,
    labels: [&'static str; L],
}

/// What becomes of the smallest values of a label when there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// They go into `other`: sums and counts are added up, means and percentages pooled.
    Pool,
    /// They are left out: what they come to together cannot be told from their values.
    LeaveOut,
}

impl<const L: usize> Family<L> {
    /// A gauge; `help` is one sentence without a full stop.
    pub const fn gauge(name: &'static str, labels: [&'static str; L], help: &'static str) -> Self {
        Self { name, help, kind: Kind::Gauge, rest: Rest::Pool, is_momentary: false, labels }
    }

    /// A counter; `name` ends in `_total`.
    pub const fn counter(name: &'static str, labels: [&'static str; L], help: &'static str) -> Self {
        Self { name, help, kind: Kind::Counter, rest: Rest::Pool, is_momentary: false, labels }
    }

    /// A histogram; `name` ends in the unit of what is observed.
    pub const fn histogram(name: &'static str, labels: [&'static str; L], help: &'static str) -> Self {
        Self { name, help, kind: Kind::Histogram, rest: Rest::Pool, is_momentary: false, labels }
    }

    /// For distinct numbers, ages and what is always 1 (`_info`), which do not add up over labels.
    #[must_use]
    pub const fn not_additive(self) -> Self {
        Self { rest: Rest::LeaveOut, ..self }
    }

    /// For what is written over or deleted without a trace: the documents that there are now do not tell what it was at an
    /// earlier instant.
    #[must_use]
    pub const fn momentary(self) -> Self {
        Self { is_momentary: true, ..self }
    }

    pub const fn describe(&'static self) -> Description {
        Description {
            name: self.name,
            help: self.help,
            kind: self.kind,
            rest: self.rest,
            is_momentary: self.is_momentary,
            labels: &self.labels,
        }
    }
}

/// A family without its number of labels in the type: for lists, for the writer, for the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// As the classic format shows it: with `_total` on counters.
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    pub rest: Rest,
    /// Whether nothing can be told of the past.
    pub is_momentary: bool,
    pub labels: &'static [&'static str],
}

impl Description {
    /// Whether its samples are always 1 and tell by their labels alone.
    pub fn is_info(&self) -> bool {
        self.name.ends_with("_info")
    }
}
