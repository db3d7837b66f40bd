//! Settings as (name, value) pairs: which names are ours, what blank means, and every problem at once.
//!
//! Invariants:
//! - Nothing else reads the environment. A blank value is an absent one. The prefixed form of a name wins.
//! - A problem names its variable and never shows the value of a secret.
//! - A name that is nearly one of ours is a problem: a typing mistake must never leave `/metrics` open.

pub mod names;
pub mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use secrecy::zeroize::Zeroize;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};

use self::names::Name;
use crate::secret::Secret;

/// Every variable also exists with this prefix, which wins: for an `.env` shared with LibreChat, whose `PORT` is not ours.
pub const PREFIX: &str = "LIBRECHAT_EXPORTER_";

/// What is known of a variable besides its value: for the documentation and for `check-config`.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// The name in lower case, which is also the name of its field.
    pub field: &'static str,
    /// What its area is about, as the documentation of the area's struct says it.
    pub area: &'static str,
    /// The type of its values, as the table has it.
    pub kind: &'static str,
    /// Its values are never shown.
    pub secret: bool,
    /// What holds when it is absent, if anything does.
    pub default: Option<&'static str>,
    /// What it means, as its field's documentation says it. Without a default a sentence that begins with `Absent:` says
    /// what holds then.
    pub doc: &'static str,
}

impl Variable {
    pub fn name(&self) -> String {
        self.field.to_ascii_uppercase()
    }
}

/// What is wrong with the settings, in a line that begins with the variable's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(pub String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The pairs that concern us, and what was found wrong with any of them so far.
#[derive(Default)]
pub struct Vars {
    given: BTreeMap<String, String>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl fmt::Debug for Vars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names only: values may be secrets.
        f.debug_struct("Vars").field("given", &self.given.keys()).finish_non_exhaustive()
    }
}

impl Drop for Vars {
    fn drop(&mut self) {
        self.given.values_mut().for_each(Zeroize::zeroize);
    }
}

impl Vars {
    /// Keeps the pairs whose names are in `variables`; reports names that are nearly one of them.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>, variables: &[&'static [Variable]]) -> Self {
        let known: Vec<String> = variables.iter().copied().flatten().map(Variable::name).collect();
        let mut vars = Self::default();
        let mut plain = BTreeMap::new();
        for (name, mut value) in pairs {
            match names::classify(&name, &value, &known) {
                Name::Ours { name, prefixed: true } if !value.trim().is_empty() => {
                    vars.given.insert(name, value);
                }
                Name::Ours { name, prefixed: false } => {
                    plain.insert(name, value);
                }
                Name::Ours { .. } | Name::Foreign => value.zeroize(),
                Name::Near { meant } => {
                    vars.problems.push(Problem(format!("{name} is not a variable; did you mean {meant}?")));
                }
                Name::Unknown => vars.warn(&name, "is not a variable of ours, and has no effect"),
            }
        }
        for (name, value) in plain {
            if !value.trim().is_empty() {
                vars.given.entry(name).or_insert(value);
            } else if !vars.given.contains_key(&name) {
                vars.report_blank(&name, variables);
            }
        }
        vars
    }

    /// A blank value is an absent one, except where that would quietly open what was meant to be closed.
    fn report_blank(&mut self, name: &str, variables: &[&'static [Variable]]) {
        let secret = variables.iter().copied().flatten().any(|known| known.secret && known.name() == name);
        if name == "METRICS_ALLOWED_IPS" {
            self.problem(name, "is set but empty; leave it out to have no allow-list");
        } else if secret {
            self.warn(name, "is set but empty, and counts as absent");
        }
    }

    /// One area's settings, by way of `envy`; every field is a [`Setting`], so that this cannot fail.
    pub fn area<R: DeserializeOwned + Default>(&self) -> R {
        envy::from_iter(self.given.iter().map(|(name, value)| (name.clone(), value.clone())))
            .unwrap_or_default()
    }

    pub fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// The value of a variable as `check-config` may show it.
    pub fn shown(&self, variable: &Variable) -> Option<&str> {
        let value = self.given.get(&variable.name())?;
        let value = value.trim();
        Some(match value.split_once('?') {
            _ if variable.secret => "[redacted]",
            // The query of a URL may hold a key.
            Some((url, _)) if url.contains("://") => url,
            _ => value,
        })
    }

    pub fn problem(&mut self, name: &str, text: impl fmt::Display) {
        self.report(format!("{name} {text}"));
    }

    /// A problem whose text already begins with its variable.
    pub fn report(&mut self, text: String) {
        self.problems.push(Problem(text));
    }

    /// Whether a variable whose name begins so has a problem.
    pub fn has_problem(&self, beginning: &str) -> bool {
        self.problems.iter().any(|problem| problem.0.starts_with(beginning))
    }

    pub fn warn(&mut self, name: &str, text: impl fmt::Display) {
        self.caution(format!("{name} {text}"));
    }

    /// A warning whose text already begins with its variable.
    pub fn caution(&mut self, text: String) {
        self.warnings.push(text);
    }

    /// The value of a variable that has a default. After a problem the default stands in, so that what else is wrong
    /// is found too; nothing is made of settings with a problem.
    #[expect(
        clippy::expect_used,
        reason = "a default that cannot be parsed is a mistake in a table, and a test's find"
    )]
    pub fn settle<T: Value>(&mut self, field: &str, setting: Setting<T>, default: &str) -> T {
        self.settle_optional(field, setting)
            .unwrap_or_else(|| T::parse(default).expect("a default is a value of its type"))
    }

    /// The value of a variable that has none.
    pub fn settle_optional<T: Value>(&mut self, field: &str, setting: Setting<T>) -> Option<T> {
        match setting {
            Setting::Absent => None,
            Setting::Given(Ok(value)) => Some(value),
            Setting::Given(Err(reason)) => {
                self.problem(&field.to_ascii_uppercase(), reason);
                None
            }
        }
    }

    /// All problems and all warnings found so far.
    pub fn take_findings(&mut self) -> (Vec<Problem>, Vec<String>) {
        (std::mem::take(&mut self.problems), std::mem::take(&mut self.warnings))
    }
}

