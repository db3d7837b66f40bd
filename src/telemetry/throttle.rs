//! Log lines that strangers can cause: at most one a second for each reason, which says how many were left out.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const QUIET: Duration = Duration::from_secs(1);

/// Which reasons had a line of late. They are a closed set, so the table is bounded.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<HashMap<&'static str, Line>>);

#[derive(Clone, Copy, Debug)]
struct Line {
    written: Instant,
    suppressed: u64,
}

impl Throttle {
    /// How many lines were left out since the last one, when it is time for another.
    pub fn due(&self, reason: &'static str, now: Instant) -> Option<u64> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_one_line_a_second_through_for_each_reason_and_counts_the_rest() {
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
    }
}
