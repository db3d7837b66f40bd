//! Settings as (name, value) pairs: which names are ours, what blank means, and every problem at once.
//!
//! Invariants:
//! - Nothing else reads the environment. A blank value is an absent one. The prefixed form of a name wins.
//! - A problem names its variable and never shows the value of a secret.
//! - A name that is nearly one of ours is a problem: a typing mistake must never leave `/metrics` open.

pub mod dotenv;
pub mod environment;
mod gather;
pub mod names;
pub mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use secrecy::zeroize::Zeroize;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};

use self::environment::Origin;
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
    given: BTreeMap<String, Given>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
    notes: Vec<String>,
    /// Variables that are there without a value, or whose value was left out with a file; each with what became of it.
    lost: BTreeMap<String, &'static str>,
    /// Variables whose text was refused before it was read.
    broken: BTreeSet<String>,
    /// Variables that were left to LibreChat, though they have a name of ours.
    left: BTreeSet<String>,
    /// Names that others have for `MONGO_URI`, as they were found.
    other_mongo_uris: Vec<String>,
    /// The `.env` file that was read.
    file: Option<String>,
}

/// The value that counts for a variable, and where it was found.
struct Given {
    value: String,
    origin: Origin,
    prefixed: bool,
}

impl Drop for Given {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

impl fmt::Debug for Vars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names only: values may be secrets.
        f.debug_struct("Vars").field("given", &self.given.keys()).finish_non_exhaustive()
    }
}

impl Vars {
    /// One area's settings, by way of `envy`; every field is a [`Setting`], so that this cannot fail.
    pub fn area<R: DeserializeOwned + Default>(&self) -> R {
        envy::from_iter(self.given.iter().map(|(name, given)| (name.clone(), given.value.clone())))
            .unwrap_or_default()
    }

    pub fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// Whether the plain name was there and counts for LibreChat alone.
    pub fn is_left_to_librechat(&self, name: &str) -> bool {
        self.left.contains(name)
    }

    /// What looks as if `MONGO_URI` was meant by it.
    pub fn take_other_mongo_uris(&mut self) -> Vec<String> {
        std::mem::take(&mut self.other_mongo_uris)
    }

    /// A number without a unit that was meant as seconds, most likely, and is taken for milliseconds.
    pub fn is_bare_number(&self, name: &str) -> bool {
        let value = self.given.get(name).map(|given| given.value.trim());
        value.is_some_and(|value| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// The variables whose names begin with one of these, that were set and have no value all the same, and why.
    pub fn lost(&self, beginnings: &[&str]) -> Vec<(String, &'static str)> {
        let begins = |name: &str| beginnings.iter().any(|beginning| name.starts_with(beginning));
        let lost = self.lost.iter().filter(|(name, _)| begins(name) && !self.given.contains_key(*name));
        lost.map(|(name, why)| (name.clone(), *why)).collect()
    }

    /// The value of a variable as `check-config` may show it. A query is left out, since keys stand in some.
    pub fn shown(&self, variable: &Variable) -> Option<String> {
        let given = self.given.get(&variable.name())?;
        let value = given.value.trim();
        Some(match value.split_once('?') {
            _ if variable.secret => "[redacted]".into(),
            Some((address, _)) if value.contains("://") => format!("{address}?[redacted]"),
            _ => value.into(),
        })
    }

    /// Where the value of a variable comes from, in words.
    pub fn found_in(&self, name: &str) -> String {
        let Some(given) = self.given.get(name) else { return "default".into() };
        let place = match given.origin {
            Origin::Environment => "environment".to_owned(),
            Origin::File { line } => format!("{}, line {line}", self.file_name()),
        };
        if given.prefixed { format!("{place}, {PREFIX}{name}") } else { place }
    }

    /// The `.env` file as messages name it.
    fn file_name(&self) -> &str {
        let file = self.file.as_deref().unwrap_or(".env");
        file.rsplit('/').next().unwrap_or(file)
    }

    /// Where a variable is to be mended, when that is not plain from its name.
    fn place(&self, name: &str) -> String {
        let Some(given) = self.given.get(name) else { return String::new() };
        let prefixed = given.prefixed.then(|| format!("{PREFIX}{name}"));
        let line = match given.origin {
            Origin::Environment => None,
            Origin::File { line } => Some(format!("{}, line {line}", self.file_name())),
        };
        let places: Vec<_> = prefixed.into_iter().chain(line).collect();
        if places.is_empty() { String::new() } else { format!(" ({})", places.join(", ")) }
    }

    pub fn problem(&mut self, name: &str, text: impl fmt::Display) {
        if self.broken.contains(name) {
            // What is wrong with what is left of it follows from what was said already.
            return;
        }
        self.report(format!("{name}{} {text}", self.place(name)));
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

    /// What is worth a line in the log though nothing is wrong with it.
    pub fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
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
        assert!(warnings.is_empty(), "{warnings:?}");
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
        assert_eq!(vars.shown(token).as_deref(), Some("[redacted]"));
        assert!(!format!("{vars:?}").contains("canary"));
    }
}
