//! Group D: whose address a request has, seen through an allow-list.
//!
//! Peers are addresses of 127.0.0.0/8: 127.0.0.1 is trusted where `TRUST_PROXY` says so, others are not.

use crate::authorization::{ALL, good};
use crate::client::{self, Request};
use crate::program::Program;
use crate::refusal::{Answer, assert_answer, assert_refused};

/// The number of a row, the lines that are sent, the last number of the peer's address, whether it gets in.
type Row<'a> = (u32, &'a [&'a [u8]], u8, bool);

async fn assert_rows(trust: &str, allowed: &str, rows: &[Row<'_>]) {
    assert_rows_with(&[("TRUST_PROXY", trust), ("METRICS_ALLOWED_IPS", allowed)], rows).await;
}

async fn assert_rows_with(settings: &[(&str, &str)], rows: &[Row<'_>]) {
    let mut all = vec![("RATE_LIMIT_MAX", "0")];
    all.extend(settings);
    let program = Program::demo(&all).await;
    for (row, lines, peer, allowed) in rows {
        let request = Request::get("/metrics").lines(lines);
        let response = client::ask(program.target_from(*peer), &request.clone().last()).await;
        let case = (row, settings, &request);
        if *allowed {
            assert_eq!(response.status, 200, "{case:?}");
        } else {
            assert_refused(&response, 403, case);
            assert!(response.all("www-authenticate").is_empty(), "{case:?}");
        }
    }
}

const LIST: &str = "10.0.0.0/8,2001:db8::/32";

#[tokio::test]
async fn rows_209_to_217_only_a_trusted_peer_says_whose_the_request_is() {
    assert_rows("false", LIST, &[(209, &[b"X-Forwarded-For: 10.1.1.1"], 1, false)]).await;
    // 127.0.0.1 and 127.0.0.2, and nobody else.
    let commas = [b"X-Forwarded-For: ".as_slice(), &b",".repeat(30 * 1024)].concat();
    let commas_and_one = [&commas[..], b" 10.1.1.1"].concat();
    let rows: &[Row<'_>] = &[
        (210, &[b"X-Forwarded-For: 10.1.1.1"], 1, true),
        (212, &[], 1, false),
        (213, &[b"X-Forwarded-For: 10.1.1.1"], 3, false),
        (213, &[b"X-Forwarded-For: 127.0.0.1"], 3, false),
        (213, &[b"X-Forwarded-For: 10.1.1.1, 127.0.0.1"], 3, false),
        (214, &[b"X-Forwarded-For: 10.1.1.1", b"X-Forwarded-For: 8.8.8.8"], 1, false),
        (214, &[b"X-Forwarded-For: 8.8.8.8", b"X-Forwarded-For: 10.1.1.1"], 1, true),
        (216, &[b"X-Forwarded-For:"], 1, false),
        (216, &[b"X-Forwarded-For: ,"], 1, false),
        (216, &[b"X-Forwarded-For: ,,10.1.1.1,"], 1, true),
        (217, &[b"X-Forwarded-For: 10.1.1.1,\t8.8.8.8"], 1, false),
        (217, &[b"X-Forwarded-For: 8.8.8.8,\t10.1.1.1\t"], 1, true),
        (244, &[&commas], 1, false),
        (244, &[&commas_and_one], 1, true),
        (245, &[b"X-Forwarded-For: 10.1.1.1, \xe9\xff"], 1, false),
        (245, &[b"X-Forwarded-For: \xe9\xff, 10.1.1.1"], 1, true),
        (248, &[b"Connection: X-Forwarded-For", b"X-Forwarded-For: 10.1.1.1"], 1, true),
        (248, &[b"Connection: X-Forwarded-For", b"X-Forwarded-For: 8.8.8.8"], 1, false),
        (249, &[b"Forwarded: for=10.1.1.1"], 1, false),
        (252, &[b"X-Real-IP: 10.1.1.1"], 1, false),
        (252, &[b"CF-Connecting-IP: 10.1.1.1"], 1, false),
        (252, &[b"True-Client-IP: 10.1.1.1"], 1, false),
        (252, &[b"X-Client-IP: 10.1.1.1"], 1, false),
    ];
    assert_rows("127.0.0.1,127.0.0.2", LIST, rows).await;
}

#[tokio::test]
async fn rows_218_to_228_and_246_a_hop_is_an_address_or_it_ends_the_walk() {
    let let_in: &[(u32, &str)] = &[
        (218, "10.1.1.1:4711"),
        (218, "[2001:db8::1]:4711"),
        (218, "[2001:db8::1]"),
        (220, "2001:db8::1:443"),
        (222, "::ffff:10.1.1.1"),
        (222, "::ffff:a01:101"),
    ];
    let kept_out: &[(u32, &str)] = &[
        (221, "10.1.1.1:99999"),
        (221, "10.1.1.1:"),
        (221, "10.1.1.1:x"),
        (221, "10.1.1.1:0"),
        (224, "::10.1.1.1"),
        (224, "64:ff9b::10.1.1.1"),
        (224, "2002:0a01:0101::"),
        (228, "unknown"),
        (228, "_hidden"),
        (228, "localhost"),
        (228, "myrouter"),
        (228, "-"),
        (246, "10.1"),
        (246, "167837953"),
        (246, "0xa.1.1.1"),
        (246, "012.1.1.1"),
        (246, "10.1.1.1."),
        (246, "10.1.1.01"),
    ];
    let line = |hop: &str| format!("X-Forwarded-For: {hop}").into_bytes();
    let lines: Vec<_> = let_in.iter().chain(kept_out).map(|(row, hop)| (*row, line(hop))).collect();
    let texts: Vec<_> = lines.iter().map(|(row, line)| (*row, [line.as_slice()])).collect();
    let rows: Vec<Row<'_>> = texts
        .iter()
        .enumerate()
        .map(|(index, (row, line))| (*row, line.as_slice(), 1, index < let_in.len()))
        .collect();
    assert_rows("loopback", LIST, &rows).await;
    // An embedded address is not the one it embeds, whichever side of the list it stands on.
    assert_rows("loopback", "::ffff:10.0.0.0/104", &[(225, &[b"X-Forwarded-For: 10.1.1.1"], 1, true)]).await;
    let zones: &[Row<'_>] = &[
        (226, &[b"X-Forwarded-For: fe80::1%eth0"], 1, true),
        (226, &[b"X-Forwarded-For: fe80::1%25eth0"], 1, true),
        (226, &[b"X-Forwarded-For: fe80::2%eth0"], 1, false),
    ];
    assert_rows("loopback", "fe80::1", zones).await;
}

#[tokio::test]
async fn rows_229_and_230_the_chain_of_proxies_is_walked_from_the_right_and_never_past_garbage() {
    let trust = "127.0.0.1,10.0.0.0/8";
    let garbage: &[&[u8]] = &[b"X-Forwarded-For: 10.9.9.9, garbage, 10.0.0.2"];
    assert_rows(trust, "10.0.0.0/8,127.0.0.0/8", &[(229, garbage, 1, false)]).await;
    let chain: &[&[u8]] = &[b"X-Forwarded-For: 1.1.1.1, 10.0.0.3, 10.0.0.2"];
    assert_rows(trust, "1.1.1.1", &[(230, chain, 1, true)]).await;
    assert_rows(trust, "10.0.0.0/8", &[(230, chain, 1, false)]).await;

    let settings = [("TRUST_PROXY", trust), ("METRICS_ALLOWED_IPS", "10.0.0.0/8")];
    let program = Program::demo(&settings).await;
    assert_refused(&program.get("/metrics", garbage).await, 403, 229);
    program.until_logged("address_not_allowed").await;
    let log = program.log();
    let refused = log.iter().find(|line| line["reason"] == "address_not_allowed").unwrap();
    assert_eq!(refused["address"], "10.0.0.2", "row 229: {refused}");
}

#[tokio::test]
async fn rows_232_to_238_hops_are_counted_from_the_peer() {
    let two: &[&[u8]] = &[b"X-Forwarded-For: 1.1.1.1, 2.2.2.2"];
    let cases = [
        (209, "0", "127.0.0.1"),
        (232, "1", "2.2.2.2"),
        (233, "2", "1.1.1.1"),
        (234, "5", "1.1.1.1"),
        (236, "1", "2.2.2.2"),
        (238, "true", "2.2.2.2"),
        (238, "TRUE", "2.2.2.2"),
    ];
    for (row, trust, address) in cases {
        assert_rows(trust, address, &[(row, two, 1, true)]).await;
    }
    assert_rows("true", LIST, &[(238, &[b"X-Forwarded-For: 10.1.1.1, 8.8.8.8"], 1, false)]).await;
    // Inherent in counting: whoever reaches the port directly chooses the address. The start warns of it.
    let spoofed: &[&[u8]] = &[b"X-Forwarded-For: 10.1.1.1"];
    assert_rows("1", LIST, &[(237, spoofed, 1, true)]).await;
    let program = Program::demo(&[("TRUST_PROXY", "1")]).await;
    assert!(program.output().contains("TRUST_PROXY counts hops"), "row 237: {}", program.output());
}

#[tokio::test]
async fn rows_240_to_242_names_hold_their_networks_in_any_dress() {
    let hop = |address: &str| format!("X-Forwarded-For: 1.1.1.1, {address}").into_bytes();
    for (row, trust, address, trusted) in [
        (240, "loopback,linklocal", "169.254.1.1", true),
        (240, "loopback,linklocal", "febf::1", true),
        (240, "loopback,linklocal", "fec0::1", false),
        (241, "loopback", "127.8.9.10", true),
        (241, "loopback", "::1", true),
        (241, "loopback", "::ffff:127.0.0.1", true),
        (242, " Loopback , 10.0.0.0/8, ", "10.0.0.9", true),
        (242, "loopback,uniqueLocal", "192.168.1.1", true),
        (242, "loopback,uniquelocal", "fd00::1", true),
        (242, "loopback,uniquelocal", "172.32.0.1", false),
    ] {
        assert_rows(trust, "1.1.1.1", &[(row, &[&hop(address)], 1, trusted)]).await;
    }
}

#[tokio::test]
async fn row_250_forwarded_is_read_in_the_other_ones_place_when_asked_for() {
    let settings = |allowed| {
        [("TRUST_PROXY", "1"), ("TRUST_PROXY_HEADER", "forwarded"), ("METRICS_ALLOWED_IPS", allowed)]
    };
    let both: &[&[u8]] = &[b"Forwarded: for=\"[2001:db8::1]:4711\";proto=https, for=8.8.8.8"];
    assert_rows_with(&settings("8.8.8.8"), &[(250, both, 1, true)]).await;
    let rows: &[Row<'_>] = &[
        (250, both, 1, false),
        (250, &[b"Forwarded: for=\"[2001:db8::1]:4711\""], 1, true),
        (250, &[b"X-Forwarded-For: 10.1.1.1"], 1, false),
    ];
    assert_rows_with(&settings(LIST), rows).await;
}

#[tokio::test]
async fn rows_253_to_260_the_list_is_asked_before_credentials_and_beside_them() {
    let mut settings = ALL.to_vec();
    settings.extend([("METRICS_ALLOWED_IPS", "127.0.0.1"), ("TRUST_PROXY", "false")]);
    let program = Program::demo(&settings).await;
    let ask = async |peer, lines: &[&str]| {
        client::ask(program.target_from(peer), &Request::get("/metrics").lines(lines).last()).await
    };
    let (good, bad) = (good(), "Authorization: Bearer bad");
    assert_answer(&ask(1, &[]).await, Answer::Challenged, 253);
    assert_answer(&ask(1, &[bad]).await, Answer::InvalidToken, 254);
    assert_answer(&ask(1, &[&good]).await, Answer::Served, "allowed, good token");

    let outsider = ask(2, &[]).await;
    assert_refused(&outsider, 403, 257);
    assert!(outsider.all("www-authenticate").is_empty());
    for lines in [&[bad][..], &[&good], &[&good, &good]] {
        let response = ask(2, lines).await;
        let same = (response.lasting_headers(), &response.body);
        assert_eq!(same, (outsider.lasting_headers(), &outsider.body), "row 256: {lines:?}");
    }
    for path in ["/health", "/livez", "/readyz", "/"] {
        let response = client::ask(program.target_from(2), &Request::get(path).last()).await;
        assert_eq!(response.status, 200, "row 260: {path}");
    }
    let open_to_the_list = Program::demo(&[("METRICS_ALLOWED_IPS", "127.0.0.1")]).await;
    assert_eq!(open_to_the_list.get::<&str>("/metrics", &[]).await.status, 200, "row 258");
}
