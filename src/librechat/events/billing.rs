//! Answers that the usage ledger knows nothing of: where LibreChat writes no transaction, every sum of costs is short.
//!
//! An answer is looked for in the ledger half a minute after it was given, by which time its rows are written. They have its
//! `messageId`; those of LibreChat before 0.8.5 only its conversation, whose newest row must then be of about that time.

use std::collections::HashMap;

use super::Sight;
use super::labelled::Counts;
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::recent::{DAY, MINUTE};
use crate::librechat::record::id::Key;
use crate::librechat::record::{Message, Moment, Transaction};

static UNBILLED: Family<0> = Family::counter(
    "librechat_unbilled_answers_total",
    [],
    "Answers with tokens since the exporter started for which no transaction was written, so that costs are short of them",
);

pub const FAMILIES: &[Description] = &[UNBILLED.describe()];

/// How long after an answer its rows may still come.
const LATE: i64 = MINUTE / 2;
/// How long before it they may have been written: the rounds of tools have rows of their own.
const EARLY: i64 = 10 * MINUTE;

#[derive(Debug)]
pub struct Billing {
    waiting: Vec<Answer>,
    /// When the rows of an answer were seen.
    messages: HashMap<Key, Moment>,
    /// The newest row of a conversation, of those without a `messageId`.
    conversations: HashMap<Key, Moment>,
    unbilled: Counts<0>,
}

#[derive(Debug)]
struct Answer {
    id: Option<Key>,
    conversation: Option<Key>,
    given: Moment,
}

impl Billing {
    pub fn new(max: usize) -> Self {
        let mut unbilled = Counts::new(&UNBILLED, max);
        unbilled.add([], 0.0);
        Self { waiting: Vec::new(), messages: HashMap::new(), conversations: HashMap::new(), unbilled }
    }

    /// An answer that is finished.
    pub fn see_answer(&mut self, message: &Message<'_>, sight: Sight) {
        let has_tokens = message.token_count.is_some_and(|tokens| tokens > 0.0);
        if let Some(given) = message.created
            && has_tokens
            && !sight.is_history
            && !message.has_failed()
        {
            self.waiting.push(Answer { id: message.id, conversation: message.conversation, given });
        }
    }

    pub fn see_row(&mut self, row: &Transaction<'_>, sight: Sight) {
        let is_spent = matches!(row.token_type.as_deref(), Some("prompt" | "completion"));
        // A conversation's title is paid for by itself.
        if !is_spent || row.context.as_deref() == Some("title") {
            return;
        }
        if let Some(message) = row.message {
            self.messages.insert(message, sight.at);
        } else if let (Some(conversation), Some(created)) = (row.conversation, row.created) {
            let newest = self.conversations.entry(conversation).or_insert(created);
            *newest = created.max(*newest);
        }
    }

    /// Everything that the refresh which began `at` should read was read.
    pub fn finish(&mut self, at: Moment) {
        let Self { waiting, messages, conversations, unbilled } = self;
        waiting.retain(|answer| {
            if answer.given > at.before(LATE) {
                return true;
            }
            let is_billed = answer.id.is_some_and(|id| messages.contains_key(&id))
                || answer
                    .conversation
                    .and_then(|id| conversations.get(&id))
                    .is_some_and(|newest| *newest >= answer.given.before(EARLY));
            unbilled.add([], if is_billed { 0.0 } else { 1.0 });
            false
        });
        messages.retain(|_, seen| *seen >= at.before(DAY));
        conversations.retain(|_, newest| *newest >= at.before(DAY));
    }

    pub fn export(&self, samples: &mut Samples) {
        self.unbilled.export(samples);
    }
}
