//! The shards of one collection: they cover every `_id` there can be, each once, in order; the last one is open.
//!
//! Since ranges do not overlap, a document is in one shard only, however often and in whatever order it is read: nothing
//! is counted twice. What a shard comes to is replaced as a whole, so that an update or a deletion is a new reading.

use std::collections::HashMap;

use super::shard::Shard;
use crate::librechat::fold::Folds;
use crate::librechat::indexes::Indexes;
use crate::librechat::recent::MINUTE;
use crate::librechat::record::{Collection, Moment};
use crate::librechat::source::{Glance, Identity, Position, Range, Source, SourceError};
use crate::librechat::status::Tally;
use crate::librechat::sync::pass::{Cut, Pass};

/// Documents of a shard of the last hour, and of a collection that is read whole each time.
pub const SMALL: u64 = 256;
/// Documents that are asked for at once: a query costs the server more than a few documents do.
const QUERY: u64 = 65_536;
/// Keys that a refresh counts to find what is gone.
const SEARCH: u64 = 200_000;
/// What a query costs, in documents that are read.
const QUERY_COST: u64 = 32;
/// A document that is counted costs so much less than one that is read.
const COUNTING_GAIN: u64 = 32;
/// How long documents are read again and again: most answers are finished, and rated, within minutes.
const RECENT: i64 = 60 * MINUTE;
/// Documents that are remembered as found late. When they are more, some are read again in vain.
const LATE: usize = 16_384;

#[derive(Debug)]
pub struct Shards {
    pub collection: Collection,
    pub list: Vec<Shard>,
    /// Whether all of it was read.
    pub is_complete: bool,
    /// Whether it was never complete: what is read then was there before the exporter.
    is_history: bool,
    /// While it is read for the first time: the shards before those of the list, which end here.
    old: Vec<Shard>,
    boundary: Option<Position>,
    /// By how much the server's own count is off: after a crash it may stay wrong.
    bias: i128,
    /// Where looking for what the count says goes on, from the newest to the oldest.
    search: Option<usize>,
    /// What was found to have changed late, as it was then.
    late: HashMap<Identity, u64>,
}

impl Shards {
    pub fn new(collection: Collection) -> Self {
        Self {
            collection,
            list: Vec::new(),
            is_complete: false,
            is_history: true,
            old: Vec::new(),
            boundary: None,
            bias: 0,
            search: None,
            late: HashMap::new(),
        }
    }

    /// Whether nothing of it is held.
    pub const fn is_empty(&self) -> bool {
        self.old.is_empty() && self.list.is_empty()
    }

    /// Lets go of everything that was read, to read it anew.
    pub fn reset(&mut self) {
        *self = Self { is_history: self.is_history, ..Self::new(self.collection) };
    }

    pub fn count(&self) -> u64 {
        self.old.iter().chain(&self.list).map(|shard| shard.count).sum()
    }

    /// Documents of a settled shard. Transactions never change once written: they are verified by counting, which is
    /// cheap, and take less memory in large shards.
    const fn large(&self) -> u64 {
        match self.collection {
            Collection::Transactions => 16_384,
            _ => 1_024,
        }
    }

    const fn is_immutable(&self) -> bool {
        matches!(self.collection, Collection::Transactions)
    }

    /// What it takes to verify a shard of so many documents, in documents that are read.
    const fn cost_of(&self, documents: u64) -> u64 {
        QUERY_COST + if self.is_immutable() { documents / COUNTING_GAIN } else { documents }
    }

    /// What it takes to verify every shard.
    pub fn cost(&self) -> u64 {
        self.list.iter().map(|shard| self.cost_of(shard.count)).sum()
    }

    /// Makes sure that a shard is what it was, or reads it; what that took.
    ///
    /// # Errors
    /// Those of the source.
    pub async fn verify<S: Source>(
        &mut self,
        index: usize,
        pass: &mut Pass<'_, S>,
    ) -> Result<Option<u64>, SourceError> {
        let (collection, is_immutable) = (self.collection, self.is_immutable());
        let Some(shard) = self.list.get_mut(index) else { return Ok(None) };
        let documents = shard.count;
        if is_immutable && pass.source.count_range(collection, shard.range).await? == shard.count {
            shard.verified = pass.at;
        } else {
            self.read_again(index, "rotation", pass).await?;
        }
        Ok(Some(self.cost_of(documents)))
    }

