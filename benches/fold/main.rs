//! What the fold costs: a real mongod is filled with made-up messages, the exporter serves it, and both are watched.
//! Prints a table. `bash benches/fold.sh` runs it.
//!
//! With `fill URI MESSAGES` it only fills the database of a connection string: for looking at something else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a bench: whatever goes wrong ends it, and it tells what it found"
)]

// The harness of the tests against real servers.
#[path = "../../tests/real/exporter.rs"]
#[allow(dead_code)]
mod exporter;
#[path = "../../tests/real/exposition.rs"]
#[allow(dead_code)]
mod exposition;
#[path = "../../tests/real/http.rs"]
#[allow(dead_code)]
mod http;
#[path = "../../tests/real/mongod.rs"]
#[allow(dead_code)]
mod mongod;
#[path = "../../tests/real/process.rs"]
#[allow(dead_code)]
mod process;
#[path = "../../tests/real/replica_set.rs"]
#[allow(dead_code)]
mod replica_set;
#[path = "../../tests/real/servers.rs"]
#[allow(dead_code)]
mod servers;
#[path = "../../tests/support/stream.rs"]
mod stream;

mod baseline;
mod fill;
mod generate;
mod machine;
mod watch;

use std::time::SystemTime;

use mongodb::{Client, Database};

use crate::generate::Plan;
use crate::mongod::{DATABASE, Mongod};
use crate::replica_set::ReplicaSet;

const SEED: u64 = 1;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["fill", uri, messages] => {
            let database = Client::with_uri_str(uri).await.unwrap().default_database().unwrap();
            fill::fill(&database, Plan::new(SEED, messages.parse().unwrap(), now())).await;
        }
        [] => table(100_000, "both").await,
        [messages] => table(messages.parse().unwrap(), "both").await,
        [messages, kind] => table(messages.parse().unwrap(), kind).await,
        _ => panic!("[MESSAGES [standalone|replica-set]], or fill URI MESSAGES"),
    }
}

async fn table(messages: usize, kind: &str) {
    let (mut heads, mut columns) = (vec![format!("{messages} messages")], Vec::new());
    if kind != "replica-set" {
        let mongod = Mongod::start().await;
        heads.push("standalone".to_owned());
        columns.push(watched(&mongod, &mongod.uri(), messages).await);
    }
    if kind != "standalone" {
        let set = ReplicaSet::start(1).await;
        heads.push("replica set".to_owned());
        columns.push(watched(&set.members[0], &set.uri(), messages).await);
    }
    println!("| {} |", heads.join(" | "));
    println!("|{}", "---|".repeat(heads.len()));
    for (row, (name, _)) in columns[0].iter().enumerate() {
        let cells: Vec<&str> = columns.iter().map(|column| column[row].1.as_str()).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
}

async fn watched(mongod: &Mongod, uri: &str, messages: usize) -> watch::Column {
    let database: Database = mongod.client().database(DATABASE);
    machine::enlarge_cache(&database).await;
    let start = now();
    fill::fill(&database, Plan::new(SEED, messages, start)).await;
    eprintln!("filled in {} s", (now() - start) / 1_000);
    watch::watch(&database, uri, &Plan::new(SEED, messages, start)).await
}
