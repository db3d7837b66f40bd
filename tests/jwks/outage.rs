//! An issuer that fails: what goes on, for how long, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use librechat_exporter::auth::Method;
use librechat_exporter::auth::bearer::{Bearer, Tokens};
use librechat_exporter::auth::caller::Caller;
use librechat_exporter::auth::policy::Policy;
use librechat_exporter::auth::reason::Reason;
use librechat_exporter::secret::Live;

use super::bench::{ALLOW, Bench, HOUR, LIFETIME, SECOND, UNAVAILABLE, UNKNOWN};
use super::idp::{Answer, DISCOVERY, Idp, KEYS};
use super::signer::{R1, R2};

async fn down_from_the_start() -> Bench {
    let idp = Idp::start().await;
    idp.answer(DISCOVERY, Answer::Close);
    idp.answer(KEYS, Answer::Close);
    Bench::with(idp, |_| {})
}

fn come_back(bench: &Bench) {
    bench.idp.answer(DISCOVERY, bench.idp.discovery(KEYS));
    bench.idp.publish(&[R1.jwk()]);
}

#[tokio::test(start_paused = true)]
async fn row_178_an_unknown_name_is_refused_while_the_set_is_fresh_and_undecided_after_that() {
    let bench = Bench::ready().await;
    bench.idp.answer(KEYS, Answer::Close);
    let token = bench.token(&R2);
    assert_eq!(bench.verdict(&token).await, UNKNOWN);
    bench.ended(1, 1).await;
    for _ in 0..10 {
        assert_eq!(bench.verdict(&token).await, UNKNOWN, "in the pause, at once");
    }
    assert_eq!(bench.metric("jwks_refused_refreshes_total"), 0.0, "which costs nobody's budget");
    assert_eq!(bench.idp.requests(KEYS), 2);
    bench.pass(LIFETIME).await;
    bench.ended(1, 2).await;
    assert_eq!(bench.verdict(&token).await, UNAVAILABLE);
    assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW);
}

#[tokio::test(start_paused = true)]
async fn row_180_an_issuer_that_asks_for_time_gets_it() {
    for (status, headers, pause) in [
        ("500 Internal Server Error", "", 1),
        ("502 Bad Gateway", "", 1),
        ("429 Too Many Requests", "retry-after: 120\r\n", 120),
        ("503 Service Unavailable", "retry-after: 90000000000\r\n", 3600),
    ] {
        let bench = Bench::ready().await;
        bench.idp.answer(KEYS, Answer::status(status, headers));
        assert_eq!(bench.verdict(&bench.token(&R2)).await, UNKNOWN, "{status}");
        bench.ended(1, 1).await;
        assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW, "{status}");
        bench.idp.publish(&[R1.jwk(), R2.jwk()]);
        bench.pass(Duration::from_secs(pause) - SECOND / 2).await;
        if pause < 600 {
            assert_eq!(bench.verdict(&bench.token(&R2)).await, UNKNOWN, "{status}: still in the pause");
        }
        bench.pass(SECOND / 2).await;
        bench.ended(2, 1).await;
        let times = bench.idp.times(KEYS);
        assert_eq!((times[2] - times[1]).as_secs(), pause, "{status}");
        assert_eq!(bench.verdict(&bench.token(&R2)).await, ALLOW, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_194_without_the_issuer_the_process_starts_and_other_ways_in_work() {
    let bench = down_from_the_start().await;
    bench.ended(0, 1).await;
    let token = bench.token(&R1);
    assert_eq!(bench.verdict(&token).await, UNAVAILABLE);
    assert_eq!(bench.metric("jwks_stale"), 1.0);

    let static_token = "static-token-0123456789";
    let tokens = Arc::new(Live::new(Tokens::parse(static_token).unwrap()));
    let policy = Policy::new(None, vec![Box::new(Bearer::new(tokens)), Box::new(bench.jwt)]);
    let headers = |token: &str| {
        let line = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
        HeaderMap::from_iter([(header::AUTHORIZATION, line)])
    };
    let sent = headers(static_token);
    let caller = Caller::new(None, &sent).unwrap();
    let permit = policy.authorize(policy.admit(None).unwrap(), &caller).await.unwrap();
    assert_eq!(permit.method(), Method::Bearer);

    let sent = headers(&token);
    let caller = Caller::new(None, &sent).unwrap();
    let denial = policy.authorize(policy.admit(None).unwrap(), &caller).await.unwrap_err();
    assert_eq!((denial.method, denial.reason), (Method::Jwt, Reason::Unavailable));
    assert_eq!(denial.retry_after, Some(SECOND));
    assert!(policy.challenges(denial.reason).is_empty());
    assert!(!denial.reason.is_guess());

    let sent = headers("wrong-token");
    let caller = Caller::new(None, &sent).unwrap();
    let denial = policy.authorize(policy.admit(None).unwrap(), &caller).await.unwrap_err();
    assert_eq!((denial.reason, denial.retry_after), (Reason::WrongToken, None));
}

#[tokio::test(start_paused = true)]
async fn row_196_an_issuer_that_comes_back_is_noticed_within_one_pause() {
    let bench = down_from_the_start().await;
    for (failed, pause) in [(1, 1), (2, 2), (3, 4)] {
        bench.ended(0, failed).await;
        bench.pass(pause * SECOND).await;
    }
    bench.ended(0, 4).await;
    come_back(&bench);
    assert_eq!(bench.verdict(&bench.token(&R1)).await, UNAVAILABLE);
    bench.pass(8 * SECOND).await;
    bench.ended(1, 4).await;
    assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW);
    assert_eq!(bench.metric("jwks_stale"), 0.0);
}

#[tokio::test(start_paused = true)]
async fn row_198_known_keys_go_on_for_an_hour_beyond_their_lifetime_and_then_nothing_does() {
    let bench = Bench::ready().await;
    bench.idp.answer(KEYS, Answer::Close);
    bench.pass(LIFETIME - SECOND).await;
    bench.ended(1, 1).await;
    assert_eq!(bench.metric("jwks_stale"), 0.0);
    bench.pass(SECOND).await;
    bench.ended(1, 2).await;
    assert_eq!(bench.metric("jwks_stale"), 1.0);
    assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW);

    bench.pass(HOUR - SECOND).await;
    bench.ended(1, 3).await;
    let token = bench.token(&R1);
    assert_eq!(bench.verdict(&token).await, ALLOW);
    bench.pass(SECOND).await;
    assert_eq!(bench.verdict(&token).await, UNAVAILABLE, "remembered or not");
    assert!(bench.is_judged_at_once(&token));

    bench.idp.publish(&[R1.jwk()]);
    bench.pass(60 * SECOND).await;
    bench.ended(2, 3).await;
    assert_eq!(bench.verdict(&token).await, ALLOW);
    assert_eq!(bench.metric("jwks_stale"), 0.0);
}

