//! All settings, made by one function from (name, value) pairs: a complete [`Config`], or every problem there is.
//!
//! Parsed, not validated: what is in a `Config` is of types that cannot be wrong. A problem names its variable and never
//! shows a secret. Nothing else reads the environment.

pub mod areas;
pub mod forward;
pub mod guard;
mod listing;
pub mod oauth2;
pub mod secrets;
mod tls;
pub mod web_config;

use std::num::NonZeroU32;
use std::time::Duration;

use http::HeaderMap;

use self::areas::{
    Collection, Database, Forward, Guard, Limits, Listen, Log, OAuth2, Providers, Session, Tls, Web,
};
use self::guard::GuardSettings;
use self::secrets::{Loaded, load};
use self::web_config::WebConfig;
use crate::auth::bearer::weakness;
use crate::client_ip::ProxyHeader;
use crate::client_ip::trust::TrustProxy;
use crate::http::listener::socket::SocketMode;
use crate::http::listener::{Address, Host};
use crate::http::path::MetricsPath;
use crate::librechat::mongo;
use crate::librechat::mongo::uri::Uri;
use crate::librechat::pseudonym::Salt;
use crate::librechat::scope::{Options, ShownUser, UserLabel};
use crate::telemetry::logging::{LogFormat, LogLevel};
use crate::tls::Acceptor;
use crate::tls::pem::{Files, Pem};
use crate::vars::{Problem, Variable, Vars};

/// Every table of variables, in the order of the documentation.
pub const VARIABLES: &[&[Variable]] = &[
    Database::VARIABLES,
    Collection::VARIABLES,
    Listen::VARIABLES,
    Web::VARIABLES,
    Guard::VARIABLES,
    OAuth2::VARIABLES,
    Providers::VARIABLES,
    Session::VARIABLES,
    Forward::VARIABLES,
    Limits::VARIABLES,
    Tls::VARIABLES,
    Log::VARIABLES,
];

/// Whether a command reads a real database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    Mongo,
    Nothing,
}

/// What the program does, in full.
#[derive(Debug)]
pub struct Config {
    /// `None` only when none is needed.
    pub mongo: Option<MongoSettings>,
    pub refresh_interval: Duration,
    pub max_staleness: Duration,
    pub sweep_interval: Duration,
    pub options: Options,
    /// How users are shown to whoever may see them, whether or not the per-user families are on.
    pub user_label: UserLabel,
    pub listen: ListenSettings,
    pub guard: GuardSettings,
    pub limits: LimitSettings,
    pub tls: Option<TlsSettings>,
    /// What every answer carries besides.
    pub headers: HeaderMap,
    pub log_level: LogLevel,
    /// `None`: what fits where the log goes.
    pub log_format: Option<LogFormat>,
    /// What works and is probably not meant: one line each.
    pub warnings: Vec<String>,
    /// What is worth a line though nothing is wrong: which `.env` file was read.
    pub notes: Vec<String>,
}

#[derive(Debug)]
pub struct MongoSettings {
    pub uri: Loaded<Uri>,
    pub settings: mongo::Settings,
}

#[derive(Debug)]
pub struct ListenSettings {
    pub public: Address,
    /// Where `/metrics` is instead, when that is elsewhere.
    pub metrics: Option<Address>,
    /// Of every Unix socket that is made.
    pub socket_mode: SocketMode,
    pub trust: TrustProxy,
    /// `TRUST_PROXY` was set, so that the trust in loopback, if there is any, is meant.
    pub trust_is_chosen: bool,
    pub header: ProxyHeader,
    /// Whether trusted proxies speak the PROXY protocol.
    pub proxy_protocol: bool,
    pub metrics_path: MetricsPath,
}

/// `None` is off.
#[derive(Clone, Copy, Debug)]
pub struct LimitSettings {
    pub window: Duration,
    pub metrics: Option<NonZeroU32>,
    pub health: Option<NonZeroU32>,
    pub lockout: Option<(NonZeroU32, Duration)>,
}

