//! The order of checks for `/metrics` and `/auth`, and the only place where a refusal becomes a response.
//!
//! Client address → rate limit (429) → host (421) → allow-list (403) → what a proxy describes (400, 403) → lockout (429) →
//! credentials (400, 401, 403, 503) → permit.
//! What comes before (parser limits, path, method) has been passed when this runs; see [`super::router`].
//!
//! Invariants: a refusal says nothing but its status; an outsider of the allow-list and a locked address get the same
//! bytes whatever they bring; each decision is counted, and logged where that is on.

pub mod allow_log;
pub mod asked;
pub mod hosts;
pub mod limits;
pub mod locked;
pub mod reject_log;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::response::Response;
use futures_util::future::poll_immediate;
use http::header::{LOCATION, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use self::allow_log::AllowLog;
use self::asked::Asked;
use self::hosts::Hosts;
use self::limits::{Limited, Limits, Stamp};
use self::reject_log::{LockLog, RejectLog};
use super::forward::rules::Access;
use super::forward::{self, Forward, way_back};
use super::{Site, metrics, refusal};
use crate::auth::Method;
use crate::auth::caller::Caller;
use crate::auth::metrics::Decisions;
use crate::auth::policy::{Denial, Permit, Policy};
use crate::auth::reason::Reason;
use crate::auth::resource::Resource;
use crate::auth::session::login::LoginRedirect;
use crate::client_ip::trust::TrustProxy;
use crate::client_ip::{ClientAddress, Peer, ProxyHeader, client_address};
use crate::limit::credential::Credential;
use crate::limit::key::Key;
use crate::limit::known_good::KnownGood;
use crate::limit::lockout::{Attempt, Locked, Lockout, Outcome, Presented, Settled};
use crate::secret::DigestKey;
use crate::tls::client::ClientCertificate;

/// Everything that stands between a request and a permit.
pub struct Guard {
    pub policy: Policy,
    pub trust: TrustProxy,
    pub header: ProxyHeader,
    pub limits: Limits,
    pub lockout: Option<Arc<Lockout>>,
    pub known_good: KnownGood,
    /// For digests of credentials, which the two tables above remember.
    pub digests: DigestKey,
    pub login: Option<LoginRedirect>,
    /// `None` where `/auth` is off.
    pub forward: Option<Forward>,
    /// `None` takes every name for `/metrics`. `/auth` is asked for by proxies alone, under whatever name they have for it.
    pub hosts: Option<Hosts>,
    pub decisions: Decisions,
    pub rejects: RejectLog,
    pub locks: LockLog,
    pub allows: AllowLog,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("trust", &self.trust).finish_non_exhaustive()
    }
}

/// A permit, and what the answer says of the rate limit.
#[derive(Debug)]
pub struct Guarded {
    pub permit: Permit,
    pub stamp: Stamp,
}

/// Why a request for what is guarded ends here.
#[derive(Debug)]
enum Refusal {
    Limited(Limited),
    Locked(Locked),
    Denied(Denial),
}

