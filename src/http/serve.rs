//! One listener from bind to drain: accept, bound, serve, finish.
//!
//! Invariants: a connection's head is at most 32 KiB and 100 lines; what a connection may take in time is in
//! [`super::deadline`], how many there may be in [`super::connections`]. After the signal nothing is accepted any more,
//! connections without a whole request are closed, requests in flight are finished. A connection with a client certificate lives no longer
//! than what it was let in by ([`Bounds`]).

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::header::CONNECTION;
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tower::ServiceExt as _;
use tracing::{debug, warn};

use super::connections::{Connections, Place};
use super::deadline::Deadlined;
use super::handshakes::{Shown, Tls};
use super::head::MAX_HEAD;
use super::listener::Listener;
use super::proxy_protocol::{self, HeaderError, Rewound, Source};
use super::record::Endpoint;
use super::tracked::Tracked;
use super::unparsed::Completed;
use super::{Site, finish, head, refusal};
use crate::client_ip::Peer;
use crate::client_ip::trust::TrustProxy;
use crate::telemetry::clock;
use crate::telemetry::throttle::Throttle;
use crate::tls::client::ClientCertificate;

const MAX_LINES: usize = 100;

/// For a descriptor to become free: accepting again at once would only spin.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// The same after a connection was ended for its descriptor.
const ACCEPT_SOON: Duration = Duration::from_millis(5);

/// For a request that was sent before its client could know that the process ends.
const ON_ITS_WAY: Duration = Duration::from_millis(200);

/// A Unix socket counts as it where proxies are looked up.
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// How long a client is believed to be whom its certificate named when it connected.
const MAX_AGE_OF_CERTIFIED: Duration = Duration::from_secs(600);

/// A listener and what it serves.
pub struct Server {
    pub listener: Listener,
    pub router: Router,
    pub site: Arc<Site>,
    /// `None` serves plain HTTP.
    pub tls: Option<Tls>,
    pub connections: Arc<Connections>,
    /// Those of every listener, which share the descriptors of the process.
    pub all_connections: Vec<Arc<Connections>>,
    /// Those whose connections begin with a PROXY header.
    pub proxies: Option<TrustProxy>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl Server {
    /// Serves until `stop` turns true, then until every request in flight is answered. Dropping it cuts them.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let (connections, all_connections) = (self.connections, self.all_connections);
        let (router, site, tls, proxies) = (self.router, self.site, self.tls, self.proxies);
        let service = Arc::new(Service { router, site, tls, proxies, log: Throttle::default() });
        let for_connections = stop.clone();
        let (mut tasks, log) = (JoinSet::new(), Throttle::default());
        loop {
            tokio::select! {
                accepted = accept(&self.listener) => match accepted {
                    Ok((stream, peer)) => match connections.enter(service.known_address(peer)) {
                        Some(place) => {
                            let service = Arc::clone(&service);
                            tasks.spawn(service.connection(stream, peer, place, for_connections.clone()));
                        }
                        None => debug!("turned a connection away: all are being served"),
                    },
                    Err(error) => make_room(&error, &all_connections, &log).await,
                },
                Some(_) = tasks.join_next() => {}
                () = stopped(&mut stop) => break,
            }
        }
        drop(self.listener);
        while tasks.join_next().await.is_some() {}
    }
}

/// Ends the connection that has waited longest, whichever listener has it, when one could not be accepted for want of a
/// descriptor.
async fn make_room(error: &io::Error, all: &[Arc<Connections>], log: &Throttle) {
    let is_full = matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE));
    if !is_full && error.kind() == io::ErrorKind::ConnectionAborted {
        // Gone before it was accepted.
        return;
    }
    if let Some(suppressed) = log.due("accept", std::time::Instant::now()) {
        warn!(suppressed, "cannot accept connections: {error}");
    }
    let has_room = is_full && Connections::evict_one_of(all);
    let pause = if has_room { ACCEPT_SOON } else { ACCEPT_AGAIN };
    sleep(pause).await;
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // When the sender is gone, so is whoever could want us to go on.
    let _ = stop.wait_for(|stop| *stop).await;
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn accept(listener: &Listener) -> io::Result<(Box<dyn Stream>, Peer)> {
    match listener {
        Listener::Tcp(listener) => {
            let (stream, peer) = listener.accept().await?;
            // Answers are written whole: waiting for more to send only delays them. Fails when the client is gone.
            let _ = stream.set_nodelay(true);
            Ok((Box::new(stream), Peer::Tcp(peer.ip())))
        }
        Listener::Unix(socket) => {
            let (stream, _) = socket.listener.accept().await?;
            Ok((Box::new(stream), Peer::Unix))
        }
    }
}

