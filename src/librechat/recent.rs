//! The recent past, a few bytes a message: what figures of a time window are made from, exactly, as of any instant.
//!
//! Invariants: texts are kept once each and rows hold their numbers; rows from before the horizon are not kept, and the
//! horizon is never later than 30 days before the instant of an export. Bounded by what happens in 30 days.

use super::fold::cost::{priced_model, usd};
use super::numbered::{ByNumber, Number, Numbered};
use super::record::id::{Id, Key};
use super::record::{Message, Moment, Rating, Record, Transaction};
use super::rows::Rows;

pub const MINUTE: i64 = 60_000;
pub const DAY: i64 = 24 * 60 * MINUTE;
/// The longest window that a figure has.
pub const LONGEST: i64 = 30 * DAY;

/// A message of the recent past.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    pub at: Moment,
    pub user: Option<Number>,
    /// What the message has as its model, not empty.
    pub model: Option<Number>,
    pub rating: Option<Rating>,
    /// Whether it is marked as an error.
    pub is_error: bool,
    /// Whether it is a failed or refused answer, marked or not.
    pub has_failed: bool,
    pub is_copy: bool,
    /// Said to be the user's.
    pub is_question: bool,
    /// Said to be the assistant's: `isCreatedByUser` is false, not absent.
    pub is_answer: bool,
}

/// A call of a tool in a message.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub at: Moment,
    pub user: Option<Number>,
    pub tool: Number,
}

/// A failed answer without a model, whose conversation has one.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    at: Moment,
    conversation: Key,
}

/// A stretch of time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Moment,
    /// What is dated later has not happened yet: clocks differ.
    pub until: Moment,
}

impl Span {
    pub fn contains(self, at: Moment) -> bool {
        self.from <= at && at <= self.until
    }
}

/// A transaction that has a cost.
#[derive(Clone, Copy, Debug)]
pub struct Spending {
    pub at: Moment,
    pub usd: f64,
}

/// The tokens of a prompt to a known model.
#[derive(Clone, Copy, Debug)]
pub struct Prompt {
    pub at: Moment,
    pub model: Number,
    /// All of them, at most 2^32 - 1.
    pub tokens: u32,
    /// Those read from the provider's cache.
    pub cached: u32,
}

/// Everything that happened since the horizon.
#[derive(Clone, Debug)]
pub struct Recent {
    horizon: Moment,
    users: Numbered<Id>,
    names: Numbered<Box<str>>,
    turns: Rows<Turn>,
    refusals: Rows<Refusal>,
    calls: Rows<Call>,
    spendings: Rows<Spending>,
    prompts: Rows<Prompt>,
    /// When conversations began.
    begun: Rows<Moment>,
}

impl Recent {
    /// Keeps what is not before `horizon`.
    pub fn since(horizon: Moment) -> Self {
        Self {
            horizon,
            users: Numbered::default(),
            names: Numbered::default(),
            turns: Rows::default(),
            refusals: Rows::default(),
            calls: Rows::default(),
            spendings: Rows::default(),
            prompts: Rows::default(),
            begun: Rows::default(),
        }
    }

    pub fn absorb(&mut self, record: &Record<'_>) {
        match record {
            Record::Message(message) => {
                if let Some(at) = message.created.filter(|at| *at >= self.horizon) {
                    self.message(message, at);
                }
            }
            Record::Transaction(row) => {
                if let Some(at) = row.created.filter(|at| *at >= self.horizon) {
                    self.spendings.extend(usd(row).map(|usd| Spending { at, usd }));
                    self.prompt(row, at);
                }
            }
            Record::Conversation(conversation) => {
                self.begun.extend(conversation.created.filter(|at| *at >= self.horizon));
            }
            _ => {}
        }
    }

    fn message(&mut self, message: &Message<'_>, at: Moment) {
        let user = message.user.as_ref().and_then(|user| self.users.number(user));
        let model = message.model.as_deref().filter(|model| !model.is_empty());
        let model = model.and_then(|model| self.names.number(model));
        // A fork calls no tool again.
        let calls = if message.is_copy { &[] } else { &*message.invocations };
        for invocation in calls {
            if let Some(tool) = self.names.number(&*invocation.tool) {
                self.calls.push(Call { at, user, tool });
            }
        }
        let is_question = message.is_from_user == Some(true);
        if let (None, Some(conversation)) = (model, message.conversation)
            && message.has_failed()
            && !is_question
            && !message.is_copy
        {
            self.refusals.push(Refusal { at, conversation });
        }
        self.turns.push(Turn {
            at,
            user,
            model,
            rating: message.feedback.as_ref().map(|feedback| feedback.rating),
            is_error: message.error,
            has_failed: message.has_failed(),
            is_copy: message.is_copy,
            is_question,
            is_answer: message.is_from_user == Some(false),
        });
    }

    /// The three parts of a prompt come to its amount; where they do not, the larger is taken, so that the cached tokens
    /// are never more than all.
    fn prompt(&mut self, row: &Transaction<'_>, at: Moment) {
        let Some(model) = priced_model(row).filter(|_| row.token_type.as_deref() == Some("prompt")) else {
            return;
        };
        let [raw, input, write, read] = [row.raw_amount, row.input_tokens, row.write_tokens, row.read_tokens]
            .map(|tokens| tokens.unwrap_or_default().abs());
        if let Some(model) = self.names.number(model) {
            let tokens = whole(raw.max(input + write + read));
            self.prompts.push(Prompt { at, model, tokens, cached: whole(read) });
        }
    }

