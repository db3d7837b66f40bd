//! Who is let in: the settings of every authorizer, and whether there is one.

use super::ListenSettings;
use super::areas::{Guard, Session};
use super::oauth2::{self, OAuth2Settings};
use super::secrets::{Loaded, load};
use crate::auth::Method;
use crate::auth::allowlist::AllowList;
use crate::auth::basic::account::Account;
use crate::auth::basic::check_user;
use crate::auth::bearer::{Tokens, weakness};
use crate::auth::session::Roles;
use crate::auth::session::cookies::CookieName;
use crate::auth::session::login::LoginRedirect;
use crate::auth::session::secret::SessionSecret;
use crate::http::guard::hosts::Hosts;
use crate::vars::Vars;

/// What is asked of a caller. Nothing at all is open.
#[derive(Debug)]
pub struct GuardSettings {
    pub allowed: Option<AllowList>,
    pub bearer: Option<Loaded<Tokens>>,
    pub basic: Option<BasicSettings>,
    pub oauth2: Option<OAuth2Settings>,
    pub session: Option<SessionSettings>,
    pub log_rejects: bool,
    pub log_allows: bool,
    /// `METRICS_ALLOWED_HOSTS`.
    pub allowed_hosts: Option<Hosts>,
    /// `DISABLE_AUTH`: no authorizer is asked, whichever is set.
    pub disabled: bool,
    /// `TLS_CLIENT_CA_FILE`: the handshake asks for a certificate, before any of the others is asked.
    pub mutual_tls: bool,
}

#[derive(Debug)]
pub struct BasicSettings {
    pub user: String,
    pub account: Loaded<Account>,
}

#[derive(Debug)]
pub struct SessionSettings {
    pub secret: Loaded<SessionSecret>,
    pub cookie: CookieName,
    pub roles: Roles,
    pub login: Option<LoginRedirect>,
}

impl GuardSettings {
    /// Whether `/metrics` answers whoever asks.
    pub fn is_open(&self) -> bool {
        self.methods().is_empty()
    }

    /// By which names `/metrics` may be asked for; `None` is any. What is open to this machine alone must not be open to the
    /// pages that its browsers show.
    pub fn hosts(&self, listen: &ListenSettings) -> Option<Hosts> {
        let is_local = listen.metrics.as_ref().unwrap_or(&listen.public).is_loopback();
        let default = if self.is_open() && is_local { Some(Hosts::Loopback) } else { None };
        self.allowed_hosts.clone().or(default)
    }

    /// What is asked, in the order in which it is.
    pub fn methods(&self) -> Vec<&'static str> {
        let methods = [
            (self.allowed.is_some(), Method::AllowList),
            (self.bearer.is_some(), Method::Bearer),
            (self.basic.is_some(), Method::Basic),
            (self.oauth2.is_some(), Method::Jwt),
            (self.session.is_some(), Method::Session),
        ];
        let on = methods.into_iter().filter(|(on, _)| *on && !self.disabled);
        let handshake = self.mutual_tls.then_some("client_certificate");
        handshake.into_iter().chain(on.map(|(_, method)| method.label())).collect()
    }
}

