//! What the watch over files counts of its own work.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    result: &'static str,
}

const OK: Labels = Labels { result: "ok" };
const FAILED: Labels = Labels { result: "failed" };

/// `librechat_exporter_secret_reloads_total`, both series of which exist from the start.
#[derive(Clone, Debug)]
pub struct Reloads(Family<Labels, Counter>);

impl Reloads {
    pub fn register(registry: &mut Registry) -> Self {
        let reloads = Family::<Labels, Counter>::default();
        for labels in [OK, FAILED] {
            let _ = reloads.get_or_create(&labels);
        }
        let help =
            "Changes of secret and certificate files that were put in force (ok) or could not be (failed)";
        registry.register("secret_reloads", help, reloads.clone());
        Self(reloads)
    }

    pub(super) fn count_ok(&self) {
        self.0.get_or_create(&OK).inc();
    }

    pub(super) fn count_failed(&self) {
        self.0.get_or_create(&FAILED).inc();
    }
}
