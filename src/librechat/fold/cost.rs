//! Cost in USD as LibreChat reckons it, over all time and lately.
//!
//! Only transactions of a known model have a cost: |tokenValue| / 10^6, or |rawAmount| × (rate, else 1) / 10^6 where
//! there is no tokenValue or it is 0, as the Node exporter has it. What comes to a positive number is a credit, which the
//! Node exporter takes for a cost: LibreChat gives the user something back.
//!
//! An agent's cost is that of the rows that name it, and of the conversations with it where rows name nobody. Only ids
//! that begin with `agent_` are those of agents: chats without one have ids of an endpoint and a model.

use std::collections::BTreeMap;

use super::users::merge;
use super::{Fold, Mean};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::id::{Id, Key};
use crate::librechat::record::{Record, Transaction, is_agent};
use crate::librechat::scope::{Names, Scope, UNKNOWN, Window};
use crate::librechat::table::{Combine, Table};

static SUM: Family<1> =
    Family::gauge("librechat_transaction_cost_sum", ["tokenType"], "Cost in USD by token type");
static AVG: Family<1> = Family::gauge(
    "librechat_transaction_cost_avg",
    ["tokenType"],
    "Mean cost of a transaction in USD by token type",
);
static TOTAL: Family<0> = Family::gauge("librechat_transaction_cost_total_usd", [], "Cost in USD");
static PER_USER: Family<0> =
    Family::gauge("librechat_transaction_cost_per_user", [], "Cost in USD per registered user");
static PER_MODEL: Family<1> =
    Family::gauge("librechat_transaction_cost_per_model", ["model"], "Cost in USD by model");
static BY_DOMAIN: Family<1> = Family::gauge(
    "librechat_transaction_cost_by_email_domain",
    ["email_domain"],
    "Cost in USD by the user's email domain",
);
static BY_GROUP: Family<1> = Family::gauge(
    "librechat_cost_usd_by_group",
    ["group"],
    "Cost in USD of a group's members; who is in several groups counts in each",
)
.not_additive();
static BY_AGENT: Family<1> = Family::gauge(
    "librechat_transaction_cost_by_agent",
    ["agent"],
    "Cost in USD of an agent, its sub-agents included, by what its rows say, else by the agent of the conversation",
);
static BY_ENDPOINT: Family<1> = Family::gauge(
    "librechat_cost_usd_by_endpoint",
    ["endpoint"],
    "Cost in USD by the conversation's endpoint",
);
static TOKENS_BY_ENDPOINT: Family<1> = Family::gauge(
    "librechat_tokens_by_endpoint",
    ["endpoint"],
    "Tokens spent by the conversation's endpoint, those of rows without a price included",
);
static PER_CONVERSATION: Family<0> =
    Family::gauge("librechat_cost_per_conversation_avg", [], "Cost in USD per conversation");
static DAY: Family<0> =
    Family::gauge("librechat_transaction_cost_24h", [], "Cost in USD in the last 24 hours");
static WEEK: Family<0> = Family::gauge("librechat_transaction_cost_7d", [], "Cost in USD in the last 7 days");
static MONTH: Family<0> =
    Family::gauge("librechat_transaction_cost_30d", [], "Cost in USD in the last 30 days");
static BY_USER: Family<1> =
    Family::gauge("librechat_transaction_cost_by_user", ["id"], "Cost in USD by user");

const CREDITS_PER_USD: f64 = 1e6;

/// The model of a row that has a price.
pub fn priced_model<'a>(row: &'a Transaction<'_>) -> Option<&'a str> {
    row.model.as_deref().filter(|model| !matches!(*model, UNKNOWN | "UNKNOWN"))
}

/// What a row adds to the user's credits: below 0 where it was spent.
fn credits(row: &Transaction<'_>) -> Option<f64> {
    let value = row.token_value.filter(|value| *value != 0.0);
    value.or_else(|| Some(row.raw_amount? * row.rate.unwrap_or(1.0)))
}

/// What a row cost: nothing where it is a credit.
pub fn usd(row: &Transaction<'_>) -> Option<f64> {
    priced_model(row)?;
    let credits = credits(row).filter(|credits| *credits <= 0.0)?;
    Some(credits.abs() / CREDITS_PER_USD)
}

/// What a row gave to the user in USD: bought, refilled or granted, or given back at a negative price.
pub fn granted_usd(row: &Transaction<'_>) -> Option<f64> {
    credits(row).filter(|credits| *credits > 0.0).map(|credits| credits / CREDITS_PER_USD)
}

