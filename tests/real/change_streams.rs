//! Change streams that a server refuses, at the start or later: the exporter polls, says so once, and lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use mongodb::bson::{Document, doc};

use crate::exporter::Exporter;
use crate::mongod::{DATABASE, load};
use crate::replica_set::ReplicaSet;
use crate::servers::eventually;
use crate::wire_proxy::{Reply, WireProxy, holds, refusal};

/// Those that say that the place to resume from is gone (136 is what Amazon DocumentDB says by default), a refusal for good, a right
/// that is missing, a server that steps down for ever, and one that hangs up.
const REFUSALS: &[i32] = &[136, 260, 280, 286, 40573, 13, 189, HANGS_UP];

/// Stands for no answer at all.
const HANGS_UP: i32 = -1;

async fn until_mode(exporter: &Exporter, mode: &str) {
    eventually(&format!("the mode is {mode}"), async || {
        let samples = exporter.scrape().await;
        let modes = samples.keys().filter(|series| series.name == "librechat_exporter_sync_mode");
        let found: Vec<_> = modes.map(|series| series.labels["mode"].clone()).collect();
        if found == [mode] { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

async fn insert(set: &ReplicaSet) {
    let messages = set.members[0].client().database(DATABASE).collection::<Document>("messages");
    messages.insert_one(doc! { "isCreatedByUser": true }).await.unwrap();
}

/// A proxy that answers an aggregation with `$changeStream` with the code, unless it is 0.
fn refusing(set: &ReplicaSet, code: &Arc<AtomicI32>, getmore: &Arc<AtomicI32>) -> WireProxy {
    let (code, getmore) = (Arc::clone(code), Arc::clone(getmore));
    WireProxy::start(set.members[0].port(), move |name, command| {
        let code = match name {
            "aggregate" if holds(command, "$changeStream") => code.load(Ordering::Relaxed),
            // The stream's cursor is of no collection.
            "getMore" if command.get_str("collection").is_ok_and(|name| name == "$cmd.aggregate") => {
                getmore.load(Ordering::Relaxed)
            }
            _ => 0,
        };
        match code {
            0 => Reply::Pass,
            HANGS_UP => Reply::Cut,
            code => Reply::Answer(refusal(code, "Refused", "refused by the test")),
        }
    })
}

#[tokio::test]
async fn d1_a_change_stream_that_is_refused_ends_in_polling() {
    let set = ReplicaSet::start(1).await;
    load(&set.members[0].client(), "seed1").await;
    let mut expected = 3000.0;
    for refused in REFUSALS {
        let code = Arc::new(AtomicI32::new(*refused));
        let proxy = refusing(&set, &code, &Arc::default());
        let exporter = Exporter::serve(&[("MONGO_URI", &proxy.uri())]).await;
        exporter.until_sample("librechat_message_count", Some(expected)).await;
        until_mode(&exporter, "polling").await;
        insert(&set).await;
        expected += 1.0;
        exporter.until_sample("librechat_message_count", Some(expected)).await;
        exporter.until_sample("librechat_up", Some(1.0)).await;
        let said = exporter.process.output().matches("polling for changes").count();
        assert_eq!(said, 1, "{refused}: {}", exporter.process.output());
        // The server changes its mind: the stream is asked for again.
        code.store(0, Ordering::Relaxed);
        until_mode(&exporter, "change_stream").await;
    }
}

#[tokio::test]
async fn d1_a_change_stream_that_is_refused_while_it_runs_ends_in_polling() {
    let set = ReplicaSet::start(1).await;
    load(&set.members[0].client(), "seed1").await;
    let mut expected = 3000.0;
    for refused in [136, 286, 43, 13] {
        let (code, getmore) = (Arc::default(), Arc::default());
        let proxy = refusing(&set, &code, &getmore);
        let exporter = Exporter::serve(&[("MONGO_URI", &proxy.uri())]).await;
        exporter.until_sample("librechat_message_count", Some(expected)).await;
        until_mode(&exporter, "change_stream").await;
        // What runs breaks off, and is not taken up again.
        getmore.store(refused, Ordering::Relaxed);
        code.store(refused, Ordering::Relaxed);
        until_mode(&exporter, "polling").await;
        insert(&set).await;
        expected += 1.0;
        exporter.until_sample("librechat_message_count", Some(expected)).await;
        exporter.until_sample("librechat_up", Some(1.0)).await;
    }
}

#[tokio::test]
async fn d1_a_change_stream_that_breaks_each_time_it_was_opened_does_not_hide_what_is_new() {
    let set = ReplicaSet::start(1).await;
    load(&set.members[0].client(), "seed1").await;
    let mut expected = 3000.0;
    for refused in [286, 136, 8000] {
        let getmore = Arc::new(AtomicI32::new(refused));
        let proxy = refusing(&set, &Arc::default(), &getmore);
        let exporter = Exporter::serve(&[("MONGO_URI", &proxy.uri())]).await;
        exporter.until_sample("librechat_message_count", Some(expected)).await;
        insert(&set).await;
        expected += 1.0;
        exporter.until_sample("librechat_message_count", Some(expected)).await;
        until_mode(&exporter, "polling").await;
        assert!(proxy.count("aggregate") < 5_000, "{} aggregations", proxy.count("aggregate"));
    }
}
