//! An issuer that works: first fetch, rotation, scheduled refreshes.

use std::sync::Arc;

use librechat_exporter::auth::jwks::endpoint::Endpoint;
use librechat_exporter::auth::reason::Reason;
use serde_json::json;

use super::bench::{ALLOW, Bench, EPOCH, HOUR, LIFETIME, SECOND, UNKNOWN};
use super::idp::{Answer, DISCOVERY, Idp, KEYS};
use super::signer::{E1, R1, R2};

/// By when a set has been refreshed in any case, before it has lived out its time.
const REFRESHED: std::time::Duration = std::time::Duration::from_secs(540);

#[tokio::test(start_paused = true)]
async fn row_166_the_first_token_costs_one_discovery_and_one_fetch() {
    let bench = Bench::new().await;
    assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW);
    bench.ended(1, 0).await;
    assert_eq!((bench.idp.requests(DISCOVERY), bench.idp.requests(KEYS)), (1, 1));
    assert_eq!(bench.metric("jwks_keys"), 2.0);
    assert_eq!(bench.metric("jwks_stale"), 0.0);
    assert_eq!(bench.metric("jwks_last_success_timestamp_seconds"), EPOCH as f64);
}

#[tokio::test(start_paused = true)]
async fn row_168_a_cold_cache_fetches_once_for_100_tokens() {
    let bench = Bench::new().await;
    let tokens: Vec<String> = (0..100).map(|jti| R1.token(&bench.claims(&json!({ "jti": jti })))).collect();
    let verdicts = futures_util::future::join_all(tokens.iter().map(|token| bench.verdict(token))).await;
    assert!(verdicts.iter().all(|verdict| *verdict == ALLOW), "{verdicts:?}");
    assert_eq!(bench.idp.requests(KEYS), 1);
}

#[tokio::test(start_paused = true)]
async fn row_169_a_client_that_goes_away_does_not_end_the_fetch() {
    let bench = Arc::new(Bench::ready().await);
    bench.idp.answer(KEYS, Answer::Hang);
    let token = bench.token(&R2);
    let impatient = tokio::spawn({
        let (bench, token) = (Arc::clone(&bench), token.clone());
        async move { bench.verdict(&token).await }
    });
    bench.idp.asked(KEYS, 2).await;
    impatient.abort();
    assert!(impatient.await.unwrap_err().is_cancelled());
    bench.pass(5 * SECOND).await;
    bench.ended(1, 1).await;
    bench.idp.publish(&[R1.jwk(), R2.jwk()]);
    bench.pass(SECOND).await;
    bench.ended(2, 1).await;
    assert_eq!(bench.verdict(&token).await, ALLOW);
}

