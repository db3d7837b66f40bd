//! What processes cost, and what a mongod says it looked at.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use mongodb::{Client, Database};
use procfs::process::{Process, all_processes};

/// A child of this process, whose name begins so.
pub(crate) fn child(name: &str) -> Process {
    let me = i32::try_from(std::process::id()).unwrap();
    let is_it =
        |process: &Process| process.stat().is_ok_and(|stat| stat.ppid == me && name.starts_with(&stat.comm));
    all_processes().unwrap().flatten().find(is_it).unwrap_or_else(|| panic!("no child is a {name}"))
}

/// CPU time until now, user and system.
pub(crate) fn cpu(process: &Process) -> Duration {
    let stat = process.stat().unwrap();
    let ticks = (stat.utime + stat.stime) as f64;
    Duration::from_secs_f64(ticks / procfs::ticks_per_second() as f64)
}

/// CPU time until now of the threads of a mongod that serve the exporter's connections, by the connection. What the
/// server does by itself is not in it: its diagnostics and its journal take more than an idle exporter asks for.
pub(crate) async fn serving(client: &Client, mongod: &Process) -> BTreeMap<String, Duration> {
    let admin = client.database("admin");
    let operations = doc! { "$currentOp": { "allUsers": true, "idleConnections": true } };
    let ours = doc! { "$match": { "appName": "librechat-exporter", "desc": { "$regex": "^conn" } } };
    let found: Vec<Document> =
        admin.aggregate([operations, ours]).await.unwrap().try_collect().await.unwrap();
    let names: Vec<_> = found.iter().map(|operation| operation.get_str("desc").unwrap()).collect();
    let threads = mongod.tasks().unwrap().flatten();
    let ours = threads.filter_map(|thread| Some((thread.stat().ok()?.comm, thread.schedstat().ok()?)));
    ours.filter(|(name, _)| names.contains(&name.as_str()))
        .map(|(name, spent)| (name, Duration::from_nanos(spent.sum_exec_runtime)))
        .collect()
}

/// The most memory it ever had resident, in MiB.
pub(crate) fn peak(process: &Process) -> f64 {
    process.status().unwrap().vmhwm.unwrap() as f64 / 1024.0
}

/// Documents and index keys that the server examined for queries until now.
pub(crate) async fn examined(client: &Client) -> (i64, i64) {
    let status = client.database("admin").run_command(doc! { "serverStatus": 1 }).await.unwrap();
    let metrics = status.get_document("metrics").unwrap().get_document("queryExecutor").unwrap();
    (number(metrics, "scannedObjects"), number(metrics, "scanned"))
}

fn number(document: &Document, name: &str) -> i64 {
    document.get_i64(name).or_else(|_| document.get_i32(name).map(i64::from)).unwrap()
}

/// So much memory for what the server has cached, as an installation of this size has it.
pub(crate) async fn enlarge_cache(database: &Database) {
    let size = doc! { "setParameter": 1, "wiredTigerEngineRuntimeConfig": "cache_size=2GB" };
    database.client().database("admin").run_command(size).await.unwrap();
}
