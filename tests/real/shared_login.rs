//! LibreChat's login as the way into the exporter through a proxy: under one host name, and on a sibling subdomain with
//! the cookies rewritten. MongoDB, the exporter, the proxies and the browser's cookie jar are real.

use std::collections::BTreeSet;

use crate::browser::{Browser, PAGE};
use crate::exporter::Exporter;
use crate::http::Response;
use crate::librechat::{LibreChat, OTHERS};
use crate::login::{SECRET, sign_in};
use crate::mongod::{Mongod, READER};
use crate::proxies::{Behind, Case, Kind, Proxy};

const CHAT: &str = "chat.example.com";
const METRICS: &str = "metrics.example.com";
const LOGIN: &str = "https://chat.example.com/login";
const END_OF_THE_OLD: [&str; 2] = ["refreshToken=; Path=/; Max-Age=0", "token_provider=; Path=/; Max-Age=0"];

/// LibreChat, where whoever signs in is an administrator, the exporter, and another companion.
struct Site {
    _mongod: Mongod,
    exporter: Exporter,
    librechat: LibreChat,
    companion: LibreChat,
}

impl Site {
    async fn start(production: bool) -> Self {
        let mongod = Mongod::start_guarded().await;
        let administrator = sign_in(&mongod, Some("ADMIN")).await;
        let exporter = Exporter::serve(&[
            ("MONGO_URI", &mongod.uri_as(READER)),
            ("TRUST_PROXY", "127.0.0.1"),
            ("METRICS_SESSION_SECRET", SECRET),
            ("METRICS_SESSION_LOGIN_URL", LOGIN),
            ("METRICS_BEARER_TOKEN", "a-token-of-at-least-sixteen-characters"),
        ])
        .await;
        exporter.until_status("/readyz", 200).await;
        let librechat = LibreChat::start(&administrator.token, production).await;
        let companion = LibreChat::start("unused", production).await;
        Self { _mongod: mongod, exporter, librechat, companion }
    }

    fn behind(&self) -> Behind {
        Behind {
            exporter: self.exporter.port,
            librechat: self.librechat.port,
            companion: self.companion.port,
            ..Behind::default()
        }
    }

    async fn proxy(&self, kind: Kind, case: Case) -> Proxy {
        Proxy::start(kind, case, self.behind()).await
    }

    /// The example of the siblings with a change.
    async fn changed(&self, kind: Kind, change: impl Fn(&str) -> String) -> Proxy {
        Proxy::start_changed(kind, Case::Siblings, self.behind(), change).await
    }
}

/// Opens `/metrics` as somebody who has typed its address.
async fn open(browser: &Browser, host: &str) -> Response {
    browser.ask(host, "/metrics", &["--header", PAGE]).await
}

fn is_sent_to_sign_in(answer: &Response) -> bool {
    (answer.status, answer.header("location")) == (302, Some(LOGIN))
}

fn shows_the_figures(answer: &Response) -> bool {
    let text = answer.text();
    answer.status == 200 && text.contains("librechat_up 1") && !text.contains("librechats_own_figures")
}

fn set_cookies(answer: &Response) -> Vec<&str> {
    let lines = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
    lines.map(|(_, value)| value.as_str()).collect()
}

/// Takes the lines out that have to do with cookies.
fn without_rewriting(text: &str) -> String {
    without(&["proxy_cookie_", "add_header Set-Cookie", "http-response", "header_down", "+Set-Cookie"], text)
}

fn without(words: &[&str], text: &str) -> String {
    let kept: Vec<_> = text.lines().filter(|line| !words.iter().any(|word| line.contains(word))).collect();
    assert!(kept.len() < text.lines().count(), "none of {words:?} is in {text}");
    kept.join("\n") + "\n"
}

/// The pieces of a `Set-Cookie` line: their order means nothing, nor does the case of the attributes.
fn pieces(line: &str) -> BTreeSet<String> {
    let mut pieces = line.split(';').map(str::trim);
    let pair = pieces.next().unwrap().to_owned();
    pieces.map(str::to_lowercase).chain([pair]).collect()
}

