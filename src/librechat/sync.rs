//! What changed: history is read once, and then what is new, what is recent, what the counts say is gone, and the rest
//! in rotation.
//!
//! Collections are cut into [`shards`] by `_id`. Where the source tells of changes ([`following`]), a refresh reads the
//! shards that they are in, and nothing else. Elsewhere it reads the open shard at the end and those of the last hours;
//! where the server's count of a collection is not what is held, it counts shards, by their keys alone, to find the
//! ones that lost documents; and it reads a bounded number of documents of the least recently verified shards again, so
//! that within a round everything was. So late changes to old documents show within that time, everything else at once.
//!
//! Settled shards, those that are not of the last hours, are merged once; a refresh in which something changed merges
//! the few others to a copy. Whatever is read is shown to the [`Events`], which outlive every new reading.

pub mod following;
pub mod pass;
pub mod shard;
pub mod shards;

use std::sync::Arc;
use std::time::Duration;

use self::following::Following;
use self::pass::{Pass, Progress};
use self::shards::Shards;
use super::events::Events;
use super::fold::Folds;
use super::recent::LONGEST;
use super::record::{Collection, Moment};
use super::scope::Options;
use super::source::{Source, SourceError};
use super::status::Status;
use crate::exposition::samples::Samples;

/// Documents that a refresh reads in rotation, at least; more when a round would take too long.
const ROTATION: u64 = 1_000;
/// A shard that is counted costs so much less than one that is read.
const COUNTING_GAIN: u64 = 32;

/// All that was read, and how to keep it current.
#[derive(Debug)]
pub struct Sync {
    options: Options,
    /// Milliseconds within which every shard is verified.
    round: i64,
    following: Following,
    holdings: Holdings,
    events: Events,
    /// When the refresh before this one began.
    previous: Option<Moment>,
}

/// The shards, and what they come to.
#[derive(Debug, Default)]
struct Holdings {
    collections: Vec<Shards>,
    /// The merge of all settled shards; `None` when it must be put together anew.
    settled: Option<Folds>,
    /// The merge of all shards; `None` when one has changed.
    whole: Option<Arc<Folds>>,
}

impl Sync {
    /// Where the source does not tell of changes, every document is verified within `round`.
    pub fn new(options: Options, round: Duration) -> Self {
        let collections = Collection::ALL.iter().map(|collection| Shards::new(*collection)).collect();
        Self {
            options,
            round: i64::try_from(round.as_millis()).unwrap_or(i64::MAX).max(1),
            following: Following::default(),
            holdings: Holdings { collections, ..Holdings::default() },
            events: Events::new(options.max_label_values),
            previous: None,
        }
    }

    /// Waits until the source tells of a change; for ever where it does not. May be dropped at any time.
    pub async fn changed(&mut self) {
        self.following.arrived().await;
    }

    /// Whether the source tells of changes.
    pub const fn is_told(&self) -> bool {
        self.following.since().is_some()
    }

    /// What happened since the exporter started.
    pub fn events(&self) -> Samples {
        self.events.export()
    }

    /// Brings everything up to `at` and gives what it comes to.
    ///
    /// # Errors
    /// Those of the source. What was read before is kept, and the next refresh goes on from there.
    pub async fn refresh<S: Source>(
        &mut self,
        source: &S,
        status: &Status,
        at: Moment,
    ) -> Result<Arc<Folds>, SourceError> {
        self.following.follow(source, at, &mut self.holdings.collections).await?;
        let told_since = self.following.since();
        status.set_mode(if told_since.is_some() { "change_stream" } else { "polling" });
        if self.holdings.collections.iter().all(Shards::is_empty) {
            // Everything is read anew: what it came to before is not a part of it.
            self.holdings.settled = None;
            self.holdings.whole = None;
        }
        let mut pass = Pass {
            source,
            status,
            events: &mut self.events,
            options: self.options,
            at,
            has_changed: false,
            has_settled_changed: false,
            first: None,
            is_history: false,
        };
        let budget = rotation(&self.holdings.collections, self.previous, at, self.round);
        let result = self.holdings.read(&mut pass, told_since, budget).await;
        if pass.has_changed {
            self.holdings.whole = None;
        }
        if pass.has_settled_changed {
            self.holdings.settled = None;
        }
        result?;
        self.events.finish(at);
        // Merging takes milliseconds of CPU, and seconds after the first fold: not on a thread that serves.
        let mut holdings = std::mem::take(&mut self.holdings);
        let options = self.options;
        let merging = tokio::task::spawn_blocking(move || {
            let whole = holdings.whole(options, at);
            (holdings, whole)
        });
        let (holdings, whole) =
            merging.await.map_err(|_| SourceError { text: "the figures could not be merged".into() })?;
        self.holdings = holdings;
        status.set_verified_since(self.holdings.verified_since(told_since, at));
        self.previous = Some(at);
        Ok(whole)
    }
}

