//! The OIDC authorizer against a scripted issuer over real sockets.
//!
//! Tokio's clock is frozen: time passes only when a test says so, so nothing sleeps and everything is exact; the numbers
//! in names are rows of the table of attack cases.

#[cfg(test)]
mod jwks {
    mod bench;
    mod idp;
    mod signer;

    mod fetching;
    mod forms;
    mod issuers;
    mod life_cycle;
    mod logs;
    mod outage;
    mod providers;
    mod sources;
    mod storms;
    mod tokens;
}
