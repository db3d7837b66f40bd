//! Follows the source's change stream, where it has one: then nothing needs to be looked for.
//!
//! Invariants: a change is marked before anything is read, and stays marked until its shard was read; what was read
//! before the stream began is not trusted to be current. A stream that breaks goes on from where it broke; where that
//! is not possible everything is read anew, at most once an hour.
//!
//! Nothing that a server answers keeps a refresh from polling or makes this loop: a refused stream, and one that breaks
//! soon after it was opened, is asked for again at a growing distance.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::shards::Shards;
use crate::librechat::record::Moment;
use crate::librechat::source::changes::{Change, Changes, Start, Watched};
use crate::librechat::source::{Source, SourceError};

/// The pause after the first failure, four times as long after each that follows, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// A stream that held for so long is well: its end is no failure.
const HELD: Duration = Duration::from_secs(60);
/// A passing failure, such as an election, fails the refresh, which is soon tried again; after so many in a row the
/// source is polled.
const PATIENCE: u32 = 3;
/// The shortest time between two readings of everything because a stream was lost.
const REREAD: Duration = Duration::from_secs(3_600);

/// How changes become known.
#[derive(Debug)]
pub struct Following {
    stream: Stream,
    /// Attempts in a row that failed; a stream that broke off soon is one.
    failures: u32,
    /// The reason for polling, as it was logged.
    reason: Option<String>,
    /// The source's connection that refused the last attempt.
    connection: u64,
    /// When everything was last read anew because a stream was lost.
    reread: Option<Instant>,
}

#[derive(Debug)]
enum Stream {
    Closed {
        /// When it is asked for again, at the earliest.
        again: Instant,
        /// Since when it had been open, where it is to be taken up again.
        since: Option<Moment>,
    },
    Open {
        changes: Changes,
        since: Moment,
        opened: Instant,
    },
}

impl Default for Following {
    fn default() -> Self {
        let stream = Stream::Closed { again: Instant::now(), since: None };
        Self { stream, failures: 0, reason: None, connection: 0, reread: None }
    }
}

impl Following {
    /// Since when the stream has every change; `None` where there is no stream.
    pub const fn since(&self) -> Option<Moment> {
        match self.stream {
            Stream::Open { since, .. } => Some(since),
            Stream::Closed { .. } => None,
        }
    }

    /// Waits until there is a change, or a stream is to be asked for. May be dropped at any time.
    pub async fn arrived(&mut self) {
        match &mut self.stream {
            Stream::Open { changes, .. } => changes.arrived().await,
            Stream::Closed { again, .. } => sleep_until(*again).await,
        }
    }

    /// Marks what has changed, and opens a stream where there is none and one is due.
    ///
    /// # Errors
    /// Those of the source that are likely to pass.
    pub async fn follow<S: Source>(
        &mut self,
        source: &S,
        at: Moment,
        collections: &mut [Shards],
    ) -> Result<(), SourceError> {
        self.mark(at, collections);
        let Stream::Closed { again, since } = self.stream else { return Ok(()) };
        let is_new_connection = source.connection_number() != self.connection;
        if Instant::now() < again && !is_new_connection {
            return Ok(());
        }
        if is_new_connection {
            self.connection = source.connection_number();
            self.failures = 0;
        }
        let start = if since.is_some() { Start::WhereItBroke } else { Start::Now };
        let watched = match source.watch(start).await? {
            Watched::Lost => {
                self.lose::<S>(collections);
                source.watch(Start::Now).await?
            }
            watched => watched,
        };
        // Where a lost stream was just given up there is nothing left to be taken up.
        let since = match self.stream {
            Stream::Closed { since, .. } => since,
            Stream::Open { since, .. } => Some(since),
        };
        match watched {
            Watched::Changes(changes) => {
                info!("following the change stream of {}", S::NAME);
                self.stream = Stream::Open { changes, since: since.unwrap_or(at), opened: Instant::now() };
                self.mark(at, collections);
                Ok(())
            }
            Watched::Lost => {
                self.refused::<S>(since, "it does not know where its change stream begins");
                Ok(())
            }
            Watched::Impossible(reason) => {
                self.refused::<S>(since, &reason);
                Ok(())
            }
            Watched::Failed(error) if self.failures < PATIENCE => {
                self.failures += 1;
                self.stream = Stream::Closed { again: Instant::now(), since };
                Err(error)
            }
            Watched::Failed(error) => {
                self.refused::<S>(since, &error.text);
                Ok(())
            }
        }
    }

    /// Polls from here on, and says why when that is not known yet.
    fn refused<S: Source>(&mut self, since: Option<Moment>, reason: &str) {
        if self.reason.as_deref() != Some(reason) {
            info!("polling for changes, since {} offers no change stream: {reason}", S::NAME);
            self.reason = Some(reason.to_owned());
        }
        self.failures = self.failures.saturating_add(1);
        self.stream = Stream::Closed { again: Instant::now() + pause(self.failures), since };
    }

    /// Gives up a stream that cannot be taken up again. What changed in the meantime is unknown.
    fn lose<S: Source>(&mut self, collections: &mut [Shards]) {
        self.stream = Stream::Closed { again: Instant::now(), since: None };
        if self.reread.is_some_and(|last| last.elapsed() < REREAD) {
            warn!("{} lost its change stream again: history is verified in rotation", S::NAME);
            return;
        }
        warn!(
            "{} no longer knows what changed since its change stream broke off: reading everything anew",
            S::NAME
        );
        self.reread = Some(Instant::now());
        collections.iter_mut().for_each(Shards::reset);
    }

    fn mark(&mut self, at: Moment, collections: &mut [Shards]) {
        let Stream::Open { changes, since, opened } = &mut self.stream else { return };
        while let Some(change) = changes.take() {
            match change {
                Change::Document(collection, position) => {
                    let mut shards = collections.iter_mut();
                    if let Some(shards) = shards.find(|shards| shards.collection == collection) {
                        shards.mark(position);
                    }
                }
                Change::Everything => {
                    warn!("a collection was dropped or renamed: reading everything anew");
                    collections.iter_mut().for_each(Shards::reset);
                    *since = at;
                }
                Change::Broken(error) => {
                    let (since, has_held) = (*since, opened.elapsed() >= HELD);
                    self.broke(since, has_held, &error);
                    return;
                }
            }
        }
        if opened.elapsed() >= HELD {
            self.failures = 0;
            self.reason = None;
        }
    }

    /// A stream that held is taken up again at once, another after a pause.
    fn broke(&mut self, since: Moment, has_held: bool, error: &SourceError) {
        self.failures = if has_held { 0 } else { self.failures.saturating_add(1) };
        let pause = if has_held { Duration::ZERO } else { pause(self.failures) };
        if self.reason.as_ref() != Some(&error.text) {
            warn!("the change stream broke off, and is taken up again: {error}");
            self.reason = Some(error.text.clone());
        }
        self.stream = Stream::Closed { again: Instant::now() + pause, since: Some(since) };
    }
}

/// The pause after so many failures in a row.
fn pause(failures: u32) -> Duration {
    let times = 4_u32.checked_pow(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_PAUSE.saturating_mul(times).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_an_hour() {
        let seconds: Vec<u64> = [1, 2, 3, 4, 7, u32::MAX].map(|failures| pause(failures).as_secs()).into();
        assert_eq!(seconds, [1, 4, 16, 64, 3_600, 3_600]);
    }
}
