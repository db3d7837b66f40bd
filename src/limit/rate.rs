//! How many requests an address may make: so many in any window that slides with the clock.
//!
//! A crate that does GCRA (governor) was weighed and not taken: GCRA refills all the time, so a client that takes a
//! second for its 120 requests a minute gets 122, and almost twice the limit in its first minute; its clock is a part
//! of the limiter instead of an argument, and its table of keys has no bound.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;

use super::key::Key;
use super::window::{Shape, Window};
use super::{MAX_ADDRESSES, seconds_rounded_up};

/// A limit of requests for each client, counted from the moment of each.
///
/// Refused requests do not count, so that a client which waits as long as it is told is served. Remembers at most
/// [`MAX_ADDRESSES`] clients, each in less than 1 KiB; one that was forgotten begins anew.
#[derive(Debug)]
pub struct Rate {
    max: NonZeroU32,
    shape: Shape,
    clients: Mutex<LruCache<Key, Window>>,
}

impl Rate {
    /// At most `max` requests in any `window`.
    pub fn new(max: NonZeroU32, window: Duration) -> Self {
        let shape = Shape::new(window, max.get());
        Self { max, shape, clients: Mutex::new(LruCache::sparse(MAX_ADDRESSES)) }
    }

    /// Counts a request, unless it is one too many.
    pub fn check(&self, key: Key, now: Instant) -> Rating {
        // A poisoned table is still a table of counts: a panic loses at most one.
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let window = clients.get_or_insert_mut(key, Window::default);
        let free = self.max.get().saturating_sub(window.count(&self.shape, now));
        if free > 0 {
            window.record(&self.shape, now);
        }
        let allowance = Allowance {
            limit: self.max,
            window: self.shape.length(),
            remaining: free.saturating_sub(1),
            reset: window.frees_in(&self.shape, now),
        };
        if free > 0 { Rating::Within(allowance) } else { Rating::Over(allowance) }
    }

    /// Takes back a request that was counted at `at`.
    pub fn give_back(&self, key: Key, at: Instant) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = clients.get_mut(&key) {
            window.give_back(at);
        }
    }

    /// How many clients are remembered.
    pub fn clients(&self) -> usize {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Whether a request is one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rating {
    Within(Allowance),
    Over(Allowance),
}

impl Rating {
    pub fn allowance(&self) -> &Allowance {
        match self {
            Self::Within(allowance) | Self::Over(allowance) => allowance,
        }
    }

    /// For a request that is one too many: the value of `Retry-After`, in seconds, at least 1.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Within(_) => None,
            Self::Over(allowance) => Some(allowance.reset_seconds().max(1)),
        }
    }
}

/// What a client may still ask for, in the words of draft-ietf-httpapi-ratelimit-headers-07.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    limit: NonZeroU32,
    window: Duration,
    remaining: u32,
    reset: Duration,
}

impl Allowance {
    pub fn limit(&self) -> u32 {
        self.limit.get()
    }

    pub fn remaining(&self) -> u32 {
        self.remaining
    }

    /// Until the oldest request that counts is forgotten, in seconds, rounded up.
    pub fn reset_seconds(&self) -> u64 {
        seconds_rounded_up(self.reset)
    }

    /// The value of `RateLimit-Policy`.
    pub fn policy(&self) -> String {
        format!("{};w={}", self.limit, seconds_rounded_up(self.window))
    }

