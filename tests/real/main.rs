//! The exporter against real servers: MongoDB, Prometheus, promtool, vmagent, nginx, HAProxy, Caddy, Traefik, curl, a
//! certified OpenID provider, Python's OpenMetrics parser. Only LibreChat itself is imitated, by `librechat.rs`. `tests/run` fetches the servers and runs these
//! tests; plain `cargo test` leaves them out. A server that is missing fails its test with the sentence that says how to
//! get it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may; clippy's own exception covers only functions marked #[test]"
)]

// The harness, from the ground up.
mod browser;
mod certificates;
#[path = "../support/commands.rs"]
mod commands;
mod exporter;
mod exposition;
mod fleet;
#[path = "../support/dashboards.rs"]
mod grafana;
mod http;
mod issuer;
mod librechat;
mod life;
mod login;
#[allow(dead_code, reason = "only tests/docs follows links")]
#[path = "../support/markdown.rs"]
mod markdown;
mod mongod;
mod openmetrics;
mod process;
mod prometheus;
mod proxies;
mod replica_set;
#[path = "../support/sample_dashboard.rs"]
mod sample_dashboard;
mod servers;
#[path = "../support/stream.rs"]
mod stream;
mod vmagent;
mod wire_proxy;

// The tests.
mod backfill;
mod behind_basic;
mod behind_proxy;
mod behind_socket;
mod change_streams;
mod compat;
mod dashboards;
mod day;
mod docs;
mod dotenv;
mod forward_auth;
mod gauges;
mod golden;
mod harness;
mod ledgers;
mod librechat_unbroken;
mod majority;
mod mistakes;
mod mtls;
mod native_histograms;
mod oauth2;
mod one_member;
mod operator;
mod other_servers;
mod outage;
mod reasons;
mod report;
mod rotation;
mod scrape;
mod session;
mod shared_login;
mod shipped;
mod shutdown;
mod sync;
