//! `backfill`: a real promtool makes blocks of what it writes, and a real Prometheus answers from them what `once --at` says
//! of a database that ends at the instant, and the dashboards' own queries for a year in which no exporter ran.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use librechat_exporter::exposition::family::Kind;
use librechat_exporter::librechat::events::Events;
use librechat_exporter::librechat::fold::Folds;
use mongodb::Client;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use serde_json::Value;
use tempfile::TempDir;

use crate::exporter::Exporter;
use crate::exposition::{Series, differences, parse};
use crate::grafana::{all, metrics, text};
use crate::http;
use crate::mongod::{DATABASE, Mongod};
use crate::prometheus::{Jobs, Prometheus, promtool};

const DAY: i64 = 86_400;

/// When the golden database was made: 2026-11-21T07:59:00Z, and midnight before; its first document is of 13 months before.
const LAST: i64 = 1_795_219_200;
const FIRST: i64 = LAST - 365 * DAY;

/// The labels that everything gets.
const LABELS: [&str; 4] = ["--label", "job=librechat", "--label", "instance=exporter:9087"];

fn date(second: i64) -> String {
    DateTime::from_millis(second * 1_000).try_to_rfc3339_string().unwrap()
}

/// Makes blocks of an output, as the documentation has it, and starts a Prometheus that has nothing else.
async fn started_on(output: &Path) -> Prometheus {
    let jobs = Jobs::new();
    let data = jobs.folder().join("data");
    let made = promtool(
        &[
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            "--max-block-duration=504h",
            output.to_str().unwrap(),
            data.to_str().unwrap(),
        ],
        "",
    );
    assert!(made.status.success(), "{made:?}");
    // What it has is older than it would keep, and a day is longer than it would look back.
    jobs.start_with(&["--storage.tsdb.retention.time=100y", "--query.lookback-delta=1d"]).await
}

async fn ask(prometheus: &Prometheus, path: &str, parameters: &[(&str, &str)]) -> Value {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let query: Vec<_> =
        parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let path = format!("/api/v1/{path}?{}", query.join("&"));
    let answer = http::get(prometheus.port, &path, &[]).await.unwrap();
    assert_eq!(answer.status, 200, "{parameters:?}: {}", answer.text());
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    answer["data"].clone()
}

/// The samples that are of exactly this second.
async fn samples_at(prometheus: &Prometheus, second: i64) -> BTreeMap<Series, f64> {
    let at = second.to_string();
    let parameters = [("query", "{job=\"librechat\"}[1s]"), ("time", at.as_str())];
    let data = ask(prometheus, "query", &parameters).await;
    let mut samples = BTreeMap::new();
    for found in data["result"].as_array().unwrap() {
        let mut labels: BTreeMap<String, String> = serde_json::from_value(found["metric"].clone()).unwrap();
        assert_eq!(labels.remove("instance").as_deref(), Some("exporter:9087"));
        assert_eq!(labels.remove("job").as_deref(), Some("librechat"));
        let name = labels.remove("__name__").unwrap();
        let value = found["values"][0][1].as_str().unwrap().parse().unwrap();
        samples.insert(Series { name, labels }, value);
    }
    samples
}

/// Copies what there was by then into a database of its own.
async fn cut(client: &Client, second: i64) -> String {
    let name = format!("until_{second}");
    let database = client.database(DATABASE);
    let mut first_later = [0; 12];
    first_later[..4].copy_from_slice(&u32::try_from(second + 1).unwrap().to_be_bytes());
    let of_id = doc! { "_id": { "$type": "objectId", "$lt": ObjectId::from_bytes(first_later) } };
    let of_date = doc! {
        "_id": { "$not": { "$type": "objectId" } },
        "createdAt": { "$not": { "$gt": DateTime::from_millis(second * 1_000) } },
    };
    for collection in database.list_collection_names().await.unwrap() {
        let stages = [
            doc! { "$match": { "$or": [&of_id, &of_date] } },
            doc! { "$out": { "db": &name, "coll": &collection } },
        ];
        database.collection::<mongodb::bson::Document>(&collection).aggregate(stages).await.unwrap();
    }
    name
}

/// Families that are told of the past, of what there is.
fn of_the_past() -> BTreeSet<&'static str> {
    Folds::families().filter(|family| !family.is_momentary).map(|family| family.name).collect()
}

