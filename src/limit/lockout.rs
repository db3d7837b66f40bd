//! How often an address may guess a credential before it is not listened to for a while.
//!
//! Invariants:
//! - Of one address, the outcome of at most `max_failed` guesses is told within any `ttl`, however many arrive at once:
//!   each outcome is counted before it is told, in [`Attempt::settle`], and one that comes after the lock is withheld.
//!   Attempts are not held back before they are judged: a hundred good tokens that wait for one key set are a hundred
//!   good tokens, and no guess is known to be one before it is judged.
//! - A locked address gets the same answer whatever it presents, and a lock is not extended by trying.
//! - The key holds no part of a credential: six different wrong tokens count as six.
//!
//! What counts as a guess, and what is answered, is not decided here.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;

use super::key::Key;
use super::window::{Shape, Window};
use super::{MAX_ADDRESSES, seconds_rounded_up};

/// Counts guesses, and locks an address for `ttl` after `max_failed` of them within `ttl`.
///
/// Remembers at most [`MAX_ADDRESSES`] that guess and, apart from them, as many that are locked: a flood of guessers
/// never pushes out a lock, only newer locks push out the lock that would end first.
#[derive(Debug)]
pub struct Lockout {
    max_failed: NonZeroU32,
    shape: Shape,
    tables: Mutex<Tables>,
}

#[derive(Debug)]
struct Tables {
    guesses: LruCache<Key, Window>,
    /// Since when. Never promoted, so that the oldest lock stands at the end.
    locks: LruCache<Key, Instant>,
}

/// The right to have a credential judged. Dropped without being settled it counts for nothing.
#[derive(Debug)]
#[must_use]
pub struct Attempt<'l> {
    lockout: &'l Lockout,
    key: Key,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Guess,
    /// Refused, but not for guessing; or not judged at all.
    Neutral,
    Success,
}

/// What an attempt that may be answered has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Open,
    /// This was one guess too many: the address is locked from now on.
    Locks,
}

/// The address is not listened to, whatever it presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locked {
    remaining: Duration,
}

impl Locked {
    /// The value of `Retry-After`, in seconds, at least 1.
    pub fn retry_after(&self) -> u64 {
        seconds_rounded_up(self.remaining).max(1)
    }
}

impl Lockout {
    pub fn new(max_failed: NonZeroU32, ttl: Duration) -> Self {
        let tables =
            Tables { guesses: LruCache::sparse(MAX_ADDRESSES), locks: LruCache::sparse(MAX_ADDRESSES) };
        Self { max_failed, shape: Shape::new(ttl, max_failed.get()), tables: Mutex::new(tables) }
    }

