//! Every query of every dashboard of grafana/, run by a real Prometheus over the living demo: each must show something.
//!
//! Variables are put in as Grafana does (its escaping, its `allValue`), with values that their own queries find. Grafana
//! itself cannot be had here.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::certificates::Authority;
use crate::exporter::Exporter;
use crate::grafana::{Dashboard, NOT_YET_SERVED, Query, all, metrics, root, text};
use crate::http;
use crate::issuer::{AUDIENCE, Issuer};
use crate::mongod::Mongod;
use crate::prometheus::{Jobs, Prometheus};
use crate::servers::{eventually, fetched, free_port};

const TOKEN: &str = "a-static-token-of-the-test";

/// The job of the demo, whose series have no `tenant`; of a second demo with one; and of an exporter of a real MongoDB
/// with odd documents that has everything turned on.
const DEMO: &str = "demo";
const TENANT: &str = "tenant";
const FULL: &str = "full";

/// Families that have a sample only where something is amiss, or what they tell of is turned on: of the job `full`.
const ONLY_FULL: &[&str] = &[
    "librechat_exporter_documents_skipped_total",
    "librechat_exporter_jwks_last_success_timestamp_seconds",
    "librechat_exporter_label_values_dropped",
    "librechat_exporter_missing_indexes",
    "librechat_exporter_tls_certificate_expiry_timestamp_seconds",
];

/// What `$__rate_interval` and `$__range` are here, how far apart points over time are, and how far back they go.
const RATE_INTERVAL: &str = "1m";
const RANGE_SECONDS: u32 = 300;
const STEP_SECONDS: u32 = 5;

/// A Prometheus and what it scrapes, which only lives as long.
struct Fleet {
    prometheus: Prometheus,
    _exporters: [Exporter; 3],
    _mongod: Mongod,
    _issuer: Issuer,
    _folder: TempDir,
}

impl Fleet {
    async fn start() -> Self {
        let folder = TempDir::with_prefix("dashboards").unwrap();
        let authority = Authority::new("authority");
        let [cert, key] = authority.issue("exporter", 2100).write(folder.path(), "exporter");
        let (mongod, issuer, port) = (Mongod::start().await, Issuer::start().await, free_port());
        mongod.load("seed1-awkward").await;
        let full = Exporter::serve(&[
            ("MONGO_URI", &mongod.uri()),
            ("METRICS_PORT", &port.to_string()),
            ("TLS_CERT_FILE", &cert),
            ("TLS_KEY_FILE", &key),
            ("TLS_HEALTH", "false"),
            ("METRICS_BEARER_TOKEN", TOKEN),
            ("METRICS_OAUTH2_ISSUER", &issuer.url()),
            ("METRICS_OAUTH2_AUDIENCE", AUDIENCE),
            ("METRICS_MAX_LABEL_VALUES", "3"),
            ("RATE_LIMIT_MAX", "0"),
        ])
        .await;
        full.until_status("/readyz", 200).await;
        let settings = [("METRICS_BEARER_TOKEN", TOKEN), ("RATE_LIMIT_MAX", "0")];
        let (demo, tenant) = (Exporter::demo(&settings).await, Exporter::demo(&settings).await);
        let jobs = Jobs::new();
        let ca = jobs.file("ca.crt", &authority.pem());
        let bearer = format!("authorization: {{credentials: {TOKEN}}}\n");
        let labelled =
            format!("{bearer}relabel_configs: [{{target_label: tenant, replacement: acme (test)}}]");
        let secure = format!("{bearer}scheme: https\ntls_config: {{ca_file: '{ca}'}}");
        let prometheus = jobs
            .add(DEMO, demo.port, &bearer)
            .add(TENANT, tenant.port, &labelled)
            .add(FULL, port, &secure)
            // Another program of the same Prometheus: nothing of it may be shown.
            .add("stranger", free_port(), "")
            .start()
            .await;
        for job in [DEMO, TENANT, FULL] {
            prometheus.until(&format!("librechat_up{{job='{job}'}}"), 1.0).await;
        }
        for exporter in [&demo, &tenant] {
            // One who is not let in.
            assert_eq!(exporter.get("/metrics").await.status, 401);
        }
        Self {
            prometheus,
            _exporters: [demo, tenant, full],
            _mongod: mongod,
            _issuer: issuer,
            _folder: folder,
        }
    }

