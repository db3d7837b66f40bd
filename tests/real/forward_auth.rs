//! Issue 16, point 6: what stands beside LibreChat, guarded by `/auth` behind the proxies that can ask. The proxies with
//! their shipped configurations, the exporter, Prometheus, node_exporter, the OpenID provider and MongoDB are real.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::browser::{Browser, PAGE};
use crate::exporter::Exporter;
use crate::http::{self, Response};
use crate::issuer::{AUDIENCE, Issuer, Resource, SCOPE};
use crate::librechat::LibreChat;
use crate::login::{SECRET, Visitor, sign_in};
use crate::mongod::{Mongod, READER};
use crate::process::Process;
use crate::prometheus::Jobs;
use crate::proxies::{Behind, Case, Kind, Proxy};
use crate::servers::{command, eventually, free_port};

const CHAT: &str = "chat.example.com";
const NODE: &str = "node.example.com";
const LOGIN: &str = "https://chat.example.com/login";
const TOKEN: &str = "a-token-of-at-least-sixteen-characters";

/// The rules as they are shipped.
fn rules() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/forward-auth/rules.yaml");
    path.to_str().unwrap().to_owned()
}

fn with_token() -> String {
    format!("Authorization: Bearer {TOKEN}")
}

/// A real node_exporter. Dropping it kills it.
struct Node {
    port: u16,
    _process: Process,
}

impl Node {
    async fn start() -> Self {
        let port = free_port();
        let mut node = command("prometheus-node-exporter");
        node.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        node.args(["--collector.disable-defaults", "--collector.loadavg"]);
        let mut process = Process::start("prometheus-node-exporter", node);
        eventually("node_exporter answers", async || {
            process.expect_alive();
            let answer = http::get(port, "/metrics", &[]).await.map_err(|error| error.to_string())?;
            if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
        })
        .await;
        Self { port, _process: process }
    }
}

/// LibreChat and a companion, and somebody in a role who can sign in.
struct Site {
    _mongod: Mongod,
    visitor: Visitor,
    exporter: Exporter,
    librechat: LibreChat,
    companion: LibreChat,
}

impl Site {
    async fn start(role: &str) -> Self {
        let mongod = Mongod::start_guarded().await;
        let visitor = sign_in(&mongod, Some(role)).await;
        let exporter = Exporter::serve(&[
            ("MONGO_URI", &mongod.uri_as(READER)),
            ("TRUST_PROXY", "127.0.0.1"),
            ("FORWARD_AUTH", "true"),
            ("FORWARD_AUTH_RULES_FILE", &rules()),
            ("METRICS_SESSION_SECRET", SECRET),
            ("METRICS_SESSION_LOGIN_URL", LOGIN),
            ("METRICS_BEARER_TOKEN", TOKEN),
            ("RATE_LIMIT_MAX", "0"),
        ])
        .await;
        exporter.until_status("/readyz", 200).await;
        let librechat = LibreChat::start(&visitor.token, false).await;
        let companion = LibreChat::start("unused", false).await;
        Self { _mongod: mongod, visitor, exporter, librechat, companion }
    }

    async fn behind(&self, kind: Kind) -> Proxy {
        let behind = Behind {
            exporter: self.exporter.port,
            librechat: self.librechat.port,
            companion: self.companion.port,
            ..Behind::default()
        };
        Proxy::start(kind, Case::ForwardAuth, behind).await
    }
}

/// Only the guarded companion is told by which method somebody came.
fn method(answer: &Response) -> Option<&str> {
    answer.header("saw-auth-method")
}

