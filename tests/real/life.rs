//! A LibreChat that lives: random things happen to its database, and how many events that makes is kept count of.
//!
//! What comes and goes between two looks nobody can see, so that within a round nothing is deleted or changed twice that
//! the round has touched; otherwise anything may happen in any order.

use std::collections::{BTreeMap, BTreeSet};

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::{Acknowledgment, DatabaseOptions, WriteConcern};
use mongodb::{Client, Collection, Database};
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::mongod::DATABASE;

pub(crate) type Dice = Xoshiro256PlusPlus;

const DAY: i64 = 86_400_000;

/// The database, and what happened to it.
pub(crate) struct Life {
    database: Database,
    dice: Dice,
    /// How much each family of events should have moved: sums over all labels.
    pub(crate) expected: BTreeMap<&'static str, f64>,
    /// Messages and transactions of earlier rounds, which may be deleted.
    messages: Vec<ObjectId>,
    transactions: Vec<ObjectId>,
    users: Vec<ObjectId>,
    /// Answers that are not finished, and how many calls of tools they will have.
    unfinished: Vec<ObjectId>,
    ratings: BTreeMap<ObjectId, &'static str>,
    touched: BTreeSet<ObjectId>,
    fresh: Vec<(&'static str, ObjectId)>,
}

/// An id as a process makes it whose clock is up to two minutes slow, or fast by less than makes a copy of a message.
pub(crate) fn id(dice: &mut Dice, at: i64) -> ObjectId {
    let second = u32::try_from(at / 1000 + dice.random_range(-120..45)).unwrap();
    let mut bytes: [u8; 12] = dice.random();
    bytes[..4].copy_from_slice(&second.to_be_bytes());
    ObjectId::from_bytes(bytes)
}

pub(crate) fn now() -> i64 {
    DateTime::now().timestamp_millis()
}

/// A message that is part of history, or is nobody's answer.
pub(crate) fn message(dice: &mut Dice, id: ObjectId, created: i64) -> Document {
    let model = ["gpt-4o", "agent_x", "asst_y", "o3"].choose(dice).copied();
    let user = format!("69629fc78b4c51a2450000{:02x}", dice.random_range(0..20));
    doc! {
        "_id": id, "messageId": id.to_hex(), "conversationId": format!("c{}", dice.random_range(0..60)), "user": user,
        "model": if dice.random_bool(0.5) { Bson::Null } else { model.into() }, "endpoint": "openAI",
        "createdAt": DateTime::from_millis(created), "updatedAt": DateTime::from_millis(created),
        "tokenCount": dice.random_range(1..500), "isCreatedByUser": false, "error": dice.random_bool(0.05),
        "unfinished": false, "text": "never read",
        "content": [{ "type": "tool_call", "tool_call": { "name": "search_mcp_wiki", "output": "never read" } }],
    }
}

impl Life {
    /// One that begins with what is in the database.
    pub(crate) async fn new(client: &Client, seed: u64) -> Self {
        // What was acknowledged must outlive a kill.
        let concern = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
        let options = DatabaseOptions::builder().write_concern(concern).build();
        let database = client.database_with_options(DATABASE, options);
        let mut life = Self {
            database,
            dice: Dice::seed_from_u64(seed),
            expected: BTreeMap::new(),
            messages: Vec::new(),
            transactions: Vec::new(),
            users: Vec::new(),
            unfinished: Vec::new(),
            ratings: BTreeMap::new(),
            touched: BTreeSet::new(),
            fresh: Vec::new(),
        };
        life.messages = life.ids("messages").await;
        life.transactions = life.ids("transactions").await;
        life.users = life.ids("users").await;
        let rated = life.collection("messages");
        let mut cursor = rated.find(doc! { "feedback.rating": { "$exists": true } }).await.unwrap();
        while cursor.advance().await.unwrap() {
            let message: Document = cursor.deserialize_current().unwrap();
            let rating = message.get_document("feedback").unwrap().get_str("rating").unwrap();
            let rating = if rating == "thumbsUp" { "thumbsUp" } else { "thumbsDown" };
            life.ratings.insert(message.get_object_id("_id").unwrap(), rating);
        }
        life
    }

