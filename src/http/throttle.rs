//! Log lines that clients can cause at will: at most one a second of each kind.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const QUIET: Duration = Duration::from_secs(1);

/// Which lines are due. Kinds are a closed set, so the table is bounded.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<HashMap<&'static str, Line>>);

#[derive(Clone, Copy, Debug)]
struct Line {
    written: Instant,
    suppressed: u64,
}

impl Throttle {
    /// How many lines of this kind were left out since the last one, when it is time for another.
    pub fn due(&self, kind: &'static str, now: Instant) -> Option<u64> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match lines.get_mut(kind) {
            Some(line) if now.saturating_duration_since(line.written) < QUIET => {
                line.suppressed += 1;
                None
            }
            known => {
                let suppressed = known.map_or(0, |line| line.suppressed);
                lines.insert(kind, Line { written: now, suppressed: 0 });
                Some(suppressed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_of_each_kind_says_how_many_were_left_out() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let due = |kind, millis| throttle.due(kind, start + Duration::from_millis(millis));
        assert_eq!(due("a", 0), Some(0));
        assert_eq!(due("a", 999), None);
        assert_eq!(due("b", 999), Some(0));
        assert_eq!(due("a", 1000), Some(1));
        assert_eq!(due("a", 5000), Some(0));
    }
}
