//! Answers that failed or were refused, as LibreChat stores them today: a provider's failure is a part of an answer
//! without `error`, a refusal has `error`. Copies are left out: nothing failed when a conversation was forked.

use std::collections::BTreeMap;

use super::Fold;
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::numbered::ByNumber;
use crate::librechat::record::{Answerer, Record};
use crate::librechat::scope::{Scope, UNKNOWN, Window};

static BY_MODEL: Family<1> = Family::gauge(
    "librechat_failed_answer_ratio_30d",
    ["model"],
    "Share of a model's answers of the last 30 days that failed or were refused, an agent's counting for its model; 0 to 1",
);
static BY_AGENT: Family<1> = Family::gauge(
    "librechat_failed_answer_ratio_by_agent_30d",
    ["agent"],
    "Share of an agent's answers of the last 30 days that failed or were refused; 0 to 1",
);

/// Has nothing of its own: the recent past tells it all.
#[derive(Clone, Debug, Default)]
pub struct Failures;

#[derive(Clone, Copy, Debug, Default)]
struct Answers {
    failed: f64,
    all: f64,
}

impl Answers {
    fn add(&mut self, other: Self) {
        self.failed += other.failed;
        self.all += other.all;
    }
}

/// By model and by agent.
#[derive(Debug, Default)]
struct Shares<'a> {
    models: BTreeMap<&'a str, Answers>,
    agents: BTreeMap<&'a str, Answers>,
}

impl<'a> Shares<'a> {
    /// Adds answers by what they have as their model.
    fn add(&mut self, model: &'a str, answers: Answers, scope: &'a Scope<'_>) {
        let model = match Answerer::of(model) {
            Answerer::Model(model) => model,
            Answerer::Assistant(_) => return,
            Answerer::Agent(id) => {
                self.agents.entry(scope.agent(id)).or_default().add(answers);
                scope.agent_model(id).unwrap_or(UNKNOWN)
            }
        };
        self.models.entry(model).or_default().add(answers);
    }
}

impl Fold for Failures {
    const FAMILIES: &'static [Description] = &[BY_MODEL.describe(), BY_AGENT.describe()];

    fn absorb(&mut self, _record: &Record<'_>) {}

    fn merge(&mut self, _other: &Self) {}

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let mut by_number: ByNumber<Answers> = ByNumber::default();
        let month = scope.span(Window::Month);
        for turn in scope.recent.turns(month).filter(|turn| !turn.is_question && !turn.is_copy) {
            let failed = f64::from(u8::from(turn.has_failed));
            if let Some(model) = turn.model {
                by_number.update(model, |answers| answers.add(Answers { failed, all: 1.0 }));
            }
        }
        let mut shares = Shares::default();
        for (model, answers) in by_number.iter().filter(|(_, answers)| answers.all > 0.0) {
            shares.add(scope.recent.name(model), *answers, scope);
        }
        for conversation in scope.recent.refusals(month) {
            let model = scope.conversation_model(conversation).unwrap_or(UNKNOWN);
            shares.add(model, Answers { failed: 1.0, all: 1.0 }, scope);
        }
        for (family, shares) in [(&BY_MODEL, shares.models), (&BY_AGENT, shares.agents)] {
            for (label, answers) in shares {
                samples.push_mean(family, [label], answers.failed, answers.all);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::{Agent, Conversation, Message, Moment};

    fn answer(model: Option<&'static str>, error: bool, has_error_part: bool) -> Message<'static> {
        Message {
            created: Some(Moment(0)),
            model: model.map(Into::into),
            conversation: Some("c".into()),
            is_from_user: Some(false),
            error,
            has_error_part,
            ..Message::default()
        }
    }

    /// Row D66, findings F1 and F3: both kinds count, and copies of neither.
    #[test]
    fn d66_failures_of_both_kinds_count_for_the_model_and_the_agent_and_copies_do_not() {
        let agent = Agent {
            id: Some("agent_a".into()),
            name: Some("Helper".into()),
            model: Some("m".into()),
            ..Agent::default()
        };
        let conversation =
            Conversation { id: Some("c".into()), model: Some("n".into()), ..Conversation::default() };
        let others = [Record::Agent(agent), Record::Conversation(conversation)];
        let records = [
            answer(Some("m"), false, false),
            answer(Some("m"), false, true),
            answer(Some("m"), true, false),
            answer(Some("agent_a"), false, true),
            answer(Some("agent_gone"), false, false),
            answer(None, true, false),
            answer(Some("asst_a"), true, false),
            Message { is_copy: true, ..answer(Some("m"), true, false) },
            Message { is_from_user: Some(true), ..answer(Some("m"), false, false) },
        ];
        assert_eq!(
            lines::<Failures>(&records.map(Record::Message), &others, 0),
            [
                r#"librechat_failed_answer_ratio_30d{model="m"} 0.75"#,
                r#"librechat_failed_answer_ratio_30d{model="n"} 1"#,
                r#"librechat_failed_answer_ratio_30d{model="unknown"} 0"#,
                r#"librechat_failed_answer_ratio_by_agent_30d{agent="Helper"} 1"#,
                r#"librechat_failed_answer_ratio_by_agent_30d{agent="agent_gone"} 0"#,
            ]
        );
    }
}
