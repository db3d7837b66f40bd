//! Tags of conversations, as LibreChat itself counts them.

use std::collections::BTreeMap;

use super::Fold;
use super::users::merge;
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::Record;
use crate::librechat::scope::Names;

static USAGE: Family<1> = Family::gauge(
    "librechat_conversation_tag_usage_count",
    ["tag"],
    "Number of conversations by tag, as counted in the tags of all users",
)
.momentary();

#[derive(Clone, Debug, Default)]
pub struct Tags(BTreeMap<String, f64>);

impl Fold for Tags {
    const FAMILIES: &'static [Description] = &[USAGE.describe()];

    fn absorb(&mut self, record: &Record<'_>) {
        let Record::ConversationTag(tag) = record else { return };
        let label = tag.tag.as_deref().filter(|label| !label.is_empty()).unwrap_or("untagged");
        *self.0.entry(label.to_owned()).or_default() += tag.count.unwrap_or_default();
    }

    fn merge(&mut self, other: &Self) {
        merge(&mut self.0, &other.0);
    }

    fn export_totals(&self, _names: &Names<'_>, samples: &mut Samples) {
        self.0.iter().for_each(|(tag, number)| samples.push(&USAGE, [tag], *number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::ConversationTag;

    #[test]
    fn an_empty_and_a_missing_tag_are_one_and_a_missing_count_is_none() {
        let tag = |tag: Option<&'static str>, count: Option<f64>| {
            Record::ConversationTag(ConversationTag { tag: tag.map(Into::into), count })
        };
        let records = [tag(Some(""), Some(2.0)), tag(None, Some(3.0)), tag(Some("study"), None)];
        assert_eq!(
            lines::<Tags>(&records, &[], 0),
            [
                r#"librechat_conversation_tag_usage_count{tag="study"} 0"#,
                r#"librechat_conversation_tag_usage_count{tag="untagged"} 5"#,
            ]
        );
    }
}
