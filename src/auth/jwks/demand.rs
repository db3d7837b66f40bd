//! Who may make us ask the issuer for a key that we do not know (a pure table; `now` is an argument).
//!
//! A just rotated-in key must work on its first token, and a storm of made-up names must cost the issuer next to nothing
//! and must not starve that rotation. Hence:
//! - at most `BUDGET` fetches in `WINDOW`, and at most `SHARE` of them for one client address (IPv6: /64);
//! - a fetch that found the key is given back: nobody but the issuer can make a key appear;
//! - a name that the issuer did not know is not asked for again for `WINDOW`.
//!
//! Bounds: the budget bounds the first table, `MOST_UNKNOWN` the second, in which digests stand for names.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::network;
use crate::secret::Fingerprint;

pub(super) const BUDGET: usize = 3;
pub(super) const SHARE: usize = 2;
pub(super) const WINDOW: Duration = Duration::from_secs(30);
const MOST_UNKNOWN: usize = 1024;

/// A fetch that was granted, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Charge {
    /// `None`: clients whose address is not known share one account.
    client: Option<IpAddr>,
    at: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Demand {
    charges: VecDeque<Charge>,
    unknown: HashMap<Fingerprint, Instant>,
    /// The same names, oldest first.
    order: VecDeque<Fingerprint>,
}

impl Demand {
    /// Grants a fetch, if the budget and the client's share of it allow one.
    pub(super) fn charge(&mut self, address: Option<IpAddr>, now: Instant) -> Option<Charge> {
        let client = address.map(network::client);
        while self.charges.front().is_some_and(|charge| is_over(charge.at, now)) {
            self.charges.pop_front();
        }
        let own = self.charges.iter().filter(|charge| charge.client == client).count();
        if self.charges.len() >= BUDGET || own >= SHARE {
            return None;
        }
        let charge = Charge { client, at: now };
        self.charges.push_back(charge);
        Some(charge)
    }

    pub(super) fn give_back(&mut self, charge: Charge) {
        if let Some(index) = self.charges.iter().position(|other| *other == charge) {
            self.charges.remove(index);
        }
    }

    /// Whether the issuer was asked for this name of late and did not know it.
    pub(super) fn is_unknown(&self, name: &[u8], now: Instant) -> bool {
        self.unknown.get(&Fingerprint::of(name)).is_some_and(|at| !is_over(*at, now))
    }

    pub(super) fn note_unknown(&mut self, name: &[u8], now: Instant) {
        while self.order.front().is_some_and(|oldest| {
            self.order.len() >= MOST_UNKNOWN || self.unknown.get(oldest).is_none_or(|at| is_over(*at, now))
        }) {
            if let Some(oldest) = self.order.pop_front() {
                self.unknown.remove(&oldest);
            }
        }
        let name = Fingerprint::of(name);
        if self.unknown.insert(name, now).is_none() {
            self.order.push_back(name);
        }
    }
}

fn is_over(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) >= WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn row_174_a_storm_gets_its_share_and_no_more() {
        let mut demand = Demand::default();
        let start = Instant::now();
        let granted = |demand: &mut Demand, at| {
            (0..10_000).filter(|_| demand.charge(address("192.0.2.1"), at).is_some()).count()
        };
        assert_eq!(granted(&mut demand, start), SHARE);
        assert_eq!(granted(&mut demand, start + WINDOW - SECOND), 0);
        assert_eq!(granted(&mut demand, start + WINDOW), SHARE);
    }

    #[test]
    fn row_176_a_storm_leaves_something_for_others() {
        let mut demand = Demand::default();
        let now = Instant::now();
        while demand.charge(address("2001:db8::1"), now).is_some() {}
        assert!(demand.charge(address("2001:db8::2"), now).is_none(), "the same /64");
        assert!(demand.charge(address("::ffff:192.0.2.1"), now).is_some());
        assert!(demand.charge(address("192.0.2.2"), now).is_none(), "the budget of all");
        assert!(demand.charge(None, now).is_none());
    }

    #[test]
    fn row_170_a_fetch_that_found_the_key_costs_nothing() {
        let mut demand = Demand::default();
        let now = Instant::now();
        for _ in 0..100 {
            let charge = demand.charge(None, now).unwrap();
            demand.give_back(charge);
            demand.give_back(charge);
        }
        assert!(demand.charges.is_empty());
    }

    #[test]
    fn unknown_names_are_remembered_for_a_while_and_in_bounded_number() {
        let mut demand = Demand::default();
        let start = Instant::now();
        demand.note_unknown(b"k0", start);
        assert!(demand.is_unknown(b"k0", start + WINDOW - SECOND));
        assert!(!demand.is_unknown(b"k0", start + WINDOW));
        assert!(!demand.is_unknown(b"k1", start));
        for index in 0..3 * MOST_UNKNOWN {
            demand.note_unknown(format!("k{index}").as_bytes(), start);
        }
        assert_eq!((demand.unknown.len(), demand.order.len()), (MOST_UNKNOWN, MOST_UNKNOWN));
        demand.note_unknown(b"late", start + WINDOW);
        assert_eq!((demand.unknown.len(), demand.order.len()), (1, 1));
    }
}
