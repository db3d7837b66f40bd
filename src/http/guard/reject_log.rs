//! Log lines that strangers cause: at most about one a second for each reason, saying how many were left out.

use std::fmt::Display;
use std::time::Instant;

use tracing::field::display as shown;
use tracing::{info, warn};

use super::asked::Asked;
use crate::limit::lockout::Locked;
use crate::telemetry::throttle::Throttle;

/// One line a refusal.
#[derive(Debug)]
pub struct RejectLog {
    enabled: bool,
    throttle: Throttle,
}

impl RejectLog {
    pub fn new(enabled: bool) -> Self {
        Self { enabled, throttle: Throttle::default() }
    }

    pub fn log(&self, auth_method: &'static str, reason: &'static str, address: impl Display, asked: &Asked) {
        if let Some(suppressed) = self.due(reason) {
            info!(
                endpoint = asked.resource().label(),
                %address,
                method = asked.method().as_str(),
                host = asked.host().map(shown),
                path = %asked.path(),
                auth_method,
                reason,
                detail = asked.unclear(),
                suppressed,
                "refused a request"
            );
        }
    }

    /// Says why the address is locked, too, and for how many seconds yet.
    pub fn log_locked(&self, locked: &Locked, address: impl Display, asked: &Asked) {
        let reason = "locked";
        if let Some(suppressed) = self.due(reason) {
            info!(
                endpoint = asked.resource().label(),
                %address,
                method = asked.method().as_str(),
                host = asked.host().map(shown),
                path = %asked.path(),
                auth_method = "none",
                reason,
                last_reason = locked.cause,
                seconds_left = locked.retry_after(),
                suppressed,
                "refused a request"
            );
        }
    }

    fn due(&self, reason: &'static str) -> Option<u64> {
        if self.enabled { self.throttle.due(reason, Instant::now()) } else { None }
    }
}

/// One line a lock.
#[derive(Debug, Default)]
pub struct LockLog(Throttle);

impl LockLog {
    pub fn log(&self, reason: &'static str, address: impl Display, seconds: u64) {
        if let Some(suppressed) = self.0.due("locked", Instant::now()) {
            warn!(
                %address,
                reason,
                seconds,
                suppressed,
                "locked an address after too many different wrong credentials; SIGHUP lifts all locks"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_off_writes_nothing() {
        assert_eq!(RejectLog::new(true).due("locked"), Some(0));
        assert_eq!(RejectLog::new(false).due("locked"), None);
    }
}
