//! Group E, second half: who guesses is locked, and nobody else.

use tokio::task::JoinSet;

use crate::authorization::{ALL, TOKEN, basic, good};
use crate::client::{self, Request, Response};
use crate::program::{Program, eventually};
use crate::refusal::{Answer, assert_answer, assert_refused};

const GUARDED: &[(&str, &str)] = &[
    ("METRICS_BEARER_TOKEN", TOKEN),
    ("METRICS_BASIC_AUTH_USER", "alice"),
    ("METRICS_BASIC_AUTH_PASSWORD", "p:w"),
    ("RATE_LIMIT_MAX", "0"),
];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    GUARDED.iter().chain(more).copied().collect()
}

async fn ask(program: &Program, peer: u8, line: impl AsRef<[u8]>) -> Response {
    client::ask(program.target_from(peer), &Request::get("/metrics").line(line).last()).await
}

async fn guess(program: &Program, peer: u8, times: u32) {
    for time in 0..times {
        let response = ask(program, peer, format!("Authorization: Bearer wrong-{time}")).await;
        assert_answer(&response, Answer::InvalidToken, (peer, time));
    }
}

/// What an onlooker can tell answers apart by, but for the seconds that are left.
fn shape(response: &Response) -> (String, Vec<(String, String)>, Vec<u8>) {
    let mut headers = response.lasting_headers();
    headers.retain(|(name, _)| name != "retry-after");
    (response.status_line.clone(), headers, response.body.clone())
}

#[tokio::test]
async fn rows_278_to_282_the_fifth_guess_locks_its_address_whatever_comes_after() {
    let program = Program::demo(GUARDED).await;
    // Row 282: six different ones, of both kinds.
    guess(&program, 2, 3).await;
    assert_answer(&ask(&program, 2, basic("alice:wrong")).await, Answer::Challenged, 282);
    assert_answer(&ask(&program, 2, b"Authorization: Basic !!!!").await, Answer::Challenged, 282);
    let locked = ask(&program, 2, "Authorization: Bearer sixth").await;
    assert_refused(&locked, 429, 282);
    let seconds: u32 = locked.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=900).contains(&seconds), "row 289: {seconds}");
    for line in [good().into_bytes(), basic("alice:p:w"), b"Authorization:".to_vec(), b"X-None: 1".to_vec()] {
        let response = ask(&program, 2, &line).await;
        assert_eq!(shape(&response), shape(&locked), "row 280: {line:?}");
    }
    assert_eq!(ask(&program, 3, good()).await.status, 200, "row 281");
    let health = client::ask(program.target_from(2), &Request::get("/health").last()).await;
    assert_eq!(health.status, 200, "health endpoints are never locked");
    let scrape = ask(&program, 3, good()).await.text();
    assert!(scrape.contains("\nlibrechat_exporter_auth_locked_addresses 1\n"), "{scrape}");
    program.until_logged("locked an address").await;
}

#[tokio::test]
async fn rows_284_288_and_354_what_is_no_guess_never_locks() {
    let mut settings = with(&[("HEALTH_RATE_LIMIT_MAX", "0"), ("TRUST_PROXY", "127.0.0.1")]);
    settings.push(("METRICS_ALLOWED_IPS", "127.0.0.0/8"));
    let program = Program::demo(&settings).await;
    let mut connection = program.connect().await;
    let outsider = "X-Forwarded-For: 8.8.8.8";
    let requests = [
        (284, Request::get("/metrics").bytes(), 401, 1000),
        (24, Request::get("/metrics").line("Authorization: Digest x").bytes(), 401, 20),
        (
            16,
            Request::get("/metrics").line("Authorization: Bearer a").line("Authorization: Bearer b").bytes(),
            400,
            20,
        ),
        (288, Request::get("/metrics").line(outsider).line("Authorization: Bearer bad").bytes(), 403, 20),
        (306, Request::new("POST /metrics HTTP/1.1").line("Authorization: Bearer bad").bytes(), 405, 20),
        (312, Request::get("/metrics/").line("Authorization: Bearer bad").bytes(), 404, 20),
        (354, Request::get("/health").line("Authorization: Bearer bad").bytes(), 200, 20),
    ];
    for (row, request, status, times) in requests {
        for time in 0..times {
            connection.send(&request).await.unwrap();
            let response = connection.receive(false).await.unwrap();
            assert_eq!(response.status, status, "row {row}, time {time}");
        }
        let good = ask(&program, 1, good()).await;
        assert_eq!(good.status, 200, "row {row}: {good:?}");
    }
}

#[tokio::test]
async fn row_289_a_lock_ends_by_itself_although_the_client_goes_on_trying() {
    let program = Program::demo(&with(&[("METRICS_BRUTE_FORCE_TTL_SECONDS", "2")])).await;
    guess(&program, 1, 5).await;
    let mut longest = 2;
    eventually("the lock ends", async || {
        let response = ask(&program, 1, good()).await;
        if response.status == 200 {
            return Ok(());
        }
        assert_refused(&response, 429, 289);
        let seconds: u32 = response.header("retry-after").unwrap().parse().unwrap();
        assert!(seconds >= 1 && seconds <= longest, "it only falls: {seconds} after {longest}");
        longest = seconds;
        Err(format!("{seconds} s are left"))
    })
    .await;
}