/// TLS as it can be spoken at once: the files were read and fit each other.
#[derive(Debug)]
pub struct TlsSettings {
    pub files: Files,
    pub pem: Pem,
    pub acceptor: Acceptor,
    /// Whether `PORT` speaks TLS too when `/metrics` is elsewhere.
    pub on_public: bool,
}

impl Config {
    /// # Errors
    /// Every problem, in the order of the areas.
    pub fn read(vars: &mut Vars, needs: Needs) -> Result<Self, Vec<Problem>> {
        // First: it says what variables would say.
        let WebConfig { headers, users, offer } = web_config::read(vars).unwrap_or_default();
        let mongo = mongo(vars, needs);
        let times = times(vars);
        let listen = listen(vars);
        let guard = guard::read(vars, users, &listen);
        let limits = limits(vars);
        let tls = tls::read(vars, offer);
        let log = Log::read(vars);
        if let (Some(guard), Some(limits)) = (&guard, &limits) {
            remark_trust(vars, &listen, guard, limits);
        }
        let (problems, warnings) = vars.take_findings();
        match (mongo, times, guard, limits, tls) {
            (Some(mongo), Some(times), Some(guard), Some(limits), Some(tls)) if problems.is_empty() => {
                Ok(Self {
                    mongo,
                    refresh_interval: times.refresh_interval,
                    max_staleness: times.max_staleness,
                    sweep_interval: times.sweep_interval,
                    options: times.options,
                    user_label: times.user_label,
                    listen,
                    guard,
                    limits,
                    tls,
                    headers,
                    log_level: log.log_level,
                    log_format: log.log_format,
                    warnings,
                    notes: vars.take_notes(),
                })
            }
            _ => Err(problems),
        }
    }
}

/// The outer `None` is for a problem, the inner for no database.
fn mongo(vars: &mut Vars, needs: Needs) -> Option<Option<MongoSettings>> {
    let area = Database::read(vars);
    let uri = load(vars, ["MONGO_URI", "MONGO_URI_FILE"], area.mongo_uri, area.mongo_uri_file, Uri::parse)?;
    let others = vars.take_other_mongo_uris();
    match (uri, needs) {
        (Some(uri), _) => {
            for name in others {
                vars.warn(&name, "is not read; did you mean MONGO_URI, which is set too?");
            }
            if let Some(warning) = uri.value.warning() {
                vars.warn("MONGO_URI", warning);
            }
            let settings = mongo::Settings {
                uri: uri.value.clone(),
                database: area.mongo_database,
                pool_size: area.mongo_pool_size.0,
                tenant: area.tenant_id,
                read_concern: area.read_concern,
            };
            Some(Some(MongoSettings { uri, settings }))
        }
        (None, Needs::Nothing) => Some(None),
        (None, Needs::Mongo) if !others.is_empty() => {
            vars.problem(
                "MONGO_URI",
                format!("is missing, and {} is not a variable; did you mean MONGO_URI?", others.join(", ")),
            );
            None
        }
        (None, Needs::Mongo) => {
            vars.problem(
                "MONGO_URI",
                "is missing: the connection string of LibreChat's MongoDB, like mongodb://mongodb:27017/LibreChat; \
                 or run `librechat-exporter demo`, which needs none",
            );
            None
        }
    }
}

struct Times {
    refresh_interval: Duration,
    max_staleness: Duration,
    sweep_interval: Duration,
    options: Options,
    user_label: UserLabel,
}