    async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let query: Vec<_> =
            parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let path = format!("/api/v1/{path}?{}", query.join("&"));
        let answer = http::get(self.prometheus.port, &path, &[]).await.unwrap();
        assert_eq!(answer.status, 200, "{parameters:?}: {}", answer.text());
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer["warnings"], Value::Null, "{parameters:?}");
        answer["data"].clone()
    }

    /// The numbers that an expression gives, now or over the time before.
    async fn numbers(&self, expression: &str, is_instant: bool) -> Vec<f64> {
        let now = self.prometheus.query("vector(time())").await.unwrap();
        let (end, start) = (now.to_string(), (now - f64::from(RANGE_SECONDS)).to_string());
        let step = STEP_SECONDS.to_string();
        let data = if is_instant {
            self.ask("query", &[("query", expression), ("time", &end)]).await
        } else {
            let range = [("query", expression), ("start", &start), ("end", &end), ("step", &step)];
            self.ask("query_range", &range).await
        };
        let series = data["result"].as_array().unwrap();
        let points = series.iter().flat_map(|series| match &series["values"] {
            Value::Array(points) => points.iter().collect::<Vec<_>>(),
            _ => vec![&series["value"]],
        });
        points
            .map(|point| point[1].as_str().unwrap().parse().unwrap())
            .filter(|number: &f64| number.is_finite())
            .collect()
    }
}

/// A variable with what is chosen in it, as Grafana puts it into a query.
type Choice = (String, String);

/// Grafana's escaping of a value in a regular expression in a string of PromQL.
fn escape(value: &str) -> String {
    let mut escaped = String::new();
    for letter in value.chars() {
        match letter {
            '\\' => escaped.push_str(r"\\\\"),
            letter if "$^*{}[]+?.()|".contains(letter) => escaped.extend([r"\\", &letter.to_string()]),
            letter => escaped.push(letter),
        }
    }
    escaped
}

fn several(values: &[String]) -> String {
    match values {
        [value] => escape(value),
        values => format!("({})", values.iter().map(|value| escape(value)).collect::<Vec<_>>().join("|")),
    }
}

fn fill_in(text: &str, choices: &[Choice]) -> String {
    let range = format!("{RANGE_SECONDS}s");
    let mut text = text.replace("$__rate_interval", RATE_INTERVAL).replace("$__range", &range);
    for (name, value) in choices {
        text = text.replace(&format!("\"${name}\""), &format!("\"{value}\""));
    }
    assert!(!text.contains("\"$"), "a variable is left: {text}");
    text
}

