//! Who is let in: the settings of every authorizer, and whether there is one.

use super::ListenSettings;
use super::areas::{Guard, Session};
use super::forward::{self, ForwardSettings};
use super::oauth2::{self, OAuth2Settings};
use super::secrets::{Loaded, load, load_file};
use crate::auth::Method;
use crate::auth::allowlist::AllowList;
use crate::auth::basic::accounts::Accounts;
use crate::auth::basic::check_user;
use crate::auth::bearer::{Tokens, weakness};
use crate::auth::session::Roles;
use crate::auth::session::cookies::CookieName;
use crate::auth::session::login::LoginRedirect;
use crate::auth::session::secret::SessionSecret;
use crate::http::guard::hosts::Hosts;
use crate::secret::Secret;
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
    /// `None` where `/auth` is off.
    pub forward: Option<ForwardSettings>,
    /// `DISABLE_AUTH`: no authorizer is asked, whichever is set.
    pub disabled: bool,
    /// `TLS_CLIENT_CA_FILE`: the handshake asks for a certificate, before any of the others is asked.
    pub mutual_tls: bool,
}

/// Accounts by where they come from; at least one place has some.
#[derive(Debug)]
pub struct BasicSettings {
    /// The user of the variables, and its account.
    pub account: Option<(String, Loaded<Accounts>)>,
    /// `METRICS_BASIC_AUTH_FILE`
    pub file: Option<Loaded<Accounts>>,
    /// `basic_auth_users` of `WEB_CONFIG_FILE`
    pub web: Option<Loaded<Accounts>>,
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

