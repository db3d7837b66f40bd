//! Group F: methods, paths, ports and what each endpoint says.

use crate::authorization::{ALL, TOKEN, good};
use crate::client::{self, Request, Target};
use crate::program::{Program, eventually, free_port, run};
use crate::refusal::{Answer, assert_answer, assert_common, assert_refused, assert_refused_without_body};

#[tokio::test]
async fn rows_304_and_305_head_has_the_headers_of_get_and_no_body() {
    let program = Program::demo(ALL).await;
    let good = good();
    for path in ["/health", "/livez", "/readyz", "/", "/metrics"] {
        let get = program.get(path, &[&good]).await;
        let head = program.ask(&Request::new(&format!("HEAD {path} HTTP/1.1")).line(&good).last()).await;
        assert_eq!((get.status, head.status), (200, 200), "rows 304, 356: {path}");
        assert!(head.body.is_empty() && !get.body.is_empty(), "{path}");
        let names = |response: &client::Response| -> Vec<_> {
            response.headers.iter().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names(&head), names(&get), "{path}");
        let but_length = |response: &client::Response| {
            let mut headers = response.lasting_headers();
            // Between two requests the exporter's own figures and what is left of a limit move on.
            headers.retain(|(name, _)| !["content-length", "ratelimit"].contains(&name.as_str()));
            headers
        };
        assert_eq!(but_length(&head), but_length(&get), "{path}");
    }
    let refused = program.ask(&Request::new("HEAD /metrics HTTP/1.1").last()).await;
    assert_refused_without_body(&refused, 401, 305);
    assert_eq!(refused.all("www-authenticate").len(), 2, "row 305");
}

#[tokio::test]
async fn rows_306_to_312_and_357_methods_and_paths_are_refused_before_credentials_are_looked_at() {
    let program = Program::demo(ALL).await;
    let mut rows = Vec::new();
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
        for path in ["/metrics", "/health", "/livez", "/readyz", "/"] {
            rows.push((306, format!("{method} {path}"), 405));
        }
    }
    rows.push((308, "TRACE /metrics".into(), 405));
    rows.push((310, "get /metrics".into(), 405));
    rows.push((310, "Get /metrics".into(), 405));
    rows.push((357, "POST /health".into(), 405));
    for path in [
        "/metrics/",
        "//metrics",
        "/METRICS",
        "/%6detrics",
        "/metrics%2f",
        "/metrics%00",
        "/metrics;a=b",
        "/./metrics",
        "/x/../metrics",
        "/metrics/x",
        "/metrics%20",
        "/favicon.ico",
        "/-/healthy",
        "/debug/pprof/",
        "/.env",
    ] {
        rows.push((312, format!("GET {path}"), 404));
        rows.push((312, format!("POST {path}"), 404));
    }
    for (row, start, status) in rows {
        let request = |line: &[String]| Request::new(&format!("{start} HTTP/1.1")).lines(line).last();
        let plain = program.ask(&request(&[])).await;
        assert_refused(&plain, status, (row, &start));
        if status == 405 {
            assert_eq!(plain.header("allow"), Some("GET, HEAD"), "row {row}: {start}");
        }
        for lines in [&[good()][..], &[String::from("Authorization: Bearer bad")], &[good(), good()]] {
            let response = program.ask(&request(lines)).await;
            assert_eq!(response.lasting_headers(), plain.lasting_headers(), "row {row}: {start}, {lines:?}");
            assert_eq!(response.body, plain.body, "row {row}: {start}, {lines:?}");
        }
    }
    let trace = Request::new("TRACE /metrics HTTP/1.1").line("X-Echo: canary-echo").last();
    let echoed = program.ask(&trace).await.raw();
    assert!(!String::from_utf8_lossy(&echoed).contains("canary-echo"), "row 308");
}

