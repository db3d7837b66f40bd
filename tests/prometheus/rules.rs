//! Rules: each alert is tested both ways and has a runbook, each name exists, and the operator's copy is one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{files, read};

const RECORDING: &str = "prometheus/rules/recording.yml";
const ALERTS: &str = "prometheus/rules/alerts.yml";
/// Records names of the Python exporter; tests/real runs it.
const COMPAT: &str = "prometheus/rules/compat-python-exporter.yml";
const BUDGET: &str = "prometheus/rules/budget.yml";
const RUNBOOKS: &str = "docs/runbooks.md";

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rules of a file, with those of all its groups.
fn rules(path: &str) -> Vec<Value> {
    let groups = yaml(path)["groups"].as_array().unwrap().clone();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn alerts() -> BTreeMap<String, Value> {
    let alerts: BTreeMap<_, _> =
        rules(ALERTS).into_iter().map(|rule| (rule["alert"].as_str().unwrap().to_owned(), rule)).collect();
    assert!(alerts.len() >= 12, "only {} alerts were found", alerts.len());
    alerts
}

fn recorded() -> BTreeSet<String> {
    let rules = [RECORDING, BUDGET].into_iter().flat_map(rules);
    rules.map(|rule| rule["record"].as_str().unwrap().to_owned()).collect()
}

/// Words as PromQL has them: names of families, and of recorded series with their colons.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'))
        .map(|word| word.trim_matches(':'))
}

#[test]
fn every_alert_is_tested_to_fire_and_not_to_fire() {
    let (mut fires, mut stays_silent) = (BTreeSet::new(), BTreeSet::new());
    for path in files("prometheus/rules/tests", "yml") {
        for test in yaml(&path)["tests"].as_array().unwrap() {
            let Some(checks) = test["alert_rule_test"].as_array() else { continue };
            for check in checks {
                let name = check["alertname"].as_str().unwrap().to_owned();
                match check["exp_alerts"].as_array() {
                    Some(expected) if !expected.is_empty() => fires.insert(name),
                    _ => stays_silent.insert(name),
                };
            }
        }
    }
    let alerts: BTreeSet<_> = alerts().into_keys().collect();
    assert_eq!(fires, alerts, "tested to fire, and all");
    assert_eq!(stays_silent, alerts, "tested not to fire, and all");
}

#[test]
fn every_alert_says_how_bad_it_is_and_has_a_runbook() {
    let page = read(RUNBOOKS);
    let sections: BTreeMap<&str, &str> =
        page.split("\n## ").skip(1).filter_map(|section| section.split_once('\n')).collect();
    let alerts = alerts();
    for (name, rule) in &alerts {
        assert!(
            ["critical", "warning", "info"].contains(&rule["labels"]["severity"].as_str().unwrap()),
            "{name}"
        );
        assert!(rule["for"].is_string(), "{name} fires at the first sample");
        let annotations = rule["annotations"].as_object().unwrap();
        for kind in ["summary", "description"] {
            assert!(annotations[kind].as_str().unwrap().ends_with('.'), "{name}: {kind}");
        }
        // Absolute: it is clicked in a chat or a pager.
        let repository = env!("CARGO_PKG_REPOSITORY");
        let anchor = format!("{repository}/blob/main/{RUNBOOKS}#{}", name.to_lowercase());
        assert_eq!(annotations["runbook_url"], anchor.as_str());
        let section = sections.get(name.as_str()).unwrap_or_else(|| panic!("no runbook of {name}"));
        let mut rest = *section;
        for part in ["**Meaning.** ", "**Impact.** ", "**Diagnosis.** ", "**Remedy.** "] {
            rest = rest.split_once(part).unwrap_or_else(|| panic!("{name}: no {part}after the others")).1;
            assert!(rest.find("\n**").unwrap_or(rest.len()) > 20, "{name}: {part}says nothing");
        }
    }
    let others: Vec<_> = sections.keys().filter(|title| title.starts_with("LibreChat")).collect();
    assert_eq!(others.len(), alerts.len(), "a runbook of no alert: {others:?}");
}

