//! Tokens spent and their cost, from the usage ledger, whose rows never change.

use std::collections::HashMap;

use super::labelled::Counts;
use super::recall::Recall;
use super::{Sight, UNKNOWN};
use crate::exposition::cap::OTHER;
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::fold::cost::{granted_usd, usd};
use crate::librechat::recent::DAY;
use crate::librechat::record::id::Key;
use crate::librechat::record::{Moment, Transaction};
use crate::librechat::source::Identity;
use crate::librechat::usage::{TokenType, tokens_of};

static TOKENS: Family<3> = Family::counter(
    "librechat_tokens_total",
    ["model", "token_type", "context"],
    "Tokens spent since the exporter started; those of a prompt by whether they were cached",
);
static COST: Family<3> = Family::counter(
    "librechat_cost_usd_total",
    ["model", "token_type", "context"],
    "Cost in USD since the exporter started; all of a prompt's is input, since its parts have no price of their own",
);

static GRANTED: Family<1> = Family::counter(
    "librechat_credits_granted_usd_total",
    ["context"],
    "Credits given to users since the exporter started in USD, of which 1 is 1,000,000 credits, by what they were given for",
);
static API_REQUESTS: Family<1> = Family::counter(
    "librechat_agent_api_requests_total",
    ["model"],
    "Answers of the agents' API since the exporter started, which saves no messages, by what the usage ledger has of them",
);
static API_COST: Family<1> = Family::counter(
    "librechat_agent_api_cost_usd_total",
    ["model"],
    "Cost in USD since the exporter started of answers of the agents' API",
);

pub const FAMILIES: &[Description] =
    &[TOKENS.describe(), COST.describe(), GRANTED.describe(), API_REQUESTS.describe(), API_COST.describe()];

/// What LibreChat says that tokens were spent for. It is an open set: the rest is `other`.
const CONTEXTS: &[&str] = &[
    "message",
    "title",
    "incomplete",
    "summarization",
    "summary",
    "subagent",
    "sequential",
    "memory",
    "autoRefill",
    "balanceReset",
    "admin",
];

#[derive(Debug)]
pub struct Usage {
    known: Recall<()>,
    tokens: Counts<3>,
    cost: Counts<3>,
    granted: Counts<1>,
    /// Answers of the agents' API, each of which has several rows, and when they were first seen.
    api_answers: HashMap<Key, Moment>,
    api_requests: Counts<1>,
    api_cost: Counts<1>,
}

impl Usage {
    pub fn new(max: usize) -> Self {
        let mut granted = Counts::new(&GRANTED, max);
        ["autoRefill", "admin"].into_iter().for_each(|context| granted.add([context], 0.0));
        Self {
            known: Recall::new(Some(DAY)),
            tokens: Counts::new(&TOKENS, max),
            cost: Counts::new(&COST, max),
            granted,
            api_answers: HashMap::new(),
            api_requests: Counts::new(&API_REQUESTS, max),
            api_cost: Counts::new(&API_COST, max),
        }
    }

    /// Makes the series of a model begin at 0.
    pub fn begin(&mut self, model: &str) {
        for token_type in ["input", "output"] {
            self.tokens.add([model, token_type, "message"], 0.0);
            self.cost.add([model, token_type, "message"], 0.0);
        }
        self.api_requests.add([model], 0.0);
        self.api_cost.add([model], 0.0);
    }

    /// A row, with the label of its model.
    pub fn see(&mut self, identity: Identity, row: &Transaction<'_>, model: &str, sight: Sight) {
        if !self.known.recall(identity, sight).is_some_and(|(_, is_new)| is_new) {
            return;
        }
        let context = match row.context.as_deref() {
            None => UNKNOWN,
            Some(context) => CONTEXTS.iter().find(|known| **known == context).unwrap_or(&OTHER),
        };
        if let Some(usd) = granted_usd(row) {
            // At a price below 0 it was spent all the same.
            self.granted.add([context], usd * sight.weight());
        }
        for (token_type, tokens) in tokens_of(row) {
            self.tokens.add([model, token_type.label(), context], tokens * sight.weight());
        }
        let token_type = match row.token_type.as_deref() {
            Some("completion") => TokenType::Output,
            Some("prompt") => TokenType::Input,
            // Credits that somebody was given, and nothing spent.
            _ => return,
        };
        let usd = usd(row);
        if let Some(usd) = usd {
            self.cost.add([model, token_type.label(), context], usd * sight.weight());
        }
        if row.is_of_api {
            self.see_api(row, model, usd.unwrap_or_default(), sight);
        }
    }

    fn see_api(&mut self, row: &Transaction<'_>, model: &str, usd: f64, sight: Sight) {
        if let Some(answer) = row.message
            && self.api_answers.insert(answer, sight.at).is_none()
        {
            self.api_requests.add([model], sight.weight());
        }
        self.api_cost.add([model], usd * sight.weight());
    }

    pub fn forget(&mut self, at: Moment) {
        self.known.forget(at);
        self.api_answers.retain(|_, seen| *seen >= at.before(DAY));
    }

    pub fn export(&self, samples: &mut Samples) {
        self.tokens.export(samples);
        self.cost.export(samples);
        self.granted.export(samples);
        self.api_requests.export(samples);
        self.api_cost.export(samples);
    }
}
