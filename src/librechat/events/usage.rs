//! Tokens spent and their cost, from the usage ledger, whose rows never change.

use super::labelled::Counts;
use super::recall::Recall;
use super::{Sight, UNKNOWN};
use crate::exposition::cap::OTHER;
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::fold::cost::usd;
use crate::librechat::recent::DAY;
use crate::librechat::record::{Moment, Transaction};
use crate::librechat::source::Identity;

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

pub const FAMILIES: &[Description] = &[TOKENS.describe(), COST.describe()];

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
    "admin",
];

#[derive(Debug)]
pub struct Usage {
    known: Recall<()>,
    tokens: Counts<3>,
    cost: Counts<3>,
}

impl Usage {
    pub fn new(max: usize) -> Self {
        Self {
            known: Recall::new(Some(DAY)),
            tokens: Counts::new(&TOKENS, max),
            cost: Counts::new(&COST, max),
        }
    }

    pub fn see(&mut self, identity: Identity, row: &Transaction<'_>, sight: Sight) {
        if !self.known.recall(identity, sight).is_some_and(|(_, is_new)| is_new) {
            return;
        }
        let model = row.model.as_deref().unwrap_or(UNKNOWN);
        let context = match row.context.as_deref() {
            None => UNKNOWN,
            Some(context) => CONTEXTS.iter().find(|known| **known == context).unwrap_or(&OTHER),
        };
        let mut add = |token_type: &str, tokens: Option<f64>| {
            self.tokens.add([model, token_type, context], tokens.unwrap_or_default().abs() * sight.weight());
        };
        let token_type = match row.token_type.as_deref() {
            Some("completion") => {
                add("output", row.raw_amount);
                "output"
            }
            Some("prompt") => {
                match (row.input_tokens, row.write_tokens, row.read_tokens) {
                    (None, None, None) => add("input", row.raw_amount),
                    (input, write, read) => {
                        add("input", input);
                        add("cache_write", write);
                        add("cache_read", read);
                    }
                }
                "input"
            }
            // Credits that somebody was given, and nothing spent.
            _ => return,
        };
        if let Some(usd) = usd(row) {
            self.cost.add([model, token_type, context], usd * sight.weight());
        }
    }

    pub fn forget(&mut self, at: Moment) {
        self.known.forget(at);
    }

    pub fn export(&self, samples: &mut Samples) {
        self.tokens.export(samples);
        self.cost.export(samples);
    }
}