    /// The value of `RateLimit`.
    pub fn state(&self) -> String {
        format!("limit={}, remaining={}, reset={}", self.limit, self.remaining, self.reset_seconds())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn rate(max: u32) -> Rate {
        Rate::new(NonZeroU32::new(max).unwrap(), WINDOW)
    }

    fn key(address: &str) -> Key {
        Key::of(Some(address.parse().unwrap()))
    }

    fn v4(bits: u32) -> Key {
        Key::of(Some(IpAddr::V4(Ipv4Addr::from_bits(bits))))
    }

    #[test]
    fn serves_120_and_refuses_the_121st_at_any_pace_within_the_window() {
        // Rows 264, 265.
        for gap in [0, 1, 10, 100, 400, 499] {
            let (rate, client, mut now) = (rate(120), key("10.1.1.1"), Instant::now());
            for remaining in (0..120).rev() {
                let rating = rate.check(client, now);
                assert!(matches!(rating, Rating::Within(_)), "{remaining} left, {gap} ms apart");
                assert_eq!(rating.allowance().remaining(), remaining);
                assert_eq!(rating.retry_after(), None);
                assert_eq!(rating.allowance().policy(), "120;w=60");
                now += Duration::from_millis(gap);
            }
            let rating = rate.check(client, now);
            assert!(matches!(rating, Rating::Over(_)), "{gap} ms apart");
            let wait = rating.retry_after().unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
            assert_eq!(rating.allowance().state(), format!("limit=120, remaining=0, reset={wait}"));
        }
    }

    #[test]
    fn a_client_that_waits_exactly_as_long_as_told_is_served() {
        // Rows 266, 268.
        for late in [0, 1, 500, 999, 1_000, 59_000, 59_001, 59_999] {
            for max in [1, 5, 120] {
                let (rate, client, start) = (rate(max), key("10.1.1.1"), Instant::now());
                for _ in 0..max {
                    assert_eq!(rate.check(client, start).retry_after(), None);
                }
                let refused = start + Duration::from_millis(late);
                let wait = rate.check(client, refused).retry_after().unwrap();
                assert!((1..=60).contains(&wait), "{wait}");
                let again = refused + Duration::from_secs(wait);
                assert_eq!(rate.check(client, again).retry_after(), None, "late by {late} ms, {max}");
                assert!(again < start + WINDOW + Duration::from_secs(1), "told to wait too long");
            }
        }
    }

    #[test]
    fn the_window_slides_and_refused_requests_do_not_count() {
        let (rate, client, start) = (rate(2), key("10.1.1.1"), Instant::now());
        let served =
            |seconds| matches!(rate.check(client, start + Duration::from_secs(seconds)), Rating::Within(_));
        let cases = [
            (0, true),
            (30, true),
            (31, false),
            (59, false),
            (60, true),
            (61, false),
            (90, true),
            (91, false),
        ];
        for (second, expected) in cases {
            assert_eq!(served(second), expected, "second {second}");
        }
    }

    #[test]
    fn addresses_of_one_client_share_a_count_and_others_do_not() {
        // Rows 272–274.
        let (rate, now) = (rate(3), Instant::now());
        let cases = [
            ("10.1.1.1", true),
            ("::ffff:10.1.1.1", true),
            ("::ffff:a01:101", true),
            ("10.1.1.1", false),
            ("10.1.1.2", true),
            ("2001:db8:1:2::1", true),
            ("2001:db8:1:2::2", true),
            ("2001:db8:1:2:ff::", true),
            ("2001:db8:1:2::1", false),
            ("2001:db8:1:3::1", true),
        ];
        for (address, served) in cases {
            assert_eq!(matches!(rate.check(key(address), now), Rating::Within(_)), served, "{address}");
        }
    }

    #[test]
    fn a_window_in_milliseconds_is_told_in_whole_seconds() {
        let rate = Rate::new(NonZeroU32::MIN, Duration::from_millis(1_500));
        let (client, start) = (key("10.1.1.1"), Instant::now());
        assert_eq!(rate.check(client, start).allowance().policy(), "1;w=2");
        assert_eq!(rate.check(client, start).retry_after(), Some(2));
        assert_eq!(rate.check(client, start + Duration::from_millis(1_499)).retry_after(), Some(1));
        assert_eq!(rate.check(client, start + Duration::from_millis(1_500)).retry_after(), None);
    }

    #[test]
    fn a_million_addresses_stay_within_the_bound_and_are_served() {
        // Row 276: the flood makes it forget the idle, and neither the flood nor Prometheus is refused.
        let (rate, prometheus, start) = (rate(120), key("192.0.2.1"), Instant::now());
        for bits in 0..1_000_000 {
            let now = start + Duration::from_micros(u64::from(bits));
            assert!(matches!(rate.check(v4(bits), now), Rating::Within(_)));
            if bits % 50_000 == 0 {
                assert!(matches!(rate.check(prometheus, now), Rating::Within(_)));
            }
            assert!(rate.clients() <= MAX_ADDRESSES.get());
        }
        assert_eq!(rate.clients(), MAX_ADDRESSES.get());
        // It was never idle for long enough to be forgotten: 20 requests are counted, and this one.
        assert_eq!(rate.check(prometheus, start + Duration::from_secs(1)).allowance().remaining(), 120 - 21);
    }
}
