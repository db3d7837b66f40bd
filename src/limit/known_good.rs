//! What each address was let in with of late.
//!
//! Whoever shows it again tells us nothing new, so it may pass where the address of a scraper is shared with somebody who
//! guesses: it is judged as always, while others of that address are not listened to. Nobody gets anything into this
//! table but with a good credential.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;

use super::MAX_ADDRESSES;
use super::credential::Credential;
use super::key::Key;

/// How long it is remembered after it was good last.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// How many credentials of one address are.
const MOST_OF_ONE: usize = 16;

/// Remembers at most [`MAX_ADDRESSES`] addresses.
#[derive(Debug)]
pub struct KnownGood(Mutex<LruCache<Key, Vec<(Credential, Instant)>>>);

impl Default for KnownGood {
    fn default() -> Self {
        Self(Mutex::new(LruCache::sparse(MAX_ADDRESSES)))
    }
}

impl KnownGood {
    /// Notes that the credential was good just now.
    pub fn remember(&self, key: Key, credential: Credential, now: Instant) {
        let mut table = self.table();
        let known = table.get_or_insert_mut(key, Vec::new);
        known.retain(|(other, at)| *other != credential && is_fresh(*at, now));
        if known.len() >= MOST_OF_ONE {
            known.remove(0);
        }
        known.push((credential, now));
    }

    /// Whether the credential was good from this address within the last hour.
    pub fn holds(&self, key: Key, credential: Credential, now: Instant) -> bool {
        let mut table = self.table();
        let known = table.get(&key).map(Vec::as_slice).unwrap_or_default();
        known.iter().any(|(other, at)| *other == credential && is_fresh(*at, now))
    }

    fn table(&self) -> MutexGuard<'_, LruCache<Key, Vec<(Credential, Instant)>>> {
        // A poisoned lock still holds a table: a panic loses at most one entry.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < REMEMBERED
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Fingerprint;

    fn credential(text: &str) -> Credential {
        Fingerprint::of(text.as_bytes()).into()
    }

    #[test]
    fn knows_what_was_good_from_this_address_within_the_hour() {
        let (known, start) = (KnownGood::default(), Instant::now());
        let (here, there) = (Key::of(Some([10, 1, 1, 1].into())), Key::of(Some([10, 1, 1, 2].into())));
        known.remember(here, credential("a"), start);
        known.remember(here, credential("b"), start + REMEMBERED / 2);
        let cases = [
            (here, "a", 0, true),
            (here, "a", 3599, true),
            (here, "a", 3600, false),
            (here, "b", 3600, true),
            (here, "c", 0, false),
            (there, "a", 0, false),
        ];
        for (key, text, second, held) in cases {
            let now = start + Duration::from_secs(second);
            assert_eq!(known.holds(key, credential(text), now), held, "{text} after {second} s");
        }
    }

    #[test]
    fn forgets_the_oldest_of_an_address_that_has_too_many() {
        let (known, now, key) = (KnownGood::default(), Instant::now(), Key::of(None));
        for number in 0..=MOST_OF_ONE {
            known.remember(key, credential(&number.to_string()), now);
        }
        assert!(!known.holds(key, credential("0"), now));
        assert!(known.holds(key, credential("1"), now));
        assert_eq!(known.table().get(&key).map(Vec::len), Some(MOST_OF_ONE));
    }
}