#[tokio::test(start_paused = true)]
async fn row_198_the_gauge_turns_when_the_lifetime_ends_even_in_a_long_pause() {
    let bench = Bench::ready().await;
    bench.idp.answer(KEYS, Answer::status("429 Too Many Requests", "retry-after: 3600\r\n"));
    assert_eq!(bench.verdict(&bench.token(&R2)).await, UNKNOWN);
    bench.ended(1, 1).await;
    bench.pass(LIFETIME).await;
    bench.shows("jwks_stale", 1.0).await;
    assert_eq!(bench.idp.requests(KEYS), 2);
}

#[tokio::test(start_paused = true)]
async fn row_200_without_staleness_the_end_of_the_lifetime_is_the_end() {
    let idp = Idp::start().await;
    idp.publish(&[R1.jwk()]);
    let bench = Bench::with(idp, |setup| setup.max_stale = Duration::ZERO);
    bench.ended(1, 0).await;
    bench.idp.answer(KEYS, Answer::Close);
    bench.pass(LIFETIME - SECOND).await;
    assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW);
    bench.pass(SECOND).await;
    assert!(bench.is_judged_at_once(&bench.token(&R1)));
    assert_eq!(bench.verdict(&bench.token(&R1)).await, UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn row_201_a_thousand_requests_do_not_shorten_the_pauses() {
    let bench = down_from_the_start().await;
    let pauses = [1, 2, 4, 8, 16, 32, 60, 60, 60];
    for (failed, pause) in (1..).zip(pauses) {
        bench.ended(0, failed).await;
        let tokens = [bench.token(&R1), bench.token(&R2)];
        for token in tokens.iter().cycle().take(1000) {
            assert_eq!(bench.verdict(token).await, UNAVAILABLE);
        }
        bench.pass(pause * SECOND).await;
    }
    bench.ended(0, pauses.len() as u32 + 1).await;
    let times = bench.idp.times(DISCOVERY);
    let gaps: Vec<u64> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
    assert_eq!(gaps, pauses.map(u64::from));
}

#[tokio::test(start_paused = true)]
async fn row_202_all_who_wait_for_a_failing_fetch_fail_with_it() {
    let idp = Idp::start().await;
    idp.answer(DISCOVERY, Answer::Hang);
    let bench = Bench::with(idp, |_| {});
    let token = bench.token(&R1);
    let waiting = futures_util::future::join_all((0..50).map(|_| bench.verdict(&token)));
    let time = async {
        bench.idp.asked(DISCOVERY, 1).await;
        bench.pass(5 * SECOND).await;
    };
    let (verdicts, ()) = tokio::join!(waiting, time);
    assert!(verdicts.iter().all(|verdict| *verdict == UNAVAILABLE), "{verdicts:?}");
    bench.ended(0, 1).await;
    assert_eq!(bench.idp.requests(DISCOVERY), 1);
}
