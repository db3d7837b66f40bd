//! `/auth`: whether there is one, and by what it goes.

use std::num::NonZeroU32;

use super::ListenSettings;
use super::areas::Forward;
use super::guard::GuardSettings;
use crate::http::forward::PATH;
use crate::http::forward::way_back::ReturnHosts;
use crate::vars::Vars;

#[derive(Debug)]
pub struct ForwardSettings {
    pub return_hosts: ReturnHosts,
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
        for name in ["FORWARD_AUTH_HOSTS", "FORWARD_AUTH_RATE_LIMIT_MAX"] {
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
    let problem = problem(guard, listen);
    if let Some(problem) = problem {
        vars.problem("FORWARD_AUTH", problem);
        return None;
    }
    Some(Some(ForwardSettings {
        return_hosts: area.forward_auth_hosts.unwrap_or_default(),
        rate: NonZeroU32::new(area.forward_auth_rate_limit_max.0),
    }))
}

/// What would leave open what a proxy believes to be guarded.
fn problem(guard: &GuardSettings, listen: &ListenSettings) -> Option<&'static str> {
    let has_credentials =
        guard.bearer.is_some() || guard.basic.is_some() || guard.oauth2.is_some() || guard.session.is_some();
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
    if !has_credentials {
        return Some(
            "needs a token, Basic, OAuth2 or LibreChat's login: an allow-list and the proxy's own certificate say nothing of \
             who asks",
        );
    }
    (listen.metrics_path.as_str() == PATH).then_some("needs METRICS_PATH to be another than /auth")
}
