//! The wall clock, as the wiring supplies it: for the claims of tokens and for timestamps in metrics.
//!
//! Lifetimes inside the process are measured on tokio's monotonic clock instead, which no administrator can set back.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl WallClock {
    pub fn new(read: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub fn now(&self) -> SystemTime {
        (self.0)()
    }

    /// Seconds since 1970, as RFC 7519 section 2 has a NumericDate; 0 for a clock that stands before that.
    pub fn seconds(&self) -> f64 {
        self.now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}