#[tokio::test]
async fn rows_309_to_317_odd_targets_reach_the_same_guard_or_nothing() {
    let program = Program::demo(ALL).await;
    for (row, line, lines, expected) in [
        (309, "CONNECT x:80 HTTP/1.1", vec![good()], vec![400, 404, 405]),
        (309, "CONNECT /metrics HTTP/1.1", vec![good()], vec![400, 404, 405]),
        (316, "GET /metrics#frag HTTP/1.1", vec![], vec![400, 401]),
        (317, "OPTIONS * HTTP/1.1", vec![good()], vec![404, 405]),
        (0, "GET * HTTP/1.1", vec![good()], vec![400, 404]),
        (0, "GET metrics HTTP/1.1", vec![good()], vec![400, 404]),
        (0, "GET http://exporter/metrics HTTP/1.1", vec![], vec![401]),
        (0, "GET ftp://x:y@exporter/metrics HTTP/1.1", vec![], vec![400, 401]),
    ] {
        let response = program.ask(&Request::new(line).lines(&lines).last()).await;
        assert!(expected.contains(&response.status), "row {row}: {line}: {response:?}");
        assert_refused(&response, response.status, (row, line));
    }
    for path in ["/metrics?x=1", "/metrics?", "/metrics?name[]=up", "/metrics?collect[]=a&b=%zz"] {
        let refused = program.get::<&str>(path, &[]).await;
        assert_answer(&refused, Answer::Challenged, (313, 314, path));
        let served = program.get(path, &[good()]).await;
        assert_eq!(served.status, 200, "rows 313, 314: {path}");
        assert!(served.text().contains("\nlibrechat_up 1\n"), "{path}");
    }
}

