//! Every query of every dashboard of grafana/, run by a real Prometheus over the living demo: each must show something.
//!
//! Variables are put in as Grafana does (its escaping, its `allValue`), with values that their own queries find. Grafana
//! itself cannot be had here.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::fleet::{DEMO, FULL, Fleet, RANGE_SECONDS, TENANT};
use crate::grafana::{Dashboard, Query, all, metrics, root, text};
use crate::sample_dashboard::{GONE, INCREASES, SHOWN};
use crate::servers::{eventually, fetched};

/// Families that have a sample only where something is amiss, or what they tell of is turned on: of the job `full`.
const ONLY_FULL: &[&str] = &[
    "librechat_exporter_documents_skipped_total",
    "librechat_exporter_jwks_last_success_timestamp_seconds",
    "librechat_exporter_label_values_dropped",
    "librechat_exporter_missing_indexes",
    "librechat_exporter_tls_certificate_expiry_timestamp_seconds",
];

/// What `$__rate_interval` is here.
const RATE_INTERVAL: &str = "1m";

/// After how many more scrapes of the demo, one a second, there has to be something everywhere: its rarest event comes
/// every 45 s. So a slow machine, on which scrapes are late, has its time.
const PATIENCE: f64 = 150.0;

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
            let found = eventually(&format!("${name} has values"), async || {
                let found = values(fleet, variable, &choices).await;
                if found.is_empty() { Err("none".to_owned()) } else { Ok(found) }
            })
            .await;
            several(&found)
        };
        choices.push((name.to_owned(), chosen));
    }
    choices
}

fn is_only_full(query: &Query) -> bool {
    metrics(&query.expression).iter().any(|name| ONLY_FULL.contains(&name.as_str()))
}

/// Whether the demo makes the number move: a rate of LibreChat's events.
fn is_of_events(query: &Query) -> bool {
    let is_rate = query.expression.contains("rate(") || query.expression.contains("increase(");
    is_rate
        && !metrics(&query.expression).iter().any(|name| name.starts_with("librechat_exporter_"))
        && !query.expression.contains("process_")
}

/// Waits until every one of these expressions shows something, for as long as [`PATIENCE`] says.
async fn until_all_show(fleet: &Fleet, mut asked: Vec<(Query, String)>) {
    let start = fleet.scrapes().await;
    loop {
        let scrapes = fleet.scrapes().await;
        let mut empty = Vec::new();
        for (query, expression) in asked {
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
        if empty.is_empty() {
            return;
        }
        let lines = empty.iter().map(|(query, expression)| format!("\n{}: {expression}", query.place));
        let lines: String = lines.collect();
        assert!(scrapes < start + PATIENCE, "nothing after {scrapes} scrapes in{lines}");
        asked = empty;
        fleet.until_scraped_again().await;
    }
}

/// Has the pictures of docs/dashboards.md drawn of what the fleet's Prometheus has: those of the repository, of a quarter
/// of an hour, with `UPDATE_PICTURES` in the environment; else some of two minutes, which are thrown away.
#[expect(clippy::disallowed_methods, reason = "a test is told by its environment to write its pictures")]
async fn draw(fleet: &Fleet) {
    let thrown_away = TempDir::with_prefix("pictures").unwrap();
    let (minutes, scrapes, folder) = if std::env::var_os("UPDATE_PICTURES").is_some() {
        ("16", 17.0 * 60.0, root().join("docs/pictures"))
    } else {
        ("2", 0.0, thrown_away.path().to_owned())
    };
    loop {
        fleet.refuse_somebody().await;
        fleet.until_scraped_again().await;
        if fleet.scrapes().await >= scrapes {
            break;
        }
    }
    let mut python = Command::new("python3");
    python.arg(root().join("tests/grafana/pictures.py")).env("PYTHONDONTWRITEBYTECODE", "1");
    python.args([&format!("http://127.0.0.1:{}", fleet.prometheus.port), minutes]).arg(&folder);
    let drawn = python.output().expect("python3 runs");
    assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
    for dashboard in all() {
        let picture = fs::read_to_string(folder.join(format!("{}.svg", dashboard.name))).unwrap();
        assert!((5_000..100_000).contains(&picture.len()), "{}: {} bytes", dashboard.name, picture.len());
    }
}

#[tokio::test]
async fn every_panel_annotation_and_variable_of_the_dashboards_shows_something() {
    let fleet = Fleet::start().await;
    let mut asked = Vec::new();
    for dashboard in all() {
        // All of everything, where no series has a tenant; then each value by its name, where they have one.
        for (job, is_all) in [(DEMO, true), (TENANT, false), (FULL, true)] {
            let choices = choices(&fleet, &dashboard, job, is_all).await;
            for query in dashboard.queries() {
                if is_only_full(&query) == (job == FULL) {
                    let expression = fill_in(&query.expression, &choices);
                    asked.push((query, expression));
                }
            }
        }
    }
    assert!(asked.len() > 200, "{}", asked.len());
    until_all_show(&fleet, asked).await;
    the_sample_dashboard_of_the_node_exporter_shows_what_it_did(&fleet).await;
    draw(&fleet).await;
}

/// All that it asks for shows something, but for what is gone from the Node exporter itself.
async fn the_sample_dashboard_of_the_node_exporter_shows_what_it_did(fleet: &Fleet) {
    let increases = INCREASES.iter().map(|name| format!("increase({name}[{RANGE_SECONDS}s])"));
    for expression in SHOWN.iter().map(|name| (*name).to_owned()).chain(increases) {
        assert!(!fleet.numbers(&expression, true).await.is_empty(), "{expression} shows nothing");
    }
    for name in GONE {
        assert_eq!(fleet.numbers(name, true).await, Vec::<f64>::new(), "{name} is served by now");
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