    async fn ids(&self, collection: &str) -> Vec<ObjectId> {
        let mut cursor =
            self.collection(collection).find(doc! {}).projection(doc! { "_id": 1 }).await.unwrap();
        let mut ids = Vec::new();
        while cursor.advance().await.unwrap() {
            ids.extend(cursor.current().get_object_id("_id").ok());
        }
        ids
    }

    fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    /// The server to talk to has changed.
    pub(crate) fn go_on_with(&mut self, client: &Client) {
        let concern = self.database.write_concern().cloned();
        let options = DatabaseOptions::builder().write_concern(concern).build();
        self.database = client.database_with_options(DATABASE, options);
    }

    /// So many things happen.
    pub(crate) async fn live(&mut self, things: usize) {
        for _ in 0..things {
            match self.dice.random_range(0..12) {
                0..3 => self.chat().await,
                3 => self.save_unfinished().await,
                4 => self.finish().await,
                5 => self.spend().await,
                6 => self.import().await,
                7..9 => self.rate().await,
                9 => self.arrive().await,
                10 => self.delete().await,
                _ => self.change().await,
            }
        }
    }

    /// Whoever watches has seen all that happened until now.
    pub(crate) fn seen(&mut self) {
        self.touched.clear();
        for (collection, id) in self.fresh.drain(..) {
            match collection {
                "messages" => self.messages.push(id),
                "transactions" => self.transactions.push(id),
                _ => self.users.push(id),
            }
        }
    }

    fn expect(&mut self, family: &'static str, amount: f64) {
        *self.expected.entry(family).or_default() += amount;
    }

    async fn insert(&mut self, collection: &'static str, documents: Vec<Document>) {
        let ids: Vec<_> = documents.iter().map(|document| document.get_object_id("_id").unwrap()).collect();
        self.touched.extend(&ids);
        if ["messages", "transactions", "users"].contains(&collection) {
            self.fresh.extend(ids.into_iter().map(|id| (collection, id)));
        }
        self.collection(collection).insert_many(documents).await.unwrap();
    }

    /// Questions and their first and second answers.
    async fn chat(&mut self) {
        for _ in 0..self.dice.random_range(1..6) {
            let [question, first, second] = [(); 3].map(|()| id(&mut self.dice, now()));
            let took = self.dice.random_range(0..9_000);
            let asked = doc! {
                "isCreatedByUser": true, "content": Bson::Null, "model": Bson::Null, "error": false,
                "createdAt": DateTime::from_millis(now() - took),
            };
            let mut asked = with(message(&mut self.dice, question, now()), asked);
            asked.insert("parentMessageId", "00000000-0000-0000-0000-000000000000");
            let parent = doc! { "parentMessageId": question.to_hex() };
            let part =
                doc! { "type": "error", "error": "{\"type\":\"refusal\"} and more that is never read" };
            let failed = doc! { "error": false, "content": [part], "parentMessageId": question.to_hex() };
            let answer = with(message(&mut self.dice, first, now()), parent);
            let again = with(message(&mut self.dice, second, now() + 1), failed);
            let has_failed = self.count(&answer);
            self.count(&again);
            self.expect("librechat_messages_created_total", 1.0);
            self.expect("librechat_answer_seconds_count", f64::from(u8::from(!has_failed)));
            // An answer may be read before its question.
            self.insert("messages", vec![answer, asked, again]).await;
        }
    }

