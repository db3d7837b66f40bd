//! What is known of the issuer's keys at a moment (pure: `now` is an argument).
//!
//! Invariant: fetches are numbered, and only one is under way, so "has the fetch that I wait for ended" is a comparison.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::set::KeySet;

/// How long a fetched set counts as the issuer's word, whatever its caching headers say: what bounds a revocation.
pub(super) const LIFETIME: Duration = Duration::from_secs(600);

/// How far a key set may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// There never was one.
    Missing,
    Fresh,
    /// Beyond its lifetime: known keys go on, an unknown one can no longer be told from a forgery.
    Stale,
    /// Beyond `METRICS_OAUTH2_JWKS_MAX_STALE` too: as good as missing.
    Expired,
}

#[derive(Clone)]
pub(super) struct Held {
    pub(super) keys: Arc<KeySet>,
    pub(super) at: Instant,
    /// Whether it holds until it is replaced: keys from a file.
    pub(super) lasts: bool,
}

#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) held: Option<Held>,
    /// The number of the newest fetch that has begun, and of the newest that has ended.
    pub(super) begun: u64,
    pub(super) ended: u64,
    /// While the issuer fails: when it is asked again, and not before.
    pub(super) retry_at: Option<Instant>,
}

impl State {
    pub(super) fn freshness(&self, max_stale: Duration, now: Instant) -> Freshness {
        let Some(held) = &self.held else { return Freshness::Missing };
        let age = now.saturating_duration_since(held.at);
        if held.lasts || age < LIFETIME {
            Freshness::Fresh
        } else if age < LIFETIME.saturating_add(max_stale) {
            Freshness::Stale
        } else {
            Freshness::Expired
        }
    }

    /// When the freshness changes next if no fetch succeeds.
    pub(super) fn turns_at(&self, max_stale: Duration, now: Instant) -> Option<Instant> {
        let at = self.held.as_ref()?.at;
        match self.freshness(max_stale, now) {
            Freshness::Fresh => at.checked_add(LIFETIME),
            Freshness::Stale => at.checked_add(LIFETIME.saturating_add(max_stale)),
            Freshness::Missing | Freshness::Expired => None,
        }
    }

    /// The fetch that is under way, or that is about to be: the very first one.
    pub(super) fn under_way(&self) -> Option<u64> {
        (self.begun > self.ended || self.begun == 0).then_some(self.begun.max(1))
    }

    pub(super) fn is_backing_off(&self, now: Instant) -> bool {
        self.retry_at.is_some_and(|at| now < at)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn rows_198_200_a_set_ages_from_fresh_to_stale_to_expired() {
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": "A".repeat(43), "y": "A".repeat(43) });
        let document = json!({ "keys": [jwk] }).to_string();
        let keys = Arc::new(KeySet::read(document.as_bytes(), 1).unwrap().0);
        let at = Instant::now();
        let state = State { held: Some(Held { keys, at, lasts: false }), ..State::default() };
        let cases = [
            (HOUR, Duration::ZERO, Freshness::Fresh),
            (HOUR, LIFETIME - SECOND, Freshness::Fresh),
            (HOUR, LIFETIME, Freshness::Stale),
            (HOUR, LIFETIME + HOUR - SECOND, Freshness::Stale),
            (HOUR, LIFETIME + HOUR, Freshness::Expired),
            (Duration::ZERO, LIFETIME - SECOND, Freshness::Fresh),
            (Duration::ZERO, LIFETIME, Freshness::Expired),
            (Duration::MAX, LIFETIME * 1000, Freshness::Stale),
        ];
        for (max_stale, age, expected) in cases {
            assert_eq!(state.freshness(max_stale, at + age), expected, "{max_stale:?} {age:?}");
        }
        assert_eq!(State::default().freshness(HOUR, at), Freshness::Missing);
        assert_eq!(state.turns_at(HOUR, at), Some(at + LIFETIME));
        assert_eq!(state.turns_at(HOUR, at + LIFETIME), Some(at + LIFETIME + HOUR));
        assert_eq!(state.turns_at(Duration::MAX, at + LIFETIME), None);
    }

    #[test]
    fn the_first_fetch_can_be_waited_for_before_it_begins() {
        let state = |begun, ended| State { begun, ended, ..State::default() };
        assert_eq!(state(0, 0).under_way(), Some(1));
        assert_eq!(state(1, 0).under_way(), Some(1));
        assert_eq!(state(1, 1).under_way(), None);
        assert_eq!(state(2, 1).under_way(), Some(2));
    }
}