fn times(vars: &mut Vars) -> Option<Times> {
    const SHORTEST: Duration = Duration::from_millis(100);
    let area = Collection::read(vars);
    if area.advanced_refresh_interval.is_some() || area.cardinality_refresh_interval.is_some() {
        vars.warn(
            "ADVANCED_REFRESH_INTERVAL, CARDINALITY_REFRESH_INTERVAL",
            "are no longer needed: everything is refreshed every REFRESH_INTERVAL",
        );
    }
    let (refresh_interval, max_staleness) = (area.refresh_interval.0, area.metrics_max_staleness.0);
    if refresh_interval < SHORTEST {
        let reading = reading(vars, "REFRESH_INTERVAL", refresh_interval).unwrap_or_default();
        vars.problem("REFRESH_INTERVAL", format!("must be at least 100 ms{reading}"));
        return None;
    }
    let spans = [
        ("REFRESH_INTERVAL", refresh_interval),
        ("METRICS_MAX_STALENESS", max_staleness),
        ("SWEEP_INTERVAL", area.sweep_interval.0),
    ];
    for (name, span) in spans {
        warn_of_milliseconds(vars, name, span);
    }
    let sweep_interval = area.sweep_interval.0;
    if sweep_interval < refresh_interval {
        vars.problem(
            "SWEEP_INTERVAL",
            "must not be shorter than REFRESH_INTERVAL: a sweep is many refreshes",
        );
        return None;
    }
    if max_staleness <= refresh_interval {
        vars.warn("METRICS_MAX_STALENESS", "is not longer than REFRESH_INTERVAL: figures will come and go");
    }
    let salt = load(
        vars,
        ["METRICS_USER_ID_SALT", "METRICS_USER_ID_SALT_FILE"],
        area.metrics_user_id_salt,
        area.metrics_user_id_salt_file,
        |secret| Ok(Salt::new(secret)),
    )?;
    if salt.is_none() && area.emit_per_user_metrics.0 {
        report_lost_salt(vars);
    }
    if let Some(weakness) = salt.as_ref().and_then(|salt| weakness(salt.secret.expose())) {
        vars.warn("METRICS_USER_ID_SALT", weakness);
    }
    let label = match (salt, area.user_label) {
        (Some(_), Some(_)) => {
            vars.problem(
                "USER_LABEL",
                "must not be set beside METRICS_USER_ID_SALT, which shows pseudonyms only",
            );
            return None;
        }
        (Some(salt), None) => UserLabel::Pseudonym(salt.value),
        (None, Some(shown)) => UserLabel::Shown(shown),
        (None, None) if area.anonymize_email_label.0 => UserLabel::Shown(ShownUser::Id),
        (None, None) => UserLabel::Shown(ShownUser::Email),
    };
    let options = Options {
        per_user: area.emit_per_user_metrics.0.then_some(label),
        calendar: area.timezone,
        max_label_values: usize::try_from(area.metrics_max_label_values.0).unwrap_or(usize::MAX),
        max_series: usize::try_from(area.metrics_max_series.0).unwrap_or(usize::MAX),
    };
    Some(Times { refresh_interval, max_staleness, sweep_interval, options, user_label: label })
}

/// Pseudonyms were meant, and every user's id would be shown.
fn report_lost_salt(vars: &mut Vars) {
    for (name, why) in vars.lost(&["METRICS_USER_ID_SALT"]) {
        let mend = "EMIT_PER_USER_METRICS would show the users themselves: give it a value, or leave it out";
        vars.problem(&name, format!("{why}, and {mend}"));
    }
}

/// Both readings of a number without a unit that is hardly meant as milliseconds.
fn reading(vars: &Vars, name: &str, span: Duration) -> Option<String> {
    let millis = span.as_millis();
    let is_odd = vars.is_bare_number(name) && millis > 0 && span < Duration::from_secs(1);
    is_odd.then(|| format!(": {millis} is {millis} ms; for seconds write {millis}s"))
}

fn warn_of_milliseconds(vars: &mut Vars, name: &str, span: Duration) {
    if let Some(reading) = reading(vars, name, span) {
        vars.warn(name, format!("is hardly meant{reading}"));
    }
}

