//! What signals do: the first stops, the second cuts, SIGHUP reads files again.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::authorization::{TOKEN, good};
use crate::client::{Connection, Request};
use crate::program::{Program, eventually, run};

const OPEN: &[(&str, &str)] = &[("RATE_LIMIT_MAX", "0")];

/// As many as the server takes in with its first read, so that none is left unread when it closes.
const PIPELINED: usize = 180;

/// Asks for more than the buffers between two sockets hold, reads the first bytes and then nothing: the answers get
/// stuck halfway.
async fn stuck(program: &Program) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(SocketAddr::from(([127, 0, 0, 1], program.port))).await.unwrap();
    let requests = Request::get("/metrics").bytes().repeat(PIPELINED);
    stream.write_all(&requests).await.unwrap();
    stream.read_exact(&mut [0; 64]).await.unwrap();
    let mut answered = None;
    let (mut still, mut looks) = (0, 0);
    eventually("the answers are stuck", async || {
        let text = program.get::<&str>("/metrics", &[]).await.text();
        let line = "librechat_exporter_http_requests_total{endpoint=\"metrics\",status=\"200\"} ";
        let count: Option<usize> =
            text.lines().find_map(|found| found.strip_prefix(line)).map(|n| n.parse().unwrap());
        looks += 1;
        // Each look at the count is one of the requests that it counts.
        let stands_still = count.is_some() && count == answered.map(|before| before + 1);
        answered = count;
        still = if stands_still { still + 1 } else { 0 };
        if still > 5 { Ok(()) } else { Err(format!("{count:?}")) }
    })
    .await;
    let of_the_stuck = answered.unwrap() + 1 - looks;
    assert!(of_the_stuck < PIPELINED, "the buffers hold all answers");
    stream
}

async fn assert_refuses_connections(program: &Program) {
    eventually("new connections are refused", async || match Connection::open(program.target()).await {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error.to_string()),
        Ok(_) => Err("it still listens".to_owned()),
    })
    .await;
}