fn address(peer: Peer) -> Option<IpAddr> {
    match peer {
        Peer::Tcp(address) => Some(address.to_canonical()),
        Peer::Unix => None,
    }
}

/// Who is at the other end of a connection.
#[derive(Clone)]
struct Caller {
    peer: Peer,
    certificate: Option<Arc<ClientCertificate>>,
}

/// Until when a connection may be used; the default is for as long as its client likes.
#[derive(Default)]
struct Bounds {
    /// The next answer after this is the last.
    retire: Option<Instant>,
    /// No request is answered after this.
    end: Option<Instant>,
    /// Changes when the authorities do by whom the client's certificate was judged.
    authorities: Option<watch::Receiver<u64>>,
}

impl Bounds {
    fn of(certificate: &ClientCertificate, authorities: watch::Receiver<u64>) -> Self {
        let now = Instant::now();
        Self {
            retire: Some(now + MAX_AGE_OF_CERTIFIED),
            // A certificate may be good for longer than an `Instant` can tell.
            end: now.checked_add(certificate.remaining(clock::now())),
            authorities: Some(authorities),
        }
    }

    fn is_retired(&self) -> bool {
        self.retire.is_some_and(|retire| retire <= Instant::now())
    }
}

/// Ends when the certificate does, or the authorities are replaced.
async fn revoked(end: Option<Instant>, authorities: Option<watch::Receiver<u64>>) {
    let expired = async {
        match end {
            Some(end) => sleep_until(end).await,
            None => std::future::pending().await,
        }
    };
    let replaced = async {
        if let Some(mut authorities) = authorities
            && authorities.changed().await.is_ok()
        {
            return;
        }
        // Nobody asks for certificates, or nobody is left who could replace the authorities.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = expired => {}
        () = replaced => {}
    }
}

/// What is the same for all connections of a listener.
struct Service {
    router: Router,
    site: Arc<Site>,
    tls: Option<Tls>,
    proxies: Option<TrustProxy>,
    log: Throttle,
}

impl Service {
    /// Whether what `peer` says of a connection is believed.
    fn is_proxy(&self, peer: Peer) -> bool {
        self.proxies.as_ref().is_some_and(|proxies| proxies.trusts(address(peer).or(Some(LOOPBACK)), 0))
    }

    /// `None` where it is not known yet whose connection it is.
    fn known_address(&self, peer: Peer) -> Option<IpAddr> {
        if self.is_proxy(peer) { None } else { address(peer) }
    }

