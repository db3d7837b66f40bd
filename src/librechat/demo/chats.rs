//! What is said in the demo: questions, answers with their tools and errors, ratings that come late, and what it all
//! costs.

use std::collections::VecDeque;

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::cast::{
    AGENTS, ASSISTANTS, BAD_TAGS, CACHE_READ, CACHE_WRITE, CHORES, ERRORS, GOOD_TAGS, MODELS, Model, TOOLS,
};
use super::people::{People, user_id};
use super::shelf::Shelf;
use super::world::{Dice, Pace, SECOND};
use crate::librechat::record::id::Key;
use crate::librechat::record::{
    Conversation, Feedback, Invocation, Message, Moment, Outcome, Rating, Record, Transaction,
};

/// The largest number of messages kept.
pub const MAX_MESSAGES: usize = 100_000;
const MAX_CONVERSATIONS: usize = 20_000;
/// Conversations that go on, and messages that may still change.
const RECENT: usize = 200;
/// What is granted at once: half a USD.
const GRANT: f64 = 5e5;
/// How long an answer stays unfinished.
const UNFINISHED: i64 = 8 * SECOND;

#[derive(Debug)]
pub struct Chats {
    pub conversations: Shelf<Record<'static>>,
    pub messages: Shelf<Message<'static>>,
    pub transactions: Shelf<Transaction<'static>>,
    recent: VecDeque<Chat>,
    /// How many conversations, and how many messages, there have been.
    made: (u64, u64),
}

/// A conversation of one user, with one model, by itself or as an agent.
#[derive(Clone, Copy, Debug)]
struct Chat {
    user: u32,
    id: Key,
    model: &'static Model,
    /// The id of the agent or the assistant.
    by: Option<&'static str>,
    turns: u32,
    last: Option<Key>,
}

impl Chat {
    fn endpoint(&self) -> &'static str {
        match self.by {
            Some(id) if id.starts_with("asst_") => "assistants",
            Some(_) => "agents",
            None => self.model.endpoint,
        }
    }
}

/// What a turn has to bring, besides what the dice say.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    failure: bool,
    broken_tool: bool,
    /// Nobody is charged for it.
    is_free: bool,
}

/// The tokens of a turn.
#[derive(Clone, Copy, Debug)]
struct Spent {
    prompt: u32,
    completion: u32,
}

impl Default for Chats {
    fn default() -> Self {
        Self {
            conversations: Shelf::new(MAX_CONVERSATIONS),
            messages: Shelf::new(MAX_MESSAGES),
            transactions: Shelf::new(MAX_MESSAGES),
            recent: VecDeque::new(),
            made: (0, 0),
        }
    }
}

impl Chats {
    pub fn live(&mut self, now: Moment, people: &mut People, pace: &Pace, dice: &mut Dice) {
        let wanted = Wanted {
            failure: pace.failures.is_now(now, dice),
            broken_tool: pace.broken_tools.is_now(now, dice),
            is_free: pace.unbilled.is_now(now, dice),
        };
        if pace.turns.is_now(now, dice) || wanted.failure || wanted.broken_tool || wanted.is_free {
            self.turn(now, people, wanted, dice);
        }
        if pace.forks.is_now(now, dice) {
            self.fork(now);
        }
        if pace.grants.is_now(now, dice) {
            self.grant(now, people, dice);
        }
        if pace.api_answers.is_now(now, dice) {
            self.answer_by_api(now, people, dice);
        }
        if pace.ratings.is_now(now, dice) {
            self.rate(now, dice);
        }
        self.finish(now);
    }