#[tokio::test]
async fn under_one_host_name_the_login_opens_metrics_and_reaches_every_companion() {
    let site = Site::start(false).await;
    for kind in Kind::ALL {
        let proxy = site.proxy(kind, Case::OneOrigin).await;
        let browser = Browser::of(&proxy);
        assert!(is_sent_to_sign_in(&open(&browser, CHAT).await), "{kind:?}");
        let login = browser.ask(CHAT, "/api/auth/login", &["--data", "{}"]).await;
        assert_eq!(set_cookies(&login), site.librechat.cookies(), "{kind:?}: nothing is rewritten");
        let answer = open(&browser, CHAT).await;
        assert!(shows_the_figures(&answer), "{kind:?} {answer:?} {}", site.exporter.process.output());

        let companion = browser.ask(CHAT, "/companion/page", &[]).await;
        let sent = companion.header("saw-cookie").unwrap_or_default();
        assert!(sent.contains("refreshToken="), "{kind:?} {sent}");
        assert_eq!(browser.ask(CHAT, "/c/new", &[]).await.header("saw-forwarded-for"), Some("127.0.0.1"));

        browser.ask(CHAT, "/api/auth/logout", &["--data", ""]).await;
        let after = open(&browser, CHAT).await;
        assert!(is_sent_to_sign_in(&after), "{kind:?} {:?} {after:?}", browser.cookies());
        let scraper = ["--header", "Authorization: Bearer a-token-of-at-least-sixteen-characters"];
        assert_eq!(browser.ask(CHAT, "/metrics", &scraper).await.status, 200, "{kind:?}");
    }
}

