//! Probes: they never look at credentials and say nothing but how it stands.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use super::Site;
use super::guard::limits::Probe;
use super::refusal::TEXT;
use crate::librechat::status::Reach;

/// 200 while MongoDB answers, else 503.
pub async fn health(Probe(stamp): Probe, State(site): State<Arc<Site>>) -> Response {
    let reach = site.status.reach();
    let (status, word) = match reach {
        Reach::Connected => (StatusCode::OK, "ok"),
        Reach::Connecting | Reach::Disconnected => (StatusCode::SERVICE_UNAVAILABLE, "degraded"),
    };
    let body = format!(r#"{{"status":"{word}","mongo":"{}"}}"#, reach.word());
    let json = HeaderValue::from_static("application/json");
    stamp.put_on((status, [(CONTENT_TYPE, json)], Body::from(body)).into_response())
}

/// 200 as long as the process answers at all. Never limited: a kubelet, which may share its address with anybody, takes
/// 429 for a dead process and restarts it, and this answer costs no more than that one.
pub async fn livez() -> Response {
    text(StatusCode::OK, "ok\n")
}

/// 200 once the first fold is done, as long as MongoDB answers. Never limited, as [`livez`].
pub async fn readyz(State(site): State<Arc<Site>>) -> Response {
    match (site.status.is_folded(), site.status.reach()) {
        (true, Reach::Connected) => text(StatusCode::OK, "ok\n"),
        (false, Reach::Connected) => text(StatusCode::SERVICE_UNAVAILABLE, "the first fold is not done\n"),
        _ => text(StatusCode::SERVICE_UNAVAILABLE, "MongoDB does not answer\n"),
    }
}

fn text(status: StatusCode, body: &'static str) -> Response {
    (status, [(CONTENT_TYPE, TEXT)], Body::from(body)).into_response()
}
