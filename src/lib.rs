//! LibreChat's usage, cost, quality and health as Prometheus metrics, behind a guarded `/metrics`.

pub mod secret;
pub mod vars;

pub mod exposition;

pub mod auth;
pub mod librechat;
pub mod telemetry;
