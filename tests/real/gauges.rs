//! Groups, balances, caches, queues and indexes, as a real MongoDB has them.

use std::collections::BTreeMap;
use std::fs;

use mongodb::Database;
use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::exporter::Exporter;
use crate::exposition::{Series, differences, parse};
use crate::mongod::{DATABASE, Mongod, READER, golden};
use crate::servers::eventually;

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600_000;

fn id(number: u8) -> ObjectId {
    let mut bytes = [0; 12];
    bytes[11] = number;
    ObjectId::from_bytes(bytes)
}

fn ago(seconds: i64) -> DateTime {
    DateTime::from_millis(NOW - seconds * 1_000)
}

fn instant() -> String {
    OffsetDateTime::from_unix_timestamp(NOW / 1_000).unwrap().format(&Rfc3339).unwrap()
}

async fn insert(database: &Database, collection: &str, tenant: &str, documents: Vec<Document>) {
    let documents = documents.into_iter().map(|mut document| {
        document.insert("tenantId", tenant);
        document
    });
    database.collection(collection).insert_many(documents).await.unwrap();
}

/// Two tenants: the second one has what would spoil the figures of the first.
async fn fill(database: &Database) {
    let hex = |number: u8| id(number).to_hex();
    let user = |number: u8| doc! { "_id": id(number), "idOnTheSource": format!("entra-{number}") };
    insert(database, "users", "a", vec![user(1), user(2), user(3)]).await;
    let groups = vec![
        doc! { "_id": id(11), "name": "Sales", "memberIds": [hex(1), "entra-1", "entra-2"] },
        doc! { "_id": id(12), "name": "Sales", "memberIds": ["entra-1"] },
        doc! { "_id": id(13), "memberIds": [hex(2)], "source": "local" },
    ];
    insert(database, "groups", "a", groups).await;
    let message = |number: u8, seconds: i64| doc! { "user": hex(number), "createdAt": ago(seconds) };
    let messages =
        vec![message(1, 0), message(1, 60), message(2, 3_600), message(2, 20 * 86_400), message(3, 5)];
    insert(database, "messages", "a", messages).await;
    let row = |number: u8, usd: f64| {
        doc! { "user": id(number), "model": "m", "tokenType": "completion", "tokenValue": -usd * 1e6 }
    };
    let prompt = doc! {
        "user": id(1), "model": "m", "tokenType": "prompt", "rawAmount": -8, "tokenValue": 0, "createdAt": ago(9),
        "inputTokens": -1, "writeTokens": -1, "readTokens": -6,
    };
    let uncached = doc! { "model": "m", "tokenType": "prompt", "rawAmount": -4, "createdAt": ago(9) };
    insert(database, "transactions", "a", vec![row(1, 1.5), row(2, 2.0), row(3, 8.0), prompt, uncached])
        .await;
    let balances = vec![
        doc! { "_id": id(21), "user": id(1), "tokenCredits": 20.5 },
        doc! { "_id": id(22), "user": id(1), "tokenCredits": 1_000 },
        doc! { "_id": id(23), "user": id(2), "tokenCredits": 0 },
    ];
    insert(database, "balances", "a", balances).await;
    let turn = |status: &str, seconds: i64| doc! { "status": status, "createdAt": ago(seconds) };
    let turns = vec![turn("queued", 90), turn("queued", 30), turn("dead", 900), turn("new", 1)];
    insert(database, "agentqueuedturns", "a", turns).await;
    insert(database, "scheduleruns", "a", vec![doc! { "status": "success" }, doc! { "status": "error" }])
        .await;

    insert(database, "users", "b", vec![user(4)]).await;
    insert(database, "groups", "b", vec![doc! { "name": "Spies", "memberIds": [hex(1), hex(4)] }]).await;
    insert(database, "messages", "b", vec![message(4, 0)]).await;
    insert(database, "transactions", "b", vec![row(4, 16.0)]).await;
    insert(database, "balances", "b", vec![doc! { "user": id(4), "tokenCredits": -1 }]).await;
    insert(database, "agentqueuedturns", "b", vec![turn("claimed", 9_999)]).await;
    insert(database, "scheduleruns", "b", vec![doc! { "status": "started" }]).await;
}

