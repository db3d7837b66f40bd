//! draft

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may; clippy's own exception covers only functions marked #[test]"
)]

// The harness, from the ground up.
mod client;
mod program;
mod refusal;

// The tests.
mod addresses;
mod authorization;
mod connections;
mod framing;
mod limits;
mod lockout;
mod negotiation;
mod signals;
mod surface;
