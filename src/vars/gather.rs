//! Sorts what was found in the environment into what is ours, nearly ours and somebody else's.

use std::collections::BTreeMap;

use secrecy::zeroize::Zeroize as _;

use super::dotenv::{Oddity, Stray};
use super::environment::{ENV_FILE, Environment, Origin, Pair};
use super::names::{self, Name};
use super::{Given, PREFIX, Problem, Variable, Vars};
use crate::secret;

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
        let with_librechats = Neighbours::of(&found.pairs);
        let mut plain = BTreeMap::new();
        for mut pair in found.pairs {
            match names::classify(&pair.name, &pair.value, &known) {
                Name::Ours { name, prefixed: false } if with_librechats.own(&pair) => {
                    if !is_blank(&pair.value) {
                        vars.left.insert(name);
                    }
                }
                Name::Ours { name, prefixed } => {
                    vars.report_oddity(&pair, variables, &name);
                    vars.report_quotes(&pair, &name);
                    let (value, origin) = (std::mem::take(&mut pair.value), pair.origin);
                    let given = Given { value, origin, prefixed };
                    if is_blank(&given.value) {
                        vars.lost.insert(name, BLANK);
                    } else if prefixed {
                        vars.given.insert(name, given);
                    } else {
                        plain.insert(name, given);
                    }
                }
                Name::Near { meant } => {
                    let place = vars.line(pair.origin);
                    let name = &pair.name;
                    vars.report(format!("{name}{place} is not a variable; did you mean {meant}?"));
                }
                Name::OtherMongoUri => vars.other_mongo_uris.push(pair.name.clone()),
                Name::ServiceLink => vars.warn(
                    &pair.name,
                    "holds a Kubernetes service link and is ignored: a Service in this namespace has the name that it \
                     begins with; enableServiceLinks: false in the pod takes it away",
                ),
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
            vars.given.entry(name).or_insert(given);
        }
        for name in found.ignored.into_iter().flat_map(|ignored| ignored.names) {
            if let Name::Ours { name, .. } = names::classify(&name, "", &known) {
                vars.lost.entry(name).or_insert(IGNORED);
            }
        }
        vars.report_blank();
        vars.say_what_is_left();
        vars
    }

    fn say_what_is_left(&mut self) {
        if !self.left.is_empty() {
            let names: Vec<_> = self.left.iter().map(String::as_str).collect();
            self.note(format!(
                "{} left to LibreChat, whose settings are there too: for the exporter they count with the prefix {PREFIX}",
                names.join(", ") + if names.len() == 1 { " is" } else { " are" }
            ));
        }
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

    /// A value that is quoted here was quoted for somebody who does not take the marks off.
    fn report_quotes(&mut self, pair: &Pair, name: &str) {
        // Names and values of claims are quoted by themselves: `"kubernetes.io".namespace="x"` begins and ends with one.
        let is_of_claims = name.ends_with("_CLAIMS") || name.ends_with("_CLAIM");
        if !is_of_claims && secret::is_quoted(&pair.value) {
            self.broken.insert(name.to_owned());
            let subject = format!("{}{}", pair.name, self.line(pair.origin));
            self.report(format!("{subject} {}", secret::QUOTED));
        }
    }

    fn report_oddity(&mut self, pair: &Pair, variables: &[&'static [Variable]], name: &str) {
        let Some(oddity) = pair.oddity else { return };
        let subject = format!("{}{}", pair.name, self.line(pair.origin));
        if oddity != Oddity::CutAtHash {
            self.broken.insert(name.to_owned());
        }
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
            _ => false,
        };
        if is_meant {
            let place = self.line(Origin::File { line: stray.line });
            self.problems.push(Problem(format!("{word}{place} is not followed by = and a value")));
        }
    }

    /// A blank value is an absent one, except where that would quietly open what was meant to be closed. Whether a blank
    /// credential does depends on what else there is, so that is decided elsewhere.
    fn report_blank(&mut self) {
        let closing = [
            ("METRICS_ALLOWED_IPS", "leave it out to have no allow-list"),
            ("METRICS_AUTH_REQUIRED", "write true or false, or leave it out"),
            ("METRICS_ALLOWED_HOSTS", "leave it out to take every name"),
            ("METRICS_OAUTH2_REQUIRED_CLAIMS", "leave it out to require none"),
            ("METRICS_OAUTH2_REQUIRED_SCOPES", "leave it out to require none"),
            ("METRICS_OAUTH2_TOKEN_TYPES", "leave it out to take every kind of access token"),
            ("TLS_CLIENT_CA_FILE", "leave it out to ask for no client certificates"),
            ("TLS_CLIENT_ALLOWED_SANS", "leave it out to let in every certificate of TLS_CLIENT_CA_FILE"),
        ];
        for (name, mend) in closing {
            if self.lost(&[name]).contains(&(name.to_owned(), BLANK)) {
                self.problem(name, format!("is set but empty; {mend}"));
            }
        }
        for (name, why) in self.lost(&["MONGO_URI", "JWT_REFRESH_SECRET", "TLS_CERT_FILE", "TLS_KEY_FILE"]) {
            self.warn(&name, format!("{why}, and counts as absent"));
        }
    }
}

/// In which of the two places LibreChat's own settings are.
struct Neighbours {
    in_environment: bool,
    in_file: bool,
}

impl Neighbours {
    fn of(pairs: &[Pair]) -> Self {
        let any = |in_environment: bool| {
            pairs.iter().any(|pair| {
                names::LIBRECHAT.contains(&pair.name.as_str())
                    && (pair.origin == Origin::Environment) == in_environment
            })
        };
        Self { in_environment: any(true), in_file: any(false) }
    }

    /// Whether a variable is LibreChat's: both have its name, and it is in the same place as others that only LibreChat has.
    fn own(&self, pair: &Pair) -> bool {
        let beside = match pair.origin {
            Origin::Environment => self.in_environment,
            Origin::File { .. } => self.in_file,
            Origin::WebConfig { .. } => false,
        };
        beside && names::SHARED.contains(&pair.name.as_str())
    }
}

const BLANK: &str = "is set but empty";
const IGNORED: &str = "is in the .env file that is ignored";

/// Nothing that a reader would see.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'))
}

fn is_secret(variables: &[&'static [Variable]], name: &str) -> bool {
    variables.iter().copied().flatten().any(|known| known.secret && known.name() == name)
}
