//! One log line a rejection, at most about one a second for each reason, saying how many were left out.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{Method, Uri};
use tracing::info;

const QUIET: Duration = Duration::from_secs(1);

/// Reasons are a closed set, so the table is bounded.
#[derive(Debug)]
pub struct RejectLog {
    enabled: bool,
    reasons: Mutex<HashMap<&'static str, Line>>,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    written: Instant,
    suppressed: u64,
}

impl RejectLog {
    pub fn new(enabled: bool) -> Self {
        Self { enabled, reasons: Mutex::default() }
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
        if let Some(suppressed) = self.due(reason, Instant::now()) {
            let (method, path) = (method.as_str(), uri.path());
            info!(%address, method, path, auth_method, reason, suppressed, "refused a request");
        }
    }

    /// How many lines were left out since the last one, when it is time for another.
    fn due(&self, reason: &'static str, now: Instant) -> Option<u64> {
        if !self.enabled {
            return None;
        }
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_one_line_a_second_for_each_reason_and_counts_the_rest() {
        let log = RejectLog::new(true);
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
            assert_eq!(log.due(reason, at(millis)), expected, "{reason} at {millis}");
        }
        assert_eq!(RejectLog::new(false).due("locked", start), None);
    }
}