/// A type that a setting can have. An error is a phrase that goes on after the variable's name.
pub trait Value: Sized {
    const SECRET: bool = false;

    /// # Errors
    /// What is wrong with `text`; for a secret, without showing it.
    fn parse(text: &str) -> Result<Self, String>;
}

impl<T: std::str::FromStr<Err: fmt::Display>> Value for T {
    fn parse(text: &str) -> Result<Self, String> {
        text.trim().parse().map_err(|error: T::Err| error.to_string())
    }
}

impl Value for Secret {
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        // Files and templates end in a newline; a secret that ends in one could not be typed anywhere.
        Ok(Self::new(text.trim_end_matches(['\r', '\n'])))
    }
}

/// One variable as it was found: `envy` stops at the first error, so an error is kept as a value.
#[derive(Debug, Default)]
pub enum Setting<T> {
    #[default]
    Absent,
    Given(Result<T, String>),
}

impl<'de, T: Value> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut text = String::deserialize(deserializer)?;
        let result = T::parse(&text);
        text.zeroize();
        Ok(Self::Given(result))
    }
}

/// Declares one area's settings: the struct, the table of its variables, and how they are read.
///
/// A field is named after its variable, in lower case. With `= "text"` it has a default, which is parsed like any other
/// value; without, it is an `Option`. The documentation of a field is the documentation of its variable.
macro_rules! settings {
    (
        $(#[doc = $about:literal])*
        pub struct $area:ident { $( $(#[doc = $doc:literal])+ $field:ident: $kind:ty $(= $default:literal)?; )+ }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug)]
        pub struct $area { $( $(#[doc = $doc])+ pub $field: $crate::vars::settings!(@type $kind $(, $default)?), )+ }

        impl $area {
            const AREA: &'static str = concat!($($about),*);

            pub const VARIABLES: &'static [$crate::vars::Variable] = &[ $( $crate::vars::Variable {
                field: stringify!($field),
                area: Self::AREA,
                kind: stringify!($kind),
                secret: <$kind as $crate::vars::Value>::SECRET,
                default: $crate::vars::settings!(@default $($default)?),
                doc: concat!($($doc, "\n"),+),
            } ),+ ];

            /// What is wrong with any of them goes to `vars`.
            pub fn read(vars: &mut $crate::vars::Vars) -> Self {
                #[derive(Default, serde::Deserialize)]
                struct Raw { $( #[serde(default)] $field: $crate::vars::Setting<$kind>, )+ }
                let raw: Raw = vars.area();
                Self { $( $field: $crate::vars::settings!(@settle vars, raw, $field $(, $default)?), )+ }
            }
        }
    };
    (@type $kind:ty) => { Option<$kind> };
    (@type $kind:ty, $default:literal) => { $kind };
    (@default) => { None };
    (@default $default:literal) => { Some($default) };
    (@settle $vars:ident, $raw:ident, $field:ident) => { $vars.settle_optional(stringify!($field), $raw.$field) };
    (@settle $vars:ident, $raw:ident, $field:ident, $default:literal) => {
        $vars.settle(stringify!($field), $raw.$field, $default)
    };
}
pub(crate) use settings;

/// The process' environment and, where it does not say otherwise, the `.env` file of `folder`.
///
/// # Errors
/// A `.env` file that cannot be read: skipping a line of it could leave out a token.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn environment(folder: &Path) -> Result<Vec<(String, String)>, Problem> {
    let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let mut pairs: BTreeMap<String, String> = BTreeMap::new();
    match dotenvy::from_path_iter(folder.join(".env")) {
        Ok(lines) => {
            for (number, line) in lines.enumerate() {
                // The library's message quotes the line, which may hold a secret.
                let (name, value) = line.map_err(|_| {
                    Problem(format!(".env cannot be read: its entry number {} is not NAME=value", number + 1))
                })?;
                pairs.insert(name, value);
            }
        }
        Err(error) if error.not_found() => {}
        Err(_) => return Err(Problem(".env is there but cannot be opened".into())),
    }
    pairs.extend(std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))));
    Ok(pairs.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::values::{Flag, Port, Span};
    use super::*;

    settings! {
        pub struct Sample {
            /// Where to listen.
            port: Port = "9087";
            /// How often.
            refresh_interval: Span = "30000";
            /// Whether.
            disable_auth: Flag = "false";
            /// A token.
            metrics_bearer_token: Secret;
            /// A token's file.
            metrics_bearer_token_file: std::path::PathBuf;
        }
    }

    fn read(pairs: &[(&str, &str)]) -> (Sample, Vec<String>, Vec<String>) {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut vars = Vars::new(pairs, &[Sample::VARIABLES]);
        let sample = Sample::read(&mut vars);
        let (problems, warnings) = vars.take_findings();
        (sample, problems.iter().map(Problem::to_string).collect(), warnings)
    }

    #[test]
    fn absent_and_blank_variables_have_their_defaults() {
        let (sample, problems, warnings) = read(&[("PORT", " "), ("METRICS_BEARER_TOKEN", "")]);
        assert_eq!((sample.port.0, sample.disable_auth.0), (9087, false));
        assert!(sample.metrics_bearer_token.is_none() && sample.metrics_bearer_token_file.is_none());
        assert!(problems.is_empty());
        assert_eq!(warnings, ["METRICS_BEARER_TOKEN is set but empty, and counts as absent"]);
    }

    #[test]
    fn the_prefixed_name_wins_unless_it_is_blank() {
        let port = |pairs| read(pairs).0.port.0;
        assert_eq!(port(&[("PORT", "3080"), ("LIBRECHAT_EXPORTER_PORT", "9999")]), 9999);
        assert_eq!(port(&[("LIBRECHAT_EXPORTER_PORT", ""), ("PORT", "3080")]), 3080);
    }

    #[test]
    fn all_problems_come_together_and_show_no_secret() {
        let (sample, problems, _) = read(&[
            ("PORT", "abc"),
            ("REFRESH_INTERVAL", "soon"),
            ("METRICS_BEARER_TOKN", "canary"),
            ("metrics_bearer_token", "canary"),
        ]);
        assert_eq!((sample.port.0, sample.refresh_interval.0.as_secs()), (9087, 30));
        assert_eq!(problems.len(), 4, "{problems:?}");
        for name in ["PORT must", "REFRESH_INTERVAL must", "did you mean METRICS_BEARER_TOKEN?"] {
            assert!(problems.iter().any(|problem| problem.contains(name)), "{problems:?}");
        }
        assert!(!problems.iter().any(|problem| problem.contains("canary")), "{problems:?}");
    }

    #[test]
    fn debug_and_shown_values_never_hold_a_secret() {
        let pairs = [("METRICS_BEARER_TOKEN".to_owned(), "canary".to_owned())];
        let vars = Vars::new(pairs, &[Sample::VARIABLES]);
        let token = Sample::VARIABLES.iter().find(|v| v.field == "metrics_bearer_token").unwrap();
        assert_eq!(vars.shown(token), Some("[redacted]"));
        assert!(!format!("{vars:?}").contains("canary"));
    }
}
