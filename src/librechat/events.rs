//! What happened since the exporter started, each happening once, however and however often it was noticed.
//!
//! Shards tell what there is; `rate()` over that is wrong as soon as something is deleted. So whatever is read for
//! shards is shown to [`Events`] as well, which tells the new from the known.
//!
//! Invariants:
//! - A document counts when it is seen for the first time, unless the first fold found it: that is history, which only
//!   makes series that start at 0.
//! - A copy, which forks, duplicates and imports make, is no use: it counts as a new message and as nothing else.
//! - A series begins at 0 when its labels become possible: with the conversation, the agent or the first message that
//!   has them, so that `increase()` sees its first step.
//! - Nothing is forgotten that may come again: reading a document again, folding everything anew, a member of a replica
//!   set that is behind or a deletion never count twice and never take back.
//! - Labels are bounded when they come, not when they are shown: a counter never falls because another one grew.
//!
//! What is kept: ids of the last day (of conversations and sessions, of 30 days; of users, all), and the rating of every
//! rated message.

pub mod answers;
pub mod arrivals;
pub mod billing;
pub mod labelled;
pub mod messages;
pub mod places;
pub mod ratings;
pub mod recall;
pub mod usage;

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use self::answers::Answers;
use self::arrivals::Arrivals;
use self::billing::Billing;
use self::messages::Messages;
use self::places::{Labels, Places};
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
    places: Places,
    /// The labels whose series have begun, as hashes.
    begun: HashSet<u64>,
    hasher: RandomState,
    arrivals: Arrivals,
    messages: Messages,
    answers: Answers,
    ratings: Ratings,
    usage: Usage,
    billing: Billing,
}

/// Labels whose series are made to begin at 0; those of later ones begin with their first step.
const MAX_BEGUN: usize = 10_000;

impl Events {
    /// Counters of at most so many values for each label that people make up.
    pub fn new(max_label_values: usize) -> Self {
        Self {
            since: None,
            places: Places::default(),
            begun: HashSet::new(),
            hasher: RandomState::new(),
            arrivals: Arrivals::new(max_label_values),
            messages: Messages::new(max_label_values),
            answers: Answers::new(max_label_values),
            ratings: Ratings::new(max_label_values),
            usage: Usage::new(max_label_values),
            billing: Billing::new(max_label_values),
        }
    }

    /// Every family that [`Self::export`] adds samples to.
    pub fn families() -> impl Iterator<Item = Description> {
        let groups = [
            arrivals::FAMILIES,
            messages::FAMILIES,
            answers::FAMILIES,
            ratings::FAMILIES,
            usage::FAMILIES,
            billing::FAMILIES,
        ];
        groups.into_iter().flatten().copied()
    }

    /// A document as it is now, in a refresh that began `at`.
    pub fn see(&mut self, seen: &Seen<'_>, at: Moment, is_history: bool) {
        let sight = Sight { at, since: *self.since.get_or_insert(at), is_history };
        self.places.see(&seen.record, sight);
        self.begin_series(&seen.record);
        match &seen.record {
            Record::Message(message) => {
                let labels = self.places.of_message(message);
                self.ratings.see(seen.identity, message, labels.model, sight);
                if let Some(news) = self.messages.see(seen.identity, message, &self.places, sight) {
                    self.arrivals.hear(message, news, sight);
                    if !message.is_copy {
                        self.answers.see(message, labels, news, sight);
                        if news.is_finished && message.is_from_user != Some(true) {
                            self.billing.see_answer(message, sight);
                        }
                    }
                }
            }
            Record::Transaction(row) => {
                let model = self.places.model(row.model.as_deref());
                self.usage.see(seen.identity, row, model, sight);
                self.billing.see_row(row, sight);
            }
            record => self.arrivals.see(seen.identity, record, sight),
        }
    }

    /// Makes the series that a document makes possible begin at 0.
    fn begin_series(&mut self, record: &Record<'_>) {
        let Self { places, begun, hasher, arrivals, messages, answers, ratings, usage, .. } = self;
        let Some(labels) = places.made_possible(record) else { return };
        if begun.len() >= MAX_BEGUN || !begun.insert(hasher.hash_one(labels)) {
            return;
        }
        let Labels { endpoint, model, .. } = labels;
        arrivals.begin(endpoint);
        messages.begin(labels);
        if model != UNKNOWN {
            answers.begin(labels);
            ratings.begin(model);
            usage.begin(model);
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
        self.answers.finish(at, &self.places);
        self.billing.finish(at);
        self.arrivals.finish(at);
        self.places.forget(at);
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
        self.billing.export(&mut samples);
        samples
    }
}

#[cfg(test)]
mod tests;