/// What was spent in a conversation.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    usd: f64,
    /// Of that, what no row says whose it is.
    unclaimed: f64,
    tokens: f64,
}

impl Combine for Spent {
    fn combine(&mut self, other: Self) {
        self.usd += other.usd;
        self.unclaimed += other.unclaimed;
        self.tokens += other.tokens;
    }
}

#[derive(Clone, Debug, Default)]
pub struct Cost {
    by_type: BTreeMap<String, Mean>,
    by_model: BTreeMap<String, f64>,
    by_user: Table<Option<Id>, f64>,
    /// By the id of the agent, of the rows that name one.
    by_agent: BTreeMap<String, f64>,
    /// `None` is of rows without a conversation.
    by_conversation: Table<Option<Key>, Spent>,
    users: f64,
    conversations: f64,
}

impl Cost {
    /// By agent: what rows say, and what they leave to their conversations.
    fn agents<'a>(&'a self, names: &Names<'a>) -> BTreeMap<&'a str, f64> {
        let mut agents: BTreeMap<&str, f64> = BTreeMap::new();
        for (id, usd) in &self.by_agent {
            *agents.entry(id).or_default() += usd;
        }
        for (conversation, spent) in self.by_conversation.iter().filter(|(_, spent)| spent.unclaimed > 0.0) {
            if let Some(id) = conversation.and_then(|id| names.conversation_agent(id)) {
                *agents.entry(id).or_default() += spent.unclaimed;
            }
        }
        agents
    }

    fn endpoints<'a>(&self, names: &Names<'a>) -> BTreeMap<&'a str, Spent> {
        let mut endpoints: BTreeMap<&str, Spent> = BTreeMap::new();
        for (conversation, spent) in self.by_conversation.iter() {
            let endpoint = conversation.and_then(|id| names.conversation_endpoint(id));
            endpoints.entry(endpoint.unwrap_or(UNKNOWN)).or_default().combine(spent);
        }
        endpoints
    }
}

