//! Where it listens, what of a connection's beginning is believed, and which path the metrics have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::authorization::{TOKEN, good};
use crate::client::{self, Request, Target};
use crate::program::{Program, run};
use crate::refusal::assert_refused;

#[tokio::test]
async fn row_b6_both_families_are_served_and_their_clients_told_apart() {
    for host in ["*", "::"] {
        let program = Program::launch(&[("HOST", host), ("METRICS_ALLOWED_IPS", "127.0.0.1")]).await;
        let ask = async |address: IpAddr| {
            client::ask(Target::Tcp((address, program.port).into()), &Request::get("/metrics").last())
                .await
                .status
        };
        assert_eq!(
            ask(Ipv4Addr::LOCALHOST.into()).await,
            200,
            "{host}: an IPv4 client is one for the allow-list"
        );
        assert_eq!(ask(Ipv6Addr::LOCALHOST.into()).await, 403, "{host}");
        program.until_logged("IPv4 and IPv6").await;
        let port = program.port.to_string();
        let health = run(&["healthcheck"], &[("HOST", host), ("PORT", &port)]).await;
        assert_eq!(health.code, Some(0), "{health:?}");
    }
}

#[tokio::test]
async fn row_b8_the_metrics_are_at_their_path_and_nowhere_else() {
    let path = "/librechat/metrics";
    let program = Program::launch(&[("METRICS_PATH", path), ("METRICS_BEARER_TOKEN", TOKEN)]).await;
    assert_eq!(program.get(path, &[good()]).await.status, 200);
    assert_refused(&program.get::<&str>(path, &[]).await, 401, "b8");
    for other in ["/metrics", "/librechat", "/librechat/metrics/", "/librechat//metrics"] {
        assert_refused(&program.get(other, &[good()]).await, 404, other);
    }
    let landing = program.get::<&str>("/", &[]).await.text();
    assert!(
        landing.contains("href=\"/librechat/metrics\"") && !landing.contains("href=\"/metrics\""),
        "{landing}"
    );
    let text = program.get(path, &[good()]).await.text();
    assert!(
        text.contains("librechat_exporter_http_requests_total{endpoint=\"metrics\",status=\"401\"} 1"),
        "{text}"
    );
    for bad in ["metrics", "/metrics/", "/health", "/", "/a b", "/{x}", "/../metrics"] {
        let outcome = run(&["demo"], &[("METRICS_PATH", bad)]).await;
        assert_eq!(outcome.code, Some(2), "{bad}: {outcome:?}");
        assert!(outcome.stderr.contains(&format!("METRICS_PATH has {bad:?}")), "{outcome:?}");
    }
}

#[tokio::test]
async fn row_c2_a_host_that_is_none_is_400() {
    // Open to this machine alone, it would take the names of loopback only.
    let program = Program::launch(&[("METRICS_BEARER_TOKEN", TOKEN)]).await;
    let ask = async |host: &str| {
        let request = format!(
            "GET /metrics HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
        );
        program.ask(request.as_bytes()).await
    };
    for host in
        ["a b", "user@host", "a,b", "exporter:99999", "", "::1", "[::1", "exporter:x", "http://exporter"]
    {
        assert_refused(&ask(host).await, 400, host);
    }
    for host in [
        "librechat_exporter:9087",
        "exporter.",
        "[::1]",
        "[::1]:9087",
        "[fe80::1%eth0]",
        "127.0.0.1:9087",
        "Exporter",
    ] {
        assert_eq!(ask(host).await.status, 200, "{host}");
    }
    let absolute =
        b"GET http://user@exporter/metrics HTTP/1.1\r\nHost: exporter\r\nConnection: close\r\n\r\n";
    assert_refused(&program.ask(absolute).await, 400, "absolute");
}

fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, rest].concat()
}

