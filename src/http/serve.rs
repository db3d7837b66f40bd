//! One listener from bind to drain: accept, bound, serve, finish.
//!
//! Invariants: a connection's head is at most 32 KiB and 100 lines; what a connection may take in time is in
//! [`super::deadline`], how many there may be in [`super::connections`]. After the signal nothing is accepted any more,
//! idle connections are closed, requests in flight are finished.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::ServiceExt as _;
use tracing::{debug, warn};

use super::connections::{Connections, Place};
use super::deadline::{Activity, Deadlined};
use super::head::MAX_HEAD;
use super::listener::Listener;
use super::record::Endpoint;
use super::unparsed::Completed;
use super::{Site, finish, head, refusal};
use crate::client_ip::Peer;
use crate::tls::Acceptor;

const MAX_LINES: usize = 100;

/// When the operating system has no more descriptors, accepting again at once would only spin.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// A listener and what it serves.
pub struct Server {
    pub listener: Listener,
    pub router: Router,
    pub site: Arc<Site>,
    /// `None` serves plain HTTP.
    pub tls: Option<Acceptor>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl Server {
    /// Serves until `stop` turns true, then until every request in flight is answered. Dropping it cuts them.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let connections = Arc::<Connections>::default();
        let service = Arc::new(Service { router: self.router, site: self.site, tls: self.tls });
        let for_connections = stop.clone();
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                accepted = accept(&self.listener) => match accepted {
                    Ok((stream, peer)) => match connections.enter(address(peer)) {
                        Some(place) => {
                            let service = Arc::clone(&service);
                            tasks.spawn(service.connection(stream, peer, place, for_connections.clone()));
                        }
                        None => debug!("turned a connection away: all are being served"),
                    },
                    Err(error) => {
                        warn!("cannot accept connections: {error}");
                        sleep(ACCEPT_AGAIN).await;
                    }
                },
                Some(_) = tasks.join_next() => {}
                () = stopped(&mut stop) => break,
            }
        }
        drop(self.listener);
        while tasks.join_next().await.is_some() {}
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // When the sender is gone, so is whoever could want us to go on.
    let _ = stop.wait_for(|stop| *stop).await;
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn accept(listener: &Listener) -> std::io::Result<(Box<dyn Stream>, Peer)> {
    match listener {
        Listener::Tcp(listener) => {
            let (stream, peer) = listener.accept().await?;
            // Answers are written whole: waiting for more to send only delays them.
            stream.set_nodelay(true)?;
            Ok((Box::new(stream), Peer::Tcp(peer.ip())))
        }
        Listener::Unix(socket) => {
            let (stream, _) = socket.listener.accept().await?;
            Ok((Box::new(stream), Peer::Unix))
        }
    }
}

fn address(peer: Peer) -> Option<std::net::IpAddr> {
    match peer {
        Peer::Tcp(address) => Some(address.to_canonical()),
        Peer::Unix => None,
    }
}

/// What is the same for all connections of a listener.
struct Service {
    router: Router,
    site: Arc<Site>,
    tls: Option<Acceptor>,
}

impl Service {
    async fn connection(
        self: Arc<Self>,
        stream: Box<dyn Stream>,
        peer: Peer,
        place: Place,
        stop: watch::Receiver<bool>,
    ) {
        let stream = Deadlined::new(stream, Arc::clone(&place.activity));
        match &self.tls {
            None => self.speak(stream, peer, &place, stop).await,
            Some(acceptor) => {
                let accepted = tokio::select! {
                    accepted = acceptor.accept(stream) => accepted,
                    () = place.evicted() => return,
                };
                match accepted {
                    Ok(stream) => self.speak(stream, peer, &place, stop).await,
                    Err(error) => debug!("a TLS handshake failed: {error}"),
                }
            }
        }
    }

    async fn speak(&self, stream: impl Stream, peer: Peer, place: &Place, mut stop: watch::Receiver<bool>) {
        let service = service_fn(|request| self.answer(request, peer, &place.activity));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(MAX_HEAD).max_headers(MAX_LINES);
        let mut connection =
            std::pin::pin!(http.serve_connection(TokioIo::new(Completed::new(stream)), service));
        let mut stopping = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        debug!("a connection ended: {error}");
                    }
                    return;
                }
                () = place.evicted() => return,
                () = stopped(&mut stop), if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    async fn answer(
        &self,
        mut request: Request<Incoming>,
        peer: Peer,
        activity: &Activity,
    ) -> Result<Response, Infallible> {
        activity.begin_request();
        let endpoint = Endpoint::of(request.uri().path());
        let response = match head::check(&request) {
            Err(status) => refusal::closing(status),
            Ok(()) => {
                request.extensions_mut().insert(peer);
                self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
            }
        };
        self.site.requests.count(endpoint, response.status());
        activity.end_request();
        Ok(finish(response))
    }
}
