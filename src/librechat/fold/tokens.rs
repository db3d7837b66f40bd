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
use crate::librechat::table::{Combine, Table};

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

static BY_USER: Family<1> = Family::gauge(
    "librechat_transaction_token_sum_by_user",
    ["id"],
    "Sum of the absolute rawAmount by user, of rows of a model",
);

#[derive(Clone, Debug, Default)]
pub struct Tokens {
    all: Mean,
    models: Numbered<Box<str>>,
    types: Numbered<Box<str>>,
    users: Numbered<Id>,
    by_user: Table<(Kind, Option<Number>), f64>,
    /// What was spent of a model in a conversation.
    conversations: Table<(Number, Key), Types>,
}

/// Token types: the bit of a type is the one of its number. LibreChat has three; the last bit is of all beyond 31.
#[derive(Clone, Copy, Debug, Default)]
struct Types(u32);

impl Types {
    fn of(token_type: Number) -> Self {
        Self(1 << token_type.index().min(31))
    }

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl Combine for Types {
    fn combine(&mut self, other: Self) {
        self.0 |= other.0;
    }
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
        BY_USER.describe(),
    ];

    fn absorb(&mut self, record: &Record<'_>) {
        let Record::Transaction(row) = record else { return };
        let Some(amount) = row.raw_amount.map(f64::abs) else { return };
        self.all.add(amount);
        let Some(model) = priced_model(row) else { return };
        let token_type = row.token_type.as_deref().unwrap_or(UNKNOWN);
        let (Some(model), Some(token_type)) = (self.models.number(model), self.types.number(token_type))
        else {
            return;
        };
        let kind = Kind { model, token_type };
        let user = row.user.as_ref().and_then(|user| self.users.number(user));
        self.by_user.add((kind, user), amount);
        if let Some(conversation) = row.conversation {
            self.conversations.add((model, conversation), Types::of(token_type));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.all.merge(other.all);
        let (models, users) = (self.models.take_in(&other.models), self.users.take_in(&other.users));
        let types = self.types.take_in(&other.types);
        let renumber = |kind: &Kind| {
            let (model, token_type) = (models.number(kind.model)?, types.number(kind.token_type)?);
            Some(Kind { model, token_type })
        };
        for ((kind, user), tokens) in other.by_user.iter() {
            if let Some(kind) = renumber(kind) {
                self.by_user.add((kind, user.and_then(|user| users.number(user))), tokens);
            }
        }
        let bits: Vec<_> =
            other.types.numbers().map(|theirs| (Types::of(theirs), types.number(theirs))).collect();
        for ((model, conversation), theirs) in other.conversations.iter() {
            let mut ours = Types::default();
            let numbers = bits.iter().filter(|(bit, _)| theirs.has(*bit)).filter_map(|(_, number)| *number);
            numbers.for_each(|number| ours.combine(Types::of(number)));
            if let Some(model) = models.number(*model) {
                self.conversations.add((model, *conversation), ours);
            }
        }
    }

    fn compact(&mut self) {
        self.models.compact();
        self.types.compact();
        self.users.compact();
        self.by_user.compact();
        self.conversations.compact();
    }

    fn export_totals(&self, names: &Names<'_>, samples: &mut Samples) {
        samples.push(&SUM, [], self.all.sum);
        samples.push_mean(&AVG, [], self.all.sum, self.all.count);
        let mut totals: BTreeMap<Number, BTreeMap<Number, f64>> = BTreeMap::new();
        // There are far more rows than users, and than users' domains.
        let domains: Vec<_> = self.users.values().map(|user| names.domain(Some(user))).collect();
        let mut by_domain: BTreeMap<(Kind, &str), f64> = BTreeMap::new();
        for ((kind, number), tokens) in self.by_user.iter() {
            *totals.entry(kind.model).or_default().entry(kind.token_type).or_default() += tokens;
            let domain = number.and_then(|user| domains.get(user.index())).copied().unwrap_or(UNKNOWN);
            *by_domain.entry((*kind, domain)).or_default() += tokens;
            let user = number.and_then(|user| self.users.value(user));
            if let Some(user) = names.user_label(user) {
                samples.push(&BY_MODEL_AND_USER, [self.model(*kind), self.token_type(*kind), &user], tokens);
                samples.push(&BY_USER, [&user], tokens);
            }
        }
        for ((kind, domain), tokens) in by_domain {
            samples.push(&BY_MODEL_AND_DOMAIN, [self.model(kind), self.token_type(kind), domain], tokens);
        }
        let conversations = self.conversations_by_kind();
        for (model, by_type) in totals {
            let label = self.models.value(model).map_or("", |model| model);
            let tokens: f64 = by_type.values().sum();
            let most =
                by_type.keys().filter_map(|token_type| conversations.get(&(model, Types::of(*token_type).0)));
            samples.push_mean(&PER_MESSAGE, [label], tokens, count(most.max().copied().unwrap_or_default()));
            let of = |name: &str| {
                let of_type =
                    |token_type: &Number| self.types.value(*token_type).is_some_and(|known| **known == *name);
                by_type.iter().find(|(token_type, _)| of_type(token_type)).map_or(0.0, |(_, tokens)| *tokens)
            };
            samples.push_mean(&RATIO, [label], of("completion"), of("prompt"));
        }
    }
}

impl Tokens {
    fn model(&self, kind: Kind) -> &str {
        self.models.value(kind.model).map_or("", |model| model)
    }

    fn token_type(&self, kind: Kind) -> &str {
        self.types.value(kind.token_type).map_or("", |token_type| token_type)
    }

    /// In how many conversations something was spent, by model and the bit of the token type.
    fn conversations_by_kind(&self) -> BTreeMap<(Number, u32), usize> {
        let mut by_kind = BTreeMap::new();
        for ((model, _), types) in self.conversations.iter() {
            let bits = (0..u32::BITS).map(|bit| 1 << bit).filter(|bit| types.0 & bit != 0);
            bits.for_each(|bit| *by_kind.entry((*model, bit)).or_default() += 1);
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
