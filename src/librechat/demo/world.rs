//! What happens in the demo, second by second.
//!
//! Each second draws from a generator of its own, seeded by the world's seed and the second: how the time is cut into
//! calls cannot change what happens in it.

use std::collections::VecDeque;

use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::cast::{AGENTS, BAD_TAGS, DOMAINS, GOOD_TAGS, MODELS, Model, PROVIDERS, TOOLS};
use super::furniture;
use crate::librechat::record::id::{Id, Key};
use crate::librechat::record::{
    Agent, Collection, Conversation, Feedback, Invocation, Message, Moment, Rating, Record, Transaction, User,
};

const SECOND: i64 = 1_000;
const DAY: i64 = 86_400 * SECOND;
pub(super) const USERS: u32 = 40;

/// What lies behind when the demo starts, and how far apart its turns are.
const HISTORY: i64 = 35 * DAY;
const HISTORY_STEP: i64 = 600 * SECOND;

/// The largest number of messages kept; the oldest go.
const MAX_MESSAGES: usize = 100_000;

type Dice = Xoshiro256PlusPlus;

/// A conversation of one user, with an agent or without.
#[derive(Clone, Copy, Debug)]
struct Chat {
    user: u32,
    id: Key,
    agent: Option<&'static str>,
    created: Moment,
}

/// Everything there is at one instant.
#[derive(Debug)]
pub struct World {
    seed: u64,
    now: Moment,
    users: Vec<User<'static>>,
    conversations: Vec<Chat>,
    messages: VecDeque<Message<'static>>,
    transactions: VecDeque<Transaction<'static>>,
    /// How many messages, and how many transactions, are kept no more.
    gone: (u64, u64),
}

impl World {
    /// A world that has lived for [`HISTORY`] when it is `now`.
    pub fn new(seed: u64, now: Moment) -> Self {
        let now = Moment(now.0 / SECOND * SECOND);
        let mut world = Self {
            seed,
            now: Moment(now.0 - HISTORY),
            users: users(now, &mut Dice::seed_from_u64(seed)),
            conversations: Vec::new(),
            messages: VecDeque::new(),
            transactions: VecDeque::new(),
            gone: (0, 0),
        };
        while world.now < now {
            world.step(HISTORY_STEP, 0.7);
        }
        world
    }

    /// Lives on until `now`, about two turns in five seconds.
    pub fn live_until(&mut self, now: Moment) {
        while self.now.0 + SECOND <= now.0 {
            self.step(SECOND, 0.4);
        }
    }

    fn step(&mut self, length: i64, likelihood: f64) {
        self.now = Moment(self.now.0 + length);
        let mut dice = Dice::seed_from_u64(self.seed ^ self.now.0.cast_unsigned());
        if dice.random_bool(likelihood) {
            self.turn(&mut dice);
        }
        while self.messages.len() > MAX_MESSAGES {
            let (messages, transactions) = &mut self.gone;
            *messages += u64::from(self.messages.pop_front().is_some());
            *transactions += u64::from(self.transactions.pop_front().is_some());
        }
    }

    /// A user asks, somebody answers, the ledger has two rows more.
    fn turn(&mut self, dice: &mut Dice) {
        // The lower of two draws: some users talk more than others.
        let user = dice.random_range(0..USERS).min(dice.random_range(0..USERS));
        let (conversation, agent) = self.conversation(user, dice);
        let Some(model) = MODELS.choose(dice) else { return };
        let (prompt, completion) = (dice.random_range(200..6_000_u32), dice.random_range(20..1_200_u32));
        let base = Message {
            conversation: Some(conversation),
            user: Some(user_id(user)),
            created: Some(self.now),
            ..Message::default()
        };
        let failed = dice.random_bool(0.02);
        let answer = Message {
            created: Some(Moment(self.now.0 + i64::from(completion) * 10 + 400)),
            model: Some(agent.unwrap_or(model.name).into()),
            token_count: Some(f64::from(completion)),
            error: failed,
            unfinished: !failed && dice.random_bool(0.01),
            has_attachments: dice.random_bool(0.05),
            is_from_user: Some(false),
            invocations: invocations(dice),
            feedback: feedback(failed, dice),
            ..base.clone()
        };
        let question = Message { token_count: Some(f64::from(prompt / 8)), is_from_user: Some(true), ..base };
        self.messages.extend([question, answer]);
        if !failed {
            for (kind, tokens) in [("prompt", prompt), ("completion", completion)] {
                let created = Some(self.now);
                self.transactions
                    .push_back(Transaction { created, ..row(user, conversation, model, kind, tokens) });
            }
        }
    }

    /// One of the user's recent conversations, or a new one.
    fn conversation(&mut self, user: u32, dice: &mut Dice) -> (Key, Option<&'static str>) {
        let mut recent = self.conversations.iter().rev().take(200);
        let known = recent.find(|known| known.user == user);
        if let Some(known) = known.filter(|_| dice.random_bool(0.75)) {
            return (known.id, known.agent);
        }
        let id = Key::from(format!("demo-{user:02}-{}", self.conversations.len()).as_str());
        let agent = AGENTS.choose(dice).filter(|_| dice.random_bool(0.3)).map(|(id, _)| *id);
        self.conversations.push(Chat { user, id, agent, created: self.now });
        (id, agent)
    }

