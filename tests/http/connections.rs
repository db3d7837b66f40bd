//! Group F: connections that are many, slow or idle. Those that wait for a deadline run in this process, with a clock
//! that jumps to the next deadline instead of waiting for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use librechat_exporter::app::guard;
use librechat_exporter::app::login::Nobody;
use librechat_exporter::auth::session::identity::{SessionKey, UserId};
use librechat_exporter::auth::session::{Directory, Found, Unreachable};
use librechat_exporter::config::{Config, Needs, VARIABLES};
use librechat_exporter::exposition::Exposition;
use librechat_exporter::http::connections::{Connections, MAX};
use librechat_exporter::http::handshakes::{Failures, Tls};
use librechat_exporter::http::listener::Listener;
use librechat_exporter::http::record::Requests;
use librechat_exporter::http::serve::Server;
use librechat_exporter::http::{Site, Surface, router};
use librechat_exporter::librechat::status::Status;
use librechat_exporter::vars::Vars;

use futures_util::future::BoxFuture;
use jsonwebtoken::{EncodingKey, Header};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::authorization::{ALL, good};
use crate::client::{self, Connection, Request, Target};
use crate::program::{Program, eventually};
use crate::refusal::{assert_common, assert_refused};

/// Serves in this process until the sender is dropped.
pub(crate) async fn serve(
    settings: &[(&str, &str)],
    directory: Arc<dyn Directory>,
) -> (Target<'static>, watch::Sender<bool>) {
    let pairs = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let config = Config::read(&mut Vars::new(pairs, VARIABLES), Needs::Nothing).unwrap();
    let mut registry = Registry::default();
    let status = Arc::new(Status::register(&mut registry, || SystemTime::UNIX_EPOCH));
    let requests = Requests::register(&mut registry);
    let tls =
        config.tls.map(|tls| Tls { acceptor: tls.acceptor, failures: Failures::register(&mut registry) });
    let (limits, listen) = (&config.limits, &config.listen);
    let guard =
        guard::build(config.guard, limits, listen, directory, &mut registry, &mut Vec::new()).unwrap();
    let exposition = Arc::new(Exposition::new(registry, Duration::MAX, SystemTime::UNIX_EPOCH));
    let metrics_path = config.listen.metrics_path;
    let headers = http::HeaderMap::new();
    let site = Arc::new(Site { exposition, status, guard, requests, metrics_path, headers });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::Tcp(listener.local_addr().unwrap());
    let router = router(Surface::Whole, Arc::clone(&site));
    let (stop, stopped) = watch::channel(false);
    let connections = Connections::new(MAX);
    let all_connections = vec![Arc::clone(&connections)];
    let server = Server {
        listener: Listener::Tcp(listener),
        router,
        site,
        tls,
        connections,
        all_connections,
        proxies: None,
    };
    tokio::spawn(server.run(stopped));
    (target, stop)
}

/// How long, on the clock that jumps, until the server closes.
async fn until_closed(connection: &mut Connection, since: Instant) -> (u64, Vec<u8>) {
    let rest = connection.rest_however_long().await;
    (since.elapsed().as_secs(), rest)
}

#[tokio::test]
async fn row_330_a_head_that_does_not_end_is_cut_at_ten_seconds() {
    let (target, _stop) = serve(&[], Arc::new(Nobody)).await;
    for start in ["", "G", "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let mut connection = Connection::open(target).await.unwrap();
        connection.send(start.as_bytes()).await.unwrap();
        tokio::time::pause();
        let (seconds, rest) = until_closed(&mut connection, Instant::now()).await;
        tokio::time::resume();
        assert!((9..=11).contains(&seconds), "row 330: {start:?}: {seconds} s");
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408 "), "{start:?}: {rest:?}");
    }
}

#[tokio::test]
async fn row_332_an_idle_connection_is_closed_after_75_seconds_and_not_before() {
    let (target, _stop) = serve(&[], Arc::new(Nobody)).await;
    let mut connection = Connection::open(target).await.unwrap();
    connection.send(&Request::get("/livez").bytes()).await.unwrap();
    assert_eq!(connection.receive(false).await.unwrap().status, 200);
    tokio::time::pause();
    let (seconds, rest) = until_closed(&mut connection, Instant::now()).await;
    assert!((74..=76).contains(&seconds) && rest.is_empty(), "row 332: {seconds} s, {rest:?}");
}

