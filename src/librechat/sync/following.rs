//! Being told of changes, where the source can: then nothing needs to be looked for.
//!
//! Invariants: a change is marked before anything is read, and stays marked until its shard was read; what was read
//! before the telling began is not trusted to be current. A telling that breaks goes on from where it broke; where that
//! is not possible everything is read anew.

use tracing::{info, warn};

use super::shards::Shards;
use crate::librechat::record::Moment;
use crate::librechat::source::changes::{Change, Changes, Start, Watched};
use crate::librechat::source::{Source, SourceError};

/// A source that cannot tell of changes is asked again after this: rights are granted, servers become replica sets.
const ASK_AGAIN: i64 = 3_600_000;

/// How changes become known.
#[derive(Debug, Default)]
pub struct Following {
    stream: Stream,
    /// Why the source cannot, as it was logged.
    reason: Option<String>,
}

#[derive(Debug)]
enum Stream {
    /// To be asked for, but not before this.
    Off(Option<Moment>),
    On {
        changes: Changes,
        since: Moment,
    },
    /// To be taken up again.
    Broken {
        since: Moment,
    },
}

impl Default for Stream {
    fn default() -> Self {
        Self::Off(None)
    }
}

impl Following {
    /// Since when every change is told of; `None` where none is.
    pub const fn since(&self) -> Option<Moment> {
        match self.stream {
            Stream::On { since, .. } => Some(since),
            Stream::Off(_) | Stream::Broken { .. } => None,
        }
    }

    /// Waits until a change is told of; for ever where none is. May be dropped at any time.
    pub async fn arrived(&mut self) {
        match &mut self.stream {
            Stream::On { changes, .. } => changes.arrived().await,
            Stream::Off(_) | Stream::Broken { .. } => std::future::pending().await,
        }
    }

    /// Marks what has changed, and sees to it that changes are told of.
    ///
    /// # Errors
    /// Those of the source.
    pub async fn follow<S: Source>(
        &mut self,
        source: &S,
        at: Moment,
        collections: &mut [Shards],
    ) -> Result<(), SourceError> {
        self.mark(at, collections);
        let (start, since) = match self.stream {
            Stream::On { .. } => return Ok(()),
            Stream::Off(Some(again)) if at < again => return Ok(()),
            Stream::Off(_) => (Start::Now, at),
            Stream::Broken { since } => (Start::WhereItBroke, since),
        };
        match source.watch(start).await? {
            Watched::Changes(changes) => {
                info!("{} tells of changes: they are followed", S::NAME);
                self.stream = Stream::On { changes, since };
                self.reason = None;
                self.mark(at, collections);
            }
            Watched::Lost => {
                warn!(
                    "{} no longer knows what changed since its changes broke off: everything is read anew",
                    S::NAME
                );
                collections.iter_mut().for_each(Shards::reset);
                self.stream = Stream::Off(None);
                return Box::pin(self.follow(source, at, collections)).await;
            }
            Watched::Impossible(reason) => {
                if self.reason.as_ref() != Some(&reason) {
                    info!(
                        "changes are looked for at each refresh, since {} does not tell of them: {reason}",
                        S::NAME
                    );
                    self.reason = Some(reason);
                }
                self.stream = Stream::Off(Some(Moment(at.0.saturating_add(ASK_AGAIN))));
            }
        }
        Ok(())
    }

    fn mark(&mut self, at: Moment, collections: &mut [Shards]) {
        let Stream::On { changes, since } = &mut self.stream else { return };
        while let Some(change) = changes.take() {
            match change {
                Change::Document(collection, position) => {
                    let mut shards = collections.iter_mut();
                    if let Some(shards) = shards.find(|shards| shards.collection == collection) {
                        shards.mark(position);
                    }
                }
                Change::Everything => {
                    warn!("a collection was dropped or renamed: everything is read anew");
                    collections.iter_mut().for_each(Shards::reset);
                    *since = at;
                }
                Change::Broken(error) => {
                    warn!("the changes broke off, and are taken up again: {error}");
                    self.stream = Stream::Broken { since: *since };
                    return;
                }
            }
        }
    }
}
