//! Who makes and who uses which agent, over all time and lately.
//!
//! Agents are kept by id; their labels are found when exporting. Two agents of one name are one label: counts add up,
//! means are pooled, distinct users are united, the latest use is taken.

use std::collections::BTreeMap;

use super::{Fold, count};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::numbered::{Number, Numbered};
use crate::librechat::record::id::{Id, Key};
use crate::librechat::record::{Answerer, Moment, Record};
use crate::librechat::scope::{Names, Scope, Window};
use crate::librechat::table::Table;

static USAGE: Family<1> =
    Family::gauge("librechat_agent_usage_count", ["agent"], "Number of messages by agent");
static BY_DOMAIN: Family<2> = Family::gauge(
    "librechat_agent_usage_by_email_domain_count",
    ["agent", "email_domain"],
    "Number of messages by agent and the user's email domain",
);
static UNIQUE_USERS: Family<1> = Family::gauge(
    "librechat_agent_unique_users_count",
    ["agent"],
    "Number of different users who used the agent",
)
.not_additive();
static UNIQUE_USERS_30D: Family<1> = Family::gauge(
    "librechat_agent_unique_users_30d",
    ["agent"],
    "Number of different users who used the agent in the last 30 days",
)
.not_additive();
static LAST_USED: Family<1> = Family::gauge(
    "librechat_agent_last_used_age_seconds",
    ["agent"],
    "Seconds since the newest message of the agent",
)
.not_additive();
static MESSAGES_PER_USE: Family<1> = Family::gauge(
    "librechat_agent_avg_messages_per_use",
    ["agent"],
    "Mean number of the agent's messages in the conversations that used it",
);
static CREATED: Family<1> = Family::gauge(
    "librechat_agent_creation_count_by_user_domain",
    ["email_domain"],
    "Number of agents by the email domain of their author",
);
static BY_USER: Family<2> = Family::gauge(
    "librechat_agent_usage_by_user_count",
    ["agent", "id"],
    "Number of messages by agent and user",
);

static INFO: Family<4> = Family::gauge(
    "librechat_agent_info",
    ["agent_id", "agent", "provider", "model"],
    "Always 1: the name of an agent, and the endpoint and the model that answer for it, by its id",
);

#[derive(Clone, Debug, Default)]
pub struct Agents {
    ids: Numbered<Box<str>>,
    /// Messages by agent and user.
    messages: Table<(Number, Option<Id>), u32>,
    /// Conversations that used an agent.
    conversations: Table<(Number, Option<Key>), ()>,
    last: BTreeMap<Number, Moment>,
    authors: BTreeMap<Option<Id>, usize>,
}

/// What there is to tell of the agents of one name.
#[derive(Debug, Default)]
struct Usage<'a> {
    messages: f64,
    by_domain: BTreeMap<&'a str, f64>,
    users: Vec<&'a Id>,
    conversations: f64,
}

impl Agents {
    fn used(&mut self, agent: Number, at: Option<Moment>) {
        if let Some(at) = at {
            self.last.entry(agent).and_modify(|last| *last = at.max(*last)).or_insert(at);
        }
    }

    /// By label, of the agents that still exist; adds the samples by user.
    fn usage<'a>(&'a self, names: &Names<'a>, samples: &mut Samples) -> BTreeMap<&'a str, Usage<'a>> {
        let labels: Vec<_> = self.ids.values().map(|id| names.existing_agent(id)).collect();
        let label = |agent: &Number| labels.get(agent.index()).copied().flatten();
        let mut by_label: BTreeMap<&str, Usage<'_>> = BTreeMap::new();
        for ((agent, user), number) in self.messages.iter() {
            let Some(label) = label(agent) else { continue };
            let usage = by_label.entry(label).or_default();
            usage.messages += f64::from(number);
            *usage.by_domain.entry(names.domain(user.as_ref())).or_default() += f64::from(number);
            usage.users.extend(user);
            if let Some(user) = names.user_label(user.as_ref()) {
                samples.push(&BY_USER, [label, &user], f64::from(number));
            }
        }
        for ((agent, _), ()) in self.conversations.iter() {
            if let Some(usage) = label(agent).and_then(|label| by_label.get_mut(label)) {
                usage.conversations += 1.0;
            }
        }
        by_label
    }
}

