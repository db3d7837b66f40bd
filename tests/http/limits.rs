//! Group E, first half: how much one client may ask.

use crate::authorization::{TOKEN, good};
use crate::client::{self, Connection, Request, Response};
use crate::program::{Program, eventually};
use crate::refusal::{assert_common, assert_refused, assert_refused_without_body};

/// `remaining` of `RateLimit`.
fn remaining(response: &Response) -> u32 {
    let state = response.header("ratelimit").unwrap_or_else(|| panic!("{response:?}"));
    let part = state.split(", ").find_map(|part| part.strip_prefix("remaining=")).unwrap();
    part.parse().unwrap()
}

fn reset(response: &Response) -> u32 {
    let state = response.header("ratelimit").unwrap_or_else(|| panic!("{response:?}"));
    state.split(", ").find_map(|part| part.strip_prefix("reset=")).unwrap().parse().unwrap()
}

fn retry_after(response: &Response) -> u32 {
    response.header("retry-after").unwrap_or_else(|| panic!("{response:?}")).parse().unwrap()
}

async fn over(connection: &mut Connection, request: &[u8]) -> Response {
    connection.send(request).await.unwrap();
    connection.receive(request.starts_with(b"HEAD")).await.unwrap()
}

#[tokio::test]
async fn rows_264_to_268_the_121st_request_of_a_minute_is_refused_with_when_to_come_again() {
    let program = Program::demo(&[("METRICS_BEARER_TOKEN", TOKEN)]).await;
    let mut connection = program.connect().await;
    let good = Request::get("/metrics").line(good()).bytes();
    for number in 1..=120 {
        let response = over(&mut connection, &good).await;
        assert_eq!(response.status, 200, "row 264: {number}");
        assert_eq!(response.header("ratelimit-policy"), Some("120;w=60"), "row 264");
        let state = response.header("ratelimit").unwrap();
        let expected = format!("limit=120, remaining={}, reset=", 120 - number);
        assert!(state.starts_with(&expected), "row 264: {number}: {state}");
        assert!((1..=60).contains(&reset(&response)), "row 264: {state}");
    }
    for request in [&good, &Request::new("HEAD /metrics HTTP/1.1").line(self::good()).bytes()] {
        let response = over(&mut connection, request).await;
        assert_eq!(response.status, 429, "row 265");
        assert!((1..=60).contains(&retry_after(&response)), "rows 265, 268: {response:?}");
        assert_eq!(response.header("ratelimit-policy"), Some("120;w=60"), "row 265");
        assert_eq!(remaining(&response), 0, "row 265");
    }
    let refused = over(&mut connection, &Request::get("/metrics").bytes()).await;
    assert_eq!((refused.status, remaining(&refused)), (401, 119), "refusals have a count of their own");
    assert_eq!(program.get::<&str>("/health", &[]).await.status, 200, "row 297");
    let other =
        client::ask(program.target_from(2), &Request::get("/metrics").line(self::good()).last()).await;
    assert_eq!(other.status, 200, "another client");
    assert_eq!(remaining(&other), 119);
}

#[tokio::test]
async fn row_266_after_the_window_the_client_is_served_again() {
    let program = Program::demo(&[("RATE_LIMIT_MAX", "1"), ("RATE_LIMIT_WINDOW_MS", "1500")]).await;
    let first = program.get::<&str>("/metrics", &[]).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("ratelimit-policy"), Some("1;w=2"), "whole seconds, rounded up");
    program.until("/metrics", 200).await;
}

#[tokio::test]
async fn row_298_head_and_get_share_a_count_and_refusals_have_their_own() {
    let program = Program::demo(&[("METRICS_BEARER_TOKEN", TOKEN), ("RATE_LIMIT_MAX", "2")]).await;
    let mut connection = program.connect().await;
    let good = good();
    let double = Request::get("/metrics").lines(&[&good, &good]).bytes();
    let cases = [
        ("GET", Request::get("/metrics").line(&good).bytes(), 200, 1),
        ("HEAD", Request::new("HEAD /metrics HTTP/1.1").line(&good).bytes(), 200, 0),
        ("without credentials", Request::get("/metrics").bytes(), 401, 1),
        ("row 16", double, 400, 0),
    ];
    for (what, request, status, left) in cases {
        let response = over(&mut connection, &request).await;
        assert_eq!((response.status, remaining(&response)), (status, left), "{what}");
    }
    let head = over(&mut connection, &Request::new("HEAD /metrics HTTP/1.1").bytes()).await;
    assert_refused_without_body(&head, 429, 298);
    let mut others = Vec::new();
    for line in ["POST /metrics HTTP/1.1", "GET /nothing HTTP/1.1", "GET / HTTP/1.1"] {
        others.push(program.ask(&Request::new(line).last()).await.status);
    }
    assert_eq!(others, [405, 404, 200], "what is not guarded is not limited");
}

