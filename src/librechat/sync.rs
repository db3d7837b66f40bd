//! What changed: history is read once, and then what is new, what is recent, what the counts say is gone, and the rest
//! in rotation.
//!
//! Collections are cut into [`shards`] by `_id`. Where the source tells of changes ([`following`]), a refresh reads the
//! shards that they are in, and nothing else. Elsewhere a glance tells where something is new, whose open shard it reads; it
//! reads those of the last hour, the less often the older they are, and those that hold what an operator's index finds to
//! be updated; where the server's count of a collection is not what is held, it counts shards, by their keys alone, to
//! find the ones that lost documents; and it reads a bounded number of documents of the least recently verified shards
//! again, so that within a round everything was. So late changes to old documents show within that time at the latest,
//! everything else within minutes.
//!
//! Settled shards, those that are not of the last hour, are merged once; a refresh in which something changed merges
//! the few others to a copy. Whatever is read is shown to the [`Events`], which outlive every new reading.

pub mod following;
pub mod pass;
pub mod shard;
pub mod shards;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use self::following::Following;
use self::pass::{Pass, Progress};
use self::shards::Shards;
use super::events::Events;
use super::fold::Folds;
use super::indexes::Indexes;
use super::recent::{LONGEST, MINUTE};
use super::record::{Collection, Moment};
use super::scope::Options;
use super::source::{Glances, Position, Source, SourceError};
use super::status::Status;
use crate::exposition::samples::Samples;

/// Documents that a refresh reads in rotation, at least; more when a round would take too long.
const ROTATION: i64 = 256;
/// What is looked for by the time of its update is looked for so much further back than the last refresh: the clocks of
/// LibreChat's processes differ, and so does what a write takes.
const OVERLAP: i64 = 5 * MINUTE;

/// All that was read, and how to keep it current.
#[derive(Debug)]
pub struct Sync {
    options: Options,
    /// Milliseconds within which every shard is verified.
    round: i64,
    following: Following,
    holdings: Holdings,
    events: Events,
    /// Collections that could not be read in the refresh before this one.
    unreadable: Vec<Collection>,
    /// When the refresh before this one began.
    previous: Option<Moment>,
}

/// The shards, and what they come to.
#[derive(Debug, Default)]
struct Holdings {
    collections: Vec<Shards>,
    /// What may be read in rotation, in documents; below 0 after a shard that took more.
    credit: i64,
    /// The merge of all settled shards; `None` when it must be put together anew.
    settled: Option<Folds>,
    /// The merge of all shards; `None` when one has changed.
    whole: Option<Arc<Folds>>,
}

/// What an operator recognizes his installation by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inventory {
    pub messages: u64,
    pub users: u64,
    pub transactions: u64,
    /// When the oldest document was made.
    pub since: Option<Moment>,
}

impl Sync {
    /// Where the source does not tell of changes, every document is verified within `round`.
    pub fn new(options: &Options, round: Duration) -> Self {
        let collections = Collection::ALL.iter().map(|collection| Shards::new(*collection)).collect();
        Self {
            options: options.clone(),
            round: i64::try_from(round.as_millis()).unwrap_or(i64::MAX).max(1),
            following: Following::default(),
            holdings: Holdings { collections, ..Holdings::default() },
            events: Events::new(options.max_label_values),
            unreadable: Vec::new(),
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

    /// How much of the largest collections there is, and since when.
    pub fn inventory(&self) -> Inventory {
        let of = |collection: Collection| {
            let mut collections = self.holdings.collections.iter();
            collections.find(|shards| shards.collection == collection).map_or(0, Shards::count)
        };
        let shards = self.holdings.collections.iter().flat_map(|shards| &shards.list);
        Inventory {
            messages: of(Collection::Messages),
            users: of(Collection::Users),
            transactions: of(Collection::Transactions),
            since: shards.filter_map(|shard| shard.first).min().map(Position::time),
        }
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
        self.read_what_became_readable(source);
        self.following.follow(source, at, &mut self.holdings.collections, &mut self.events).await?;
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
            options: &self.options,
            at,
            changed: BTreeSet::new(),
            has_settled_changed: false,
            first: None,
            is_history: false,
        };
        // Where changes are told of, an index to find them by is of no use.
        let indexes = if told_since.is_some() { None } else { source.indexes().await.ok() };
        if told_since.is_some() || indexes.is_some() {
            status.tell_indexes(indexes.as_ref());
        }
        let updated = indexes.zip(self.previous.map(|previous| previous.before(OVERLAP)));
        self.holdings.earn(self.previous, at, self.round);
        let result = self.holdings.read(&mut pass, told_since, updated).await;
        self.unreadable = source.unreadable();
        if !pass.changed.is_empty() {
            self.holdings.whole = None;
        }
        if pass.has_settled_changed {
            self.holdings.settled = None;
        }
        result?;
        self.events.finish(at);
        // Merging takes milliseconds of CPU, and seconds after the first fold: not on a thread that serves.
        let mut holdings = std::mem::take(&mut self.holdings);
        let options = self.options.clone();
        let merging = tokio::task::spawn_blocking(move || {
            let whole = holdings.whole(&options, at);
            (holdings, whole)
        });
        let (holdings, whole) =
            merging.await.map_err(|_| SourceError { text: "the figures could not be merged".into() })?;
        self.holdings = holdings;
        status.set_verified_since(self.holdings.verified_since(told_since, at));
        self.previous = Some(at);
        Ok(whole)
    }

    /// Lets go of what was taken for empty, since it could not be read. What is in it is history.
    fn read_what_became_readable<S: Source>(&mut self, source: &S) {
        let unreadable = source.unreadable();
        let was_hidden = |shards: &Shards| {
            self.unreadable.contains(&shards.collection) && !unreadable.contains(&shards.collection)
        };
        for shards in self.holdings.collections.iter_mut().filter(|shards| was_hidden(shards)) {
            *shards = Shards::new(shards.collection);
            self.holdings.settled = None;
            self.holdings.whole = None;
        }
    }
}

impl Holdings {
    /// `told_since` is when the telling of changes began, where there is one; `updated` is since when what was updated
    /// is looked for, where there are indexes to find it by.
    async fn read<S: Source>(
        &mut self,
        pass: &mut Pass<'_, S>,
        told_since: Option<Moment>,
        updated: Option<(Indexes, Moment)>,
    ) -> Result<(), SourceError> {
        if self.collections.iter().any(|shards| !shards.is_complete) {
            self.read_first(pass).await?;
        }
        let glances = if told_since.is_none() { pass.source.glance().await? } else { Glances::default() };
        for shards in &mut self.collections {
            if let Some((indexes, since)) = &updated {
                shards.mark_updated(*since, indexes, pass).await?;
            }
            shards.read_dirty(pass).await?;
            if told_since.is_none() {
                shards.poll(glances.get(&shards.collection).copied(), pass).await?;
            }
        }
        if told_since.is_none() && pass.changed.contains(&Collection::Transactions) {
            // What is spent leaves no trace in a balance but its new value.
            let mut collections = self.collections.iter_mut();
            if let Some(balances) = collections.find(|shards| shards.collection == Collection::Balances) {
                balances.mark_all();
                balances.read_dirty(pass).await?;
            }
        }
        self.rotate(pass, told_since).await
    }

