//! The one task that fetches keys: on its own clock, and when a token names a key that is not known.
//!
//! Invariants:
//! - One fetch at a time, in this task: a request that waits for it may go away without ending it.
//! - A good fetch replaces the set; a failed one leaves it as it is and is followed by a pause of 1, 2, 4 … 60 s, longer
//!   if the issuer asks for it. Nothing shortens the pause.
//! - The next fetch comes before the set has lived out its time, by a share that differs from process to process.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::fetch::FetchError;
use super::metrics::IssuerMetrics;
use super::origin::Origin;
use super::set::{KeySet, Remarks};
use super::state::{Freshness, Held, LIFETIME, State};
use crate::auth::clock::WallClock;

/// For everything that one refresh does, discovery included.
const DEADLINE: Duration = Duration::from_secs(5);

const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How many keys of one document are named in the log: a document may hold thousands of odd ones.
const MOST_NAMED: usize = 16;

/// The longest time for which an issuer can send us away: beyond it we would not notice that it is back.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

pub(super) struct Refresher {
    pub(super) origin: Origin,
    pub(super) max_stale: Duration,
    pub(super) clock: WallClock,
    pub(super) metrics: IssuerMetrics,
    /// The issuer's name in log lines.
    pub(super) name: String,
    pub(super) state: watch::Sender<State>,
    /// The number of the fetch that a request waits for.
    pub(super) asked: watch::Receiver<u64>,
    pub(super) told: Told,
}

/// What has been logged, so that it is logged once.
pub(super) struct Told {
    freshness: Freshness,
    failures: u32,
    failure: String,
    remarks: Remarks,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            freshness: Freshness::Missing,
            failures: 0,
            failure: String::new(),
            remarks: Remarks::default(),
        }
    }
}

impl Refresher {
    /// Runs until nobody can ask any more.
    pub(super) async fn run(mut self) {
        let mut due = Instant::now();
        loop {
            self.tell_freshness();
            let now = Instant::now();
            let turns = self.state.borrow().turns_at(self.max_stale, now);
            let wake = turns.map_or(due, |turns| due.min(turns));
            tokio::select! {
                () = sleep_until(wake) => if Instant::now() < due { continue },
                changed = self.asked.changed() => match changed {
                    Err(_) => return,
                    Ok(()) if !self.is_wanted() => continue,
                    Ok(()) => {}
                },
            }
            due = self.refresh().await;
        }
    }

    /// Whether the fetch that was asked for is still to be made. In a pause it is ended without being made.
    fn is_wanted(&mut self) -> bool {
        let asked = *self.asked.borrow_and_update();
        self.state.send_if_modified(|state| {
            let declined = asked > state.ended && state.is_backing_off(Instant::now());
            if declined {
                (state.begun, state.ended) = (asked, asked);
            }
            declined
        });
        asked > self.state.borrow().ended
    }

    /// Returns when to fetch next.
    async fn refresh(&mut self) -> Instant {
        self.state.send_modify(|state| state.begun += 1);
        let generation = self.state.borrow().begun;
        let fetched = timeout(DEADLINE, self.origin.fetch()).await;
        let read = match fetched {
            Err(_) => Err(FetchError::Deadline(DEADLINE)),
            Ok(Err(error)) => Err(error),
            Ok(Ok((endpoint, document))) => KeySet::read(&document, generation)
                .map_err(|unusable| FetchError::unusable(endpoint, unusable)),
        };
        match read {
            Ok((keys, remarks)) => self.succeed(keys, remarks),
            Err(error) => self.fail(error),
        }
    }

    fn succeed(&mut self, keys: KeySet, remarks: Remarks) -> Instant {
        let now = Instant::now();
        if self.told.failures > 0 || self.told.freshness == Freshness::Missing {
            tracing::info!(
                issuer = self.name,
                keys = keys.count(),
                "the keys of the issuer have been fetched"
            );
        }
        warn_of(&self.name, &remarks, &self.told.remarks);
        let (skipped, leaked) = (remarks.skipped.len(), remarks.leaked.len());
        (self.told.failures, self.told.remarks) = (0, remarks);
        self.told.failure.clear();
        let count = keys.count();
        self.state.send_modify(|state| {
            state.held = Some(Held { keys: Arc::new(keys), at: now, lasts: false });
            state.ended = state.begun;
            state.retry_at = None;
        });
        self.tell_freshness();
        self.metrics.succeed(self.clock.seconds(), count, skipped, leaked);
        now + LIFETIME.mul_f64(rand::rng().random_range(0.75..0.9))
    }

    fn fail(&mut self, error: FetchError) -> Instant {
        self.origin.forget();
        let pause =
            pause(self.told.failures).max(error.retry_after().unwrap_or_default().min(LONGEST_RETRY_AFTER));
        self.told.failures = self.told.failures.saturating_add(1);
        let failure = error.to_string();
        if failure == self.told.failure {
            tracing::debug!(
                issuer = self.name,
                pause_seconds = pause.as_secs(),
                "the keys of the issuer cannot be fetched: {failure}"
            );
        } else {
            tracing::warn!(
                issuer = self.name,
                pause_seconds = pause.as_secs(),
                "the keys of the issuer cannot be fetched: {failure}"
            );
            self.told.failure = failure;
        }
        // The reasons are what leads to the mend where no key is left to go on with.
        if let FetchError::Unusable { reason, .. } = error
            && !reason.remarks.skipped.is_empty()
        {
            warn_of(&self.name, &reason.remarks, &self.told.remarks);
            self.told.remarks = reason.remarks;
        }
        let retry_at = Instant::now() + pause;
        self.state.send_modify(|state| {
            state.ended = state.begun;
            state.retry_at = Some(retry_at);
        });
        self.tell_freshness();
        self.metrics.fail();
        retry_at
    }

    fn tell_freshness(&mut self) {
        let freshness = self.state.borrow().freshness(self.max_stale, Instant::now());
        if freshness == self.told.freshness {
            return;
        }
        self.metrics.stale(freshness != Freshness::Fresh);
        match freshness {
            Freshness::Stale => tracing::warn!(
                issuer = self.name,
                left_seconds = self.max_stale.as_secs(),
                "the keys of the issuer are older than their lifetime; known ones go on for a while"
            ),
            Freshness::Expired => {
                tracing::error!(
                    issuer = self.name,
                    "the keys of the issuer are too old; tokens are answered with 503 from now on"
                );
            }
            Freshness::Fresh | Freshness::Missing => {}
        }
        self.told.freshness = freshness;
    }
}

/// Names the keys that were not named before, with the reason, and at most `MOST_NAMED` of them.
pub(super) fn warn_of(issuer: &str, remarks: &Remarks, told: &Remarks) {
    let mut skipped = remarks.skipped.difference(&told.skipped);
    for key in skipped.by_ref().take(MOST_NAMED) {
        tracing::warn!(issuer, "the issuer publishes a key that is not used: {key}");
    }
    let more = skipped.count();
    if more > 0 {
        tracing::warn!(issuer, more, "the issuer publishes more keys that are not used");
    }
    for leaked in remarks.leaked.difference(&told.leaked).take(MOST_NAMED) {
        tracing::warn!(
            issuer,
            "the issuer publishes the private half of {leaked}: whoever reads it can make tokens"
        );
    }
}

/// The pause after one more failure than `failures`.
fn pause(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.min(6)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_201_pauses_double_up_to_a_minute() {
        let pauses = [0, 1, 2, 3, 4, 5, 6, 7, u32::MAX].map(|failures| pause(failures).as_secs());
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
