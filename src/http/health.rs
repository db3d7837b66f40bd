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

/// 200 as long as the process answers at all.
pub async fn livez(Probe(stamp): Probe) -> Response {
    stamp.put_on(text(StatusCode::OK, "ok\n"))
}

/// 200 once the first fold is done, as long as MongoDB answers.
pub async fn readyz(Probe(stamp): Probe, State(site): State<Arc<Site>>) -> Response {
    let answer = match (site.status.is_folded(), site.status.reach()) {
        (true, Reach::Connected) => text(StatusCode::OK, "ok\n"),
        (false, Reach::Connected) => text(StatusCode::SERVICE_UNAVAILABLE, "the first fold is not done\n"),
        _ => text(StatusCode::SERVICE_UNAVAILABLE, "MongoDB does not answer\n"),
    };
    stamp.put_on(answer)
}

fn text(status: StatusCode, body: &'static str) -> Response {
    (status, [(CONTENT_TYPE, TEXT)], Body::from(body)).into_response()
}