#[tokio::test]
async fn rows_353_to_357_health_says_how_it_stands_and_nothing_else() {
    let program = Program::demo(ALL).await;
    for lines in [vec![], vec![good()], vec!["Authorization: Bearer bad".into()], vec![good(), good()]] {
        let response = program.get("/health", &lines).await;
        assert_eq!(response.status, 200, "rows 353, 354: {lines:?}");
        assert_eq!(response.text(), r#"{"status":"ok","mongo":"connected"}"#, "row 353");
        assert_eq!(response.header("content-type"), Some("application/json"));
        assert_common(&response, &353);
        for path in ["/livez", "/readyz"] {
            let response = program.get(path, &lines).await;
            assert_eq!((response.status, response.text().as_str()), (200, "ok\n"), "{path} {lines:?}");
            assert_common(&response, &path);
        }
    }
}

#[tokio::test]
async fn row_353_without_mongodb_health_and_readyz_are_503_and_livez_is_200() {
    let uri =
        format!("mongodb://someone:canary-password@127.0.0.1:{}/?serverSelectionTimeoutMS=200", free_port());
    let settings = [("MONGO_URI", &*uri), ("METRICS_BEARER_TOKEN", TOKEN), ("HEALTH_RATE_LIMIT_MAX", "0")];
    let program = Program::serve(&settings).await;
    let health = eventually("MongoDB is found out to be away", async || {
        let response = program.get::<&str>("/health", &[]).await;
        assert_eq!(response.status, 503, "{response:?}");
        if response.text().contains("disconnected") { Ok(response) } else { Err(response.text()) }
    })
    .await;
    assert_eq!(health.text(), r#"{"status":"degraded","mongo":"disconnected"}"#);
    assert_common(&health, &353);
    let head = program.ask(&Request::new("HEAD /health HTTP/1.1").last()).await;
    assert_eq!((head.status, head.body.len()), (503, 0), "row 356");
    assert_eq!(program.get::<&str>("/readyz", &[]).await.status, 503);
    assert_eq!(program.get::<&str>("/livez", &[]).await.status, 200);
    assert_refused(&program.get::<&str>("/metrics", &[]).await, 401, "guarded all the same");
    assert!(program.get("/metrics", &[good()]).await.text().contains("\nlibrechat_up 0\n"));
    assert!(!program.output().contains("canary-password"), "{}", program.output());
}

#[tokio::test]
async fn rows_358_and_360_metrics_are_only_on_their_own_port_when_they_have_one() {
    let metrics_port = free_port();
    let number = metrics_port.to_string();
    let mut settings = ALL.to_vec();
    settings.push(("METRICS_PORT", &number));
    let program = Program::launch(&settings).await;
    let metrics = Target::Tcp(([127, 0, 0, 1], metrics_port).into());
    program.until("/readyz", 200).await;
    for (path, on_port, on_metrics_port) in [
        ("/metrics", 404, 200),
        ("/health", 200, 404),
        ("/livez", 200, 404),
        ("/readyz", 200, 404),
        ("/", 200, 200),
        ("/nothing", 404, 404),
    ] {
        let request = Request::get(path).line(good()).last();
        let statuses = (program.ask(&request).await.status, client::ask(metrics, &request).await.status);
        assert_eq!(statuses, (on_port, on_metrics_port), "row 358: {path}");
    }
    for lines in [vec![], vec![good()], vec![String::from("Authorization: Bearer bad")]] {
        assert_refused(&program.get("/metrics", &lines).await, 404, (358, lines));
    }
    assert_refused(&client::ask(metrics, &Request::get("/metrics").last()).await, 401, 358);

    let port = free_port().to_string();
    let both = [("PORT", &*port), ("METRICS_PORT", &port), ("METRICS_BEARER_TOKEN", TOKEN)];
    let program = Program::launch(&both).await;
    let address = Target::Tcp(([127, 0, 0, 1], port.parse().unwrap()).into());
    for path in ["/metrics", "/health", "/"] {
        let response = client::ask(address, &Request::get(path).line(good()).last()).await;
        assert_eq!(response.status, 200, "row 360: {path}");
    }
    drop(program);
}

#[tokio::test]
async fn row_361_a_port_in_use_ends_the_start_naming_its_variable() {
    // It goes on listening while the commands run.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().port().to_string();
    let free = free_port().to_string();
    for (settings, named) in [
        (vec![("PORT", &*taken)], "PORT"),
        (vec![("PORT", &*free), ("METRICS_PORT", &taken)], "METRICS_PORT"),
    ] {
        let mut all = vec![("HOST", "127.0.0.1"), ("LOG_LEVEL", "error")];
        all.extend(settings);
        let outcome = run(&["demo"], &all).await;
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        let lines: Vec<_> = outcome.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{outcome:?}");
        assert!(lines[0].contains(named) && lines[0].contains(&taken), "{outcome:?}");
    }
}

#[tokio::test]
async fn row_261_a_unix_socket_serves_everything_and_has_an_address_only_where_loopback_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exporter.sock");
    let host = format!("unix:{}", path.display());
    let target = Target::Unix(&path);
    {
        let _program = Program::launch(&[("HOST", &host), ("METRICS_BEARER_TOKEN", TOKEN)]).await;
        for (lines, status) in [(vec![good()], 200), (vec![], 401)] {
            let response = client::ask(target, &Request::get("/metrics").lines(&lines).last()).await;
            assert_eq!(response.status, status, "{response:?}");
        }
        let health = run(&["healthcheck"], &[("HOST", &host)]).await;
        assert_eq!(health.code, Some(0), "{health:?}");
    }
    // The socket's file is still there, and nobody listens: it is replaced.
    for (trust, status) in [("false", 403), ("10.0.0.0/8", 403), ("loopback", 200)] {
        let settings = [("HOST", &*host), ("METRICS_ALLOWED_IPS", "127.0.0.0/8,::1"), ("TRUST_PROXY", trust)];
        let _program = Program::launch(&settings).await;
        let response = client::ask(target, &Request::get("/metrics").last()).await;
        assert_eq!(response.status, status, "row 261: {trust}");
    }
}

#[tokio::test]
async fn ipv6_is_served_and_its_clients_are_told_apart() {
    for host in ["::1", "[::1]"] {
        let settings = [("HOST", host), ("METRICS_ALLOWED_IPS", "::1"), ("METRICS_BEARER_TOKEN", TOKEN)];
        let program = Program::launch(&settings).await;
        let target = Target::Tcp((std::net::Ipv6Addr::LOCALHOST, program.port).into());
        let response = client::ask(target, &Request::get("/metrics").line(good()).last()).await;
        assert_eq!(response.status, 200, "{host}");
        let port = program.port.to_string();
        let health = run(&["healthcheck"], &[("HOST", host), ("PORT", &port)]).await;
        assert_eq!(health.code, Some(0), "{health:?}");
    }
}

#[tokio::test]
async fn row_366_every_answer_is_private_and_names_no_software() {
    let program = Program::demo(ALL).await;
    for path in ["/", "/health", "/livez", "/readyz", "/metrics", "/nothing"] {
        for lines in [vec![], vec![good()]] {
            let response = program.get(path, &lines).await;
            assert_common(&response, &(366, path));
            let varies = (path == "/metrics").then_some("Accept, Accept-Encoding");
            assert_eq!(response.header("vary"), varies, "{path}");
        }
    }
    let landing = program.get::<&str>("/", &[]).await;
    assert_eq!(landing.header("content-type"), Some("text/html; charset=utf-8"));
    for text in ["librechat-exporter", env!("CARGO_PKG_VERSION"), "href=\"/metrics\"", "href=\"/health\""] {
        assert!(landing.text().contains(text), "{text}: {}", landing.text());
    }
}