    /// Reads everything, the last hour first: what is new from then on is an event, however long the rest takes.
    ///
    /// # Errors
    /// Those of the source; what was read until then is kept.
    pub async fn read_first<S: Source>(&mut self, pass: &mut Pass<'_, S>) -> Result<(), SourceError> {
        pass.is_history = self.is_history;
        let result = self.read_all(pass).await;
        pass.is_history = false;
        pass.changed.insert(self.collection);
        result
    }

    async fn read_all<S: Source>(&mut self, pass: &mut Pass<'_, S>) -> Result<(), SourceError> {
        let boundary = *self.boundary.get_or_insert(Position::at(pass.at.before(RECENT)));
        if !self.list.last().is_some_and(Shard::is_open) {
            let from = self.list.last().map_or(Some(boundary), |shard| shard.range.until);
            extend(
                &mut self.list,
                Range { from, ..Range::ALL },
                SMALL,
                Reading { collection: self.collection, reason: "first", known: None },
                pass,
            )
            .await?;
        }
        if self.old.is_empty() {
            let shard = pass.read(self.collection, Range::IRREGULAR, "first", None).await?;
            self.old.push(shard);
        }
        let from = self.old.last().and_then(|shard| shard.range.until);
        if from != Some(boundary) {
            let large = self.large();
            let range = Range { from, until: Some(boundary), ..Range::ALL };
            extend(
                &mut self.old,
                range,
                large,
                Reading { collection: self.collection, reason: "first", known: None },
                pass,
            )
            .await?;
        }
        self.old.append(&mut self.list);
        self.list = std::mem::take(&mut self.old);
        self.is_complete = true;
        self.is_history = false;
        Ok(())
    }

    /// Reads the open shard again, and what has come behind it.
    ///
    /// # Errors
    /// Those of the source; what was read until then is kept.
    async fn read_on<S: Source>(&mut self, pass: &mut Pass<'_, S>) -> Result<(), SourceError> {
        let open = self.list.pop_if(|shard| shard.is_open());
        let before = self.list.len();
        let from = match &open {
            Some(shard) => shard.range.from,
            None => self.list.last().and_then(|shard| shard.range.until),
        };
        let reading = Reading { collection: self.collection, reason: "tail", known: open.as_ref() };
        let result = extend(&mut self.list, Range { from, ..Range::ALL }, SMALL, reading, pass).await;
        let read = self.list.len() - before;
        match (open, self.list.last_mut()) {
            // The next refresh reads it again.
            (Some(open), _) if read == 0 => self.list.push(open),
            (Some(open), Some(only)) if read == 1 && open.is_same(only) => {
                *only = Shard { verified: only.verified, is_dirty: false, ..open };
            }
            _ => drop(pass.changed.insert(self.collection)),
        }
        result
    }

    /// Notes that a document changed.
    pub fn mark(&mut self, position: Option<Position>) {
        for list in [&mut self.old, &mut self.list] {
            let index = match position {
                None => 0,
                Some(position) => list.partition_point(|shard| shard.is_before(position)),
            };
            if let Some(shard) = list.get_mut(index) {
                shard.is_dirty |= shard.range.contains(position);
            }
        }
    }

    /// Notes that any document may have changed.
    pub fn mark_all(&mut self) {
        self.list.iter_mut().for_each(|shard| shard.is_dirty = true);
    }

    /// Marks the documents that were updated since, where an index finds them.
    ///
    /// # Errors
    /// Those of the source.
    pub async fn mark_updated<S: Source>(
        &mut self,
        since: Moment,
        indexes: &Indexes,
        pass: &Pass<'_, S>,
    ) -> Result<(), SourceError> {
        let Some(index) = indexes.of(self.collection) else { return Ok(()) };
        let (mut found, mut tally) = (Vec::new(), Tally::default());
        let reading = pass.source.read_updated(self.collection, since, index, |seen| {
            tally.add(seen.oddities);
            found.push((seen.identity, seen.fingerprint));
        });
        reading.await?;
        pass.status.tally(self.collection, "updated", tally.without_oddities());
        if self.late.len() + found.len() > LATE {
            self.late = HashMap::new();
        }
        for (identity, fingerprint) in found {
            // The same update is found for as long as `since` is before it.
            if self.late.insert(identity, fingerprint) != Some(fingerprint) {
                self.mark(identity.position());
            }
        }
        Ok(())
    }

