//! The guard over real sockets: the program as operators run it, asked by a client that sends any bytes.
//!
//! Rows are those of the list of attack and conformance cases; a test is found from a row's number in its name or in
//! its cases. Plain `cargo test` runs everything here: it needs no server but the exporter's own demo.
//!
//! | Rows | Room |
//! |---|---|
//! | 1–54 | [`authorization`]; 54 also in [`signals`] (a live reload) |
//! | 209–262 | [`addresses`]; 261 in [`surface`], 262 in [`framing`] |
//! | 264–274, 296–298 | [`limits`] |
//! | 278–294 | [`lockout`] |
//! | 22, 53, 285, 286 with tokens of an issuer | [`access_tokens`] |
//! | 304–317, 353–361, 366 | [`surface`] |
//! | issue 16, forward authentication | [`forward`] |
//! | 318–329, 336–337, 350–352 | [`framing`] |
//! | 330, 332, 334, 420 | [`connections`] |
//! | what the log of a start and of `debug` says | [`logs`] |
//! | 338–349 | [`negotiation`] |
//! | 362–364, 381 | [`signals`] |
//! | 368–412 | [`settings`]; what is in an `.env` file in [`dotenv`], what got lost on its way in [`blank`] |
//! | security review 1 | [`hanging_up`] |
//! | security review 3, 13, 15, 16, 19 | [`review`]; 4 and 17 in [`lockout`] and [`limits`] |
//! | 413–430 | [`canaries`]; every refusal of every room goes through [`refusal`] |
//!
//! Tested elsewhere, or not at all:
//!
//! | Rows | Where, or why not |
//! |---|---|
//! | 56–208, 421, 432 | `tests/jwks` and the unit tests of `auth::jwt` and `auth::jwks` |
//! | 268, a client that waits as long as it is told | `limit::rate`: `a_client_that_waits_exactly_as_long_as_told_is_served` |
//! | 276 | `limit::rate`: `a_million_addresses_stay_within_the_bound_and_are_served` |
//! | 277 | `limit::lockout`: `a_million_guessers_stay_within_the_bound_and_push_out_no_lock` |
//! | 292 | `limit::lockout`: `guesses_count_within_any_900_seconds` |
//! | 300 | does not apply: the lockout is for each address, there is no budget over all of them |
//! | 301 | follows from the tables being in memory |
//! | 302 | the limits know only `Instant`, which does not jump; `limit::window`: `a_now_that_is_a_little_older_changes_neither_order_nor_count` |
//! | 244, how long it takes | no test asserts a time |
//! | 333 | `http::deadline`: `a_client_that_does_not_read_is_cut_after_thirty_seconds` |
//! | 348, zstd | is given where it is asked for: the product promises it beyond the row |
//! | 373, "refuse in strict mode" | does not apply: a short token is warned of in every mode |
//! | 378, unreadable | `secret::file`: `tells_a_missing_file_from_a_directory_and_from_what_cannot_be_opened` |
//! | 416, 417 | among the rows 413–418 of [`canaries`] |
//! | 429, key sets | `tests/jwks` |
//! | 433, 434 | `auth::basic`: `a_storm_of_wrong_passwords_is_turned_away_and_does_not_delay_the_good_pair`; `auth::basic::password` |

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
#[path = "../support/stream.rs"]
mod stream;

// The tests.
mod access_tokens;
mod addresses;
mod authorization;
mod basic_file;
mod blank;
mod bound_tokens;
mod canaries;
mod certified;
mod connections;
mod descriptors;
mod dotenv;
mod forward;
mod framing;
mod hanging_up;
mod limits;
mod listening;
mod lockout;
mod logs;
mod negotiation;
mod report;
mod review;
mod settings;
mod signals;
mod surface;
mod unix_socket;
mod web_config;
