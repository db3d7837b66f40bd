//! How many conversations begin, how long they are and how long they last. Lengths are told by messages, never by a
//! conversation's own list of them, which is not reliable.

use super::{Fold, Mean, count, percentile};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::id::Key;
use crate::librechat::record::{Moment, Record};
use crate::librechat::scope::{Names, Scope, Window};
use crate::librechat::table::{Combine, Table};

static DURATION: Family<0> = Family::gauge(
    "librechat_conversation_duration_seconds_avg",
    [],
    "Mean time from the first to the last message of a conversation in seconds",
);
static LENGTH: Family<0> =
    Family::gauge("librechat_conversation_message_avg", [], "Mean number of messages of a conversation");
static P50: Family<0> = Family::gauge(
    "librechat_conversation_length_p50",
    [],
    "Median of the number of messages of a conversation",
);
static P90: Family<0> = Family::gauge(
    "librechat_conversation_length_p90",
    [],
    "90th percentile of the number of messages of a conversation",
);
static P95: Family<0> = Family::gauge(
    "librechat_conversation_length_p95",
    [],
    "95th percentile of the number of messages of a conversation",
);
static NEW_DAY: Family<0> = Family::gauge(
    "librechat_new_conversations_24h",
    [],
    "Number of conversations begun in the last 24 hours",
);
static NEW_WEEK: Family<0> =
    Family::gauge("librechat_new_conversations_7d", [], "Number of conversations begun in the last 7 days");
static NEW_MONTH: Family<0> =
    Family::gauge("librechat_new_conversations_30d", [], "Number of conversations begun in the last 30 days");

#[derive(Clone, Debug, Default)]
pub struct Conversations {
    by_id: Table<Key, Told>,
}

/// What the messages of a conversation tell of it.
#[derive(Clone, Copy, Debug)]
struct Told {
    /// After `last` while no message has a time.
    first: Moment,
    last: Moment,
    messages: u32,
}

impl Default for Told {
    fn default() -> Self {
        Self { first: Moment(i64::MAX), last: Moment(i64::MIN), messages: 0 }
    }
}

impl Combine for Told {
    fn combine(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.messages = self.messages.saturating_add(other.messages);
    }
}

impl Fold for Conversations {
    const FAMILIES: &'static [Description] = &[
        DURATION.describe(),
        LENGTH.describe(),
        P50.describe(),
        P90.describe(),
        P95.describe(),
        NEW_DAY.describe(),
        NEW_WEEK.describe(),
        NEW_MONTH.describe(),
    ];

    fn absorb(&mut self, record: &Record<'_>) {
        let Record::Message(message) = record else { return };
        if let Some(id) = message.conversation {
            let none = Told { messages: 1, ..Told::default() };
            let told = message.created.map_or(none, |at| Told { first: at, last: at, ..none });
            self.by_id.add(id, told);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.by_id.merge(&other.by_id);
    }

    fn compact(&mut self) {
        self.by_id.compact();
    }

    fn export_totals(&self, _names: &Names<'_>, samples: &mut Samples) {
        let mut duration = Mean::default();
        let mut lengths = Vec::new();
        for (_, told) in self.by_id.iter() {
            lengths.push(f64::from(told.messages));
            if told.first <= told.last {
                duration.add(told.last.seconds_since(told.first));
            }
        }
        lengths.sort_unstable_by(f64::total_cmp);
        samples.push_mean(&DURATION, [], duration.sum, duration.count);
        samples.push_mean(&LENGTH, [], lengths.iter().sum(), count(lengths.len()));
        for (family, percent) in [(&P50, 50), (&P90, 90), (&P95, 95)] {
            percentile(&lengths, percent).into_iter().for_each(|length| samples.push(family, [], length));
        }
    }

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        for (family, window) in
            [(&NEW_DAY, Window::Day), (&NEW_WEEK, Window::Week), (&NEW_MONTH, Window::Month)]
        {
            samples.push(family, [], count(scope.recent.begun(scope.span(window)).count()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::{Conversation, Message};

    #[test]
    fn means_and_exact_percentiles_are_over_conversations() {
        let message = |id: &str, at: Option<i64>| {
            let created = at.map(Moment);
            Record::Message(Message { conversation: Some(id.into()), created, ..Message::default() })
        };
        let begun = |at: i64| {
            Record::Conversation(Conversation { created: Some(Moment(at)), ..Conversation::default() })
        };
        let mut records = vec![
            message("a", Some(9_000)),
            message("b", Some(i64::MAX)),
            message("a", Some(3_000)),
            message("a", None),
            message("c", None),
            begun(86_400_000),
            begun(86_399_999),
            Record::Message(Message::default()),
        ];
        records.extend((0..11).map(|_| message("d", None)));
        assert_eq!(
            lines::<Conversations>(&records, &[], 2 * 86_400_000),
            [
                "librechat_conversation_duration_seconds_avg 3",
                "librechat_conversation_length_p50 1",
                "librechat_conversation_length_p90 11",
                "librechat_conversation_length_p95 11",
                "librechat_conversation_message_avg 4",
                "librechat_new_conversations_24h 1",
                "librechat_new_conversations_30d 2",
                "librechat_new_conversations_7d 2",
            ]
        );
    }
}
