//! The dashboards of grafana/dashboards as tests see them: panels, variables, and every query with its place.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One file.
pub(crate) struct Dashboard {
    pub(crate) name: String,
    pub(crate) json: Value,
}

/// One expression of a dashboard.
pub(crate) struct Query {
    /// For messages: dashboard, panel and letter, say `overview / Messages / A`.
    pub(crate) place: String,
    pub(crate) expression: String,
    /// Asked for one instant, else for the time shown.
    pub(crate) is_instant: bool,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every dashboard, by name.
pub(crate) fn all() -> Vec<Dashboard> {
    let files = fs::read_dir(root().join("grafana/dashboards")).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let dashboards: Vec<_> = paths
        .iter()
        .map(|path| {
            let json = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
            Dashboard { name: path.file_stem().unwrap().to_str().unwrap().to_owned(), json }
        })
        .collect();
    assert!(dashboards.len() >= 5, "{paths:?}");
    dashboards
}

/// A text that must be there.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("no {name} in {value}"))
}

impl Dashboard {
    /// Panels and rows.
    pub(crate) fn boxes(&self) -> &[Value] {
        list(&self.json, "panels")
    }

    /// What shows something.
    pub(crate) fn panels(&self) -> impl Iterator<Item = &Value> {
        self.boxes().iter().filter(|panel| panel["type"] != "row")
    }

    /// The variables whose values are looked up, in the order in which they depend on each other.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &Value> {
        list(&self.json["templating"], "list").iter().filter(|variable| variable["type"] == "query")
    }

    /// The queries of panels and annotations.
    pub(crate) fn queries(&self) -> Vec<Query> {
        let mut queries = Vec::new();
        for panel in self.panels() {
            for target in list(panel, "targets") {
                let place = format!("{} / {} / {}", self.name, text(panel, "title"), text(target, "refId"));
                let expression = text(target, "expr").to_owned();
                queries.push(Query { place, expression, is_instant: target["instant"] == true });
            }
        }
        for annotation in list(&self.json["annotations"], "list") {
            let place = format!("{} / annotation {}", self.name, text(annotation, "name"));
            let expression = text(&annotation["target"], "expr").to_owned();
            queries.push(Query { place, expression, is_instant: false });
        }
        queries
    }
}

/// The metrics that an expression names, those behind `__name__=~"a_(b|c)"` too; histograms by their own name.
pub(crate) fn metrics(expression: &str) -> BTreeSet<String> {
    let is_of_a_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut names = BTreeSet::new();
    for prefix in ["librechat_", "process_", "scrape_"] {
        for (at, _) in expression.match_indices(prefix) {
            if expression[..at].ends_with(is_of_a_name) {
                continue;
            }
            let end = |text: &str| text.find(|letter| !is_of_a_name(letter)).unwrap_or(text.len());
            let (start, rest) = expression[at..].split_at(end(&expression[at..]));
            match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
                Some((choices, rest)) if start.ends_with('_') => {
                    let tail = &rest[..end(rest)];
                    names.extend(choices.split('|').map(|choice| format!("{start}{choice}{tail}")));
                }
                _ => {
                    names.insert(start.trim_end_matches("_bucket").to_owned());
                }
            }
        }
    }
    names
}