    /// Whose connection a proxy says that it is; what was read of it already, where it says nothing.
    async fn identify<S: AsyncRead + Unpin>(
        &self,
        stream: &mut S,
        peer: Peer,
        place: &Place,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<(Peer, Vec<u8>)> {
        let header = tokio::select! {
            header = proxy_protocol::read(stream) => header,
            () = place.evicted() => return None,
            () = stopped(stop) => return None,
        };
        let known = match header {
            Ok(Ok(Source::Client(client))) => Ok((Peer::Tcp(client), Vec::new())),
            Ok(Ok(Source::Unix)) => Ok((Peer::Unix, Vec::new())),
            Ok(Ok(Source::Proxy)) => Ok((peer, Vec::new())),
            // Who is on this machine already, as `healthcheck` is, may come without a proxy.
            Ok(Err(start)) if address(peer).is_none_or(|peer| peer.is_loopback()) => {
                Ok((peer, start.to_vec()))
            }
            Ok(Err(_)) => Err("it began without a PROXY header, though TRUST_PROXY lists its address"),
            Err(HeaderError::Malformed) => Err("it began with a PROXY header that is not well-formed"),
            Err(HeaderError::Io(error)) => {
                debug!("a connection ended before its PROXY header: {error}");
                return None;
            }
        };
        match known {
            Ok((peer, unread)) => {
                if let Some(address) = address(peer) {
                    place.identify(address)?;
                }
                Some((peer, unread))
            }
            Err(reason) => {
                if let Some(suppressed) = self.log.due(reason, std::time::Instant::now()) {
                    warn!(address = %Shown(peer), suppressed, "closed a connection: {reason}");
                }
                None
            }
        }
    }

    async fn connection(
        self: Arc<Self>,
        stream: Box<dyn Stream>,
        peer: Peer,
        place: Place,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut stream = Deadlined::new(stream, Arc::clone(&place.activity));
        if !self.is_proxy(peer) {
            return self.secure(stream, peer, place, stop).await;
        }
        if let Some((peer, unread)) = self.identify(&mut stream, peer, &place, &mut stop).await {
            self.secure(Rewound::new(stream, unread), peer, place, stop).await;
        }
    }

    /// Speaks TLS first where the listener does.
    async fn secure(&self, stream: impl Stream, peer: Peer, place: Place, mut stop: watch::Receiver<bool>) {
        let Some(tls) = &self.tls else {
            let caller = Caller { peer, certificate: None };
            return self.speak(stream, caller, Bounds::default(), &place, stop).await;
        };
        // Before the handshake: a replacement while it goes on counts.
        let authorities = tls.acceptor.authorities();
        let accepted = tokio::select! {
            accepted = tls.acceptor.accept(stream) => accepted,
            () = place.evicted() => return,
            () = stopped(&mut stop) => return,
        };
        match accepted {
            Ok(accepted) => {
                let certificate = accepted.certificate.map(Arc::new);
                let bounds =
                    certificate.as_ref().map_or_else(Bounds::default, |of| Bounds::of(of, authorities));
                let caller = Caller { peer, certificate };
                self.speak(accepted.stream, caller, bounds, &place, stop).await;
            }
            Err(error) => tls.failures.note(&error, peer),
        }
    }

    async fn speak(
        &self,
        stream: impl Stream,
        caller: Caller,
        mut bounds: Bounds,
        place: &Place,
        mut stop: watch::Receiver<bool>,
    ) {
        let revoked = revoked(bounds.end, bounds.authorities.take());
        let service = service_fn(|request| self.answer(request, caller.clone(), &bounds, place));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(MAX_HEAD).max_headers(MAX_LINES);
        let mut connection =
            std::pin::pin!(http.serve_connection(TokioIo::new(Completed::new(stream)), service));
        let serving = async {
            tokio::select! {
                ended = connection.as_mut() => return ended,
                () = stopped(&mut stop) => {}
                () = revoked => {}
            }
            connection.as_mut().graceful_shutdown();
            if let Ok(ended) = timeout(ON_ITS_WAY, connection.as_mut()).await {
                return ended;
            }
            if place.activity.awaits_request() {
                debug!("closed a connection that had sent no whole request");
                return Ok(());
            }
            connection.await
        };
        tokio::select! {
            ended = serving => if let Err(error) = ended {
                debug!("a connection ended: {error}");
            },
            () = place.evicted() => {}
        }
    }

    async fn answer(
        &self,
        mut request: Request<Incoming>,
        caller: Caller,
        bounds: &Bounds,
        place: &Place,
    ) -> Result<http::Response<Tracked<axum::body::Body>>, Infallible> {
        place.activity.begin_request();
        let endpoint =
            Endpoint::of(request.uri().path(), &self.site.metrics_path, self.site.guard.forward.is_some());
        let mut response = match check(&request, &caller) {
            Err(status) => refusal::closing(status),
            Ok(()) => {
                request.extensions_mut().insert(caller.peer);
                if let Some(certificate) = caller.certificate {
                    request.extensions_mut().insert(certificate);
                }
                self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
            }
        };
        self.site.requests.count(endpoint, response.status());
        if bounds.is_retired() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        place.activity.begin_answer();
        let response = finish(response, &self.site.headers);
        Ok(response.map(|body| Tracked::new(body, Arc::clone(&place.activity))))
    }
}

/// What is looked at before everything else.
fn check(request: &Request<Incoming>, caller: &Caller) -> Result<(), StatusCode> {
    head::check(request)?;
    // The clock may have been set since the end of the certificate was reckoned.
    let has_expired = caller.certificate.as_ref().is_some_and(|of| of.remaining(clock::now()).is_zero());
    if has_expired { Err(StatusCode::FORBIDDEN) } else { Ok(()) }
}
