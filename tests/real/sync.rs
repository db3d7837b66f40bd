//! The heart of trust: whatever happens to the database, `serve` comes to say what `once` says.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use librechat_exporter::librechat::events::Events;
use mongodb::Database;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, doc};
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::exporter::Exporter;
use crate::exposition::{Series, differences, parse, value};
use crate::mongod::{DATABASE, Mongod};
use crate::servers::eventually;

const SNAPSHOT: &str = "librechat_exporter_snapshot_timestamp_seconds";

type Dice = Xoshiro256PlusPlus;

/// The families that tell what there is. Those that tell what happened are `serve`'s only.
fn figures(samples: BTreeMap<Series, f64>) -> BTreeMap<Series, f64> {
    let is_event = |name: &str| Events::families().any(|family| name.starts_with(family.name));
    let is_own = |name: &str| name.starts_with("librechat_exporter_") || name == "librechat_up";
    let is_figure = |name: &str| name.starts_with("librechat_") && !is_own(name) && !is_event(name);
    samples.into_iter().filter(|(series, _)| is_figure(&series.name)).collect()
}

/// Waits until `serve` says what `once` says as of the same instant.
async fn agree(exporter: &Exporter, uri: &str, settings: &[(&str, &str)]) {
    let settings = [&[("MONGO_URI", uri)], settings].concat();
    eventually("serve says what once says", async || {
        let served = exporter.scrape().await;
        let at = Duration::from_secs_f64(value(&served, SNAPSHOT).ok_or("no snapshot")?);
        let at = OffsetDateTime::from(SystemTime::UNIX_EPOCH + at).format(&Rfc3339).unwrap();
        let outcome = Exporter::run(&["once", "--at", &at], &settings).await;
        assert!(outcome.status.success(), "{}", outcome.stderr);
        let found = differences(&figures(parse(&outcome.stdout)), &figures(served));
        if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
    })
    .await;
}

fn now() -> i64 {
    DateTime::now().timestamp_millis()
}

/// An id as a process whose clock is off by up to two minutes makes it.
fn id(dice: &mut Dice, at: i64) -> ObjectId {
    let second = u32::try_from(at / 1000 + dice.random_range(-120..120)).unwrap();
    let mut bytes: [u8; 12] = dice.random();
    bytes[..4].copy_from_slice(&second.to_be_bytes());
    ObjectId::from_bytes(bytes)
}

fn message(dice: &mut Dice, id: ObjectId, created: i64) -> Document {
    let model = ["gpt-4o", "agent_x", "asst_y", "o3"].choose(dice).copied();
    let user = format!("69629fc78b4c51a2450000{:02x}", dice.random_range(0..20));
    doc! {
        "_id": id, "messageId": id.to_hex(), "conversationId": format!("c{}", dice.random_range(0..60)), "user": user,
        "model": if dice.random_bool(0.5) { Bson::Null } else { model.into() },
        "createdAt": DateTime::from_millis(created), "updatedAt": DateTime::from_millis(created),
        "tokenCount": dice.random_range(1..500), "isCreatedByUser": dice.random_bool(0.5),
        "error": dice.random_bool(0.05), "unfinished": dice.random_bool(0.3), "text": "never read",
        "content": [{ "type": "tool_call", "tool_call": { "name": "search_mcp_wiki", "output": "never read" } }],
    }
}

fn transaction(dice: &mut Dice, id: ObjectId, created: i64) -> Document {
    let mut user = [0; 12];
    user[11] = dice.random_range(0..20);
    let model = ["gpt-4o", "o3"].choose(dice).copied();
    let kind = ["prompt", "completion"].choose(dice).copied();
    doc! {
        "_id": id, "user": ObjectId::from_bytes(user), "conversationId": format!("c{}", dice.random_range(0..60)),
        "model": model, "tokenType": kind,
        "rawAmount": -dice.random_range(1..900), "rate": 2.5, "createdAt": DateTime::from_millis(created),
    }
}

async fn random_id(database: &Database, collection: &str) -> Document {
    let sample = [doc! { "$sample": { "size": 1 } }, doc! { "$project": { "_id": 1 } }];
    let mut cursor = database.collection::<Document>(collection).aggregate(sample).await.unwrap();
    if cursor.advance().await.unwrap() {
        cursor.deserialize_current().unwrap()
    } else {
        doc! { "_id": 0 }
    }
}

