//! What is counted of fetching keys: enough to raise an alarm before known keys grow too old.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// The name of an issuer in the settings: bounded, as they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfIssuer {
    pub issuer: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refresh {
    issuer: String,
    result: &'static str,
}

/// The families, without any series.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    refreshes: Family<Refresh, Counter>,
    last_success: Family<OfIssuer, Gauge<f64, AtomicU64>>,
    stale: Family<OfIssuer, Gauge>,
    keys: Family<OfIssuer, Gauge>,
    skipped: Family<OfIssuer, Gauge>,
    leaked: Family<OfIssuer, Gauge>,
    refused: Family<OfIssuer, Counter>,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "jwks_refreshes",
            "Attempts to fetch the keys of the issuer",
            metrics.refreshes.clone(),
        );
        registry.register_with_unit(
            "jwks_last_success_timestamp",
            "When the keys of the issuer were last fetched, 0 before the first time and for keys from a file",
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

    /// The series of one issuer, every one of which exists from now on.
    pub fn of(&self, issuer: &str) -> IssuerMetrics {
        let of = OfIssuer { issuer: issuer.to_owned() };
        let refreshes =
            |result| self.refreshes.get_or_create_owned(&Refresh { issuer: issuer.to_owned(), result });
        let metrics = IssuerMetrics {
            good: refreshes("ok"),
            failed: refreshes("failed"),
            last_success: self.last_success.get_or_create_owned(&of),
            stale: self.stale.get_or_create_owned(&of),
            keys: self.keys.get_or_create_owned(&of),
            skipped: self.skipped.get_or_create_owned(&of),
            leaked: self.leaked.get_or_create_owned(&of),
            refused: self.refused.get_or_create_owned(&of),
        };
        metrics.stale.set(1);
        metrics
    }
}

/// The state of one key set.
#[derive(Clone, Debug)]
pub struct IssuerMetrics {
    good: Counter,
    failed: Counter,
    last_success: Gauge<f64, AtomicU64>,
    stale: Gauge,
    keys: Gauge,
    skipped: Gauge,
    leaked: Gauge,
    refused: Counter,
}

impl IssuerMetrics {
    pub fn succeed(&self, at_seconds: f64, keys: usize, skipped: usize, leaked: usize) {
        self.last_success.set(at_seconds);
        self.good.inc();
        self.hold(keys, skipped, leaked);
    }

    /// For keys that are not fetched.
    pub fn hold(&self, keys: usize, skipped: usize, leaked: usize) {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.keys.set(count(keys));
        self.skipped.set(count(skipped));
        self.leaked.set(count(leaked));
    }

    pub fn fail(&self) {
        self.failed.inc();
    }

    pub fn refuse(&self) {
        self.refused.inc();
    }

    pub fn stale(&self, stale: bool) {
        self.stale.set(i64::from(stale));
    }
}