/// A directory with a defect.
#[derive(Debug)]
struct Broken;

impl Directory for Broken {
    fn session<'a>(
        &'a self,
        _session: SessionKey,
        _user: UserId,
    ) -> BoxFuture<'a, Result<Option<Found>, Unreachable>> {
        Box::pin(async { panic!("canary-panic") })
    }
}

#[tokio::test]
async fn row_420_a_panic_is_a_plain_500_and_the_next_request_is_served() {
    let secret = "a-session-secret-of-more-than-32-bytes";
    let settings =
        [("METRICS_SESSION_SECRET", secret), ("METRICS_BEARER_TOKEN", crate::authorization::TOKEN)];
    let (target, _stop) = serve(&settings, Arc::new(Broken)).await;
    let id = "65a000000000000000000001";
    let claims =
        serde_json::json!({ "id": id, "sessionId": id, "iat": 1_700_000_000, "exp": 4_000_000_000_u32 });
    let key = EncodingKey::from_secret(secret.as_bytes());
    let cookie = jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap();
    let request = Request::get("/metrics").header("Cookie", format!("refreshToken={cookie}")).last();
    let response = client::ask(target, &request).await;
    assert_refused(&response, 500, 420);
    let next = client::ask(target, &Request::get("/metrics").line(good()).last()).await;
    assert_eq!(next.status, 200, "row 420");
    assert_common(&next, &420);
}

#[tokio::test]
async fn row_334_two_thousand_idle_connections_of_one_address_do_not_keep_its_scraper_out() {
    let program = Program::demo(ALL).await;
    // No more than 64 of an address stay: the oldest are closed, and let go of here to spare descriptors.
    let mut idle = VecDeque::new();
    for _ in 0..2000 {
        idle.push_back(program.connect().await);
        if idle.len() > 200 {
            let mut oldest: Connection = idle.pop_front().unwrap();
            assert!(oldest.rest().await.unwrap().is_empty(), "row 334: closed without a word");
        }
    }
    assert_eq!(program.get("/metrics", &[good()]).await.status, 200, "row 334");
    assert_eq!(program.get::<&str>("/health", &[]).await.status, 200, "row 334");
    let other = client::ask(program.target_from(2), &Request::get("/metrics").line(good()).last()).await;
    assert_eq!(other.status, 200, "row 334: from elsewhere");
    let mut newest = idle.pop_back().unwrap();
    newest.send(&Request::get("/metrics").line(good()).bytes()).await.unwrap();
    assert_eq!(newest.receive(false).await.unwrap().status, 200, "the newest was kept");
}

#[tokio::test]
async fn row_334_full_of_idle_connections_from_everywhere_it_still_serves() {
    let program = Program::demo(ALL).await;
    let mut idle = Vec::new();
    for address in 10..20 {
        for _ in 0..60 {
            idle.push(Connection::open(program.target_from(address)).await.unwrap());
        }
    }
    for path in ["/metrics", "/health"] {
        let response = program.get(path, &[good()]).await;
        assert_eq!(response.status, 200, "row 334: {path}");
    }
    // Those that waited longest had to make room for the rest.
    for mut connection in idle.drain(..80) {
        assert!(connection.rest().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_connection_in_use_is_never_taken_for_a_newcomer() {
    let program = Program::demo(ALL).await;
    let mut in_use = program.connect().await;
    let request = Request::get("/metrics").line(good()).bytes();
    in_use.send(&request).await.unwrap();
    assert_eq!(in_use.receive(false).await.unwrap().status, 200);
    let mut idle = Vec::new();
    for round in 0..70 {
        idle.push(program.connect().await);
        // Used again and again, it is never the one that has waited longest.
        in_use.send(&request).await.unwrap();
        assert_eq!(in_use.receive(false).await.unwrap().status, 200, "{round}");
    }
    eventually("the first of the idle ones is closed", async || {
        let rest = idle[0].rest().await;
        if rest.is_ok() { Ok(()) } else { Err(format!("{rest:?}")) }
    })
    .await;
}
