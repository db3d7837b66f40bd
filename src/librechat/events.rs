//! What happened since the exporter started, each happening once, however and however often it was noticed.
//!
//! Shards tell what there is; `rate()` over that is wrong as soon as something is deleted. So whatever is read for
//! shards is shown to [`Events`] as well, which tells the new from the known.
//!
//! Invariants:
//! - A document counts when it is seen for the first time, unless the first fold found it: that is history, which only
//!   makes series that start at 0.
//! - Nothing is forgotten that may come again: reading a document again, folding everything anew, a member of a replica
//!   set that is behind or a deletion never count twice and never take back.
//! - Labels are bounded when they come, not when they are shown: a counter never falls because another one grew.
//!
//! What is kept: ids of the last day (of conversations and sessions, of 30 days; of users, all), and the rating of every
//! rated message.

pub mod answers;
pub mod arrivals;
pub mod labelled;
pub mod messages;
pub mod ratings;
pub mod recall;
pub mod usage;

use self::answers::Answers;
use self::arrivals::Arrivals;
use self::messages::Messages;
use self::ratings::Ratings;
use self::usage::Usage;
use super::record::{Collection, Moment, Record};
use super::source::{Identity, Position, Seen};
use crate::exposition::family::Description;
use crate::exposition::samples::Samples;

/// How a document came to be seen.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// When the refresh began that reads it.
    pub at: Moment,
    /// When the last refresh began that read everything it should: what is older, by more than is kept, is known.
    pub since: Moment,
    /// Whether it was there when the exporter came: what is history counts nothing.
    pub is_history: bool,
}

impl Sight {
    /// What one happening adds.
    pub const fn weight(self) -> f64 {
        if self.is_history { 0.0 } else { 1.0 }
    }
}

/// A missing label.
const UNKNOWN: &str = "unknown";

/// The counters and histograms, and what is known.
#[derive(Debug)]
pub struct Events {
    since: Option<Moment>,
    arrivals: Arrivals,
    messages: Messages,
    answers: Answers,
    ratings: Ratings,
    usage: Usage,
}

impl Events {
    /// Counters of at most so many values for each label that people make up.
    pub fn new(max_label_values: usize) -> Self {
        Self {
            since: None,
            arrivals: Arrivals::new(max_label_values),
            messages: Messages::new(max_label_values),
            answers: Answers::new(max_label_values),
            ratings: Ratings::new(max_label_values),
            usage: Usage::new(max_label_values),
        }
    }

    /// Every family that [`Self::export`] adds samples to.
    pub fn families() -> impl Iterator<Item = Description> {
        let groups =
            [arrivals::FAMILIES, messages::FAMILIES, answers::FAMILIES, ratings::FAMILIES, usage::FAMILIES];
        groups.into_iter().flatten().copied()
    }

    /// A document as it is now, in a refresh that began `at`.
    pub fn see(&mut self, seen: &Seen<'_>, at: Moment, is_history: bool) {
        let sight = Sight { at, since: *self.since.get_or_insert(at), is_history };
        match &seen.record {
            Record::Message(message) => {
                self.ratings.see(seen.identity, message, sight);
                if let Some(news) = self.messages.see(seen.identity, message, sight) {
                    self.answers.see(message, news, sight);
                }
            }
            Record::Transaction(row) => self.usage.see(seen.identity, row, sight),
            record => self.arrivals.see(seen.identity, record, sight),
        }
    }

    /// A document that came, of which nothing else is known: a login may be over before its session can be read.
    pub fn see_insert(&mut self, collection: Collection, position: Position, at: Moment) {
        let sight = Sight { at, since: *self.since.get_or_insert(at), is_history: false };
        if collection == Collection::Sessions {
            self.arrivals.see_login(Identity::Regular(position), sight);
        }
    }

    /// Everything that the refresh which began `at` should read was read.
    pub fn finish(&mut self, at: Moment) {
        self.since = self.since.max(Some(at));
        self.answers.finish(at);
        self.arrivals.forget(at);
        self.messages.forget(at);
        self.usage.forget(at);
    }

    pub fn export(&self) -> Samples {
        let mut samples = Samples::default();
        Self::families().for_each(|family| samples.declare(family));
        self.arrivals.export(&mut samples);
        self.messages.export(&mut samples);
        self.answers.export(&mut samples);
        self.ratings.export(&mut samples);
        self.usage.export(&mut samples);
        samples
    }
}

#[cfg(test)]
mod tests;
