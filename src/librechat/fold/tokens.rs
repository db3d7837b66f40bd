//! Tokens of the usage ledger, over all time.

use std::collections::BTreeMap;

use super::{Fold, Mean, count};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::fold::cost::priced_model;
use crate::librechat::numbered::{Number, Numbered};
use crate::librechat::record::Record;
use crate::librechat::record::id::{Id, Key};
use crate::librechat::scope::{Names, UNKNOWN};
use crate::librechat::table::Table;

static SUM: Family<0> =
    Family::gauge("librechat_transaction_token_sum", [], "Sum of the absolute rawAmount of all transactions");
static AVG: Family<0> =
    Family::gauge("librechat_transaction_token_avg", [], "Mean absolute rawAmount of transactions");
static BY_MODEL_AND_DOMAIN: Family<3> = Family::gauge(
    "librechat_transaction_token_sum_by_model_email_domain",
    ["model", "tokenType", "email_domain"],
    "Sum of the absolute rawAmount by model, token type and the user's email domain",
);
static PER_MESSAGE: Family<1> = Family::gauge(
    "librechat_transaction_token_avg_per_message_by_model",
    ["model"],
    "Tokens of a model by the larger of its numbers of conversations of a token type",
);
static RATIO: Family<1> = Family::gauge(
    "librechat_transaction_prompt_completion_ratio_by_model",
    ["model"],
    "Completion tokens of a model by its prompt tokens",
);
static BY_MODEL_AND_USER: Family<3> = Family::gauge(
    "librechat_transaction_token_sum_by_model_user",
    ["model", "tokenType", "id"],
    "Sum of the absolute rawAmount by model, token type and user",
);

#[derive(Clone, Debug, Default)]
pub struct Tokens {
    all: Mean,
    /// Models and token types.
    names: Numbered<Box<str>>,
    users: Numbered<Id>,
    by_user: Table<(Kind, Option<Number>), f64>,
    /// What was spent in which conversation.
    conversations: Table<(Kind, Key), ()>,
}

/// A model and a token type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    model: Number,
    token_type: Number,
}

impl Fold for Tokens {
    const FAMILIES: &'static [Description] = &[
        SUM.describe(),
        AVG.describe(),
        BY_MODEL_AND_DOMAIN.describe(),
        PER_MESSAGE.describe(),
        RATIO.describe(),
        BY_MODEL_AND_USER.describe(),
    ];

    fn absorb(&mut self, record: &Record<'_>) {
        let Record::Transaction(row) = record else { return };
        let Some(amount) = row.raw_amount.map(f64::abs) else { return };
        self.all.add(amount);
        let Some(model) = priced_model(row) else { return };
        let token_type = row.token_type.as_deref().unwrap_or(UNKNOWN);
        let (Some(model), Some(token_type)) = (self.names.number(model), self.names.number(token_type))
        else {
            return;
        };
        let kind = Kind { model, token_type };
        let user = row.user.as_ref().and_then(|user| self.users.number(user));
        self.by_user.add((kind, user), amount);
        if let Some(conversation) = row.conversation {
            self.conversations.add((kind, conversation), ());
        }
    }

    fn merge(&mut self, other: &Self) {
        self.all.merge(other.all);
        let (names, users) = (self.names.take_in(&other.names), self.users.take_in(&other.users));
        let renumber = |kind: &Kind| {
            let (model, token_type) = (names.number(kind.model)?, names.number(kind.token_type)?);
            Some(Kind { model, token_type })
        };
        for ((kind, user), tokens) in other.by_user.iter() {
            if let Some(kind) = renumber(kind) {
                self.by_user.add((kind, user.and_then(|user| users.number(user))), tokens);
            }
        }
        for ((kind, conversation), ()) in other.conversations.iter() {
            if let Some(kind) = renumber(kind) {
                self.conversations.add((kind, *conversation), ());
            }
        }
    }

    fn export_totals(&self, names: &Names<'_>, samples: &mut Samples) {
        samples.push(&SUM, [], self.all.sum);
        samples.push_mean(&AVG, [], self.all.sum, self.all.count);
        let name = |number| self.names.value(number).map_or("", |name| &**name);
        let mut models: BTreeMap<&str, BTreeMap<&str, Spent<'_>>> = BTreeMap::new();
        for (Kind { model, token_type }, spent) in self.spent(names, samples) {
            for (domain, tokens) in &spent.by_domain {
                samples.push(&BY_MODEL_AND_DOMAIN, [name(model), name(token_type), domain], *tokens);
            }
            models.entry(name(model)).or_default().insert(name(token_type), spent);
        }
        for (model, types) in models {
            let tokens: f64 = types.values().map(Spent::tokens).sum();
            let conversations = types.values().map(|spent| spent.conversations).max().unwrap_or_default();
            samples.push_mean(&PER_MESSAGE, [model], tokens, count(conversations));
            let of = |token_type| types.get(token_type).map_or(0.0, Spent::tokens);
            samples.push_mean(&RATIO, [model], of("completion"), of("prompt"));
        }
    }
}

