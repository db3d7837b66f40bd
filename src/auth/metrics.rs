//! What the guard counts of its own decisions.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::Method;
use super::policy::{Denial, Permit};
use super::reason::Reason;
use super::resource::Resource;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    endpoint: &'static str,
    method: &'static str,
    outcome: &'static str,
    reason: &'static str,
}

impl Labels {
    fn allow(resource: Resource, method: Method) -> Self {
        Self { endpoint: resource.label(), method: method.label(), outcome: "allow", reason: "authorized" }
    }

    /// A 503 is an `error`: the caller may well be one who may read.
    fn deny(resource: Resource, method: Method, reason: Reason) -> Self {
        let outcome = if reason.status().is_server_error() { "error" } else { "deny" };
        Self { endpoint: resource.label(), method: method.label(), outcome, reason: reason.label() }
    }
}

/// `librechat_exporter_auth_requests_total`, every series of which exists from the start.
#[derive(Clone, Debug)]
pub struct Decisions(Family<Labels, Counter>);

impl Decisions {
    pub fn register(resources: &[Resource], registry: &mut Registry) -> Self {
        let requests = Family::<Labels, Counter>::default();
        for resource in resources {
            for method in Method::ALL {
                let _ = requests.get_or_create(&Labels::allow(*resource, *method));
            }
            for reason in Reason::ALL.iter().filter(|reason| can_refuse(*resource, **reason)) {
                for method in reason.methods() {
                    let _ = requests.get_or_create(&Labels::deny(*resource, *method, *reason));
                }
            }
        }
        registry.register("auth_requests", "Decisions on requests for what is guarded", requests.clone());
        Self(requests)
    }

    pub fn allow(&self, resource: Resource, permit: &Permit) {
        self.0.get_or_create(&Labels::allow(resource, permit.method())).inc();
    }

    pub fn deny(&self, resource: Resource, denial: Denial) {
        self.0.get_or_create(&Labels::deny(resource, denial.method, denial.reason)).inc();
    }
}

/// The names of what stands behind a proxy are not ours; only there are requests described.
const fn can_refuse(resource: Resource, reason: Reason) -> bool {
    match reason {
        Reason::HostNotAllowed => matches!(resource, Resource::Metrics),
        Reason::UnclearRequest | Reason::DeniedByRules | Reason::MethodNotAllowed => {
            matches!(resource, Resource::ForwardAuth)
        }
        _ => true,
    }
}
