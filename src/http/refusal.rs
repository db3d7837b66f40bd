//! Answers that say no: a status, its phrase, nothing else.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

pub const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// The status phrase and a newline.
pub fn of(status: StatusCode) -> Response {
    let phrase = status.canonical_reason().unwrap_or("Refused");
    (status, [(CONTENT_TYPE, TEXT)], Body::from(format!("{phrase}\n"))).into_response()
}

/// RFC 9110 section 15.5.6: says what would be allowed.
pub fn method_not_allowed(allowed: &'static str) -> Response {
    let mut response = of(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A refusal after which nothing more is read from the connection.
pub fn closing(status: StatusCode) -> Response {
    let mut response = of(status);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
