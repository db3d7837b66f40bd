//! Which models and assistants answered, over all time.

use std::collections::BTreeMap;

use super::Fold;
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::{Answerer, Record};
use crate::librechat::scope::Names;

static BY_MODEL: Family<1> =
    Family::gauge("librechat_model_usage_count", ["model"], "Number of messages by model");
static MODELS: Family<0> =
    Family::gauge("librechat_deployed_model_names_count", [], "Number of different models found in messages");
static BY_ASSISTANT: Family<1> =
    Family::gauge("librechat_assistant_usage_count", ["assistant"], "Number of messages by assistant");

#[derive(Clone, Debug, Default)]
pub struct Models {
    models: BTreeMap<String, u64>,
    assistants: BTreeMap<String, u64>,
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str, more: u64) {
    match counts.get_mut(name) {
        Some(count) => *count += more,
        None => {
            counts.insert(name.to_owned(), more);
        }
    }
}

impl Fold for Models {
    const FAMILIES: &'static [Description] =
        &[BY_MODEL.describe(), MODELS.describe(), BY_ASSISTANT.describe()];

    fn absorb(&mut self, record: &Record<'_>) {
        let Record::Message(message) = record else { return };
        match message.answerer() {
            Some(Answerer::Model(model)) => count(&mut self.models, model, 1),
            Some(Answerer::Assistant(id)) => count(&mut self.assistants, id, 1),
            Some(Answerer::Agent(_)) | None => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        other.models.iter().for_each(|(model, more)| count(&mut self.models, model, *more));
        other.assistants.iter().for_each(|(id, more)| count(&mut self.assistants, id, *more));
    }

    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    fn export_totals(&self, _names: &Names<'_>, samples: &mut Samples) {
        for (model, count) in &self.models {
            samples.push(&BY_MODEL, [model], *count as f64);
        }
        samples.push(&MODELS, [], self.models.len() as f64);
        for (assistant, count) in &self.assistants {
            samples.push(&BY_ASSISTANT, [assistant], *count as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::Message;

    #[test]
    fn tells_models_from_agents_and_assistants() {
        let models = ["gpt-4o", "agent_a", "asst_b", "assistant_c", "gpt-4o"];
        let records =
            models.map(|model| Record::Message(Message { model: Some(model.into()), ..Message::default() }));
        assert_eq!(
            lines::<Models>(&records, &[], 0),
            [
                r#"librechat_assistant_usage_count{assistant="assistant_c"} 1"#,
                r#"librechat_assistant_usage_count{assistant="asst_b"} 1"#,
                "librechat_deployed_model_names_count 1",
                r#"librechat_model_usage_count{model="gpt-4o"} 2"#,
            ]
        );
    }
}