#[tokio::test]
async fn the_rewriting_adds_the_domain_and_laxness_and_changes_nothing_else() {
    for production in [true, false] {
        let librechat = LibreChat::start("a-refresh-token", production).await;
        for kind in Kind::REWRITING {
            let behind = Behind { librechat: librechat.port, ..Behind::default() };
            let proxy = Proxy::start(kind, Case::Siblings, behind).await;
            let browser = Browser::of(&proxy);
            let login = browser.ask(CHAT, "/api/auth/login", &["--data", "{}"]).await;
            let given: Vec<_> = set_cookies(&login).into_iter().map(pieces).collect();
            let [refresh_token, provider, other] = librechat.cookies().map(|line| pieces(&line));
            let shared = |mut pieces: BTreeSet<String>| {
                assert!(pieces.remove("samesite=strict"));
                pieces.extend(["samesite=lax".to_owned(), "domain=example.com".to_owned()]);
                pieces
            };
            let mut expected = vec![shared(refresh_token), shared(provider), other];
            if kind == Kind::Nginx {
                // It cannot choose whose Domain it sets, as the example says.
                expected[2].insert("domain=example.com".to_owned());
            }
            expected.extend(END_OF_THE_OLD.map(pieces));
            assert_eq!(given, expected, "{kind:?} {production}");

            let page = browser.ask(CHAT, "/c/new", &[]).await;
            assert_eq!(set_cookies(&page), [OTHERS[1]], "{kind:?}: a cookie of another answer");
            assert_eq!(page.header("saw-forwarded-proto"), Some("https"), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn the_login_at_librechat_opens_metrics_on_the_sibling_until_it_ends() {
    let site = Site::start(true).await;
    for kind in Kind::REWRITING {
        let proxy = site.proxy(kind, Case::Siblings).await;
        let browser = Browser::of(&proxy);
        assert!(is_sent_to_sign_in(&open(&browser, METRICS).await), "{kind:?}");
        browser.ask(CHAT, "/api/auth/login", &["--data", "{}"]).await;
        let answer = open(&browser, METRICS).await;
        assert!(shows_the_figures(&answer), "{kind:?} {answer:?} {}", site.exporter.process.output());
        let refreshed = browser.ask(CHAT, "/api/auth/refresh", &["--data", ""]).await;
        assert_eq!(refreshed.status, 200, "{kind:?}: LibreChat gets its cookie back");
        assert!(shows_the_figures(&open(&browser, METRICS).await), "{kind:?}");

        browser.ask(CHAT, "/api/auth/logout", &["--data", ""]).await;
        assert!(is_sent_to_sign_in(&open(&browser, METRICS).await), "{kind:?}");
        let scraper = ["--header", "Authorization: Bearer a-token-of-at-least-sixteen-characters"];
        assert_eq!(browser.ask(METRICS, "/metrics", &scraper).await.status, 200, "{kind:?}");
        // Nothing of LibreChat at the sibling, nothing of the exporter at LibreChat.
        assert_eq!(browser.ask(METRICS, "/c/new", &[]).await.status, 404, "{kind:?}");
        assert_eq!(browser.ask(CHAT, "/c/new", &[]).await.status, 200, "{kind:?}");
    }
}

#[tokio::test]
async fn as_librechat_sets_it_the_cookie_does_not_reach_the_sibling() {
    let site = Site::start(true).await;
    for kind in Kind::REWRITING {
        let proxy = site.changed(kind, without_rewriting).await;
        let browser = Browser::of(&proxy);
        browser.ask(CHAT, "/api/auth/login", &["--data", "{}"]).await;
        assert_eq!(browser.ask(CHAT, "/api/auth/refresh", &["--data", ""]).await.status, 200, "{kind:?}");
        assert!(is_sent_to_sign_in(&open(&browser, METRICS).await), "{kind:?}");
    }
}

#[tokio::test]
async fn cookies_from_before_the_change_are_ended_by_the_first_new_ones() {
    let librechat = LibreChat::start("a-refresh-token", true).await;
    let behind = Behind { librechat: librechat.port, ..Behind::default() };
    let login = |browser: &Browser| -> Vec<String> {
        browser.cookies().into_iter().filter(|cookie| !cookie.starts_with("connect.sid ")).collect()
    };
    let old = ["refreshToken chat.example.com", "token_provider chat.example.com"];
    let new = ["refreshToken .example.com", "token_provider .example.com"];
    for kind in Kind::REWRITING {
        let before = Proxy::start_changed(kind, Case::Siblings, behind, without_rewriting).await;
        let without_the_end =
            |text: &str| without(&["Max-Age=0\" if", "+Set-Cookie", "add_header Set-Cookie"], text);
        let both = Proxy::start_changed(kind, Case::Siblings, behind, without_the_end).await;
        let after = Proxy::start(kind, Case::Siblings, behind).await;

        let browser = Browser::of(&before);
        browser.ask(CHAT, "/api/auth/login", &["--data", "{}"]).await;
        assert_eq!(login(&browser), old, "{kind:?}");
        let browser = browser.moved_to(&both);
        browser.ask(CHAT, "/api/auth/refresh", &["--data", ""]).await;
        assert_eq!(login(&browser), [new[0], old[0], new[1], old[1]], "{kind:?}");
        let browser = browser.moved_to(&after);
        browser.ask(CHAT, "/api/auth/refresh", &["--data", ""]).await;
        assert_eq!(login(&browser), new, "{kind:?}");
    }
}

#[tokio::test]
async fn no_rewriting_shares_a_login_with_a_separate_domain() {
    let site = Site::start(true).await;
    for kind in Kind::REWRITING {
        // The cookie of one domain is not sent to another …
        let proxy =
            site.changed(kind, |text| text.replace("metrics.example.com", "metrics.example.net")).await;
        let browser = Browser::of(&proxy);
        browser.ask(CHAT, "/api/auth/login", &["--data", "{}"]).await;
        assert!(is_sent_to_sign_in(&open(&browser, "metrics.example.net").await), "{kind:?}");
        // … and no host can set one for another domain, or for all of them: not even LibreChat gets it then.
        for domain in ["example.net", "com"] {
            let change = |text: &str| {
                let text = text.replace("metrics.example.com", "metrics.example.net");
                text.replace("Domain=example.com", &format!("Domain={domain}"))
            };
            let proxy = site.changed(kind, change).await;
            let browser = Browser::of(&proxy);
            let login = browser.ask(CHAT, "/api/auth/login", &["--data", "{}"]).await;
            let wanted = format!("domain={domain}");
            assert!(
                set_cookies(&login).iter().any(|line| pieces(line).contains(&wanted)),
                "{kind:?} {domain}"
            );
            assert!(is_sent_to_sign_in(&open(&browser, "metrics.example.net").await), "{kind:?} {domain}");
            assert_eq!(
                browser.ask(CHAT, "/api/auth/refresh", &["--data", ""]).await.status,
                401,
                "{kind:?} {domain}"
            );
        }
    }
}
