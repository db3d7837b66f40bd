//! Watches the exporter and its mongod: first fold, refreshes with and without something new, lag, memory.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mongodb::Database;
use mongodb::bson::DateTime;
use procfs::process::Process;
use tokio::time::sleep;

use crate::baseline::Order;
use crate::exporter::Exporter;
use crate::exposition::{Series, value};
use crate::generate::Plan;
use crate::{baseline, fill, http, machine, now};

/// Rows of the table: what it is, and the figure.
pub(crate) type Column = Vec<(&'static str, String)>;

/// The default.
const INTERVAL: Duration = Duration::from_secs(30);
/// Refreshes that are averaged over.
const REFRESHES: f64 = 8.0;
const BURSTS: usize = 2;
const SINGLES: usize = 3;

/// Both processes.
struct Watched<'a> {
    database: &'a Database,
    exporter: Exporter,
    exporter_process: Process,
    mongod: Process,
}

/// What was spent until some moment.
struct Spent {
    exporter: Duration,
    /// By the connection.
    mongod: BTreeMap<String, Duration>,
    objects: i64,
    keys: i64,
    samples: BTreeMap<Series, f64>,
}

pub(crate) async fn watch(database: &Database, uri: &str, plan: &Plan) -> Column {
    let mongod = machine::child("mongod");
    // The first one brings everything into the server's cache.
    baseline::read(database, Order::Natural).await;
    let (documents, natural) = baseline::read(database, Order::Natural).await;
    let (_, ordered) = baseline::read(database, Order::Id).await;

    let interval = INTERVAL.as_millis().to_string();
    let settings = [
        ("MONGO_URI", uri),
        ("REFRESH_INTERVAL", &interval),
        ("RATE_LIMIT_MAX", "0"),
        ("HEALTH_RATE_LIMIT_MAX", "0"),
    ];
    let (start, cpu) = (Instant::now(), machine::cpu(&mongod));
    let exporter = Exporter::serve(&settings).await;
    let port = exporter.port;
    while http::get(port, "/readyz", &[]).await.unwrap().status != 200 {
        sleep(Duration::from_millis(20)).await;
    }
    let first = start.elapsed();
    let exporter_process = machine::child("librechat-exporter");
    let watched = Watched { database, exporter, exporter_process, mongod };
    let mongod_cpu = machine::cpu(&watched.mongod) - cpu;
    let exporter_cpu = machine::cpu(&watched.exporter_process);
    let first_peak = machine::peak(&watched.exporter_process);
    let natural = natural.min(baseline::read(database, Order::Natural).await.1);
    let ordered = ordered.min(baseline::read(database, Order::Id).await.1);
    let times = |baseline: Duration| format!("{:.2}", first.as_secs_f64() / baseline.as_secs_f64());

    let mut column = vec![
        ("documents read once", documents.to_string()),
        ("the driver reads and drops them, as they lie", format!("{:.1} s", natural.as_secs_f64())),
        ("the driver reads and drops them, by `_id`", format!("{:.1} s", ordered.as_secs_f64())),
        ("first fold, from the start of the program to `/readyz`", format!("{:.1} s", first.as_secs_f64())),
        ("documents a second", format!("{:.0}", documents as f64 / first.as_secs_f64())),
        ("times the driver alone, as they lie, by `_id`", format!("{}, {}", times(natural), times(ordered))),
        (
            "CPU of the exporter, of mongod",
            format!("{:.1} s, {:.1} s", exporter_cpu.as_secs_f64(), mongod_cpu.as_secs_f64()),
        ),
        ("peak memory of the first fold", format!("{first_peak:.0} MiB")),
    ];
    watched.idle(&mut column).await;
    watched.bursts(plan, &mut column).await;
    watched.lag(plan, &mut column).await;
    column.push(("peak memory", format!("{:.0} MiB", machine::peak(&watched.exporter_process))));
    drop(watched);
    let (row, took) = once(uri, natural).await;
    column.push(row);
    column.push(backfill(uri, took).await);
    column
}

