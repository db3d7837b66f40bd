//! The lockout on a clock of our choice.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::secret::Fingerprint;

use self::Kind::{Again, Guess, Neutral, Success};

/// How an attempt of a test ends, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A wrong one that was not tried before.
    Guess,
    /// The same wrong one each time.
    Again,
    Neutral,
    Success,
}

fn fresh() -> Presented {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    unknown(&NEXT.fetch_add(1, Ordering::Relaxed).to_string())
}

fn unknown(text: &str) -> Presented {
    Presented::Unknown(Fingerprint::of(text.as_bytes()).into())
}

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

fn attempt(lockout: &Lockout, key: Key, kind: Kind, now: Instant) -> Result<Settled, u64> {
    let (presented, outcome) = match kind {
        Guess => (fresh(), Outcome::Wrong("wrong_token")),
        Again => (unknown("the same"), Outcome::Wrong("wrong_token")),
        Neutral | Success => (fresh(), Outcome::Neutral),
    };
    let settled = lockout.begin(key, presented, now).and_then(|attempt| attempt.settle(outcome, now));
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
fn play(course: &[(u64, Kind, Result<Settled, u64>)]) {
    let (lockout, client, start) = (lockout(), key("10.1.1.1"), Instant::now());
    for (step, (second, outcome, expected)) in course.iter().enumerate() {
        let now = start + Duration::from_secs(*second);
        assert_eq!(attempt(&lockout, client, *outcome, now), *expected, "step {step}, second {second}");
    }
}

#[test]
fn a_success_clears_nothing() {
    // Security review 4.
    let wrong = [(0, Guess, OPEN), (0, Guess, OPEN), (0, Guess, OPEN), (0, Guess, OPEN)];
    play(&[&wrong[..], &[(1, Success, OPEN)], &[(2, Guess, LOCKS)]].concat());
}

#[test]
fn the_same_wrong_one_is_one_guess_however_often_it_comes() {
    // Security review 4, row E10.
    let again: Vec<_> = (0..200).map(|step| (step * 15, Again, OPEN)).collect();
    play(&again);
    let others = [(60, Guess, OPEN), (60, Guess, OPEN), (60, Guess, OPEN), (60, Guess, LOCKS)];
    play(&[&again[..4], &others].concat());
}

#[test]
fn more_different_ones_than_are_told_apart_only_count_more_often() {
    let lockout = Lockout::new(NonZeroU32::new(100).unwrap(), TTL);
    let (client, now) = (key("10.1.1.1"), Instant::now());
    for number in 0..99 {
        let presented = unknown(&(number % 40).to_string());
        let settled = lockout.begin(client, presented, now).unwrap().settle(Outcome::Wrong("x"), now);
        assert_eq!(settled, Ok(Settled::Open), "{number}");
    }
    assert_eq!(attempt(&lockout, client, Guess, now), LOCKS);
    assert!(lockout.tables().guesses.is_empty());
}

#[test]
fn what_was_good_of_late_passes_a_lock_and_tells_nothing_when_it_is_wrong_now() {
    let (lockout, client, now) = (lockout(), key("10.1.1.1"), Instant::now());
    let good = Presented::KnownGood(fresh().credential().unwrap());
    let before = lockout.begin(client, good, now).unwrap();
    lock(&lockout, client, now);
    assert_eq!(before.settle(Outcome::Neutral, now), Ok(Settled::Open));
    let pass = || lockout.begin(client, good, now).unwrap();
    assert_eq!(pass().settle(Outcome::Neutral, now), Ok(Settled::Open));
    let locked = pass().settle(Outcome::Wrong("bad_signature"), now).unwrap_err();
    assert_eq!((locked.retry_after(), locked.cause), (900, "wrong_token"));
    assert!(lockout.begin(client, fresh(), now).is_err());
}

#[test]
fn a_lock_can_be_lifted() {
    let (lockout, client, now) = (lockout(), key("10.1.1.1"), Instant::now());
    lock(&lockout, client, now);
    lockout.lift();
    assert_eq!(lockout.locked(now), 0);
    lock(&lockout, client, now);
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
        drop(lockout.begin(client, fresh(), now).unwrap());
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
        assert_eq!(lockout.begin(key(address), fresh(), now).is_err(), locked, "{address}");
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
                    let attempt = lockout.begin(client, fresh(), now).unwrap();
                    barrier.wait();
                    attempt.settle(Outcome::Wrong("x"), now).is_ok()
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
    let attempts: Vec<_> = (0..100).map(|_| lockout.begin(client, fresh(), now).unwrap()).collect();
    for attempt in attempts {
        assert_eq!(attempt.settle(Outcome::Neutral, now), Ok(Settled::Open));
    }
}

#[test]
fn a_right_one_among_many_guesses_at_once_is_not_told_after_the_lock() {
    let (lockout, client, now) = (lockout(), key("10.1.1.1"), Instant::now());
    let attempts: Vec<_> = (0..50).map(|_| lockout.begin(client, fresh(), now).unwrap()).collect();
    for (index, attempt) in attempts.into_iter().enumerate() {
        let outcome = if index == 20 { Outcome::Neutral } else { Outcome::Wrong("x") };
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
    assert!(lockout.begin(client, fresh(), now + TTL).is_err());
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
    assert!(lockout.begin(locked, fresh(), start).is_err());
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
        assert!(lockout.begin(v4(bits.saturating_sub(1)), fresh(), now).is_err());
    }
    let now = start + Duration::from_secs(1);
    assert_eq!(lockout.locked(now), MAX_ADDRESSES.get());
    assert!(lockout.begin(v4(extra - 1), fresh(), now).is_ok());
    assert!(lockout.begin(v4(extra), fresh(), now).is_err());
}
