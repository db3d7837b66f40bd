//! How often an address may guess a credential before it is not listened to for a while.
//!
//! Invariants:
//! - A guess is a wrong credential that the address has not tried within the last `ttl`: a scraper with one old token is
//!   one guess however often it asks, six different wrong tokens are six. A success changes nothing; guesses age.
//! - Of one address, the outcome of at most `max_failed` guesses is told within any `ttl`, however many arrive at once:
//!   each outcome is counted before it is told, in [`Attempt::settle`], and one that comes after the lock is withheld.
//!   Attempts are not held back before they are judged: a hundred good tokens that wait for one key set are a hundred
//!   good tokens, and no guess is known to be one before it is judged.
//! - A locked address gets the same answer whatever it presents, but for what was good from it of late: that tells
//!   nobody anything new. A lock is not extended by trying.
//!
//! What counts as wrong, what was good of late, and what is answered, is not decided here.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;

use super::credential::Credential;
use super::key::Key;
use super::window::{Shape, Window};
use super::{MAX_ADDRESSES, seconds_rounded_up};

/// How many wrong credentials of one address are told from new ones.
const TRIED: usize = 32;

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
    guesses: LruCache<Key, Guesses>,
    /// Never promoted, so that the oldest lock stands at the end.
    locks: LruCache<Key, Lock>,
}

/// The guesses of one address.
#[derive(Debug, Default)]
struct Guesses {
    counted: Window,
    /// The wrong credentials that came last, each with when it did; the oldest first.
    tried: Vec<(Credential, Instant)>,
}

#[derive(Clone, Copy, Debug)]
struct Lock {
    since: Instant,
    cause: &'static str,
}

/// The right to have a credential judged. Dropped without being settled it counts for nothing.
#[derive(Debug)]
#[must_use]
pub struct Attempt<'l> {
    lockout: &'l Lockout,
    key: Key,
    presented: Presented,
}

/// What an attempt shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    Nothing,
    Unknown(Credential),
    /// Was good from this address of late: a lock does not stop it.
    KnownGood(Credential),
}

impl Presented {
    pub fn credential(self) -> Option<Credential> {
        match self {
            Self::Nothing => None,
            Self::Unknown(credential) | Self::KnownGood(credential) => Some(credential),
        }
    }

    pub fn is_known_good(self) -> bool {
        matches!(self, Self::KnownGood(_))
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A wrong credential, in the words that a lock remembers.
    Wrong(&'static str),
    /// Let in, refused for another reason, or not judged at all.
    Neutral,
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
    /// What was wrong with the last guess before the lock.
    pub cause: &'static str,
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
    pub fn begin(&self, key: Key, presented: Presented, now: Instant) -> Result<Attempt<'_>, Locked> {
        match self.lock(&mut self.tables(), key, now) {
            Some(locked) if !presented.is_known_good() => Err(locked),
            _ => Ok(Attempt { lockout: self, key, presented }),
        }
    }

    /// How many addresses are locked.
    pub fn locked(&self, now: Instant) -> usize {
        let mut tables = self.tables();
        while tables.locks.peek_lru().is_some_and(|(_, lock)| self.remaining(lock.since, now).is_none()) {
            tables.locks.pop_lru();
        }
        tables.locks.len()
    }

    /// How long an address is locked.
    pub fn length(&self) -> Duration {
        self.shape.length()
    }

    /// Lifts all locks and forgets all guesses.
    pub fn lift(&self) {
        let mut tables = self.tables();
        tables.guesses.clear();
        tables.locks.clear();
    }

    fn lock(&self, tables: &mut Tables, key: Key, now: Instant) -> Option<Locked> {
        let Lock { since, cause } = *tables.locks.peek(&key)?;
        let remaining = self.remaining(since, now);
        if remaining.is_none() {
            tables.locks.pop(&key);
        }
        remaining.map(|remaining| Locked { remaining, cause })
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

impl Guesses {
    /// Whether this one was not tried before, within the window.
    fn is_new(&mut self, credential: Credential, shape: &Shape, now: Instant) -> bool {
        self.tried.retain(|(_, at)| now.saturating_duration_since(*at) < shape.length());
        let known = self.tried.iter().position(|(other, _)| *other == credential);
        if let Some(index) = known {
            self.tried.remove(index);
        } else if self.tried.len() >= TRIED {
            self.tried.remove(0);
        }
        self.tried.push((credential, now));
        known.is_none()
    }
}

impl Attempt<'_> {
    /// Told before the answer is sent, which depends on it.
    ///
    /// # Errors
    /// [`Locked`]: other attempts have locked the address since. Whatever this one came to, success included, the
    /// answer must be the one of a locked address, unless the credential was good before.
    pub fn settle(self, outcome: Outcome, now: Instant) -> Result<Settled, Locked> {
        let Self { lockout, key, presented } = self;
        let mut tables = lockout.tables();
        let locked = lockout.lock(&mut tables, key, now);
        let Outcome::Wrong(cause) = outcome else {
            return match locked {
                Some(locked) if !presented.is_known_good() => Err(locked),
                _ => Ok(Settled::Open),
            };
        };
        if let Some(locked) = locked {
            return Err(locked);
        }
        let shape = &lockout.shape;
        let guesses = tables.guesses.get_or_insert_mut(key, Guesses::default);
        if presented.credential().is_some_and(|credential| !guesses.is_new(credential, shape, now)) {
            return Ok(Settled::Open);
        }
        let before = guesses.counted.count(shape, now);
        guesses.counted.record(shape, now);
        if before.saturating_add(1) < lockout.max_failed.get() {
            return Ok(Settled::Open);
        }
        tables.guesses.pop(&key);
        tables.locks.push(key, Lock { since: now, cause });
        Ok(Settled::Locks)
    }
}

#[cfg(test)]
mod tests;