/// Where the variables say to listen; what is wrong with them goes to `vars`.
pub fn listen(vars: &mut Vars) -> ListenSettings {
    let area = Listen::read(vars);
    let public = Address { host: area.host, port: area.port.0 };
    let metrics = match (area.metrics_host, area.metrics_port) {
        (None, None) => None,
        (host, port) => Some(Address {
            host: host.unwrap_or_else(|| public.host.clone()),
            port: port.map_or(public.port, |port| port.0),
        }),
    };
    let is_socket = |host: &Host| matches!(host, Host::Unix(_));
    if let Some(metrics) = &metrics
        && is_socket(&metrics.host)
        && metrics.host == public.host
    {
        vars.problem("METRICS_HOST", "must be another than HOST: a socket has no port that could be another");
    }
    if vars.is_given("METRICS_SOCKET_MODE")
        && !is_socket(&public.host)
        && !metrics.as_ref().is_some_and(|metrics| is_socket(&metrics.host))
    {
        vars.warn("METRICS_SOCKET_MODE", "has no effect: neither HOST nor METRICS_HOST is a socket");
    }
    if area.proxy_protocol.0 && !area.trust_proxy.is_list() {
        vars.problem(
            "PROXY_PROTOCOL",
            "needs TRUST_PROXY to list the addresses of the proxies: anybody could write such a header",
        );
    }
    if area.trust_proxy.counts_hops() {
        vars.warn("TRUST_PROXY", "counts hops, which is only safe when nothing can reach this port directly");
    }
    ListenSettings {
        metrics: metrics.filter(|metrics| *metrics != public),
        public,
        socket_mode: area.metrics_socket_mode,
        trust: area.trust_proxy,
        trust_is_chosen: vars.is_given("TRUST_PROXY"),
        header: area.trust_proxy_header,
        proxy_protocol: area.proxy_protocol.0,
        metrics_path: area.metrics_path,
    }
}

/// Loopback is trusted by default, and loopback is not only a proxy of this machine. It matters where something goes by
/// the address: the allow-list, or the lockout where there is something to guess.
fn remark_trust(vars: &mut Vars, listen: &ListenSettings, guard: &GuardSettings, limits: &LimitSettings) {
    let goes_by_address = guard.allowed.is_some() || (limits.lockout.is_some() && !guard.is_open());
    let address = listen.metrics.as_ref().unwrap_or(&listen.public);
    if goes_by_address && !listen.trust_is_chosen && !address.is_local() {
        vars.caution(
            "TRUST_PROXY is not set: whoever comes through loopback (a sidecar of a service mesh, kubectl port-forward, a \
             tunnel) may name any client, for allow-list, limits and lockout; set it to false, to the addresses of the \
             proxies, or to loopback where a proxy of this machine is meant"
                .into(),
        );
    }
}

fn limits(vars: &mut Vars) -> Option<LimitSettings> {
    let area = Limits::read(vars);
    let (metrics, health) =
        (NonZeroU32::new(area.rate_limit_max.0), NonZeroU32::new(area.health_rate_limit_max.0));
    let window = Duration::from_millis(area.rate_limit_window_ms.0.into());
    if window.is_zero() && (metrics.is_some() || health.is_some()) {
        vars.problem("RATE_LIMIT_WINDOW_MS", "must not be 0; RATE_LIMIT_MAX=0 turns a limit off");
        return None;
    }
    if vars.is_bare_number("RATE_LIMIT_WINDOW_MS") && !window.is_zero() && window < Duration::from_secs(1) {
        let millis = window.as_millis();
        vars.warn(
            "RATE_LIMIT_WINDOW_MS",
            format!("is hardly meant: {millis} is {millis} ms; for seconds write {millis}000"),
        );
    }
    let ttl = Duration::from_secs(area.metrics_brute_force_ttl_seconds.0.into());
    let lockout = NonZeroU32::new(area.metrics_brute_force_max_failed_attempts.0)
        .filter(|_| area.metrics_brute_force_protection.0)
        .map(|attempts| (attempts, ttl));
    Some(LimitSettings { window, metrics, health, lockout })
}

#[cfg(test)]
mod tests;
