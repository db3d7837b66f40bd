//! The shards of one collection: they cover every `_id` there can be, each once, in order; the last one is open.
//!
//! Since ranges do not overlap, a document is in one shard only, however often and in whatever order it is read: nothing
//! is counted twice. What a shard comes to is replaced as a whole, so that an update or a deletion is a new reading.

use super::shard::Shard;
use crate::librechat::recent::MINUTE;
use crate::librechat::record::{Collection, Moment};
use crate::librechat::source::{Position, Range, Source, SourceError};
use crate::librechat::sync::pass::Pass;

/// Documents of a shard of the last hours, and of a collection that is read whole each time.
pub const SMALL: u64 = 256;
/// How long documents are read again at each refresh: answers are finished, and rated, within hours.
const RECENT: i64 = 120 * MINUTE;

#[derive(Debug)]
pub struct Shards {
    pub collection: Collection,
    pub list: Vec<Shard>,
    /// Whether all of the history was read.
    pub is_complete: bool,
    /// By how much the server's own count is off: after a crash it may stay wrong.
    bias: i128,
    /// Where looking for what the count says goes on, from the newest to the oldest.
    search: Option<usize>,
}

impl Shards {
    pub const fn new(collection: Collection) -> Self {
        Self { collection, list: Vec::new(), is_complete: false, bias: 0, search: None }
    }

    pub fn count(&self) -> u64 {
        self.list.iter().map(|shard| shard.count).sum()
    }

    /// Documents of a settled shard. Transactions never change once written: they are verified by counting, which is
    /// cheap, and take less memory in large shards.
    const fn large(&self) -> u64 {
        match self.collection {
            Collection::Transactions => 16_384,
            _ => 1_024,
        }
    }

    pub const fn is_immutable(&self) -> bool {
        matches!(self.collection, Collection::Transactions)
    }

    /// Reads on to the end, from where the last closed shard ends.
    ///
    /// # Errors
    /// Those of the source; what was read until then is kept.
    pub async fn read_on<S: Source>(&mut self, pass: &mut Pass<'_, S>) -> Result<(), SourceError> {
        let recent = Position::at(pass.at.before(RECENT));
        if self.list.is_empty() {
            let shard = pass.read(self.collection, Range::IRREGULAR, u64::MAX, pass.first_or("tail")).await?;
            self.list.push(shard);
        }
        let mut open = self.list.pop_if(|shard| shard.range.is_regular && shard.range.until.is_none());
        loop {
            let from = match &open {
                Some(shard) => shard.range.from,
                None => self.list.last().and_then(|shard| shard.range.until),
            };
            let is_old = from.is_none_or(|from| from < recent);
            let (range, limit) = match is_old && !self.is_complete {
                true => (Range { until: Some(recent), ..Range::from(from) }, self.large()),
                false => (Range::from(from), SMALL),
            };
            let read = pass.read(self.collection, range, limit, pass.first_or("tail")).await;
            let mut shard = match read {
                Ok(shard) => shard,
                Err(error) => {
                    // The open shard as it was: the next refresh reads it again.
                    self.list.extend(open);
                    return Err(error);
                }
            };
            open = None;
            if shard.count < limit {
                let is_open = shard.range.until.is_none();
                self.list.push(shard);
                if is_open {
                    break;
                }
                continue;
            }
            match shard.last.and_then(Position::next) {
                Some(next) => {
                    shard.range.until = Some(next);
                    self.list.push(shard);
                }
                None => {
                    self.list.push(shard);
                    break;
                }
            }
        }
        self.is_complete = true;
        Ok(())
    }

    /// Reads the shards again that may still change a lot: those that are not settled, but for the open one, which
    /// [`Self::read_on`] has read. `is_counted` says whether the source tells how many documents there are.
    ///
    /// # Errors
    /// Those of the source.
    pub async fn read_recent<S: Source>(
        &mut self,
        is_counted: bool,
        pass: &mut Pass<'_, S>,
    ) -> Result<(), SourceError> {
        // Where nothing changes and a count tells of what comes late or goes, that is enough.
        let is_counting_enough = is_counted && self.is_immutable();
        for index in 0..self.list.len() {
            let again = self.list.get(index).is_some_and(|shard| {
                !shard.is_settled
                    && shard.verified < pass.at
                    && !(is_counting_enough && shard.range.is_regular)
            });
            if again {
                self.read_again(index, "recent", pass).await?;
            }
        }
        Ok(())
    }

    /// Moves what has become old into `settle`, and joins it to large shards.
    pub fn settle(&mut self, at: Moment, mut settle: impl FnMut(&Shard)) {
        if self.count() <= SMALL {
            return;
        }
        let recent = Position::at(at.before(RECENT));
        for shard in self.list.iter_mut().filter(|shard| !shard.is_settled && shard.is_before(recent)) {
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
    pub async fn read_again<S: Source>(
        &mut self,
        index: usize,
        reason: &'static str,
        pass: &mut Pass<'_, S>,
    ) -> Result<bool, SourceError> {
        let Some(shard) = self.list.get_mut(index) else { return Ok(false) };
        let mut read = pass.read_known(self.collection, shard, reason).await?;
        if shard.is_same(&read) {
            shard.verified = pass.at;
            return Ok(false);
        }
        read.is_settled = shard.is_settled;
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
    pub async fn search<S: Source>(
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
