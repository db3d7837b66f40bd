//! The wall clock: read in one place, handed from there to whoever needs it, so that tests can hand another.

use std::time::SystemTime;

#[expect(clippy::disallowed_methods, reason = "the one place that time comes in at")]
pub fn now() -> SystemTime {
    SystemTime::now()
}
