//! `/metrics`: the exposition, for who has a permit.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue};
use tracing::debug;

use super::Site;
use super::guard::Guarded;
use super::negotiate::Accepted;
use super::parts::Parts;
use crate::auth::policy::Permit;
use crate::exposition::Exposition;

/// What an answer depends on; on refusals too, since they stand at the same address.
pub const VARIES: HeaderValue = HeaderValue::from_static("Accept, Accept-Encoding");

pub async fn metrics(guarded: Guarded, State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    guarded.stamp.put_on(page(guarded.permit, &site.exposition, Accepted::of(&headers)))
}

/// The permit is given up here: one permit, one page.
pub fn page(_permit: Permit, exposition: &Exposition, accepted: Accepted) -> Response {
    debug!(format = accepted.format.content_type(), coding = accepted.coding.name(), "answers a scrape");
    let parts = exposition.body(accepted.format, accepted.coding, Instant::now());
    let mut response = Response::new(Body::new(Parts::new(parts)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(accepted.format.content_type()));
    headers.insert(VARY, VARIES);
    if let Some(coding) = accepted.coding.name() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}
