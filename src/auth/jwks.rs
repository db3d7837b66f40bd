//! The public keys of the issuer (RFC 7517), kept fresh without the requests noticing.
//!
//! Invariants:
//! - A request waits for a fetch only when there is no key set at all or when its `kid` is new; fetches are made one at
//!   a time by a task of their own (`refresh`).
//! - An unreachable issuer never opens the door and never turns a good token away as a bad one: known keys go on for a
//!   bounded time, then the answer is [`Reason::Unavailable`].
//! - What a token names is looked up, never fetched.
//! - Keys from a file hold until the file changes; nobody is asked for others.
//!
//! It does not know what a token is beyond its `kid`: that is [`super::jwt`].

pub mod endpoint;
pub mod fetch;
pub mod issuer;
pub mod key;
pub mod key_ref;
pub mod metrics;
pub mod origin;
pub mod proxy;
pub mod set;

mod demand;
mod encoding;
mod material;
mod pem;
mod refresh;
mod state;
mod trust;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::clock::WallClock;
use super::reason::Reason;
use demand::{Charge, Demand};
use fetch::Fetcher;
use key_ref::KeyRef;
use metrics::IssuerMetrics;
use origin::{Origin, Source};
use refresh::{Refresher, Told, warn_of};
use set::{KeySet, Remarks};
use state::{Freshness, Held, State};

/// What a look-up says at once.
pub enum LookUp {
    /// The set to verify with.
    Found(Arc<KeySet>),
    /// Only the issuer can tell: see [`Jwks::obtain`].
    Ask,
    Refused(Reason),
}

/// Where the keys of an issuer come from.
pub enum Supply {
    Fetched {
        source: Source,
        fetcher: Fetcher,
        /// How long known keys go on beyond their lifetime while the issuer cannot be reached.
        max_stale: Duration,
    },
    /// As read at the start by [`KeySet::read_file`].
    File(KeySet, Remarks),
}

/// The keys of one issuer. Dropping it ends the task that fetches them.
pub struct Jwks {
    name: String,
    max_stale: Duration,
    metrics: IssuerMetrics,
    state: watch::Receiver<State>,
    supplier: Supplier,
    demand: Mutex<Demand>,
}

/// Who puts a new key set into the state.
enum Supplier {
    /// A task; this is the number of the fetch that was asked for last.
    Refresher(watch::Sender<u64>),
    /// [`Jwks::replace`].
    File(watch::Sender<State>),
}

/// What a request waits for.
struct Wait {
    fetch: u64,
    /// Whose account was charged; `None` for a fetch that is made anyway.
    charge: Option<Charge>,
}

impl Jwks {
    /// Starts to fetch in the background, on the current tokio runtime; an issuer that is down does not matter here.
    pub fn start(name: String, supply: Supply, clock: WallClock, metrics: IssuerMetrics) -> Self {
        let (sender, state) = watch::channel(State::default());
        match supply {
            Supply::Fetched { source, fetcher, max_stale } => {
                let (ask, asked) = watch::channel(0);
                let refresher = Refresher {
                    origin: Origin::new(source, fetcher),
                    max_stale,
                    clock,
                    metrics: metrics.clone(),
                    name: name.clone(),
                    state: sender,
                    asked,
                    told: Told::default(),
                };
                tokio::spawn(refresher.run());
                let supplier = Supplier::Refresher(ask);
                Self { name, max_stale, metrics, state, supplier, demand: Mutex::default() }
            }
            Supply::File(keys, remarks) => {
                let supplier = Supplier::File(sender);
                let max_stale = Duration::MAX;
                let jwks = Self { name, max_stale, metrics, state, supplier, demand: Mutex::default() };
                jwks.hold(keys, &remarks);
                jwks
            }
        }
    }

