//! `FORWARD_AUTH_RULES_FILE`: a YAML file with a list of rules. Every problem is told at once, with the rule that it is in.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::auth::Method;
use crate::auth::session::Roles;
use crate::config::listing::items;
use crate::http::forward::authority::Authority;
use crate::http::forward::path::NormalPath;
use crate::http::forward::rules::{Access, HostPattern, PathPattern, Rule, Rules, Terms};
use crate::vars::names::likest;

/// The most that the file may hold, in bytes.
pub const LARGEST_FILE: usize = 256 * 1024;

/// Each request is compared with all of them at worst.
const MOST_RULES: usize = 500;

const KEYS: [&str; 7] = ["host", "path", "prefix", "methods", "roles", "public", "deny"];

/// The methods that a rule can name.
const METHODS: [Method; 4] = [Method::Bearer, Method::Basic, Method::Jwt, Method::Session];

/// Reads the rules; `on` are the methods that are set.
///
/// # Errors
/// Everything that is wrong, each in a phrase of its own.
pub fn parse(document: &[u8], on: &[Method]) -> Result<Rules, Vec<String>> {
    let entries = items(document, "rules", "rule", MOST_RULES).map_err(|problem| vec![problem])?;
    let mut problems = Vec::new();
    let mut rules = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let mut reader = Reader { place: format!("rule {}", index + 1), on, problems: &mut problems };
        rules.extend(reader.rule(entry));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Rules::new(rules).map_err(|(later, earlier)| {
        vec![format!("rule {later} never decides: rule {earlier}, which comes before it, takes all of it")]
    })
}

/// Reads one rule and notes what is wrong with it.
struct Reader<'p> {
    place: String,
    on: &'p [Method],
    problems: &'p mut Vec<String>,
}

impl Reader<'_> {
    fn problem(&mut self, text: &str) {
        self.problems.push(format!("{}: {text}", self.place));
    }

    /// Notes an error and gives `None`.
    fn good<T>(&mut self, result: Result<T, String>) -> Option<T> {
        result.map_err(|problem| self.problem(&problem)).ok()
    }

    fn rule(&mut self, entry: &Value) -> Option<Rule> {
        let Some(entry) = entry.as_object() else {
            self.problem("is no mapping");
            return None;
        };
        for key in entry.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            self.problem(&format!("has the unknown key {key:?}{}", nearest(key)));
        }
        let host = self.good(host(entry));
        let path = self.good(path(entry));
        let access = self.access(entry);
        Some(Rule { host: host?, path: path?, access: access? })
    }

    fn access(&mut self, entry: &Map<String, Value>) -> Option<Access> {
        let public = self.good(flag(entry, "public"));
        let deny = self.good(flag(entry, "deny"));
        let methods = self.good(self.methods(entry));
        let roles = self.good(roles(entry));
        let (public, deny, methods, roles) = (public?, deny?, methods?, roles?);
        let has_terms = methods.is_some() || roles.is_some();
        match (public, deny) {
            (true, true) => self.problem("is public and deny at once"),
            (true, false) | (false, true) if has_terms => {
                self.problem(
                    "has methods or roles beside public or deny, where nobody is asked for anything",
                );
            }
            (true, false) => return Some(Access::Public),
            (false, true) => return Some(Access::Nobody),
            (false, false) => {
                let takes_logins = methods.as_ref().is_none_or(|methods| methods.contains(&Method::Session));
                if roles.is_none() || takes_logins && self.on.contains(&Method::Session) {
                    return Some(Access::Asks(Arc::new(Terms { methods, roles })));
                }
                self.problem(
                    "has roles, which only logins have, and takes no logins: add session, and set its secret",
                );
            }
        }
        None
    }

    fn methods(&self, entry: &Map<String, Value>) -> Result<Option<Vec<Method>>, String> {
        let Some(names) = list(entry, "methods")? else { return Ok(None) };
        let method = |name: &&str| {
            let method = METHODS.into_iter().find(|method| method.label() == *name).ok_or_else(|| {
                format!("has the method {name:?}; there are bearer, basic, jwt (OAuth2) and session (LibreChat's login)")
            })?;
            // It could be meant to open something, or be left over: in either case it is not what is believed to hold.
            if self.on.contains(&method) {
                Ok(method)
            } else {
                Err(format!("has the method {name}, which is not set"))
            }
        };
        names.iter().map(method).collect::<Result<_, _>>().map(Some)
    }
}

fn host(entry: &Map<String, Value>) -> Result<HostPattern, String> {
    match text(entry, "host")? {
        None => Err("has no host; \"*\" is every host".into()),
        Some("*") => Ok(HostPattern::Any),
        Some(host) => match host.parse::<Authority>() {
            Ok(Authority { host, port: None }) => Ok(HostPattern::Named(host)),
            Ok(_) => Err(format!("has the host {host:?}: leave the port out, every one is meant")),
            Err(reason) => Err(format!("has the host {host:?}: {reason}")),
        },
    }
}

