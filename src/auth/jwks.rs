//! The public keys of the issuer (RFC 7517), kept fresh without the requests noticing.
//!
//! Invariants:
//! - A request waits for a fetch only when there is no key set at all or when its `kid` is new; fetches are made one at
//!   a time by a task of their own (`refresh`).
//! - An unreachable issuer never opens the door and never turns a good token away as a bad one: known keys go on for a
//!   bounded time, then the answer is [`Reason::Unavailable`].
//! - What a token names is looked up, never fetched.
//!
//! It does not know what a token is beyond its `kid`: that is [`super::jwt`].

pub mod endpoint;
pub mod fetch;
pub mod key;
pub mod metrics;
pub mod origin;
pub mod set;

mod demand;
mod refresh;
mod state;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::clock::WallClock;
use super::reason::Reason;
use demand::{Charge, Demand};
use fetch::Fetcher;
use metrics::Metrics;
use origin::{Origin, Source};
use refresh::{Refresher, Told};
use set::KeySet;
use state::{Freshness, State};

/// What a look-up says at once.
pub enum LookUp {
    /// The set to verify with.
    Found(Arc<KeySet>),
    /// Only the issuer can tell: see [`Jwks::obtain`].
    Ask,
    Refused(Reason),
}

/// The keys of one issuer. Dropping it ends the task that fetches them.
pub struct Jwks {
    max_stale: Duration,
    metrics: Metrics,
    state: watch::Receiver<State>,
    /// The number of the fetch that was asked for last.
    ask: watch::Sender<u64>,
    demand: Mutex<Demand>,
}

/// What a request waits for.
struct Wait {
    fetch: u64,
    /// Whose account was charged; `None` for a fetch that is made anyway.
    charge: Option<Charge>,
}

impl Jwks {
    /// Starts to fetch in the background, on the current tokio runtime; an issuer that is down does not matter here.
    pub fn spawn(
        source: Source,
        fetcher: Fetcher,
        max_stale: Duration,
        clock: WallClock,
        metrics: Metrics,
    ) -> Self {
        let (sender, state) = watch::channel(State::default());
        let (ask, asked) = watch::channel(0);
        let refresher = Refresher {
            origin: Origin::new(source, fetcher),
            max_stale,
            clock,
            metrics: metrics.clone(),
            state: sender,
            asked,
            told: Told::default(),
        };
        tokio::spawn(refresher.run());
        Self { max_stale, metrics, state, ask, demand: Mutex::default() }
    }

    /// The key set, as far as it can be had without waiting.
    pub fn look_up(&self, kid: Option<&str>) -> LookUp {
        let state = self.state.borrow();
        match (&state.held, state.freshness(self.max_stale, Instant::now())) {
            (None, _) if state.under_way().is_some() => LookUp::Ask,
            (None, _) | (_, Freshness::Missing | Freshness::Expired) => LookUp::Refused(Reason::Unavailable),
            (Some(held), _) if kid.is_none_or(|kid| held.keys.knows(kid)) => {
                LookUp::Found(Arc::clone(&held.keys))
            }
            (Some(_), _) => LookUp::Ask,
        }
    }

    /// The key set that has this key, after asking the issuer if that may help.
    ///
    /// # Errors
    /// [`Reason::UnknownKey`], or [`Reason::Unavailable`] when that cannot be told.
    pub async fn obtain(&self, kid: Option<&str>, address: Option<IpAddr>) -> Result<Arc<KeySet>, Reason> {
        let mut state = self.state.clone();
        let begun = state.borrow().begun;
        while let Some(wait) = self.wait(kid, address) {
            if state.wait_for(|state| state.ended >= wait.fetch).await.is_err() {
                return Err(Reason::Unavailable);
            }
            match self.look_up(kid) {
                LookUp::Found(keys) => {
                    if let Some(charge) = wait.charge {
                        self.demand().give_back(charge);
                    }
                    return Ok(keys);
                }
                LookUp::Refused(reason) => return Err(reason),
                // A fetch that had left before this token came may have left before its key was published, too.
                LookUp::Ask if wait.fetch <= begun => {}
                LookUp::Ask => {
                    self.note_unknown(kid, wait.fetch);
                    break;
                }
            }
        }
        Err(self.unknown())
    }

    /// How long a client that was answered with 503 had better wait: until the issuer is asked again.
    pub fn retry_after(&self) -> Duration {
        let retry_at = self.state.borrow().retry_at;
        retry_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()))
    }

    /// Finds the fetch to wait for, or asks for one; `None` when there is none and none will be made for this key.
    fn wait(&self, kid: Option<&str>, address: Option<IpAddr>) -> Option<Wait> {
        let now = Instant::now();
        let mut demand = self.demand();
        let state = self.state.borrow();
        // Without any set every key is new, and the refresher is at it on its own.
        let kid = kid.filter(|_| state.held.is_some());
        if kid.is_some_and(|kid| demand.is_unknown(kid, now)) {
            return None;
        }
        let asked = Some(*self.ask.borrow()).filter(|asked| *asked > state.ended);
        if let Some(fetch) = state.under_way().or(asked) {
            return Some(Wait { fetch, charge: None });
        }
        if kid.is_none() || state.is_backing_off(now) {
            return None;
        }
        let Some(charge) = demand.charge(address, now) else {
            self.metrics.refuse();
            return None;
        };
        let fetch = state.ended + 1;
        self.ask.send_replace(fetch);
        Some(Wait { fetch, charge: Some(charge) })
    }

    /// Remembers that the issuer does not know this key, if it was the issuer who said so.
    fn note_unknown(&self, kid: Option<&str>, fetch: u64) {
        let answered = self.state.borrow().held.as_ref().is_some_and(|held| held.keys.generation() >= fetch);
        if let Some(kid) = kid.filter(|_| answered) {
            self.demand().note_unknown(kid, Instant::now());
        }
    }

    /// Only a fresh set can tell an unknown key from one that was rotated in.
    fn unknown(&self) -> Reason {
        match self.state.borrow().freshness(self.max_stale, Instant::now()) {
            Freshness::Fresh => Reason::UnknownKey,
            Freshness::Missing | Freshness::Stale | Freshness::Expired => Reason::Unavailable,
        }
    }

    fn demand(&self) -> MutexGuard<'_, Demand> {
        // The table is whole between any two of its own statements that could panic: there are none.
        self.demand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