    /// Takes in what `other` has, from the later of both horizons on.
    pub fn merge(&mut self, other: &Self) {
        let users = self.users.take_in(&other.users);
        let names = self.names.take_in(&other.names);
        let horizon = self.horizon;
        let turns = other.turns.iter().filter(|turn| turn.at >= horizon);
        self.turns.extend(turns.map(|turn| Turn {
            user: turn.user.and_then(|user| users.number(user)),
            model: turn.model.and_then(|model| names.number(model)),
            ..*turn
        }));
        self.refusals.extend(other.refusals.iter().copied().filter(|refusal| refusal.at >= horizon));
        let calls = other.calls.iter().filter(|call| call.at >= horizon).filter_map(|call| {
            let user = call.user.and_then(|user| users.number(user));
            Some(Call { at: call.at, user, tool: names.number(call.tool)? })
        });
        self.calls.extend(calls);
        self.spendings.extend(other.spendings.iter().copied().filter(|spending| spending.at >= horizon));
        let prompts = other.prompts.iter().filter(|prompt| prompt.at >= horizon);
        self.prompts.extend(
            prompts.filter_map(|prompt| Some(Prompt { model: names.number(prompt.model)?, ..*prompt })),
        );
        self.begun.extend(other.begun.iter().copied().filter(|at| *at >= horizon));
    }

    /// Keeps only what is not before `horizon`.
    pub fn forget(&mut self, horizon: Moment) {
        self.horizon = self.horizon.max(horizon);
        self.turns.retain(|turn| turn.at >= horizon);
        self.refusals.retain(|refusal| refusal.at >= horizon);
        self.calls.retain(|call| call.at >= horizon);
        self.spendings.retain(|spending| spending.at >= horizon);
        self.prompts.retain(|prompt| prompt.at >= horizon);
        self.begun.retain(|at| *at >= horizon);
        // Names and users of what is gone need not keep their room: most of history is.
        if self.turns.is_empty() && self.calls.is_empty() && self.prompts.is_empty() {
            let (spendings, begun) = (std::mem::take(&mut self.spendings), std::mem::take(&mut self.begun));
            *self = Self { spendings, begun, ..Self::since(self.horizon) };
        }
    }

    /// Gives back room that nothing needs.
    pub fn compact(&mut self) {
        self.users.compact();
        self.names.compact();
        self.turns.compact();
        self.refusals.compact();
        self.calls.compact();
        self.spendings.compact();
        self.prompts.compact();
        self.begun.compact();
    }

    /// Messages in a span.
    pub fn turns(&self, span: Span) -> impl Iterator<Item = &Turn> {
        self.turns.iter().filter(move |turn| span.contains(turn.at))
    }

    /// The conversations of failed answers without a model, in a span.
    pub fn refusals(&self, span: Span) -> impl Iterator<Item = Key> {
        self.refusals
            .iter()
            .filter(move |refusal| span.contains(refusal.at))
            .map(|refusal| refusal.conversation)
    }

    /// Calls of tools in a span.
    pub fn calls(&self, span: Span) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(move |call| span.contains(call.at))
    }

    /// What was spent in a span.
    pub fn spendings(&self, span: Span) -> impl Iterator<Item = &Spending> {
        self.spendings.iter().filter(move |spending| span.contains(spending.at))
    }

    /// Prompts in a span.
    pub fn prompts(&self, span: Span) -> impl Iterator<Item = &Prompt> {
        self.prompts.iter().filter(move |prompt| span.contains(prompt.at))
    }

    /// Conversations that began in a span.
    pub fn begun(&self, span: Span) -> impl Iterator<Item = Moment> {
        self.begun.iter().copied().filter(move |at| span.contains(*at))
    }

    pub fn user(&self, number: Option<Number>) -> Option<&Id> {
        self.users.value(number?)
    }

    pub fn name(&self, number: Number) -> &str {
        self.names.value(number).map_or("", |name| name)
    }

    /// All users, in the order of their numbers.
    pub fn users(&self) -> impl Iterator<Item = &Id> {
        self.users.values()
    }

    /// Something of each model, agent and tool.
    pub fn of_names<'a, V>(&'a self, of: impl Fn(&'a str) -> V) -> ByNumber<V> {
        self.names.values().map(|name| of(name)).collect()
    }
}

/// Without its fraction, and as large as there is room for.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float is bounded")]
const fn whole(tokens: f64) -> u32 {
    tokens as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::record::Invocation;

    const ALL: Span = Span { from: Moment(0), until: Moment(i64::MAX) };

    #[test]
    fn keeps_what_is_not_before_the_horizon_also_when_merging() {
        let message = |at: i64, model: &'static str| {
            let invocations = vec![Invocation { tool: "tool".into(), ..Invocation::default() }];
            Record::Message(Message {
                created: Some(Moment(at)),
                model: Some(model.into()),
                invocations,
                ..Message::default()
            })
        };
        let (mut left, mut right) = (Recent::since(Moment(5)), Recent::since(Moment(2)));
        [message(4, "a"), message(5, "b"), message(9, "c")].iter().for_each(|record| left.absorb(record));
        [message(3, "d"), message(6, "c")].iter().for_each(|record| right.absorb(record));
        left.merge(&right);
        let names: Vec<_> =
            left.turns(ALL).filter_map(|turn| Some(left.name(turn.model?).to_owned())).collect();
        assert_eq!(names, ["b", "c", "c"]);
        assert_eq!(
            left.calls(Span { from: Moment(6), ..ALL }).map(|call| left.name(call.tool)).collect::<Vec<_>>(),
            ["tool"; 2]
        );
    }
}
