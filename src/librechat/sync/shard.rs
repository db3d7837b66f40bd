//! A shard: what the documents of one range of `_id`s come to.

use crate::librechat::fold::Folds;
use crate::librechat::record::Moment;
use crate::librechat::source::{Position, Range, Seen};

/// Something recent is looked at again after such a part of its age: the older it is the less it changes.
const PART_OF_AGE: i64 = 32;

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
    /// The first document.
    pub first: Option<Position>,
    /// The last document.
    pub last: Option<Position>,
}

impl Shard {
    /// Without a document.
    pub const fn new(range: Range, folds: Folds, verified: Moment) -> Self {
        Self {
            range,
            count: 0,
            fingerprint: 0,
            folds,
            verified,
            is_dirty: false,
            is_settled: false,
            first: None,
            last: None,
        }
    }

    pub fn add(&mut self, seen: &Seen<'_>) {
        self.count += 1;
        self.fingerprint = self.fingerprint.wrapping_add(seen.fingerprint);
        let position = seen.identity.position();
        self.first = self.first.or(position);
        self.last = position.or(self.last);
        self.folds.absorb(&seen.record);
    }

    /// Ends it behind its last document; the range that is left, if there is any.
    pub fn cut(&mut self) -> Option<Range> {
        let next = self.last.and_then(Position::next);
        let next = next.filter(|next| self.range.until.is_none_or(|until| *next < until))?;
        let left = Range { from: Some(next), ..self.range };
        self.range.until = Some(next);
        Some(left)
    }

    /// Whether nothing changed since.
    pub const fn is_same(&self, other: &Self) -> bool {
        self.count == other.count && self.fingerprint == other.fingerprint
    }

    /// Whether it was not verified for so long that it is to be looked at again.
    pub fn is_due(&self, at: Moment) -> bool {
        let age = |last: Position| at.0.saturating_sub(last.time().0);
        self.last.is_none_or(|last| at.0.saturating_sub(self.verified.0) >= age(last) / PART_OF_AGE)
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
        self.first = self.first.or(next.first);
        self.last = next.last.or(self.last);
    }

    /// Whether it ends before `position`.
    pub fn is_before(&self, position: Position) -> bool {
        !self.range.is_regular || self.range.until.is_some_and(|until| until <= position)
    }
}
