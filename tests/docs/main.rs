//! What the pages of the repository say, held against the program: links, settings, names of metrics, commands, diffs.
//!
//! Plain `cargo test` runs everything here; what needs a real MongoDB or Prometheus is in `tests/real/docs.rs`.
//! `UPDATE_GOLDEN=1 cargo test --test docs` writes the parts of pages that are made of the program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may; clippy's own exception covers only functions marked #[test]"
)]

#[allow(dead_code, reason = "only tests/real has a MongoDB")]
#[path = "../support/commands.rs"]
mod commands;
#[path = "../support/markdown.rs"]
mod markdown;

mod configuration;
mod families;
mod links;
mod repository;
mod run;
mod walkthroughs;