pub fn read(vars: &mut Vars) -> Option<GuardSettings> {
    let oauth2 = oauth2::read(vars);
    let session = session(vars);
    let area = Guard::read(vars);
    let bearer = load(
        vars,
        ["METRICS_BEARER_TOKEN", "METRICS_BEARER_TOKEN_FILE"],
        area.metrics_bearer_token,
        area.metrics_bearer_token_file,
        |secret| Tokens::parse(secret.expose()),
    );
    if let Some(weakness) = bearer.as_ref().and_then(Option::as_ref).and_then(|b| weakness(b.secret.expose()))
    {
        vars.warn("METRICS_BEARER_TOKEN", weakness);
    }
    let user = area.metrics_basic_auth_user;
    let password = load(
        vars,
        ["METRICS_BASIC_AUTH_PASSWORD", "METRICS_BASIC_AUTH_PASSWORD_FILE"],
        area.metrics_basic_auth_password,
        area.metrics_basic_auth_password_file,
        |secret| Account::parse(user.as_deref().unwrap_or_default(), secret),
    );
    let basic = password.and_then(|account| basic(vars, user, account));
    if let Some(everyone) = area.metrics_allowed_ips.as_ref().and_then(|list| list.everyone().next()) {
        vars.warn("METRICS_ALLOWED_IPS", format!("holds {everyone}, which allows everyone of that family"));
    }
    let settings = GuardSettings {
        allowed: area.metrics_allowed_ips,
        bearer: bearer?,
        basic: basic?,
        oauth2: oauth2?,
        session: session?,
        log_rejects: area.metrics_auth_log_rejects.0,
        log_allows: area.metrics_auth_log_allows.0,
        allowed_hosts: area.metrics_allowed_hosts,
        disabled: area.disable_auth.0,
        mutual_tls: vars.is_given("TLS_CLIENT_CA_FILE"),
    };
    if area.metrics_auth_required.0 && settings.is_open() {
        vars.problem("METRICS_AUTH_REQUIRED", "is true, but nothing guards /metrics: set a token, Basic, OAuth2, a session secret, an allow-list or TLS_CLIENT_CA_FILE");
    }
    Some(settings)
}

/// The outer `None` is for a problem, the inner for no Basic authentication.
fn basic(
    vars: &mut Vars,
    user: Option<String>,
    account: Option<Loaded<Account>>,
) -> Option<Option<BasicSettings>> {
    let (user, account) = match (user, account) {
        (None, None) => return Some(None),
        (Some(user), Some(account)) => (user, account),
        _ => {
            vars.problem(
                "METRICS_BASIC_AUTH_USER and METRICS_BASIC_AUTH_PASSWORD",
                "must both be set or both unset",
            );
            return None;
        }
    };
    check_user(&user).map_err(|reason| vars.problem("METRICS_BASIC_AUTH_USER", reason)).ok()?;
    if !account.value.is_hashed()
        && let Some(weakness) = weakness(account.secret.expose())
    {
        vars.warn("METRICS_BASIC_AUTH_PASSWORD", weakness);
    }
    if account.value.needs_much_memory() {
        vars.warn(
            "METRICS_BASIC_AUTH_PASSWORD",
            "is an argon2id hash that takes more than 64 MiB to verify, which anybody can ask for: such hashes are verified \
             one at a time; make one with m=65536 or less",
        );
    }
    Some(Some(BasicSettings { user, account }))
}

/// The outer `None` is for a problem, the inner for no session authorizer.
fn session(vars: &mut Vars) -> Option<Option<SessionSettings>> {
    let area = Session::read(vars);
    let parse = |secret: &crate::secret::Secret| SessionSecret::parse(secret.expose());
    let own = load(
        vars,
        ["METRICS_SESSION_SECRET", "METRICS_SESSION_SECRET_FILE"],
        area.metrics_session_secret,
        area.metrics_session_secret_file,
        parse,
    )?;
    let secret = match own {
        Some(secret) => Some(secret),
        None => load(
            vars,
            ["JWT_REFRESH_SECRET", "JWT_REFRESH_SECRET_FILE"],
            area.jwt_refresh_secret,
            area.jwt_refresh_secret_file,
            parse,
        )?,
    };
    let cookie = CookieName::parse(&area.metrics_session_cookie);
    let cookie = cookie.map_err(|reason| vars.problem("METRICS_SESSION_COOKIE", reason)).ok();
    let roles = Roles::parse(&area.metrics_session_roles);
    let roles = roles.map_err(|reason| vars.problem("METRICS_SESSION_ROLES", reason)).ok();
    let login = area.metrics_session_login_url.as_deref().map(LoginRedirect::parse).transpose();
    let login = login.map_err(|reason| vars.problem("METRICS_SESSION_LOGIN_URL", reason)).ok();
    let (cookie, roles, login) = (cookie?, roles?, login?);
    let Some(secret) = secret else {
        if login.is_some() {
            vars.warn("METRICS_SESSION_LOGIN_URL", "has no effect without METRICS_SESSION_SECRET");
        }
        return Some(None);
    };
    if let Some(weakness) = secret.value.weakness() {
        vars.warn("METRICS_SESSION_SECRET", weakness);
    }
    Some(Some(SessionSettings { secret, cookie, roles, login }))
}
