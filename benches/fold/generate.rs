//! A LibreChat of any size, made up: the same seed makes the same documents, but for the instant at which they end.
//!
//! A year of conversations of 1 to 40 turns. Nearly half of the messages are answers with a model's name and two rows in
//! the ledger for each call of the model; agents call tools, so that their answers have parts and more rows. A few
//! answers are rated, are errors or unfinished. Everything is in the order in which it would have been written.

use std::ops::Range;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, doc};
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

const SECOND: i64 = 1_000;
const DAY: i64 = 86_400 * SECOND;
const YEAR: i64 = 365 * DAY;

const MODELS: [&str; 10] = [
    "gpt-4o",
    "gpt-4.1",
    "gpt-5",
    "o3-mini",
    "claude-sonnet-4-20250514",
    "claude-opus-4",
    "gemini-2.0-flash-001",
    "mistral-large-latest",
    "deepseek-r1",
    "llama-3.3-70b",
];
const ENDPOINTS: [&str; 5] = ["openAI", "anthropic", "google", "azureOpenAI", "vLLM"];
const TOOLS: [&str; 8] = [
    "web_search",
    "file_search",
    "execute_code",
    "search_mcp_wiki",
    "create_issue_mcp_github",
    "query_mcp_postgres",
    "list_dir_mcp_filesystem",
    "fetch_mcp_fetch",
];
const TAGS: [&str; 5] = ["not_matched", "inaccurate", "bad_style", "accurate_reliable", "clear_well_written"];
const WORDS: &str = "the model answers what its user asks, and says so in a few hundred bytes of which nothing is ever \
    read: whoever counts messages need not know what they say. Größe, naïve, привет, 模型. ";

type Dice = Xoshiro256PlusPlus;

