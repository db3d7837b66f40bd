//! The order of checks for `/metrics`, and the only place where a refusal becomes a response.
//!
//! Client address → rate limit (429) → allow-list (403) → lockout (429) → credentials (400, 401, 403, 503) → permit.
//! What comes before (parser limits, path, method) has been passed when this runs; see [`super::router`].
//!
//! Invariants: a refusal says nothing but its status; an outsider of the allow-list and a locked address get the same
//! bytes whatever they bring; each decision is counted, and logged where that is on.

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
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use tracing::warn;

use self::limits::{Limited, Limits, Stamp};
use self::reject_log::RejectLog;
use super::{Site, metrics, refusal};
use crate::auth::Method;
use crate::auth::caller::Caller;
use crate::auth::metrics::Decisions;
use crate::auth::policy::{Denial, Permit, Policy};
use crate::auth::reason::Reason;
use crate::auth::session::login::LoginRedirect;
use crate::client_ip::trust::TrustProxy;
use crate::client_ip::{ClientAddress, Peer, ProxyHeader, client_address};
use crate::limit::key::Key;
use crate::limit::lockout::{Attempt, Locked, Lockout, Outcome, Settled};

/// Everything that stands between a request and a permit.
pub struct Guard {
    pub policy: Policy,
    pub trust: TrustProxy,
    pub header: ProxyHeader,
    pub limits: Limits,
    pub lockout: Option<Arc<Lockout>>,
    pub login: Option<LoginRedirect>,
    pub decisions: Decisions,
    pub rejects: RejectLog,
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
        let asked = Asked::of(parts);
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

/// What of a request is decided on, apart from its connection.
#[derive(Debug)]
struct Asked {
    method: http::Method,
    uri: Uri,
    headers: HeaderMap,
    peer: Peer,
}

impl Asked {
    fn of(parts: &Parts) -> Self {
        Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            peer: peer(parts),
        }
    }
}

/// A request without a known peer is as one over a Unix socket.
fn peer(parts: &Parts) -> Peer {
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
        let mut stamp = Stamp::default();
        match self.decide(&address, asked, &mut stamp).await {
            Ok(permit) => {
                self.decisions.allow(&permit);
                Ok(Guarded { permit, stamp })
            }
            Err(refusal) => Err(stamp.put_on(self.refuse(&refusal, &address, asked))),
        }
    }

    async fn decide(
        &self,
        address: &ClientAddress,
        asked: &Asked,
        stamp: &mut Stamp,
    ) -> Result<Permit, Refusal> {
        let key = Key::of(address.ip);
        *stamp = self.limits.check_metrics(key, Instant::now()).map_err(Refusal::Limited)?;
        let admission = self.policy.admit(address.for_allow_list())?;
        let attempt = self.lockout.as_ref().map(|lockout| lockout.begin(key, Instant::now())).transpose()?;
        let caller =
            Caller::new(address.ip, &asked.headers).map_err(|reason| Denial::new(Method::None, reason))?;
        let result = self.policy.authorize(admission, &caller).await;
        // Settled before anything is told: of guesses that arrive together, those after the lock learn nothing.
        let outcome = match &result {
            Ok(permit) if permit.method() == Method::None => Outcome::Neutral,
            Ok(_) => Outcome::Success,
            Err(denial) if denial.reason.is_guess() => Outcome::Guess,
            Err(_) => Outcome::Neutral,
        };
        self.settle(attempt, outcome, address)?;
        result.map_err(Refusal::Denied)
    }

    fn settle(
        &self,
        attempt: Option<Attempt<'_>>,
        outcome: Outcome,
        address: &ClientAddress,
    ) -> Result<(), Locked> {
        let Some(attempt) = attempt else { return Ok(()) };
        if attempt.settle(outcome, Instant::now())? == Settled::Locks {
            warn!(address = %Shown(address), "locked an address after too many wrong credentials");
        }
        Ok(())
    }

    fn refuse(&self, refusal: &Refusal, address: &ClientAddress, asked: &Asked) -> Response {
        let mut response = match refusal {
            Refusal::Limited(limited) => {
                self.rejects.log("none", "rate_limited", Shown(address), &asked.method, &asked.uri);
                limited.response()
            }
            Refusal::Locked(locked) => {
                let denial = Denial::new(Method::None, Reason::Locked);
                let mut response = self.deny(denial, address, asked);
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(locked.retry_after()));
                response
            }
            Refusal::Denied(denial) => self.deny(*denial, address, asked),
        };
        response.headers_mut().insert(VARY, metrics::VARIES);
        response
    }

    fn deny(&self, denial: Denial, address: &ClientAddress, asked: &Asked) -> Response {
        self.decisions.deny(denial);
        self.rejects.log(
            denial.method.label(),
            denial.reason.label(),
            Shown(address),
            &asked.method,
            &asked.uri,
        );
        let status = denial.reason.status();
        let login =
            self.login.as_ref().and_then(|login| login.location(&asked.method, &asked.headers, status));
        if let Some(location) = login {
            let mut response = refusal::of(StatusCode::FOUND);
            response.headers_mut().insert(LOCATION, location.clone());
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
