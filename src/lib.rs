//! LibreChat's usage, cost, quality and health as Prometheus metrics, behind a guarded `/metrics`.
//!
//! Modules in reading order; imports only go up this list. `docs/ARCHITECTURE.md` has the picture.

pub mod network;
pub mod secret;
pub mod vars;

pub mod exposition;
pub mod reload;

pub mod auth;
pub mod client_ip;
pub mod librechat;
pub mod limit;
pub mod telemetry;
pub mod tls;

pub mod config;
pub mod http;

pub mod app;

pub mod cli;
