//! Ratings given, by transition: a rating that is given, or changed to the other, counts; one that is cleared does not.

use std::collections::HashMap;

use super::Sight;
use super::labelled::Counts;
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::{Message, Moment, Rating};
use crate::librechat::source::Identity;

static GIVEN: Family<2> = Family::counter(
    "librechat_feedback_given_total",
    ["rating", "model"],
    "Ratings given since the exporter started; a changed rating counts again, a cleared one does not count",
);

pub const FAMILIES: &[Description] = &[GIVEN.describe()];

/// Ratings are given weeks later, so that those of all messages are kept: few are rated. All copies are kept too.
#[derive(Debug)]
pub struct Ratings {
    known: HashMap<Identity, Known>,
    given: Counts<2>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    rating: Option<Rating>,
    updated: Option<Moment>,
}

impl Ratings {
    pub fn new(max: usize) -> Self {
        Self { known: HashMap::new(), given: Counts::new(&GIVEN, max) }
    }

    /// Makes the series of a model begin at 0.
    pub fn begin(&mut self, model: &str) {
        [Rating::ThumbsUp, Rating::ThumbsDown]
            .iter()
            .for_each(|rating| self.given.add([rating.label(), model], 0.0));
    }

    /// A message, with the label of its model.
    pub fn see(&mut self, identity: Identity, message: &Message<'_>, model: &str, sight: Sight) {
        let rating = message.feedback.as_ref().map(|feedback| feedback.rating);
        let now = Known { rating, updated: message.updated };
        // A copy brings its rating along; one that it is given later counts.
        let is_brought = message.is_copy && !self.known.contains_key(&identity);
        let before = match self.known.get_mut(&identity) {
            // A member of the replica set that is behind: it will come to the same.
            Some(known) if message.updated.is_some() && message.updated < known.updated => return,
            Some(known) => std::mem::replace(known, now).rating,
            None if rating.is_none() && !message.is_copy => return,
            None => {
                self.known.insert(identity, now);
                None
            }
        };
        if rating != before
            && !is_brought
            && let Some(rating) = rating
        {
            self.given.add([rating.label(), model], sight.weight());
        }
    }

    pub fn export(&self, samples: &mut Samples) {
        self.given.export(samples);
    }
}