impl Fold for Agents {
    const FAMILIES: &'static [Description] = &[
        USAGE.describe(),
        BY_DOMAIN.describe(),
        UNIQUE_USERS.describe(),
        LAST_USED.describe(),
        MESSAGES_PER_USE.describe(),
        UNIQUE_USERS_30D.describe(),
        CREATED.describe(),
        BY_USER.describe(),
        INFO.describe(),
    ];

    fn absorb(&mut self, record: &Record<'_>) {
        match record {
            Record::Agent(agent) => *self.authors.entry(agent.author.clone()).or_default() += 1,
            Record::Message(message) => {
                let Some(Answerer::Agent(id)) = message.answerer() else { return };
                let Some(agent) = self.ids.number(id) else { return };
                self.messages.add((agent, message.user.clone()), 1);
                self.conversations.add((agent, message.conversation), ());
                self.used(agent, message.created);
            }
            _ => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        let agents = self.ids.take_in(&other.ids);
        for ((agent, user), number) in other.messages.iter() {
            if let Some(agent) = agents.number(*agent) {
                self.messages.add((agent, user.clone()), number);
            }
        }
        for ((agent, conversation), ()) in other.conversations.iter() {
            if let Some(agent) = agents.number(*agent) {
                self.conversations.add((agent, *conversation), ());
            }
        }
        for (agent, last) in &other.last {
            if let Some(agent) = agents.number(*agent) {
                self.used(agent, Some(*last));
            }
        }
        for (author, count) in &other.authors {
            *self.authors.entry(author.clone()).or_default() += count;
        }
    }

    fn compact(&mut self) {
        self.ids.compact();
        self.messages.compact();
        self.conversations.compact();
    }

    fn export_totals(&self, names: &Names<'_>, samples: &mut Samples) {
        for (label, mut usage) in self.usage(names, samples) {
            samples.push(&USAGE, [label], usage.messages);
            for (domain, number) in &usage.by_domain {
                samples.push(&BY_DOMAIN, [label, domain], *number);
            }
            usage.users.sort_unstable();
            usage.users.dedup();
            samples.push(&UNIQUE_USERS, [label], count(usage.users.len()));
            samples.push_mean(&MESSAGES_PER_USE, [label], usage.messages, usage.conversations);
        }
        for labels in names.agents() {
            samples.push(&INFO, labels, 1.0);
        }
        for (author, number) in &self.authors {
            samples.push(&CREATED, [names.domain(author.as_ref())], count(*number));
        }
    }

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let mut last: BTreeMap<&str, Moment> = BTreeMap::new();
        for (agent, at) in &self.last {
            if let Some(label) = self.ids.value(*agent).and_then(|id| scope.existing_agent(id)) {
                last.entry(label).and_modify(|last| *last = (*at).max(*last)).or_insert(*at);
            }
        }
        for (label, at) in last {
            // A clock that is ahead of ours makes no negative age.
            samples.push(&LAST_USED, [label], scope.at.seconds_since(at).max(0.0));
        }
        export_recent(scope, samples);
    }
}

