//! The rules that record the metrics of the Python exporter under their old names, run by a real Prometheus: over the
//! golden database beside what that exporter said of it, and over the demo, where things happen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::docs::serve;
use crate::exporter::Exporter;
use crate::exposition::{Series, parse_file};
use crate::mongod::{Mongod, golden};
use crate::prometheus::{Jobs, Prometheus, repository};
use crate::servers::eventually;

const RULES: &str = "prometheus/rules/compat-python-exporter.yml";

/// Those of the old metrics whose every series has the same value here.
const EQUAL: [&str; 15] = [
    "librechat_messages_total",
    "librechat_error_messages_total",
    "librechat_conversations_total",
    "librechat_registered_users_total",
    "librechat_uploaded_files_total",
    "librechat_thumbs_up_total",
    "librechat_thumbs_down_total",
    "librechat_rated_messages_total",
    "librechat_overall_rating_ratio",
    "librechat_thumbs_up_per_model",
    "librechat_thumbs_down_per_model",
    "librechat_rating_ratio_per_model",
    "librechat_rating_counts_per_tag",
    "librechat_model_tag_thumbs_up",
    "librechat_model_tag_thumbs_down",
];

/// What Prometheus has recorded of `name` for a job, by the labels that the rules leave.
async fn recorded(prometheus: &Prometheus, name: &str, job: &str) -> BTreeMap<Series, f64> {
    let answer = prometheus.result(&format!("{name}{{job=\"{job}\"}}")).await;
    let samples = answer.as_array().unwrap().iter().map(|sample| {
        let mut labels: BTreeMap<String, String> = serde_json::from_value(sample["metric"].clone()).unwrap();
        labels.retain(|label, _| !["__name__", "job"].contains(&label.as_str()));
        let value = sample["value"][1].as_str().unwrap().parse().unwrap();
        (Series { name: name.to_owned(), labels }, value)
    });
    samples.collect()
}

#[tokio::test]
async fn the_python_exporters_metrics_are_there_under_their_old_names() {
    let mongod = Mongod::start().await;
    mongod.load("seed1").await;
    let now = fs::read_to_string(golden("seed1/now.txt")).unwrap();
    let once = Exporter::run(&["once", "--at", now.trim()], &[("MONGO_URI", &mongod.uri())]).await;
    assert!(once.status.success(), "{}", once.stderr);
    let demo = Exporter::demo(&[]).await;
    let jobs = Jobs::with_rules(&[repository(RULES)]);
    let jobs = jobs.add("golden", serve(once.stdout), "").add("demo", demo.port, "");
    let prometheus = jobs.start().await;

    let theirs = parse_file(&golden("seed1.python-exporter.prom.gz"));
    for name in EQUAL {
        let wanted: BTreeMap<_, _> = theirs
            .iter()
            .filter(|(series, _)| series.name == name)
            .map(|(series, value)| (series.clone(), *value))
            .collect();
        assert!(!wanted.is_empty(), "{name} is not a metric of the Python exporter");
        eventually(&format!("{name} is as the Python exporter had it"), async || {
            let found = recorded(&prometheus, name, "golden").await;
            let close = |(series, wanted): (&Series, &f64)| {
                found.get(series).is_some_and(|found| (found - wanted).abs() <= 1e-9 * wanted.abs())
            };
            let equal = found.len() == wanted.len() && wanted.iter().all(close);
            if equal { Ok(()) } else { Err(format!("{found:?}\nnot {wanted:?}")) }
        })
        .await;
    }

    // Every other one is there, too, where things happen.
    let rules: Value = serde_saphyr::from_str(&fs::read_to_string(repository(RULES)).unwrap()).unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    let names: BTreeSet<&str> = rules.iter().map(|rule| rule["record"].as_str().unwrap()).collect();
    for name in &names {
        eventually(&format!("{name} is recorded of the demo"), async || {
            let found = recorded(&prometheus, name, "demo").await;
            if found.is_empty() { Err("no sample".to_owned()) } else { Ok(()) }
        })
        .await;
    }
    for (series, _) in recorded(&prometheus, "librechat_errors_per_model_5m", "demo").await {
        assert!(series.labels.keys().eq(["model"]), "by model, as there: {:?}", series.labels);
    }
    let old = theirs.keys().map(|series| series.name.as_str()).filter(|name| name.starts_with("librechat_"));
    let mut missing: BTreeSet<&str> = old.filter(|name| !names.contains(name)).collect();
    assert!(missing.remove("librechat_active_users"), "it has the same name here");
    assert!(missing.is_empty(), "no rule for {missing:?}");
}
