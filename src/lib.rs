//! LibreChat's usage, cost, quality and health as Prometheus metrics, behind a guarded `/metrics`.

pub mod network;
pub mod secret;

pub mod auth;
pub mod client_ip;
pub mod limit;