    /// Reads again what is said to have changed.
    ///
    /// # Errors
    /// Those of the source.
    pub async fn read_dirty<S: Source>(&mut self, pass: &mut Pass<'_, S>) -> Result<(), SourceError> {
        for index in 0..self.list.len() {
            match self.list.get(index) {
                Some(shard) if shard.is_dirty && shard.is_open() => self.read_on(pass).await?,
                Some(shard) if shard.is_dirty => drop(self.read_again(index, "changed", pass).await?),
                _ => {}
            }
        }
        Ok(())
    }

    /// Looks for what has changed: what is new, what is recent, and what is gone, as far as a `glance` at the source does
    /// not say that there is nothing.
    ///
    /// # Errors
    /// Those of the source.
    pub async fn poll<S: Source>(
        &mut self,
        glance: Option<Glance>,
        pass: &mut Pass<'_, S>,
    ) -> Result<(), SourceError> {
        let before = glance.map(|glance| glance.count);
        if before == Some(0) && self.count() == 0 {
            // Most collections of most installations. Rotation looks whether the count is right.
            return Ok(());
        }
        let known = self.list.iter().rev().find_map(|shard| shard.last);
        let is_quiet = known.is_some()
            && glance
                .is_some_and(|glance| glance.newest == known && self.explains(glance.count, glance.count));
        if self.list.last().is_none_or(|last| !last.is_open() || self.may_differ(last, is_quiet, pass.at)) {
            self.read_on(pass).await?;
        }
        self.read_recent(before.is_some(), is_quiet, pass).await?;
        let Some(before) = before else { return Ok(()) };
        if self.explains(before, before) {
            self.search = None;
            return Ok(());
        }
        let after = pass.source.count(self.collection).await?;
        self.search(before, after.unwrap_or(before), SEARCH, pass).await
    }

    /// Whether a shard that is not settled may be another one than it was: it is open and something is new, or it was not
    /// looked at for a while. Small collections are looked at each time. `is_quiet` says that nothing came or went.
    fn may_differ(&self, shard: &Shard, is_quiet: bool, at: Moment) -> bool {
        let is_due = self.count() <= SMALL || shard.is_due(at);
        let is_empty_still = is_quiet && shard.count == 0;
        shard.verified < at && (shard.is_open() && !is_quiet || is_due && !is_empty_still)
    }

    /// Reads the shards again that may still change a lot: those that are not settled and are due, but for the open one,
    /// which [`Self::read_on`] has read. `is_counted` says whether the source tells how many documents there are,
    /// `is_quiet` whether it told of none that is new.
    ///
    /// # Errors
    /// Those of the source.
    async fn read_recent<S: Source>(
        &mut self,
        is_counted: bool,
        is_quiet: bool,
        pass: &mut Pass<'_, S>,
    ) -> Result<(), SourceError> {
        // Where nothing changes and a count tells of what comes late or goes, that is enough.
        let is_counting_enough = is_counted && self.is_immutable();
        for index in 0..self.list.len() {
            let recent = self.list.get(index).filter(|shard| !shard.is_settled && !shard.is_open());
            let again = recent.is_some_and(|shard| {
                let is_counted = is_counting_enough && shard.range.is_regular;
                !is_counted && self.may_differ(shard, is_quiet, pass.at)
            });
            if again {
                self.read_again(index, "recent", pass).await?;
            }
        }
        Ok(())
    }

