//! The exposition: one finished collection, rendered once and compressed at most once, published to readers.
//!
//! Invariants:
//! - A [`Snapshot`] never changes. A reader takes the current one and keeps it: no scrape sees half an update, and no
//!   lock is held while anything is rendered.
//! - What is served is the snapshot and, behind it, the exporter's own live metrics, in every coding one well-formed
//!   body: the snapshot is compressed when a coding is first asked for, the live part (a few KiB) for each scrape.
//! - Values of one snapshot are of one instant, [`Snapshot::at`].

pub mod age;
pub mod body;
pub mod buckets;
pub mod cap;
pub mod classic;
pub mod family;
pub mod history;
pub mod label;
pub mod limit;
pub mod native;
pub mod optional;
pub mod protobuf;
pub mod samples;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

use self::body::{Coded, Coding};
use self::protobuf::Natives;
use self::samples::Samples;
use crate::secret::Live;

/// Which format a scraper asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' own text format 0.0.4.
    Classic,
    /// Prometheus' protocol buffers, the only format with native histograms.
    Protobuf,
}

impl Format {
    /// Prometheus 3 refuses an answer whose type it does not know, so these are to the letter.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }
}

/// One finished collection.
#[derive(Debug)]
pub struct Snapshot {
    /// The instant that all its values are of.
    pub at: SystemTime,
    /// When it was folded, for its age: a clock that is set back must not make it young.
    folded: Instant,
    openmetrics: Coded,
    classic: Coded,
    natives: Natives,
    /// Made when it is first asked for, as the codings are: few ask.
    protobuf: OnceLock<Coded>,
}

impl Snapshot {
    /// Renders, which takes milliseconds for a large exposition.
    pub fn render(samples: Samples, at: SystemTime, folded: Instant) -> Self {
        let natives = samples.natives();
        let openmetrics = samples.render();
        let classic = classic::rewrite(&openmetrics);
        Self {
            at,
            folded,
            openmetrics: Coded::new(openmetrics),
            classic: Coded::new(classic),
            natives,
            protobuf: OnceLock::new(),
        }
    }

    fn coded(&self, format: Format, created: SystemTime) -> &Coded {
        match format {
            Format::OpenMetrics => &self.openmetrics,
            Format::Classic => &self.classic,
            Format::Protobuf => self.protobuf.get_or_init(|| {
                // It was text a moment ago.
                let text = str::from_utf8(self.openmetrics.identity()).unwrap_or_default();
                Coded::new(protobuf::rewrite(text, &self.natives, created))
            }),
        }
    }
}

/// Where the collector publishes and scrapes read.
pub struct Exposition {
    snapshot: Live<Option<Arc<Snapshot>>>,
    registry: Registry,
    max_staleness: Duration,
    /// When the counters were 0.
    created: SystemTime,
}

impl fmt::Debug for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exposition").field("max_staleness", &self.max_staleness).finish_non_exhaustive()
    }
}

impl Exposition {
    /// `registry` holds the exporter's own metrics, read anew for each scrape; a snapshot older than `max_staleness`
    /// is left out, so that old values do not pass for current ones.
    /// All counters began at `created`.
    pub fn new(registry: Registry, max_staleness: Duration, created: SystemTime) -> Self {
        Self { snapshot: Live::new(None), registry, max_staleness, created }
    }

    pub fn publish(&self, snapshot: Snapshot) {
        self.snapshot.replace(Some(Arc::new(snapshot)));
    }

    /// The body of one scrape at `now`: parts that are to be sent one after another.
    pub fn body(&self, format: Format, coding: Coding, now: Instant) -> Vec<Bytes> {
        let current = self.snapshot.current();
        let fresh = current
            .as_ref()
            .as_ref()
            .filter(|snapshot| now.saturating_duration_since(snapshot.folded) <= self.max_staleness);
        body::splice(coding, fresh.map(|snapshot| snapshot.coded(format, self.created)), self.live(format))
    }

    /// The exporter's own metrics as they are now, with the end marker where the format has one.
    pub fn live(&self, format: Format) -> Bytes {
        let mut text = String::with_capacity(16 * 1024);
        // Writing to a String fails only when a metric does, and ours are integers and constants.
        let _ = encode_registry(&mut text, &self.registry);
        match format {
            Format::OpenMetrics => {
                let _ = encode_eof(&mut text);
                text.into()
            }
            Format::Classic => classic::rewrite(&text).into(),
            Format::Protobuf => protobuf::rewrite(&text, &Natives::new(), self.created).into(),
        }
    }
}
