//! How the collection stands: for probes, and as metrics of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::indexes::{self, Indexes, OPTIONAL};
use super::record::fields::Oddities;
use super::record::{Collection, Moment};
use crate::exposition::age::Age;
use crate::exposition::optional::OptionalGauge;

/// Whether the source answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reach {
    /// Not known yet.
    Connecting = 0,
    Connected = 1,
    Disconnected = 2,
}

impl Reach {
    /// The word in the body of `/health`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DocumentLabels {
    collection: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModeLabel {
    mode: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CapabilityLabel {
    capability: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IndexLabels {
    collection: &'static str,
    key: String,
}

/// The Node exporter has a group for each of its tiers; we have one tier.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GroupLabel {
    metric_group: &'static str,
}

/// Seconds from which on a lag of the majority makes figures older: a replica set writes at least every ten.
const NOTABLE_LAG: f64 = 15.0;

const ALL: GroupLabel = GroupLabel { metric_group: "all" };

/// The state of the collection, written by the collector, read by everyone.
#[derive(Debug)]
pub struct Status {
    reach: AtomicU8,
    folded: AtomicBool,
    up: Gauge,
    connected: Gauge,
    snapshot: OptionalGauge,
    duration: Histogram,
    refreshes: Family<ResultLabel, Counter>,
    read: Family<DocumentLabels, Counter>,
    /// The same since it was last asked for the log; the reasons are few.
    lately: Mutex<BTreeMap<&'static str, u64>>,
    skipped: Family<DocumentLabels, Counter>,
    mode: Family<ModeLabel, Gauge>,
    missing_indexes: Family<IndexLabels, Gauge>,
    progress: OptionalGauge,
    collections_found: OptionalGauge,
    majority_lag: OptionalGauge,
    capabilities: Family<CapabilityLabel, Gauge>,
    unverified: Age,
    last_duration: Family<GroupLabel, OptionalGauge>,
    errors: Family<GroupLabel, Counter>,
    last_success: Family<GroupLabel, OptionalGauge>,
}

impl Status {
    /// Registers `librechat_up` at the root of `registry`, everything else below `librechat_exporter`.
    pub fn register(registry: &mut Registry, clock: fn() -> SystemTime) -> Self {
        let status = Self {
            reach: AtomicU8::new(Reach::Connecting as u8),
            folded: AtomicBool::new(false),
            up: Gauge::default(),
            connected: Gauge::default(),
            snapshot: OptionalGauge::default(),
            duration: Histogram::new(exponential_buckets(0.005, 2.0, 16)),
            refreshes: Family::default(),
            read: Family::default(),
            lately: Mutex::default(),
            skipped: Family::default(),
            mode: Family::default(),
            missing_indexes: Family::default(),
            progress: OptionalGauge::default(),
            collections_found: OptionalGauge::default(),
            majority_lag: OptionalGauge::default(),
            capabilities: Family::default(),
            unverified: Age::new(clock),
            last_duration: Family::default(),
            errors: Family::default(),
            last_success: Family::default(),
        };
        for result in ["ok", "failed"] {
            let _ = status.refreshes.get_or_create(&ResultLabel { result });
        }
        let _ = status.errors.get_or_create(&ALL);
        status.describe(registry);
        status
    }

    fn describe(&self, registry: &mut Registry) {
        registry.register("librechat_up", "Whether the last refresh succeeded", self.up.clone());
        let own = registry.sub_registry_with_prefix("librechat_exporter");
        own.register("mongo_connected", "Whether MongoDB answers", self.connected.clone());
        let help = "The instant that the LibreChat figures are of; they are read on a clock of their own, not on scrape";
        own.register_with_unit("snapshot_timestamp", help, Unit::Seconds, self.snapshot.clone());
        own.register_with_unit("refresh_duration", "Time of a refresh", Unit::Seconds, self.duration.clone());
        own.register("refreshes", "Refreshes by result", self.refreshes.clone());
        let help = "Documents read, each time one is read, by why it was";
        own.register("documents_read", help, self.read.clone());
        let help = "Documents read that had a field of an odd type and are left out of the figures that it feeds, \
                    by that field";
        own.register("documents_skipped", help, self.skipped.clone());
        let help = "How changes are found: once reads everything a single time, change_stream is told of them by MongoDB, \
                    polling reads what is new and recent at each refresh, and the rest in rotation";
        own.register("sync_mode", help, self.mode.clone());
        let help = "Whether an optional index is missing by which polling finds late changes at once; 0 where changes are \
                    told of (no sample while that is not known)";
        own.register("missing_indexes", help, self.missing_indexes.clone());
        let help = "How much of the first fold is done";
        own.register("first_fold_progress_ratio", help, self.progress.clone());
        let help = "How many of LibreChat's collections the database has; 0 where it is empty, or another than LibreChat's";
        own.register("collections_found", help, self.collections_found.clone());
        let help = "How far the newest write that a majority of the replica set has is behind the newest one: figures are as \
                    old as that (only where there is a replica set)";
        own.register_with_unit("majority_lag", help, Unit::Seconds, self.majority_lag.clone());
        let help = "Whether the server can do what it is asked for; 0 is done without, in the next best way";
        own.register("server_capability", help, self.capabilities.clone());
        let help = "How long ago the part of history that was verified least recently was verified";
        own.register_with_unit("oldest_unverified", help, Unit::Seconds, self.unverified.clone());
        let help = "Duration of the last refresh (a name of the Node exporter)";
        own.register_with_unit("scrape_duration", help, Unit::Seconds, self.last_duration.clone());
        own.register(
            "scrape_errors",
            "Refreshes that failed (a name of the Node exporter)",
            self.errors.clone(),
        );
        let help = "When the last refresh succeeded, in seconds since 1970 (a name of the Node exporter)";
        own.register("last_successful_scrape_timestamp", help, self.last_success.clone());
    }

    pub fn reach(&self) -> Reach {
        match self.reach.load(Ordering::Relaxed) {
            1 => Reach::Connected,
            2 => Reach::Disconnected,
            _ => Reach::Connecting,
        }
    }

    /// Whether there is anything to serve: the first fold is done.
    pub fn is_folded(&self) -> bool {
        self.folded.load(Ordering::Relaxed)
    }

    pub(super) fn set_reach(&self, reach: Reach) {
        self.reach.store(reach as u8, Ordering::Relaxed);
        self.connected.set(i64::from(reach == Reach::Connected));
    }

    pub(super) fn succeeded(&self, at: SystemTime, took: Duration) {
        let seconds = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        self.folded.store(true, Ordering::Relaxed);
        self.up.set(1);
        // What is read is as old as what a majority has. Below that the writes of seconds are told apart by no server.
        let lag = self.majority_lag.value().filter(|lag| *lag >= NOTABLE_LAG).unwrap_or_default();
        self.snapshot.set(seconds - lag);
        self.last_success.get_or_create(&ALL).set(seconds);
        self.refreshes.get_or_create(&ResultLabel { result: "ok" }).inc();
        self.finished(took);
    }

    /// Of a single pass: what a refresh that succeeded says.
    pub fn finish_once(&self, at: SystemTime, took: Duration) {
        self.set_reach(Reach::Connected);
        self.set_mode("once");
        self.succeeded(at, took);
    }

    pub(super) fn failed(&self, took: Duration) {
        self.up.set(0);
        self.errors.get_or_create(&ALL).inc();
        self.refreshes.get_or_create(&ResultLabel { result: "failed" }).inc();
        self.finished(took);
    }

    fn finished(&self, took: Duration) {
        self.duration.observe(took.as_secs_f64());
        self.last_duration.get_or_create(&ALL).set(took.as_secs_f64());
    }

    pub(super) fn set_mode(&self, mode: &'static str) {
        let label = ModeLabel { mode };
        if self.mode.get(&label).is_none() {
            self.mode.clear();
            self.mode.get_or_create(&label).set(1);
        }
    }

    /// Says which optional indexes are missing: none where they would be of no use.
    pub fn tell_indexes(&self, found: Option<&Indexes>) {
        for collection in OPTIONAL {
            let labels = IndexLabels { collection: collection.name(), key: indexes::key() };
            let is_missing = found.is_some_and(|indexes| indexes.of(*collection).is_none());
            self.missing_indexes.get_or_create(&labels).set(i64::from(is_missing));
        }
    }

    /// How many of LibreChat's collections the database has.
    #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
    pub fn set_collections_found(&self, found: usize) {
        self.collections_found.set(found as f64);
    }

    /// How far what a majority has is behind; none where nothing is known of that.
    pub(super) fn set_majority_lag(&self, lag: Option<Duration>) {
        self.majority_lag.set(lag.map_or(f64::NAN, |lag| lag.as_secs_f64()));
    }

    pub(super) fn set_capabilities(&self, capabilities: &[(&'static str, bool)]) {
        for (capability, has) in capabilities {
            self.capabilities.get_or_create(&CapabilityLabel { capability }).set(i64::from(*has));
        }
    }

    /// Of the first fold: between 0 and 1.
    pub(super) fn set_progress(&self, ratio: f64) {
        self.progress.set(ratio);
    }

    pub(super) fn set_verified_since(&self, oldest: Moment) {
        self.unverified.set_since(oldest.seconds_since(Moment(0)));
    }

    /// Documents read since this was last asked, by why they were: `12 recent, 256 rotation`.
    pub fn take_lately_read(&self) -> String {
        let lately = std::mem::take(&mut *self.lately.lock().unwrap_or_else(PoisonError::into_inner));
        let parts: Vec<_> = lately.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        if parts.is_empty() { "nothing".into() } else { parts.join(", ") }
    }

    pub(super) fn tally(&self, collection: Collection, reason: &'static str, tally: Tally) {
        let labels = |reason| DocumentLabels { collection: collection.name(), reason };
        self.read.get_or_create(&labels(reason)).inc_by(tally.read);
        *self.lately.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += tally.read;
        for (field, count) in tally.odd {
            self.skipped.get_or_create(&labels(field)).inc_by(count);
        }
    }
}

/// What was read of one collection: counted here first, so that no document costs a look-up of a label.
#[derive(Debug, Default)]
pub struct Tally {
    read: u64,
    odd: Vec<(&'static str, u64)>,
}

impl Tally {
    /// Of documents that were counted as odd before.
    pub fn without_oddities(self) -> Self {
        Self { odd: Vec::new(), ..self }
    }

    /// Of all documents.
    pub const fn count(&self) -> u64 {
        self.read
    }

    pub fn add(&mut self, oddities: &Oddities) {
        self.read += 1;
        for field in oddities.fields() {
            match self.odd.iter_mut().find(|(known, _)| known == field) {
                Some((_, count)) => *count += 1,
                None => self.odd.push((field, 1)),
            }
        }
    }
}
