//! Where hashes are verified: two at a time, one of each client, a few waiting, the rest turned away.
//!
//! Invariants: however many requests come, at most [`AT_WORK`] threads hash, and a request that was given up still
//! counts until its hash is done. Of one client one hash is at work at a time, so that whoever sends many waits behind
//! himself: another client waits for at most one hash of each. What is hashed is not known here.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use crate::network::client;
use crate::network::shares::Shares;

/// Hashes at work at a time: more would take the processor from the scrapes that are let in.
pub(super) const AT_WORK: u32 = 2;
/// Requests that may be at work or wait for it.
pub(super) const PLACES: usize = 64;
/// Those of one client.
pub(super) const SHARE: usize = 8;

/// The pool is full, or the process is ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

/// How much of the pool a hash takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Usual,
    /// So much memory that no other is at work meanwhile.
    Alone,
}

#[derive(Debug)]
pub(super) struct HashingPool {
    places: Arc<Shares>,
    at_work: Arc<Semaphore>,
    turns: Arc<Mutex<Turns>>,
}

/// Whose turn it is among the requests of one client. Only clients that hold a place are in it.
type Turns = HashMap<Option<IpAddr>, (Arc<Semaphore>, usize)>;

impl HashingPool {
    pub(super) fn new() -> Self {
        Self {
            places: Shares::new(PLACES, SHARE),
            at_work: Arc::new(Semaphore::new(AT_WORK as usize)),
            turns: Arc::default(),
        }
    }

    /// Runs `work` for the client at `address` on a thread that may block.
    ///
    /// # Errors
    /// [`Busy`]: nothing was run to its end.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        address: Option<IpAddr>,
        weight: Weight,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let place = self.places.enter(address).ok_or(Busy)?;
        let turn = Turn::join(&self.turns, address);
        let own = turn.come().await?;
        let threads = if weight == Weight::Alone { AT_WORK } else { 1 };
        let thread = Arc::clone(&self.at_work).acquire_many_owned(threads).await.map_err(|_| Busy)?;
        // What is held goes with the work: a request that is dropped meanwhile cannot free it early.
        let task = spawn_blocking(move || {
            let _held = (place, turn, own, thread);
            work()
        });
        task.await.map_err(|_| Busy)
    }
}

/// A request among those of its client.
struct Turn {
    turns: Arc<Mutex<Turns>>,
    client: Option<IpAddr>,
    one: Arc<Semaphore>,
}

impl Turn {
    fn join(turns: &Arc<Mutex<Turns>>, address: Option<IpAddr>) -> Self {
        let client = address.map(client);
        let mut table = turns.lock().unwrap_or_else(PoisonError::into_inner);
        let (one, requests) = table.entry(client).or_insert_with(|| (Arc::new(Semaphore::new(1)), 0));
        *requests += 1;
        let one = Arc::clone(one);
        drop(table);
        Self { turns: Arc::clone(turns), client, one }
    }

    async fn come(&self) -> Result<OwnedSemaphorePermit, Busy> {
        Arc::clone(&self.one).acquire_owned().await.map_err(|_| Busy)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut table = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, requests)) = table.get_mut(&self.client) {
            *requests -= 1;
            if *requests == 0 {
                table.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::mpsc;

    use futures_util::future::{join_all, poll_immediate};

    use super::*;

    fn address(last: usize) -> Option<IpAddr> {
        Some(Ipv4Addr::from_bits(u32::try_from(last).unwrap()).into())
    }

    /// Work that waits until it is released.
    fn gated() -> (mpsc::Sender<()>, impl Fn() -> bool + Clone + Send + 'static) {
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        (release, move || gate.lock().unwrap().recv().is_ok())
    }

    #[tokio::test]
    async fn one_client_has_one_at_work_and_waits_behind_itself() {
        let pool = HashingPool::new();
        let (release, work) = gated();
        let mut requests: Vec<_> =
            (0..SHARE).map(|_| Box::pin(pool.run(address(1), Weight::Usual, work.clone()))).collect();
        for request in &mut requests {
            assert!(poll_immediate(request).await.is_none());
        }
        assert_eq!(pool.at_work.available_permits(), 1, "one is left for others");
        assert_eq!(pool.run(address(1), Weight::Usual, || true).await, Err(Busy));
        assert_eq!(pool.run(address(2), Weight::Usual, || true).await, Ok(true));
        // A request that is given up while its hash is at work keeps its place; one that only waited frees it.
        drop(requests.remove(0));
        assert_eq!(pool.run(address(1), Weight::Usual, || true).await, Err(Busy));
        drop(requests.pop());
        let mut late = Box::pin(pool.run(address(1), Weight::Usual, work.clone()));
        assert!(poll_immediate(&mut late).await.is_none());
        for _ in 0..SHARE {
            release.send(()).unwrap();
        }
        assert!(join_all(requests).await.into_iter().all(|result| result == Ok(true)));
        assert_eq!(late.await, Ok(true));
        drop(pool.places.enter(None).unwrap());
        assert!(pool.turns.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_full_pool_turns_the_rest_away() {
        let pool = HashingPool::new();
        let (release, work) = gated();
        let mut requests: Vec<_> =
            (0..PLACES).map(|n| Box::pin(pool.run(address(n), Weight::Usual, work.clone()))).collect();
        for request in &mut requests {
            assert!(poll_immediate(request).await.is_none());
        }
        assert_eq!(pool.at_work.available_permits(), 0);
        assert_eq!(pool.run(address(PLACES), Weight::Usual, || true).await, Err(Busy));
        for _ in 0..PLACES {
            release.send(()).unwrap();
        }
        assert!(join_all(requests).await.into_iter().all(|result| result == Ok(true)));
    }

    #[tokio::test]
    async fn a_hash_of_much_memory_is_at_work_alone() {
        let pool = HashingPool::new();
        let (release, work) = gated();
        let mut large = Box::pin(pool.run(address(1), Weight::Alone, work.clone()));
        assert!(poll_immediate(&mut large).await.is_none());
        assert_eq!(pool.at_work.available_permits(), 0);
        release.send(()).unwrap();
        assert_eq!(large.await, Ok(true));
        assert_eq!(pool.at_work.available_permits(), AT_WORK as usize);
    }

    #[tokio::test]
    async fn work_that_fails_frees_its_place() {
        let pool = HashingPool::new();
        for _ in 0..=PLACES {
            let failed =
                pool.run(None, Weight::Usual, || assert!(std::hint::black_box(false), "on purpose")).await;
            assert_eq!(failed, Err(Busy));
        }
        assert_eq!(pool.run(None, Weight::Usual, || true).await, Ok(true));
    }
}
