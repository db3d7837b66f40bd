//! LibreChat behind Basic Authentication at the proxy, with the exporter's `/metrics` beside it.

use crate::exporter::Exporter;
use crate::http::{Response, get, get_from};
use crate::librechat::{ACCESS, LibreChat, PAGE};
use crate::proxies::{Behind, Case, Kind, Proxy};

const ALICE: [u8; 4] = [127, 0, 0, 2];
const BOB: [u8; 4] = [127, 0, 0, 3];
/// `alice:password-of-the-proxy`.
const PASSWORD: (&str, &str) = ("Authorization", "Basic YWxpY2U6cGFzc3dvcmQtb2YtdGhlLXByb3h5");
/// `alice:another-password`.
const WRONG: (&str, &str) = ("Authorization", "Basic YWxpY2U6YW5vdGhlci1wYXNzd29yZA==");
const TOKEN: (&str, &str) = ("Authorization", "Bearer a-token-of-at-least-sixteen-characters");

struct Site {
    librechat: LibreChat,
    exporter: Exporter,
}

impl Site {
    /// An exporter with two methods of its own, Basic among them.
    async fn start(settings: &[(&str, &str)]) -> Self {
        let mut all = vec![
            ("TRUST_PROXY", "127.0.0.1"),
            ("METRICS_BEARER_TOKEN", "a-token-of-at-least-sixteen-characters"),
            ("METRICS_BASIC_AUTH_USER", "prometheus"),
            ("METRICS_BASIC_AUTH_PASSWORD", "a password of the test"),
        ];
        all.extend(settings);
        Self {
            librechat: LibreChat::start("a-refresh-token", true).await,
            exporter: Exporter::demo(&all).await,
        }
    }

    async fn behind(&self, kind: Kind) -> Proxy {
        let behind =
            Behind { exporter: self.exporter.port, librechat: self.librechat.port, ..Behind::default() };
        Proxy::start(kind, Case::Basic, behind).await
    }
}

fn challenges(answer: &Response) -> Vec<&str> {
    let lines = answer.headers.iter().filter(|(name, _)| name == "www-authenticate");
    lines.map(|(_, value)| value.as_str()).collect()
}

#[tokio::test]
async fn the_page_asks_for_the_password_of_the_proxy_and_keeps_it_from_librechat() {
    let site = Site::start(&[]).await;
    let paths = [
        "/",
        "/c/new",
        "/login",
        "/assets/index.js",
        "/images/a.png",
        "/oauth/openid",
        "/livez",
        "/api",
        "/apix/user",
        "/healthz",
        "/health/",
        "/manifest.webmanifest.map",
        "/metricsx",
        "/c/new?next=/api/",
    ];
    for kind in Kind::ALL {
        let proxy = site.behind(kind).await;
        for path in paths {
            for credentials in [&[][..], &[WRONG], &[TOKEN]] {
                let answer = get(proxy.port, path, credentials).await.unwrap();
                assert_eq!(answer.status, 401, "{kind:?} {path} {credentials:?}");
                assert!(!answer.text().contains(PAGE), "{kind:?} {path}");
                let challenges = challenges(&answer);
                assert_eq!(challenges.len(), 1, "{kind:?} {path} {challenges:?}");
                assert!(challenges[0].starts_with("Basic realm=\"LibreChat\""), "{kind:?} {challenges:?}");
            }
            let answer = get(proxy.port, path, &[PASSWORD]).await.unwrap();
            assert_eq!((answer.status, answer.header("saw-authorization")), (200, None), "{kind:?} {path}");
        }
        let page = get(proxy.port, "/c/new", &[PASSWORD]).await.unwrap();
        assert_eq!(page.text(), PAGE, "{kind:?}");
    }
}

#[tokio::test]
async fn no_way_of_writing_a_path_leads_to_the_page_without_the_password() {
    let site = Site::start(&[]).await;
    let paths = [
        "//api/user",
        "/%61pi/user",
        "/api%2fuser",
        "/api/../c/new",
        "/api/..%2fc/new",
        "/api/%2e%2e/c/new",
        "/api/..;/c/new",
        "/api\\..\\c/new",
        "/API/../c/new",
        "/health/../c/new",
        "/health%2f..%2fc%2fnew",
        "/health;/c/new",
        "/health%3f",
        "/%68ealth",
        "/metrics/../c/new",
        "/metrics%2f..%2fc/new",
        "/%6detrics",
        "/./c/new",
        "/manifest.webmanifest/../c/new",
        "/manifest.webmanifest%3f",
        "/manifestXwebmanifest",
    ];
    for kind in Kind::ALL {
        let proxy = site.behind(kind).await;
        for path in paths {
            let answer = get(proxy.port, path, &[]).await.unwrap();
            assert!(answer.status >= 400 || path == "/%68ealth", "{kind:?} {path} {answer:?}");
            assert!(!answer.text().contains(PAGE), "{kind:?} {path} {answer:?}");
        }
    }
}