    /// Whether strangers are kept out. An allow-list that holds a whole family of addresses keeps nobody of it out.
    pub fn keeps_strangers_out(&self) -> bool {
        let lets_all_in = self.allowed.as_ref().is_some_and(|list| list.whole_family().is_some());
        self.methods().iter().any(|method| !(lets_all_in && *method == Method::AllowList.label()))
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

/// `web` are the users of the web configuration file.
pub fn read(
    vars: &mut Vars,
    web: Option<Loaded<Accounts>>,
    listen: &ListenSettings,
) -> Option<GuardSettings> {
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
        |secret| Accounts::one(user.as_deref().unwrap_or_default(), secret),
    );
    let account = password.and_then(|account| account_of(vars, user, account));
    let file = load_file(vars, "METRICS_BASIC_AUTH_FILE", area.metrics_basic_auth_file, Accounts::htpasswd);
    let basic = account.zip(file).and_then(|(account, file)| basic(vars, account, file, web));
    if let Some(family) = area.metrics_allowed_ips.as_ref().and_then(AllowList::whole_family) {
        vars.warn("METRICS_ALLOWED_IPS", format!("allows everyone who comes by {family}"));
    }
    let mut settings = GuardSettings {
        allowed: area.metrics_allowed_ips,
        bearer: bearer?,
        basic: basic?,
        oauth2: oauth2?,
        session: session?,
        log_rejects: area.metrics_auth_log_rejects.0,
        log_allows: area.metrics_auth_log_allows.0,
        allowed_hosts: area.metrics_allowed_hosts,
        forward: None,
        disabled: area.disable_auth.0,
        mutual_tls: vars.is_given("TLS_CLIENT_CA_FILE"),
    };
    refuse_to_open(vars, &settings, area.metrics_auth_required.0);
    settings.forward = forward::read(vars, &settings, listen)?;
    Some(settings)
}

/// Variables that somebody sets to close `/metrics`.
const CREDENTIALS: &[&str] = &[
    "METRICS_BEARER_TOKEN",
    "METRICS_BASIC_AUTH_",
    "METRICS_OAUTH2_",
    "METRICS_SESSION_",
    "JWT_REFRESH_SECRET_FILE",
    "WEB_CONFIG_FILE",
];

/// A credential that got lost on its way must not be what opens `/metrics`: an unset variable in a template, say.
fn refuse_to_open(vars: &mut Vars, settings: &GuardSettings, required: bool) {
    let lost = vars.lost(CREDENTIALS);
    let may_be_open = !required && vars.is_given("METRICS_AUTH_REQUIRED");
    if settings.keeps_strangers_out() || settings.disabled && !required || may_be_open {
        for (name, why) in lost {
            vars.warn(&name, format!("{why}, and counts as absent"));
        }
        return;
    }
    if vars.is_left_to_librechat("JWT_REFRESH_SECRET") {
        vars.caution(
            "/metrics is open: JWT_REFRESH_SECRET is left to LibreChat; set METRICS_SESSION_SECRET to let in who is signed in \
             there, or another method"
                .into(),
        );
    }
    if required {
        let reason = if settings.disabled {
            "DISABLE_AUTH=true turns every method off: take one of the two out".to_owned()
        } else if settings.allowed.is_some() {
            "METRICS_ALLOWED_IPS, the only method, allows everyone of a family".to_owned()
        } else if let Some((name, why)) = lost.first() {
            format!("nothing guards /metrics: {name} {why}")
        } else {
            "nothing guards /metrics: set a token, Basic, OAuth2, a session secret, an allow-list or \
             TLS_CLIENT_CA_FILE"
                .to_owned()
        };
        vars.problem("METRICS_AUTH_REQUIRED", format!("is true, but {reason}"));
        return;
    }
    for (name, why) in lost {
        vars.problem(
            &name,
            format!(
                "{why}, and nothing else guards /metrics: everybody could read it. Give it a value, or say \
                 METRICS_AUTH_REQUIRED=false if /metrics may be open"
            ),
        );
    }
}

/// The outer `None` is for a problem, the inner for no Basic authentication.
fn basic(
    vars: &mut Vars,
    account: Option<(String, Loaded<Accounts>)>,
    file: Option<Loaded<Accounts>>,
    web: Option<Loaded<Accounts>>,
) -> Option<Option<BasicSettings>> {
    if let (Some((_, account)), Some(file)) = (&account, &file)
        && account.value.shares_a_user(&file.value)
    {
        vars.problem(
            "METRICS_BASIC_AUTH_FILE",
            "has the user of METRICS_BASIC_AUTH_USER too: give it in one place",
        );
        return None;
    }
    if let Some(file) = &file {
        remark_hashes(vars, "METRICS_BASIC_AUTH_FILE", &file.value);
    }
    if let Some(web) = &web {
        remark_hashes(vars, "WEB_CONFIG_FILE", &web.value);
    }
    for (other, variable) in [
        (account.as_ref().map(|(_, account)| account), "METRICS_BASIC_AUTH_USER"),
        (file.as_ref(), "METRICS_BASIC_AUTH_FILE"),
    ] {
        if let (Some(other), Some(web)) = (other, &web)
            && other.value.shares_a_user(&web.value)
        {
            let text = format!("basic_auth_users has a user of {variable} too: give it in one place");
            vars.problem("WEB_CONFIG_FILE", text);
            return None;
        }
    }
    let is_on = account.is_some() || file.is_some() || web.is_some();
    Some(is_on.then_some(BasicSettings { account, file, web }))
}

fn remark_hashes(vars: &mut Vars, variable: &str, accounts: &Accounts) {
    accounts.cautions().iter().for_each(|caution| vars.warn(variable, caution));
}

/// The outer `None` is for a problem, the inner for no account in the variables.
fn account_of(
    vars: &mut Vars,
    user: Option<String>,
    account: Option<Loaded<Accounts>>,
) -> Option<Option<(String, Loaded<Accounts>)>> {
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
    remark_hashes(vars, "METRICS_BASIC_AUTH_PASSWORD", &account.value);
    Some(Some((user, account)))
}

/// LibreChat's variable turns its login on, but for a sample that everybody knows: nobody asked for the login by it.
fn librechats_own(vars: &mut Vars, secret: Option<Secret>) -> Option<Secret> {
    let secret = secret?;
    if SessionSecret::is_published(secret.expose()) {
        vars.warn(
            "JWT_REFRESH_SECRET",
            "is a sample value that LibreChat published: LibreChat's login is no authentication method until it is a random one",
        );
        return None;
    }
    Some(secret)
}

/// The outer `None` is for a problem, the inner for no session authorizer.
fn session(vars: &mut Vars) -> Option<Option<SessionSettings>> {
    let area = Session::read(vars);
    let parse = |secret: &Secret| SessionSecret::parse(secret.expose());
    let own = load(
        vars,
        ["METRICS_SESSION_SECRET", "METRICS_SESSION_SECRET_FILE"],
        area.metrics_session_secret,
        area.metrics_session_secret_file,
        parse,
    )?;
    let secret = match own {
        Some(secret) => Some(secret),
        None => {
            let secret = librechats_own(vars, area.jwt_refresh_secret);
            let names = ["JWT_REFRESH_SECRET", "JWT_REFRESH_SECRET_FILE"];
            load(vars, names, secret, area.jwt_refresh_secret_file, parse)?
        }
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
