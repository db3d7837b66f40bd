//! Which documents are known, and what is known of them.

use std::collections::HashMap;

use super::Sight;
use crate::librechat::record::Moment;
use crate::librechat::source::{Identity, Position};

/// Known documents, by `_id`. Bounded by what comes within the time that is kept.
#[derive(Debug)]
pub struct Recall<S> {
    known: HashMap<Identity, S>,
    /// How long an `_id` is kept, in milliseconds after it was made; `None` is for ever.
    keeps: Option<i64>,
}

impl<S: Default> Recall<S> {
    pub fn new(keeps: Option<i64>) -> Self {
        Self { known: HashMap::new(), keeps }
    }

    /// What is known of a document, and whether it is new. `None` when its `_id` is of a time that is not kept: it was
    /// seen then, or came back.
    pub fn recall(&mut self, identity: Identity, sight: Sight) -> Option<(&mut S, bool)> {
        if self.is_forgotten(identity, sight.since) {
            return None;
        }
        let mut is_new = false;
        let state = self.known.entry(identity).or_insert_with(|| {
            is_new = true;
            S::default()
        });
        Some((state, is_new))
    }

    /// Lets go of what is no longer to be kept.
    pub fn forget(&mut self, at: Moment) {
        let keeps = self.keeps;
        self.known.retain(|identity, _| !is_before(*identity, keeps, at));
    }

    fn is_forgotten(&self, identity: Identity, since: Moment) -> bool {
        is_before(identity, self.keeps, since)
    }
}

/// Only of an ObjectId it can be told when it was made; others are hardly ever there, and are kept.
fn is_before(identity: Identity, keeps: Option<i64>, at: Moment) -> bool {
    match (identity, keeps) {
        (Identity::Regular(position), Some(keeps)) => position < Position::at(at.before(keeps)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_new_once_and_an_old_one_never() {
        let sight = |since: i64| Sight { at: Moment(since), since: Moment(since), is_history: false };
        let id = |millis: i64| Identity::Regular(Position::at(Moment(millis)));
        let mut recall: Recall<u8> = Recall::new(Some(10_000));
        let is_new = |recall: &mut Recall<u8>, id, since| recall.recall(id, sight(since)).map(|(_, new)| new);
        assert_eq!(is_new(&mut recall, id(90_000), 100_000), Some(true));
        assert_eq!(is_new(&mut recall, id(90_000), 100_000), Some(false));
        assert_eq!(is_new(&mut recall, id(89_000), 100_000), None);
        assert_eq!(is_new(&mut recall, Identity::Irregular(7), 100_000), Some(true));
        recall.forget(Moment(200_000));
        assert_eq!(recall.known.len(), 1);
        assert_eq!(is_new(&mut recall, Identity::Irregular(7), 200_000), Some(false));
    }
}
