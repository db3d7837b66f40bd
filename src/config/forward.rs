//! `/auth`: whether there is one, and by what it goes.

pub mod file;

use std::num::NonZeroU32;
use std::path::PathBuf;

use super::ListenSettings;
use super::areas::Forward;
use super::guard::GuardSettings;
use crate::auth::Method;
use crate::http::forward::PATH;
use crate::http::forward::rules::Rules;
use crate::http::forward::way_back::ReturnHosts;
use crate::secret::document::Document;
use crate::secret::file::shown;
use crate::vars::Vars;

const RULES_FILE: &str = "FORWARD_AUTH_RULES_FILE";

/// `FORWARD_AUTH_RULES_FILE`, as it was read.
#[derive(Debug)]
pub struct RulesFile {
    pub rules: Rules,
    pub path: PathBuf,
    pub document: Document,
    /// The methods that a rule may name.
    pub methods: Vec<Method>,
}

#[derive(Debug)]
pub struct ForwardSettings {
    pub return_hosts: ReturnHosts,
    pub rules: Option<RulesFile>,
    /// Requests that are let in, for each client; `None` is any number.
    pub rate: Option<NonZeroU32>,
}

/// The outer `None` is for a problem, the inner for no `/auth`.
pub fn read(
    vars: &mut Vars,
    guard: &GuardSettings,
    listen: &ListenSettings,
) -> Option<Option<ForwardSettings>> {
    let area = Forward::read(vars);
    if !area.forward_auth.0 {
        for name in ["FORWARD_AUTH_RULES_FILE", "FORWARD_AUTH_HOSTS", "FORWARD_AUTH_RATE_LIMIT_MAX"] {
            if vars.is_given(name) {
                vars.warn(name, "has no effect without FORWARD_AUTH=true");
            }
        }
        return Some(None);
    }
    let has_login_page = guard.session.as_ref().is_some_and(|session| session.login.is_some());
    if area.forward_auth_hosts.is_some() && !has_login_page {
        vars.warn("FORWARD_AUTH_HOSTS", "has no effect without METRICS_SESSION_LOGIN_URL");
    }
    let rules = rules(vars, guard, area.forward_auth_rules_file);
    if let Some(problem) = problem(guard, listen) {
        vars.problem("FORWARD_AUTH", problem);
        return None;
    }
    Some(Some(ForwardSettings {
        rules: rules?,
        return_hosts: area.forward_auth_hosts.unwrap_or_default(),
        rate: NonZeroU32::new(area.forward_auth_rate_limit_max.0),
    }))
}

/// The outer `None` is for a problem, the inner for no rules.
fn rules(vars: &mut Vars, guard: &GuardSettings, path: Option<PathBuf>) -> Option<Option<RulesFile>> {
    let Some(path) = path else { return Some(None) };
    let document = Document::read(&path, file::LARGEST_FILE);
    let document = document.map_err(|error| vars.problem(RULES_FILE, error)).ok()?;
    let methods = credentials(guard);
    match file::parse(document.bytes(), &methods) {
        Ok(rules) => Some(Some(RulesFile { rules, path, document, methods })),
        Err(problems) => {
            for problem in problems {
                vars.problem(RULES_FILE, format!("names {}: {problem}", shown(&path)));
            }
            None
        }
    }
}

/// The methods that ask for a credential.
fn credentials(guard: &GuardSettings) -> Vec<Method> {
    let methods = [
        (guard.bearer.is_some(), Method::Bearer),
        (guard.basic.is_some(), Method::Basic),
        (guard.oauth2.is_some(), Method::Jwt),
        (guard.session.is_some(), Method::Session),
    ];
    methods.into_iter().filter(|(on, _)| *on).map(|(_, method)| method).collect()
}

/// What would leave open what a proxy believes to be guarded.
fn problem(guard: &GuardSettings, listen: &ListenSettings) -> Option<&'static str> {
    if !listen.trust.is_list() {
        return Some(
            "needs TRUST_PROXY to list the addresses of the proxies: anybody could describe a request",
        );
    }
    if guard.disabled {
        return Some(
            "and DISABLE_AUTH=true would open everything that a proxy asks about: take one of the two out",
        );
    }
    if credentials(guard).is_empty() {
        return Some(
            "needs a token, Basic, OAuth2 or LibreChat's login: an allow-list and the proxy's own certificate say nothing of \
             who asks",
        );
    }
    (listen.metrics_path.as_str() == PATH).then_some("needs METRICS_PATH to be another than /auth")
}
