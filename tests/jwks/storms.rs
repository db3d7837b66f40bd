//! Tokens with made-up keys, and what they cost the issuer.

use librechat_exporter::auth::Verdict;
use librechat_exporter::auth::reason::Reason;
use serde_json::json;

use super::bench::{ALLOW, Bench, SECOND, UNKNOWN};
use super::idp::{DISCOVERY, Idp, KEYS};
use super::signer::{R1, R2, encode};

/// A token that nobody signed.
fn made_up(bench: &Bench, kid: &str) -> String {
    let header = json!({ "alg": "RS256", "kid": kid }).to_string();
    format!("{}.{}.{}", encode(header), encode(bench.claims(&json!({})).to_string()), encode([7; 256]))
}

#[tokio::test(start_paused = true)]
async fn row_76_one_unknown_name_is_asked_for_once_in_a_while() {
    let bench = Bench::ready().await;
    let token = bench.token(&R2);
    for round in 1..4 {
        for _ in 0..100 {
            assert_eq!(bench.verdict(&token).await, UNKNOWN);
        }
        assert_eq!(bench.idp.requests(KEYS), 1 + round);
        bench.pass(30 * SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn row_76_an_unknown_name_on_a_cold_cache_is_settled_by_the_first_fetch() {
    let bench = Bench::new().await;
    assert_eq!(bench.verdict(&bench.token(&R2)).await, UNKNOWN);
    assert_eq!(bench.idp.requests(KEYS), 1);
}

#[tokio::test(start_paused = true)]
async fn row_174_ten_thousand_random_names_cost_three_fetches() {
    let bench = Bench::ready().await;
    for second in 0..29 {
        let tokens: Vec<(String, String)> = (0..345)
            .map(|index| {
                (format!("198.51.100.{}", index % 200), made_up(&bench, &format!("{second}-{index}")))
            })
            .collect();
        let storm = tokens.iter().map(|(address, token)| bench.verdict_from(address, token));
        let verdicts = futures_util::future::join_all(storm).await;
        assert!(verdicts.iter().all(|verdict| *verdict == UNKNOWN));
        bench.pass(SECOND).await;
    }
    assert!(bench.idp.requests(KEYS) <= 1 + 3, "{}", bench.idp.requests(KEYS));
    assert_eq!(bench.idp.requests(DISCOVERY), 1);
    assert!(bench.metric("jwks_refused_refreshes_total") > 8_900.0);
}

#[tokio::test(start_paused = true)]
async fn row_176_a_storm_from_one_address_does_not_starve_a_rotation() {
    let bench = Bench::ready().await;
    for index in 0..1000 {
        assert_eq!(bench.verdict_from("198.51.100.1", &made_up(&bench, &index.to_string())).await, UNKNOWN);
    }
    bench.idp.publish(&[R2.jwk()]);
    assert_eq!(bench.verdict_from("192.0.2.1", &bench.token(&R2)).await, ALLOW);
}

#[tokio::test(start_paused = true)]
async fn row_176_after_a_storm_from_everywhere_a_rotation_waits_half_a_minute_at_worst() {
    let bench = Bench::ready().await;
    for index in 0..1000 {
        let address = format!("198.51.100.{}", index % 200);
        assert_eq!(bench.verdict_from(&address, &made_up(&bench, &index.to_string())).await, UNKNOWN);
    }
    bench.idp.publish(&[R2.jwk()]);
    let token = bench.token(&R2);
    assert_eq!(bench.verdict(&token).await, UNKNOWN);
    assert_eq!(bench.idp.requests(KEYS), 4);
    bench.pass(30 * SECOND).await;
    assert_eq!(bench.verdict(&token).await, ALLOW);
}

#[tokio::test(start_paused = true)]
async fn row_177_what_can_be_refused_without_a_key_costs_no_fetch() {
    let bench = Bench::ready().await;
    let header = |alg: &str, kid: usize| json!({ "alg": alg, "kid": format!("new-{kid}") }).to_string();
    for kid in 0..100 {
        let good = bench.claims(&json!({})).to_string();
        let foreign = bench.claims(&json!({ "iss": "https://other.example/" })).to_string();
        let expired = bench.claims(&json!({ "exp": 1_000_000 })).to_string();
        let endless = bench.claims(&json!({ "exp": "gone" })).to_string();
        let cases = [
            (R1.sign(&header("RS512", kid), &good), Reason::AlgorithmNotAllowed),
            (R1.sign(&header("RS256", kid), &foreign), Reason::IssuerMismatch),
            (R1.sign(&header("RS256", kid), &expired), Reason::Expired),
            (R1.sign(&header("RS256", kid), &endless), Reason::ExpiryMissing),
        ];
        for (token, reason) in cases {
            assert!(bench.is_judged_at_once(&token));
            assert_eq!(bench.verdict(&token).await, Verdict::Deny(reason));
        }
    }
    assert_eq!(bench.idp.requests(KEYS), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_issuer_publishes_late_works_half_a_minute_after_its_first_token() {
    let idp = Idp::start().await;
    idp.publish(&[R1.jwk()]);
    let bench = Bench::with(idp, |_| {});
    bench.ended(1, 0).await;
    let token = bench.token(&R2);
    assert_eq!(bench.verdict(&token).await, UNKNOWN);
    bench.idp.publish(&[R1.jwk(), R2.jwk()]);
    bench.pass(30 * SECOND).await;
    assert_eq!(bench.verdict(&token).await, ALLOW);
}