    /// Moves what has become old into `settle`, and joins it to large shards. What is old in the open one need not be
    /// read again, so that a new one begins behind it.
    pub fn settle(&mut self, at: Moment, empty: &Folds, mut settle: impl FnMut(&Shard)) {
        if self.count() <= SMALL {
            return;
        }
        let recent = Position::at(at.before(RECENT));
        if let Some(open) = self.list.last_mut().filter(|open| open.is_open())
            && open.last.is_some_and(|last| last < recent)
            && let Some(behind) = open.cut()
        {
            let next = Shard::new(behind, empty.clone(), open.verified);
            self.list.push(next);
        }
        let is_old = |shard: &Shard| !shard.is_settled && shard.is_before(recent);
        if !self.list.iter().any(is_old) {
            return;
        }
        for shard in self.list.iter_mut().filter(|shard| is_old(shard)) {
            settle(shard);
            shard.is_settled = true;
        }
        let large = self.large();
        let mut joined: Vec<Shard> = Vec::with_capacity(self.list.len());
        for shard in std::mem::take(&mut self.list) {
            match joined.last_mut() {
                Some(last)
                    if last.is_settled
                        && shard.is_settled
                        && last.range.is_regular
                        && last.count + shard.count <= large =>
                {
                    last.join(&shard);
                }
                _ => joined.push(shard),
            }
        }
        self.list = joined;
        self.search = self.search.map(|search| search.min(self.list.len()));
    }

    /// Reads a shard again; whether something had changed.
    ///
    /// # Errors
    /// Those of the source.
    async fn read_again<S: Source>(
        &mut self,
        index: usize,
        reason: &'static str,
        pass: &mut Pass<'_, S>,
    ) -> Result<bool, SourceError> {
        let Some(shard) = self.list.get_mut(index) else { return Ok(false) };
        let mut read = pass.read(self.collection, shard.range, reason, Some(shard)).await?;
        if shard.is_same(&read) {
            shard.verified = pass.at;
            shard.is_dirty = false;
            return Ok(false);
        }
        read.is_settled = shard.is_settled;
        pass.changed.insert(self.collection);
        pass.has_settled_changed |= shard.is_settled;
        *shard = read;
        Ok(true)
    }

    /// Looks for shards whose number of documents is another one, when the server's count says that there are some:
    /// deletions, mostly. `before` and `after` are its counts around the reading of what is new. Looks at no more than
    /// `budget` keys, and goes on at the next refresh.
    ///
    /// # Errors
    /// Those of the source.
    async fn search<S: Source>(
        &mut self,
        before: u64,
        after: u64,
        budget: u64,
        pass: &mut Pass<'_, S>,
    ) -> Result<(), SourceError> {
        if self.explains(before, after) {
            self.search = None;
            return Ok(());
        }
        let mut left = budget;
        let mut index = self.search.take().unwrap_or(self.list.len());
        while index > 0 {
            index -= 1;
            let Some(shard) = self.list.get_mut(index) else { continue };
            if shard.verified == pass.at {
                continue;
            }
            if left == 0 {
                self.search = Some(index + 1);
                return Ok(());
            }
            left = left.saturating_sub(shard.count.max(1));
            if pass.source.count_range(self.collection, shard.range).await? != shard.count {
                self.read_again(index, "changed", pass).await?;
                if self.explains(before, after) {
                    return Ok(());
                }
            }
        }
        // Everything was looked at: the count itself is off.
        self.bias = i128::from(after) - i128::from(self.count());
        Ok(())
    }

    fn explains(&self, before: u64, after: u64) -> bool {
        let held = i128::from(self.count()) + self.bias;
        (i128::from(before.min(after))..=i128::from(before.max(after))).contains(&held)
    }
}

/// What is read, and why.
struct Reading<'a> {
    collection: Collection,
    reason: &'static str,
    /// What the first shard was before.
    known: Option<&'a Shard>,
}

/// Reads a range in shards of so many documents and appends them.
async fn extend<S: Source>(
    list: &mut Vec<Shard>,
    mut range: Range,
    size: u64,
    reading: Reading<'_>,
    pass: &mut Pass<'_, S>,
) -> Result<(), SourceError> {
    let Reading { collection, reason, mut known } = reading;
    let cut = Cut { size, limit: size.max(QUERY) };
    loop {
        let mut read = pass.read_cut(collection, range, cut, reason, known.take()).await?;
        let count: u64 = read.cut.iter().map(|shard| shard.count).sum::<u64>() + read.last.count;
        let left = if count < cut.limit { None } else { read.last.cut() };
        list.append(&mut read.cut);
        list.push(read.last);
        match left {
            Some(left) => range = left,
            None => return Ok(()),
        }
    }
}