async fn written(mongod: &Mongod, step: &str, output: &Path) {
    let (from, to) = (date(FIRST), date(LAST));
    let mut arguments = vec!["backfill", "--from", &from, "--to", &to, "--step", step, "--output"];
    arguments.push(output.to_str().unwrap());
    arguments.extend(LABELS);
    let settings = [("MONGO_URI", mongod.uri()), ("EMIT_PER_USER_METRICS", "true".into())];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let outcome = Exporter::run(&arguments, &settings).await;
    assert!(outcome.status.success(), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
    assert!(outcome.stderr.contains("366 instants"), "{}", outcome.stderr);
}

#[tokio::test]
async fn issue_15_prometheus_answers_for_the_past_what_once_says_of_a_database_that_ends_there() {
    let mongod = Mongod::start().await;
    mongod.load("seed1-awkward").await;
    // Two that no ObjectId dates.
    let users = mongod.client().database(DATABASE).collection("users");
    let late = DateTime::from_millis((FIRST + 100 * DAY + 1) * 1_000);
    users.insert_one(doc! { "_id": "late", "email": "late@late.example", "createdAt": late }).await.unwrap();
    users.insert_one(doc! { "_id": "always", "email": "a@always.example" }).await.unwrap();
    let folder = TempDir::with_prefix("backfill").unwrap();
    let output = folder.path().join("librechat.om");
    written(&mongod, "1d", &output).await;
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["librechat.om"], "nothing is left beside it");
    let prometheus = started_on(&output).await;

    let known = of_the_past();
    let mut told = BTreeSet::new();
    for second in [FIRST, FIRST + 101 * DAY, FIRST + 200 * DAY, LAST] {
        let database = cut(&mongod.client(), second).await;
        let uri = mongod.uri().replace(DATABASE, &database);
        let settings = [("MONGO_URI", uri.as_str()), ("EMIT_PER_USER_METRICS", "true")];
        let once = Exporter::run(&["once", "--at", &date(second)], &settings).await;
        assert!(once.status.success(), "{}", once.stderr);
        let is_known = |series: &Series| known.contains(series.name.as_str());
        let expected = parse(&once.stdout).into_iter().filter(|(series, _)| is_known(series));
        // To Prometheus a label without a value is none.
        let expected = expected.map(|(mut series, value)| {
            series.labels.retain(|_, value| !value.is_empty());
            (series, value)
        });
        let expected = expected.collect();
        let mut found = samples_at(&prometheus, second).await;
        let momentary: Vec<_> = Folds::families()
            .chain(Events::families())
            .filter(|family| family.is_momentary && found.keys().any(|series| series.name == family.name))
            .map(|family| family.name)
            .collect();
        assert_eq!(momentary, Vec::<&str>::new(), "what cannot be known is told");
        found.retain(|series, _| is_known(series));
        let wrong = differences(&expected, &found);
        assert!(wrong.is_empty(), "{}:\n{}", date(second), wrong.join("\n"));
        told.extend(found.into_keys().map(|series| series.name));
    }
    assert!(told.len() > 100, "only {} families were compared", told.len());
    the_dashboards_show_the_year(&prometheus).await;
    counters_add_up(&prometheus, &mongod).await;
}

/// Every query that asks for nothing but what is told of the past, over the whole year.
async fn the_dashboards_show_the_year(prometheus: &Prometheus) {
    let (start, end, step) = (FIRST.to_string(), LAST.to_string(), DAY.to_string());
    let span = [("start", start.as_str()), ("end", end.as_str())];
    let there = ask(prometheus, "label/__name__/values", &span).await;
    let there: BTreeSet<&str> = there.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let is_there = |name: &str| {
        let parts = [name.to_owned(), format!("{name}_bucket"), format!("{name}_count")];
        parts.iter().any(|name| there.contains(name.as_str()))
            // Of several names behind `__name__` one is enough.
            || name.trim_end_matches("_count").trim_end_matches("_sum") != name && there.contains(name)
    };
    let (mut shown, mut empty) = (0, Vec::new());
    for dashboard in all() {
        let mut choices: Vec<(String, String)> = Vec::new();
        for variable in dashboard.variables() {
            let name = text(variable, "name");
            if name == "job" {
                let query = text(&variable["query"], "query");
                let selector =
                    query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(", job)"));
                let offered = [("match[]", selector.unwrap()), span[0], span[1]];
                let jobs = ask(prometheus, "label/job/values", &offered).await;
                assert_eq!(jobs, serde_json::json!(["librechat"]), "{}", dashboard.name);
            }
            let value = if name == "job" { "librechat" } else { ".*" };
            choices.push((format!("\"${name}\""), format!("\"{value}\"")));
        }
        for query in dashboard.queries() {
            let names = metrics(&query.expression);
            if names.is_empty() || !names.iter().all(|name| is_there(name)) {
                continue;
            }
            // What Grafana takes for a point a day, and scrapes of 15 s.
            let expression = query.expression.replace("$__rate_interval", "86415s");
            let expression = expression.replace("$__range", "365d").replace("$__interval", "1d");
            let expression =
                choices.iter().fold(expression, |text, (name, value)| text.replace(name.as_str(), value));
            let data = if query.is_instant {
                ask(prometheus, "query", &[("query", &expression), ("time", &end)]).await
            } else {
                let range = [("query", expression.as_str()), span[0], span[1], ("step", &step)];
                ask(prometheus, "query_range", &range).await
            };
            if data["result"].as_array().unwrap().is_empty() {
                empty.push(format!("{}: {expression}", query.place));
            } else {
                shown += 1;
            }
        }
    }
    assert!(empty.is_empty(), "nothing to see in\n{}", empty.join("\n"));
    assert!(shown > 40, "only {shown} queries could be asked");
}

