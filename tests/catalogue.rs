//! Every family that is served: once only, and named as Prometheus asks, but for the names of the Node exporter that
//! are kept for its dashboards.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use librechat_exporter::exposition::family::{Description, Kind};
use librechat_exporter::librechat::events::Events;
use librechat_exporter::librechat::fold::Folds;
use librechat_exporter::librechat::record::Collection;

#[path = "support/questions.rs"]
mod questions;

const TOKEN: &str = "token-of-the-catalogue";

/// The demo, served on a Unix socket, killed when the test ends.
struct Served {
    process: Child,
    folder: tempfile::TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Served {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_librechat-exporter"))
            .arg("demo")
            .env_clear()
            .env("HOST", format!("unix:{}", folder.path().join("socket").display()))
            .env("METRICS_BEARER_TOKEN", TOKEN)
            // Nobody answers there: it is only for the families of this authorizer to exist.
            .env("METRICS_OAUTH2_ISSUER", "http://127.0.0.1:9")
            .env("METRICS_OAUTH2_AUDIENCE", "catalogue")
            .current_dir(folder.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, folder }
    }

    /// The exposition, once there is one with LibreChat's figures.
    fn exposition(&self, accept: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            if let Some(text) = self.get(accept).filter(|text| text.contains("librechat_user_count")) {
                return text;
            }
            assert!(Instant::now() < deadline, "the demo does not serve");
            // Far apart: on a busy machine the rate limit would be met first.
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    fn get(&self, accept: &str) -> Option<String> {
        let mut stream = UnixStream::connect(self.folder.path().join("socket")).ok()?;
        let request = format!(
            "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nAuthorization: Bearer {TOKEN}\r\n\
             Connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut response = String::new();
        stream.read_to_string(&mut response).ok()?;
        response.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    }
}

/// Families that a snapshot holds.
fn families() -> impl Iterator<Item = Description> {
    Folds::families().chain(Events::families())
}

fn is_snake_case(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[test]
fn no_family_is_served_twice_and_every_one_has_help() {
    let served = Served::start();
    for accept in ["text/plain", "application/openmetrics-text"] {
        let text = served.exposition(accept);
        let of = |prefix: &str| -> Vec<String> {
            let lines = text.lines().filter_map(|line| line.strip_prefix(prefix));
            lines.map(|rest| rest.split(' ').next().unwrap_or_default().to_owned()).collect()
        };
        let types = of("# TYPE ");
        let unique: BTreeSet<_> = types.iter().collect();
        assert_eq!(unique.len(), types.len(), "a family is served twice");
        assert_eq!(of("# HELP "), types);
        assert!(types.iter().all(|name| is_snake_case(name)), "{types:?}");
        assert!(
            types.iter().all(|name| name.starts_with("librechat_") || name.starts_with("process_")),
            "{types:?}"
        );
    }
}

#[test]
fn families_of_folds_are_unique_and_say_what_they_are() {
    let families: Vec<_> = families().collect();
    let names: BTreeSet<_> = families.iter().map(|family| family.name).collect();
    assert_eq!(names.len(), families.len());
    for family in families {
        let name = family.name;
        assert!(name.starts_with("librechat_") && is_snake_case(name), "{name}");
        assert!(!family.help.is_empty() && !family.help.ends_with('.'), "{name}: {}", family.help);
        assert!(!family.help.starts_with(char::is_lowercase), "{name}: {}", family.help);
        // Only counters of ours end so; the Node exporter has gauges that do.
        assert!(family.kind != Kind::Counter || name.ends_with("_total"), "{name}");
        for label in family.labels {
            assert!(!["le", "quantile", "job", "instance"].contains(label), "{name}: {label}");
        }
    }
}

/// Families of which the demo has no sample to read the labels off, or that need files to exist.
const WITHOUT_SAMPLES: &[(&str, &str, &str, &str)] = &[
    (
        "librechat_exporter_documents_skipped_total",
        "counter",
        "`collection`, `reason`",
        "Documents read that had a field of an odd type and are left out of the figures that it feeds, by that field",
    ),
    (
        "librechat_exporter_label_values_dropped",
        "gauge",
        "`family`",
        "Label values of the family that were too many and went into other, or were left out where they do not add up",
    ),
    (
        "librechat_exporter_series_dropped",
        "gauge",
        "`family`",
        "Series of the family that went into other, or were left out where they do not add up, because there were more than METRICS_MAX_SERIES in all",
    ),
    (
        "librechat_exporter_tls_certificate_expiry_timestamp_seconds",
        "gauge",
        "",
        "When the earliest certificate of the chain of TLS_CERT_FILE expires (only with TLS)",
    ),
    (
        "librechat_exporter_tls_handshake_failures_total",
        "counter",
        "`reason`",
        "TLS handshakes that failed, by reason (only with TLS)",
    ),
];

/// Type, labels and help by name.
type Catalogue = BTreeMap<String, (String, String, String)>;

fn row(kind: &str, labels: &str, help: &str) -> (String, String, String) {
    (kind.to_owned(), labels.to_owned(), help.trim_end_matches('.').replace('|', "\\|"))
}

/// The families that are no fold's, read off what is served.
fn own(text: &str) -> Catalogue {
    let folds: BTreeSet<_> = families().map(|family| family.name).collect();
    let mut own: Catalogue = WITHOUT_SAMPLES
        .iter()
        .map(|(name, kind, labels, help)| ((*name).to_owned(), row(kind, labels, help)))
        .collect();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) else {
            continue;
        };
        let kind = lines.next().and_then(|line| line.rsplit(' ').next()).unwrap_or_default();
        if folds.contains(name) || own.contains_key(name) {
            continue;
        }
        let sample = lines.peek().filter(|line| line.starts_with(name)).copied().unwrap_or_default();
        own.insert(name.to_owned(), row(kind, &labels_of(sample), help));
    }
    own
}

/// The names of a sample's labels; values may hold anything but an unescaped quote.
fn labels_of(sample: &str) -> String {
    let labels =
        sample.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(labels, _)| labels);
    let names = labels.split("\",").filter_map(|label| label.split_once("=\"")).map(|(name, _)| name);
    names.filter(|name| *name != "le").map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Families that came after the first version, and with which.
const LATER: &[(&str, &str)] = &[];

fn since(name: &str) -> &'static str {
    LATER.iter().find(|(later, _)| *later == name).map_or("0.1.0", |(_, since)| since)
}

