//! Sorts what was found in the environment into what is ours, nearly ours and somebody else's.

use std::collections::BTreeMap;

use secrecy::zeroize::Zeroize as _;

use super::dotenv::{Oddity, Stray};
use super::environment::{ENV_FILE, Environment, Origin, Pair};
use super::names::{self, Name};
use super::{Given, Problem, Variable, Vars};

impl Vars {
    /// As [`Self::gather`], of pairs alone.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>, variables: &[&'static [Variable]]) -> Self {
        let pair = |(name, value)| Pair { name, value, origin: Origin::Environment, oddity: None };
        let pairs = pairs.into_iter().map(pair).collect();
        Self::gather(Environment { pairs, ..Environment::default() }, variables)
    }

    /// Keeps the pairs whose names are in `variables`; reports names that are nearly one of them.
    pub fn gather(found: Environment, variables: &[&'static [Variable]]) -> Self {
        let known: Vec<String> = variables.iter().copied().flatten().map(Variable::name).collect();
        let mut vars = Self::default();
        vars.say_which_file(&found);
        let mut plain = BTreeMap::new();
        for mut pair in found.pairs {
            match names::classify(&pair.name, &pair.value, &known) {
                Name::Ours { name, prefixed } => {
                    vars.report_oddity(&pair, variables, &name);
                    let (value, origin) = (std::mem::take(&mut pair.value), pair.origin);
                    let given = Given { value, origin, prefixed };
                    if !prefixed {
                        plain.insert(name, given);
                    } else if !is_blank(&given.value) {
                        vars.given.insert(name, given);
                    }
                }
                Name::Near { meant } => {
                    let place = vars.line(pair.origin);
                    let name = &pair.name;
                    vars.report(format!("{name}{place} is not a variable; did you mean {meant}?"));
                }
                Name::Unknown if pair.name == ENV_FILE => {
                    vars.warn(ENV_FILE, "has no effect in the file itself");
                }
                Name::Unknown => vars.warn(&pair.name, "is not a variable of ours, and has no effect"),
                Name::Foreign => {}
            }
            pair.value.zeroize();
        }
        found.strays.iter().for_each(|stray| vars.report_stray(stray, &known));
        for (name, given) in plain {
            if !is_blank(&given.value) {
                vars.given.entry(name).or_insert(given);
            } else if !vars.given.contains_key(&name) {
                vars.report_blank(&name, variables);
            }
        }
        vars
    }

    fn say_which_file(&mut self, found: &Environment) {
        if let Some(file) = &found.file {
            self.note(format!("settings that the environment does not have are read from {file}"));
        }
        if let Some(ignored) = &found.ignored {
            let reason = &ignored.reason;
            self.caution(format!(
                "the .env file of the working folder is ignored: it {reason}; to use it all the same, set {ENV_FILE}=.env"
            ));
        }
        self.file.clone_from(&found.file);
    }

    /// Where a line is, behind the name that stands in it.
    fn line(&self, origin: Origin) -> String {
        match origin {
            Origin::Environment | Origin::WebConfig { .. } => String::new(),
            Origin::File { line } => format!(" ({}, line {line})", self.file_name()),
        }
    }

    fn report_oddity(&mut self, pair: &Pair, variables: &[&'static [Variable]], name: &str) {
        let Some(oddity) = pair.oddity else { return };
        let subject = format!("{}{}", pair.name, self.line(pair.origin));
        match oddity {
            Oddity::OpenQuote => self.report(format!(
                "{subject} begins with a quotation mark that does not end the value: close it at the end of the value, \
                 or leave it out"
            )),
            Oddity::NotText => self.report(format!("{subject} is not UTF-8 text")),
            // LibreChat reads its own values in the same way, and ours of them have to be equal.
            Oddity::CutAtHash if is_secret(variables, name) && name.starts_with("METRICS_") => {
                self.report(format!(
                    "{subject} holds a #, which ends a value that is not in quotes: put it in quotes"
                ));
            }
            Oddity::CutAtHash => self.caution(format!(
                "{subject} was cut at its #, which ends a value that is not in quotes: put it in quotes if it belongs to \
                 the value"
            )),
        }
    }

    /// A line that begins with a name of ours and assigns nothing was meant to.
    fn report_stray(&mut self, stray: &Stray, known: &[String]) {
        let word = &stray.word;
        let is_meant = match names::classify(word, "", known) {
            // Too short to be told from prose.
            Name::Ours { name, prefixed } => prefixed || name.contains('_'),
            Name::Near { .. } => word.contains('_'),
            Name::Unknown | Name::Foreign => false,
        };
        if is_meant {
            let place = self.line(Origin::File { line: stray.line });
            self.problems.push(Problem(format!("{word}{place} is not followed by = and a value")));
        }
    }

    /// A blank value is an absent one, except where that would quietly open what was meant to be closed.
    fn report_blank(&mut self, name: &str, variables: &[&'static [Variable]]) {
        if name == "METRICS_ALLOWED_IPS" {
            self.problem(name, "is set but empty; leave it out to have no allow-list");
        } else if is_secret(variables, name) {
            self.warn(name, "is set but empty, and counts as absent");
        }
    }
}

/// Nothing that a reader would see.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'))
}

fn is_secret(variables: &[&'static [Variable]], name: &str) -> bool {
    variables.iter().copied().flatten().any(|known| known.secret && known.name() == name)
}
