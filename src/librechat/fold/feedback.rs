//! Thumbs up and down, over all time.

use std::collections::BTreeMap;

use super::Fold;
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::{Rating, Record};
use crate::librechat::scope::{Names, UNKNOWN};

const NO_TAG: &str = "no_tag";

static UP: Family<2> = Family::gauge(
    "librechat_message_feedback_thumbs_up_count",
    ["tag", "model"],
    "Number of messages with a thumbs up, by reason given and model",
);
static DOWN: Family<2> = Family::gauge(
    "librechat_message_feedback_thumbs_down_count",
    ["tag", "model"],
    "Number of messages with a thumbs down, by reason given and model",
);
static UP_TOTAL: Family<0> = Family::gauge(
    "librechat_message_feedback_thumbs_up_total",
    [],
    "Number of messages with a thumbs up (a gauge in spite of its name)",
);
static DOWN_TOTAL: Family<0> = Family::gauge(
    "librechat_message_feedback_thumbs_down_total",
    [],
    "Number of messages with a thumbs down (a gauge in spite of its name)",
);
static BY_TAG: Family<2> = Family::gauge(
    "librechat_feedback_count_by_tag",
    ["tag", "rating"],
    "Number of ratings, by reason given and rating",
);

#[derive(Clone, Debug, Default)]
pub struct FeedbackGiven(BTreeMap<Key, u64>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    rating: Rating,
    tag: String,
    model: String,
}

impl Fold for FeedbackGiven {
    const FAMILIES: &'static [Description] =
        &[UP.describe(), DOWN.describe(), UP_TOTAL.describe(), DOWN_TOTAL.describe(), BY_TAG.describe()];

    fn absorb(&mut self, record: &Record<'_>) {
        let Record::Message(message) = record else { return };
        let Some(feedback) = &message.feedback else { return };
        let or = |text: Option<&str>, default: &str| {
            text.filter(|text| !text.is_empty()).unwrap_or(default).to_owned()
        };
        let key = Key {
            rating: feedback.rating,
            tag: or(feedback.tag.as_deref(), NO_TAG),
            model: or(message.model.as_deref(), UNKNOWN),
        };
        *self.0.entry(key).or_default() += 1;
    }

    fn merge(&mut self, other: &Self) {
        for (key, count) in &other.0 {
            *self.0.entry(key.clone()).or_default() += count;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    fn export_totals(&self, _names: &Names<'_>, samples: &mut Samples) {
        samples.push(&UP_TOTAL, [], 0.0);
        samples.push(&DOWN_TOTAL, [], 0.0);
        for (Key { rating, tag, model }, count) in &self.0 {
            let (by_model, total) = match rating {
                Rating::ThumbsUp => (&UP, &UP_TOTAL),
                Rating::ThumbsDown => (&DOWN, &DOWN_TOTAL),
            };
            samples.push(by_model, [tag, model], *count as f64);
            samples.push(total, [], *count as f64);
            samples.push(&BY_TAG, [tag, rating.label()], *count as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::{Feedback, Message};

    #[test]
    fn missing_tags_and_models_have_labels_of_their_own() {
        let message = |rating, tag: Option<&'static str>, model: Option<&'static str>| {
            let feedback = Some(Feedback { rating, tag: tag.map(Into::into) });
            Record::Message(Message { feedback, model: model.map(Into::into), ..Message::default() })
        };
        let records = [
            message(Rating::ThumbsUp, None, None),
            message(Rating::ThumbsUp, Some(""), None),
            message(Rating::ThumbsDown, Some("bad_style"), Some("gpt-4o")),
            Record::Message(Message::default()),
        ];
        assert_eq!(
            lines::<FeedbackGiven>(&records, &[], 0),
            [
                r#"librechat_feedback_count_by_tag{tag="bad_style",rating="thumbsDown"} 1"#,
                r#"librechat_feedback_count_by_tag{tag="no_tag",rating="thumbsUp"} 2"#,
                r#"librechat_message_feedback_thumbs_down_count{tag="bad_style",model="gpt-4o"} 1"#,
                "librechat_message_feedback_thumbs_down_total 1",
                r#"librechat_message_feedback_thumbs_up_count{tag="no_tag",model="unknown"} 2"#,
                "librechat_message_feedback_thumbs_up_total 2",
            ]
        );
    }
}