#[tokio::test(start_paused = true)]
async fn rows_170_172_a_rotated_in_key_works_on_its_first_token_and_the_old_one_goes_on() {
    let bench = Bench::ready().await;
    bench.idp.publish(&[R1.jwk(), R2.jwk()]);
    assert_eq!(bench.verdict(&bench.token(&R2)).await, ALLOW);
    assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW);
    assert_eq!((bench.idp.requests(DISCOVERY), bench.idp.requests(KEYS)), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn row_170_rotations_in_a_row_do_not_use_up_the_budget() {
    let bench = Bench::ready().await;
    for index in 0..20 {
        let kid = format!("k{index}");
        bench.idp.publish(&[R1.jwk_with(&json!({ "kid": kid }))]);
        let token = bench.token_with(&R1, &json!({ "alg": "RS256", "kid": kid }));
        assert_eq!(bench.verdict(&token).await, ALLOW, "{kid}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_173_a_removed_key_stops_at_the_next_scheduled_refresh() {
    let bench = Bench::ready().await;
    bench.idp.publish(&[E1.jwk()]);
    let token = bench.token(&R1);
    bench.pass(LIFETIME.mul_f64(0.74)).await;
    assert_eq!(bench.verdict(&token).await, ALLOW, "no refresh is due yet");
    bench.pass(REFRESHED - LIFETIME.mul_f64(0.74)).await;
    bench.ended(2, 0).await;
    assert_eq!(bench.verdict(&token).await, UNKNOWN);
    assert_eq!(bench.verdict(&bench.token(&E1)).await, ALLOW);
}

#[tokio::test(start_paused = true)]
async fn row_162_a_forced_refresh_that_takes_a_key_away_forgets_its_tokens_too() {
    let bench = Bench::ready().await;
    let token = bench.token(&R1);
    assert_eq!(bench.verdict(&token).await, ALLOW);
    bench.idp.publish(&[R2.jwk()]);
    assert_eq!(bench.verdict(&bench.token(&R2)).await, ALLOW);
    assert_eq!(bench.verdict(&token).await, UNKNOWN);
}

#[tokio::test(start_paused = true)]
async fn row_197_refreshes_come_before_the_end_and_no_request_waits_for_them() {
    let bench = Bench::ready().await;
    for refreshes in 2..8 {
        bench.pass(REFRESHED).await;
        bench.ended(refreshes, 0).await;
        assert!(bench.is_judged_at_once(&bench.token(&R1)));
        assert_eq!(bench.metric("jwks_stale"), 0.0);
    }
    let times = bench.idp.times(KEYS);
    for pair in times.windows(2) {
        let gap = pair[1] - pair[0];
        assert!(gap >= LIFETIME.mul_f64(0.75) && gap < LIFETIME, "{gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_204_caching_headers_do_not_stretch_the_lifetime() {
    let idp = Idp::start().await;
    let body = json!({ "keys": [R1.jwk()] }).to_string().into_bytes();
    let headers = "cache-control: public, max-age=31536000\r\nexpires: Thu, 01 Jan 2099 00:00:00 GMT\r\n";
    idp.answer(KEYS, Answer::Whole("200 OK", headers.into(), body));
    let bench = Bench::with(idp, |_| {});
    bench.ended(1, 0).await;
    bench.pass(REFRESHED).await;
    bench.ended(2, 0).await;
    assert_eq!(bench.idp.requests(KEYS), 2);
}

#[tokio::test(start_paused = true)]
async fn row_205_discovery_is_read_again_every_hour_and_the_keys_may_move() {
    let bench = Bench::ready().await;
    bench.idp.answer("/moved", Answer::keys(&[R2.jwk()]));
    bench.idp.answer(DISCOVERY, bench.idp.discovery("/moved"));
    let mut refreshes = 1;
    while bench.idp.requests("/moved") == 0 {
        assert_eq!(bench.idp.requests(DISCOVERY), 1);
        assert!(refreshes < 10);
        bench.pass(REFRESHED).await;
        refreshes += 1;
        bench.ended(refreshes, 0).await;
    }
    let moved = bench.idp.times("/moved")[0];
    assert!(moved - bench.idp.times(DISCOVERY)[0] <= HOUR + REFRESHED);
    assert_eq!(bench.verdict(&bench.token(&R2)).await, ALLOW);
}

#[tokio::test(start_paused = true)]
async fn row_205_a_failed_fetch_asks_at_once_where_the_keys_are_now() {
    let bench = Bench::ready().await;
    bench.idp.answer("/moved", Answer::keys(&[R2.jwk()]));
    bench.idp.answer(DISCOVERY, bench.idp.discovery("/moved"));
    bench.idp.answer(KEYS, Answer::status("404 Not Found", ""));
    assert_eq!(bench.verdict(&bench.token(&R2)).await, UNKNOWN);
    bench.ended(1, 1).await;
    bench.pass(SECOND).await;
    bench.ended(2, 1).await;
    assert_eq!(bench.verdict(&bench.token(&R2)).await, ALLOW);
}

#[tokio::test(start_paused = true)]
async fn rows_384_385_a_fixed_uri_needs_no_discovery() {
    for with_issuer in [true, false] {
        let idp = Idp::start().await;
        idp.publish(&[R1.jwk()]);
        let uri: Endpoint = idp.url(KEYS).parse().unwrap();
        let bench = Bench::with(idp, |setup| {
            setup.jwks_uri = Some(uri);
            if !with_issuer {
                setup.settings.issuer = None;
            }
        });
        assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW);
        assert_eq!((bench.idp.requests(DISCOVERY), bench.idp.requests(KEYS)), (0, 1));
        let foreign = R1.token(&bench.claims(&json!({ "iss": "https://other.example/" })));
        let refused = librechat_exporter::auth::Verdict::Deny(Reason::IssuerMismatch);
        assert_eq!(bench.verdict(&foreign).await, if with_issuer { refused } else { ALLOW });
    }
}

#[tokio::test(start_paused = true)]
async fn row_206_a_wall_clock_that_jumps_back_changes_nothing_of_the_keys() {
    let bench = Bench::ready().await;
    let token = bench.token(&R1);
    assert_eq!(bench.verdict(&token).await, ALLOW);
    bench.set_back(HOUR);
    for _ in 0..100 {
        assert_eq!(bench.verdict(&token).await, ALLOW, "verified a moment ago");
    }
    bench.pass(60 * SECOND).await;
    let early = librechat_exporter::auth::Verdict::Deny(Reason::NotYetValid);
    assert_eq!(bench.verdict(&token).await, early, "remembered for a minute, not for an hour");
    assert_eq!(bench.idp.requests(KEYS), 1);
    bench.pass(REFRESHED).await;
    bench.ended(2, 0).await;
}
