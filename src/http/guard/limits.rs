//! Rate limits of the kinds of endpoints, as extractor, headers and refusal.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::response::Response;
use http::header::RETRY_AFTER;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::Site;
use crate::auth::resource::Resource;
use crate::http::refusal;
use crate::limit::key::Key;
use crate::limit::rate::{Allowance, Rate, Rating};

// draft-ietf-httpapi-ratelimit-headers-07: the form that clients of the Node exporter know.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The label of the probes.
const HEALTH: &str = "health";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabel {
    endpoint: &'static str,
}

/// The limits that are on; `None` is off.
///
/// What is guarded has counts for each client: of requests that are let in, for each endpoint, and of requests that are
/// refused, for all of them. So whoever shares an address with a scraper cannot use up what the scraper has, and a guess is
/// a guess wherever it is made.
#[derive(Debug)]
pub struct Rates {
    pub metrics: Option<Rate>,
    pub auth: Option<Rate>,
    pub refusals: Option<Rate>,
    pub health: Option<Rate>,
}

/// The rates, and how often they refused.
#[derive(Debug)]
pub struct Limits {
    rates: Rates,
    limited: Family<EndpointLabel, Counter>,
}

/// What a guarded request was counted as before anything is known of it.
#[derive(Debug)]
pub struct Counted {
    /// As a refusal, when: taken back when it is none.
    refused_at: Option<Instant>,
    stamp: Stamp,
}

impl Limits {
    pub fn register(rates: Rates, resources: &[Resource], registry: &mut Registry) -> Self {
        let limited = Family::<EndpointLabel, Counter>::default();
        for endpoint in resources.iter().map(|resource| resource.label()).chain([HEALTH]) {
            let _ = limited.get_or_create(&EndpointLabel { endpoint });
        }
        registry.register("rate_limited", "Requests refused by a rate limit", limited.clone());
        Self { rates, limited }
    }

    /// Counts a guarded request as one that is refused: before it is judged, so that of many at once no more are
    /// judged than may be refused. What was good of late is not counted yet: it may pass when no refusal is left.
    pub fn begin(
        &self,
        resource: Resource,
        key: Key,
        is_known_good: bool,
        now: Instant,
    ) -> Result<Counted, Limited> {
        if is_known_good {
            return Ok(Counted { refused_at: None, stamp: Stamp::default() });
        }
        let stamp = self.check(self.rates.refusals.as_ref(), resource.label(), key, now)?;
        Ok(Counted { refused_at: Some(now), stamp })
    }

    /// Counts it as one that is let in instead.
    pub fn let_in(
        &self,
        resource: Resource,
        key: Key,
        counted: &Counted,
        now: Instant,
    ) -> Result<Stamp, Limited> {
        if let (Some(refusals), Some(at)) = (&self.rates.refusals, counted.refused_at) {
            refusals.give_back(key, at);
        }
        let rate = match resource {
            Resource::Metrics => self.rates.metrics.as_ref(),
            Resource::ForwardAuth => self.rates.auth.as_ref(),
        };
        self.check(rate, resource.label(), key, now)
    }

    /// It stays one that is refused.
    pub fn refuse(
        &self,
        resource: Resource,
        key: Key,
        counted: Counted,
        now: Instant,
    ) -> Result<Stamp, Limited> {
        match counted.refused_at {
            Some(_) => Ok(counted.stamp),
            None => self.check(self.rates.refusals.as_ref(), resource.label(), key, now),
        }
    }

    fn check_health(&self, key: Key, now: Instant) -> Result<Stamp, Limited> {
        self.check(self.rates.health.as_ref(), HEALTH, key, now)
    }

    fn check(
        &self,
        rate: Option<&Rate>,
        endpoint: &'static str,
        key: Key,
        now: Instant,
    ) -> Result<Stamp, Limited> {
        let Some(rate) = rate else { return Ok(Stamp::default()) };
        let rating = rate.check(key, now);
        match rating.retry_after() {
            None => Ok(Stamp(Some(rating))),
            Some(_) => {
                self.limited.get_or_create(&EndpointLabel { endpoint }).inc();
                Err(Limited(rating))
            }
        }
    }
}

/// What an answer says of the limit that it fell under.
#[derive(Debug, Default)]
pub struct Stamp(Option<Rating>);

impl Stamp {
    pub fn put_on(&self, mut response: Response) -> Response {
        if let Some(rating) = &self.0 {
            stamp(rating.allowance(), &mut response);
        }
        response
    }
}

fn stamp(allowance: &Allowance, response: &mut Response) {
    for (name, value) in [(RATE_LIMIT_POLICY, allowance.policy()), (RATE_LIMIT, allowance.state())] {
        // Digits and ASCII punctuation: always a header value.
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
}

/// Over a limit.
#[derive(Debug)]
pub struct Limited(Rating);

impl Limited {
    pub fn response(&self) -> Response {
        let mut response = refusal::of(StatusCode::TOO_MANY_REQUESTS);
        stamp(self.0.allowance(), &mut response);
        if let Some(seconds) = self.0.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A probe that is within its limit.
#[derive(Debug)]
pub struct Probe(pub Stamp);

impl FromRequestParts<Arc<Site>> for Probe {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Response> {
        let key = Key::of(site.guard.address(parts).ip);
        let checked = site.guard.limits.check_health(key, Instant::now());
        checked.map(Self).map_err(|limited| limited.response())
    }
}