#[tokio::test]
async fn rows_269_to_274_a_client_has_one_count_however_its_address_is_written() {
    // Row, TRUST_PROXY, hops of one client, hops of another.
    let cases: &[(u32, &str, &[&str], &[&str])] = &[
        (269, "false", &["10.1.1.1", "10.1.1.2", "8.8.8.8, 1.1.1.1", "garbage"], &[]),
        (270, "loopback", &["10.1.1.1, 8.8.8.8", "10.1.1.2, 8.8.8.8", "x, 8.8.8.8"], &["8.8.8.8, 8.8.4.4"]),
        (272, "loopback", &["10.1.1.1", "::ffff:10.1.1.1", "10.1.1.1:80", "::ffff:a01:101"], &["10.1.1.2"]),
        (273, "loopback", &["2001:db8:1:2::1", "2001:db8:1:2:ffff::1", "[2001:db8:1:2::9]:1"], &[]),
        (274, "loopback", &["2001:db8:1:2::1"], &["2001:db8:1:3::1"]),
    ];
    for (row, trust, hops, others) in cases {
        let program = Program::demo(&[("TRUST_PROXY", trust)]).await;
        let ask = async |hop: &str| program.get("/metrics", &[format!("X-Forwarded-For: {hop}")]).await;
        for (count, hop) in (1..).zip(*hops) {
            assert_eq!(remaining(&ask(hop).await), 120 - count, "row {row}: {hop}");
        }
        for hop in *others {
            assert_eq!(remaining(&ask(hop).await), 119, "row {row}: {hop}");
        }
    }
}

#[tokio::test]
async fn row_273_a_thousand_addresses_of_one_network_are_one_client() {
    let program = Program::demo(&[]).await;
    let mut connection = program.connect().await;
    let mut served = 0;
    for number in 0..1000 {
        let request = Request::get("/metrics").header("X-Forwarded-For", format!("2001:db8:1:2::{number:x}"));
        let response = over(&mut connection, &request.bytes()).await;
        served += u32::from(response.status == 200);
        assert_eq!(response.status, if served <= 120 && number < 120 { 200 } else { 429 }, "{number}");
    }
    assert_eq!(served, 120);
}

#[tokio::test]
async fn rows_296_and_297_probes_have_a_count_of_their_own() {
    let program = Program::demo(&[("METRICS_BEARER_TOKEN", TOKEN)]).await;
    let mut connection = Connection::open(program.target_from(9)).await.unwrap();
    let health = Request::get("/health").bytes();
    for number in 1..=600 {
        let response = over(&mut connection, &health).await;
        assert_eq!(response.status, 200, "row 296: {number}");
        assert_eq!(response.header("ratelimit-policy"), Some("600;w=60"), "row 296");
    }
    let response = over(&mut connection, &Request::get("/health").bytes()).await;
    assert_refused(&response, 429, 296);
    assert!((1..=60).contains(&retry_after(&response)), "{response:?}");
    // Row B7: what a kubelet asks is never limited, by nobody's use of anything.
    for path in ["/livez", "/readyz"] {
        for number in 0..650 {
            let response = over(&mut connection, &Request::get(path).bytes()).await;
            assert_eq!(response.status, 200, "row B7: {path}, {number}");
        }
    }
    let metrics = over(&mut connection, &Request::get("/metrics").line(good()).bytes()).await;
    assert_eq!(metrics.status, 200, "the other way round of row 297");
    assert_common(&metrics, &297);
}

#[tokio::test]
async fn a_limit_of_0_is_no_limit_and_no_header() {
    let program = Program::demo(&[("RATE_LIMIT_MAX", "0"), ("HEALTH_RATE_LIMIT_MAX", "0")]).await;
    let mut connection = program.connect().await;
    for number in 0..200 {
        let response = over(&mut connection, &Request::get("/metrics").bytes()).await;
        assert_eq!((response.status, response.header("ratelimit")), (200, None), "{number}");
    }
    let probe = eventually("a probe", async || Ok(program.get::<&str>("/livez", &[]).await)).await;
    assert_eq!(probe.header("ratelimit"), None);
}

#[tokio::test]
async fn review_4_strangers_at_its_address_do_not_use_up_what_a_scraper_has() {
    let program = Program::demo(&[("METRICS_BEARER_TOKEN", TOKEN)]).await;
    let mut connection = program.connect().await;
    let good = Request::get("/metrics").line(good()).bytes();
    let nothing = Request::get("/metrics").bytes();
    assert_eq!(over(&mut connection, &good).await.status, 200);
    for number in 1..=120 {
        let response = over(&mut connection, &nothing).await;
        assert_eq!((response.status, remaining(&response)), (401, 120 - number));
    }
    let limited = over(&mut connection, &nothing).await;
    assert_refused(&limited, 429, "strangers");
    assert!((1..=60).contains(&retry_after(&limited)), "{limited:?}");
    let wrong =
        over(&mut connection, &Request::get("/metrics").line("Authorization: Bearer x").bytes()).await;
    assert_refused(&wrong, 429, "what was not good before");
    let response = over(&mut connection, &good).await;
    assert_eq!((response.status, remaining(&response)), (200, 118), "it was good from here of late");
}
