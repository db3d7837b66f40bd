//! Group F: heads and bodies that are broken, large, or made to be read in two ways.

use crate::authorization::{ALL, good};
use crate::client::{self, Request};
use crate::program::Program;
use crate::refusal::{Answer, assert_answer, assert_refused};

fn lines(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("X-Line-{number}: x")).collect()
}

#[tokio::test]
async fn rows_318_to_321_versions_and_hosts_are_those_of_the_standard() {
    let program = Program::demo(ALL).await;
    let http_1_0 = format!("GET /metrics HTTP/1.0\r\n{}\r\n\r\n", good());
    let response = program.ask(http_1_0.as_bytes()).await;
    assert_eq!(response.status, 200, "row 318: it was read to its end, so the connection was closed");
    assert!(response.status_line.starts_with("HTTP/1.0 "), "row 318: {response:?}");
    assert_answer(&program.ask(b"GET /metrics HTTP/1.0\r\n\r\n").await, Answer::Challenged, 318);

    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let proxy_v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\x01\x01\x01\x0a\x01\x01\x02\0\x01\0\x02";
    for (row, bytes) in [
        (320, &b"GET /metrics\r\n"[..]),
        (320, b"GET /metrics HTTP/2.0\r\n\r\n"),
        (320, b"GET /metrics HTTP/3\r\n\r\n"),
        (320, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"),
        (320, preface),
        (320, b"\0\0\0\0\r\n\r\n"),
        (262, b"PROXY TCP4 10.1.1.1 10.1.1.2 1 2\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n"),
        (262, proxy_v2),
    ] {
        if let Some(response) = client::exchange(program.target(), bytes).await {
            assert_refused(&response, 400, (row, String::from_utf8_lossy(bytes)));
        } else {
            assert_eq!(bytes, preface, "row {row}: only what speaks HTTP/2 is closed without a word");
        }
    }
    let head = |host: &str| format!("GET /metrics HTTP/1.1\r\n{host}{}\r\n\r\n", good());
    for host in ["", "Host: a\r\nHost: a\r\n", "Host: a\r\nHost: b\r\n", "Host: a\r\nhost: b\r\n"] {
        let response = program.ask(head(host).as_bytes()).await;
        assert_refused(&response, 400, (321, host));
        assert_eq!(response.header("connection"), Some("close"), "row 321");
    }
    assert_eq!(program.get("/metrics", &[good()]).await.status, 200, "it is still up");
}

#[tokio::test]
async fn rows_322_and_324_what_two_readers_would_read_differently_is_refused() {
    let program = Program::demo(ALL).await;
    let bare = "GET /metrics HTTP/1.1\nHost: x\nConnection: close\n\n";
    let response = program.ask(bare.as_bytes()).await;
    assert!([400, 401].contains(&response.status), "row 322: {response:?}");
    assert_refused(&response, response.status, 322);
    for framing in [
        &["Content-Length: 1", "Content-Length: 2"][..],
        &["Transfer-Encoding: chunked, identity"],
        &["Transfer-Encoding: identity"],
        &["Transfer-Encoding: gzip"],
        &["Content-Length: +5"],
        &["Content-Length: 5,5"],
        &["Content-Length: -1"],
        &["Content-Length: 0x5"],
        &["Content-Length: 18446744073709551616"],
        &["Content-Length: "],
    ] {
        let response = program.get("/metrics", &[&[&*good()], framing].concat()).await;
        assert_refused(&response, 400, (324, framing));
    }
}

#[tokio::test]
async fn rows_325_and_326_a_body_is_passed_over_or_the_connection_ends() {
    let program = Program::demo(ALL).await;
    let good = good();
    let second = Request::get("/metrics").last();
    for (framing, body) in [
        ("Content-Length: 38", &b"GET /metrics HTTP/1.1\r\nHost: hidden\r\n\r\n"[..38]),
        ("Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n"),
    ] {
        let first = Request::get("/metrics").line(&good).line(framing).bytes();
        let mut connection = program.connect().await;
        connection.send(&[&first, body, &second].concat()).await.unwrap();
        assert_eq!(connection.receive(false).await.unwrap().status, 200, "row 325: {framing}");
        if let Ok(response) = connection.receive(false).await {
            assert_answer(&response, Answer::Challenged, (325, framing));
        }
        assert!(connection.rest().await.unwrap().is_empty(), "row 325: nothing of the body is a request");
    }
    for length in ["10737418240", "65537"] {
        let response = program.get("/metrics", &[&*good, &format!("Content-Length: {length}")]).await;
        assert_refused(&response, 413, (326, length));
        assert_eq!(response.header("connection"), Some("close"), "row 326");
    }
    let endless =
        [Request::get("/metrics").line("Transfer-Encoding: chunked").bytes(), b"ffffff\r\n".to_vec()];
    let response = program.ask(&endless.concat()).await;
    assert_answer(&response, Answer::Challenged, "a body without an announced end is not waited for");
}

#[tokio::test]
async fn rows_336_and_337_a_head_has_100_lines_and_32_kib_at_most() {
    let program = Program::demo(ALL).await;
    // With Host, Connection and Authorization these are 100.
    let most = [lines(97), vec![good()]].concat();
    assert_eq!(program.get("/metrics", &most).await.status, 200, "row 336: 100 lines");
    let one_more = [lines(98), vec![good()]].concat();
    assert_refused(&program.get("/metrics", &one_more).await, 431, 336);
    assert_refused(&program.get("/metrics", &lines(1000)).await, 431, 336);

    let long = |size: usize| format!("/{}", "x".repeat(size));
    for size in [33 * 1024, 64 * 1024, 200 * 1024] {
        let response = program.get::<&str>(&long(size), &[]).await;
        assert!([414, 431].contains(&response.status), "row 337: {size}: {response:?}");
        assert_refused(&response, response.status, (337, size));
        let response = program.get("/metrics", &[format!("X-Long: {}", "x".repeat(size)), good()]).await;
        assert_refused(&response, 431, size);
    }
    assert_refused(&program.get::<&str>(&long(31 * 1024), &[]).await, 404, "31 KiB are within the bound");
    let fits = [format!("X-Long: {}", "x".repeat(31 * 1024)), good()];
    assert_eq!(program.get("/metrics", &fits).await.status, 200, "31 KiB are within the bound");
}

#[tokio::test]
async fn rows_328_and_329_each_request_of_a_connection_is_judged_by_itself() {
    let program = Program::demo(ALL).await;
    let (with, without) = (Request::get("/metrics").line(good()).bytes(), Request::get("/metrics").bytes());
    let bad = Request::get("/metrics").line("Authorization: Bearer bad").bytes();
    let mut connection = program.connect().await;
    connection.send(&[&*with, &without, &with, &bad, &with].concat()).await.unwrap();
    for (number, status) in [200, 401, 200, 401, 200].into_iter().enumerate() {
        let response = connection.receive(false).await.unwrap();
        assert_eq!(response.status, status, "row 328: {number}");
    }
    for number in 0..1000 {
        let (request, status) = if number % 2 == 0 { (&with, 200) } else { (&without, 401) };
        connection.send(request).await.unwrap();
        assert_eq!(connection.receive(false).await.unwrap().status, status, "row 329: {number}");
    }
}

#[tokio::test]
async fn row_350_neither_ranges_nor_conditions_nor_upgrades_change_the_answer() {
    let program = Program::demo(ALL).await;
    for line in [
        "Range: bytes=0-10",
        "If-None-Match: *",
        "If-Match: \"x\"",
        "If-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT",
        "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
        "Upgrade: h2c",
        "Expect: 100-continue",
        "Origin: https://elsewhere.example",
        "X-HTTP-Method-Override: POST",
        "X-Original-URL: /nothing",
        "X-Prometheus-Scrape-Timeout-Seconds: abc",
        "X-Prometheus-Scrape-Timeout-Seconds: -1",
        "X-Prometheus-Scrape-Timeout-Seconds: 1e9",
    ] {
        let response = program.get("/metrics", &[&*good(), line]).await;
        assert_eq!(response.status, 200, "rows 350, 352: {line}: {response:?}");
        assert!(response.text().contains("\nlibrechat_up 1\n"), "{line}");
        for name in ["content-range", "accept-ranges", "access-control-allow-origin", "upgrade"] {
            assert_eq!(response.header(name), None, "{line}");
        }
    }
}