    async fn read_first<S: Source>(&mut self, pass: &mut Pass<'_, S>) -> Result<(), SourceError> {
        let total = pass.source.glance().await?.values().map(|glance| glance.count).sum();
        let done = self.collections.iter().map(Shards::count).sum();
        pass.first = Some(Progress::new(total, done));
        for shards in self.collections.iter_mut().filter(|shards| !shards.is_complete) {
            shards.read_first(pass).await?;
        }
        pass.first = None;
        pass.status.set_progress(1.0);
        Ok(())
    }

    /// Adds what may be read in rotation since `previous`, so that a `round` takes no longer than it may.
    fn earn(&mut self, previous: Option<Moment>, at: Moment, round: i64) {
        let since = previous.map_or(0, |previous| at.0.saturating_sub(previous.0)).clamp(0, round);
        let all: u64 = self.collections.iter().map(Shards::cost).sum();
        let share = i128::from(all) * i128::from(since) / i128::from(round);
        let share = i64::try_from(share).unwrap_or(i64::MAX).max(ROTATION);
        self.credit = self.credit.min(0).saturating_add(share);
    }

    /// Verifies the shards that were verified least recently, as far as there is credit for it: a shard that takes more
    /// is paid for by the refreshes that follow. Where changes are told of, only those that were read before.
    async fn rotate<S: Source>(
        &mut self,
        pass: &mut Pass<'_, S>,
        told_since: Option<Moment>,
    ) -> Result<(), SourceError> {
        let before = told_since.unwrap_or(pass.at);
        let mut due: Vec<(Moment, usize, usize)> = Vec::new();
        for (collection, shards) in self.collections.iter().enumerate() {
            let stale = shards.list.iter().enumerate().filter(|(_, shard)| shard.verified < before);
            due.extend(stale.map(|(index, shard)| (shard.verified, collection, index)));
        }
        due.sort_unstable();
        for (_, collection, index) in due {
            if self.credit <= 0 {
                break;
            }
            let Some(shards) = self.collections.get_mut(collection) else { continue };
            let Some(cost) = shards.verify(index, pass).await? else { continue };
            self.credit = self.credit.saturating_sub_unsigned(cost);
        }
        Ok(())
    }

    /// All shards together.
    fn whole(&mut self, options: &Options, at: Moment) -> Arc<Folds> {
        let horizon = at.before(LONGEST);
        let Self { collections, settled, whole, .. } = self;
        let is_new = settled.is_none();
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
        let empty = Folds::new(options, horizon);
        for shards in collections.iter_mut() {
            shards.settle(at, &empty, |shard| settled.merge(&shard.folds));
        }
        let merged = whole.get_or_insert_with(|| {
            settled.forget(horizon);
            if is_new {
                // All of history has just gone into it.
                settled.compact();
            }
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
