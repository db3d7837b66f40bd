//! A gauge of how long ago something was, as of the scrape: it grows while nothing happens.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Seconds since an instant, and no sample until there is one.
#[derive(Clone, Debug)]
pub struct Age {
    /// Seconds since 1970, as the bits of an `f64`; not a number is not set.
    since: Arc<AtomicU64>,
    clock: fn() -> SystemTime,
}

impl Age {
    pub fn new(clock: fn() -> SystemTime) -> Self {
        Self { since: Arc::new(AtomicU64::new(f64::NAN.to_bits())), clock }
    }

    /// In seconds since 1970.
    pub fn set_since(&self, seconds: f64) {
        self.since.store(seconds.to_bits(), Ordering::Relaxed);
    }

    fn seconds(&self) -> Option<f64> {
        let since = f64::from_bits(self.since.load(Ordering::Relaxed));
        let now = (self.clock)().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        Some((now - since).max(0.0)).filter(|_| since.is_finite())
    }
}

impl TypedMetric for Age {
    const TYPE: MetricType = MetricType::Gauge;
}

impl EncodeMetric for Age {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        self.seconds().map_or(Ok(()), |seconds| encoder.encode_gauge(&seconds))
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_age_grows_with_the_clock_and_is_never_negative() {
        let age = Age::new(|| SystemTime::UNIX_EPOCH + Duration::from_secs(1_000));
        assert_eq!(age.seconds(), None);
        age.set_since(940.0);
        assert_eq!(age.seconds(), Some(60.0));
        age.set_since(1_001.0);
        assert_eq!(age.seconds(), Some(0.0));
    }
}
