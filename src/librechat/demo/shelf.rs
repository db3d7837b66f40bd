//! Documents in the order in which they were made, each at a position of its own that never changes.

use std::collections::VecDeque;

use crate::librechat::record::{Message, Moment, Record, Transaction};
use crate::librechat::source::{Position, Range};

/// What a collection holds. Bounded: the oldest document goes when there is no room.
#[derive(Debug)]
pub struct Shelf<T> {
    documents: VecDeque<(Position, T)>,
    /// How many there have been.
    made: u64,
    room: usize,
}

impl<T> Shelf<T> {
    pub const fn new(room: usize) -> Self {
        Self { documents: VecDeque::new(), made: 0, room }
    }

    /// A document made at `at`, which is not before that of the last one.
    pub fn push(&mut self, at: Moment, document: T) {
        let Position(mut bytes) = Position::at(at);
        // The second is followed by the number, so that no two are alike.
        bytes.iter_mut().skip(4).zip(self.made.to_be_bytes()).for_each(|(byte, of_number)| *byte = of_number);
        self.documents.push_back((Position(bytes), document));
        self.made += 1;
        if self.documents.len() > self.room {
            self.documents.pop_front();
        }
    }

    pub fn retain(&mut self, is_kept: impl Fn(&T) -> bool) {
        self.documents.retain(|(_, document)| is_kept(document));
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.documents.iter().map(|(_, document)| document)
    }

    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut T> {
        self.documents.iter_mut().map(|(_, document)| document)
    }

    fn range(&self, range: Range) -> impl Iterator<Item = &(Position, T)> {
        let before = |bound: Option<Position>| {
            bound.map(|bound| self.documents.partition_point(|(position, _)| *position < bound))
        };
        let from = if range.is_regular { before(range.from).unwrap_or(0) } else { self.documents.len() };
        let until = before(range.until).unwrap_or(self.documents.len());
        self.documents.range(from..until.max(from))
    }
}

/// A shelf of whatever documents.
pub trait Documents {
    fn count(&self, range: Range) -> usize;

    /// Lends the first `limit` documents of a range.
    fn visit(&self, range: Range, limit: u64, visit: &mut dyn FnMut(Position, Record<'_>));
}

impl<T: AsRecord> Documents for Shelf<T> {
    fn count(&self, range: Range) -> usize {
        self.range(range).count()
    }

    fn visit(&self, range: Range, limit: u64, visit: &mut dyn FnMut(Position, Record<'_>)) {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.range(range).take(limit).for_each(|(position, document)| visit(*position, document.record()));
    }
}

/// What can be lent as a record. The two collections that grow fastest are kept as what they are: a record has room for
/// the largest of all.
pub trait AsRecord {
    fn record(&self) -> Record<'_>;
}

impl AsRecord for Message<'static> {
    fn record(&self) -> Record<'_> {
        Record::Message(self.clone())
    }
}

impl AsRecord for Transaction<'static> {
    fn record(&self) -> Record<'_> {
        Record::Transaction(self.clone())
    }
}

impl AsRecord for Record<'static> {
    fn record(&self) -> Record<'_> {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::record::Collection;

    #[test]
    fn positions_stay_when_older_documents_go() {
        let mut shelf = Shelf::new(3);
        let positions = |shelf: &Shelf<Record<'static>>, range: Range| {
            let mut positions = Vec::new();
            shelf.visit(range, u64::MAX, &mut |position, _| positions.push(position));
            assert_eq!(positions.len(), shelf.count(range));
            positions
        };
        for second in [5, 5, 6] {
            shelf.push(Moment(second * 1_000), Record::Document(Collection::Keys));
        }
        let before = positions(&shelf, Range::ALL);
        shelf.push(Moment(6_000), Record::Document(Collection::Keys));
        let after = positions(&shelf, Range::ALL);
        assert_eq!(before[1..], after[..2]);
        assert!(after.is_sorted());
        let of_six = Range { from: Some(Position::at(Moment(6_000))), ..Range::ALL };
        assert_eq!(positions(&shelf, of_six), after[1..]);
        let of_five = Range { until: Some(Position::at(Moment(6_000))), ..Range::ALL };
        assert_eq!(positions(&shelf, of_five), after[..1]);
        assert!(positions(&shelf, Range::IRREGULAR).is_empty());
    }
}
