//! An issuer that answers as it is told, and keeps a record of who asked when.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

pub(super) const DISCOVERY: &str = "/.well-known/openid-configuration";
pub(super) const KEYS: &str = "/keys";

#[derive(Clone)]
pub(super) enum Answer {
    /// Status line, further header lines, body.
    Whole(&'static str, String, Vec<u8>),
    /// The answer for whoever sends this bearer token; 401 for the others.
    Behind(&'static str, Box<Answer>),
    /// Reads the request and says nothing.
    Hang,
    /// A good head, and then one byte a second.
    Drip,
    /// Closes the connection without a word.
    Close,
}

impl Answer {
    pub(super) fn json(value: &Value) -> Self {
        Self::Whole("200 OK", "content-type: application/json\r\n".into(), value.to_string().into_bytes())
    }

    pub(super) fn keys(keys: &[Value]) -> Self {
        Self::json(&json!({ "keys": keys }))
    }

    pub(super) fn status(status: &'static str, headers: &str) -> Self {
        Self::Whole(status, headers.into(), b"no".to_vec())
    }

    pub(super) fn gzip(text: &[u8]) -> Self {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        Self::Whole("200 OK", "content-encoding: gzip\r\n".into(), encoder.finish().unwrap())
    }
}

struct Shared {
    answers: Mutex<HashMap<String, Answer>>,
    requests: watch::Sender<Vec<(String, Instant)>>,
    heads: Mutex<Vec<String>>,
}

pub(super) struct Idp {
    pub(super) address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Drop for Idp {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Idp {
    pub(super) async fn start() -> Self {
        Self::serve(None).await
    }

    pub(super) async fn serve(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            answers: Mutex::default(),
            requests: watch::Sender::new(Vec::new()),
            heads: Mutex::default(),
        });
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server = tokio::spawn(accept(listener, tls, Arc::clone(&shared)));
        let idp = Self { address, scheme, shared, server };
        idp.answer(DISCOVERY, idp.discovery(KEYS));
        idp
    }

    pub(super) fn issuer(&self) -> String {
        format!("{}://{}/", self.scheme, self.address)
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// A discovery document that points to `path` of this issuer.
    pub(super) fn discovery(&self, path: &str) -> Answer {
        Answer::json(&json!({ "issuer": self.issuer(), "jwks_uri": self.url(path) }))
    }

    pub(super) fn answer(&self, path: &str, answer: Answer) {
        self.shared.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    pub(super) fn publish(&self, keys: &[Value]) {
        self.answer(KEYS, Answer::keys(keys));
    }

    pub(super) fn requests(&self, path: &str) -> usize {
        self.times(path).len()
    }

    /// Everything that was sent, in lower case.
    pub(super) fn heads(&self) -> String {
        self.shared.heads.lock().unwrap().concat()
    }

    /// When `path` was asked for.
    pub(super) fn times(&self, path: &str) -> Vec<Instant> {
        self.shared.requests.borrow().iter().filter(|(asked, _)| asked == path).map(|(_, at)| *at).collect()
    }

    /// Waits until `path` has been asked for so many times.
    pub(super) async fn asked(&self, path: &str, times: usize) {
        let mut requests = self.shared.requests.subscribe();
        let enough =
            |all: &Vec<(String, Instant)>| all.iter().filter(|(asked, _)| asked == path).count() >= times;
        requests.wait_for(enough).await.unwrap();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            match tls {
                None => serve(stream, &shared).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, &shared).await;
                    }
                }
            }
        });
    }
}

/// One request; whatever goes wrong is the client's business.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    shared.requests.send_modify(|requests| requests.push((path.clone(), Instant::now())));
    let head = head.to_lowercase();
    shared.heads.lock().unwrap().push(head.clone());
    let answer = shared.answers.lock().unwrap().get(&path).cloned();
    let mut answer = answer.unwrap_or_else(|| Answer::status("404 Not Found", ""));
    if let Answer::Behind(token, behind) = answer {
        let is_shown = head.contains(&format!("\r\nauthorization: bearer {token}\r\n"));
        answer = if is_shown { *behind } else { Answer::status("401 Unauthorized", "") };
    }
    match answer {
        // One guard is enough.
        Answer::Behind(..) => {}
        Answer::Close => {}
        Answer::Hang => {
            let _ = stream.read_u8().await;
        }
        Answer::Whole(status, headers, body) => {
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n");
            let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
            let _ = stream.shutdown().await;
        }
        Answer::Drip => {
            let mut next = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_vec();
            while stream.write_all(&next).await.is_ok() && stream.flush().await.is_ok() {
                next = b" ".to_vec();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}
