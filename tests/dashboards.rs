//! The dashboards of grafana/, as far as they can be judged without a server: tests/real runs their queries.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop where it stands"
)]

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::support::{Dashboard, all, list, metrics, root, text};

#[path = "support/sample_dashboard.rs"]
mod sample;
#[path = "support/dashboards.rs"]
mod support;

/// What Prometheus itself says of a scrape.
const OF_PROMETHEUS: &[&str] = &["scrape_duration_seconds", "scrape_samples_scraped"];

/// Grafana's own variables.
const BUILT_IN: &[&str] = &["__rate_interval", "__range"];

/// The names of variables in a text: `$name` and `${name}`, but for `$1` of a replacement.
fn variables(text: &str) -> BTreeSet<&str> {
    text.split('$')
        .skip(1)
        .map(|rest| rest.trim_start_matches('{'))
        .map(|rest| {
            &rest[..rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len())]
        })
        .filter(|name| !name.starts_with(|c: char| c.is_ascii_digit()))
        .collect()
}

/// Every text in a value.
fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        _ => {}
    }
}

#[test]
fn every_metric_that_is_shown_is_served() {
    let catalogue = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let served = |name: &str| catalogue.contains(&format!("\n| `{name}` |"));
    let mut shown = BTreeSet::new();
    for dashboard in all() {
        let mut expressions: Vec<_> = dashboard.queries().into_iter().map(|query| query.expression).collect();
        expressions
            .extend(dashboard.variables().map(|variable| text(&variable["query"], "query").to_owned()));
        shown.extend(expressions.iter().flat_map(|expression| metrics(expression)));
    }
    let unknown: Vec<_> =
        shown.iter().filter(|name| !served(name) && !OF_PROMETHEUS.contains(&name.as_str())).collect();
    assert!(unknown.is_empty(), "not in docs/metrics.md: {unknown:#?}");
    assert!(shown.len() > 100, "{}", shown.len());
}

#[test]
fn the_sample_dashboard_of_the_node_exporter_asks_for_what_is_served() {
    let catalogue = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let served = |name: &&&str| catalogue.contains(&format!("\n| `{name}` |"));
    let missing: Vec<_> =
        sample::SHOWN.iter().chain(sample::INCREASES).filter(|name| !served(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let back: Vec<_> = sample::GONE.iter().filter(served).collect();
    assert!(back.is_empty(), "no longer gone: {back:?}");
}

#[test]
fn the_pictures_are_of_panels_that_there_are() {
    for dashboard in all() {
        let picture =
            fs::read_to_string(root().join(format!("docs/pictures/{}.svg", dashboard.name))).unwrap();
        // What the pictures choose where one window is chosen.
        let titles: BTreeSet<_> =
            dashboard.panels().map(|panel| text(panel, "title").replace("$window", "30d")).collect();
        let drawn: Vec<_> = picture
            .split("<g class=\"panel\">")
            .skip(1)
            .map(|panel| panel.split("bold\"").nth(1).unwrap())
            .map(|rest| rest.split(['>', '<']).nth(1).unwrap().replace("&amp;", "&"))
            .collect();
        let unknown: Vec<_> = drawn.iter().filter(|title| !titles.contains(title.as_str())).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}; UPDATE_PICTURES=1 draws them anew", dashboard.name);
        assert!(drawn.len() > 10, "{}: {drawn:?}", dashboard.name);
    }
}

#[test]
fn the_names_of_metrics_are_found_in_expressions() {
    let expression =
        r#"a / sum(librechat_b_bucket{x="$y"}) + {__name__=~"librechat_(c|d)_e"} + other_librechat_f"#;
    let found: Vec<_> = metrics(expression).into_iter().collect();
    assert_eq!(found, ["librechat_b", "librechat_c_e", "librechat_d_e"]);
}

#[test]
fn every_panel_says_what_it_shows_and_in_which_unit() {
    for dashboard in all() {
        let mut titles = BTreeSet::new();
        for panel in dashboard.panels() {
            let title = text(panel, "title");
            let place = format!("{} / {title}", dashboard.name);
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(!text(defaults, "unit").is_empty(), "{place}");
            assert!(!list(&defaults["thresholds"], "steps").is_empty(), "{place}");
            let description = text(panel, "description");
            assert!(description.ends_with(['.', '…']) && description != title, "{place}: {description}");
            assert!(!list(panel, "targets").is_empty(), "{place}");
            // Where several series may come, each is named.
            for target in list(panel, "targets").iter().filter(|_| panel["type"] == "timeseries") {
                assert!(!text(target, "legendFormat").is_empty(), "{place}");
                assert_eq!(panel["interval"], "1m", "{place}");
            }
            titles.insert((title, description));
        }
        assert_eq!(titles.len(), dashboard.panels().count(), "{}: two panels are alike", dashboard.name);
        let variables = dashboard.variables().filter(|variable| text(variable, "description").is_empty());
        assert_eq!(variables.count(), 0, "{}: variables without a description", dashboard.name);
    }
}

#[test]
fn identities_are_stable_and_unique() {
    let mut seen = BTreeSet::new();
    for dashboard in all() {
        let uid = text(&dashboard.json, "uid").to_owned();
        assert_eq!(uid, format!("librechat-{}", dashboard.name));
        assert!(uid.len() <= 40, "Grafana takes no longer ones");
        assert_eq!(dashboard.json["id"], Value::Null, "an id is of one Grafana");
        assert!(dashboard.json["schemaVersion"].as_u64().unwrap() >= 39);
        assert!(seen.insert(uid));
        let ids: BTreeSet<_> = dashboard.boxes().iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), dashboard.boxes().len(), "{}", dashboard.name);
    }
}

