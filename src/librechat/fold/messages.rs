//! Figures over all messages, of no user and no model.

use super::{Fold, Mean, percent};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::Record;
use crate::librechat::scope::Names;

static TOKEN_SUM: Family<0> =
    Family::gauge("librechat_message_token_sum", [], "Sum of tokenCount over all messages");
static TOKEN_AVG: Family<0> = Family::gauge(
    "librechat_message_token_avg",
    [],
    "Mean tokenCount of the messages that have a numeric one",
);
static ERRORS: Family<0> = Family::gauge(
    "librechat_error_message_count",
    [],
    "Number of messages marked as errors, as the Node exporter has it: a provider's failure is not (see \
     librechat_failed_answers_total)",
);
static UNFINISHED: Family<0> =
    Family::gauge("librechat_conversation_unfinished_count", [], "Number of messages marked as unfinished");
static ATTACHMENTS: Family<0> = Family::gauge(
    "librechat_message_with_attachments_count",
    [],
    "Number of messages with attachments, which are what tools gave out (see librechat_messages_with_files)",
);
static FILES: Family<0> =
    Family::gauge("librechat_messages_with_files", [], "Number of messages with files that users attached");
static PLUGINS: Family<0> =
    Family::gauge("librechat_message_plugin_usage_percent", [], "Percentage of messages that used a plugin");

#[derive(Clone, Debug, Default)]
pub struct Messages {
    count: f64,
    tokens: Mean,
    errors: f64,
    unfinished: f64,
    with_attachments: f64,
    with_files: f64,
    with_plugin: f64,
}

impl Fold for Messages {
    const FAMILIES: &'static [Description] = &[
        TOKEN_SUM.describe(),
        TOKEN_AVG.describe(),
        ERRORS.describe(),
        UNFINISHED.describe(),
        ATTACHMENTS.describe(),
        FILES.describe(),
        PLUGINS.describe(),
    ];

    fn absorb(&mut self, record: &Record<'_>) {
        let Record::Message(message) = record else { return };
        self.count += 1.0;
        if let Some(tokens) = message.token_count {
            self.tokens.add(tokens);
        }
        self.errors += f64::from(u8::from(message.error));
        self.unfinished += f64::from(u8::from(message.unfinished));
        self.with_attachments += f64::from(u8::from(message.has_attachments));
        self.with_files += f64::from(u8::from(message.has_files));
        self.with_plugin += f64::from(u8::from(message.has_plugin));
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.tokens.merge(other.tokens);
        self.errors += other.errors;
        self.unfinished += other.unfinished;
        self.with_attachments += other.with_attachments;
        self.with_files += other.with_files;
        self.with_plugin += other.with_plugin;
    }

    fn export_totals(&self, _names: &Names<'_>, samples: &mut Samples) {
        samples.push(&TOKEN_SUM, [], self.tokens.sum);
        samples.push_mean(&TOKEN_AVG, [], self.tokens.sum, self.tokens.count);
        samples.push(&ERRORS, [], self.errors);
        samples.push(&UNFINISHED, [], self.unfinished);
        samples.push(&ATTACHMENTS, [], self.with_attachments);
        samples.push(&FILES, [], self.with_files);
        samples.push(&PLUGINS, [], percent(self.with_plugin, self.count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::Message;

    #[test]
    fn a_message_without_a_token_count_does_not_lower_the_mean() {
        let message = |token_count| Record::Message(Message { token_count, ..Message::default() });
        let lines = lines::<Messages>(&[message(Some(10.0)), message(None), message(Some(20.0))], &[], 0);
        assert!(lines.contains(&"librechat_message_token_sum 30".into()), "{lines:?}");
        assert!(lines.contains(&"librechat_message_token_avg 15".into()), "{lines:?}");
    }

    #[test]
    fn says_nothing_of_a_mean_over_nothing_and_zero_percent_of_nothing() {
        let lines = lines::<Messages>(&[], &[], 0);
        assert!(!lines.iter().any(|line| line.starts_with("librechat_message_token_avg")), "{lines:?}");
        assert!(lines.contains(&"librechat_message_plugin_usage_percent 0".into()), "{lines:?}");
    }
}
