//! What is counted of tokens besides the decisions themselves.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Default)]
pub struct Metrics {
    signature_checks: Counter,
    far_expiries: Counter,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "jwt_signature_checks",
            "Tokens whose signature was checked, because they were not among those verified a moment ago",
            metrics.signature_checks.clone(),
        );
        registry.register(
            "jwt_far_expiries",
            "Good tokens that practically never expire",
            metrics.far_expiries.clone(),
        );
        metrics
    }

    pub(super) fn check_signature(&self) {
        self.signature_checks.inc();
    }

    /// Whether this is the first.
    pub(super) fn far_expiry(&self) -> bool {
        self.far_expiries.inc() == 0
    }
}