#[tokio::test]
async fn row_293_of_ten_guesses_at_once_five_are_told_that_they_are_wrong() {
    let program = Program::demo(GUARDED).await;
    let mut guesses = JoinSet::new();
    for number in 0..10 {
        let target = program.target();
        guesses.spawn(async move {
            let request = Request::get("/metrics").line(format!("Authorization: Bearer wrong-{number}"));
            client::ask(target, &request.last()).await.status
        });
    }
    let mut statuses = guesses.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429, 429, 429]);
}

#[tokio::test]
async fn row_294_the_lockout_can_be_turned_off() {
    let program = Program::demo(ALL).await;
    guess(&program, 1, 20).await;
    assert_eq!(ask(&program, 1, good()).await.status, 200);
}

#[tokio::test]
async fn the_number_of_guesses_is_the_configured_one() {
    let program = Program::demo(&with(&[("METRICS_BRUTE_FORCE_MAX_FAILED_ATTEMPTS", "2")])).await;
    guess(&program, 1, 2).await;
    assert_refused(&ask(&program, 1, good()).await, 429, "after two");
}

#[tokio::test]
async fn review_4_the_same_wrong_one_is_one_guess_and_a_success_clears_none() {
    let program = Program::demo(GUARDED).await;
    // Row E10's kind: a scraper with an old token is refused, and never locked.
    for time in 0..20 {
        let response = ask(&program, 1, "Authorization: Bearer the-old-token").await;
        assert_answer(&response, Answer::InvalidToken, time);
    }
    for time in 0..3 {
        assert_answer(
            &ask(&program, 1, format!("Authorization: Bearer guess-{time}")).await,
            Answer::InvalidToken,
            time,
        );
        assert_eq!(ask(&program, 1, good()).await.status, 200, "row 278, no longer: it clears nothing");
    }
    // The fifth that is different, in spite of the successes in between.
    assert_eq!(ask(&program, 1, "Authorization: Bearer the-fifth").await.status, 401);
    assert_refused(&ask(&program, 1, "Authorization: Bearer the-sixth").await, 429, "locked");
    let scrape = ask(&program, 2, good()).await.text();
    assert!(scrape.contains("\nlibrechat_exporter_auth_locked_addresses 1\n"), "{scrape}");
}

#[tokio::test]
async fn review_4_what_was_good_of_late_passes_a_lock() {
    let hash = bcrypt::hash("p:w", 4).unwrap();
    let program = Program::demo(&[
        ("METRICS_BEARER_TOKEN", TOKEN),
        ("METRICS_BASIC_AUTH_USER", "alice"),
        ("METRICS_BASIC_AUTH_PASSWORD", &hash),
        ("RATE_LIMIT_MAX", "0"),
    ])
    .await;
    assert_eq!(ask(&program, 1, good()).await.status, 200);
    guess(&program, 1, 5).await;
    assert_eq!(ask(&program, 1, good()).await.status, 200, "it was good from here");
    // Good, but not from this address before: told from a wrong one by nobody.
    let unknown = ask(&program, 1, basic("alice:p:w")).await;
    let wrong = ask(&program, 1, basic("alice:wrong")).await;
    assert_refused(&unknown, 429, "a good one that is new here");
    assert_eq!(shape(&unknown), shape(&wrong));
    let locked = ask(&program, 1, "X-None: 1").await;
    assert_eq!(shape(&unknown), shape(&locked));
    assert_eq!(ask(&program, 2, basic("alice:p:w")).await.status, 200);
    program.until_logged("\"last_reason\":\"wrong_token\"").await;
}

#[tokio::test]
async fn review_4_a_lock_says_why_and_for_how_long_and_a_hangup_lifts_it() {
    let program = Program::demo(GUARDED).await;
    guess(&program, 1, 5).await;
    assert_refused(&ask(&program, 1, good()).await, 429, "locked");
    program.until_logged("locked an address").await;
    let line = |message: &str| {
        program.log().into_iter().find(|line| line["message"].as_str().is_some_and(|m| m.contains(message)))
    };
    let lock = line("locked an address").unwrap();
    assert_eq!((&lock["reason"], &lock["seconds"]), (&"wrong_token".into(), &900.into()));
    assert_eq!(lock["level"], "WARN");
    program.signal("HUP");
    program.until_logged("lifted all locks").await;
    assert_eq!(ask(&program, 1, good()).await.status, 200);
}

#[tokio::test]
async fn review_17_many_locks_are_one_line_a_second() {
    let program = Program::demo(&with(&[("METRICS_BRUTE_FORCE_MAX_FAILED_ATTEMPTS", "1")])).await;
    let mut connection = program.connect().await;
    for number in 0..200 {
        let request = Request::get("/metrics")
            .line(format!("X-Forwarded-For: 10.0.0.{number}"))
            .line("Authorization: Bearer wrong");
        connection.send(&request.bytes()).await.unwrap();
        assert_eq!(connection.receive(false).await.unwrap().status, 401);
    }
    let lines = program.log();
    let locks = lines.iter().filter(|line| line.to_string().contains("locked an address")).count();
    assert!((1..=100).contains(&locks), "{locks}");
}
