//! A shard: what the documents of one range of `_id`s come to.

use crate::librechat::fold::Folds;
use crate::librechat::record::Moment;
use crate::librechat::source::{Position, Range};

/// Documents of a range, folded.
#[derive(Debug)]
pub struct Shard {
    pub range: Range,
    pub count: u64,
    /// Of the documents themselves: another one means that something changed.
    pub fingerprint: u64,
    pub folds: Folds,
    /// When its documents were last known to be these.
    pub verified: Moment,
    /// Whether it was said to have changed since.
    pub is_dirty: bool,
    /// Whether it is part of the settled whole.
    pub is_settled: bool,
    /// The last document.
    pub last: Option<Position>,
}

impl Shard {
    /// Whether nothing changed since.
    pub const fn is_same(&self, other: &Self) -> bool {
        self.count == other.count && self.fingerprint == other.fingerprint
    }

    /// Whether documents that are yet to come belong to it.
    pub const fn is_open(&self) -> bool {
        self.range.is_regular && self.range.until.is_none()
    }

    /// Takes in the shard that follows.
    pub fn join(&mut self, next: &Self) {
        self.range.until = next.range.until;
        self.count += next.count;
        self.fingerprint = self.fingerprint.wrapping_add(next.fingerprint);
        self.folds.merge(&next.folds);
        self.verified = self.verified.min(next.verified);
        self.is_dirty |= next.is_dirty;
        self.last = next.last.or(self.last);
    }

    /// Whether it ends before `position`.
    pub fn is_before(&self, position: Position) -> bool {
        !self.range.is_regular || self.range.until.is_some_and(|until| until <= position)
    }
}