#[test]
fn rules_scrapers_and_runbooks_name_only_what_exists() {
    let catalogue = read("docs/metrics.md");
    let rows = catalogue.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let families: BTreeSet<_> = rows.collect();
    let recorded = recorded();
    let old: BTreeSet<_> =
        rules(COMPAT).iter().map(|rule| rule["record"].as_str().unwrap().to_owned()).collect();
    let folders = [
        "prometheus",
        "prometheus/rules",
        "prometheus/rules/tests",
        "prometheus/scrape",
        "prometheus/operator",
    ];
    let mut paths: Vec<_> = folders.into_iter().flat_map(|folder| files(folder, "yml")).collect();
    paths.extend([RUNBOOKS.to_owned(), "prometheus/README.md".to_owned()]);
    let mut named = 0;
    for path in paths {
        let text = read(&path);
        for word in words(&text) {
            let exists = if word.contains(":librechat_") || word.starts_with("librechat:") {
                recorded.contains(word)
            } else if word.starts_with("librechat_") || word.starts_with("process_") {
                (path == COMPAT && old.contains(word))
                    || families.contains(word)
                    || ["_bucket", "_count"].iter().any(|part| families.contains(word.trim_end_matches(part)))
            } else {
                continue;
            };
            assert!(exists, "{path}: {word}");
            named += 1;
        }
    }
    assert!(named > 150, "{named}");
}

#[test]
fn whatever_is_recorded_is_of_use_and_tested() {
    let tests: String = files("prometheus/rules/tests", "yml").iter().map(|path| read(path)).collect();
    let used = format!("{}{tests}", read(ALERTS));
    let recording = read(RECORDING);
    for name in recorded() {
        // By an alert, whose tests test it, by a test of its own, or by another that is recorded.
        let uses = words(&used).filter(|word| *word == name).count();
        let own = words(&recording).filter(|word| *word == name).count();
        assert!(uses > 0 || own > 1, "{name}");
    }
}

/// A PrometheusRule with the groups of these files, comments and all.
fn prometheus_rule(name: &str, comment: &str, sources: &[&str]) -> String {
    let groups: String = sources
        .iter()
        .map(|path| {
            let text = read(path);
            let (_, groups) = text.split_once("\ngroups:\n").unwrap();
            groups
                .lines()
                .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") })
                .collect::<String>()
        })
        .collect::<Vec<_>>()
        .join("\n");
    format!(
        "# {comment}\n# Made of {} by `UPDATE_GOLDEN=1 cargo test --test prometheus`, and checked by the same test.\n\
         apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: {name}\n  labels:\n    \
         app.kubernetes.io/name: librechat-exporter\nspec:\n  groups:\n{groups}",
        sources.join(" and ")
    )
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test is told by its environment to write its files")]
fn the_operators_rules_are_those_of_the_files() {
    let all = prometheus_rule("librechat-exporter", "Recorded series and alerts.", &[RECORDING, ALERTS]);
    let budget = prometheus_rule("librechat-budget", "The budget; edit it, or leave it out.", &[BUDGET]);
    for (file, text) in [("prometheusrule.yml", all), ("prometheusrule-budget.yml", budget)] {
        let path = format!("prometheus/operator/{file}");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&path), &text).unwrap();
        }
        let written = read(&path);
        let differing = text.lines().zip(written.lines()).find(|(made, written)| made != written);
        assert_eq!(differing, None, "{path}: the first line that differs, as it should be and as it is");
        assert_eq!(text.len(), written.len(), "{path}");
    }
    // The text was put together by hand; read as YAML it is the same too.
    let copied = yaml("prometheus/operator/prometheusrule.yml")["spec"]["groups"].clone();
    let groups = |path| yaml(path)["groups"].as_array().unwrap().clone();
    let sources: Vec<_> = [RECORDING, ALERTS].into_iter().flat_map(groups).collect();
    assert_eq!(copied, Value::Array(sources));
}