#[tokio::test]
async fn prometheus_scrapes_another_exporter_with_a_token_or_by_oauth2_and_nobody_else_does() {
    let issuer = Issuer::start().await;
    // The shipped rules, for a host that Prometheus finds without a name server.
    let folder = TempDir::with_prefix("rules").unwrap();
    let own = folder.path().join("rules.yaml");
    let here = |text: &str| text.replace(NODE, "127.0.0.1");
    let text = here(&fs::read_to_string(rules()).unwrap());
    fs::write(&own, text.replace("methods: [bearer]", "methods: [bearer, jwt]")).unwrap();
    let exporter = Exporter::demo(&[
        ("FORWARD_AUTH", "true"),
        ("FORWARD_AUTH_RULES_FILE", own.to_str().unwrap()),
        ("METRICS_SESSION_SECRET", SECRET),
        ("METRICS_OAUTH2_ISSUER", &issuer.url()),
        ("METRICS_OAUTH2_AUDIENCE", AUDIENCE),
        ("METRICS_OAUTH2_REQUIRED_SCOPES", SCOPE),
        ("METRICS_BEARER_TOKEN", TOKEN),
        ("RATE_LIMIT_MAX", "0"),
    ])
    .await;
    let node = Node::start().await;
    let behind = Behind { exporter: exporter.port, node: node.port, ..Behind::default() };
    for kind in Kind::ASKING {
        // LibreChat answers for the other host, so that the proxy can be waited for.
        let librechat = LibreChat::start("unused", false).await;
        let behind = Behind { librechat: librechat.port, ..behind };
        let proxy = Proxy::start_changed(kind, Case::ForwardAuth, behind, here).await;
        let jobs = [
            ("token", format!("authorization: {{credentials: {TOKEN}}}"), 1.0),
            ("oauth2", issuer.job(Resource::Rs256, SCOPE), 1.0),
            ("wrong", "authorization: {credentials: another-token}".to_owned(), 0.0),
            ("scope", issuer.job(Resource::Rs256, "metrics:write"), 0.0),
            ("nothing", "scheme: http".to_owned(), 0.0),
        ];
        let start = Jobs::new();
        let prometheus = jobs
            .iter()
            .fold(start, |all, (name, settings, _)| all.add(name, proxy.port, settings))
            .start()
            .await;
        for (name, _, up) in &jobs {
            prometheus.until(&format!("up{{job='{name}'}}"), *up).await;
        }
        for name in ["token", "oauth2"] {
            prometheus.until(&format!("count(node_load1{{job='{name}'}})"), 1.0).await;
        }
        assert_eq!(prometheus.query("count(node_load1{job!~'token|oauth2'})").await, None, "{kind:?}");
        let browser = Browser::of(&proxy);
        let refused = browser.ask("127.0.0.1", "/metrics", &[]).await;
        assert_eq!(refused.status, 401, "{kind:?} {refused:?}");
        let challenge = refused.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer realm=\"metrics\""), "{kind:?} {refused:?}");
    }
}

#[tokio::test]
async fn the_login_of_librechat_opens_a_companion_which_is_told_whose_it_is() {
    let site = Site::start("USER").await;
    let user = site.visitor.user.to_hex();
    // What a client says of itself, in every way that a program behind might read.
    let smuggled = [
        "X-Auth-Method: session",
        "X-Auth-Subject: of-the-client",
        "X-Auth-Role: ADMIN",
        "x_auth_subject: of-the-client",
    ];
    let smuggled: Vec<&str> = smuggled.iter().flat_map(|line| ["--header", *line]).collect();
    for kind in Kind::ASKING {
        let proxy = site.behind(kind).await;
        let browser = Browser::of(&proxy);
        let page = |path: &'static str| browser.ask(CHAT, path, &["--header", PAGE]);
        let sent = page("/companion/page").await;
        assert_eq!((sent.status, sent.header("location")), (302, Some(LOGIN)), "{kind:?} {sent:?}");
        let refused = browser.ask(CHAT, "/companion/page", &smuggled).await;
        assert_eq!((refused.status, method(&refused)), (401, None), "{kind:?} {refused:?}");
        let public = browser.ask(CHAT, "/companion/health", &smuggled).await;
        assert_eq!((public.status, method(&public)), (200, Some("none")), "{kind:?} {public:?}");
        for name in ["saw-auth-subject", "saw-auth-role", "saw-underscored-subject"] {
            assert_eq!(public.header(name), None, "{kind:?} {name}");
        }

        browser.ask(CHAT, "/api/auth/login", &["--data", "{}"]).await;
        let answer = browser.ask(CHAT, "/companion/page?a=b", &smuggled).await;
        assert_eq!((answer.status, method(&answer)), (200, Some("session")), "{kind:?} {answer:?}");
        assert_eq!(answer.header("saw-auth-subject"), Some(user.as_str()), "{kind:?}");
        assert_eq!(answer.header("saw-auth-role"), Some("USER"), "{kind:?}");
        assert_eq!(answer.header("saw-underscored-subject"), None, "{kind:?}");
        let post = browser.ask(CHAT, "/companion/page", &["--data", "some text"]).await;
        assert_eq!((post.status, method(&post)), (200, Some("session")), "{kind:?} {post:?}");
        // LibreChat itself is not guarded by us, and is told nothing of the kind either.
        let librechat = browser.ask(CHAT, "/c/new", &smuggled).await;
        for name in ["saw-auth-method", "saw-auth-subject", "saw-auth-role", "saw-underscored-subject"] {
            assert_eq!((librechat.status, librechat.header(name)), (200, None), "{kind:?} {name}");
        }
        // In the role that has this, and only then.
        assert_eq!(page("/companion/admin/x").await.status, 403, "{kind:?}");
        // Who may have the companion may not have the figures, or the other exporter.
        assert_eq!(
            browser.ask(NODE, "/metrics", &[]).await.status,
            401,
            "{kind:?}: another host has no cookie"
        );
        let token = with_token();
        let scraper = browser.ask(CHAT, "/companion/page", &["--header", &token]).await;
        assert_eq!(
            (scraper.status, method(&scraper)),
            (403, None),
            "{kind:?} a scraper is nobody who is signed in"
        );

        browser.ask(CHAT, "/api/auth/logout", &["--data", ""]).await;
        let after = page("/companion/page").await;
        assert_eq!((after.status, after.header("location")), (302, Some(LOGIN)), "{kind:?} {after:?}");
        // Nobody asks /auth through the proxy.
        for path in ["/auth", "/_auth"] {
            let answer = browser.ask(CHAT, path, &["--header", &token]).await;
            assert_eq!(answer.header("x-auth-method"), None, "{kind:?} {path} {answer:?}");
        }
    }
}

