//! How long conversations last, told by their messages.

use std::collections::HashMap;

use super::{Fold, Mean};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::{Moment, Record};
use crate::librechat::scope::Scope;

static DURATION: Family<0> = Family::gauge(
    "librechat_conversation_duration_seconds_avg",
    [],
    "Mean time from the first to the last message of a conversation in seconds",
);

#[derive(Debug, Default)]
pub struct Conversations(HashMap<Box<str>, Span>);

/// From the first to the last message.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: Moment,
    last: Moment,
}

impl Conversations {
    fn extend(&mut self, id: &str, span: Span) {
        match self.0.get_mut(id) {
            Some(known) => {
                known.first = known.first.min(span.first);
                known.last = known.last.max(span.last);
            }
            None => {
                self.0.insert(id.into(), span);
            }
        }
    }
}

impl Fold for Conversations {
    const FAMILIES: &'static [Description] = &[DURATION.describe()];

    fn absorb(&mut self, record: &Record<'_>) {
        let Record::Message(message) = record else { return };
        if let (Some(id), Some(at)) = (message.conversation.as_deref(), message.created) {
            self.extend(id, Span { first: at, last: at });
        }
    }

    fn merge(&mut self, other: Self) {
        other.0.iter().for_each(|(id, span)| self.extend(id, *span));
    }

    fn export(&self, _scope: &Scope<'_>, samples: &mut Samples) {
        let mut duration = Mean::default();
        self.0.values().for_each(|span| duration.add(span.last.seconds_since(span.first)));
        samples.push(&DURATION, [], duration.value());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::Message;

    #[test]
    fn the_mean_is_over_conversations_and_a_single_message_lasts_no_time() {
        let message = |id: &'static str, at: Option<i64>| {
            let created = at.map(Moment);
            Record::Message(Message { conversation: Some(id.into()), created, ..Message::default() })
        };
        let records = [
            message("a", Some(9_000)),
            message("b", Some(i64::MAX)),
            message("a", Some(3_000)),
            message("a", None),
            message("c", None),
        ];
        assert_eq!(
            lines::<Conversations>(&records, &[], 0),
            ["librechat_conversation_duration_seconds_avg 3"]
        );
    }
}
