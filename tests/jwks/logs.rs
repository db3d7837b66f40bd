//! What the log says, how often, and what it never says.

use std::io;
use std::sync::{Arc, Mutex};

use librechat_exporter::auth::jwks::endpoint::Endpoint;
use serde_json::json;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use super::bench::{ALLOW, Bench, HOUR, LIFETIME, SECOND, UNAVAILABLE};
use super::idp::{Answer, Idp, KEYS};
use super::signer::{R1, R2};

/// Everything that is logged on this thread while it lives; the runtime of a test has no other thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn lines(&self, holding: &[&str]) -> usize {
        self.text().lines().filter(|line| holding.iter().all(|part| line.contains(part))).count()
    }
}

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn row_198_an_outage_is_one_warning_and_one_more_for_each_turn() {
    let (log, _guard) = Log::start();
    let bench = Bench::ready().await;
    bench.idp.answer(KEYS, Answer::status("500 Internal Server Error", ""));
    bench.pass(LIFETIME).await;
    for failed in 1..10 {
        bench.ended(1, failed).await;
        bench.pass(60 * SECOND).await;
    }
    bench.ended(1, 10).await;
    assert_eq!(log.lines(&["WARN", "cannot be fetched"]), 1, "{}", log.text());
    assert_eq!(log.lines(&["WARN", "older than their lifetime"]), 1);
    bench.pass(HOUR).await;
    bench.ended(1, 11).await;
    assert_eq!(bench.verdict(&bench.token(&R1)).await, UNAVAILABLE);
    assert_eq!(log.lines(&["ERROR", "too old"]), 1);
    bench.idp.publish(&[R1.jwk()]);
    bench.pass(60 * SECOND).await;
    bench.ended(2, 11).await;
    assert_eq!(log.lines(&["INFO", "have been fetched"]), 2);
    assert_eq!(log.lines(&["WARN"]), 2, "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn rows_73_156_an_odd_key_is_warned_of_once_however_often_it_is_fetched() {
    let (log, _guard) = Log::start();
    let idp = Idp::start().await;
    let weak = R2.jwk_with(&json!({ "n": "AQAB", "kid": "weak\u{1b}\n" }));
    idp.publish(&[R1.jwk_with(&json!({ "d": "CANARY" })), weak]);
    let bench = Bench::with(idp, |_| {});
    for refreshes in 1..4 {
        bench.ended(refreshes, 0).await;
        bench.pass(540 * SECOND).await;
    }
    assert_eq!(log.lines(&["WARN", "weak\\u{1b}\\n", "2048"]), 1, "{}", log.text());
    assert_eq!(log.lines(&["WARN", "private half"]), 1);
    assert!(!log.text().contains("CANARY"));
}

#[tokio::test(start_paused = true)]
async fn row_421_the_query_of_the_uri_is_in_no_line() {
    for answer in [Answer::Close, Answer::status("403 Forbidden", ""), Answer::json(&json!([]))] {
        let (log, _guard) = Log::start();
        let idp = Idp::start().await;
        let uri: Endpoint = idp.url("/keys?key=CANARY").parse().unwrap();
        idp.answer("/keys?key=CANARY", answer);
        let bench = Bench::with(idp, |draft| draft.jwks_uri = Some(uri));
        bench.ended(0, 1).await;
        assert!(log.lines(&["librechat_exporter", "/keys"]) > 0, "{}", log.text());
        assert_eq!(log.lines(&["CANARY"]), 0, "{}", log.text());
    }
}

#[tokio::test(start_paused = true)]
async fn row_424_names_from_tokens_are_escaped_and_cut() {
    let (log, _guard) = Log::start();
    let bench = Bench::ready().await;
    let kid = format!("a\r\nb\u{1b}[31m{}", "x".repeat(200));
    let token = bench.token_with(&R1, &json!({ "alg": "RS256", "kid": kid }));
    assert_ne!(bench.verdict(&token).await, ALLOW);
    assert_eq!(log.lines(&["a\\r\\nb\\u{1b}[31mxxx", "\u{2026}"]), 1, "{}", log.text());
    assert!(!log.text().contains(&"x".repeat(100)));
    assert!(!log.text().contains(&token));
}

#[tokio::test(start_paused = true)]
async fn row_132_another_issuer_is_told_with_both_names_and_seldom() {
    let (log, _guard) = Log::start();
    let bench = Bench::ready().await;
    let issuer = bench.idp.issuer();
    let slashless = issuer.trim_end_matches('/');
    let token = R1.token(&bench.claims(&json!({ "iss": slashless })));
    for _ in 0..100 {
        assert_ne!(bench.verdict(&token).await, ALLOW);
    }
    assert_eq!(log.lines(&[&issuer, "another issuer", "trailing slash"]), 1, "{}", log.text());
    bench.pass(60 * SECOND).await;
    assert_ne!(bench.verdict(&token).await, ALLOW);
    assert_eq!(log.lines(&["another issuer"]), 2);
}

#[tokio::test(start_paused = true)]
async fn row_120_a_token_without_a_real_end_is_warned_of_once() {
    let (log, _guard) = Log::start();
    let bench = Bench::ready().await;
    for jti in 0..3 {
        let token = R1.token(&bench.claims(&json!({ "exp": 253_402_300_799_u64, "jti": jti })));
        assert_eq!(bench.verdict(&token).await, ALLOW);
    }
    assert_eq!(log.lines(&["WARN", "METRICS_OAUTH2_MAX_TOKEN_AGE"]), 1);
}
