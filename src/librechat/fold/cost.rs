//! Cost in USD as LibreChat reckons it, over all time.
//!
//! Only transactions of a known model have a cost: |tokenValue| / 10^6, or |rawAmount| × (rate, else 1) / 10^6 where
//! there is no tokenValue or it is 0, as the Node exporter has it.

use std::collections::BTreeMap;

use super::{Fold, Mean};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::id::Id;
use crate::librechat::record::{Record, Transaction};
use crate::librechat::scope::{Scope, UNKNOWN};

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
static BY_AGENT: Family<1> = Family::gauge(
    "librechat_transaction_cost_by_agent",
    ["agent"],
    "Cost in USD of the conversations with an agent",
);
static PER_CONVERSATION: Family<0> =
    Family::gauge("librechat_cost_per_conversation_avg", [], "Cost in USD per conversation");

const CREDITS_PER_USD: f64 = 1e6;

/// The model of a row that has a price.
pub(super) fn priced_model<'a>(row: &'a Transaction<'_>) -> Option<&'a str> {
    row.model.as_deref().filter(|model| !matches!(*model, UNKNOWN | "UNKNOWN"))
}

fn usd(row: &Transaction<'_>) -> Option<f64> {
    let credits = row
        .token_value
        .filter(|value| *value != 0.0)
        .or_else(|| Some(row.raw_amount? * row.rate.unwrap_or(1.0)));
    credits.map(|credits| credits.abs() / CREDITS_PER_USD)
}

#[derive(Debug, Default)]
pub struct Cost {
    by_type: BTreeMap<String, Mean>,
    by_model: BTreeMap<String, f64>,
    by_user: BTreeMap<Option<Id>, f64>,
    by_conversation: BTreeMap<Box<str>, f64>,
    users: f64,
    conversations: f64,
}

impl Fold for Cost {
    const FAMILIES: &'static [Description] = &[
        SUM.describe(),
        AVG.describe(),
        TOTAL.describe(),
        PER_USER.describe(),
        PER_MODEL.describe(),
        BY_DOMAIN.describe(),
        BY_AGENT.describe(),
        PER_CONVERSATION.describe(),
    ];

    fn absorb(&mut self, record: &Record<'_>) {
        match record {
            Record::User(_) => self.users += 1.0,
            Record::Conversation(_) => self.conversations += 1.0,
            Record::Transaction(row) => {
                let (Some(model), Some(usd)) = (priced_model(row), usd(row)) else { return };
                let token_type = row.token_type.as_deref().unwrap_or(UNKNOWN);
                self.by_type.entry(token_type.to_owned()).or_default().add(usd);
                *self.by_model.entry(model.to_owned()).or_default() += usd;
                *self.by_user.entry(row.user.clone()).or_default() += usd;
                if let Some(conversation) = row.conversation.as_deref() {
                    *self.by_conversation.entry(conversation.into()).or_default() += usd;
                }
            }
            _ => {}
        }
    }

    fn merge(&mut self, other: Self) {
        other.by_type.into_iter().for_each(|(key, mean)| self.by_type.entry(key).or_default().merge(mean));
        other.by_model.into_iter().for_each(|(key, usd)| *self.by_model.entry(key).or_default() += usd);
        other.by_user.into_iter().for_each(|(key, usd)| *self.by_user.entry(key).or_default() += usd);
        other
            .by_conversation
            .into_iter()
            .for_each(|(key, usd)| *self.by_conversation.entry(key).or_default() += usd);
        self.users += other.users;
        self.conversations += other.conversations;
    }

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        let total: f64 = self.by_type.values().map(|mean| mean.sum).sum();
        samples.push(&TOTAL, [], total);
        samples.push(&PER_USER, [], if self.users == 0.0 { 0.0 } else { total / self.users });
        let per_conversation = if self.conversations == 0.0 { 0.0 } else { total / self.conversations };
        samples.push(&PER_CONVERSATION, [], per_conversation);
        for (token_type, mean) in &self.by_type {
            samples.push(&SUM, [token_type], mean.sum);
            samples.push(&AVG, [token_type], mean.value());
        }
        self.by_model.iter().for_each(|(model, usd)| samples.push(&PER_MODEL, [model], *usd));
        for (user, usd) in &self.by_user {
            samples.push(&BY_DOMAIN, [scope.domain(user.as_ref())], *usd);
        }
        for (conversation, usd) in &self.by_conversation {
            if let Some(agent) = scope.conversation_agent(conversation) {
                samples.push(&BY_AGENT, [scope.agent(agent)], *usd);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::Conversation;

    #[test]
    fn rows_without_a_model_have_no_cost_and_rows_without_a_value_are_priced_by_rate() {
        let row = |model: Option<&'static str>, value: Option<f64>, rate: Option<f64>| {
            Record::Transaction(Transaction {
                model: model.map(Into::into),
                token_value: value,
                rate,
                raw_amount: Some(-1e6),
                conversation: Some("c".into()),
                ..Transaction::default()
            })
        };
        let conversation =
            Record::Conversation(Conversation { id: Some("c".into()), agent: Some("agent_1".into()) });
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
            lines::<Cost>(&records, &[], 0),
            [
                "librechat_cost_per_conversation_avg 10",
                "librechat_transaction_cost_avg{tokenType=\"unknown\"} 2.5",
                "librechat_transaction_cost_by_agent{agent=\"agent_1\"} 10",
                "librechat_transaction_cost_by_email_domain{email_domain=\"unknown\"} 10",
                "librechat_transaction_cost_per_model{model=\"m\"} 10",
                "librechat_transaction_cost_per_user 0",
                "librechat_transaction_cost_sum{tokenType=\"unknown\"} 10",
                "librechat_transaction_cost_total_usd 10",
            ]
        );
    }
}