/// One thing that happens to a LibreChat.
async fn happen(database: &Database, dice: &mut Dice) {
    let messages = database.collection::<Document>("messages");
    let any = random_id(database, "messages").await;
    let updated = |mut fields: Document| {
        fields.insert("updatedAt", DateTime::now());
        doc! { "$set": fields }
    };
    match dice.random_range(0..14) {
        0..4 => {
            let new: Vec<_> = (0..dice.random_range(1..30)).map(|_| id(dice, now())).collect();
            let new: Vec<_> = new.into_iter().map(|id| message(dice, id, now())).collect();
            messages.insert_many(new).await.map(drop).unwrap();
        }
        4..6 => {
            let new: Vec<_> = (0..dice.random_range(1..40)).map(|_| id(dice, now())).collect();
            let new: Vec<_> = new.into_iter().map(|id| transaction(dice, id, now())).collect();
            database.collection("transactions").insert_many(new).await.map(drop).unwrap();
        }
        6 => {
            // An import: new ids, old dates.
            let at = now() - dice.random_range(0..40 * 86_400_000_i64);
            let new: Vec<_> = (0..20).map(|_| id(dice, now())).collect();
            let new: Vec<_> = new.into_iter().map(|id| message(dice, id, at)).collect();
            messages.insert_many(new).await.map(drop).unwrap();
        }
        7 => {
            let rating = ["thumbsUp", "thumbsDown"].choose(dice).copied();
            let change = updated(doc! { "feedback": { "rating": rating, "tag": "other" } });
            messages.update_one(any, change).await.map(drop).unwrap();
        }
        8 => messages.update_one(any, updated(doc! { "feedback": null })).await.map(drop).unwrap(),
        9 => {
            let finished = doc! { "unfinished": false, "tokenCount": dice.random_range(1..900) };
            messages.update_many(doc! { "unfinished": true }, updated(finished)).await.map(drop).unwrap();
        }
        10 => {
            let conversation = doc! { "conversationId": format!("c{}", dice.random_range(0..60)) };
            messages.delete_many(conversation).await.map(drop).unwrap();
        }
        11 => messages.delete_one(any).await.map(drop).unwrap(),
        12 => {
            // An account: its transactions go, too.
            let user = random_id(database, "users").await.get("_id").cloned();
            database
                .collection::<Document>("transactions")
                .delete_many(doc! { "user": &user })
                .await
                .unwrap();
            database.collection::<Document>("users").delete_one(doc! { "_id": user }).await.unwrap();
        }
        _ => {
            let agent = doc! { "id": "agent_x", "name": format!("Agent {}", dice.random_range(0..3)) };
            let agents = database.collection::<Document>("agents");
            agents.update_one(doc! { "id": "agent_x" }, doc! { "$set": agent }).upsert(true).await.unwrap();
            let file =
                doc! { "bytes": dice.random_range(1..9_000), "createdAt": DateTime::now(), "type": "a/b" };
            database.collection::<Document>("files").insert_one(file).await.unwrap();
        }
    }
}

#[tokio::test]
async fn serve_says_what_once_says_whatever_happened() {
    let mut mongod = Mongod::start().await;
    mongod.load("seed1").await;
    let uri = mongod.uri();
    let exporter = Exporter::serve(&[("MONGO_URI", &uri)]).await;
    exporter.until_sample("librechat_message_count", Some(3000.0)).await;
    let mut dice = Dice::seed_from_u64(11);
    for round in 0..3 {
        let database = mongod.client().database(DATABASE);
        for _ in 0..40 {
            happen(&database, &mut dice).await;
        }
        if round == 1 {
            mongod.kill();
            exporter.until_status("/health", 503).await;
            mongod.restart().await;
            exporter.until_status("/health", 200).await;
        }
        agree(&exporter, &uri, &[]).await;
    }
}

#[tokio::test]
async fn an_idle_refresh_reads_few_documents_and_shows_what_is_new_at_once() {
    let mongod = Mongod::start().await;
    let database = mongod.client().database(DATABASE);
    let mut dice = Dice::seed_from_u64(5);
    let year = 365 * 86_400_000_i64;
    let history: Vec<_> = (0..30_000_i64)
        .map(|index| {
            let at = now() - year + index * (year / 30_001);
            let id = id(&mut dice, at);
            message(&mut dice, id, at)
        })
        .collect();
    database.collection("messages").insert_many(history).await.unwrap();
    let exporter = Exporter::serve(&[("MONGO_URI", &mongod.uri())]).await;
    let samples = exporter.until_sample("librechat_message_count", Some(30_000.0)).await;
    assert_eq!(value(&samples, "librechat_exporter_first_fold_progress_ratio"), Some(1.0));
    let read = |samples: &BTreeMap<Series, f64>| {
        let of = samples.iter().filter(|(series, _)| {
            series.name == "librechat_exporter_documents_read_total" && series.labels["reason"] != "first"
        });
        let refreshes = samples.iter().find(|(series, _)| {
            series.name == "librechat_exporter_refreshes_total" && series.labels["result"] == "ok"
        });
        (of.map(|(_, value)| value).sum::<f64>(), *refreshes.unwrap().1)
    };
    let (documents, refreshes) = eventually("some refreshes are done", async || {
        let (documents, refreshes) = read(&exporter.scrape().await);
        if refreshes > 5.0 { Ok((documents, refreshes)) } else { Err(refreshes.to_string()) }
    })
    .await;
    assert!(documents / refreshes < 2_500.0, "{documents} documents in {refreshes} refreshes");
    let new = id(&mut dice, now());
    let new = message(&mut dice, new, now());
    database.collection("messages").insert_one(new).await.unwrap();
    exporter.until_sample("librechat_message_count", Some(30_001.0)).await;
    // In the middle of history: only the count tells.
    let old = doc! { "createdAt": { "$lt": DateTime::from_millis(now() - year / 2) } };
    database.collection::<Document>("messages").delete_one(old).await.unwrap();
    exporter.until_sample("librechat_message_count", Some(30_000.0)).await;
    agree(&exporter, &mongod.uri(), &[]).await;
}

#[tokio::test]
async fn a_tenants_figures_are_kept_current_without_the_servers_count() {
    let mongod = Mongod::start().await;
    let database = mongod.client().database(DATABASE);
    let mut dice = Dice::seed_from_u64(3);
    let exporter = Exporter::serve(&[("MONGO_URI", &mongod.uri()), ("TENANT_ID", "a")]).await;
    for tenant in ["a", "b", "a"] {
        let messages: Vec<_> = (0..500)
            .map(|_| {
                let id = id(&mut dice, now());
                let mut message = message(&mut dice, id, now());
                message.insert("tenantId", tenant);
                message
            })
            .collect();
        database.collection("messages").insert_many(messages).await.unwrap();
    }
    let samples = exporter.until_sample("librechat_message_count", Some(1_000.0)).await;
    assert!(samples.keys().any(|series| series.labels.get("mode").is_some_and(|mode| mode == "polling")));
    agree(&exporter, &mongod.uri(), &[("TENANT_ID", "a")]).await;
}
