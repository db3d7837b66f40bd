//! What changed: history is read once, and then what is new, what is recent, what the counts say is gone, and the rest
//! in rotation.
//!
//! Collections are cut into [`shards`] by `_id`. A refresh reads the open shard at the end and those of the last hours;
//! where the server's count of a collection is not what is held, it counts shards, by their keys alone, to find the
//! ones that lost documents; and it reads a bounded number of documents of the least recently verified shards again, so
//! that within [`ROUND`] everything was. So late changes to old documents show within that time, everything else at
//! once. Small collections are read whole at each refresh.
//!
//! Settled shards, those that are not of the last hours, are merged once; a refresh merges the few others to a copy.

pub mod pass;
pub mod shard;
pub mod shards;

use self::pass::{Pass, Progress};
use self::shards::Shards;
use super::fold::Folds;
use super::recent::{DAY, LONGEST};
use super::record::{Collection, Moment};
use super::scope::Options;
use super::source::{Source, SourceError};
use super::status::Status;

/// Within this time every shard is verified.
const ROUND: i64 = DAY;
/// Documents that a refresh reads in rotation, at least; more when a round would take too long.
const ROTATION: u64 = 1_000;
/// Keys that a refresh counts to find what is gone.
const SEARCH: u64 = 200_000;
/// A shard that is counted costs so much less than one that is read.
const COUNTING_GAIN: u64 = 32;

/// All that was read, and how to keep it current.
#[derive(Debug)]
pub struct Sync {
    options: Options,
    collections: Vec<Shards>,
    /// The merge of all settled shards; `None` when it must be put together anew.
    settled: Option<Folds>,
    /// When the refresh before this one began.
    previous: Option<Moment>,
}

impl Sync {
    pub fn new(options: Options) -> Self {
        let collections = Collection::ALL.iter().map(|collection| Shards::new(*collection)).collect();
        Self { options, collections, settled: None, previous: None }
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
    ) -> Result<Folds, SourceError> {
        let options = self.options;
        let mut pass = Pass { source, status, options, at, has_settled_changed: false, first: None };
        let result = self.read(&mut pass).await;
        if pass.has_settled_changed {
            self.settled = None;
        }
        result?;
        let (whole, oldest) = self.whole(at);
        status.set_mode("polling");
        status.set_oldest_unverified(at.seconds_since(oldest.unwrap_or(at)));
        self.previous = Some(at);
        Ok(whole)
    }

    async fn read<S: Source>(&mut self, pass: &mut Pass<'_, S>) -> Result<(), SourceError> {
        if self.collections.iter().any(|shards| !shards.is_complete) {
            return self.read_first(pass).await;
        }
        for shards in &mut self.collections {
            let before = pass.source.count(shards.collection).await?;
            shards.read_on(pass).await?;
            shards.read_recent(before.is_some(), pass).await?;
            let after = pass.source.count(shards.collection).await?;
            if let (Some(before), Some(after)) = (before, after) {
                shards.search(before, after, SEARCH, pass).await?;
            }
        }
        self.rotate(pass).await
    }

    async fn read_first<S: Source>(&mut self, pass: &mut Pass<'_, S>) -> Result<(), SourceError> {
        let mut total = 0;
        for shards in &self.collections {
            total += pass.source.count(shards.collection).await?.unwrap_or_default();
        }
        let done = self.collections.iter().map(Shards::count).sum();
        pass.first = Some(Progress::new(total, done));
        for shards in self.collections.iter_mut().filter(|shards| !shards.is_complete) {
            shards.read_on(pass).await?;
        }
        pass.first = None;
        pass.status.set_progress(1.0);
        Ok(())
    }

    /// Verifies the shards that were verified least recently.
    async fn rotate<S: Source>(&mut self, pass: &mut Pass<'_, S>) -> Result<(), SourceError> {
        let mut left = self.rotation(pass.at);
        let mut due: Vec<(Moment, usize, usize)> = Vec::new();
        for (collection, shards) in self.collections.iter().enumerate() {
            let stale = shards.list.iter().enumerate().filter(|(_, shard)| shard.verified < pass.at);
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

    /// How many documents may be read in rotation, so that a round takes no longer than it may.
    fn rotation(&self, at: Moment) -> u64 {
        let since = self.previous.map_or(0, |previous| at.0.saturating_sub(previous.0)).clamp(0, ROUND);
        let all: u64 = self.collections.iter().map(Shards::count).sum();
        let share = u128::from(all) * u128::from(since.unsigned_abs()) / u128::from(ROUND.unsigned_abs());
        u64::try_from(share).unwrap_or(u64::MAX).max(ROTATION)
    }

    /// All shards together, and when the least recently verified one was.
    fn whole(&mut self, at: Moment) -> (Folds, Option<Moment>) {
        let horizon = at.before(LONGEST);
        let settled = self.settled.get_or_insert_with(|| {
            let mut settled = Folds::new(self.options, horizon);
            for shard in self.collections.iter_mut().flat_map(|shards| &mut shards.list) {
                shard.folds.forget(horizon);
                if shard.is_settled {
                    settled.merge(&shard.folds);
                }
            }
            settled
        });
        settled.forget(horizon);
        for shards in &mut self.collections {
            shards.settle(at, |shard| settled.merge(&shard.folds));
        }
        let mut whole = settled.clone();
        let shards = self.collections.iter().flat_map(|shards| &shards.list);
        shards.clone().filter(|shard| !shard.is_settled).for_each(|shard| whole.merge(&shard.folds));
        (whole, shards.map(|shard| shard.verified).min())
    }
}

#[cfg(test)]
mod tests;
