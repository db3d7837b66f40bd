//! The recent past, a few bytes a message: what figures of a time window are made from, exactly, as of any instant.
//!
//! Invariants: texts are kept once each and rows hold their numbers; rows from before the horizon are not kept, and the
//! horizon is never later than 30 days before the instant of an export. Bounded by what happens in 30 days. Of what is
//! older, [`older`] keeps daily sums as far back as calendar months are shown.

pub mod older;

use self::older::{Author, Older};
use super::calendar::Calendar;
use super::fold::cost::priced_model;
use super::numbered::{ByNumber, Number, Numbered, Renumbered};
use super::record::id::{Id, Key};
use super::record::{Message, Moment, Rating, Record, Transaction, is_agent};
use super::rows::Rows;
use super::usage::{PackedTokens, Usage, whole};

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

impl Turn {
    /// Whose message it is; nobody's when a fork, a duplicate or an import has copied it.
    pub fn author(&self) -> Option<Author> {
        let author = if self.is_question { Author::User(self.user) } else { Author::Model(self.model) };
        (!self.is_copy).then_some(author)
    }
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

/// A transaction that has a cost or has spent tokens.
#[derive(Clone, Copy, Debug)]
pub struct Spending {
    pub at: Moment,
    pub by: Payer,
    pub usd: f64,
    tokens: PackedTokens,
}

impl Spending {
    pub fn usage(&self) -> Usage {
        Usage { usd: self.usd, tokens: self.tokens.into() }
    }
}

/// Whom a transaction is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Payer {
    pub user: Option<Number>,
    pub model: Option<Number>,
    /// The agent that the row names.
    pub agent: Option<Number>,
    /// Where the row names none: its conversation, which may be with one.
    pub conversation: Option<Number>,
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
    conversations: Numbered<Key>,
    older: Older,
    turns: Rows<Turn>,
    refusals: Rows<Refusal>,
    calls: Rows<Call>,
    spendings: Rows<Spending>,
    prompts: Rows<Prompt>,
    /// When conversations began.
    begun: Rows<Moment>,
}