/// The same fold without pauses.
async fn once(uri: &str, baseline: Duration) -> ((&'static str, String), f64) {
    let start = Instant::now();
    let outcome = Exporter::run(&["once"], &[("MONGO_URI", uri)]).await;
    assert!(outcome.status.success(), "{}", outcome.stderr);
    let took = start.elapsed().as_secs_f64();
    let times =
        format!("{took:.1} s, {:.2} times the driver alone as they lie", took / baseline.as_secs_f64());
    (("`once`, which is not paced", times), took)
}

/// As many instants as two years have days, over all that there is: a year, so that twice as much lies in each window.
async fn backfill(uri: &str, once: f64) -> (&'static str, String) {
    let day = |millis: i64| DateTime::from_millis(millis).try_to_rfc3339_string().unwrap()[..10].to_owned();
    let from = day(now() - 365 * 86_400_000);
    let start = Instant::now();
    // A device: what is measured is not the disk.
    let arguments =
        ["backfill", "--from", &from, "--step", "12h", "--label", "job=bench", "--output", "/dev/null"];
    let outcome = Exporter::run(&arguments, &[("MONGO_URI", uri)]).await;
    assert!(outcome.status.success(), "{}", outcome.stderr);
    let took = start.elapsed().as_secs_f64();
    ("`backfill`, 730 instants", format!("{took:.1} s, {:.2} times `once`", took / once))
}

impl Watched<'_> {
    async fn spent(&self) -> Spent {
        let samples = self.exporter.scrape().await;
        let (objects, keys) = machine::examined(self.database.client()).await;
        Spent {
            exporter: machine::cpu(&self.exporter_process),
            mongod: machine::serving(self.database.client(), &self.mongod).await,
            objects,
            keys,
            samples,
        }
    }

    fn refreshes(samples: &BTreeMap<Series, f64>) -> f64 {
        let ok = |series: &Series| {
            series.name == "librechat_exporter_refreshes_total" && series.labels["result"] == "ok"
        };
        samples.iter().filter(|(series, _)| ok(series)).map(|(_, value)| value).sum()
    }

    /// Waits for so many more refreshes.
    async fn refreshed(&self, more: f64) {
        let wanted = Self::refreshes(&self.exporter.scrape().await) + more;
        while Self::refreshes(&self.exporter.scrape().await) < wanted {
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// What a refresh costs, and all else that the exporter does in the time from one to the next.
    fn cost(&self, before: &Spent, after: &Spent, rows: [&'static str; 3], column: &mut Column) {
        let refreshes = Self::refreshes(&after.samples) - Self::refreshes(&before.samples);
        let each = |difference: f64| difference / refreshes;
        let read = |spent: &Spent| -> f64 {
            let is_read = |series: &Series| series.name == "librechat_exporter_documents_read_total";
            spent.samples.iter().filter(|(series, _)| is_read(series)).map(|(_, value)| value).sum()
        };
        let gone = before.mongod.keys().filter(|connection| !after.mongod.contains_key(*connection));
        assert_eq!(gone.count(), 0, "a connection was closed, and what it cost is not known");
        let total = |spent: &Spent| spent.mongod.values().sum::<Duration>();
        let mongod = (total(after) - total(before)).as_secs_f64();
        let exporter = (after.exporter - before.exporter).as_secs_f64();
        let objects = (after.objects - before.objects) as f64;
        let keys = (after.keys - before.keys) as f64;
        let [examined, fetched, cpu] = rows;
        column.push((examined, format!("{:.0}, {:.0}", each(objects), each(keys))));
        column.push((fetched, format!("{:.0}", each(read(after) - read(before)))));
        let (mongod, exporter) = (each(mongod) * 1e3, each(exporter) * 1e3);
        column.push((cpu, format!("{exporter:.0} ms + {mongod:.0} ms = {:.0} ms", exporter + mongod)));
    }

    async fn idle(&self, column: &mut Column) {
        self.refreshed(2.0).await;
        let before = self.spent().await;
        sleep(INTERVAL.mul_f64(REFRESHES)).await;
        let after = self.spent().await;
        let rows = [
            "idle refresh: documents, keys examined",
            "idle refresh: documents read",
            "idle refresh: CPU of the exporter + mongod",
        ];
        self.cost(&before, &after, rows, column);
    }

    /// A thousand messages and their transactions between two refreshes. Writing them is not counted: it is done over
    /// other connections.
    async fn bursts(&self, plan: &Plan, column: &mut Column) {
        let (mut first, mut last) = (None, None);
        for burst in 0..BURSTS {
            self.refreshed(1.0).await;
            let before = self.spent().await;
            fill::insert(self.database, plan.fresh(burst, 1_000, now())).await;
            first.get_or_insert(before);
            self.refreshed(1.0).await;
            last = Some(self.spent().await);
        }
        if let (Some(first), Some(last)) = (first, last) {
            let rows = [
                "refreshes around 1,000 new messages: documents, keys examined",
                "refreshes around 1,000 new messages: documents read",
                "refreshes around 1,000 new messages: CPU of the exporter + mongod",
            ];
            self.cost(&first, &last, rows, column);
        }
    }

    /// From the end of a write to the answer of `/metrics` that has it.
    async fn lag(&self, plan: &Plan, column: &mut Column) {
        let count = async || value(&self.exporter.scrape().await, "librechat_message_count").unwrap();
        let mut lags = Vec::new();
        for single in 0..SINGLES {
            let before = count().await;
            fill::insert(self.database, plan.fresh(BURSTS + single, 1, now())).await;
            let start = Instant::now();
            while count().await <= before {
                sleep(Duration::from_millis(10)).await;
            }
            lags.push(start.elapsed().as_secs_f64());
            // Not always at the same moment of the interval.
            sleep(Duration::from_millis(700)).await;
        }
        lags.sort_by(f64::total_cmp);
        let (middle, most) = (lags[SINGLES / 2], lags[SINGLES - 1]);
        column.push(("lag of a new message: median, longest", format!("{middle:.2} s, {most:.2} s")));
    }
}