    /// An answer comes, and with it its question, which was asked as long ago as the answer took.
    fn turn(&mut self, now: Moment, people: &mut People, wanted: Wanted, dice: &mut Dice) {
        let user = people.anybody(dice);
        let Some(mut chat) = self.chat(user, now, dice) else { return };
        let error = if people.can_pay(user) {
            ERRORS.choose(dice).copied().filter(|_| dice.random_bool(0.03) || wanted.failure)
        } else {
            Some(Some("token_balance"))
        };
        let spent = Spent {
            prompt: dice.random_range(200..2_000) + 700 * chat.turns.min(20),
            completion: dice.random_range(20..1_200),
        };
        let invocations = if error.is_none() { invocations(wanted.broken_tool, dice) } else { Vec::new() };
        let unfinished = error.is_none() && dice.random_bool(0.02);
        let base = Message {
            conversation: Some(chat.id),
            user: Some(user_id(user)),
            endpoint: Some(chat.endpoint().into()),
            ..Message::default()
        };
        let took = took(&chat, spent, &invocations, error.is_some());
        let asked = Some(now.before(took));
        let question = Message {
            id: Some(self.message_id()),
            parent: chat.last,
            created: asked,
            updated: asked,
            token_count: Some(f64::from(spent.prompt / 8)),
            is_from_user: Some(true),
            has_files: dice.random_bool(0.1),
            ..base.clone()
        };
        // An error of an agent is a part of what it says.
        let has_error_part = error.is_some() && chat.by.is_some();
        let answer = Message {
            id: Some(self.message_id()),
            parent: question.id,
            model: Some(chat.by.unwrap_or(chat.model.name).into()),
            created: Some(now),
            updated: Some(now),
            token_count: error.is_none().then(|| f64::from(spent.completion)),
            error: error.is_some() && !has_error_part,
            has_error_part,
            error_type: error.flatten(),
            unfinished,
            finish_reason: error
                .is_none()
                .then(|| if dice.random_bool(0.04) { "length" } else { "stop" }.into()),
            has_attachments: dice.random_bool(0.05),
            is_from_user: Some(false),
            invocations,
            ..base
        };
        chat.last = answer.id;
        self.messages.push(now, question);
        self.messages.push(now, answer);
        if error.is_none() && !wanted.is_free {
            people.pay(user, self.charge(&chat, now, spent, dice));
        }
        chat.turns += 1;
        self.recent.push_back(chat);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    /// Somebody goes on from an earlier answer in a copy of a conversation, whose messages keep their dates.
    fn fork(&mut self, now: Moment) {
        const OLD: i64 = 120 * SECOND;
        let old = Some(now.before(OLD));
        let recent: Vec<_> = self.messages.iter().rev().take(RECENT).cloned().collect();
        let Some(last) = recent.iter().find(|message| message.created < old) else { return };
        let of_chat =
            |message: &&Message<'static>| message.conversation == last.conversation && message.created < old;
        self.made.0 += 1;
        let id = Some(Key::from(format!("demo-conversation-{}", self.made.0).as_str()));
        let (endpoint, model) = (last.endpoint.clone(), last.model.clone());
        let conversation =
            Conversation { id, created: Some(now), endpoint, model, ..Conversation::default() };
        self.conversations.push(now, Record::Conversation(conversation));
        for message in recent.iter().rev().filter(of_chat) {
            let copy =
                Message { id: Some(self.message_id()), conversation: id, is_copy: true, ..message.clone() };
            self.messages.push(now, copy);
        }
    }

    /// An administrator gives somebody credits.
    fn grant(&mut self, now: Moment, people: &mut People, dice: &mut Dice) {
        let user = people.anybody(dice);
        people.give(user, GRANT);
        let row = Transaction {
            user: Some(user_id(user)),
            created: Some(now),
            context: Some("admin".into()),
            token_type: Some("credits".into()),
            raw_amount: Some(GRANT),
            token_value: Some(GRANT),
            rate: Some(1.0),
            ..Transaction::default()
        };
        self.transactions.push(now, row);
    }

    /// A program asks an agent: the ledger is all that knows of it.
    fn answer_by_api(&mut self, now: Moment, people: &People, dice: &mut Dice) {
        let Some(model) = MODELS.choose(dice) else { return };
        let message = self.message_id();
        let id = Key::from(format!("demo-api-{}", self.made.1).as_str());
        let chat = Chat { user: people.anybody(dice), id, model, by: None, turns: 0, last: None };
        let agent = AGENTS.choose(dice).map(|(id, _)| (*id).into());
        for (token_type, tokens) in [("prompt", 900), ("completion", dice.random_range(20..600))] {
            let row = Transaction {
                created: Some(now),
                message: Some(message),
                is_of_api: true,
                agent: agent.clone(),
                ..row(&chat, token_type, tokens, "message")
            };
            self.transactions.push(now, row);
        }
    }

    fn message_id(&mut self) -> Key {
        self.made.1 += 1;
        Key::from(format!("demo-message-{}", self.made.1).as_str())
    }

    /// One of the user's recent conversations, or a new one; no longer among the recent ones.
    fn chat(&mut self, user: u32, now: Moment, dice: &mut Dice) -> Option<Chat> {
        let known = self.recent.iter().rposition(|chat| chat.user == user);
        if let Some(known) = known.filter(|_| dice.random_bool(0.75)) {
            return self.recent.remove(known);
        }
        self.made.0 += 1;
        let by = match dice.random_range(0..100) {
            0..25 => AGENTS.choose(dice).map(|(id, _)| *id),
            25..30 => ASSISTANTS.choose(dice).copied(),
            _ => None,
        };
        let id = Key::from(format!("demo-conversation-{}", self.made.0).as_str());
        let chat = Chat { user, id, model: MODELS.choose(dice)?, by, turns: 0, last: None };
        let conversation = Conversation {
            id: Some(id),
            created: Some(now),
            endpoint: Some(chat.endpoint().into()),
            model: Some(chat.model.name.into()),
            is_archived: Some(dice.random_bool(0.2)),
            is_temporary: Some(dice.random_bool(0.1)),
            agent: by.filter(|id| id.starts_with("agent_")).map(Into::into),
            ..Conversation::default()
        };
        self.conversations.push(now, Record::Conversation(conversation));
        Some(chat)
    }

    /// The rows of a turn; gives the credits that they come to.
    fn charge(&mut self, chat: &Chat, now: Moment, spent: Spent, dice: &mut Dice) -> f64 {
        let mut rows = vec![prompt(chat, spent.prompt), row(chat, "completion", spent.completion, "message")];
        if chat.turns == 0 {
            rows.push(row(chat, "prompt", spent.prompt.min(400), "title"));
            rows.push(row(chat, "completion", 8, "title"));
        } else if let Some(chore) = CHORES.choose(dice).filter(|_| dice.random_bool(0.1)) {
            rows.push(row(chat, "prompt", spent.prompt, chore));
            rows.push(row(chat, "completion", spent.completion / 4 + 1, chore));
        }
        let credits = rows.iter().filter_map(|row| row.token_value).map(f64::abs).sum();
        for row in rows {
            self.transactions.push(now, Transaction { created: Some(now), message: chat.last, ..row });
        }
        credits
    }

    /// Somebody rates an answer of a while ago, or thinks better of it.
    fn rate(&mut self, now: Moment, dice: &mut Dice) {
        let mut answers: Vec<_> = self
            .messages
            .iter_mut()
            .rev()
            .take(RECENT)
            .filter(|message| message.is_from_user == Some(false))
            .collect();
        let index = dice.random_range(0..answers.len().max(1));
        let Some(answer) = answers.get_mut(index) else { return };
        let is_bad = answer.error || dice.random_bool(0.25);
        answer.feedback = match &answer.feedback {
            Some(_) if dice.random_bool(0.3) => None,
            Some(given) => Some(feedback(given.rating == Rating::ThumbsUp, dice)),
            None => Some(feedback(is_bad, dice)),
        };
        answer.updated = Some(now);
    }

    /// What was saved unfinished some seconds ago is finished.
    fn finish(&mut self, now: Moment) {
        let until = Some(now.before(UNFINISHED));
        let recent = self.messages.iter_mut().rev().take(RECENT / 10);
        for message in recent.filter(|message| message.unfinished && message.created <= until) {
            message.unfinished = false;
            message.updated = Some(now);
        }
    }
}

/// How long an answer takes, its tools included, in milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "seconds, of which there are few")]
fn took(chat: &Chat, spent: Spent, invocations: &[Invocation<'_>], failed: bool) -> i64 {
    let writing = if failed { 0.5 } else { 0.4 + f64::from(spent.completion) / chat.model.speed };
    let tools: f64 = invocations.iter().filter_map(|call| call.seconds).sum();
    ((writing + tools) * 1_000.0) as i64
}

fn row(chat: &Chat, token_type: &'static str, tokens: u32, context: &'static str) -> Transaction<'static> {
    let Model { name, prompt_rate, completion_rate, .. } = *chat.model;
    let rate = if token_type == "prompt" { prompt_rate } else { completion_rate };
    Transaction {
        user: Some(user_id(chat.user)),
        conversation: Some(chat.id),
        model: Some(name.into()),
        context: Some(context.into()),
        token_type: Some(token_type.into()),
        raw_amount: Some(-f64::from(tokens)),
        rate: Some(rate),
        token_value: Some(-f64::from(tokens) * rate),
        ..Transaction::default()
    }
}

/// The row of the prompt of an answer: what was said before comes out of the cache, where there is one.
fn prompt(chat: &Chat, tokens: u32) -> Transaction<'static> {
    let row = row(chat, "prompt", tokens, "message");
    if !chat.model.caches {
        return row;
    }
    let read = if chat.turns == 0 { 0 } else { tokens / 4 * 3 };
    let write = (tokens - read) / 2;
    let [input, write, read] = [tokens - read - write, write, read].map(f64::from);
    let value = (input + write * CACHE_WRITE + read * CACHE_READ) * chat.model.prompt_rate;
    Transaction {
        rate: Some(value / f64::from(tokens)),
        token_value: Some(-value),
        input_tokens: Some(-input),
        write_tokens: Some(-write),
        read_tokens: Some(-read),
        ..row
    }
}