#[test]
fn panels_lie_side_by_side_on_the_grid_and_never_over_each_other() {
    for dashboard in all() {
        let mut taken = BTreeSet::new();
        for panel in dashboard.boxes() {
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
            let place = format!("{} / {}", dashboard.name, text(panel, "title"));
            assert!(w > 0 && h > 0 && x + w <= 24, "{place}");
            for cell in (y..y + h).flat_map(|row| (x..x + w).map(move |column| (row, column))) {
                assert!(taken.insert(cell), "{place} lies over another panel");
            }
        }
        let bottom = taken.iter().map(|(row, _)| row + 1).max().unwrap();
        let holes = bottom * 24 - u64::try_from(taken.len()).unwrap();
        assert!(holes * 10 < bottom * 24, "{}: {holes} of {} cells are empty", dashboard.name, bottom * 24);
    }
}

#[test]
fn variables_that_are_used_exist_and_those_that_exist_are_used() {
    for dashboard in all() {
        let declared = list(&dashboard.json["templating"], "list");
        let names: Vec<_> = declared.iter().map(|variable| text(variable, "name")).collect();
        let mut used = BTreeSet::new();
        for (index, variable) in declared.iter().enumerate() {
            let mut found = Vec::new();
            texts(&variable["query"], &mut found);
            for name in found.into_iter().flat_map(variables) {
                assert!(
                    names[..index].contains(&name),
                    "{}: ${name} is used before it exists",
                    dashboard.name
                );
                used.insert(name);
            }
        }
        let mut found = Vec::new();
        texts(&dashboard.json["panels"], &mut found);
        texts(&dashboard.json["annotations"], &mut found);
        used.extend(found.into_iter().flat_map(variables).filter(|name| !BUILT_IN.contains(name)));
        assert_eq!(used, names.iter().copied().collect(), "{}", dashboard.name);
    }
}

#[test]
fn every_query_goes_to_the_chosen_data_source_and_the_chosen_jobs() {
    for dashboard in all() {
        for panel in dashboard.panels() {
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", dashboard.name);
        }
        for query in dashboard.queries() {
            let selectors = query.expression.matches('{').count();
            let chosen = query.expression.matches(r#"{job=~"$job",tenant=~"$tenant""#).count()
                + query.expression.matches(r#"",job=~"$job",tenant=~"$tenant"}"#).count();
            assert_eq!(chosen, selectors, "{}: {}", query.place, query.expression);
            let names = metrics(&query.expression);
            assert!(!names.is_empty() || query.expression.contains("up{"), "{}", query.place);
            // Over time, each point would be of the whole range before it.
            assert!(query.is_instant || !query.expression.contains("$__range"), "{}", query.place);
        }
    }
}

#[test]
fn the_dashboards_link_to_each_other() {
    let linked = |dashboard: &Dashboard| {
        let [link] = list(&dashboard.json, "links") else { panic!("{} has not one link", dashboard.name) };
        assert_eq!((&link["type"], &link["keepTime"]), (&"dashboards".into(), &true.into()));
        let tags = list(&dashboard.json, "tags");
        list(link, "tags").iter().all(|tag| tags.contains(tag))
    };
    assert!(all().iter().all(linked), "a dashboard lacks the tag by which the others find it");
}
