//! The web configuration file that Prometheus' own exporters take (`--web.config.file`): what it says is what our variables
//! say, under other names.
//!
//! Invariants: every key has a meaning or is refused by name, with the reason; what the file and a variable both say is an
//! error; all errors come at once, and none shows a value that may be a secret.

pub mod headers;
mod tls;

use std::path::{Path, PathBuf};

use http::HeaderMap;
use serde_json::{Map, Value};

use super::areas::Web;
use super::secrets::{Loaded, load_file};
use crate::auth::basic::accounts::Accounts;
use crate::secret::Secret;
use crate::tls::offer::Offer;
use crate::vars::Vars;

const FILE: &str = "WEB_CONFIG_FILE";

/// What of the file is no variable's.
#[derive(Debug, Default)]
pub struct WebConfig {
    /// `basic_auth_users`
    pub users: Option<Loaded<Accounts>>,
    /// `http_server_config.headers`
    pub headers: HeaderMap,
    /// `cipher_suites` and `curve_preferences`
    pub offer: Offer,
}

/// Reads the file, if there is one, and gives the variables what it says. `None` is for a problem.
pub fn read(vars: &mut Vars) -> Option<WebConfig> {
    let Some(path) = Web::read(vars).web_config_file else { return Some(WebConfig::default()) };
    let file = load_file(vars, FILE, Some(path.clone()), |text| parse(text.expose()))??;
    let mut reader =
        Reader { vars, folder: path.parent().map(Path::to_owned).unwrap_or_default(), faults: 0 };
    let (headers, offer) = reader.sections(&file.value);
    let faults = reader.faults;
    let users = match file.value.get(USERS).map(users_of) {
        None => None,
        Some(Ok(None)) => {
            vars.problem(FILE, format!("{USERS} is empty: leave the key out where nobody is asked"));
            return None;
        }
        Some(Ok(Some(accounts))) => Some(Loaded { value: accounts, secret: file.secret, file: file.file }),
        Some(Err(fault)) => {
            vars.problem(FILE, format!("{USERS} {fault}"));
            return None;
        }
    };
    (faults == 0).then_some(WebConfig { users, headers, offer })
}

const USERS: &str = "basic_auth_users";

/// The users of the text of a file whose other settings are those of `before`: only users can change while the exporter
/// runs.
///
/// # Errors
/// Why it is not put in force, as a phrase that follows the variable's name.
pub fn users_again(before: &str, now: &Secret) -> Result<Accounts, String> {
    let without_users = |text: &str| -> Result<(Map<String, Value>, Option<Value>), String> {
        let mut file = parse(text)?;
        let users = file.remove(USERS);
        Ok((file, users))
    };
    let ((before, _), (now, users)) = (without_users(before)?, without_users(now.expose())?);
    if before != now {
        return Err(format!(
            "has other settings than at the start: only {USERS} can change without a restart"
        ));
    }
    let users = users.as_ref().map(users_of).transpose()?.flatten();
    users.ok_or_else(|| format!("has no {USERS} any more: that needs a restart"))
}

/// The whole file as a mapping; nothing at all is an empty one.
fn parse(text: &str) -> Result<Map<String, Value>, String> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Map::new());
    }
    match serde_saphyr::from_str::<Value>(text) {
        Ok(Value::Object(file)) => Ok(file),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err("is not a YAML mapping".into()),
        // The library's message shows the line.
        Err(error) => Err(match error.location() {
            Some(at) => format!("is not valid YAML at line {}, column {}", at.line(), at.column()),
            None => "is not valid YAML".into(),
        }),
    }
}

/// `None` without any user.
fn users_of(users: &Value) -> Result<Option<Accounts>, String> {
    let users = match users {
        Value::Null => return Ok(None),
        Value::Object(users) if users.is_empty() => return Ok(None),
        Value::Object(users) => users,
        _ => return Err("must be a mapping of users to bcrypt hashes".into()),
    };
    let hashes: Vec<(&str, Secret)> = users
        .iter()
        .map(|(user, hash)| (user.as_str(), Secret::new(hash.as_str().unwrap_or_default())))
        .collect();
    Accounts::bcrypt_users(hashes.iter().map(|(user, hash)| (*user, hash))).map(Some)
}

/// Where what is said and what is wrong goes.
struct Reader<'a> {
    vars: &'a mut Vars,
    /// Relative paths are relative to the file.
    folder: PathBuf,
    faults: usize,
}

impl Reader<'_> {
    fn fault(&mut self, key: &str, text: &str) {
        self.faults += 1;
        self.vars.problem(FILE, format!("{key} {text}"));
    }

    fn caution(&mut self, key: &str, text: &str) {
        self.vars.warn(FILE, format!("{key} {text}"));
    }

    /// Says what a variable would say.
    fn set(&mut self, variable: &'static str, key: &'static str, value: String) {
        if self.vars.is_given(variable) {
            self.fault(key, &format!("and {variable} are both set: give it in one place"));
        } else {
            self.vars.set_from_web_config(variable, key, value);
        }
    }

    fn sections(&mut self, file: &Map<String, Value>) -> (HeaderMap, Offer) {
        let (mut found, mut offer) = (HeaderMap::new(), Offer::default());
        for (key, value) in file {
            match (key.as_str(), value) {
                (USERS, _) => {}
                ("tls_server_config", Value::Null) => {
                    self.fault(key, "is empty: leave the key out to speak plain HTTP");
                }
                ("http_server_config" | "rate_limit", Value::Null) => {}
                ("tls_server_config", Value::Object(section)) => offer = tls::read(self, section),
                ("http_server_config", Value::Object(section)) => found = headers::read(self, section),
                ("rate_limit", Value::Object(section)) => self.rate_limit(section),
                ("tls_server_config" | "http_server_config" | "rate_limit", _) => {
                    self.fault(key, "must be a mapping");
                }
                _ => self.fault(key, "is not a key of a web configuration file"),
            }
        }
        (found, offer)
    }

    /// A token bucket as the window and the number of requests that come to the same in the long run.
    fn rate_limit(&mut self, section: &Map<String, Value>) {
        let mut interval = None;
        let mut burst = 0;
        for (key, value) in section {
            match key.as_str() {
                "interval" => interval = duration(value),
                "burst" => burst = value.as_u64().unwrap_or(u64::MAX),
                _ => {
                    return self
                        .fault(&format!("rate_limit.{key}"), "is not a key of a web configuration file");
                }
            }
        }
        let (Some(interval), 0..=1_000_000) = (interval, burst) else {
            return self.fault(
                "rate_limit",
                "must have an interval like 1s (0 for none) and a burst, a whole number",
            );
        };
        if interval == 0 {
            return self.set("RATE_LIMIT_MAX", "rate_limit.interval", "0".into());
        }
        let requests = burst.max(1);
        self.set(
            "RATE_LIMIT_WINDOW_MS",
            "rate_limit.interval",
            interval.saturating_mul(requests).to_string(),
        );
        self.set("RATE_LIMIT_MAX", "rate_limit.burst", requests.to_string());
        self.caution("rate_limit", "counts for each client address here, and for /metrics alone");
    }
}

/// Milliseconds of a duration as Go writes it (`1m30s`), or of a bare 0.
fn duration(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().filter(|number| *number == 0),
        Value::String(text) if text == "0" => Some(0),
        Value::String(text) => {
            humantime::parse_duration(text).ok().and_then(|span| u64::try_from(span.as_millis()).ok())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