#[tokio::test]
async fn row_b9_a_proxy_header_names_the_client_only_where_it_is_asked_for_and_trusted() {
    let request = Request::get("/metrics").last();
    let settings = [
        ("PROXY_PROTOCOL", "true"),
        ("TRUST_PROXY", "127.0.0.2,127.0.0.1"),
        ("METRICS_ALLOWED_IPS", "192.0.2.7,2001:db8::7"),
    ];
    let program = Program::launch(&settings).await;
    let v6 = [&[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7][..], &[0; 20], &[0x20, 0, 1, 0]]
        .concat();
    let v4 = |last| [192, 0, 2, last, 10, 0, 0, 1, 0, 1, 0, 2];
    for (header, status) in [
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 9087\r\n".to_vec(), 200),
        (b"PROXY TCP6 2001:db8::7 ::1 4711 9087\r\n".to_vec(), 200),
        (b"PROXY TCP4 192.0.2.8 10.0.0.1 4711 9087\r\n".to_vec(), 403),
        (version_2(0x21, 0x11, &v4(7)), 200),
        (version_2(0x21, 0x11, &v4(8)), 403),
        (version_2(0x21, 0x21, &v6), 200),
        // The proxy's own connections.
        (b"PROXY UNKNOWN\r\n".to_vec(), 403),
        (version_2(0x20, 0x00, &[]), 403),
    ] {
        let response = client::ask(program.target_from(2), &[header.clone(), request.clone()].concat()).await;
        assert_eq!(response.status, status, "{:?}", String::from_utf8_lossy(&header));
    }
    // Odd ones end the connection, and a second one is a bad request.
    let good = b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 9087\r\n".to_vec();
    for bytes in [
        [&b"PROXY TCP4 192.0.2.7\r\n"[..], &request].concat(),
        [version_2(0x21, 0x11, &[1]), request.clone()].concat(),
        [good.clone(), good.clone(), request.clone()].concat(),
    ] {
        let answer = client::exchange(program.target_from(2), &bytes).await;
        assert!(answer.is_none_or(|answer| answer.status == 400), "{:?}", String::from_utf8_lossy(&bytes));
    }
    // From anybody else it is no header but a bad request.
    let stranger = client::ask(program.target_from(3), &[good.clone(), request.clone()].concat()).await;
    assert_refused(&stranger, 400, "from a stranger");
    // Who is on this machine may ask without one.
    let health = client::ask(program.target(), &Request::get("/health").last()).await;
    assert_eq!(health.status, 200);
    assert_eq!(client::ask(program.target(), &[good.clone(), request.clone()].concat()).await.status, 200);

    let off = Program::launch(&[("TRUST_PROXY", "127.0.0.2")]).await;
    assert_refused(&client::ask(off.target_from(2), &[good, request].concat()).await, 400, "off by default");
    for trust in ["false", "1", "true"] {
        let outcome = run(&["demo"], &[("PROXY_PROTOCOL", "true"), ("TRUST_PROXY", trust)]).await;
        assert_eq!(outcome.code, Some(2), "{trust}: {outcome:?}");
        assert!(outcome.stderr.contains("PROXY_PROTOCOL needs TRUST_PROXY to list"), "{outcome:?}");
    }
}

#[tokio::test]
async fn host_takes_no_port() {
    for host in ["0.0.0.0:9087", "[::]:9087", "exporter:80"] {
        let outcome = run(&["check-config"], &[("HOST", host)]).await;
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.stderr.contains("HOST takes no port"), "{outcome:?}");
    }
}

#[tokio::test]
async fn row_c8_openmetrics_0_0_1_is_for_those_who_know_no_other() {
    let program = Program::demo(&[]).await;
    let old = "application/openmetrics-text; version=0.0.1; charset=utf-8";
    let response = program.get("/metrics", &[format!("Accept: {old}")]).await;
    assert_eq!((response.status, response.header("content-type")), (200, Some(old)));
    assert!(response.text().ends_with("# EOF\n"));
}