    /// Counts a new finished answer; says whether it has failed, which leaves it without a time and a length.
    fn count(&mut self, answer: &Document) -> bool {
        self.expect("librechat_messages_created_total", 1.0);
        let parts = answer.get_array("content").unwrap();
        let is_error = |part: &Bson| part.as_document().unwrap().get_str("type").unwrap() == "error";
        let has_failed = answer.get_bool("error").unwrap() || parts.iter().any(is_error);
        self.expect("librechat_answer_errors_total", f64::from(u8::from(has_failed)));
        self.expect("librechat_answer_tokens_count", f64::from(u8::from(!has_failed)));
        let calls = parts.iter().filter(|part| !is_error(part)).count();
        self.expect("librechat_tool_invocations_total", f64::from(u32::try_from(calls).unwrap()));
        has_failed
    }

    /// An answer that its user has not waited for.
    async fn save_unfinished(&mut self) {
        let id = id(&mut self.dice, now());
        let running = doc! { "type": "tool_call", "tool_call": { "name": "web_search" } };
        let fields = doc! { "unfinished": true, "error": false, "content": [running] };
        let answer = with(message(&mut self.dice, id, now()), fields);
        self.unfinished.push(id);
        self.expect("librechat_messages_created_total", 1.0);
        self.insert("messages", vec![answer]).await;
    }

    async fn finish(&mut self) {
        let Some(id) = self.unfinished.pop() else { return };
        self.touched.insert(id);
        let call = |name: &str, status: &str| {
            let call = doc! { "name": name, "runStepStatus": status, "runStepDurationMs": 250 };
            doc! { "type": "tool_call", "tool_call": call }
        };
        let content = [call("web_search", "completed"), call("search_mcp_wiki", "failed")];
        let fields = doc! { "unfinished": false, "content": content.to_vec(), "tokenCount": 77, "updatedAt": DateTime::now() };
        self.collection("messages").update_one(doc! { "_id": id }, doc! { "$set": fields }).await.unwrap();
        self.expect("librechat_tool_invocations_total", 2.0);
        self.expect("librechat_tool_invocation_seconds_count", 2.0);
        self.expect("librechat_answer_tokens_count", 1.0);
    }

    async fn spend(&mut self) {
        let rows: Vec<_> = (0..self.dice.random_range(1..40)).map(|_| self.transaction()).collect();
        self.insert("transactions", rows).await;
    }

    fn transaction(&mut self) -> Document {
        let mut user = [0; 12];
        user[11] = self.dice.random_range(0..20);
        let kind = ["prompt", "completion"].choose(&mut self.dice).copied();
        let tokens = self.dice.random_range(1..900_i32);
        self.expect("librechat_tokens_total", f64::from(tokens));
        self.expect("librechat_cost_usd_total", f64::from(tokens) * 2.5 / 1e6);
        doc! {
            "_id": id(&mut self.dice, now()), "user": ObjectId::from_bytes(user), "model": "gpt-4o", "tokenType": kind,
            "conversationId": format!("c{}", self.dice.random_range(0..60)), "context": "message",
            "rawAmount": -tokens, "rate": 2.5, "createdAt": DateTime::now(),
        }
    }

    /// New ids, old dates: copies, of which nothing is an answer given now.
    async fn import(&mut self) {
        let at = now() - self.dice.random_range(DAY..40 * DAY);
        let imported: Vec<_> = (0..20)
            .map(|_| {
                let id = id(&mut self.dice, now());
                message(&mut self.dice, id, at)
            })
            .collect();
        self.expect("librechat_messages_created_total", 20.0);
        self.expect("librechat_copied_messages_total", 20.0);
        self.insert("messages", imported).await;
    }

    /// A rating is given, changed or cleared, of any message.
    async fn rate(&mut self) {
        let Some(id) = self.messages.choose(&mut self.dice).copied() else { return };
        if !self.touched.insert(id) {
            return;
        }
        let rating = [Some("thumbsUp"), Some("thumbsDown"), None].choose(&mut self.dice).copied().flatten();
        let feedback = rating.map(|rating| doc! { "rating": rating, "tag": "other" });
        let fields = doc! { "$set": { "feedback": feedback, "updatedAt": DateTime::now() } };
        self.collection("messages").update_one(doc! { "_id": id }, fields).await.unwrap();
        let before = match rating {
            Some(rating) => self.ratings.insert(id, rating),
            None => self.ratings.remove(&id),
        };
        let is_given = rating.is_some() && rating != before;
        self.expect("librechat_feedback_given_total", f64::from(u8::from(is_given)));
    }