#[tokio::test]
async fn no_way_of_describing_or_writing_a_request_leads_around_a_rule() {
    let site = Site::start("USER").await;
    let paths = [
        "/companion/admin",
        "/companion/admin/",
        "/companion/admin/x",
        "/companion/%61dmin/x",
        "/companion//admin/x",
        "//companion/admin/x",
        "/companion/./admin/x",
        "/companion/x/../admin/x",
        "/companion/health/../admin/x",
        "/companion/health/%2e%2e/admin/x",
        "/companion/health/.%2E/admin/x",
        "/companion/health%2f..%2fadmin/x",
        "/companion/health%2F%2e%2e%2Fadmin/x",
        "/companion/x/..;/admin/x",
        "/companion/admin;x=y/x",
        "/companion/ADMIN/x",
        "/companion/Admin",
        "/companion/admin./x",
        "/companion/admin%20/x",
        "/companion/admin%00",
        "/companion/admin%0d%0ax",
        "/companion\\admin\\x",
        "/companion/%5cadmin/x",
        "/companion/%252e%252e/companion/admin",
        "/companion/%c0%ae%c0%ae/companion/admin",
        "/companion/%ef%bc%8e%ef%bc%8e/companion/admin",
        "/c/new/../../companion/admin/x",
        "/c/..%2f/companion/admin/x",
        "/COMPANION/admin/x",
    ];
    // What a client adds to the description.
    let additions = [
        "X-Forwarded-Uri: /companion/page",
        "X-Original-URI: /companion/page",
        "X-Original-URL: https://chat.example.com/companion/page",
        "X-Rewrite-URL: /companion/page",
        "X-Forwarded-Host: chat.example.com, chat.example.com",
        "X-Forwarded-Prefix: /companion/page",
        "X-Forwarded-Method: GET",
    ];
    for kind in Kind::ASKING {
        let proxy = site.behind(kind).await;
        let browser = Browser::of(&proxy);
        browser.ask(CHAT, "/api/auth/login", &["--data", "{}"]).await;
        assert_eq!(browser.ask(CHAT, "/companion/page", &[]).await.status, 200, "{kind:?}");
        for path in paths {
            let answer = browser.ask(CHAT, path, &[]).await;
            assert_eq!(method(&answer), None, "{kind:?} {path} {answer:?}");
        }
        for line in additions {
            let answer = browser.ask(CHAT, "/companion/admin/x", &["--header", line]).await;
            assert_ne!(answer.status, 200, "{kind:?} {line} {answer:?}");
            assert_eq!(method(&answer), None, "{kind:?} {line} {answer:?}");
        }
        // Another host by the target, by the header, or by its spelling.
        let token = with_token();
        for arguments in [
            ["--request-target", "http://chat.example.com/companion/page"],
            ["--header", "Host: evil.example"],
            ["--header", "Host: chat.example.com@evil.example"],
        ] {
            let all = [&arguments[..], &["--header", &token]].concat();
            let answer = browser.ask(CHAT, "/companion/admin/x", &all).await;
            assert_eq!(method(&answer), None, "{kind:?} {arguments:?} {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_refusal_reaches_the_client_with_its_status_whatever_the_proxy_thinks_of_it() {
    let librechat = LibreChat::start("unused", false).await;
    for kind in Kind::ASKING {
        let exporter = Exporter::demo(&[
            ("FORWARD_AUTH", "true"),
            ("METRICS_BEARER_TOKEN", TOKEN),
            ("METRICS_BRUTE_FORCE_MAX_FAILED_ATTEMPTS", "1"),
        ])
        .await;
        let behind = Behind {
            exporter: exporter.port,
            librechat: librechat.port,
            companion: librechat.port,
            ..Behind::default()
        };
        let proxy = Proxy::start(kind, Case::ForwardAuth, behind).await;
        let browser = Browser::of(&proxy);
        let ask = async |credential: &str| {
            let line = format!("Authorization: Bearer {credential}");
            browser.ask(CHAT, "/companion/page", &["--header", &line]).await
        };
        assert_eq!(ask(TOKEN).await.status, 200, "{kind:?}");
        let _ = ask("a-guess").await;
        let locked = ask("another-guess").await;
        assert_eq!(locked.status, 429, "{kind:?} {locked:?}");
        assert!(locked.header("retry-after").is_some(), "{kind:?} {locked:?}");
        assert_eq!(locked.header("cache-control"), Some("no-store"), "{kind:?} {locked:?}");
    }
}
