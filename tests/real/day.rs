//! A day of LibreChat, written into a real MongoDB by LibreChat's own models and methods (`day/*.mjs`, over the npm
//! package `@librechat/data-schemas`): every figure that follows from what was done is checked after each phase.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::exporter::Exporter;
use crate::exposition::{Series, parse};
use crate::http;
use crate::login::{SECRET, cookie};
use crate::mongod::Mongod;
use crate::process::Process;
use crate::replica_set::ReplicaSet;
use crate::servers::{eventually, fetched};

/// In the order in which they happen; `history` is there before the exporter starts.
const PHASES: [&str; 12] = [
    "people",
    "chats",
    "opinions",
    "changed",
    "cleared",
    "failures",
    "refill",
    "shelf",
    "queue",
    "copies",
    "passing",
    "deletions",
];

/// Money is added up in floating point, in another order than here.
const TOLERANCE: f64 = 1e-9;

/// One day on one database.
struct Day {
    uri: String,
    folder: TempDir,
}

impl Day {
    /// Nothing has happened yet.
    fn new(uri: &str) -> Self {
        Self { uri: uri.to_owned(), folder: TempDir::with_prefix("day").unwrap() }
    }

    fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger.json")
    }

    /// Plays one phase; gives what each series must come to.
    async fn play(&self, phase: &str) -> BTreeMap<Series, f64> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/day/day.mjs");
        let mut node = Command::new("node");
        node.arg(script).arg(modules()).args([&self.uri, phase]).arg(self.ledger());
        node.env("JWT_REFRESH_SECRET", SECRET).env("LIBRECHAT_LOG_DIR", self.folder.path());
        let mut process = Process::start("node (20 or newer; Debian: apt-get install nodejs)", node);
        let status = process.ended().await;
        assert!(status.success(), "the phase {phase} failed:\n{}", process.output());
        parse(&process.stdout())
    }

    /// A text that the script has kept: ids, cookies.
    fn kept(&self, key: &str) -> String {
        let ledger: Value = serde_json::from_str(&std::fs::read_to_string(self.ledger()).unwrap()).unwrap();
        ledger["ids"][key].as_str().unwrap_or_else(|| panic!("the ledger has no {key}")).to_owned()
    }
}

/// Where LibreChat's packages are: those that are pinned, or those that `LIBRECHAT_MODULES` names.
#[expect(clippy::disallowed_methods, reason = "the environment of the tests, not the program's settings")]
fn modules() -> PathBuf {
    let fetched = || fetched("node-librechat/node_modules");
    std::env::var_os("LIBRECHAT_MODULES").map_or_else(fetched, PathBuf::from)
}

/// Waits until each series has the value of the ledger. One that is not there is 0.
async fn until_equal(exporter: &Exporter, phase: &str, ledger: &BTreeMap<Series, f64>) {
    eventually(&format!("the figures after the phase {phase} are those of the ledger"), async || {
        let served = exporter.scrape().await;
        let differ = ledger.iter().filter_map(|(series, expected)| {
            let value = served.get(series).copied().unwrap_or_default();
            let close = (value - expected).abs() <= TOLERANCE * expected.abs().max(1.0);
            (!close).then(|| format!("{}{:?} is {value}, not {expected}", series.name, series.labels))
        });
        let differ: Vec<_> = differ.collect();
        if differ.is_empty() { Ok(()) } else { Err(differ.join("\n")) }
    })
    .await;
    let skipped = exporter.scrape().await;
    let skipped: Vec<_> =
        skipped.keys().filter(|series| series.name == "librechat_exporter_documents_skipped_total").collect();
    assert!(skipped.is_empty(), "documents of LibreChat's own making were skipped: {skipped:?}");
}

async fn follow(uri: &str) {
    let day = Day::new(uri);
    let history = day.play("history").await;
    let exporter = Exporter::serve(&[("MONGO_URI", uri)]).await;
    exporter.until_status("/readyz", 200).await;
    until_equal(&exporter, "history", &history).await;
    for phase in PHASES {
        let ledger = day.play(phase).await;
        until_equal(&exporter, phase, &ledger).await;
    }
}

#[tokio::test]
async fn a_day_of_librechat_on_a_standalone_server() {
    let mongod = Mongod::start().await;
    follow(&mongod.uri()).await;
}

#[tokio::test]
async fn a_day_of_librechat_on_a_replica_set() {
    let set = ReplicaSet::start(1).await;
    follow(&set.uri()).await;
}

#[tokio::test]
async fn cookies_of_librechats_own_making_open_what_their_owner_may_see() {
    let mongod = Mongod::start().await;
    let uri = mongod.uri();
    let day = Day::new(&uri);
    day.play("history").await;
    day.play("people").await;
    day.play("chats").await;
    day.play("passing").await;
    let exporter =
        Exporter::serve(&[("MONGO_URI", &uri), ("METRICS_SESSION_SECRET", SECRET), ("RATE_LIMIT_MAX", "0")])
            .await;
    exporter.until_status("/readyz", 200).await;
    let port = exporter.port;
    let status = async |key: &str| {
        let cookie = cookie(&day.kept(key));
        http::get(port, "/metrics", &[("Cookie", &cookie)]).await.unwrap().status
    };
    assert_eq!(status("ada.cookie").await, 200, "the administrator's");
    assert_eq!(status("ada.replaced").await, 200, "replaced a moment ago, by another tab");
    assert_eq!(status("ben.cookie").await, 403, "a user's");
    day.play("deletions").await;
    assert_eq!(status("cleo.cookie").await, 401, "of somebody who has signed out");
}