/// How many documents may be read in rotation, so that a round takes no longer than it may.
fn rotation(collections: &[Shards], previous: Option<Moment>, at: Moment, round: i64) -> u64 {
    let since = previous.map_or(0, |previous| at.0.saturating_sub(previous.0)).clamp(0, round);
    let all: u64 = collections.iter().map(Shards::count).sum();
    let share = u128::from(all) * u128::from(since.unsigned_abs()) / u128::from(round.unsigned_abs());
    u64::try_from(share).unwrap_or(u64::MAX).max(ROTATION)
}

impl Holdings {
    /// `told_since` is when the telling of changes began, where there is one; `budget` is how many documents may be
    /// read in rotation.
    async fn read<S: Source>(
        &mut self,
        pass: &mut Pass<'_, S>,
        told_since: Option<Moment>,
        budget: u64,
    ) -> Result<(), SourceError> {
        if self.collections.iter().any(|shards| !shards.is_complete) {
            self.read_first(pass).await?;
        }
        for shards in &mut self.collections {
            shards.read_dirty(pass).await?;
            if told_since.is_none() {
                shards.poll(pass).await?;
            }
        }
        self.rotate(pass, told_since, budget).await
    }

    async fn read_first<S: Source>(&mut self, pass: &mut Pass<'_, S>) -> Result<(), SourceError> {
        let mut total = 0;
        for shards in &self.collections {
            total += pass.source.count(shards.collection).await?.unwrap_or_default();
        }
        let done = self.collections.iter().map(Shards::count).sum();
        pass.first = Some(Progress::new(total, done));
        for shards in self.collections.iter_mut().filter(|shards| !shards.is_complete) {
            shards.read_first(pass).await?;
        }
        pass.first = None;
        pass.status.set_progress(1.0);
        Ok(())
    }

    /// Verifies the shards that were verified least recently; where changes are told of, only those that were read
    /// before.
    async fn rotate<S: Source>(
        &mut self,
        pass: &mut Pass<'_, S>,
        told_since: Option<Moment>,
        mut left: u64,
    ) -> Result<(), SourceError> {
        let before = told_since.unwrap_or(pass.at);
        let mut due: Vec<(Moment, usize, usize)> = Vec::new();
        for (collection, shards) in self.collections.iter().enumerate() {
            let stale = shards.list.iter().enumerate().filter(|(_, shard)| shard.verified < before);
            due.extend(stale.map(|(index, shard)| (shard.verified, collection, index)));
        }
        due.sort_unstable();
        for (_, collection, index) in due {
            let Some(shards) = self.collections.get_mut(collection) else { continue };
            let is_immutable = shards.is_immutable();
            let Some(shard) = shards.list.get_mut(index) else { continue };
            let costs = if is_immutable { shard.count / COUNTING_GAIN } else { shard.count } + 1;
            if left == 0 {
                break;
            }
            left = left.saturating_sub(costs);
            if is_immutable && pass.source.count_range(shards.collection, shard.range).await? == shard.count {
                shard.verified = pass.at;
            } else {
                shards.read_again(index, "rotation", pass).await?;
            }
        }
        Ok(())
    }

    /// All shards together.
    fn whole(&mut self, options: Options, at: Moment) -> Arc<Folds> {
        let horizon = at.before(LONGEST);
        let Self { collections, settled, whole } = self;
        let settled = settled.get_or_insert_with(|| {
            let mut settled = Folds::new(options, horizon);
            for shard in collections.iter_mut().flat_map(|shards| &mut shards.list) {
                shard.folds.forget(horizon);
                if shard.is_settled {
                    settled.merge(&shard.folds);
                }
            }
            settled
        });
        for shards in collections.iter_mut() {
            shards.settle(at, |shard| settled.merge(&shard.folds));
        }
        let merged = whole.get_or_insert_with(|| {
            settled.forget(horizon);
            let mut merged = settled.clone();
            let shards = collections.iter().flat_map(|shards| &shards.list);
            shards.filter(|shard| !shard.is_settled).for_each(|shard| merged.merge(&shard.folds));
            Arc::new(merged)
        });
        Arc::clone(merged)
    }

    /// When the least recently verified shard was; one whose changes are told of is verified now.
    fn verified_since(&self, told_since: Option<Moment>, at: Moment) -> Moment {
        let shards = self.collections.iter().flat_map(|shards| &shards.list);
        let untold = shards.filter(|shard| told_since.is_none_or(|since| shard.verified < since));
        untold.map(|shard| shard.verified).min().unwrap_or(at)
    }
}

#[cfg(test)]
mod tests;
