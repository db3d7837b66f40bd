//! A small stand-in for LibreChat's server, the one thing here that is not real: it answers, as far as a proxy can tell,
//! as LibreChat does. It routes by the text of the path as LibreChat's framework does, guards `/api/` with Bearer, sets
//! the cookies of a login, sends an answer in pieces, and takes large uploads. What it was sent comes back in `saw-…`
//! headers.

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Extension, Router};
use futures_util::{StreamExt, stream};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The access token that the page gets from a login and sends with its calls.
pub(crate) const ACCESS: &str = "an-access-token-of-librechat";

/// What its page says.
pub(crate) const PAGE: &str = "<!doctype html><title>LibreChat</title>";

/// The beginning and the end of the answer that comes in pieces.
pub(crate) const PIECES: [&str; 2] = ["data: the beginning\n\n", "data: the end\n\n"];

/// Cookies that have nothing to do with the login: one of an answer that sets it, one of the page.
pub(crate) const OTHERS: [&str; 2] = [
    "connect.sid=of-the-provider; Path=/; HttpOnly; Secure; SameSite=Strict",
    "theme=dark; Path=/; Secure; SameSite=Strict",
];

const EXPIRES: &str = "Expires=Fri, 31 Dec 2100 23:59:59 GMT";

/// A running stand-in. Dropping it ends it.
pub(crate) struct LibreChat {
    /// Where it listens.
    pub(crate) port: u16,
    page: Arc<Site>,
    server: JoinHandle<()>,
}

struct Site {
    refresh_token: String,
    secure: &'static str,
    go_on: Notify,
}

impl Drop for LibreChat {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl LibreChat {
    /// One whose logins all get `refresh_token`. It has LibreChat's two kinds of cookies: `Secure` in production.
    pub(crate) async fn start(refresh_token: &str, production: bool) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let secure = if production { "; Secure" } else { "" };
        let page = Arc::new(Site { refresh_token: refresh_token.to_owned(), secure, go_on: Notify::new() });
        let router = Router::new()
            .route("/health", any(async || "OK"))
            .route(
                "/manifest.webmanifest",
                any(async || ([(CONTENT_TYPE, "application/manifest+json")], "{}")),
            )
            .route("/metrics", any(async || "librechats_own_figures 1\n"))
            .route("/api/auth/login", any(login))
            .route("/api/auth/refresh", any(refresh))
            .route("/api/auth/logout", any(logout))
            .route("/api/files", any(upload))
            .route("/api/chat", any(chat))
            .route("/api/{*rest}", any(api))
            .fallback(async |request: Request| {
                (saw(request.headers()), [(SET_COOKIE, OTHERS[1]), (CONTENT_TYPE, "text/html")], PAGE)
            })
            .layer(Extension(Arc::clone(&page)));
        Self { port, page, server: tokio::spawn(serve(listener, router)) }
    }

    /// Lets the answer that waits after its first piece go on.
    pub(crate) fn go_on(&self) {
        self.page.go_on.notify_one();
    }

    /// The lines `Set-Cookie` of a login, as LibreChat writes them: no `Domain`, `Strict`.
    pub(crate) fn cookies(&self) -> [String; 3] {
        cookies(&self.page)
    }
}

async fn serve(listener: TcpListener, router: Router) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let service = TowerToHyperService::new(router.clone());
        // Whatever goes wrong with a connection is its client's business.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn cookies(site: &Site) -> [String; 3] {
    let Site { refresh_token, secure, .. } = site;
    [
        format!("refreshToken={refresh_token}; Path=/; {EXPIRES}; HttpOnly{secure}; SameSite=Strict"),
        format!("token_provider=librechat; Path=/; {EXPIRES}; HttpOnly{secure}; SameSite=Strict"),
        OTHERS[0].to_owned(),
    ]
}

/// The credentials that came, for the tests to look at.
fn saw(headers: &HeaderMap) -> HeaderMap {
    let names = [(AUTHORIZATION, "saw-authorization"), (COOKIE, "saw-cookie")];
    let mut seen = HeaderMap::new();
    for (name, seen_as) in names {
        if let Some(value) = headers.get(name) {
            seen.insert(seen_as, value.clone());
        }
    }
    for (name, seen_as) in [
        ("x-forwarded-for", "saw-forwarded-for"),
        ("x-forwarded-proto", "saw-forwarded-proto"),
        ("x-auth-method", "saw-auth-method"),
        ("x-auth-subject", "saw-auth-subject"),
        ("x-auth-role", "saw-auth-role"),
        // Some frameworks take an underscore for a hyphen.
        ("x_auth_subject", "saw-underscored-subject"),
    ] {
        if let Some(value) = headers.get(name) {
            seen.insert(seen_as, value.clone());
        }
    }
    seen
}

async fn login(Extension(site): Extension<Arc<Site>>, request: Request) -> Response {
    logged_in(&site, request.headers())
}

fn logged_in(site: &Site, headers: &HeaderMap) -> Response {
    let mut response = (saw(headers), format!(r#"{{"token":"{ACCESS}"}}"#)).into_response();
    for cookie in cookies(site) {
        response.headers_mut().append(SET_COOKIE, cookie.parse().unwrap());
    }
    response
}

/// Takes the first cookie of the name, as the library does that LibreChat reads its cookies with.
async fn refresh(Extension(site): Extension<Arc<Site>>, request: Request) -> Response {
    let sent = request.headers().get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = sent.split("; ").find_map(|pair| pair.strip_prefix("refreshToken="));
    match first {
        Some(token) if token == site.refresh_token => logged_in(&site, request.headers()),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn logout() -> Response {
    let mut response = "{}".into_response();
    for name in ["refreshToken", "token_provider"] {
        let ended = format!("{name}=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
        response.headers_mut().append(SET_COOKIE, ended.parse().unwrap());
    }
    response
}

fn is_let_in(headers: &HeaderMap) -> bool {
    headers.get_all(AUTHORIZATION).iter().any(|value| value == &format!("Bearer {ACCESS}"))
}

async fn api(request: Request) -> Response {
    let status = if is_let_in(request.headers()) { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    (status, saw(request.headers()), "{}").into_response()
}

async fn upload(request: Request) -> Response {
    if !is_let_in(request.headers()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
    body.len().to_string().into_response()
}

async fn chat(Extension(site): Extension<Arc<Site>>, request: Request) -> Response {
    if !is_let_in(request.headers()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let end = stream::once(async move {
        site.go_on.notified().await;
        PIECES[1]
    });
    let pieces = stream::iter([PIECES[0]]).chain(end).map(Ok::<_, std::io::Error>);
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(pieces)).into_response()
}