#[tokio::test]
async fn row_362_sigterm_finishes_what_is_being_answered_and_accepts_nothing_new() {
    let mut program = Program::demo(OPEN).await;
    let mut idle = program.connect().await;
    let mut scrape = stuck(&program).await;
    program.signal("TERM");
    assert_refuses_connections(&program).await;
    assert!(idle.rest().await.unwrap().is_empty(), "idle connections are closed");
    let mut bytes = Vec::new();
    scrape.read_to_end(&mut bytes).await.unwrap();
    // The last answer is whole: as many bytes as its head announces.
    let start = bytes.windows(9).rposition(|window| window == b"HTTP/1.1 ").unwrap();
    let text = String::from_utf8(bytes[start..].to_vec()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert_eq!(body.len(), length.parse::<usize>().unwrap(), "row 362");
    assert_eq!(program.ended().await.code(), Some(0), "row 362: {}", program.output());
}

/// Point 11 of issue 13: a half-sent head kept the process until the head's own deadline.
#[tokio::test]
async fn sigterm_closes_connections_that_have_sent_no_whole_request() {
    let mut program = Program::demo(&[("RATE_LIMIT_MAX", "0"), ("LOG_LEVEL", "debug")]).await;
    let mut silent = program.connect().await;
    let mut half = program.connect().await;
    half.send(b"GET /livez HTTP/1.1\r\nHost: loc").await.unwrap();
    let mut second = program.connect().await;
    second.send(&Request::get("/livez").bytes()).await.unwrap();
    assert_eq!(second.receive(false).await.unwrap().status, 200);
    second.send(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    program.get::<&str>("/livez", &[]).await;
    program.signal("TERM");
    for connection in [&mut silent, &mut half, &mut second] {
        assert!(connection.rest().await.unwrap().is_empty());
    }
    assert_eq!(program.ended().await.code(), Some(0), "{}", program.output());
    let log = program.output();
    assert!(log.contains("had sent no whole request"), "closed for another reason: {log}");
    assert!(!log.contains("a connection ended"), "closed by a deadline: {log}");
}

#[tokio::test]
async fn row_364_a_second_sigterm_ends_it_at_once_with_1() {
    for [first, second] in [["TERM", "TERM"], ["INT", "TERM"]] {
        let mut program = Program::demo(OPEN).await;
        let _scrape = stuck(&program).await;
        program.signal(first);
        assert_refuses_connections(&program).await;
        program.signal(second);
        assert_eq!(program.ended().await.code(), Some(1), "row 364: {}", program.output());
    }
}

#[tokio::test]
async fn sigterm_and_sigint_end_an_idle_exporter_with_0() {
    for signal in ["TERM", "INT"] {
        let mut program = Program::demo(OPEN).await;
        program.signal(signal);
        assert_eq!(program.ended().await.code(), Some(0), "SIG{signal}: {}", program.output());
    }
}

#[tokio::test]
async fn rows_054_and_381_sighup_rotates_tokens_and_a_lost_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, format!("{TOKEN}\nnew-0123456789abcdef\n")).unwrap();
    let settings = [
        ("METRICS_BEARER_TOKEN_FILE", file.to_str().unwrap()),
        ("RATE_LIMIT_MAX", "0"),
        ("METRICS_BRUTE_FORCE_PROTECTION", "false"),
    ];
    let program = Program::demo(&settings).await;
    let new = "Authorization: Bearer new-0123456789abcdef";
    let status = async |line: &str| program.get("/metrics", &[line]).await.status;
    assert_eq!([status(&good()).await, status(new).await], [200, 200], "row 54: both are good");

    fs::write(&file, "new-0123456789abcdef\n").unwrap();
    program.signal("HUP");
    eventually("the old token is refused", async || match status(&good()).await {
        401 => Ok(()),
        other => Err(other.to_string()),
    })
    .await;
    assert_eq!(status(new).await, 200, "row 54: the new one stays");

    let mut failures = 0;
    let mut assert_kept = async |what: &str| {
        failures += 1;
        program.signal("HUP");
        let counted = format!("\nlibrechat_exporter_secret_reloads_total{{result=\"error\"}} {failures}\n");
        let counted = [counted.clone(), counted.replace("\"error\"", "\"failed\"")];
        eventually(&format!("{what}: the failure is counted"), async || {
            let text = program.get("/metrics", &[new]).await.text();
            let shown = text.lines().find(|line| line.contains("reloads_total")).map(str::to_owned);
            if counted.iter().any(|line| text.contains(line)) { Ok(()) } else { Err(format!("{shown:?}")) }
        })
        .await;
        assert_eq!([status(new).await, status(&good()).await], [200, 401], "row 381: {what}");
    };
    fs::write(&file, "").unwrap();
    assert_kept("emptied").await;
    fs::remove_file(&file).unwrap();
    assert_kept("gone").await;
    fs::write(&file, "a token with blanks\n").unwrap();
    assert_kept("not to be sent").await;
    let errors = program.log().iter().filter(|line| line["level"] == "ERROR").count();
    assert_eq!(errors, 3, "row 381: {}", program.output());

    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    program.signal("HUP");
    eventually("the next good file counts", async || match status(&good()).await {
        200 => Ok(()),
        other => Err(other.to_string()),
    })
    .await;
    assert_eq!(status(new).await, 401);
    for token in [TOKEN, "new-0123456789abcdef", "token with blanks"] {
        assert!(!program.output().contains(token), "{}", program.output());
    }
}

#[tokio::test]
async fn healthcheck_asks_the_local_health_and_says_how_it_went_by_its_code() {
    let mut program = Program::demo(OPEN).await;
    let port = program.port.to_string();
    let here = [("PORT", &*port), ("HOST", "127.0.0.1")];
    assert_eq!(run(&["healthcheck"], &here).await.code, Some(0));
    // What it is bound to may be every address.
    assert_eq!(run(&["healthcheck"], &[("PORT", &*port)]).await.code, Some(0));
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    assert_eq!(run(&["healthcheck", "--url", &url("/livez")], &[]).await.code, Some(0));
    let missing = run(&["healthcheck", "--url", &url("/nothing?token=canary")], &[]).await;
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.stderr.contains("404") && !missing.stderr.contains("canary"), "{missing:?}");

    let mistaken = run(&["healthcheck"], &[("PORT", "abc")]).await;
    assert_eq!(mistaken.code, Some(1), "{mistaken:?}");
    assert!(mistaken.stderr.contains("PORT must be a port"), "{mistaken:?}");

    program.signal("TERM");
    program.ended().await;
    let gone = run(&["healthcheck"], &here).await;
    assert_eq!((gone.code, gone.stderr.lines().count()), (Some(1), 1), "{gone:?}");
}
