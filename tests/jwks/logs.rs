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
        let guard = tracing::subscriber::set_default(subscriber);
        // A line that another thread has just met without a subscriber would be taken for unwanted.
        tracing::callsite::rebuild_interest_cache();
        (log, guard)
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
        let bench = Bench::with(idp, |setup| setup.jwks_uri = Some(uri));
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
    assert_eq!(log.lines(&["INFO", &issuer, "another issuer", "trailing slash"]), 1, "{}", log.text());
    bench.pass(60 * SECOND).await;
    assert_ne!(bench.verdict(&token).await, ALLOW);
    assert_eq!(log.lines(&["INFO", "another issuer"]), 2);
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

#[tokio::test(start_paused = true)]
async fn d9_where_no_key_is_usable_each_is_named_with_its_reason_once() {
    let (log, _guard) = Log::start();
    let idp = Idp::start().await;
    let odd = |index: usize| json!({ "kty": "oct", "k": "CANARY", "kid": format!("odd{index}") });
    let mut keys: Vec<_> = (0..30).map(odd).collect();
    keys[0] = R1.jwk_with(&json!({ "use": "enc" }));
    idp.publish(&keys);
    let bench = Bench::with(idp, |_| {});
    for failed in 1..4 {
        bench.ended(0, failed).await;
        bench.pass(60 * SECOND).await;
    }
    bench.ended(0, 4).await;
    assert_eq!(log.lines(&["WARN", "has no key that could be used"]), 1, "{}", log.text());
    assert_eq!(log.lines(&["WARN", "key 0 (kid \"r1\")", "its use is not sig"]), 1, "{}", log.text());
    assert_eq!(log.lines(&["WARN", "a key that is not used"]), 16, "bounded");
    assert_eq!(log.lines(&["WARN", "more keys that are not used", "more=14"]), 1, "{}", log.text());
    assert!(!log.text().contains("CANARY"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_once_a_minute_what_was_expected_and_what_came() {
    let (log, _guard) = Log::start();
    let bench = Bench::ready().await;
    let cases = [
        (json!({ "aud": "account" }), "its aud is \"account\", not \"exporter\""),
        (json!({ "scope": "email" }), "it lacks the scope \"metrics:read\"; scope has \"email\""),
        (json!({ "typ": "ID" }), "its claim typ is \"id\""),
    ];
    for (members, line) in cases {
        for _ in 0..3 {
            assert_ne!(bench.verdict(&R1.token(&bench.claims(&members))).await, ALLOW);
        }
        assert_eq!(log.lines(&["INFO", "default", line]), 1, "{line}: {}", log.text());
        assert_eq!(log.lines(&["DEBUG", line]), 2, "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn e1_e2_neither_a_proxy_nor_a_token_is_ever_in_a_line() {
    let (log, _guard) = Log::start();
    let proxy = Idp::start().await;
    let url = format!("http://user:CANARY@{}", proxy.address).parse().unwrap();
    let secret = std::sync::Arc::new(librechat_exporter::secret::Live::new(
        librechat_exporter::secret::Secret::new("CANARY"),
    ));
    let idp = Idp::start().await;
    let bench = Bench::with(idp, |setup| {
        setup.proxies =
            librechat_exporter::auth::jwks::proxy::Proxies::new(Some(&url), Some(&url), None).unwrap();
        setup.token = Some(secret);
        setup.jwks_uri = Some("https://idp.internal.example/keys".parse().unwrap());
    });
    bench.ended(0, 1).await;
    assert_eq!(log.lines(&["WARN", "https://idp.internal.example/keys"]), 1, "{}", log.text());
    assert!(!log.text().contains("CANARY") && !log.text().contains("Q0FOQVJZ"), "{}", log.text());
}
