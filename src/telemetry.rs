//! What the program says of itself: logs, and the root of its own metrics.
//!
//! Areas register their metrics into the registry that they are handed; nothing here knows them. Logs go to standard
//! error, so that standard output is an exposition where one is asked for.

pub mod clock;
pub mod logging;
pub mod process;
pub mod throttle;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit that the program was built of.
pub const REVISION: &str = env!("BUILD_REVISION");
/// The compiler that built it.
pub const RUSTVERSION: &str = env!("BUILD_RUSTVERSION");

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
    revision: &'static str,
    rustversion: &'static str,
}

/// Registers `librechat_exporter_build_info`: a gauge, as exporters have it, since the classic format has no info type.
pub fn register_build_info(registry: &mut Registry) {
    let labels = BuildLabels { version: VERSION, revision: REVISION, rustversion: RUSTVERSION };
    let info = Family::<BuildLabels, ConstGauge<i64>, _>::new_with_constructor(|| ConstGauge::new(1));
    let _ = info.get_or_create(&labels);
    registry.sub_registry_with_prefix("librechat_exporter").register(
        "build_info",
        "What this exporter was built of",
        info,
    );
}
