//! What the guard counts of its own decisions.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::Method;
use super::policy::{Denial, Permit};
use super::reason::Reason;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    outcome: &'static str,
    reason: &'static str,
}

impl Labels {
    fn allow(method: Method) -> Self {
        Self { method: method.label(), outcome: "allow", reason: "authorized" }
    }

    /// A 503 is an `error`: the caller may well be one who may read.
    fn deny(method: Method, reason: Reason) -> Self {
        let outcome = if reason.status().is_server_error() { "error" } else { "deny" };
        Self { method: method.label(), outcome, reason: reason.label() }
    }
}

/// `librechat_exporter_auth_requests_total`, every series of which exists from the start.
#[derive(Clone, Debug)]
pub struct Decisions(Family<Labels, Counter>);

impl Decisions {
    pub fn register(registry: &mut Registry) -> Self {
        let requests = Family::<Labels, Counter>::default();
        for method in Method::ALL {
            let _ = requests.get_or_create(&Labels::allow(*method));
        }
        for reason in Reason::ALL {
            for method in reason.methods() {
                let _ = requests.get_or_create(&Labels::deny(*method, *reason));
            }
        }
        registry.register("auth_requests", "Decisions on requests for what is guarded", requests.clone());
        Self(requests)
    }

    pub fn allow(&self, permit: &Permit) {
        self.0.get_or_create(&Labels::allow(permit.method())).inc();
    }

    pub fn deny(&self, denial: Denial) {
        self.0.get_or_create(&Labels::deny(denial.method, denial.reason)).inc();
    }
}
