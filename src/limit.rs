//! How often an address may ask ([`rate`]), how often it may be wrong ([`lockout`]), and what it was right with
//! ([`known_good`]).
//!
//! Invariants: `now` is an argument and monotonic, so a wall clock that jumps changes nothing; each table holds at most
//! [`MAX_ADDRESSES`], and a flood of addresses makes it forget the one that was idle longest; no call waits for
//! anything but a short mutex. Counters live in memory and begin anew with the process.
//!
//! This module knows no HTTP and logs nothing.

pub mod credential;
pub mod key;
pub mod known_good;
pub mod lockout;
pub mod rate;
mod window;

use std::num::NonZeroUsize;
use std::time::Duration;

/// How many addresses a table remembers.
pub const MAX_ADDRESSES: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

/// Whole seconds for `Retry-After` (RFC 9110 section 10.2.3), rounded up: who waits this long has waited long enough.
fn seconds_rounded_up(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_started_second_is_a_second() {
        for (nanos, seconds) in [(0, 0), (1, 1), (999_999_999, 1), (1_000_000_000, 1), (1_000_000_001, 2)] {
            assert_eq!(seconds_rounded_up(Duration::from_nanos(nanos)), seconds, "{nanos} ns");
        }
    }
}