/// Documents with the collection that they belong to.
pub(crate) type Batch = Vec<(&'static str, Document)>;

/// What is to be made.
pub(crate) struct Plan {
    seed: u64,
    /// When it ends, in milliseconds since 1970.
    until: i64,
    messages: usize,
    /// The number of messages of each conversation.
    lengths: Vec<usize>,
}

impl Plan {
    pub(crate) fn new(seed: u64, messages: usize, until: i64) -> Self {
        let mut dice = Dice::seed_from_u64(seed);
        let (mut lengths, mut left) = (Vec::new(), messages);
        while left > 0 {
            let more_turns = (0..39).take_while(|_| dice.random_bool(0.745)).count();
            let length = (2 * (1 + more_turns)).min(left);
            lengths.push(length);
            left -= length;
        }
        Self { seed, until, messages, lengths }
    }

    pub(crate) fn conversations(&self) -> usize {
        self.lengths.len()
    }

    fn users(&self) -> usize {
        (self.messages / 100).max(10)
    }

    fn dice(&self, what: u64, index: usize) -> Dice {
        Dice::seed_from_u64(self.seed ^ (what << 56) ^ index as u64)
    }

    fn user(&self, index: usize) -> ObjectId {
        let mut dice = self.dice(1, index);
        let age = dice.random_range(0..2 * YEAR);
        id(&mut dice, self.until - age)
    }

    /// A user; few write a lot.
    fn any_user(&self, dice: &mut Dice) -> ObjectId {
        let skewed = dice.random::<f64>().powi(2);
        self.user((skewed * self.users() as f64) as usize)
    }

    /// The conversations of a range with their messages and transactions.
    pub(crate) fn conversation_batch(&self, range: Range<usize>) -> Batch {
        let mut batch = Batch::new();
        for index in range {
            self.conversation(index, &mut batch);
        }
        batch
    }

    fn conversation(&self, index: usize, batch: &mut Batch) {
        let mut dice = self.dice(2, index);
        let length = self.lengths[index];
        let mut times = Vec::with_capacity(length);
        let mut at = 0;
        for _ in 0..length {
            times.push(at);
            // Now and then somebody comes back another day.
            let is_back = dice.random_bool(0.01);
            at += if is_back { dice.random_range(1..20) * DAY } else { dice.random_range(5..240) * SECOND };
        }
        let step = YEAR / self.conversations() as i64;
        let start = self.until - YEAR + step * index as i64 + dice.random_range(0..step.max(1));
        // What would go on beyond the end was earlier, but not so that they all end together.
        let latest = self.until - SECOND - times.last().copied().unwrap_or_default();
        let start = if start > latest { latest - dice.random_range(0..20 * DAY) } else { start };
        let user = self.any_user(&mut dice);
        let agent = dice.random_bool(0.35).then(|| agent_id(dice.random_range(0..60)));
        let turn = Turn {
            conversation: uuid(&mut dice),
            user,
            model: MODELS[(dice.random::<f64>().powi(2) * MODELS.len() as f64) as usize],
            agent: agent.clone(),
            endpoint: if agent.is_some() { "agents" } else { ENDPOINTS.choose(&mut dice).copied().unwrap() },
        };
        let mut ids = Vec::new();
        for (number, at) in times.iter().enumerate() {
            let at = start + at;
            let message = if number % 2 == 0 {
                turn.question(&mut dice, at)
            } else {
                turn.answer(&mut dice, at, batch)
            };
            ids.push(message.get("_id").cloned().unwrap());
            batch.push(("messages", message));
        }
        let last = start + times.last().copied().unwrap_or_default();
        turn.spend(&mut dice, start + 5 * SECOND, "title", batch);
        batch.push((
            "conversations",
            doc! {
                "_id": id(&mut dice, start), "conversationId": turn.conversation, "user": user.to_hex(),
                "title": text(&mut dice, 40), "messages": ids, "endpoint": turn.endpoint, "model": turn.model,
                "agent_id": agent, "tags": [], "files": [], "isArchived": false, "_meiliIndex": true,
                "createdAt": date(start), "updatedAt": date(last), "__v": 0,
            },
        ));
    }

    /// Messages that are written now, with their transactions: as many turns as it takes.
    pub(crate) fn fresh(&self, round: usize, messages: usize, now: i64) -> Batch {
        let mut batch = Batch::new();
        for index in 0..messages.div_ceil(2) {
            let mut dice = self.dice(3 + round as u64, index);
            let turn = Turn {
                conversation: uuid(&mut dice),
                user: self.any_user(&mut dice),
                model: MODELS.choose(&mut dice).copied().unwrap(),
                agent: None,
                endpoint: "openAI",
            };
            let question = turn.question(&mut dice, now);
            batch.push(("messages", question));
            let answer = turn.answer(&mut dice, now, &mut batch);
            batch.push(("messages", answer));
        }
        batch
    }

    /// All that is not a conversation.
    pub(crate) fn furniture(&self) -> Batch {
        let mut batch = Batch::new();
        for index in 0..self.users() {
            self.user_batch(index, &mut batch);
        }
        let mut dice = self.dice(200, 0);
        for number in 0..60 {
            batch.push((
                "agents",
                doc! {
                    "_id": id(&mut dice, self.until - YEAR), "id": agent_id(number), "name": format!("Agent {number}"),
                    "description": text(&mut dice, 100), "provider": "openAI", "model": "gpt-4o", "author": self.any_user(&mut dice),
                    "tools": TOOLS.to_vec(), "category": "general", "createdAt": date(self.until - YEAR), "__v": 0,
                },
            ));
        }
        let anywhen = |dice: &mut Dice, count: usize, number: usize| {
            self.until - YEAR + YEAR / count as i64 * number as i64 + dice.random_range(0..SECOND)
        };
        let count = self.messages / 40;
        for number in 0..count {
            let at = anywhen(&mut dice, count, number);
            let kind = ["application/pdf", "image/png", "text/plain"].choose(&mut dice).copied();
            batch.push((
                "files",
                doc! {
                    "_id": id(&mut dice, at), "user": self.any_user(&mut dice), "file_id": uuid(&mut dice),
                    "bytes": dice.random_range(1_000..5_000_000), "filename": "file.bin", "filepath": "/uploads/file",
                    "object": "file", "type": kind,
                    "usage": 1, "source": "local", "context": "message_attachment", "embedded": false,
                    "createdAt": date(at), "updatedAt": date(at), "__v": 0,
                },
            ));
        }
        let count = self.messages / 200;
        for number in 0..count {
            let at = anywhen(&mut dice, count, number);
            batch.push((
                "toolcalls",
                doc! {
                    "_id": id(&mut dice, at), "toolId": "execute_code", "user": self.any_user(&mut dice),
                    "conversationId": uuid(&mut dice), "result": text(&mut dice, 300),
                    "createdAt": date(at), "updatedAt": date(at + dice.random_range(0..9_000)), "__v": 0,
                },
            ));
        }
        let count = self.messages / 500;
        for number in 0..count {
            let at = anywhen(&mut dice, count, number);
            let link = doc! {
                "_id": id(&mut dice, at), "conversationId": uuid(&mut dice), "shareId": uuid(&mut dice),
                "createdAt": date(at), "updatedAt": date(at), "__v": 0,
            };
            batch.push(("sharedlinks", link));
        }
        batch
    }

    fn user_batch(&self, index: usize, batch: &mut Batch) {
        let mut dice = self.dice(4, index);
        let user = self.user(index);
        let made = user.timestamp();
        let domain = (dice.random::<f64>().powi(2) * 30.0) as usize;
        batch.push((
            "users",
            doc! {
                "_id": user, "name": format!("User {index}"), "username": format!("user{index}"),
                "email": format!("user{index}@domain{domain}.example"), "emailVerified": dice.random_bool(0.9),
                "password": "never read", "avatar": null, "provider": if dice.random_bool(0.7) { "openid" } else { "local" },
                "role": if index == 0 { "ADMIN" } else { "USER" }, "plugins": [], "termsAccepted": true,
                "createdAt": made, "updatedAt": made, "__v": 0,
            },
        ));
        let balance = doc! {
            "_id": id(&mut dice, made.timestamp_millis()), "user": user,
            "tokenCredits": dice.random_range(0..5_000_000),
        };
        batch.push(("balances", balance));
        if dice.random_bool(0.3) {
            let at = self.until - dice.random_range(0..6 * DAY);
            batch.push((
                "sessions",
                doc! {
                    "_id": id(&mut dice, at), "refreshTokenHash": uuid(&mut dice), "user": user,
                    "expiration": date(at + 7 * DAY), "__v": 0,
                },
            ));
        }
    }
}

/// What the messages of a conversation have in common.
struct Turn {
    conversation: String,
    user: ObjectId,
    model: &'static str,
    agent: Option<String>,
    endpoint: &'static str,
}

impl Turn {
    fn message(&self, dice: &mut Dice, at: i64) -> Document {
        doc! {
            "_id": id(dice, at), "messageId": uuid(dice), "conversationId": &self.conversation, "user": self.user.to_hex(),
            "endpoint": self.endpoint, "parentMessageId": uuid(dice), "unfinished": false, "error": false,
            "_meiliIndex": true, "createdAt": date(at), "updatedAt": date(at), "__v": 0,
        }
    }

    fn question(&self, dice: &mut Dice, at: i64) -> Document {
        let mut message = self.message(dice, at);
        let length = dice.random_range(20..400);
        message.extend(doc! {
            "sender": "User", "isCreatedByUser": true, "text": text(dice, length), "tokenCount": (length / 4) as i32,
        });
        message
    }

    fn answer(&self, dice: &mut Dice, at: i64, batch: &mut Batch) -> Document {
        let mut message = self.message(dice, at);
        let length = dice.random_range(200..1_000);
        let is_error = dice.random_bool(0.02);
        message.extend(doc! {
            "sender": "AI", "isCreatedByUser": false, "model": self.agent.as_deref().unwrap_or(self.model),
            "tokenCount": (length / 4) as i32, "finish_reason": "stop",
        });
        message.insert("error", is_error);
        message.insert("unfinished", dice.random_bool(0.01));
        let mut calls = 0;
        if self.agent.is_some() {
            let mut parts = vec![Bson::from(doc! { "type": "text", "text": text(dice, length) })];
            while calls < 4 && dice.random_bool(0.6) {
                let call = doc! {
                    "id": format!("call_{}", dice.random::<u32>()), "name": TOOLS.choose(dice).copied(), "args": "{}",
                    "type": "tool_call", "progress": 1, "output": text(dice, 300),
                };
                parts.push(doc! { "type": "tool_call", "tool_call": call }.into());
                calls += 1;
            }
            message.extend(doc! { "text": "", "content": parts });
        } else {
            message.insert("text", text(dice, length));
        }
        if dice.random_bool(0.03) {
            let rating = if dice.random_bool(0.7) { "thumbsUp" } else { "thumbsDown" };
            message.insert("feedback", doc! { "rating": rating, "tag": TAGS.choose(dice).copied() });
        }
        if dice.random_bool(0.01) {
            message.insert("attachments", [doc! { "type": "web_search", "toolCallId": "call_1" }]);
        }
        if !is_error {
            (0..=calls).for_each(|_| self.spend(dice, at, "message", batch));
        }
        message
    }

    /// The two rows of one call of the model.
    fn spend(&self, dice: &mut Dice, at: i64, context: &str, batch: &mut Batch) {
        for (kind, rate, tokens) in [("prompt", 2.5, 100..4_000), ("completion", 10.0, 20..900)] {
            let tokens = f64::from(dice.random_range(tokens));
            batch.push((
                "transactions",
                doc! {
                    "_id": id(dice, at), "user": self.user, "conversationId": &self.conversation, "tokenType": kind,
                    "model": self.model, "context": context, "valueKey": null, "rate": rate, "rawAmount": -tokens,
                    "tokenValue": -tokens * rate, "createdAt": date(at), "updatedAt": date(at), "__v": 0,
                },
            ));
        }
    }
}

fn agent_id(number: usize) -> String {
    format!("agent_{number:021}")
}

fn date(at: i64) -> DateTime {
    DateTime::from_millis(at)
}

fn id(dice: &mut Dice, at: i64) -> ObjectId {
    let mut bytes: [u8; 12] = dice.random();
    bytes[..4].copy_from_slice(&u32::try_from(at / SECOND).unwrap().to_be_bytes());
    ObjectId::from_bytes(bytes)
}

fn uuid(dice: &mut Dice) -> String {
    let [high, low]: [u64; 2] = dice.random();
    let (a, b, c) = (high >> 32, (high >> 16) & 0xffff, high & 0xfff);
    format!("{a:08x}-{b:04x}-4{c:03x}-{:04x}-{:012x}", 0x8000 | (low >> 48) & 0x3fff, low & 0xffff_ffff_ffff)
}

/// So many characters.
fn text(dice: &mut Dice, length: usize) -> String {
    WORDS.chars().cycle().skip(dice.random_range(0..100)).take(length).collect()
}