/// What was spent of one model and token type.
#[derive(Debug, Default)]
struct Spent<'a> {
    by_domain: BTreeMap<&'a str, f64>,
    conversations: usize,
}

impl Spent<'_> {
    fn tokens(&self) -> f64 {
        self.by_domain.values().sum()
    }
}

impl Tokens {
    /// What was spent of each kind; adds the samples by user.
    fn spent<'a>(&self, names: &Names<'a>, samples: &mut Samples) -> BTreeMap<Kind, Spent<'a>> {
        // There are far more rows than users, and than users' domains.
        let domains: Vec<_> = self.users.values().map(|user| names.domain(Some(user))).collect();
        let mut by_kind: BTreeMap<Kind, Spent<'_>> = BTreeMap::new();
        for ((kind, number), tokens) in self.by_user.iter() {
            let domain = number.and_then(|user| domains.get(user.index())).copied().unwrap_or(UNKNOWN);
            *by_kind.entry(*kind).or_default().by_domain.entry(domain).or_default() += tokens;
            let user = number.and_then(|user| self.users.value(user));
            if let Some(user) = names.user_label(user) {
                let [model, token_type] =
                    [kind.model, kind.token_type].map(|name| self.names.value(name).map_or("", |name| name));
                samples.push(&BY_MODEL_AND_USER, [model, token_type, &user], tokens);
            }
        }
        for ((kind, _), ()) in self.conversations.iter() {
            by_kind.entry(*kind).or_default().conversations += 1;
        }
        by_kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;
    use crate::librechat::record::Transaction;

    #[test]
    fn all_rows_count_in_the_sum_and_only_rows_of_a_model_by_model() {
        let row =
            |model: Option<&'static str>, kind: &'static str, amount: f64, conversation: &'static str| {
                Record::Transaction(Transaction {
                    model: model.map(Into::into),
                    token_type: Some(kind.into()),
                    raw_amount: Some(amount),
                    conversation: Some(conversation.into()),
                    ..Transaction::default()
                })
            };
        let records = [
            row(Some("m"), "prompt", -100.0, "a"),
            row(Some("m"), "completion", -50.0, "a"),
            row(Some("m"), "completion", -10.0, "b"),
            row(None, "credits", 1000.0, "a"),
            Record::Transaction(Transaction::default()),
        ];
        assert_eq!(
            lines::<Tokens>(&records, &[], 0),
            [
                "librechat_transaction_prompt_completion_ratio_by_model{model=\"m\"} 0.6",
                "librechat_transaction_token_avg 290",
                "librechat_transaction_token_avg_per_message_by_model{model=\"m\"} 80",
                "librechat_transaction_token_sum 1160",
                "librechat_transaction_token_sum_by_model_email_domain{model=\"m\",tokenType=\"completion\",email_domain=\"unknown\"} 60",
                "librechat_transaction_token_sum_by_model_email_domain{model=\"m\",tokenType=\"prompt\",email_domain=\"unknown\"} 100",
            ]
        );
    }
}