fn path(entry: &Map<String, Value>) -> Result<PathPattern, String> {
    let parse = |text: &str| NormalPath::parse(text).map_err(|reason| format!("has {text:?}: {reason}"));
    match (text(entry, "path")?, text(entry, "prefix")?) {
        (Some(path), None) => parse(path).map(PathPattern::Exactly),
        (None, Some(prefix)) => parse(prefix).map(PathPattern::Within),
        (Some(_), Some(_)) => Err("has both path and prefix".into()),
        (None, None) => Err("has neither path (that path alone) nor prefix (it and all below)".into()),
    }
}

fn roles(entry: &Map<String, Value>) -> Result<Option<Roles>, String> {
    let Some(names) = list(entry, "roles")? else { return Ok(None) };
    Roles::of(names).map(Some).map_err(|problem| format!("roles {problem}"))
}

fn flag(entry: &Map<String, Value>, key: &str) -> Result<bool, String> {
    match entry.get(key) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(format!("has a value of {key} that is neither true nor false")),
    }
}

fn text<'v>(entry: &'v Map<String, Value>, key: &str) -> Result<Option<&'v str>, String> {
    match entry.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("has a value of {key} that is no text")),
    }
}

fn list<'v>(entry: &'v Map<String, Value>, key: &str) -> Result<Option<Vec<&'v str>>, String> {
    let Some(value) = entry.get(key) else { return Ok(None) };
    let items =
        value.as_array().and_then(|items| items.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    match items {
        Some(items) if items.is_empty() => {
            Err(format!("has an empty list of {key}; deny: true is for nobody"))
        }
        Some(items) => Ok(Some(items)),
        None => Err(format!("has a value of {key} that is no list of texts")),
    }
}

fn nearest(key: &str) -> String {
    match likest(key, KEYS.into_iter().map(str::to_owned), 0.7) {
        Some(known) => format!("; did you mean {known}?"),
        None => format!("; there are {}", KEYS.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: [Method; 2] = [Method::Bearer, Method::Session];

    #[test]
    fn rules_are_read_as_they_are_shown() {
        let text = b"rules:\n\
            - {host: Node.example.com., prefix: /metrics/, methods: [bearer]}\n\
            - {host: chat.example.com, path: /companion/health, public: true}\n\
            - {host: chat.example.com, prefix: /companion/admin, deny: true}\n\
            - {host: chat.example.com, prefix: /companion, methods: [session], roles: [ADMIN, USER]}\n\
            - {host: '*', prefix: /}\n";
        assert_eq!(
            parse(text, &ON).unwrap().to_string(),
            "  1. node.example.com/metrics and below: bearer\n\
             \x20 2. chat.example.com/companion/health: public\n\
             \x20 3. chat.example.com/companion/admin and below: nobody\n\
             \x20 4. chat.example.com/companion and below: session; of logins the roles ADMIN, USER\n\
             \x20 5. */ and below: every method\n\
             \x20 everything else: nobody\n"
        );
    }

    #[test]
    fn every_problem_is_told_at_once_with_its_rule() {
        let text = b"rules:\n\
            - {host: a.example, prefix: /, method: [bearer]}\n\
            - {prefix: admin, methods: []}\n\
            - {host: 'a.example:80', path: //x, methods: [oauth2]}\n\
            - {host: a.example, methods: [basic]}\n\
            - {host: a.example, path: /x, prefix: /x, public: 'yes'}\n\
            - {host: a.example, path: /x, public: true, roles: [ADMIN]}\n\
            - {host: a.example, path: /x, methods: [bearer], roles: [ADMIN]}\n\
            - {host: a.example, path: /x, public: true, deny: true}\n\
            - [host]\n";
        let problems = parse(text, &ON).unwrap_err();
        for expected in [
            "rule 1: has the unknown key \"method\"; did you mean methods?",
            "rule 2: has no host",
            "rule 2: has \"admin\"",
            "rule 2: has an empty list of methods",
            "rule 3: has the host \"a.example:80\": leave the port out",
            "rule 3: has \"//x\"",
            "rule 3: has the method \"oauth2\"; there are bearer, basic, jwt",
            "rule 4: has neither path",
            "rule 4: has the method basic, which is not set",
            "rule 5: has both path and prefix",
            "rule 5: has a value of public that is neither true nor false",
            "rule 6: has methods or roles beside public",
            "rule 7: has roles, which only logins have",
            "rule 8: is public and deny at once",
            "rule 9: is no mapping",
        ] {
            assert!(
                problems.iter().any(|problem| problem.starts_with(expected)),
                "{expected}: {problems:#?}"
            );
        }
        assert_eq!(problems.len(), 15, "{problems:#?}");
    }

    #[test]
    fn a_file_that_is_no_list_of_rules_is_refused() {
        let twice = "rules:\n- {host: a, path: /x, public: true, public: false}\n";
        let shadowed =
            "rules:\n- {host: a, prefix: /, public: true}\n- {host: a, prefix: /admin, deny: true}\n";
        for (text, expected) in [
            ("", "no list"),
            ("rules: []", "lists no rule"),
            ("rules: x", "no list"),
            ("rule: []", "unknown key \"rule\""),
            ("rules: [", "YAML"),
            ("- host: a", "YAML"),
            (twice, "YAML"),
            (shadowed, "rule 2 never decides: rule 1"),
        ] {
            let problems = parse(text.as_bytes(), &ON).unwrap_err().join("; ");
            assert!(problems.contains(expected), "{text}: {problems}");
        }
    }
}
