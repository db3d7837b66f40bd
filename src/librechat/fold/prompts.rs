//! Prompts, prompt groups and actions.

use std::collections::BTreeMap;

use super::users::merge;
use super::{Fold, Mean};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::Record;
use crate::librechat::scope::{Names, UNKNOWN};

static GENERATIONS: Family<0> = Family::gauge(
    "librechat_prompt_group_generations_avg",
    [],
    "Mean number of generations of the prompt groups that have one",
)
.momentary();
static GROUPS: Family<1> = Family::gauge(
    "librechat_prompt_group_count_by_category",
    ["category"],
    "Number of prompt groups by category",
);
static PROMPTS: Family<1> =
    Family::gauge("librechat_prompt_count_by_type", ["type"], "Number of prompts by type");
static ACTIONS: Family<1> =
    Family::gauge("librechat_action_count_by_type", ["type"], "Number of actions by type");

#[derive(Clone, Debug, Default)]
pub struct Prompts {
    generations: Mean,
    groups: BTreeMap<String, f64>,
    prompts: BTreeMap<String, f64>,
    actions: BTreeMap<String, f64>,
}

fn add(counts: &mut BTreeMap<String, f64>, label: Option<&str>, missing: &str) {
    let label = label.filter(|label| !label.is_empty()).unwrap_or(missing);
    *counts.entry(label.to_owned()).or_default() += 1.0;
}

impl Fold for Prompts {
    const FAMILIES: &'static [Description] =
        &[GENERATIONS.describe(), GROUPS.describe(), PROMPTS.describe(), ACTIONS.describe()];

    fn absorb(&mut self, record: &Record<'_>) {
        match record {
            Record::PromptGroup(group) => {
                add(&mut self.groups, group.category.as_deref(), "uncategorized");
                group.generations.into_iter().for_each(|generations| self.generations.add(generations));
            }
            Record::Prompt(prompt) => add(&mut self.prompts, prompt.kind.as_deref(), UNKNOWN),
            Record::Action(action) => add(&mut self.actions, action.kind.as_deref(), UNKNOWN),
            _ => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        self.generations.merge(other.generations);
        merge(&mut self.groups, &other.groups);
        merge(&mut self.prompts, &other.prompts);
        merge(&mut self.actions, &other.actions);
    }

    fn export_totals(&self, _names: &Names<'_>, samples: &mut Samples) {
        samples.push_mean(&GENERATIONS, [], self.generations.sum, self.generations.count);
        for (family, counts) in
            [(&GROUPS, &self.groups), (&PROMPTS, &self.prompts), (&ACTIONS, &self.actions)]
        {
            counts.iter().for_each(|(label, number)| samples.push(family, [label], *number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::{Action, PromptGroup, Typed};

    #[test]
    fn prompts_are_counted_not_roles_and_missing_labels_have_names() {
        let group = |category: Option<&'static str>, generations: Option<f64>| {
            Record::PromptGroup(PromptGroup { category: category.map(Into::into), generations })
        };
        let records = [
            group(Some("code"), Some(3.0)),
            group(Some(""), None),
            group(None, Some(6.0)),
            Record::Prompt(Typed { kind: Some("text".into()) }),
            Record::Action(Action::default()),
        ];
        assert_eq!(
            lines::<Prompts>(&records, &[], 0),
            [
                r#"librechat_action_count_by_type{type="unknown"} 1"#,
                r#"librechat_prompt_count_by_type{type="text"} 1"#,
                r#"librechat_prompt_group_count_by_category{category="code"} 1"#,
                r#"librechat_prompt_group_count_by_category{category="uncategorized"} 2"#,
                "librechat_prompt_group_generations_avg 4.5",
            ]
        );
    }
}
