//! Log lines that strangers cause: at most about one a second for each reason, saying how many were left out.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{Method, Uri};
use tracing::{info, warn};

use crate::limit::lockout::Locked;

const QUIET: Duration = Duration::from_secs(1);

/// Which reasons had a line of late. They are a closed set, so the table is bounded.
#[derive(Debug, Default)]
struct Throttle(Mutex<HashMap<&'static str, Line>>);

#[derive(Clone, Copy, Debug)]
struct Line {
    written: Instant,
    suppressed: u64,
}

impl Throttle {
    /// How many lines were left out since the last one, when it is time for another.
    fn due(&self, reason: &'static str, now: Instant) -> Option<u64> {
        let mut reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match reasons.get_mut(reason) {
            Some(line) if now.saturating_duration_since(line.written) < QUIET => {
                line.suppressed += 1;
                None
            }
            known => {
                let suppressed = known.map_or(0, |line| line.suppressed);
                reasons.insert(reason, Line { written: now, suppressed: 0 });
                Some(suppressed)
            }
        }
    }
}

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

    /// Logs the path without its query: some send their token there.
    pub fn log(
        &self,
        auth_method: &'static str,
        reason: &'static str,
        address: impl Display,
        method: &Method,
        uri: &Uri,
    ) {
        if let Some(suppressed) = self.due(reason) {
            let (method, path) = (method.as_str(), uri.path());
            info!(%address, method, path, auth_method, reason, suppressed, "refused a request");
        }
    }

    /// Says why the address is locked, too, and for how many seconds yet.
    pub fn log_locked(&self, locked: &Locked, address: impl Display, method: &Method, uri: &Uri) {
        let reason = "locked";
        if let Some(suppressed) = self.due(reason) {
            let (method, path, seconds_left) = (method.as_str(), uri.path(), locked.retry_after());
            let last_reason = locked.cause;
            info!(
                %address,
                method,
                path,
                auth_method = "none",
                reason,
                last_reason,
                seconds_left,
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
    fn writes_one_line_a_second_for_each_reason_and_counts_the_rest() {
        let throttle = Throttle::default();
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let cases = [
            ("wrong_token", 0, Some(0)),
            ("wrong_token", 10, None),
            ("locked", 20, Some(0)),
            ("wrong_token", 999, None),
            ("wrong_token", 1_000, Some(2)),
            ("wrong_token", 2_500, Some(0)),
        ];
        for (reason, millis, expected) in cases {
            assert_eq!(throttle.due(reason, at(millis)), expected, "{reason} at {millis}");
        }
        assert_eq!(RejectLog::new(false).due("locked"), None);
    }
}
