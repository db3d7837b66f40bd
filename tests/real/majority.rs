//! A replica set without a majority: LibreChat writes on, what a majority has stands still, and the exporter says so.

use std::time::SystemTime;

use mongodb::bson::{Document, doc};

use crate::exporter::Exporter;
use crate::exposition::value;
use crate::login::now;
use crate::mongod::{DATABASE, load};
use crate::replica_set::ReplicaSet;
use crate::servers::eventually;

#[tokio::test]
async fn d12_figures_that_stand_still_are_said_to_and_local_reads_on() {
    let mut set = ReplicaSet::start_with_arbiter().await;
    load(&set.members[0].client(), "seed1").await;
    let uri = set.uri();
    let exporter = Exporter::serve(&[("MONGO_URI", &uri)]).await;
    exporter.until_sample("librechat_message_count", Some(3000.0)).await;
    set.members[1].kill();
    let messages = set.members[0].client().database(DATABASE).collection::<Document>("messages");
    for _ in 0..5 {
        messages.insert_one(doc! { "isCreatedByUser": true }).await.unwrap();
    }
    eventually("the majority lags", async || {
        let samples = exporter.scrape().await;
        let lag = value(&samples, "librechat_exporter_majority_lag_seconds");
        let snapshot = value(&samples, "librechat_exporter_snapshot_timestamp_seconds").unwrap();
        let instant = now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        // The data is as old as that, though it has just been read.
        if lag.is_some_and(|lag| lag >= 20.0) && instant - snapshot >= 15.0 {
            Ok(())
        } else {
            Err(format!("{lag:?}"))
        }
    })
    .await;
    let samples = exporter.scrape().await;
    assert_eq!(value(&samples, "librechat_message_count"), Some(3000.0));
    assert_eq!(exporter.get("/readyz").await.status, 200);
    let local = Exporter::serve(&[("MONGO_URI", &uri), ("READ_CONCERN", "local")]).await;
    let samples = local.until_sample("librechat_message_count", Some(3005.0)).await;
    assert!(samples.keys().any(|series| series.labels.get("mode").is_some_and(|mode| mode == "polling")));
    exporter.until_logged(&["warn", "no majority", "READ_CONCERN=local"]).await;
    set.members[1].restart().await;
    exporter.until_sample("librechat_message_count", Some(3005.0)).await;
}