    /// Puts what a file holds now in the place of what it held before.
    ///
    /// # Errors
    /// Why it holds no keys, as a phrase; the old ones stay.
    pub fn replace(&self, document: &[u8]) -> Result<(), String> {
        let generation = self.state.borrow().begun + 1;
        let read = KeySet::read_file(document, generation);
        let (keys, remarks) = read.map_err(|unusable| {
            warn_of(&self.name, &unusable.remarks, &Remarks::default());
            unusable.to_string()
        })?;
        self.hold(keys, &remarks);
        Ok(())
    }

    /// Only for keys from a file: a refresher has the sender otherwise.
    fn hold(&self, keys: KeySet, remarks: &Remarks) {
        let Supplier::File(state) = &self.supplier else { return };
        warn_of(&self.name, remarks, &Remarks::default());
        let count = keys.count();
        state.send_modify(|state| {
            state.begun += 1;
            state.ended = state.begun;
            state.held = Some(Held { keys: Arc::new(keys), at: Instant::now(), lasts: true });
        });
        self.metrics.stale(false);
        self.metrics.hold(count, remarks.skipped.len(), remarks.leaked.len());
    }

    /// The key set, as far as it can be had without waiting.
    pub fn look_up(&self, key: &KeyRef) -> LookUp {
        let state = self.state.borrow();
        match (&state.held, state.freshness(self.max_stale, Instant::now())) {
            (None, _) if state.under_way().is_some() => LookUp::Ask,
            (None, _) | (_, Freshness::Missing | Freshness::Expired) => LookUp::Refused(Reason::Unavailable),
            (Some(held), _) if held.keys.knows(key) => LookUp::Found(Arc::clone(&held.keys)),
            (Some(held), _) if held.lasts => LookUp::Refused(Reason::UnknownKey),
            (Some(_), _) => LookUp::Ask,
        }
    }

    /// The key set that is in force, to tell what was verified with it.
    pub fn generation(&self) -> Option<u64> {
        let state = self.state.borrow();
        match (&state.held, state.freshness(self.max_stale, Instant::now())) {
            (Some(held), Freshness::Fresh | Freshness::Stale) => Some(held.keys.generation()),
            _ => None,
        }
    }

    /// The key set that has this key, after asking the issuer if that may help.
    ///
    /// # Errors
    /// [`Reason::UnknownKey`], or [`Reason::Unavailable`] when that cannot be told.
    pub async fn obtain(&self, key: &KeyRef, address: Option<IpAddr>) -> Result<Arc<KeySet>, Reason> {
        let mut state = self.state.clone();
        let begun = state.borrow().begun;
        while let Some(wait) = self.wait(key, address) {
            if state.wait_for(|state| state.ended >= wait.fetch).await.is_err() {
                return Err(Reason::Unavailable);
            }
            match self.look_up(key) {
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
                    self.note_unknown(key, wait.fetch);
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
    fn wait(&self, key: &KeyRef, address: Option<IpAddr>) -> Option<Wait> {
        let Supplier::Refresher(ask) = &self.supplier else { return None };
        let now = Instant::now();
        let mut demand = self.demand();
        let state = self.state.borrow();
        // Without any set every key is new, and the refresher is at it on its own.
        let name = key.name().filter(|_| state.held.is_some());
        if name.is_some_and(|name| demand.is_unknown(name, now)) {
            return None;
        }
        let asked = Some(*ask.borrow()).filter(|asked| *asked > state.ended);
        if let Some(fetch) = state.under_way().or(asked) {
            return Some(Wait { fetch, charge: None });
        }
        if name.is_none() || state.is_backing_off(now) {
            return None;
        }
        let Some(charge) = demand.charge(address, now) else {
            self.metrics.refuse();
            return None;
        };
        let fetch = state.ended + 1;
        ask.send_replace(fetch);
        Some(Wait { fetch, charge: Some(charge) })
    }

    /// Remembers that the issuer does not know this key, if it was the issuer who said so.
    fn note_unknown(&self, key: &KeyRef, fetch: u64) {
        let answered = self.state.borrow().held.as_ref().is_some_and(|held| held.keys.generation() >= fetch);
        if let Some(name) = key.name().filter(|_| answered) {
            self.demand().note_unknown(name, Instant::now());
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
