//! Who is connected to a listener: bounded in all and for each address.
//!
//! Whoever comes when a bound is reached takes the place of the connection that has waited longest for its client, of
//! the same address first: a flood of idle connections cannot keep a scraper out. A connection that is being served is
//! never taken; when all are, the newcomer is turned away.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::deadline::Activity;

const MAX: usize = 512;
const MAX_OF_ONE_ADDRESS: usize = 64;

/// The connections of one listener; each listener has a table of its own, so that probes get in when scrapes cannot.
#[derive(Debug, Default)]
pub struct Connections {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Open>,
}

#[derive(Debug)]
struct Open {
    /// `None` for a Unix socket, whose peers are not told apart.
    address: Option<IpAddr>,
    activity: Arc<Activity>,
    evicted: Arc<Notify>,
}

/// A connection's place in the table, which it gives back when it is dropped.
#[derive(Debug)]
pub struct Place {
    connections: Arc<Connections>,
    number: u64,
    pub activity: Arc<Activity>,
    evicted: Arc<Notify>,
}

impl Place {
    /// Ends when the place is needed for another.
    pub async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.table().open.remove(&self.number);
    }
}

impl Connections {
    /// A place for a connection from `address`, or `None` when all places are being served.
    pub fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Place> {
        let mut table = self.table();
        if address.is_some() && table.of(address).count() >= MAX_OF_ONE_ADDRESS {
            table.evict(|open| open.address == address)?;
        } else if table.open.len() >= MAX {
            table.evict(|_| true)?;
        }
        let (activity, evicted) = (Arc::<Activity>::default(), Arc::<Notify>::default());
        let number = table.next;
        table.next += 1;
        let open = Open { address, activity: Arc::clone(&activity), evicted: Arc::clone(&evicted) };
        table.open.insert(number, open);
        Some(Place { connections: Arc::clone(self), number, activity, evicted })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn of(&self, address: Option<IpAddr>) -> impl Iterator<Item = &Open> {
        self.open.values().filter(move |open| open.address == address)
    }

    /// Frees the place of the one that has waited longest; `None` when none waits.
    fn evict(&mut self, mut eligible: impl FnMut(&Open) -> bool) -> Option<()> {
        let waiting = self.open.iter().filter(|(_, open)| eligible(open));
        let (number, _) = waiting
            .filter_map(|(number, open)| Some((*number, open.activity.waiting_since()?)))
            .min_by_key(|(_, since)| *since)?;
        self.open.remove(&number)?.evicted.notify_one();
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn address(last: u32) -> Option<IpAddr> {
        Some(IpAddr::V4((0x0a00_0000 + last).into()))
    }

    fn is_evicted(place: &Place) -> bool {
        !place.connections.table().open.contains_key(&place.number)
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_at_its_bound_replaces_its_own_longest_waiting_connection() {
        let connections = Arc::<Connections>::default();
        let other = connections.enter(address(9)).unwrap();
        let mut places = Vec::new();
        for _ in 0..MAX_OF_ONE_ADDRESS {
            tokio::time::advance(Duration::from_millis(1)).await;
            places.push(connections.enter(address(1)).unwrap());
        }
        places[0].activity.begin_request();
        let newcomer = connections.enter(address(1));
        assert!(newcomer.is_some());
        assert!(is_evicted(&places[1]) && !is_evicted(&places[0]) && !is_evicted(&other));
        places[1].evicted().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_table_turns_away_only_when_every_connection_is_served() {
        let connections = Arc::<Connections>::default();
        let places: Vec<Place> = (0..MAX as u32).map(|n| connections.enter(address(n)).unwrap()).collect();
        assert!(connections.enter(address(10_000)).is_some());
        assert_eq!(places.iter().filter(|place| is_evicted(place)).count(), 1);
        connections.table().open.values().for_each(|open| open.activity.begin_request());
        // The newcomer above has left, so one place is free; the one after it finds none.
        let last = connections.enter(address(10_001)).unwrap();
        last.activity.begin_request();
        assert!(connections.enter(address(10_002)).is_none());
        drop(places);
        drop(last);
        assert!(connections.table().open.is_empty());
    }
}
