//! LibreChat's usage, cost, quality and health as Prometheus metrics, behind a guarded `/metrics`.

pub mod secret;

pub mod exposition;

pub mod auth;