/// The counters' increases of the year are what was written in it.
async fn counters_add_up(prometheus: &Prometheus, mongod: &Mongod) {
    let between = |first: i64, last: i64| {
        let of = |second: i64| {
            let mut bytes = [0; 12];
            bytes[..4].copy_from_slice(&u32::try_from(second + 1).unwrap().to_be_bytes());
            ObjectId::from_bytes(bytes)
        };
        doc! { "_id": { "$gte": of(first), "$lt": of(last) } }
    };
    let messages = mongod.client().database(DATABASE).collection::<mongodb::bson::Document>("messages");
    let at = LAST.to_string();
    for days in [30, 365] {
        let written = messages.count_documents(between(LAST - days * DAY, LAST)).await.unwrap();
        let last = samples_at(prometheus, LAST).await;
        let first = samples_at(prometheus, LAST - days * DAY).await;
        let total = |samples: &BTreeMap<Series, f64>| -> f64 {
            let of = samples.iter().filter(|(series, _)| series.name == "librechat_messages_created_total");
            of.map(|(_, value)| value).sum()
        };
        let counted = total(&last) - total(&first);
        assert!(
            counted > 100.0 && (counted - written as f64).abs() < 0.5,
            "{days} days: {counted}, {written}"
        );
    }
    // Each series begins with 0, so that no step is lost.
    let counters = Events::families().filter(|family| family.kind == Kind::Counter && !family.is_momentary);
    for family in counters {
        let lost = format!("min_over_time({}[366d]) > 0", family.name);
        let data = ask(prometheus, "query", &[("query", &lost), ("time", &at)]).await;
        assert_eq!(data["result"], Value::Array(Vec::new()), "{}", family.name);
    }
}

#[tokio::test]
async fn issue_15_a_database_without_anything_is_an_error_and_leaves_no_file() {
    let mongod = Mongod::start().await;
    let folder = TempDir::with_prefix("backfill").unwrap();
    let output = folder.path().join("librechat.om");
    let arguments = ["backfill", "--from", "2026-01-01", "--to", "2026-02-01", "--step", "1d", "--output"];
    let arguments: Vec<&str> = arguments.into_iter().chain([output.to_str().unwrap()]).collect();
    let uri = mongod.uri();
    let outcome = Exporter::run(&arguments, &[("MONGO_URI", &uri)]).await;
    assert_eq!(outcome.status.code(), Some(1));
    assert!(
        outcome.stderr.contains(DATABASE) && outcome.stderr.contains("nothing was written"),
        "{}",
        outcome.stderr
    );

    // All that there is is of later.
    fs::write(&output, "what was there").unwrap();
    mongod.load("seed1").await;
    let old = ["backfill", "--from", "2020-01-01", "--to", "2020-02-01", "--step", "1d", "--output"];
    let old: Vec<&str> = old.into_iter().chain([output.to_str().unwrap()]).collect();
    let outcome = Exporter::run(&old, &[("MONGO_URI", &uri)]).await;
    assert_eq!(outcome.status.code(), Some(1));
    assert!(outcome.stderr.contains("nothing was written"), "{}", outcome.stderr);
    assert_eq!(fs::read_to_string(&output).unwrap(), "what was there");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
