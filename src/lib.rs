//! LibreChat's usage, cost, quality and health as Prometheus metrics, behind a guarded `/metrics`.

pub mod secret;

pub mod reload;

pub mod auth;
pub mod tls;
