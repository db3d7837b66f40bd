//! `librechat_exporter_auth_locked_addresses`, counted when it is read.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::limit::lockout::Lockout;

#[derive(Debug)]
pub struct LockedAddresses(Option<Arc<Lockout>>);

impl LockedAddresses {
    /// 0 when there is no lockout.
    pub fn register(lockout: Option<Arc<Lockout>>, registry: &mut Registry) {
        registry.register("auth_locked_addresses", "Addresses that are locked for guessing", Self(lockout));
    }
}

impl EncodeMetric for LockedAddresses {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let locked = self.0.as_ref().map_or(0, |lockout| lockout.locked(Instant::now()));
        encoder.encode_gauge(&u64::try_from(locked).unwrap_or(u64::MAX))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}