/// The samples of the families that `expected` has.
fn of_families(
    expected: &BTreeMap<Series, f64>,
    mut samples: BTreeMap<Series, f64>,
) -> BTreeMap<Series, f64> {
    samples.retain(|series, _| expected.keys().any(|known| known.name == series.name));
    samples
}

#[tokio::test]
async fn groups_balances_and_queues_are_those_of_the_tenant() {
    let mongod = Mongod::start().await;
    fill(&mongod.client().database(DATABASE)).await;
    let settings = [("MONGO_URI", mongod.uri()), ("TENANT_ID", "a".to_owned())];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let outcome = Exporter::run(&["once", "--at", &instant()], &settings).await;
    assert!(outcome.status.success(), "{}", outcome.stderr);
    let nameless = id(13).to_hex();
    let expected = parse(&format!(
        r#"
librechat_active_users_by_group{{group="Sales"}} 1
librechat_active_users_by_group{{group="{nameless}"}} 0
librechat_active_users_by_group_1d{{group="Sales"}} 2
librechat_active_users_by_group_1d{{group="{nameless}"}} 1
librechat_active_users_by_group_30d{{group="Sales"}} 2
librechat_active_users_by_group_30d{{group="{nameless}"}} 1
librechat_cost_usd_by_group{{group="Sales"}} 3.500008
librechat_cost_usd_by_group{{group="{nameless}"}} 2
librechat_balance_credits 20.5
librechat_users_without_balance 1
librechat_prompt_cache_hit_ratio{{model="m"}} 0.5
librechat_queued_turns{{status="reserving"}} 0
librechat_queued_turns{{status="queued"}} 2
librechat_queued_turns{{status="claimed"}} 0
librechat_queued_turns{{status="admitted"}} 0
librechat_queued_turns{{status="cancelled"}} 0
librechat_queued_turns{{status="dead"}} 1
librechat_queued_turns{{status="other"}} 1
librechat_oldest_queued_turn_seconds{{status="queued"}} 90
librechat_schedule_runs{{status="started"}} 0
librechat_schedule_runs{{status="requires_action"}} 0
librechat_schedule_runs{{status="success"}} 1
librechat_schedule_runs{{status="error"}} 1
librechat_schedule_runs{{status="interrupted"}} 0
librechat_schedule_runs{{status="skipped_overlap"}} 0
librechat_schedule_runs{{status="skipped_balance"}} 0
"#
    ));
    let found = differences(&expected, &of_families(&expected, parse(&outcome.stdout)));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// What MongoDB itself reckons of seed1, which has neither groups nor queues. No cache was of use in it: here some are.
#[tokio::test]
async fn balances_and_cache_ratios_are_what_the_database_says() {
    let mongod = Mongod::start().await;
    mongod.load("seed1").await;
    let database = mongod.client().database(DATABASE);
    let read = doc! { "$trunc": { "$divide": ["$inputTokens", 3] } };
    let cached = doc! { "readTokens": &read, "inputTokens": { "$subtract": ["$inputTokens", &read] } };
    let transactions = database.collection::<Document>("transactions");
    let has_parts = doc! { "inputTokens": { "$exists": true } };
    transactions.update_many(has_parts, vec![doc! { "$set": cached }]).await.unwrap();
    let now = fs::read_to_string(golden("seed1").join("now.txt")).unwrap();
    let at = OffsetDateTime::parse(now.trim(), &Rfc3339).unwrap();
    let month = DateTime::from_millis(at.unix_timestamp() * 1_000 - 30 * 86_400_000);
    let read = async |collection: &str, pipeline: Vec<Document>| -> Vec<Document> {
        let mut cursor = database.collection::<Document>(collection).aggregate(pipeline).await.unwrap();
        let mut documents = Vec::new();
        while cursor.advance().await.unwrap() {
            documents.push(cursor.deserialize_current().unwrap());
        }
        documents
    };
    // A row of seed1 has parts and no amount.
    let abs = |field: &str| doc! { "$abs": { "$ifNull": [format!("${field}"), 0] } };
    let parts = doc! { "$add": [abs("inputTokens"), abs("writeTokens"), abs("readTokens")] };
    let all = doc! { "$max": [abs("rawAmount"), parts] };
    let is_model = doc! { "$type": "string", "$nin": ["unknown", "UNKNOWN"] };
    let mut expected = String::new();
    let prompts = doc! { "tokenType": "prompt", "createdAt": { "$gte": month }, "model": is_model };
    let sums = doc! { "all": { "$sum": all }, "cached": { "$sum": abs("readTokens") } };
    let by_model = [doc! { "_id": "$model" }, sums].into_iter().flatten().collect::<Document>();
    let number = |value: &Document, field: &str| -> f64 {
        let value = value.get(field).unwrap();
        value.as_f64().or(value.as_i64().map(|value| value as f64)).or(value.as_i32().map(f64::from)).unwrap()
    };
    for row in read("transactions", vec![doc! { "$match": prompts }, doc! { "$group": by_model }]).await {
        let (all, cached) = (number(&row, "all"), number(&row, "cached"));
        if all > 0.0 {
            let model = row.get_str("_id").unwrap();
            expected += &format!("librechat_prompt_cache_hit_ratio{{model={model:?}}} {}\n", cached / all);
        }
    }
    assert!(expected.lines().count() > 3 && !expected.lines().all(|line| line.ends_with(" 0")), "{expected}");
    let oldest = vec![
        doc! { "$sort": { "_id": 1 } },
        doc! { "$group": { "_id": "$user", "credits": { "$first": "$tokenCredits" } } },
        doc! { "$group": {
            "_id": null, "all": { "$sum": "$credits" },
            "empty": { "$sum": { "$cond": [{ "$lte": ["$credits", 0] }, 1, 0] } },
        } },
    ];
    for row in read("balances", oldest).await {
        expected += &format!("librechat_balance_credits {}\n", number(&row, "all"));
        expected += &format!("librechat_users_without_balance {}\n", number(&row, "empty"));
    }
    let expected = parse(&expected);
    assert!(expected.keys().any(|series| series.name == "librechat_balance_credits"));
    let outcome = Exporter::run(&["once", "--at", now.trim()], &[("MONGO_URI", &mongod.uri())]).await;
    assert!(outcome.status.success(), "{}", outcome.stderr);
    // Of what this database has not, nothing is claimed.
    let absent = ["cost_usd_by_group", "active_users_by_group", "queued_turns", "schedule_runs"];
    let samples = parse(&outcome.stdout);
    for name in absent {
        assert!(samples.keys().all(|series| series.name != format!("librechat_{name}")), "{name}");
    }
    let samples = of_families(&expected, samples);
    let found = differences(&expected, &samples);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn a_reader_is_told_of_the_index_that_is_missing_until_there_is_one() {
    let mongod = Mongod::start_guarded().await;
    let messages = mongod.client().database(DATABASE).collection::<Document>("messages");
    messages.insert_one(doc! { "text": "never read" }).await.unwrap();
    let uri = mongod.uri_as(READER);
    let exporter = Exporter::serve(&[("MONGO_URI", &uri)]).await;
    let is = async |missing: f64| {
        eventually(&format!("missing is {missing}"), async || {
            let samples = exporter.scrape().await;
            let labels = [("collection", "messages"), ("key", r#"{"updatedAt":1}"#)];
            let labels = labels.map(|(label, value)| (label.to_owned(), value.to_owned())).into();
            let series = Series { name: "librechat_exporter_missing_indexes".to_owned(), labels };
            let value = samples.get(&series).copied();
            if value == Some(missing) { Ok(()) } else { Err(format!("it is {value:?}")) }
        })
        .await;
    };
    is(1.0).await;
    let index = mongodb::IndexModel::builder().keys(doc! { "updatedAt": 1 }).build();
    messages.create_index(index).await.unwrap();
    is(0.0).await;
}
