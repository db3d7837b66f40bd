//! Where hashes are verified: two at a time, a few waiting, the rest turned away.
//!
//! Invariant: however many requests come, at most [`AT_WORK`] threads hash, and a request that was given up still
//! counts until its hash is done. What is hashed, and for whom, is not known here.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Hashes at work at a time: more would take the processor from the scrapes that are let in.
pub(super) const AT_WORK: usize = 2;
/// Requests that may wait for one.
pub(super) const WAITING: usize = 8;

/// The pool is full, or the process is ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

#[derive(Debug)]
pub(super) struct HashingPool {
    places: Arc<Semaphore>,
    at_work: Arc<Semaphore>,
}

impl HashingPool {
    pub(super) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_WORK + WAITING)),
            at_work: Arc::new(Semaphore::new(AT_WORK)),
        }
    }

    /// Runs `work` on a thread that may block.
    ///
    /// # Errors
    /// [`Busy`]: nothing was run to its end.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Busy)?;
        let turn = Arc::clone(&self.at_work).acquire_owned().await.map_err(|_| Busy)?;
        // The permits go with the work: a request that is dropped meanwhile cannot free them early.
        let task = spawn_blocking(move || {
            let _held = (place, turn);
            work()
        });
        task.await.map_err(|_| Busy)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::future::{join_all, poll_immediate};

    use super::*;

    #[tokio::test]
    async fn runs_two_keeps_eight_waiting_and_turns_the_rest_away() {
        let pool = HashingPool::new();
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let mut requests: Vec<_> = (0..AT_WORK + WAITING)
            .map(|_| {
                let gate = Arc::clone(&gate);
                Box::pin(pool.run(move || gate.lock().unwrap().recv().is_ok()))
            })
            .collect();
        for request in &mut requests {
            assert!(poll_immediate(request).await.is_none());
        }
        assert_eq!(pool.at_work.available_permits(), 0);
        assert_eq!(pool.run(|| true).await, Err(Busy));
        // A request that is given up while its hash is at work keeps its place; one that only waited frees it.
        drop(requests.remove(0));
        assert_eq!(pool.run(|| true).await, Err(Busy));
        drop(requests.pop());
        let mut late = Box::pin(pool.run(|| true));
        assert!(poll_immediate(&mut late).await.is_none());
        for _ in 0..AT_WORK + WAITING {
            release.send(()).unwrap();
        }
        assert!(join_all(requests).await.into_iter().all(|result| result == Ok(true)));
        assert_eq!(late.await, Ok(true));
    }

    #[tokio::test]
    async fn work_that_fails_frees_its_place() {
        let pool = HashingPool::new();
        for _ in 0..AT_WORK + WAITING + 1 {
            assert_eq!(pool.run(|| assert!(std::hint::black_box(false), "on purpose")).await, Err(Busy));
        }
        assert_eq!(pool.run(|| true).await, Ok(true));
    }
}
