//! What is counted of tokens besides the decisions themselves.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::auth::jwks::metrics::OfIssuer;

/// The families, without any series.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    signature_checks: Family<OfIssuer, Counter>,
    far_expiries: Family<OfIssuer, Counter>,
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

    /// The series of one issuer, every one of which exists from now on.
    pub fn of(&self, issuer: &str) -> IssuerMetrics {
        let of = OfIssuer { issuer: issuer.to_owned() };
        IssuerMetrics {
            signature_checks: self.signature_checks.get_or_create_owned(&of),
            far_expiries: self.far_expiries.get_or_create_owned(&of),
        }
    }
}

#[derive(Clone, Debug)]
pub struct IssuerMetrics {
    signature_checks: Counter,
    far_expiries: Counter,
}

impl IssuerMetrics {
    pub(super) fn check_signature(&self) {
        self.signature_checks.inc();
    }

    /// Whether this is the first.
    pub(super) fn far_expiry(&self) -> bool {
        self.far_expiries.inc() == 0
    }
}