impl Recent {
    /// Keeps what is not before `horizon`, 30 days before an export; of before that daily sums, of two months of the
    /// calendar.
    pub fn since(horizon: Moment, calendar: &Calendar) -> Self {
        Self {
            horizon,
            users: Numbered::default(),
            names: Numbered::default(),
            conversations: Numbered::default(),
            older: Older::before(horizon, calendar.clone()),
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
                if let Some(at) = message.created.filter(|at| self.keeps(*at)) {
                    self.message(message, at);
                }
            }
            Record::Transaction(row) => {
                if let Some(at) = row.created.filter(|at| self.keeps(*at)) {
                    self.spending(row, at);
                }
                if let Some(at) = row.created.filter(|at| *at >= self.horizon) {
                    self.prompt(row, at);
                }
            }
            Record::Conversation(conversation) => {
                self.begun.extend(conversation.created.filter(|at| *at >= self.horizon));
            }
            _ => {}
        }
    }

    /// Whether what happened at a time is kept, singly or in a daily sum.
    fn keeps(&self, at: Moment) -> bool {
        at >= self.horizon || self.older.contains(at)
    }

    fn spending(&mut self, row: &Transaction<'_>, at: Moment) {
        let usage = Usage::of(row);
        if usage.is_none() {
            return;
        }
        let by = Payer {
            user: row.user.as_ref().and_then(|user| self.users.number(user)),
            model: priced_model(row).and_then(|model| self.names.number(model)),
            agent: row.agent.as_deref().filter(|id| is_agent(id)).and_then(|id| self.names.number(id)),
            conversation: match &row.agent {
                None => row.conversation.and_then(|id| self.conversations.number(&id)),
                Some(_) => None,
            },
        };
        let spending = Spending { at, by, usd: usage.usd, tokens: usage.tokens.into() };
        if at >= self.horizon {
            self.spendings.push(spending);
        } else {
            self.older.spend(&spending);
        }
    }

    fn message(&mut self, message: &Message<'_>, at: Moment) {
        let user = message.user.as_ref().and_then(|user| self.users.number(user));
        let model = message.model.as_deref().filter(|model| !model.is_empty());
        let model = model.and_then(|model| self.names.number(model));
        let is_question = message.is_from_user == Some(true);
        let turn = Turn {
            at,
            user,
            model,
            rating: message.feedback.as_ref().map(|feedback| feedback.rating),
            is_error: message.error,
            has_failed: message.has_failed(),
            is_copy: message.is_copy,
            is_question,
            is_answer: message.is_from_user == Some(false),
        };
        if at < self.horizon {
            return self.older.say(&turn);
        }
        self.turns.push(turn);
        // A fork calls no tool again.
        let calls = if message.is_copy { &[] } else { &*message.invocations };
        for invocation in calls {
            if let Some(tool) = self.names.number(&*invocation.tool) {
                self.calls.push(Call { at, user, tool });
            }
        }
        if let (None, Some(conversation)) = (model, message.conversation)
            && message.has_failed()
            && !is_question
            && !message.is_copy
        {
            self.refusals.push(Refusal { at, conversation });
        }
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
        let numbers = Numbers {
            users: self.users.take_in(&other.users),
            names: self.names.take_in(&other.names),
            conversations: self.conversations.take_in(&other.conversations),
        };
        let horizon = self.horizon;
        for turn in other.turns.iter().map(|turn| numbers.turn(*turn)) {
            if turn.at >= horizon {
                self.turns.push(turn);
            } else {
                self.older.say(&turn);
            }
        }
        for spending in other.spendings.iter() {
            let spending = Spending { by: numbers.payer(spending.by), ..*spending };
            if spending.at >= horizon {
                self.spendings.push(spending);
            } else {
                self.older.spend(&spending);
            }
        }
        self.older.merge(&other.older, &numbers);
        self.refusals.extend(other.refusals.iter().copied().filter(|refusal| refusal.at >= horizon));
        let calls = other.calls.iter().filter(|call| call.at >= horizon).filter_map(|call| {
            Some(Call { at: call.at, user: numbers.user(call.user), tool: numbers.names.number(call.tool)? })
        });
        self.calls.extend(calls);
        let prompts = other.prompts.iter().filter(|prompt| prompt.at >= horizon);
        self.prompts.extend(
            prompts
                .filter_map(|prompt| Some(Prompt { model: numbers.names.number(prompt.model)?, ..*prompt })),
        );
        self.begun.extend(other.begun.iter().copied().filter(|at| *at >= horizon));
    }

    /// Keeps only what is not before `horizon`, and daily sums of before.
    pub fn forget(&mut self, horizon: Moment) {
        self.horizon = self.horizon.max(horizon);
        self.older.forget(horizon);
        for turn in self.turns.iter().filter(|turn| turn.at < horizon) {
            self.older.say(turn);
        }
        for spending in self.spendings.iter().filter(|spending| spending.at < horizon) {
            self.older.spend(spending);
        }
        self.turns.retain(|turn| turn.at >= horizon);
        self.refusals.retain(|refusal| refusal.at >= horizon);
        self.calls.retain(|call| call.at >= horizon);
        self.spendings.retain(|spending| spending.at >= horizon);
        self.prompts.retain(|prompt| prompt.at >= horizon);
        self.begun.retain(|at| *at >= horizon);
        // Names and users of what is gone need not keep their room: most of history is.
        let is_numbered = self.turns.is_empty() && self.calls.is_empty() && self.prompts.is_empty();
        if is_numbered && self.spendings.is_empty() && self.older.is_empty() {
            self.users = Numbered::default();
            self.names = Numbered::default();
            self.conversations = Numbered::default();
        }
    }

    /// Gives back room that nothing needs.
    pub fn compact(&mut self) {
        self.users.compact();
        self.names.compact();
        self.conversations.compact();
        self.older.compact();
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

    /// Daily sums of before the horizon.
    pub const fn older(&self) -> &Older {
        &self.older
    }

    pub fn conversation(&self, number: Number) -> Option<Key> {
        self.conversations.value(number).copied()
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

/// The numbers that another's users, names and conversations have here.
#[derive(Debug)]
pub struct Numbers {
    users: Renumbered,
    names: Renumbered,
    conversations: Renumbered,
}

impl Numbers {
    fn user(&self, theirs: Option<Number>) -> Option<Number> {
        self.users.number(theirs?)
    }

    fn name(&self, theirs: Option<Number>) -> Option<Number> {
        self.names.number(theirs?)
    }

    fn turn(&self, theirs: Turn) -> Turn {
        Turn { user: self.user(theirs.user), model: self.name(theirs.model), ..theirs }
    }

    fn author(&self, theirs: Author) -> Author {
        match theirs {
            Author::User(user) => Author::User(self.user(user)),
            Author::Model(model) => Author::Model(self.name(model)),
        }
    }

    fn payer(&self, theirs: Payer) -> Payer {
        Payer {
            user: self.user(theirs.user),
            model: self.name(theirs.model),
            agent: self.name(theirs.agent),
            conversation: theirs.conversation.and_then(|theirs| self.conversations.number(theirs)),
        }
    }
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
        let utc = Calendar::default();
        let (mut left, mut right) = (Recent::since(Moment(5), &utc), Recent::since(Moment(2), &utc));
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