/// What a variable's own query, `label_values(selector, label)`, finds while `choices` are chosen.
async fn values(fleet: &Fleet, variable: &Value, choices: &[Choice]) -> Vec<String> {
    let query = fill_in(text(&variable["query"], "query"), choices);
    let (selector, label) = query
        .strip_prefix("label_values(")
        .and_then(|rest| rest.strip_suffix(')'))
        .and_then(|inner| inner.rsplit_once(", "))
        .unwrap_or_else(|| panic!("not of the kind that is known here: {query}"));
    let found = fleet.ask(&format!("label/{label}/values"), &[("match[]", selector)]).await;
    found.as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

/// What is chosen in every variable: in `job` this one, in each other all ("All"), or all that there is one by one.
async fn choices(fleet: &Fleet, dashboard: &Dashboard, job: &str, is_all: bool) -> Vec<Choice> {
    let mut choices: Vec<Choice> = Vec::new();
    for variable in dashboard.variables() {
        let name = text(variable, "name");
        let chosen = if name == "job" {
            let jobs = values(fleet, variable, &choices).await;
            assert_eq!(jobs, [DEMO, FULL, TENANT], "exporters, and no stranger");
            job.to_owned()
        } else if let Some(all) = variable["allValue"].as_str().filter(|_| is_all) {
            all.to_owned()
        } else {
            let is_expected = !metrics(text(&variable["query"], "query")).iter().any(is_not_yet_served);
            let found = eventually(&format!("${name} has values"), async || {
                let found = values(fleet, variable, &choices).await;
                if found.is_empty() && is_expected { Err("none".to_owned()) } else { Ok(found) }
            })
            .await;
            if found.is_empty() { ".*".to_owned() } else { several(&found) }
        };
        choices.push((name.to_owned(), chosen));
    }
    choices
}

#[expect(clippy::ptr_arg, reason = "the items of a set of names")]
fn is_not_yet_served(name: &String) -> bool {
    NOT_YET_SERVED.contains(&name.as_str())
}

fn is_only_full(query: &Query) -> bool {
    metrics(&query.expression).iter().any(|name| ONLY_FULL.contains(&name.as_str()))
}

/// What happens every few minutes in the demo: its series are there from the start and need not have moved.
const RARE: &[&str] = &["librechat_users_registered_total", r#"status=~"failed|cancelled""#];

/// Whether the demo makes the number move: a rate of LibreChat's events.
fn is_of_events(query: &Query) -> bool {
    let is_rate = query.expression.contains("rate(") || query.expression.contains("increase(");
    is_rate
        && !metrics(&query.expression).iter().any(|name| name.starts_with("librechat_exporter_"))
        && !query.expression.contains("process_")
        && !RARE.iter().any(|part| query.expression.contains(part))
}

/// Waits until every one of these expressions shows something.
async fn until_all_show(fleet: &Fleet, mut asked: Vec<(Query, String)>) {
    eventually("every panel shows something", async || {
        let mut empty = Vec::new();
        for (query, expression) in std::mem::take(&mut asked) {
            let numbers = fleet.numbers(&expression, query.is_instant).await;
            let shows = if is_of_events(&query) {
                numbers.iter().any(|number| *number > 0.0)
            } else {
                !numbers.is_empty()
            };
            if !shows {
                empty.push((query, expression));
            }
        }
        let lines = empty.iter().map(|(query, expression)| format!("\n{}: {expression}", query.place));
        let lines: String = lines.collect();
        asked = empty;
        if asked.is_empty() { Ok(()) } else { Err(format!("nothing in{lines}")) }
    })
    .await;
}

#[tokio::test]
async fn every_panel_annotation_and_variable_of_the_dashboards_shows_something() {
    let fleet = Fleet::start().await;
    let (mut asked, mut expected_missing) = (Vec::new(), Vec::new());
    for dashboard in all() {
        // All of everything, where no series has a tenant; then each value by its name, where they have one.
        for (job, is_all) in [(DEMO, true), (TENANT, false), (FULL, true)] {
            let choices = choices(&fleet, &dashboard, job, is_all).await;
            for query in dashboard.queries() {
                let expression = fill_in(&query.expression, &choices);
                if metrics(&query.expression).iter().any(is_not_yet_served) {
                    expected_missing.push((query, expression));
                } else if is_only_full(&query) == (job == FULL) {
                    asked.push((query, expression));
                }
            }
        }
    }
    assert!(asked.len() > 200, "{}", asked.len());
    until_all_show(&fleet, asked).await;
    for (query, expression) in expected_missing {
        // It must parse all the same, and leave the list when it shows something.
        let numbers = fleet.numbers(&expression, query.is_instant).await;
        assert_eq!(numbers, Vec::<f64>::new(), "{} is served by now: {expression}", query.place);
    }
}

#[test]
fn the_dashboards_are_what_their_tables_make() {
    let mut python = Command::new("python3");
    python.arg(root().join("tests/grafana/build.py")).arg("--check").env("PYTHONDONTWRITEBYTECODE", "1");
    let checked = python.output().expect("python3 runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn the_dashboards_and_their_provisioning_are_of_the_published_schema() {
    let modules = fetched("grafana/node_modules");
    let validate = |folder: &Path| {
        let mut node = Command::new("node");
        node.arg(root().join("tests/grafana/validate.mjs")).arg(&modules).arg(folder).output().unwrap()
    };
    let checked = validate(&root().join("grafana"));
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    // The schema does refuse what is not in it.
    let folder = TempDir::with_prefix("dashboards").unwrap();
    let copy = folder.path();
    for kind in ["dashboards", "provisioning/dashboards", "provisioning/datasources"] {
        fs::create_dir_all(copy.join(kind)).unwrap();
    }
    let overview = fs::read_to_string(root().join("grafana/dashboards/overview.json")).unwrap();
    let mistakes = ["reduceOptions", "absolute", "gridPos", "refId"];
    for right in mistakes {
        let broken = overview.replacen(&format!("\"{right}\""), "\"wrong\"", 1);
        assert_ne!(broken, overview, "{right}");
        fs::write(copy.join(format!("dashboards/{right}.json")), broken).unwrap();
    }
    let checked = validate(copy);
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(!checked.status.success(), "{said}");
    for right in mistakes {
        assert!(said.contains(&format!("dashboards/{right}.json/")), "{right}: {said}");
    }
}