/// Some answers call tools; of those of an answer with a broken one, the last fails.
fn invocations(has_broken: bool, dice: &mut Dice) -> Vec<Invocation<'static>> {
    let calls = if dice.random_bool(0.3) || has_broken { dice.random_range(1..4) } else { 0 };
    let mut invocations: Vec<_> = (0..calls).filter_map(|_| invocation(dice)).collect();
    if let Some(last) = invocations.last_mut().filter(|_| has_broken) {
        last.outcome = Some(Outcome::Failed);
        last.seconds = last.seconds.or(Some(1.0));
    }
    invocations
}

fn invocation(dice: &mut Dice) -> Option<Invocation<'static>> {
    let (tool, server, failures, seconds) = *TOOLS.choose(dice)?;
    let outcome = match dice.random_range(0..1_000) {
        drawn if drawn < failures / 3 => Some(Outcome::Failed),
        drawn if drawn < failures => Some(Outcome::Errored),
        970..985 => Some(Outcome::Cancelled),
        985.. => None,
        _ => Some(Outcome::Completed),
    };
    let seconds = outcome.map(|_| seconds * dice.random_range(0.5..2.0));
    Some(Invocation { tool: tool.into(), server: server.map(Into::into), outcome, seconds })
}

fn feedback(is_bad: bool, dice: &mut Dice) -> Feedback<'static> {
    let (rating, tags) = if is_bad { (Rating::ThumbsDown, BAD_TAGS) } else { (Rating::ThumbsUp, GOOD_TAGS) };
    let tag = tags.choose(dice).filter(|_| dice.random_bool(0.6));
    Feedback { rating, tag: tag.map(|tag| (*tag).into()) }
}