#[tokio::test]
async fn calls_with_a_bearer_token_the_manifest_and_probes_need_no_password() {
    let site = Site::start(&[]).await;
    let bearer = format!("Bearer {ACCESS}");
    for kind in Kind::ALL {
        let proxy = site.behind(kind).await;
        let call = get(proxy.port, "/api/user?x=1", &[("Authorization", &bearer)]).await.unwrap();
        assert_eq!((call.status, call.header("saw-authorization")), (200, Some(&*bearer)), "{kind:?}");
        assert_eq!(call.header("saw-forwarded-for"), Some("127.0.0.1"), "{kind:?}");
        assert_eq!(call.header("saw-forwarded-proto"), Some("http"), "{kind:?}");
        // What LibreChat itself refuses must not make a browser ask for a password.
        for path in ["/api/user", "/api/agents/chat", "/api/files"] {
            for credentials in [&[][..], &[PASSWORD], &[WRONG]] {
                let refused = get(proxy.port, path, credentials).await.unwrap();
                assert_eq!(refused.status, 401, "{kind:?} {path}");
                assert!(challenges(&refused).is_empty(), "{kind:?} {path} {refused:?}");
                assert_eq!(refused.header("saw-authorization"), None, "{kind:?} {path}");
            }
        }
        let login = get(proxy.port, "/api/auth/login", &[]).await.unwrap();
        assert_eq!(login.status, 200, "{kind:?}");
        for (path, text) in [("/manifest.webmanifest", "{}"), ("/health", "OK"), ("/health?probe=1", "OK")] {
            for credentials in [&[][..], &[PASSWORD], &[WRONG]] {
                let answer = get(proxy.port, path, credentials).await.unwrap();
                assert_eq!((answer.status, answer.text().as_str()), (200, text), "{kind:?} {path}");
            }
        }
    }
}

#[tokio::test]
async fn metrics_is_the_exporters_and_asks_for_the_exporters_credentials_only() {
    let site = Site::start(&[("METRICS_ALLOWED_IPS", "127.0.0.2")]).await;
    for kind in Kind::ALL {
        let proxy = site.behind(kind).await;
        let refused = get_from(ALICE, proxy.port, "/metrics", &[]).await.unwrap();
        assert_eq!(refused.status, 401, "{kind:?}");
        let realms = challenges(&refused);
        assert_eq!(realms.len(), 2, "{kind:?} {realms:?}");
        assert!(
            realms.iter().all(|challenge| challenge.contains("realm=\"metrics\"")),
            "{kind:?} {realms:?}"
        );

        let scrape = get_from(ALICE, proxy.port, "/metrics", &[TOKEN]).await.unwrap();
        assert_eq!(scrape.status, 200, "{kind:?}");
        assert!(scrape.text().contains("librechat_up 1"), "{kind:?}");
        assert!(!scrape.text().contains("librechats_own_figures"), "{kind:?}");

        let outsider = get_from(BOB, proxy.port, "/metrics", &[TOKEN]).await.unwrap();
        assert_eq!(outsider.status, 403, "{kind:?}: TRUST_PROXY goes with the example");
    }
}

#[tokio::test]
async fn the_password_of_the_proxy_is_no_guess_at_the_exporters() {
    let site = Site::start(&[]).await;
    for kind in Kind::ALL {
        let proxy = site.behind(kind).await;
        // A browser sends it by itself; five wrong passwords lock an address out.
        for _ in 0..6 {
            let refused = get_from(ALICE, proxy.port, "/metrics", &[PASSWORD]).await.unwrap();
            assert_eq!(refused.status, 401, "{kind:?}");
        }
        let scrape = get_from(ALICE, proxy.port, "/metrics", &[TOKEN]).await.unwrap();
        assert_eq!(scrape.status, 200, "{kind:?}");
    }
    // What it would be without that care.
    let straight = get_from(BOB, site.exporter.port, "/metrics", &[PASSWORD]).await.unwrap();
    assert_eq!(straight.status, 401);
    site.exporter.until_logged(&["refused a request", "wrong_password"]).await;
}