    /// How many documents of `collection` were there before those that are there now.
    pub const fn gone(&self, collection: Collection) -> u64 {
        match collection {
            Collection::Messages => self.gone.0,
            Collection::Transactions => self.gone.1,
            _ => 0,
        }
    }

    /// Lends every record of `collection`.
    pub fn records(&self, collection: Collection, mut visit: impl FnMut(Record<'_>)) {
        match collection {
            Collection::Messages => self.messages.iter().cloned().map(Record::Message).for_each(visit),
            Collection::Transactions => {
                self.transactions.iter().cloned().map(Record::Transaction).for_each(visit);
            }
            Collection::Users => self.users.iter().cloned().map(Record::User).for_each(visit),
            Collection::Conversations => {
                let conversation = |chat: &Chat| Conversation {
                    id: Some(chat.id),
                    created: Some(chat.created),
                    agent: chat.agent.map(Into::into),
                    ..Conversation::default()
                };
                self.conversations.iter().map(conversation).map(Record::Conversation).for_each(visit);
            }
            Collection::Agents => {
                for ((id, name), author) in AGENTS.iter().zip(0..) {
                    visit(Record::Agent(Agent {
                        id: Some((*id).into()),
                        name: Some((*name).into()),
                        author: Some(user_id(author)),
                    }));
                }
            }
            other => furniture::records(other, self.now, visit),
        }
    }
}

pub(super) fn user_id(user: u32) -> Id {
    Id::from(format!("{user:024x}").as_str())
}

fn users(now: Moment, dice: &mut Dice) -> Vec<User<'static>> {
    (0..USERS)
        .map(|number| {
            let domain = DOMAINS.choose(dice).copied().unwrap_or_default();
            User {
                id: Some(user_id(number)),
                email: Some(format!("user{number}@{domain}").into()),
                provider: PROVIDERS.choose(dice).map(|provider| (*provider).into()),
                role: Some(if number == 0 { "ADMIN" } else { "USER" }.into()),
                email_verified: dice.random_bool(0.9),
                created: Some(now.before(i64::from(number * 9) * DAY)),
            }
        })
        .collect()
}

fn row(user: u32, conversation: Key, model: &Model, kind: &'static str, tokens: u32) -> Transaction<'static> {
    let rate = if kind == "prompt" { model.prompt_rate } else { model.completion_rate };
    Transaction {
        user: Some(user_id(user)),
        conversation: Some(conversation),
        model: Some(model.name.into()),
        token_type: Some(kind.into()),
        raw_amount: Some(-f64::from(tokens)),
        rate: Some(rate),
        token_value: Some(-f64::from(tokens) * rate),
        ..Transaction::default()
    }
}

/// Some answers call tools.
fn invocations(dice: &mut Dice) -> Vec<Invocation<'static>> {
    let calls = if dice.random_bool(0.2) { dice.random_range(1..4) } else { 0 };
    (0..calls)
        .filter_map(|_| TOOLS.choose(dice))
        .map(|tool| Invocation { tool: (*tool).into(), ..Invocation::default() })
        .collect()
}

/// Few answers are rated, and a failed one rarely well.
fn feedback(failed: bool, dice: &mut Dice) -> Option<Feedback<'static>> {
    if !dice.random_bool(0.06) {
        return None;
    }
    let (rating, tags) = if failed || dice.random_bool(0.25) {
        (Rating::ThumbsDown, BAD_TAGS)
    } else {
        (Rating::ThumbsUp, GOOD_TAGS)
    };
    let tag = tags.choose(dice).filter(|_| dice.random_bool(0.6));
    Some(Feedback { rating, tag: tag.map(|tag| (*tag).into()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(world: &World) -> String {
        format!("{world:?}")
    }

    #[test]
    fn the_same_seed_gives_the_same_world_however_the_time_is_cut() {
        let start = Moment(1_795_247_940_000);
        let end = Moment(start.0 + 600 * SECOND);
        let mut whole = World::new(7, start);
        whole.live_until(end);
        let mut cut = World::new(7, start);
        (0..=600_000).step_by(7_300).for_each(|step| cut.live_until(Moment(start.0 + step)));
        cut.live_until(end);
        assert!(fingerprint(&whole) == fingerprint(&cut));
        assert!(fingerprint(&whole) != fingerprint(&World::new(8, start)));
        assert!(whole.messages.len() > World::new(7, start).messages.len() + 200, "it does not live");
    }

    #[test]
    fn the_number_of_messages_is_bounded() {
        let start = Moment(1_795_247_940_000);
        let mut world = World::new(7, start);
        world.live_until(Moment(start.0 + 3 * DAY));
        assert_eq!(world.messages.len(), MAX_MESSAGES);
    }
}