    /// Somebody registers, signs in, and begins to chat.
    async fn arrive(&mut self) {
        let [user, session, conversation, thread] = [(); 4].map(|()| id(&mut self.dice, now()));
        let person = doc! { "_id": user, "email": "new@example.org", "provider": "ldap", "createdAt": DateTime::now() };
        self.insert("users", vec![person]).await;
        let later = DateTime::from_millis(now() + 7 * DAY);
        self.insert("sessions", vec![doc! { "_id": session, "user": user, "expiration": later }]).await;
        let begun = |id: ObjectId| {
            doc! {
                "_id": id, "conversationId": id.to_hex(), "endpoint": "openAI", "createdAt": DateTime::now(),
            }
        };
        let hidden = with(begun(thread), doc! { "subagentThread": { "status": "running" } });
        self.insert("conversations", vec![begun(conversation), hidden]).await;
        let words =
            doc! { "isCreatedByUser": true, "content": Bson::Null, "model": Bson::Null, "error": false };
        let first = id(&mut self.dice, now());
        let mut first = with(message(&mut self.dice, first, now()), words);
        first.insert("conversationId", conversation.to_hex());
        self.insert("messages", vec![first]).await;
        self.expect("librechat_messages_created_total", 1.0);
        self.expect("librechat_users_registered_total", 1.0);
        self.expect("librechat_logins_total", 1.0);
        self.expect("librechat_conversations_started_total", 1.0);
    }

    /// A chat or an account goes, or what has expired.
    async fn delete(&mut self) {
        let (collection, ids) = match self.dice.random_range(0..3) {
            0 => ("users", &mut self.users),
            1 => ("transactions", &mut self.transactions),
            _ => ("messages", &mut self.messages),
        };
        let mut gone = Vec::new();
        for _ in 0..self.dice.random_range(1..30) {
            if ids.is_empty() {
                break;
            }
            let id = ids.swap_remove(self.dice.random_range(0..ids.len()));
            if self.touched.contains(&id) {
                ids.push(id);
            } else {
                gone.push(id);
            }
        }
        self.unfinished.retain(|id| !gone.contains(id));
        self.ratings.retain(|id, _| !gone.contains(id));
        self.collection(collection).delete_many(doc! { "_id": { "$in": gone } }).await.unwrap();
    }

    /// What is no event, and changes figures.
    async fn change(&mut self) {
        let agent = doc! { "id": "agent_x", "name": format!("Agent {}", self.dice.random_range(0..3)) };
        let agents = self.collection("agents");
        agents.update_one(doc! { "id": "agent_x" }, doc! { "$set": agent }).upsert(true).await.unwrap();
        let file =
            doc! { "bytes": self.dice.random_range(1..9_000), "createdAt": DateTime::now(), "type": "a/b" };
        self.collection("files").insert_one(file).await.unwrap();
        // LibreChat's search marks what it has indexed.
        let marked = doc! { "$set": { "_meiliIndex": self.dice.random_bool(0.5) } };
        self.collection("messages").update_many(doc! {}, marked).await.unwrap();
        let Some(id) = self.messages.choose(&mut self.dice) else { return };
        let edit =
            doc! { "$set": { "tokenCount": self.dice.random_range(1..900), "updatedAt": DateTime::now() } };
        self.collection("messages").update_one(doc! { "_id": *id }, edit).await.unwrap();
    }
}

fn with(mut document: Document, fields: Document) -> Document {
    document.extend(fields);
    document
}