impl Fold for Cost {
    const FAMILIES: &'static [Description] = &[
        SUM.describe(),
        AVG.describe(),
        TOTAL.describe(),
        PER_USER.describe(),
        PER_MODEL.describe(),
        BY_DOMAIN.describe(),
        BY_GROUP.describe(),
        BY_AGENT.describe(),
        BY_ENDPOINT.describe(),
        TOKENS_BY_ENDPOINT.describe(),
        PER_CONVERSATION.describe(),
        DAY.describe(),
        WEEK.describe(),
        MONTH.describe(),
        BY_USER.describe(),
    ];

    fn absorb(&mut self, record: &Record<'_>) {
        match record {
            Record::User(_) => self.users += 1.0,
            Record::Conversation(_) => self.conversations += 1.0,
            Record::Transaction(row) => {
                let is_spent = matches!(row.token_type.as_deref(), Some("prompt" | "completion"));
                let tokens = row.raw_amount.filter(|_| is_spent);
                let claimed = row.agent.as_deref();
                let spent = Spent {
                    usd: usd(row).unwrap_or_default(),
                    unclaimed: if claimed.is_none() { usd(row).unwrap_or_default() } else { 0.0 },
                    tokens: tokens.unwrap_or_default().abs(),
                };
                if spent.usd > 0.0 || spent.tokens > 0.0 {
                    self.by_conversation.add(row.conversation, spent);
                }
                let (Some(model), Some(usd)) = (priced_model(row), usd(row)) else { return };
                let token_type = row.token_type.as_deref().unwrap_or(UNKNOWN);
                self.by_type.entry(token_type.to_owned()).or_default().add(usd);
                *self.by_model.entry(model.to_owned()).or_default() += usd;
                self.by_user.add(row.user.clone(), usd);
                if let Some(agent) = claimed.filter(|id| is_agent(id)) {
                    *self.by_agent.entry(agent.to_owned()).or_default() += usd;
                }
            }
            _ => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        for (token_type, mean) in &other.by_type {
            self.by_type.entry(token_type.clone()).or_default().merge(*mean);
        }
        merge(&mut self.by_model, &other.by_model);
        merge(&mut self.by_agent, &other.by_agent);
        self.by_user.merge(&other.by_user);
        self.by_conversation.merge(&other.by_conversation);
        self.users += other.users;
        self.conversations += other.conversations;
    }

    fn compact(&mut self) {
        self.by_user.compact();
        self.by_conversation.compact();
    }

    fn export_totals(&self, names: &Names<'_>, samples: &mut Samples) {
        let total: f64 = self.by_type.values().map(|mean| mean.sum).sum();
        samples.push(&TOTAL, [], total);
        samples.push(&PER_USER, [], if self.users == 0.0 { 0.0 } else { total / self.users });
        let per_conversation = if self.conversations == 0.0 { 0.0 } else { total / self.conversations };
        samples.push(&PER_CONVERSATION, [], per_conversation);
        for (token_type, mean) in &self.by_type {
            samples.push(&SUM, [token_type], mean.sum);
            samples.push_mean(&AVG, [token_type], mean.sum, mean.count);
        }
        self.by_model.iter().for_each(|(model, usd)| samples.push(&PER_MODEL, [model], *usd));
        // Also of groups that cost nothing: they are known.
        names.groups().for_each(|group| samples.push(&BY_GROUP, [group], 0.0));
        let mut domains: BTreeMap<&str, f64> = BTreeMap::new();
        for (user, usd) in self.by_user.iter() {
            *domains.entry(names.domain(user.as_ref())).or_default() += usd;
            for group in names.groups_of(user.as_ref()) {
                samples.push(&BY_GROUP, [group], usd);
            }
            if let Some(user) = names.user_label(user.as_ref()) {
                samples.push(&BY_USER, [&user], usd);
            }
        }
        domains.iter().for_each(|(domain, usd)| samples.push(&BY_DOMAIN, [domain], *usd));
        for (agent, usd) in self.agents(names) {
            samples.push(&BY_AGENT, [names.agent(agent)], usd);
        }
        for (endpoint, spent) in self.endpoints(names) {
            samples.push(&BY_ENDPOINT, [endpoint], spent.usd);
            samples.push(&TOKENS_BY_ENDPOINT, [endpoint], spent.tokens);
        }
    }

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let windows = [(&DAY, Window::Day), (&WEEK, Window::Week), (&MONTH, Window::Month)];
        let starts = windows.map(|(_, window)| scope.start(window));
        let mut sums = [0.0; 3];
        scope.recent.spendings(scope.span(Window::Month)).for_each(|spending| {
            for (sum, start) in sums.iter_mut().zip(starts) {
                *sum += if spending.at >= start { spending.usd } else { 0.0 };
            }
        });
        for ((family, _), sum) in windows.into_iter().zip(sums) {
            samples.push(family, [], sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines_with;
    use crate::librechat::record::{Conversation, Group, Moment, User};
    use crate::librechat::scope::{Options, ShownUser, UserLabel};

    #[test]
    fn each_group_of_a_user_has_the_users_cost_once() {
        let row = |user: &str, credits: f64| {
            let (user, token_value) = (Some(Id::from(user)), Some(-credits * CREDITS_PER_USD));
            Record::Transaction(Transaction {
                user,
                token_value,
                model: Some("m".into()),
                ..Transaction::default()
            })
        };
        let group = |id: u8, name: Option<&'static str>, members: &[&str]| {
            let members = members.iter().map(|member| Id::from(*member)).collect();
            Record::Group(Group { id: Some(Id::from([id; 12])), name: name.map(Into::into), members })
        };
        let user = |id: &str, source_id: &str| {
            let (id, source_id) = (Some(Id::from(id)), Some(Id::from(source_id)));
            Record::User(User { id, source_id, ..User::default() })
        };
        let others = [
            user("a", "entra-a"),
            user("b", "entra-b"),
            group(1, Some("Sales"), &["a", "entra-a", "c"]),
            group(2, Some("Sales"), &["a", "entra-b"]),
            group(3, None, &["entra-a"]),
            group(4, Some("Nobody"), &[]),
        ];
        let records = [row("a", 1.0), row("b", 2.0), row("c", 4.0), row("d", 8.0)];
        let lines = lines_with::<Cost>(&Options::default(), &records, &others, 0);
        let by_group: Vec<_> = lines.iter().filter(|line| line.contains("by_group")).cloned().collect();
        assert_eq!(
            by_group,
            [
                r#"librechat_cost_usd_by_group{group="030303030303030303030303"} 1"#,
                r#"librechat_cost_usd_by_group{group="Nobody"} 0"#,
                r#"librechat_cost_usd_by_group{group="Sales"} 7"#,
            ]
        );
    }

    #[test]
    fn rows_without_a_model_have_no_cost_and_rows_without_a_value_are_priced_by_rate() {
        let row = |model: Option<&'static str>, value: Option<f64>, rate: Option<f64>| {
            Record::Transaction(Transaction {
                model: model.map(Into::into),
                token_value: value,
                rate,
                raw_amount: Some(-1e6),
                conversation: Some("c".into()),
                user: Some(Id::from("u")),
                created: Some(Moment(rate.map_or(0, |_| 1_000))),
                ..Transaction::default()
            })
        };
        let conversation = Record::Conversation(Conversation {
            id: Some("c".into()),
            agent: Some("agent_1".into()),
            ..Conversation::default()
        });
        let options = Options { per_user: Some(UserLabel::Shown(ShownUser::Email)), ..Options::default() };
        let records = [
            row(Some("m"), Some(-2e6), Some(9.0)),
            row(Some("m"), None, Some(3.0)),
            row(Some("m"), None, None),
            row(Some("m"), Some(0.0), Some(4.0)),
            row(Some("unknown"), Some(-5e6), None),
            row(Some("UNKNOWN"), Some(-5e6), None),
            row(None, Some(-5e6), None),
            conversation,
        ];
        assert_eq!(
            lines_with::<Cost>(&options, &records, &[], 1_000 + 24 * 3_600_000),
            [
                "librechat_cost_per_conversation_avg 10",
                "librechat_cost_usd_by_endpoint{endpoint=\"unknown\"} 10",
                "librechat_tokens_by_endpoint{endpoint=\"unknown\"} 0",
                "librechat_transaction_cost_24h 9",
                "librechat_transaction_cost_30d 10",
                "librechat_transaction_cost_7d 10",
                "librechat_transaction_cost_avg{tokenType=\"unknown\"} 2.5",
                "librechat_transaction_cost_by_agent{agent=\"agent_1\"} 10",
                "librechat_transaction_cost_by_email_domain{email_domain=\"unknown\"} 10",
                "librechat_transaction_cost_by_user{id=\"u\"} 10",
                "librechat_transaction_cost_per_model{model=\"m\"} 10",
                "librechat_transaction_cost_per_user 0",
                "librechat_transaction_cost_sum{tokenType=\"unknown\"} 10",
                "librechat_transaction_cost_total_usd 10",
            ]
        );
    }

    /// Rows D51, D56 and D57, finding F5.
    #[test]
    fn d57_a_row_says_whose_cost_it_is_and_an_ephemeral_agent_is_none() {
        let conversation = |id: &'static str, agent: &'static str, endpoint: &'static str| {
            Record::Conversation(Conversation {
                id: Some(id.into()),
                agent: Some(agent.into()),
                endpoint: Some(endpoint.into()),
                ..Conversation::default()
            })
        };
        let others = [
            conversation("moved", "agent_B", "agents"),
            conversation("old", "agent_A", "agents"),
            conversation("plain", "openAI__gpt-4o___GPT", "OpenRouter"),
        ];
        let row = |conversation: &'static str, agent: Option<&'static str>, usd: f64| {
            Record::Transaction(Transaction {
                conversation: Some(conversation.into()),
                agent: agent.map(Into::into),
                model: Some("m".into()),
                token_type: Some("prompt".into()),
                raw_amount: Some(-usd.abs() * 10.0),
                token_value: Some(-usd * CREDITS_PER_USD),
                ..Transaction::default()
            })
        };
        let records = [
            row("moved", Some("agent_A"), 3.0),
            row("moved", Some("agent_B"), 1.0),
            row("gone", Some("agent_A"), 7.0),
            row("old", None, 0.5),
            row("old", Some("openAI__gpt-4o___GPT"), 0.25),
            row("plain", None, 2.0),
            // A price below 0: the user was given something for tokens that were spent all the same.
            row("plain", None, -382.0),
        ];
        let lines = lines_with::<Cost>(&Options::default(), &records, &others, 0);
        let is_shown = |line: &&String| line.contains("by_agent") || line.contains("by_endpoint");
        let shown: Vec<_> = lines.iter().filter(is_shown).cloned().collect();
        assert_eq!(
            shown,
            [
                r#"librechat_cost_usd_by_endpoint{endpoint="OpenRouter"} 2"#,
                r#"librechat_cost_usd_by_endpoint{endpoint="agents"} 4.75"#,
                r#"librechat_cost_usd_by_endpoint{endpoint="unknown"} 7"#,
                r#"librechat_tokens_by_endpoint{endpoint="OpenRouter"} 3840"#,
                r#"librechat_tokens_by_endpoint{endpoint="agents"} 47.5"#,
                r#"librechat_tokens_by_endpoint{endpoint="unknown"} 70"#,
                r#"librechat_transaction_cost_by_agent{agent="agent_A"} 10.5"#,
                r#"librechat_transaction_cost_by_agent{agent="agent_B"} 1"#,
            ]
        );
        assert!(lines.contains(&"librechat_transaction_cost_total_usd 13.75".to_owned()), "{lines:?}");
    }
}