impl From<Locked> for Refusal {
    fn from(locked: Locked) -> Self {
        Self::Locked(locked)
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl FromRequestParts<Arc<Site>> for Guarded {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Response> {
        Self::decide(Asked::for_metrics(parts), site).await
    }
}

impl Guarded {
    /// Decides, counts and logs.
    ///
    /// # Errors
    /// The refusal, as it is answered.
    pub async fn decide(asked: Asked, site: &Arc<Site>) -> Result<Self, Response> {
        let site = Arc::clone(site);
        let mut decision = Box::pin(async move { site.guard.answer(&asked).await });
        if let Some(guarded) = poll_immediate(&mut decision).await {
            return guarded;
        }
        // What has to be waited for is decided, counted and logged whether or not the client waits too: otherwise who
        // hangs up in time guesses for nothing. How many such decisions there are is bounded where they wait.
        match tokio::spawn(decision).await {
            Ok(guarded) => guarded,
            Err(ended) if ended.is_panic() => resume_unwind(ended.into_panic()),
            // The process is ending.
            Err(_) => Err(refusal::of(StatusCode::SERVICE_UNAVAILABLE)),
        }
    }
}

/// A request without a known peer is as one over a Unix socket.
pub(super) fn peer(parts: &Parts) -> Peer {
    parts.extensions.get::<Peer>().copied().unwrap_or(Peer::Unix)
}

impl Guard {
    /// Where a request comes from.
    pub fn address(&self, parts: &Parts) -> ClientAddress {
        client_address(peer(parts), &parts.headers, &self.trust, self.header)
    }

    /// Decides, counts and logs.
    async fn answer(&self, asked: &Asked) -> Result<Guarded, Response> {
        let address = client_address(asked.peer, &asked.headers, &self.trust, self.header);
        let key = Key::of(address.ip);
        let certificate = asked.certificate.as_deref();
        let caller = Caller::new(address.ip, &asked.headers)
            .map(|caller| caller.with_certificate(certificate.map(ClientCertificate::thumbprint)));
        let presented = caller.as_ref().map_or(Presented::Nothing, |caller| self.presented(key, caller));
        let refuse = |refusal, stamp: Stamp| stamp.put_on(self.refuse(&refusal, &address, asked));
        let limited = |limited| refuse(Refusal::Limited(limited), Stamp::default());
        let resource = asked.resource();
        let counted =
            self.limits.begin(resource, key, presented.is_known_good(), Instant::now()).map_err(limited)?;
        match self.decide(&address, asked, caller, presented).await {
            Ok(permit) => {
                let stamp = self.limits.let_in(resource, key, &counted, Instant::now()).map_err(limited)?;
                self.decisions.allow(resource, &permit);
                self.allows.log(resource, &permit, certificate, address.ip);
                Ok(Guarded { permit, stamp })
            }
            Err(refusal) => {
                let stamp = self.limits.refuse(resource, key, counted, Instant::now()).map_err(limited)?;
                Err(refuse(refusal, stamp))
            }
        }
    }

    fn presented(&self, key: Key, caller: &Caller<'_>) -> Presented {
        let Some(digest) = self.policy.credential(caller, &self.digests) else { return Presented::Nothing };
        let credential = Credential::from(digest);
        if self.known_good.holds(key, credential, Instant::now()) {
            Presented::KnownGood(credential)
        } else {
            Presented::Unknown(credential)
        }
    }

    async fn decide(
        &self,
        address: &ClientAddress,
        asked: &Asked,
        caller: Result<Caller<'_>, Reason>,
        presented: Presented,
    ) -> Result<Permit, Refusal> {
        let key = Key::of(address.ip);
        if !self.is_asked_by_its_name(asked) {
            return Err(Denial::new(Method::None, Reason::HostNotAllowed).into());
        }
        let admission = self.policy.admit(address.for_allow_list())?;
        let terms = match asked.access() {
            Ok(Access::Asks(terms)) => terms,
            Ok(Access::Public) => return Ok(self.policy.open(admission)),
            Ok(Access::Nobody) => return Err(Denial::new(Method::None, Reason::DeniedByRules).into()),
            Err(reason) => return Err(Denial::new(Method::None, reason).into()),
        };
        let attempt =
            self.lockout.as_ref().map(|lockout| lockout.begin(key, presented, Instant::now())).transpose()?;
        let caller = caller.map_err(|reason| Denial::new(Method::None, reason))?;
        let caller = caller.with_roles(terms.roles.as_ref());
        let result = self.policy.authorize(admission, &caller).await;
        // Settled before anything is told: of guesses that arrive together, those after the lock learn nothing.
        let outcome = match &result {
            Err(denial) if denial.reason.is_guess() => Outcome::Wrong(denial.reason.label()),
            _ => Outcome::Neutral,
        };
        self.settle(attempt, outcome, address)?;
        let permit = result?;
        if permit.is_earned()
            && let Some(credential) = presented.credential()
        {
            self.known_good.remember(key, credential, Instant::now());
        }
        terms.check(permit.method())?;
        Ok(permit)
    }

    fn is_asked_by_its_name(&self, asked: &Asked) -> bool {
        match (&self.hosts, asked.resource()) {
            (Some(hosts), Resource::Metrics) => hosts.allow(&asked.uri, &asked.headers),
            (None, _) | (_, Resource::ForwardAuth) => true,
        }
    }

    fn settle(
        &self,
        attempt: Option<Attempt<'_>>,
        outcome: Outcome,
        address: &ClientAddress,
    ) -> Result<(), Locked> {
        let Some(attempt) = attempt else { return Ok(()) };
        if let (Settled::Locks, Outcome::Wrong(reason)) = (attempt.settle(outcome, Instant::now())?, outcome)
        {
            let seconds = self.lockout.as_ref().map_or(0, |lockout| lockout.length().as_secs());
            self.locks.log(reason, Shown(address), seconds);
        }
        Ok(())
    }

    fn refuse(&self, refusal: &Refusal, address: &ClientAddress, asked: &Asked) -> Response {
        let mut response = match refusal {
            Refusal::Limited(limited) => {
                self.rejects.log("none", "rate_limited", Shown(address), asked);
                limited.response()
            }
            Refusal::Locked(locked) => {
                let denial = Denial::new(Method::None, Reason::Locked);
                self.decisions.deny(asked.resource(), denial);
                self.rejects.log_locked(locked, Shown(address), asked);
                let mut response = refusal::of(Reason::Locked.status());
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(locked.retry_after()));
                response
            }
            Refusal::Denied(denial) => self.deny(*denial, address, asked),
        };
        let varies = match asked.resource() {
            Resource::Metrics => metrics::VARIES,
            Resource::ForwardAuth => forward::varies(),
        };
        response.headers_mut().insert(VARY, varies);
        response
    }

    fn deny(&self, denial: Denial, address: &ClientAddress, asked: &Asked) -> Response {
        self.decisions.deny(asked.resource(), denial);
        self.rejects.log(denial.method.label(), denial.reason.label(), Shown(address), asked);
        let status = denial.reason.status();
        if let Some(location) = self.sign_in(asked, status) {
            let mut response = refusal::of(StatusCode::FOUND);
            response.headers_mut().insert(LOCATION, location);
            return response;
        }
        let mut response = refusal::of(status);
        for challenge in self.policy.challenges(denial.reason) {
            response.headers_mut().append(WWW_AUTHENTICATE, challenge.clone());
        }
        if let Some(seconds) = denial.retry_after_seconds() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl Guard {
    /// Where a browser signs in that was refused with `status`.
    fn sign_in(&self, asked: &Asked, status: StatusCode) -> Option<HeaderValue> {
        let login = self.login.as_ref()?;
        if !asked.takes_logins() || !login.answers(asked.method(), &asked.headers, status) {
            return None;
        }
        Some(match (asked.described(), &self.forward) {
            (Some(described), Some(forward)) => way_back::location(login, described, &forward.return_hosts),
            _ => login.plain().clone(),
        })
    }
}

/// An address as logs have it.
#[derive(Clone, Copy)]
struct Shown<'a>(&'a ClientAddress);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.ip {
            Some(ip) => ip.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}
