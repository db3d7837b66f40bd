//! `/auth`: decides for a reverse proxy about a request that the proxy describes and then serves itself, or not.
//!
//! Invariants:
//! - One guard: the handler takes a [`Permit`], as that of `/metrics` does.
//! - Nothing is read of a description, and nothing is told, unless the other end of the connection is a trusted proxy; for
//!   everybody else there is no such path.
//!
//! ```compile_fail,E0061
//! // Nobody is named without a permit.
//! use librechat_exporter::http::forward;
//! fn unguarded() {
//!     let _ = forward::let_in();
//! }
//! ```

pub mod authority;
pub mod described;
pub mod path;
pub mod percent;
pub mod rules;
pub mod way_back;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::Response;
use axum::routing::{MethodRouter, any};
use http::header::VARY;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};

use self::described::VARIES;
use self::rules::Rules;
use self::way_back::ReturnHosts;
use super::guard::asked::Asked;
use super::guard::{Guarded, peer};
use super::{Site, refusal};
use crate::auth::policy::Permit;
use crate::auth::subject::{Role, Subject};
use crate::client_ip::is_proxy;
use crate::secret::Live;

/// Where proxies ask.
pub const PATH: &str = "/auth";

const AUTH_METHOD: HeaderName = HeaderName::from_static("x-auth-method");
const AUTH_SUBJECT: HeaderName = HeaderName::from_static("x-auth-subject");
const AUTH_ROLE: HeaderName = HeaderName::from_static("x-auth-role");

/// What the answers to proxies go by, besides the guard.
#[derive(Debug)]
pub struct Forward {
    pub return_hosts: ReturnHosts,
    /// `None`: everything that is asked about needs a credential, whichever.
    pub rules: Option<Arc<Live<Rules>>>,
}

/// The methods by which proxies ask.
const METHODS: [Method; 3] = [Method::GET, Method::HEAD, Method::POST];

/// Whichever method is used, the first question is whether it is a proxy that asks: others are not even told the methods.
pub fn routes() -> MethodRouter<Arc<Site>> {
    any(decide)
}

async fn decide(LetIn(guarded): LetIn) -> Response {
    guarded.stamp.put_on(let_in(guarded.permit))
}

/// Tells the proxy whom it lets in. The permit is given up here: one permit, one request.
pub fn let_in(permit: Permit) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(VARY, varies());
    let (method, subject, role) = permit.into_parts();
    headers.insert(AUTH_METHOD, HeaderValue::from_static(method.label()));
    let subject = subject.as_ref().and_then(Subject::whole);
    let role = role.as_ref().map(Role::name);
    for (name, text) in [(AUTH_SUBJECT, subject), (AUTH_ROLE, role)] {
        // Percent-encoded, it is always a header value.
        if let Some(value) = text.and_then(|text| HeaderValue::try_from(percent::encode_name(text)).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

/// What the answers depend on.
pub fn varies() -> HeaderValue {
    HeaderValue::from_static(VARIES)
}

/// A permit for what the proxy describes.
struct LetIn(Guarded);

impl FromRequestParts<Arc<Site>> for LetIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Response> {
        if !is_proxy(peer(parts), &site.guard.trust) {
            return Err(refusal::of(StatusCode::NOT_FOUND));
        }
        if !METHODS.contains(&parts.method) {
            return Err(refusal::method_not_allowed("GET, HEAD, POST"));
        }
        let rules = site.guard.forward.as_ref().and_then(|forward| forward.rules.as_ref());
        let rules = rules.map(|rules| rules.current());
        let asked = Asked::by_proxy(parts, site.guard.header, rules.as_deref());
        Guarded::decide(asked, site).await.map(Self)
    }
}