fn export_recent(scope: &Scope<'_>, samples: &mut Samples) {
    let labels = scope.recent.of_names(|name| match Answerer::of(name) {
        Answerer::Agent(id) => scope.existing_agent(id),
        Answerer::Model(_) | Answerer::Assistant(_) => None,
    });
    let label = |model: Option<Number>| model.and_then(|model| labels.get(model).copied().flatten());
    let uses = scope.recent.turns(scope.span(Window::Month)).map(|turn| (turn.model, turn.user));
    let mut uses: Vec<_> = uses.filter(|(model, _)| label(*model).is_some()).collect();
    uses.sort_unstable();
    uses.dedup();
    let mut users: BTreeMap<&str, Vec<Number>> = BTreeMap::new();
    for of_agent in uses.chunk_by(|(agent, _), (next, _)| agent == next) {
        let Some(label) = of_agent.first().and_then(|(agent, _)| label(*agent)) else { continue };
        users.entry(label).or_default().extend(of_agent.iter().filter_map(|(_, user)| *user));
    }
    for (label, mut users) in users {
        users.sort_unstable();
        users.dedup();
        samples.push(&UNIQUE_USERS_30D, [label], count(users.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines_with;
    use crate::librechat::record::{Agent, Message, User};
    use crate::librechat::scope::{Options, ShownUser, UserLabel};

    fn message(model: &'static str, user: &str, conversation: &'static str, at: i64) -> Record<'static> {
        Record::Message(Message {
            model: Some(model.into()),
            user: Some(Id::from(user)),
            conversation: Some(conversation.into()),
            created: Some(Moment(at)),
            ..Message::default()
        })
    }

    fn agent(id: &'static str, name: Option<&'static str>) -> Record<'static> {
        Record::Agent(Agent {
            id: Some(id.into()),
            name: name.map(Into::into),
            author: Some(Id::from("u1")),
            ..Agent::default()
        })
    }

    #[test]
    fn d69_an_agent_used_by_a_clock_that_is_ahead_has_no_negative_age() {
        let records = [message("agent_3", "u2", "c3", 9_000)];
        let lines = lines_with::<Agents>(&Options::default(), &records, &[agent("agent_3", None)], 1_000);
        let age = r#"librechat_agent_last_used_age_seconds{agent="agent_3"} 0"#;
        assert!(lines.iter().any(|line| line == age), "{lines:?}");
    }

    #[test]
    fn agents_of_one_name_are_pooled_and_agents_that_are_gone_are_left_out() {
        let user = User { id: Some(Id::from("u1")), email: Some("u1@a.example".into()), ..User::default() };
        let directory = [
            agent("agent_1", Some("Helper | one")),
            agent("agent_2", Some("Helper | one")),
            agent("agent_3", None),
            Record::User(user),
        ];
        let options = Options { per_user: Some(UserLabel::Shown(ShownUser::Email)), ..Options::default() };
        let records = [
            message("agent_1", "u1", "c1", 1_000),
            message("agent_1", "u1", "c1", 2_000),
            message("agent_2", "u2", "c1", 5_000),
            message("agent_2", "u1", "c2", 4_000),
            message("agent_3", "u2", "c3", 1_000),
            message("agent_gone", "u1", "c4", 9_000),
        ];
        assert_eq!(
            lines_with::<Agents>(&options, &records, &directory, 30 * 86_400_000 + 2_000),
            [
                r#"librechat_agent_avg_messages_per_use{agent="Helper | one"} 1.3333333333333333"#,
                r#"librechat_agent_avg_messages_per_use{agent="agent_3"} 1"#,
                r#"librechat_agent_info{agent_id="agent_1",agent="Helper | one",provider="unknown",model="unknown"} 1"#,
                r#"librechat_agent_info{agent_id="agent_2",agent="Helper | one",provider="unknown",model="unknown"} 1"#,
                r#"librechat_agent_info{agent_id="agent_3",agent="agent_3",provider="unknown",model="unknown"} 1"#,
                r#"librechat_agent_last_used_age_seconds{agent="Helper | one"} 2591997"#,
                r#"librechat_agent_last_used_age_seconds{agent="agent_3"} 2592001"#,
                r#"librechat_agent_unique_users_30d{agent="Helper | one"} 2"#,
                r#"librechat_agent_unique_users_count{agent="Helper | one"} 2"#,
                r#"librechat_agent_unique_users_count{agent="agent_3"} 1"#,
                r#"librechat_agent_usage_by_email_domain_count{agent="Helper | one",email_domain="a.example"} 3"#,
                r#"librechat_agent_usage_by_email_domain_count{agent="Helper | one",email_domain="unknown"} 1"#,
                r#"librechat_agent_usage_by_email_domain_count{agent="agent_3",email_domain="unknown"} 1"#,
                r#"librechat_agent_usage_by_user_count{agent="Helper | one",id="u1@a.example"} 3"#,
                r#"librechat_agent_usage_by_user_count{agent="Helper | one",id="u2"} 1"#,
                r#"librechat_agent_usage_by_user_count{agent="agent_3",id="u2"} 1"#,
                r#"librechat_agent_usage_count{agent="Helper | one"} 4"#,
                r#"librechat_agent_usage_count{agent="agent_3"} 1"#,
            ]
        );
    }
}
