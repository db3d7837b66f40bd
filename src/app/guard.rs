//! The list of authorizers, in the order in which they are asked, and what else the guard is made of.

use std::sync::Arc;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tracing::warn;

use super::oauth2;
use crate::auth::Authorizer;
use crate::auth::basic::Basic;
use crate::auth::basic::accounts::Accounts;
use crate::auth::bearer::{Bearer, Tokens, weakness};
use crate::auth::jwks::metrics::Metrics as KeyMetrics;
use crate::auth::jwt::settings::Settings;
use crate::auth::metrics::Decisions;
use crate::auth::policy::Policy;
use crate::auth::resource::Resource;
use crate::auth::session::secret::SessionSecret;
use crate::auth::session::{Directory, Session};
use crate::config::forward::file::{LARGEST_FILE, parse};
use crate::config::forward::{ForwardSettings, RulesFile};
use crate::config::guard::GuardSettings;
use crate::config::web_config::users_again;
use crate::config::{LimitSettings, ListenSettings};
use crate::http::forward::Forward;
use crate::http::guard::Guard;
use crate::http::guard::allow_log::AllowLog;
use crate::http::guard::limits::{Limits, Rates};
use crate::http::guard::locked::LockedAddresses;
use crate::http::guard::reject_log::{LockLog, RejectLog};
use crate::limit::known_good::KnownGood;
use crate::limit::lockout::Lockout;
use crate::limit::rate::Rate;
use crate::reload::Watch;
use crate::secret::document::Document;
use crate::secret::{DigestKey, Live};
use crate::telemetry::clock;

/// Builds the guard; whatever of it comes from files is added to `watches`.
pub fn build(
    mut settings: GuardSettings,
    limits: &LimitSettings,
    listen: &ListenSettings,
    directory: Arc<dyn Directory>,
    registry: &mut Registry,
    watches: &mut Vec<Watch>,
) -> anyhow::Result<Guard> {
    let rate = |max| Some(Rate::new(max, limits.window));
    let forward = settings.forward.take();
    let rates = Rates {
        metrics: limits.metrics.and_then(rate),
        auth: forward.as_ref().and_then(|forward| forward.rate).and_then(rate),
        refusals: limits.metrics.and_then(rate),
        health: limits.health.and_then(rate),
    };
    let resources: &[Resource] =
        if forward.is_some() { &[Resource::Metrics, Resource::ForwardAuth] } else { &[Resource::Metrics] };
    let lockout = limits.lockout.map(|(attempts, ttl)| Arc::new(Lockout::new(attempts, ttl)));
    LockedAddresses::register(lockout.clone(), registry);
    let rejects = RejectLog::new(settings.log_rejects);
    let allows = AllowLog::new(settings.log_allows);
    let hosts = settings.hosts(listen);
    let enabled = Gauge::<i64>::default();
    enabled.set(i64::from(!settings.is_open()));
    if settings.disabled || settings.oauth2.is_none() {
        // There from the start all the same: an alert on keys that grow too old should find something to look at.
        KeyMetrics::register(registry).of(Settings::DEFAULT_NAME).stale(false);
    }
    let (policy, login) = policy(settings, directory, registry, watches);
    registry.register("auth_enabled", "Whether /metrics asks for anything", enabled);
    Ok(Guard {
        policy,
        trust: listen.trust.clone(),
        header: listen.header,
        limits: Limits::register(rates, resources, registry),
        lockout,
        known_good: KnownGood::default(),
        digests: DigestKey::new().map_err(anyhow::Error::msg)?,
        login,
        forward: forward.map(|forward| self::forward(forward, watches)),
        decisions: Decisions::register(resources, registry),
        rejects,
        locks: LockLog::default(),
        allows,
        hosts,
    })
}

/// Rules that replace those in force are checked as at the start.
fn forward(settings: ForwardSettings, watches: &mut Vec<Watch>) -> Forward {
    let rules = settings.rules.map(|RulesFile { rules, path, document, methods }| {
        let slot = Arc::new(Live::new(rules));
        let watched = Arc::clone(&slot);
        let read = move || Document::read(&path, LARGEST_FILE);
        let replace = move |document: Document| {
            let rules = parse(document.bytes(), &methods).map_err(|problems| problems.join("; "))?;
            watched.replace(rules);
            Ok::<(), String>(())
        };
        watches.push(Watch::new("FORWARD_AUTH_RULES_FILE", &document, read, replace));
        slot
    });
    Forward { return_hosts: settings.return_hosts, rules }
}

/// What a reload brings is remarked on as at the start.
fn remark(variable: &str, weaknesses: impl IntoIterator<Item = impl AsRef<str>>) {
    for weakness in weaknesses {
        warn!("{variable} {}", weakness.as_ref());
    }
}

/// The same for hashes.
fn remarked(variable: &str, accounts: Result<Accounts, String>) -> Result<Accounts, String> {
    let accounts = accounts?;
    remark(variable, accounts.cautions());
    Ok(accounts)
}

fn policy(
    settings: GuardSettings,
    directory: Arc<dyn Directory>,
    registry: &mut Registry,
    watches: &mut Vec<Watch>,
) -> (Policy, Option<crate::auth::session::login::LoginRedirect>) {
    if settings.disabled {
        warn!("DISABLE_AUTH is on: /metrics answers whoever asks; for development only");
        return (Policy::new(None, Vec::new()), None);
    }
    let mut authorizers: Vec<Box<dyn Authorizer>> = Vec::new();
    let mut login = None;
    if let Some(bearer) = settings.bearer {
        let (slot, watch) = bearer.live(|secret| {
            let tokens = Tokens::parse(secret.expose())?;
            remark("METRICS_BEARER_TOKEN_FILE", weakness(secret.expose()));
            Ok(tokens)
        });
        watches.extend(watch);
        authorizers.push(Box::new(Bearer::new(slot)));
    }
    if let Some(basic) = settings.basic {
        let account = basic.account.map(|(user, account)| {
            account.live(move |secret| {
                let accounts = remarked("METRICS_BASIC_AUTH_PASSWORD_FILE", Accounts::one(&user, secret))?;
                let plain = if accounts.is_hashed() { None } else { weakness(secret.expose()) };
                remark("METRICS_BASIC_AUTH_PASSWORD_FILE", plain);
                Ok(accounts)
            })
        });
        let file = basic
            .file
            .map(|file| file.live(|text| remarked("METRICS_BASIC_AUTH_FILE", Accounts::htpasswd(text))));
        let web = basic.web.map(|web| {
            let before = web.secret.clone();
            web.live(move |secret| remarked("WEB_CONFIG_FILE", users_again(before.expose(), secret)))
        });
        let (slots, files): (_, Vec<_>) = account.into_iter().chain(file).chain(web).unzip();
        watches.extend(files.into_iter().flatten());
        authorizers.push(Box::new(Basic::new(slots)));
    }
    if let Some(oauth2) = settings.oauth2 {
        authorizers.push(Box::new(oauth2::build(oauth2, registry, watches)));
    }
    if let Some(session) = settings.session {
        let (slot, watch) = session.secret.live(|secret| {
            let secret = SessionSecret::parse(secret.expose())?;
            remark("METRICS_SESSION_SECRET_FILE", secret.weakness());
            Ok(secret)
        });
        watches.extend(watch);
        authorizers.push(Box::new(Session::new(slot, session.cookie, session.roles, directory, clock::now)));
        login = session.login;
    }
    (Policy::new(settings.allowed, authorizers), login)
}
