//! What is counted of fetching keys: enough to raise an alarm before known keys grow too old.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    result: &'static str,
}

const OK: Labels = Labels { result: "ok" };
const FAILED: Labels = Labels { result: "failed" };

/// The state of the key set, every series of which exists from the start.
#[derive(Clone, Debug)]
pub struct Metrics {
    refreshes: Family<Labels, Counter>,
    last_success: Gauge<f64, AtomicU64>,
    stale: Gauge,
    keys: Gauge,
    skipped: Gauge,
    leaked: Gauge,
    refused: Counter,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            refreshes: Family::default(),
            last_success: Gauge::default(),
            stale: Gauge::default(),
            keys: Gauge::default(),
            skipped: Gauge::default(),
            leaked: Gauge::default(),
            refused: Counter::default(),
        };
        for labels in [OK, FAILED] {
            let _ = metrics.refreshes.get_or_create(&labels);
        }
        metrics.stale.set(1);
        registry.register(
            "jwks_refreshes",
            "Attempts to fetch the keys of the issuer",
            metrics.refreshes.clone(),
        );
        registry.register_with_unit(
            "jwks_last_success_timestamp",
            "When the keys of the issuer were last fetched, 0 before the first time",
            Unit::Seconds,
            metrics.last_success.clone(),
        );
        registry.register(
            "jwks_stale",
            "Whether the keys of the issuer are older than their lifetime, or missing",
            metrics.stale.clone(),
        );
        registry.register("jwks_keys", "Keys of the issuer that are in use", metrics.keys.clone());
        registry.register(
            "jwks_skipped_keys",
            "Published keys that are not used, because of their type, use, size or algorithm",
            metrics.skipped.clone(),
        );
        registry.register(
            "jwks_leaked_keys",
            "Keys that the issuer publishes together with their private half",
            metrics.leaked.clone(),
        );
        registry.register(
            "jwks_refused_refreshes",
            "Tokens with an unknown key for which the issuer was not asked, because the budget was used up",
            metrics.refused.clone(),
        );
        metrics
    }

    pub fn succeed(&self, at_seconds: f64, keys: usize, skipped: usize, leaked: usize) {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.last_success.set(at_seconds);
        self.keys.set(count(keys));
        self.skipped.set(count(skipped));
        self.leaked.set(count(leaked));
        self.refreshes.get_or_create(&OK).inc();
    }

    pub fn fail(&self) {
        self.refreshes.get_or_create(&FAILED).inc();
    }

    pub fn refuse(&self) {
        self.refused.inc();
    }

    pub fn stale(&self, stale: bool) {
        self.stale.set(i64::from(stale));
    }
}
