//! That the servers themselves do what the other tests build on.

use futures_util::StreamExt;
use mongodb::bson::{Document, doc};
use tokio::time::timeout;

use crate::mongod::{DATABASE, Mongod, READER};
use crate::openmetrics::parse_openmetrics;
use crate::prometheus::{Jobs, promtool};
use crate::replica_set::ReplicaSet;
use crate::servers::{DEADLINE, free_port};

#[tokio::test]
async fn mongod_keeps_the_golden_database_over_a_kill_and_a_stop() {
    let mut mongod = Mongod::start().await;
    mongod.load("seed1").await;
    mongod.kill();
    mongod.restart().await;
    mongod.terminate().await;
    mongod.restart().await;
    let database = mongod.client().database(DATABASE);
    for (collection, documents) in [("messages", 3000), ("prompts", 31), ("roles", 3)] {
        let count = database.collection::<Document>(collection).count_documents(doc! {}).await.unwrap();
        assert_eq!(count, documents, "{collection}");
    }
    let message = database.collection::<Document>("messages").find_one(doc! {}).await.unwrap().unwrap();
    assert!(message.get_object_id("_id").is_ok() && message.get_datetime("createdAt").is_ok(), "{message}");
}

#[tokio::test]
async fn a_guarded_mongod_refuses_strangers_and_lets_the_reader_only_read() {
    let mongod = Mongod::start_guarded().await;
    mongod.load("seed1").await;
    let stranger = mongodb::Client::with_uri_str(mongod.uri()).await.unwrap();
    let users = stranger.database(DATABASE).collection::<Document>("users");
    users.count_documents(doc! {}).await.unwrap_err();
    let reader = mongodb::Client::with_uri_str(mongod.uri_as(READER)).await.unwrap();
    let users = reader.database(DATABASE).collection::<Document>("users");
    assert_eq!(users.count_documents(doc! {}).await.unwrap(), 30);
    users.insert_one(doc! { "name": "intruder" }).await.unwrap_err();
}

#[tokio::test]
async fn a_replica_set_goes_on_with_another_primary() {
    let mut set = ReplicaSet::start(3).await;
    let first = set.primary().await;
    set.members[first].kill();
    let second = set.primary().await;
    assert_ne!(first, second);
    set.members[first].restart().await;
    let client = mongodb::Client::with_uri_str(set.uri()).await.unwrap();
    let things = client.database(DATABASE).collection::<Document>("things");
    things.insert_one(doc! { "a": 1 }).await.unwrap();
}

#[tokio::test]
async fn a_guarded_replica_set_tells_the_reader_of_changes() {
    let set = ReplicaSet::start_guarded(1).await;
    let (user, password) = READER;
    let uri = set.uri().replacen("mongodb://", &format!("mongodb://{user}:{password}@"), 1);
    let reader = mongodb::Client::with_uri_str(format!("{uri}&authSource=admin")).await.unwrap();
    let mut changes = reader.database(DATABASE).watch().await.unwrap();
    let things = set.members[0].client().database(DATABASE).collection("things");
    things.insert_one(doc! { "a": 1 }).await.unwrap();
    let change = timeout(DEADLINE, changes.next()).await.expect("a change").unwrap().unwrap();
    assert_eq!(change.full_document.unwrap().get_i32("a").ok(), Some(1));
}

#[tokio::test]
async fn prometheus_tells_a_target_that_answers_from_one_that_does_not() {
    let other = Jobs::new().start().await;
    let jobs = Jobs::new().add("there", other.port, "").add("gone", free_port(), "");
    let prometheus = jobs.start().await;
    prometheus.until("up{job='there'}", 1.0).await;
    prometheus.until("up{job='gone'}", 0.0).await;
    prometheus.until("prometheus_build_info{job='there'}", 1.0).await;
    assert_eq!(prometheus.query("librechat_up").await, None);
}

#[test]
fn promtool_tells_what_does_not_parse_from_what_it_only_dislikes() {
    let good = "# HELP a_things Things.\n# TYPE a_things gauge\na_things 1\n";
    let disliked = "# HELP a_total Things.\n# TYPE a_total gauge\na_total 1\n";
    let broken = "# TYPE a_things gauge\na_things{b=\"c} 1\n";
    for (text, code) in [(good, 0), (disliked, 3), (broken, 1)] {
        let checked = promtool(&["check", "metrics"], text);
        assert_eq!(checked.status.code(), Some(code), "{text}{checked:?}");
    }
}

#[test]
fn the_strict_openmetrics_parser_refuses_what_is_not_openmetrics() {
    let good = "# TYPE a_things gauge\n# HELP a_things Things.\na_things 1\n# EOF\n";
    assert_eq!(parse_openmetrics(good).unwrap(), ["a_things gauge 1"]);
    let counter_without_total = "# TYPE a_things counter\na_things 1\n# EOF\n";
    let no_end = "# TYPE a_things gauge\na_things 1\n";
    let blank_line = "# TYPE a_things gauge\na_things 1\n\n# EOF\n";
    for bad in [counter_without_total, no_end, blank_line] {
        parse_openmetrics(bad).unwrap_err();
    }
}
