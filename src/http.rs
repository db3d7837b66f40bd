//! The served surface: which paths are on which listener, and what every answer has in common.
//!
//! Invariants:
//! - `/metrics` and `/auth` are served by handlers that take a [`Permit`](crate::auth::policy::Permit); extracting one runs
//!   the whole guard.
//! - Every answer that we make carries `Cache-Control: no-store` and `X-Content-Type-Options: nosniff`; none names the
//!   software. A refusal's body is its status phrase.
//! - Unknown paths and methods answer the same with and without credentials.
//!
//! ```compile_fail,E0061
//! // The handler cannot be called without a permit.
//! use librechat_exporter::{exposition::Exposition, http::{metrics, negotiate::Accepted}};
//! fn unguarded(exposition: &Exposition, accepted: Accepted) {
//!     let _ = metrics::page(exposition, accepted);
//! }
//! ```

pub mod connections;
pub mod deadline;
pub mod forward;
pub mod guard;
pub mod handshakes;
pub mod head;
pub mod health;
pub mod landing;
pub mod listener;
pub mod metrics;
pub mod negotiate;
pub mod parts;
pub mod path;
pub mod proxy_protocol;
pub mod record;
pub mod refusal;
pub mod serve;
pub mod tracked;
pub mod unparsed;

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::error;

use crate::exposition::Exposition;
use crate::librechat::status::Status;

/// What handlers need.
#[derive(Debug)]
pub struct Site {
    pub exposition: Arc<Exposition>,
    pub status: Arc<Status>,
    pub guard: guard::Guard,
    pub requests: record::Requests,
    pub metrics_path: path::MetricsPath,
    /// What every answer carries besides.
    pub headers: HeaderMap,
}

/// Which paths a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// Everything on one port.
    Whole,
    /// `PORT` when `METRICS_PORT` is another: all but `/metrics`.
    Public,
    /// `METRICS_PORT`: `/metrics`, `/auth` where it is on, and the landing page.
    Metrics,
}

impl Surface {
    /// The paths, in words.
    pub fn paths(self, metrics: &path::MetricsPath, answers_proxies: bool) -> String {
        let auth = if answers_proxies { ", /auth for proxies" } else { "" };
        match self {
            Self::Whole => format!("{metrics}{auth}, /health, /livez and /readyz"),
            Self::Public => format!("/health, /livez and /readyz, but not {metrics}"),
            Self::Metrics => format!("{metrics}{auth}"),
        }
    }

    const fn has_probes(self) -> bool {
        !matches!(self, Self::Metrics)
    }

    const fn has_metrics(self) -> bool {
        !matches!(self, Self::Public)
    }
}

/// The routes of one listener.
pub fn router(surface: Surface, site: Arc<Site>) -> Router {
    let mut router = Router::new().route("/", only_get(landing::page(surface, &site.metrics_path)));
    if surface.has_probes() {
        router = router
            .route("/health", only_get(health::health))
            .route("/livez", only_get(health::livez))
            .route("/readyz", only_get(health::readyz));
    }
    if surface.has_metrics() {
        router = router.route(site.metrics_path.as_str(), only_get(metrics::metrics));
        if site.guard.forward.is_some() {
            router = router.route(forward::PATH, forward::routes());
        }
    }
    router
        .fallback(|| async { refusal::of(StatusCode::NOT_FOUND) })
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(site)
}

fn only_get<H, T>(handler: H) -> MethodRouter<Arc<Site>>
where
    H: Handler<T, Arc<Site>>,
    T: 'static,
{
    get(handler).fallback(|| async { refusal::method_not_allowed("GET, HEAD") })
}

/// What a panic said may hold anything; it goes nowhere but into the hook that the standard library runs.
fn panicked(_message: Box<dyn Any + Send>) -> Response {
    error!("a handler panicked; the request is answered with 500");
    refusal::of(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What all answers carry.
fn finish(mut response: Response, more: &HeaderMap) -> Response {
    let headers = response.headers_mut();
    more.iter().for_each(|(name, value)| {
        headers.insert(name, value.clone());
    });
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
