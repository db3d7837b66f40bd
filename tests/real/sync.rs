//! The heart of trust: whatever happens to the database, `serve` comes to say what `once` says.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use librechat_exporter::librechat::events::Events;
use mongodb::bson::{DateTime, Document, doc};
use rand::SeedableRng as _;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::exporter::Exporter;
use crate::exposition::{Series, differences, parse, value};
use crate::life::{Dice, Life, id, message, now};
use crate::mongod::{DATABASE, Mongod, load};
use crate::replica_set::ReplicaSet;
use crate::servers::eventually;

const SNAPSHOT: &str = "librechat_exporter_snapshot_timestamp_seconds";

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

/// Waits until the counters of events have moved by what happened.
async fn count_what_happened(exporter: &Exporter, life: &Life) {
    eventually("the events are counted", async || {
        let served = exporter.scrape().await;
        let mut wrong = Vec::new();
        for (family, expected) in &life.expected {
            let counted: f64 =
                served.iter().filter(|(series, _)| series.name == *family).map(|(_, value)| value).sum();
            if (counted - expected).abs() > 1e-9 * expected.abs() {
                wrong.push(format!("{family} is {counted}, not {expected}"));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
    })
    .await;
}

/// One round: things happen, and all of them come to show.
async fn round(exporter: &Exporter, life: &mut Life, uri: &str) {
    life.live(40).await;
    agree(exporter, uri, &[]).await;
    count_what_happened(exporter, life).await;
    life.seen();
}

async fn mode(exporter: &Exporter) -> String {
    let samples = exporter.scrape().await;
    let modes = samples.keys().filter(|series| series.name == "librechat_exporter_sync_mode");
    modes.map(|series| series.labels["mode"].clone()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_standalone_server_is_followed_over_its_death_and_that_of_the_exporter() {
    let mut mongod = Mongod::start().await;
    mongod.load("seed1").await;
    let uri = mongod.uri();
    let exporter = Exporter::serve(&[("MONGO_URI", &uri)]).await;
    exporter.until_sample("librechat_message_count", Some(3000.0)).await;
    assert_eq!(mode(&exporter).await, "polling");
    let mut life = Life::new(&mongod.client(), 11).await;
    round(&exporter, &mut life, &uri).await;
    life.live(20).await;
    mongod.kill();
    exporter.until_status("/health", 503).await;
    mongod.restart().await;
    exporter.until_status("/health", 200).await;
    life.go_on_with(&mongod.client());
    round(&exporter, &mut life, &uri).await;
    // Killed and started again, the exporter knows as much as before, and counts from 0.
    drop(exporter);
    life.live(20).await;
    life.seen();
    life.expected.clear();
    let exporter = Exporter::serve(&[("MONGO_URI", &uri)]).await;
    exporter.until_status("/readyz", 200).await;
    round(&exporter, &mut life, &uri).await;
}

#[tokio::test]
async fn a_replica_set_of_one_tells_of_changes_also_after_its_death() {
    let mut set = ReplicaSet::start(1).await;
    load(&set.members[0].client(), "seed1").await;
    let uri = set.uri();
    // Nothing but what the change stream tells of can be in the figures for an hour.
    let exporter = Exporter::serve(&[("MONGO_URI", &uri), ("REFRESH_INTERVAL", "1h")]).await;
    exporter.until_sample("librechat_message_count", Some(3000.0)).await;
    assert_eq!(mode(&exporter).await, "change_stream");
    let mut life = Life::new(&set.members[0].client(), 12).await;
    round(&exporter, &mut life, &uri).await;
    life.live(20).await;
    set.members[0].kill();
    exporter.until_status("/health", 503).await;
    set.members[0].restart().await;
    set.primary().await;
    life.go_on_with(&set.members[0].client());
    round(&exporter, &mut life, &uri).await;
    // A dropped collection is no change of its documents.
    set.members[0].client().database(DATABASE).collection::<Document>("files").drop().await.unwrap();
    round(&exporter, &mut life, &uri).await;
}

#[tokio::test]
async fn a_failover_loses_nothing_and_counts_nothing_twice() {
    let mut set = ReplicaSet::start(3).await;
    let primary = set.primary().await;
    load(&set.members[primary].client(), "seed1").await;
    let uri = set.uri();
    let exporter = Exporter::serve(&[("MONGO_URI", &uri)]).await;
    exporter.until_sample("librechat_message_count", Some(3000.0)).await;
    assert_eq!(mode(&exporter).await, "change_stream");
    let mut life = Life::new(&set.members[primary].client(), 13).await;
    round(&exporter, &mut life, &uri).await;
    life.live(20).await;
    set.members[primary].kill();
    let next = set.primary().await;
    life.go_on_with(&set.members[next].client());
    life.live(20).await;
    set.members[primary].restart().await;
    round(&exporter, &mut life, &uri).await;
    assert_eq!(mode(&exporter).await, "change_stream");
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
