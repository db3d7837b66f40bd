//! `report` beside sums that the database makes itself.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, DateTime, Document, doc};
use serde_json::Value;

use crate::exporter::Exporter;
use crate::mongod::{DATABASE, Mongod};

const FROM: &str = "2026-10-01";
const TO: &str = "2026-11-01";

async fn report(mongod: &Mongod, by: &str) -> Value {
    let arguments = ["report", "--from", FROM, "--to", TO, "--by", by, "--format", "json"];
    let outcome = Exporter::run(&arguments, &[("MONGO_URI", &mongod.uri())]).await;
    assert!(outcome.status.success(), "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

fn column(report: &Value, label: &str, name: &str) -> BTreeMap<String, f64> {
    let rows = report["rows"].as_array().unwrap().iter();
    let of =
        rows.map(|row| (row[label].as_str().unwrap_or_default().to_owned(), row[name].as_f64().unwrap()));
    of.filter(|(_, value)| *value != 0.0).collect()
}

/// What an aggregation of `_id` and `value` finds.
async fn sums(mongod: &Mongod, collection: &str, stages: Vec<Document>) -> BTreeMap<String, f64> {
    let database = mongod.client().database(DATABASE);
    let mut cursor = database.collection::<Document>(collection).aggregate(stages).await.unwrap();
    let mut found = BTreeMap::new();
    while cursor.advance().await.unwrap() {
        let row: Document = cursor.deserialize_current().unwrap();
        let label = match row.get("_id").unwrap() {
            Bson::ObjectId(id) => id.to_hex(),
            Bson::String(text) => text.clone(),
            Bson::Null => "unknown".to_owned(),
            other => panic!("{other}"),
        };
        let value = row.get("value").unwrap();
        let value =
            value.as_f64().or(value.as_i32().map(f64::from)).or(value.as_i64().map(|number| number as f64));
        found.insert(label, value.unwrap());
    }
    found.retain(|_, value| *value != 0.0);
    found
}

fn agree(reported: &BTreeMap<String, f64>, summed: &BTreeMap<String, f64>) {
    assert!(!summed.is_empty());
    assert_eq!(reported.keys().collect::<Vec<_>>(), summed.keys().collect::<Vec<_>>());
    for (label, value) in summed {
        assert!(
            (reported[label] - value).abs() < 1e-9 * value.abs().max(1.0),
            "{label}: {} {value}",
            reported[label]
        );
    }
}

#[tokio::test]
async fn a_month_by_model_and_user_is_what_the_database_adds_up_itself() {
    let mongod = Mongod::start().await;
    mongod.load("seed1").await;
    let day = |text: &str| DateTime::parse_rfc3339_str(format!("{text}T00:00:00Z")).unwrap();
    let of_month = doc! { "$match": { "createdAt": { "$gte": day(FROM), "$lt": day(TO) } } };
    // LibreChat's value of a row, else its tokens by their rate; what comes to more than 0 is a credit.
    let value = doc! { "$ifNull": ["$tokenValue", 0] };
    let by_rate = doc! { "$multiply": ["$rawAmount", { "$ifNull": ["$rate", 1] }] };
    let credits = doc! { "$cond": [{ "$eq": [value, 0] }, by_rate, "$tokenValue"] };
    let rows = [
        of_month.clone(),
        doc! { "$match": { "model": { "$nin": ["unknown", "UNKNOWN"], "$type": "string" } } },
        doc! { "$set": { "credits": credits } },
        doc! { "$match": { "credits": { "$lt": 0 } } },
    ];
    let usd = |by: &str| doc! { "$group": { "_id": by, "value": { "$sum": { "$divide": [{ "$abs": "$credits" }, 1e6] } } } };
    let of_rows = |by: &str| rows.iter().cloned().chain([usd(by)]).collect::<Vec<_>>();

    let by_model = report(&mongod, "model").await;
    assert_eq!((&by_model["from"], &by_model["to"]), (&FROM.into(), &TO.into()));
    let summed = sums(&mongod, "transactions", of_rows("$model")).await;
    agree(&column(&by_model, "model", "cost_usd"), &summed);
    let total: f64 = summed.values().sum();
    assert!((by_model["total"]["cost_usd"].as_f64().unwrap() - total).abs() < 1e-6);

    let by_user = report(&mongod, "user").await;
    let summed = sums(&mongod, "transactions", of_rows("$user")).await;
    agree(&column(&by_user, "user", "cost_usd"), &summed);
    let questions = doc! { "$match": { "isCreatedByUser": true } };
    let number = doc! { "$group": { "_id": { "$ifNull": ["$user", Bson::Null] }, "value": { "$sum": 1 } } };
    let summed = sums(&mongod, "messages", vec![of_month, questions, number]).await;
    agree(&column(&by_user, "user", "messages"), &summed);
}

#[tokio::test]
async fn a_database_without_transactions_is_an_error() {
    let mongod = Mongod::start().await;
    let outcome = Exporter::run(&["report"], &[("MONGO_URI", &mongod.uri())]).await;
    assert!(!outcome.status.success());
    assert!(outcome.stderr.contains("has no transactions"), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
}
