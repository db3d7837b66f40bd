//! Tokens of the usage ledger, over all time.

use std::collections::{BTreeMap, HashSet};

use super::{Fold, Mean, count};
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::fold::cost::priced_model;
use crate::librechat::record::Record;
use crate::librechat::record::id::{Id, Key};
use crate::librechat::scope::{Scope, UNKNOWN};

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
    models: BTreeMap<String, BTreeMap<String, Spent>>,
}

/// What was spent of one model and token type.
#[derive(Clone, Debug, Default)]
struct Spent {
    tokens: f64,
    by_user: BTreeMap<Option<Id>, f64>,
    conversations: HashSet<Key>,
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
        let spent =
            self.models.entry(model.to_owned()).or_default().entry(token_type.to_owned()).or_default();
        spent.tokens += amount;
        *spent.by_user.entry(row.user.clone()).or_default() += amount;
        spent.conversations.extend(row.conversation);
    }

    fn merge(&mut self, other: &Self) {
        self.all.merge(other.all);
        for (model, types) in &other.models {
            let known = self.models.entry(model.clone()).or_default();
            for (token_type, spent) in types {
                let known = known.entry(token_type.clone()).or_default();
                known.tokens += spent.tokens;
                for (user, tokens) in &spent.by_user {
                    *known.by_user.entry(user.clone()).or_default() += tokens;
                }
                known.conversations.extend(&spent.conversations);
            }
        }
    }

    fn export(&self, scope: &Scope<'_>, samples: &mut Samples) {
        samples.push(&SUM, [], self.all.sum);
        samples.push_mean(&AVG, [], self.all.sum, self.all.count);
        for (model, types) in &self.models {
            for (token_type, spent) in types {
                for (user, tokens) in &spent.by_user {
                    let labels = [model.as_str(), token_type, scope.domain(user.as_ref())];
                    samples.push(&BY_MODEL_AND_DOMAIN, labels, *tokens);
                    if let Some(user) = scope.user_label(user.as_ref()) {
                        samples.push(&BY_MODEL_AND_USER, [model, token_type, &user], *tokens);
                    }
                }
            }
            let tokens: f64 = types.values().map(|spent| spent.tokens).sum();
            let conversations =
                types.values().map(|spent| spent.conversations.len()).max().unwrap_or_default();
            samples.push_mean(&PER_MESSAGE, [model], tokens, count(conversations));
            let of = |token_type| types.get(token_type).map_or(0.0, |spent| spent.tokens);
            samples.push_mean(&RATIO, [model], of("completion"), of("prompt"));
        }
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
