//! `METRICS_OAUTH2_CONFIG_FILE`: a YAML file with several issuers.
//!
//! An entry has the settings of the variables under shorter names (`jwks_uri` is `METRICS_OAUTH2_JWKS_URI`) and a `name`.
//! They are read by the same code as the variables: what is a value of one is a value of the other, except that lists may
//! be lists. Every problem is told at once, with the entry that it is in.

use std::path::Path;

use serde_json::Value;

use super::{CONFIG_FILE, IssuerSettings, LARGEST_FILE, Settings, issuer};
use crate::auth::jwks::issuer::Issuer;
use crate::auth::jwks::proxy::Proxies;
use crate::config::areas::OAuth2;
use crate::config::listing::items;
use crate::secret::document::Document;
use crate::secret::file::{Contents, remarks, shown};
use crate::vars::names::likest;
use crate::vars::{Variable, Vars};

/// The most issuers of one file: each has a task, and series of its own.
const MOST_ISSUERS: usize = 32;

const LONGEST_NAME: usize = 32;

/// Between the name of a setting and that of its variable.
const BEGINNING: &str = "METRICS_OAUTH2_";

/// Settings whose items are separated by blanks and not by commas.
const BY_BLANKS: [&str; 1] = ["required_scopes"];

pub(super) fn read(vars: &mut Vars, path: &Path, proxies: &Proxies) -> Option<Vec<IssuerSettings>> {
    let document = Document::read(path, LARGEST_FILE);
    let document = document.map_err(|error| vars.problem(CONFIG_FILE, error)).ok()?;
    remarks(path, Contents::Public).for_each(|remark| vars.warn(CONFIG_FILE, remark));
    let entries = items(document.bytes(), "issuers", "issuer", MOST_ISSUERS);
    let entries = entries
        .map_err(|problem| vars.problem(CONFIG_FILE, format!("names {}, which {problem}", shown(path))))
        .ok()?;
    let mut issuers = Vec::new();
    let mut is_whole = true;
    for (index, entry) in entries.iter().enumerate() {
        match Entry::new(index, entry, entries.len()).read(vars, proxies) {
            Some(settings) => issuers.push(settings),
            None => is_whole = false,
        }
    }
    is_whole &= differ(vars, &issuers, "name", |settings| Some(settings.name.as_str()));
    is_whole &= differ(vars, &issuers, "issuer", |settings| settings.issuer.as_ref().map(Issuer::text));
    is_whole.then_some(issuers)
}

/// A token is judged by the one issuer that it names, and a series counts for one.
fn differ(
    vars: &mut Vars,
    issuers: &[IssuerSettings],
    key: &str,
    of: impl Fn(&Settings) -> Option<&str>,
) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    let values = issuers.iter().filter_map(|issuer| of(&issuer.settings));
    let twice: Vec<&str> = values.filter(|value| !seen.insert(*value)).collect();
    for value in &twice {
        vars.problem(CONFIG_FILE, format!("has two issuers with {key}: {value}"));
    }
    twice.is_empty()
}

/// One item of the list.
struct Entry<'v> {
    value: &'v Value,
    name: Option<&'v str>,
    /// In messages.
    place: String,
    is_alone: bool,
}

impl<'v> Entry<'v> {
    fn new(index: usize, value: &'v Value, of: usize) -> Self {
        let name = value.get("name").and_then(Value::as_str);
        let place = match name {
            Some(name) => format!("issuer {} ({name:?})", index + 1),
            None => format!("issuer {}", index + 1),
        };
        Self { value, name, place, is_alone: of == 1 }
    }

    fn read(&self, vars: &mut Vars, proxies: &Proxies) -> Option<IssuerSettings> {
        let Some(entry) = self.value.as_object() else {
            self.report(vars, "is no mapping of settings");
            return None;
        };
        let mut pairs = Vec::new();
        let mut is_whole = true;
        for (key, value) in entry.iter().filter(|(key, _)| *key != "name") {
            match pair(key, value) {
                Ok(pair) => pairs.push(pair),
                Err(problem) => {
                    self.report(vars, &problem);
                    is_whole = false;
                }
            }
        }
        let name = self.name(vars);
        let mut own = Vars::new(pairs, &[OAuth2::VARIABLES]);
        let area = OAuth2::read(&mut own);
        if is_whole && area.metrics_oauth2_issuer.is_none() && !own.has_problem("METRICS_OAUTH2_ISSUER") {
            own.problem("METRICS_OAUTH2_ISSUER", "is missing: a token is judged by the issuer that it names");
        }
        let settings = issuer(&mut own, area, name.unwrap_or_default(), proxies);
        let (problems, warnings) = own.take_findings();
        is_whole &= problems.is_empty() && name.is_some();
        for problem in problems {
            self.report(vars, &with_keys(&problem.0));
        }
        for warning in warnings {
            vars.warn(CONFIG_FILE, format!("{}: {}", self.place, with_keys(&warning)));
        }
        settings.filter(|_| is_whole)
    }

    fn name(&self, vars: &mut Vars) -> Option<&'v str> {
        let fits = |name: &&str| {
            (1..=LONGEST_NAME).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        match (self.value.get("name"), self.name) {
            (None, _) if self.is_alone => Some(Settings::DEFAULT_NAME),
            (None, _) => {
                self.report(vars, "has no name: it is the label of its metrics");
                None
            }
            (Some(_), Some(name)) if fits(&name) => Some(name),
            (Some(_), _) => {
                self.report(
                    vars,
                    "has a name that is not 1 to 32 letters, digits, hyphens, dots or underscores",
                );
                None
            }
        }
    }

    fn report(&self, vars: &mut Vars, problem: &str) {
        vars.problem(CONFIG_FILE, format!("{}: {problem}", self.place));
    }
}

/// A setting as the pair of its variable.
fn pair(key: &str, value: &Value) -> Result<(String, String), String> {
    let variable = format!("{BEGINNING}{}", key.to_ascii_uppercase());
    if key.chars().any(char::is_uppercase) || !OAuth2::VARIABLES.iter().any(|known| known.name() == variable)
    {
        let nearest = nearest(key).map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
        return Err(format!("has the unknown key {key:?}{nearest}"));
    }
    let separator = if BY_BLANKS.contains(&key) { ' ' } else { ',' };
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => {
            let items: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            let items = items.ok_or_else(|| format!("{key} is a list of something other than texts"))?;
            if key != "required_claims" && items.iter().any(|item| item.contains(separator)) {
                return Err(format!("{key} has an item with {separator:?} in it, which separates items"));
            }
            items.join(&separator.to_string())
        }
        Value::Null | Value::Object(_) => String::new(),
    };
    // A blank variable counts as absent, which is no way to write a setting down.
    if text.trim().is_empty() { Err(format!("{key} has no value")) } else { Ok((variable, text)) }
}

fn nearest(key: &str) -> Option<String> {
    likest(key, OAuth2::VARIABLES.iter().filter_map(key_of), 0.7)
}

fn key_of(variable: &Variable) -> Option<String> {
    variable.name().strip_prefix(BEGINNING).map(str::to_ascii_lowercase)
}

/// A message about variables as one about keys.
fn with_keys(message: &str) -> String {
    let mut names: Vec<(String, String)> =
        OAuth2::VARIABLES.iter().filter_map(|variable| Some((variable.name(), key_of(variable)?))).collect();
    // `…_JWKS_FILE` must not be found in a longer name.
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    names.iter().fold(message.to_owned(), |text, (name, key)| text.replace(name, key))
}