/// What a value counts: Prometheus' base unit where the name has it, as for most; the Node exporter's names where not.
fn unit(name: &str) -> &'static str {
    const UNITS: &[(&str, &str)] = &[
        ("timestamp", "seconds since 1970"),
        ("_seconds", "seconds"),
        ("session_avg_duration", "seconds"),
        ("_bytes", "bytes"),
        ("_fds", "1"),
        ("percent", "percent"),
        ("rate_limited", "1"),
        ("_rate_", "percent"),
        ("net_satisfaction", "percent"),
        ("periodicity", "percent"),
        ("_ratio", "ratio"),
        ("credits_granted_usd", "USD"),
        ("_credits", "credits"),
        ("cost", "USD"),
        ("_per_use", "1"),
        ("token_", "tokens"),
        ("_tokens", "tokens"),
    ];
    let is_of = |part: &str| name.contains(part) && !name.ends_with("_count");
    UNITS.iter().find(|(part, _)| is_of(part)).map_or("1", |(_, unit)| unit)
}

fn page(text: &str) -> String {
    let folds = families().map(|family| {
        let kind = match family.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        };
        let labels = family.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        (family.name.to_owned(), row(kind, &labels, family.help))
    });
    let folds: Catalogue = folds.collect();
    let table = |catalogue: Catalogue| -> String {
        let lines = catalogue.into_iter().map(|(name, (kind, labels, help))| {
            let (unit, since) = (unit(&name), since(&name));
            format!("| `{name}` | {kind} | {labels} | {unit} | {help} | {since} |\n")
        });
        let head = "| family | type | labels | unit | value | since |\n|---|---|---|---|---|---|\n";
        format!("{head}{}", lines.collect::<String>())
    };
    let grouped = questions::groups().map(|title| {
        let catalogue = folds.iter().filter(|(name, _)| questions::group(name) == title);
        let catalogue: Catalogue = catalogue.map(|(name, row)| (name.clone(), row.clone())).collect();
        assert!(!catalogue.is_empty(), "{title}: no metric answers that");
        format!("### {title}\n\n{}\n", table(catalogue))
    });
    let grouped: String = grouped.collect();
    let own = own(text);
    let first = questions::FIRST.iter().map(|(question, name, query)| {
        assert!(folds.contains_key(*name) || own.contains_key(*name), "{name} is not served");
        assert!(query.contains(name), "{query}");
        format!("| {question} | `{query}` |\n")
    });
    let first: String = first.collect();
    format!(
        "# Metrics\n\nMade by `UPDATE_GOLDEN=1 cargo test --test catalogue` of what the program serves, and checked by \
         the same test.\n\nTimes are UTC. A window of the last n days goes back from the instant that the snapshot is of \
         (`librechat_exporter_snapshot_timestamp_seconds`); percentages are 0 to 100, and 0 of nothing. A figure that \
         does not exist, such as a mean over nothing, is left out. An email domain is what follows the first `@` of an \
         address, in lower case, else `unknown`. Beyond `METRICS_MAX_LABEL_VALUES` values of a label the smallest go \
         into `other`, or are left out where they do not add up; beyond `METRICS_MAX_SERIES` series in all so do the \
         smallest of the families with the most. A value of a label has at most 512 bytes of UTF-8, and a space for each \
         control character. What the dollars are is in [cost.md](cost.md).\n\n\
         A document whose `_id` is more than a minute younger \
         than its `createdAt` is a copy, which forks, duplicates and imports make: it counts in gauges, in \
         `librechat_messages_created_total` and in `librechat_copied_messages_total`, and in nothing else that happens. \
         Clocks of LibreChat and MongoDB that differ by more than a minute make everything a copy, which shows in the \
         latter.\n\nCosts are what LibreChat's ledger says, which is not the provider's bill: failed answers are booked by \
         estimate, stopped ones partly or not at all, and speech, OCR and embeddings never. Where LibreChat refuses \
         before it saves anything (no balance, an unknown model), nothing can be counted.\n\n\
         `/metrics` is text, OpenMetrics 1.0 to who asks for it, and Prometheus' protocol buffers to who asks for them \
         first (`application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited`), as \
         Prometheus does with `--enable-feature=native-histograms` or `scrape_native_histograms: true`. There each of \
         LibreChat's histograms has its classic buckets and native ones: exponential, 9 % wide, at most 160 (then wider), \
         made of the same observations; counters and histograms say since when they count, which is when the exporter \
         started.\n\n\
         ## The twenty that matter first\n\n| question | query |\n|---|---|\n{first}\n## LibreChat\n\n{grouped}\
         ## The exporter itself\n\nFamilies of access tokens (`jwt_`) exist only while that method is on.\n\n{}",
        table(own)
    )
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test is told by its environment to write its page")]
fn the_page_of_metrics_is_current() {
    let page = page(&Served::start().exposition("text/plain"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = page.lines().zip(written.lines()).find(|(served, written)| served != written);
    assert_eq!(differing, None, "the first line that differs, as it should be and as it is");
    assert_eq!(page.lines().count(), written.lines().count());
}

#[test]
fn the_page_begins_with_twenty_metrics_that_differ() {
    let names: BTreeSet<_> = questions::FIRST.iter().map(|(_, name, _)| *name).collect();
    assert_eq!((names.len(), questions::FIRST.len()), (20, 20));
}

/// LibreChat's families have the same in `tests/demo.rs`.
#[test]
fn every_family_of_the_exporter_itself_has_a_sample() {
    let text = Served::start().exposition("text/plain");
    let figures: BTreeSet<_> = families().map(|family| family.name).collect();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    for (name, _) in types.filter(|(name, _)| !figures.contains(name)) {
        let is_excepted = WITHOUT_SAMPLES.iter().any(|(known, ..)| *known == name);
        let is_of = |rest: &str| ["{", " ", "_bucket{"].iter().any(|next| rest.starts_with(next));
        let has_sample = text.lines().any(|line| line.strip_prefix(name).is_some_and(is_of));
        assert!(is_excepted || has_sample, "{name} has no sample");
    }
}

#[test]
fn the_page_on_mongodb_lists_every_field_that_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/mongodb.md");
    let page = std::fs::read_to_string(path).unwrap();
    for collection in Collection::ALL {
        let fields: Vec<_> =
            collection.projection().iter().map(|projected| format!("`{}`", projected.name())).collect();
        let fields = if fields.is_empty() { "none: only counted".to_owned() } else { fields.join(", ") };
        let row = format!("| `{}` | {fields} |", collection.name());
        assert!(page.contains(&row), "docs/mongodb.md lacks the row\n{row}");
    }
}
