//! One refresh: what it reads, for whom, and what it noticed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tracing::info;

use super::shard::Shard;
use crate::librechat::events::Events;
use crate::librechat::fold::Folds;
use crate::librechat::recent::LONGEST;
use crate::librechat::record::{Collection, Moment};
use crate::librechat::scope::Options;
use crate::librechat::source::{Range, Source, SourceError};
use crate::librechat::status::{Status, Tally};

/// A refresh under way.
#[derive(Debug)]
pub struct Pass<'a, S> {
    pub source: &'a S,
    pub status: &'a Status,
    pub events: &'a mut Events,
    pub options: &'a Options,
    /// When it began: what it reads is as new as this, or newer.
    pub at: Moment,
    /// Of which collections something is not what it was.
    pub changed: BTreeSet<Collection>,
    /// Whether the settled whole must be put together anew.
    pub has_settled_changed: bool,
    /// The first fold, while it is under way.
    pub first: Option<Progress>,
    /// Whether what is read was there when the exporter came.
    pub is_history: bool,
}

impl<S: Source> Pass<'_, S> {
    /// Reads a range into one shard.
    ///
    /// # Errors
    /// Those of the source.
    pub async fn read(
        &mut self,
        collection: Collection,
        range: Range,
        reason: &'static str,
        known: Option<&Shard>,
    ) -> Result<Shard, SourceError> {
        let whole = Cut { size: u64::MAX, limit: u64::MAX };
        self.read_cut(collection, range, whole, reason, known).await.map(|pieces| pieces.last)
    }

    /// Reads documents of a range into pieces. Odd documents count as skipped only when the range is not `known` to be
    /// the same.
    ///
    /// # Errors
    /// Those of the source.
    pub async fn read_cut(
        &mut self,
        collection: Collection,
        range: Range,
        cut: Cut,
        reason: &'static str,
        known: Option<&Shard>,
    ) -> Result<Pieces, SourceError> {
        let mut tally = Tally::default();
        let (options, at) = (self.options, self.at);
        let new = |range| Shard::new(range, Folds::new(options, at.before(LONGEST)), at);
        let mut pieces = Pieces { cut: Vec::new(), last: new(range) };
        let (events, at, is_history) = (&mut *self.events, self.at, self.is_history);
        let reading = self.source.read_range(collection, range, cut.limit, |seen| {
            tally.add(seen.oddities);
            events.see(&seen, at, is_history);
            if pieces.last.count >= cut.size
                && let Some(next) = pieces.last.cut()
            {
                pieces.last.folds.compact();
                pieces.cut.push(std::mem::replace(&mut pieces.last, new(next)));
            }
            pieces.last.add(&seen);
        });
        reading.await?;
        pieces.last.folds.compact();
        let is_same = pieces.cut.is_empty() && known.is_some_and(|known| known.is_same(&pieces.last));
        if let Some(first) = &mut self.first {
            let pause = first.add(tally.count());
            self.status.set_progress(first.ratio());
            sleep(pause).await;
        }
        self.status.tally(collection, reason, if is_same { tally.without_oddities() } else { tally });
        Ok(pieces)
    }
}

/// How much is read at once.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Documents of a shard, at most.
    pub size: u64,
    /// Documents that are asked for.
    pub limit: u64,
}

/// What was read of a range, in its order.
#[derive(Debug)]
pub struct Pieces {
    pub cut: Vec<Shard>,
    /// Up to the end of the range, though there may be more documents than were asked for.
    pub last: Shard,
}

/// How far the first fold has come. It is paced: after each query there is a pause of an eighth of its time, so that
/// LibreChat's own find room; and it is one query at a time, of the cores that the server has.
#[derive(Debug)]
pub struct Progress {
    total: u64,
    done: u64,
    began: Instant,
    last: Instant,
    told: u64,
}

impl Progress {
    /// Of so many documents, some of which may have been read in an attempt before.
    pub fn new(total: u64, done: u64) -> Self {
        let now = Instant::now();
        Self { total, done, began: now, last: now, told: 0 }
    }

    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    pub fn ratio(&self) -> f64 {
        if self.total == 0 { 1.0 } else { (self.done as f64 / self.total as f64).min(1.0) }
    }

    /// Tells of every tenth part; gives the pause that is due.
    fn add(&mut self, documents: u64) -> Duration {
        const LONGEST_PAUSE: Duration = Duration::from_millis(200);
        self.done += documents;
        let tenths = self.done.saturating_mul(10) / self.total.max(1);
        let (ratio, took) = (self.ratio(), self.began.elapsed());
        if tenths > self.told && tenths < 10 && took > Duration::from_secs(1) {
            self.told = tenths;
            let left = took.mul_f64((1.0 - ratio) / ratio.max(0.01));
            info!(documents = self.done, "initial read: {} %, about {} s left", tenths * 10, left.as_secs());
        }
        let pause = (self.last.elapsed() / 8).min(LONGEST_PAUSE);
        self.last = Instant::now() + pause;
        pause
    }
}
