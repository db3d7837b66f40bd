//! Tokens that were verified a moment ago: so that a scrape does not cost a signature check each time.
//!
//! Invariants: only tokens that were let in are in it; an entry holds for the whole text (its SHA-256), for at most
//! `LIFETIME`, not beyond the token's own limits, and only with the key set of the issuer that verified it. At most
//! `MOST_TOKENS` entries.

use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

use crate::secret::Fingerprint;

const LIFETIME: Duration = Duration::from_secs(60);
const MOST_TOKENS: u64 = 10_000;

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Which issuer's rules and keys let it in.
    issuer: usize,
    /// Of that issuer's key set.
    generation: u64,
    at: Instant,
    /// Seconds since 1970.
    until: f64,
}

#[derive(Debug)]
pub(super) struct Verified(Cache<Fingerprint, Entry>);

impl Verified {
    pub(super) fn new() -> Self {
        // The time-to-live only frees memory; what counts is checked on reading, on the clocks that are arguments.
        Self(Cache::builder().max_capacity(MOST_TOKENS).time_to_live(LIFETIME).build())
    }

    /// `generation` tells the key set that an issuer has now, if it may be believed.
    pub(super) fn holds(
        &self,
        token: &Fingerprint,
        generation: impl Fn(usize) -> Option<u64>,
        at: Instant,
        seconds: f64,
    ) -> bool {
        self.0.get(token).is_some_and(|entry| {
            generation(entry.issuer) == Some(entry.generation)
                && at.saturating_duration_since(entry.at) < LIFETIME
                && seconds < entry.until
        })
    }

    pub(super) fn remember(
        &self,
        token: Fingerprint,
        issuer: usize,
        generation: u64,
        at: Instant,
        until: f64,
    ) {
        self.0.insert(token, Entry { issuer, generation, at, until });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_162_164_an_entry_ends_with_a_minute_with_the_token_and_with_the_keys() {
        let verified = Verified::new();
        let token = Fingerprint::of(b"a.b.c");
        let at = Instant::now();
        let of = |generation| move |issuer| (issuer == 3).then_some(generation);
        assert!(!verified.holds(&token, of(1), at, 0.0));
        verified.remember(token, 3, 1, at, 1000.0);
        let cases = [
            (1, Duration::ZERO, 0.0, true),
            (1, LIFETIME.saturating_sub(Duration::from_nanos(1)), 999.9, true),
            (1, LIFETIME, 0.0, false),
            (1, Duration::ZERO, 1000.0, false),
            (2, Duration::ZERO, 0.0, false),
            (0, Duration::ZERO, 0.0, false),
        ];
        for (generation, age, seconds, held) in cases {
            assert_eq!(
                verified.holds(&token, of(generation), at + age, seconds),
                held,
                "{generation} {age:?} {seconds}"
            );
        }
        assert!(!verified.holds(&Fingerprint::of(b"a.b.d"), of(1), at, 0.0));
        assert!(!verified.holds(&token, |issuer| (issuer == 2).then_some(1), at, 0.0), "of another issuer");
        assert!(!verified.holds(&token, |_| None, at, 0.0), "no keys to believe");
    }
}
