//! Who is connected to a listener: bounded in all and for each address.
//!
//! Whoever comes when a bound is reached takes the place of the connection that has waited longest for its client, of
//! the same address first: a flood of idle connections cannot keep a scraper out. A connection that is being served, or
//! whose client is still taking its answer, is never taken; when all are, the newcomer is turned away. An address is here
//! what it is for the limits of requests: an IPv4 address, or the /64 of an IPv6 one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::deadline::Activity;
use crate::network::client;

/// As many as fit into a process' descriptors, and no more than this.
pub const MAX: usize = 512;
const MAX_OF_ONE_ADDRESS: usize = 64;

/// The connections of one listener; each listener has a table of its own, so that probes get in when scrapes cannot.
#[derive(Debug)]
pub struct Connections {
    max: usize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Open>,
}

#[derive(Debug)]
struct Open {
    /// `None` where peers are not told apart: of a Unix socket, or of a proxy that has not said yet whose connection it is.
    client: Option<IpAddr>,
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

    /// Counts the connection as one of `address` from now on; `None` when there are too many of it that are being served.
    pub fn identify(&self, address: IpAddr) -> Option<()> {
        let client = Some(client(address));
        let mut table = self.connections.table();
        table.make_room(client)?;
        table.open.get_mut(&self.number)?.client = client;
        Some(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.table().open.remove(&self.number);
    }
}

impl Connections {
    /// A table of at most `max` connections.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, table: Mutex::default() })
    }

    /// A place for a connection from `address`, or `None` when all places are being served.
    pub fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Place> {
        let client = address.map(client);
        let mut table = self.table();
        // Whoever makes room in his own address makes room in the table.
        let full = table.open.len() >= self.max;
        if !table.make_room(client)? && full {
            table.evict(|_| true)?;
        }
        let (activity, evicted) = (Arc::<Activity>::default(), Arc::<Notify>::default());
        let number = table.next;
        table.next += 1;
        let open = Open { client, activity: Arc::clone(&activity), evicted: Arc::clone(&evicted) };
        table.open.insert(number, open);
        Some(Place { connections: Arc::clone(self), number, activity, evicted })
    }

    /// Ends the connection of `all` tables that has waited longest, for its descriptor; says whether there was one.
    pub fn evict_one_of(all: &[Arc<Self>]) -> bool {
        let oldest =
            all.iter().filter_map(|connections| Some((connections.table().oldest(|_| true)?.1, connections)));
        let oldest = oldest.min_by_key(|(since, _)| *since);
        oldest.is_some_and(|(_, connections)| connections.table().evict(|_| true).is_some())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Keeps a client within its bound; `Some(true)` when another connection of its had to go, `None` when all of them
    /// are being served.
    fn make_room(&mut self, client: Option<IpAddr>) -> Option<bool> {
        let of_this_client = self.open.values().filter(|open| open.client == client).count();
        if client.is_none() || of_this_client < MAX_OF_ONE_ADDRESS {
            return Some(false);
        }
        self.evict(|open| open.client == client)?;
        Some(true)
    }

    /// Frees the place of the one that has waited longest; `None` when none waits.
    fn evict(&mut self, eligible: impl FnMut(&Open) -> bool) -> Option<()> {
        let (number, _) = self.oldest(eligible)?;
        self.open.remove(&number)?.evicted.notify_one();
        Some(())
    }

    /// The one that has waited longest, and since when.
    fn oldest(&self, mut eligible: impl FnMut(&Open) -> bool) -> Option<(u64, Instant)> {
        let waiting = self.open.iter().filter(|(_, open)| eligible(open));
        waiting
            .filter_map(|(number, open)| Some((*number, open.activity.waiting_since()?)))
            .min_by_key(|(_, since)| *since)
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
        let connections = Connections::new(MAX);
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
        let connections = Connections::new(MAX);
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

    #[tokio::test(start_paused = true)]
    async fn review_11_an_ipv6_network_of_64_bits_is_one_address() {
        let connections = Connections::new(MAX);
        let v6 =
            |network: u16, host: u16| Some(IpAddr::V6([0x2001, 0xdb8, 0, network, 0, 0, 0, host].into()));
        let places: Vec<_> = (0..500).map(|host| connections.enter(v6(1, host)).unwrap()).collect();
        assert_eq!(places.iter().filter(|place| !is_evicted(place)).count(), MAX_OF_ONE_ADDRESS);
        let _other = connections.enter(v6(2, 1)).unwrap();
        assert_eq!(places.iter().filter(|place| !is_evicted(place)).count(), MAX_OF_ONE_ADDRESS);
        let mapped = |last: u16| Some(IpAddr::V6([0, 0, 0, 0, 0, 0xffff, 0x0a00, last].into()));
        let mapped: Vec<_> = (0..100).map(|last| connections.enter(mapped(last)).unwrap()).collect();
        assert!(!mapped.iter().any(is_evicted), "IPv4 addresses are each their own");
    }

    #[tokio::test(start_paused = true)]
    async fn connections_of_a_proxy_count_for_its_clients_once_they_are_known() {
        let connections = Connections::new(MAX);
        let places: Vec<_> = (0..100).map(|_| connections.enter(None).unwrap()).collect();
        assert!(!places.iter().any(is_evicted));
        for (number, place) in (0_u32..).zip(&places) {
            place.identify(address(number % 2).unwrap()).unwrap();
        }
        assert!(!places.iter().any(is_evicted), "50 of each");
        for place in &places {
            let _ = place.identify(address(7).unwrap());
        }
        assert_eq!(places.iter().filter(|place| !is_evicted(place)).count(), MAX_OF_ONE_ADDRESS);
    }
}
