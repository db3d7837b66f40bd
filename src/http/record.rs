//! What was asked and answered: `librechat_exporter_http_requests_total`.

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::forward;
use super::path::MetricsPath;

/// A path that is served, or any other: a closed set, since paths are whatever a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Metrics,
    /// Where `FORWARD_AUTH` is on.
    Auth,
    Health,
    Livez,
    Readyz,
    Landing,
    Other,
}

impl Endpoint {
    pub fn of(path: &str, metrics_path: &MetricsPath, answers_proxies: bool) -> Self {
        match path {
            path if path == metrics_path.as_str() => Self::Metrics,
            forward::PATH if answers_proxies => Self::Auth,
            "/health" => Self::Health,
            "/livez" => Self::Livez,
            "/readyz" => Self::Readyz,
            "/" => Self::Landing,
            _ => Self::Other,
        }
    }

    pub const fn label(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Auth => "auth",
            Self::Health => "health",
            Self::Livez => "livez",
            Self::Readyz => "readyz",
            Self::Landing => "landing",
            Self::Other => "other",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    endpoint: &'static str,
    status: u16,
}

/// Answers by endpoint and status; both are few.
#[derive(Clone, Debug, Default)]
pub struct Requests(Family<Labels, Counter>);

impl Requests {
    pub fn register(registry: &mut Registry) -> Self {
        let requests = Self::default();
        registry.register("http_requests", "Requests answered, by endpoint and status", requests.0.clone());
        requests
    }

    pub fn count(&self, endpoint: Endpoint, status: StatusCode) {
        self.0.get_or_create(&Labels { endpoint: endpoint.label(), status: status.as_u16() }).inc();
    }
}
