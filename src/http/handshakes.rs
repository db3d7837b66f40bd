//! TLS of a listener, and what became of handshakes that failed: one line a second for each reason, and a count.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tracing::{debug, info};

use crate::client_ip::Peer;
use crate::telemetry::throttle::Throttle;
use crate::tls::Acceptor;
use crate::tls::error::{HandshakeError, Reason};

/// How a listener speaks TLS. A clone shares everything.
#[derive(Clone, Debug)]
pub struct Tls {
    pub acceptor: Acceptor,
    pub failures: Failures,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    reason: &'static str,
}

/// `librechat_exporter_tls_handshake_failures_total`, each series of which exists from the start.
#[derive(Clone, Debug)]
pub struct Failures {
    count: Family<Labels, Counter>,
    lines: Arc<Throttle>,
}

impl Failures {
    pub fn register(registry: &mut Registry) -> Self {
        let count = Family::<Labels, Counter>::default();
        for reason in Reason::ALL {
            let _ = count.get_or_create(&Labels { reason: reason.label() });
        }
        let help = "TLS handshakes that failed, by reason";
        registry.register("tls_handshake_failures", help, count.clone());
        Self { count, lines: Arc::default() }
    }

    /// Counts a failure and logs it, unless a line of its kind is less than a second old.
    pub fn note(&self, error: &HandshakeError, peer: Peer) {
        let reason = error.reason();
        self.count.get_or_create(&Labels { reason: reason.label() }).inc();
        let address = Shown(peer);
        // Probes of load balancers connect and close, every few seconds and without end.
        if reason == Reason::Closed {
            debug!(%address, "a TLS handshake failed: {error}");
            return;
        }
        if let Some(suppressed) = self.lines.due(reason.label(), Instant::now()) {
            let (reason, certificate) = (reason.label(), error.certificate());
            info!(%address, reason, certificate, suppressed, "refused a TLS handshake: {error}");
        }
    }
}

/// A peer as logs have it.
pub(super) struct Shown(pub(super) Peer);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Peer::Tcp(address) => IpAddr::to_canonical(&address).fmt(f),
            Peer::Unix => f.write_str("unix"),
        }
    }
}