    /// Asked before a credential is looked at.
    ///
    /// # Errors
    /// [`Locked`]: the credential must not be looked at.
    pub fn begin(&self, key: Key, now: Instant) -> Result<Attempt<'_>, Locked> {
        self.check(&mut self.tables(), key, now).map(|()| Attempt { lockout: self, key })
    }

    /// How many addresses are locked.
    pub fn locked(&self, now: Instant) -> usize {
        let mut tables = self.tables();
        while tables.locks.peek_lru().is_some_and(|(_, since)| self.remaining(*since, now).is_none()) {
            tables.locks.pop_lru();
        }
        tables.locks.len()
    }

    fn check(&self, tables: &mut Tables, key: Key, now: Instant) -> Result<(), Locked> {
        let Some(since) = tables.locks.peek(&key) else { return Ok(()) };
        match self.remaining(*since, now) {
            Some(remaining) => Err(Locked { remaining }),
            None => {
                tables.locks.pop(&key);
                Ok(())
            }
        }
    }

    /// How much longer a lock lasts; `None` when it is over.
    fn remaining(&self, since: Instant, now: Instant) -> Option<Duration> {
        let remaining = self.shape.length().saturating_sub(now.saturating_duration_since(since));
        (!remaining.is_zero()).then_some(remaining)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // A poisoned lock still holds whole tables: each is changed by one call.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// Told before the answer is sent, which depends on it.
    ///
    /// # Errors
    /// [`Locked`]: other attempts have locked the address since. Whatever this one came to, success included, the
    /// answer must be the one of a locked address.
    pub fn settle(self, outcome: Outcome, now: Instant) -> Result<Settled, Locked> {
        let Self { lockout, key } = self;
        let mut tables = lockout.tables();
        lockout.check(&mut tables, key, now)?;
        match outcome {
            Outcome::Neutral => {}
            Outcome::Success => {
                tables.guesses.pop(&key);
            }
            Outcome::Guess => {
                let window = tables.guesses.get_or_insert_mut(key, Window::default);
                let before = window.count(&lockout.shape, now);
                window.record(&lockout.shape, now);
                if before.saturating_add(1) >= lockout.max_failed.get() {
                    tables.guesses.pop(&key);
                    tables.locks.push(key, now);
                    return Ok(Settled::Locks);
                }
            }
        }
        Ok(Settled::Open)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Barrier;

    use super::Outcome::{Guess, Neutral, Success};
    use super::*;

    const TTL: Duration = Duration::from_secs(900);

    fn lockout() -> Lockout {
        Lockout::new(NonZeroU32::new(5).unwrap(), TTL)
    }

    fn key(address: &str) -> Key {
        Key::of(Some(address.parse().unwrap()))
    }

    fn v4(bits: u32) -> Key {
        Key::of(Some(IpAddr::V4(Ipv4Addr::from_bits(bits))))
    }

    fn attempt(lockout: &Lockout, key: Key, outcome: Outcome, now: Instant) -> Result<Settled, u64> {
        let settled = lockout.begin(key, now).and_then(|attempt| attempt.settle(outcome, now));
        settled.map_err(|locked| locked.retry_after())
    }

    fn lock(lockout: &Lockout, key: Key, now: Instant) {
        for _ in 0..4 {
            assert_eq!(attempt(lockout, key, Guess, now), OPEN);
        }
        assert_eq!(attempt(lockout, key, Guess, now), LOCKS);
    }

    const OPEN: Result<Settled, u64> = Ok(Settled::Open);
    const LOCKS: Result<Settled, u64> = Ok(Settled::Locks);

    /// Attempts of one client, each with its second, and what must come of it: an error is a `Retry-After`.
    fn play(course: &[(u64, Outcome, Result<Settled, u64>)]) {
        let (lockout, client, start) = (lockout(), key("10.1.1.1"), Instant::now());
        for (step, (second, outcome, expected)) in course.iter().enumerate() {
            let now = start + Duration::from_secs(*second);
            assert_eq!(attempt(&lockout, client, *outcome, now), *expected, "step {step}, second {second}");
        }
    }

    #[test]
    fn a_success_clears_the_count() {
        // Row 278.
        let wrong = [(0, Guess, OPEN), (0, Guess, OPEN), (0, Guess, OPEN), (0, Guess, OPEN)];
        play(
            &[&wrong[..], &[(1, Success, OPEN)], &wrong, &[(2, Success, OPEN)], &wrong, &[(3, Guess, LOCKS)]]
                .concat(),
        );
    }

    #[test]
    fn what_is_no_guess_neither_counts_nor_clears() {
        let wrong = [(0, Guess, OPEN), (0, Neutral, OPEN), (0, Guess, OPEN), (0, Neutral, OPEN)];
        play(&[&wrong[..], &wrong, &[(0, Guess, LOCKS)]].concat());
    }

    #[test]
    fn a_lock_answers_all_the_same_and_is_not_extended_by_trying() {
        // Rows 280, 282, 289.
        play(&[
            (0, Guess, OPEN),
            (1, Guess, OPEN),
            (2, Guess, OPEN),
            (3, Guess, OPEN),
            (4, Guess, LOCKS),
            (4, Success, Err(900)),
            (5, Guess, Err(899)),
            (903, Neutral, Err(1)),
            (904, Guess, OPEN),
            (905, Guess, OPEN),
            (906, Guess, OPEN),
            (907, Guess, OPEN),
            (908, Guess, LOCKS),
        ]);
    }

    #[test]
    fn guesses_count_within_any_900_seconds() {
        // Row 292: just within; the first forgotten as the fifth comes; and never five at once.
        play(&[(0, Guess, OPEN), (1, Guess, OPEN), (2, Guess, OPEN), (3, Guess, OPEN), (899, Guess, LOCKS)]);
        play(&[
            (0, Guess, OPEN),
            (400, Guess, OPEN),
            (500, Guess, OPEN),
            (600, Guess, OPEN),
            (900, Guess, OPEN),
            (1_299, Guess, LOCKS),
        ]);
        play(&(0..1_000).map(|step| (step * 226, Guess, OPEN)).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_no_guess_never_locks() {
        // Rows 284, 285.
        let (lockout, client, now) = (lockout(), key("10.1.1.1"), Instant::now());
        for _ in 0..1_000 {
            assert_eq!(attempt(&lockout, client, Neutral, now), OPEN);
            drop(lockout.begin(client, now).unwrap());
        }
        assert_eq!(lockout.locked(now), 0);
    }

    #[test]
    fn locks_one_client_and_no_other() {
        // Row 281.
        let (lockout, now) = (lockout(), Instant::now());
        lock(&lockout, key("2001:db8:1:2::1"), now);
        let cases = [("2001:db8:1:2::2", true), ("2001:db8:1:3::1", false), ("10.1.1.1", false)];
        for (address, locked) in cases {
            assert_eq!(lockout.begin(key(address), now).is_err(), locked, "{address}");
        }
    }

    #[test]
    fn of_ten_wrong_ones_at_once_five_are_told_so() {
        // Row 293.
        let (lockout, client, now) = (lockout(), key("10.1.1.1"), Instant::now());
        let barrier = Barrier::new(10);
        let told = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..10)
                .map(|_| {
                    scope.spawn(|| {
                        let attempt = lockout.begin(client, now).unwrap();
                        barrier.wait();
                        attempt.settle(Guess, now).is_ok()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|told| *told).count()
        });
        assert_eq!(told, 5);
        assert_eq!(lockout.locked(now), 1);
    }

    #[test]
    fn a_hundred_good_ones_at_once_are_all_good() {
        // Row 168.
        let (lockout, client, now) = (lockout(), key("10.1.1.1"), Instant::now());
        let attempts: Vec<_> = (0..100).map(|_| lockout.begin(client, now).unwrap()).collect();
        for attempt in attempts {
            assert_eq!(attempt.settle(Success, now), Ok(Settled::Open));
        }
    }

    #[test]
    fn a_right_one_among_many_guesses_at_once_is_not_told_after_the_lock() {
        let (lockout, client, now) = (lockout(), key("10.1.1.1"), Instant::now());
        let attempts: Vec<_> = (0..50).map(|_| lockout.begin(client, now).unwrap()).collect();
        for (index, attempt) in attempts.into_iter().enumerate() {
            let outcome = if index == 20 { Success } else { Guess };
            let settled = attempt.settle(outcome, now);
            assert_eq!(settled.is_ok(), index < 5, "attempt {index}: {settled:?}");
        }
    }

    #[test]
    fn counts_the_locked_of_this_moment() {
        let (lockout, start) = (lockout(), Instant::now());
        for bits in 0..10 {
            lock(&lockout, v4(bits), start + Duration::from_secs(u64::from(bits)));
        }
        for (second, locked) in [(9, 10), (899, 10), (900, 9), (904, 5), (908, 1), (909, 0), (5_000, 0)] {
            assert_eq!(lockout.locked(start + Duration::from_secs(second)), locked, "second {second}");
        }
    }

    #[test]
    fn a_lock_of_any_length_neither_panics_nor_ends() {
        let lockout = Lockout::new(NonZeroU32::MIN, Duration::MAX);
        let (client, now) = (key("10.1.1.1"), Instant::now());
        assert_eq!(attempt(&lockout, client, Guess, now), LOCKS);
        assert!(lockout.begin(client, now + TTL).is_err());
    }

    #[test]
    fn a_million_guessers_stay_within_the_bound_and_push_out_no_lock() {
        // Row 277.
        let (lockout, locked, start) = (lockout(), key("192.0.2.1"), Instant::now());
        lock(&lockout, locked, start);
        for bits in 0..1_000_000 {
            let now = start + Duration::from_micros(u64::from(bits));
            assert_eq!(attempt(&lockout, v4(bits), Guess, now), OPEN);
            assert!(lockout.tables().guesses.len() <= MAX_ADDRESSES.get());
        }
        assert_eq!(lockout.tables().guesses.len(), MAX_ADDRESSES.get());
        assert!(lockout.begin(locked, start).is_err());
    }

    #[test]
    fn more_locks_than_fit_push_out_those_that_would_end_first() {
        let lockout = Lockout::new(NonZeroU32::MIN, TTL);
        let (start, extra) = (Instant::now(), 1_000);
        let most = u32::try_from(MAX_ADDRESSES.get()).unwrap();
        for bits in 0..most + extra {
            let now = start + Duration::from_micros(u64::from(bits));
            assert_eq!(attempt(&lockout, v4(bits), Guess, now), LOCKS);
            // Being asked for does not make a lock newer.
            assert!(lockout.begin(v4(bits.saturating_sub(1)), now).is_err());
        }
        let now = start + Duration::from_secs(1);
        assert_eq!(lockout.locked(now), MAX_ADDRESSES.get());
        assert!(lockout.begin(v4(extra - 1), now).is_ok());
        assert!(lockout.begin(v4(extra), now).is_err());
    }
}
