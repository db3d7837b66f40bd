//! Tokens that are bound to a client certificate (RFC 8705), and the names of certificates in the log.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::access_tokens::{Issuer, bearer};
use crate::certified::{Authority, LONG, Site, dns};
use crate::client::{Connection, Request};
use crate::program::Program;

async fn status(connection: &mut Connection, token: &str) -> u16 {
    connection.send(&Request::get("/metrics").line(bearer(token)).bytes()).await.unwrap();
    connection.receive(false).await.unwrap().status
}

/// `x5t#S256` of a certificate in PEM.
fn thumbprint(pem: &str) -> String {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    URL_SAFE_NO_PAD.encode(Sha256::digest(der))
}

#[tokio::test]
async fn row_f12_a_bound_token_is_good_on_connections_of_its_certificate_alone() {
    let (issuer, authority) = (Issuer::start().await, Authority::new("company"));
    let mut settings = issuer.settings();
    settings.extend([("METRICS_AUTH_LOG_ALLOWS", "true"), ("METRICS_BRUTE_FORCE_PROTECTION", "false")]);
    let site = Site::start(&authority.0.pem(), &settings).await;
    let (ours, other) =
        (authority.issue(&[dns("a.example")], LONG), authority.issue(&[dns("b.example")], LONG));
    let bound = issuer.token(&json!({ "sub": "scraper", "cnf": { "x5t#S256": thumbprint(&ours.0) } }));
    let (mut good, mut thief) = (site.connect(&ours).await, site.connect(&other).await);
    for round in 0..2 {
        assert_eq!(status(&mut good, &bound).await, 200, "{round}");
        // Also right after the same token was verified for somebody else.
        assert_eq!(status(&mut thief, &bound).await, 401, "{round}");
    }
    let free = issuer.token(&json!({ "sub": "scraper" }));
    assert_eq!(status(&mut thief, &free).await, 200);
    let dpop = issuer.token(&json!({ "cnf": { "jkt": thumbprint(&ours.0) } }));
    assert_eq!(status(&mut good, &dpop).await, 401);

    let log = site.program.log();
    let allows: Vec<_> = log.iter().filter(|line| line["message"] == "let a caller in").collect();
    let names: Vec<_> = allows.iter().map(|line| (&line["subject"], &line["certificate"])).collect();
    let named = |name: &'static str| ("scraper".into(), name.into());
    let expected: [(serde_json::Value, serde_json::Value); 2] = [named("a.example"), named("b.example")];
    assert_eq!(names, expected.iter().map(|(subject, name)| (subject, name)).collect::<Vec<_>>());
    for (reason, said) in [("certificate_mismatch", "another certificate"), ("bound_token", "DPoP")] {
        let of_it: Vec<_> = log.iter().filter(|line| line["reason"] == reason).collect();
        assert!(of_it.iter().any(|line| line["message"].to_string().contains(said)), "{reason}: {of_it:?}");
    }
}

#[tokio::test]
async fn row_f12_a_bound_token_is_nothing_on_a_connection_without_a_certificate() {
    let issuer = Issuer::start().await;
    let program = Program::demo(&issuer.settings()).await;
    let bound = issuer.token(&json!({ "cnf": { "x5t#S256": URL_SAFE_NO_PAD.encode([7; 32]) } }));
    for _ in 0..6 {
        let answer = program.get("/metrics", &[bearer(&bound)]).await;
        assert_eq!(answer.status, 401, "and never locked: it is no guess");
        assert!(answer.header("www-authenticate").is_some_and(|line| line.contains("invalid_token")));
    }
    program.until_logged("the connection has none").await;
}

#[tokio::test]
async fn who_is_let_in_by_a_certificate_alone_has_its_name_in_the_line() {
    let authority = Authority::new("company");
    let site = Site::start(&authority.0.pem(), &[("METRICS_AUTH_LOG_ALLOWS", "true")]).await;
    for name in ["a.example", "b.example", "a.example"] {
        let mut connection = site.connect(&authority.issue(&[dns(name)], LONG)).await;
        connection.send(&Request::get("/metrics").bytes()).await.unwrap();
        assert_eq!(connection.receive(false).await.unwrap().status, 200);
    }
    let log = site.program.log();
    let allows: Vec<_> = log.iter().filter(|line| line["message"] == "let a caller in").collect();
    let names: Vec<_> = allows.iter().map(|line| line["certificate"].as_str().unwrap()).collect();
    assert_eq!(names, ["a.example", "b.example"], "one line each");
}

#[tokio::test]
async fn a_token_that_is_too_large_says_so() {
    let issuer = Issuer::start().await;
    let program = Program::demo(&issuer.settings()).await;
    let large = issuer.token(&json!({ "groups": "g".repeat(13_000) }));
    assert!(large.len() > 16 * 1024 && large.len() < 20 * 1024, "{}", large.len());
    assert_eq!(program.get("/metrics", &[bearer(&large)]).await.status, 401);
    program.until_logged("\"too_large\"").await;
    program.until_logged("more than 16384").await;
}
