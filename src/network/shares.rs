//! A bounded number of places, of which no client holds more than its share.
//!
//! Invariant: a place is given back when its [`Place`] is dropped, and only clients that hold one are remembered, so
//! that the table is as bounded as the places are.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::client;

/// The places, and who holds how many of them. All whose address is not known count as one client.
#[derive(Debug)]
pub struct Shares {
    places: usize,
    share: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by_client: HashMap<Option<IpAddr>, usize>,
}

/// One place, held until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Place {
    shares: Arc<Shares>,
    client: Option<IpAddr>,
}

impl Shares {
    /// `places` in all, at most `share` of them for one client.
    pub fn new(places: usize, share: usize) -> Arc<Self> {
        Arc::new(Self { places, share, held: Mutex::default() })
    }

    /// A place for the client at `address`; `None` when it holds its share or all are taken.
    pub fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Place> {
        let client = address.map(client);
        let mut held = self.held();
        let own = held.by_client.get(&client).copied().unwrap_or_default();
        if held.all >= self.places || own >= self.share {
            return None;
        }
        held.all += 1;
        held.by_client.insert(client, own + 1);
        Some(Place { shares: Arc::clone(self), client })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // A poisoned lock still holds counts: a panic loses at most one place.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.shares.held();
        held.all = held.all.saturating_sub(1);
        if let Entry::Occupied(mut own) = held.by_client.entry(self.client) {
            *own.get_mut() -= 1;
            if *own.get() == 0 {
                own.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn no_client_takes_more_than_its_share_and_a_dropped_place_is_free() {
        let shares = Shares::new(3, 2);
        let cases = [
            (address("2001:db8:1:2::1"), true),
            (address("2001:db8:1:2::2"), true),
            (address("2001:db8:1:2::3"), false),
            (None, true),
            (address("10.1.1.1"), false),
        ];
        let mut places = Vec::new();
        for (address, admitted) in cases {
            let place = shares.enter(address);
            assert_eq!(place.is_some(), admitted, "{address:?}");
            places.extend(place);
        }
        drop(places.remove(0));
        assert!(shares.enter(address("10.1.1.1")).is_some(), "and given back at once");
        places.push(shares.enter(address("2001:db8:1:2::4")).unwrap());
        drop(places);
        let held = shares.held();
        assert_eq!((held.all, held.by_client.len()), (0, 0));
    }
}
