//! The address rules behind real proxies. Clients are told apart by their addresses in 127.0.0.0/8: the proxies connect
//! to the exporter from 127.0.0.1, and only that one is trusted.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::exporter::Exporter;
use crate::http::{Response, get_from};
use crate::proxies::{Behind, Case, Kind, Proxy};

const ALICE: [u8; 4] = [127, 0, 0, 2];
const BOB: [u8; 4] = [127, 0, 0, 3];
const TOKEN: &str = "a-token-of-at-least-sixteen-characters";
const RIGHT: (&str, &str) = ("Authorization", "Bearer a-token-of-at-least-sixteen-characters");
const WRONG: (&str, &str) = ("Authorization", "Bearer a-token-that-was-never-configured");

/// What Bob says to be taken for Alice.
const DISGUISES: [(&str, &str); 5] = [
    ("X-Forwarded-For", "127.0.0.2"),
    ("X-Forwarded-For", "127.0.0.2, 127.0.0.1"),
    ("X-Real-IP", "127.0.0.2"),
    ("Forwarded", "for=127.0.0.2"),
    ("True-Client-IP", "127.0.0.2"),
];

/// An exporter that trusts `trust`, with more settings, and a proxy in front of it.
async fn behind(kind: Kind, trust: &str, settings: &[(&str, &str)]) -> (Exporter, Proxy) {
    let mut environment = vec![("TRUST_PROXY", trust)];
    environment.extend(settings);
    let exporter = Exporter::demo(&environment).await;
    let behind = Behind { exporter: exporter.port, ..Behind::default() };
    let proxy = Proxy::start(kind, Case::Exporter, behind).await;
    (exporter, proxy)
}

async fn ask(from: [u8; 4], port: u16, headers: &[(&str, &str)]) -> Response {
    get_from(from, port, "/metrics", headers).await.unwrap_or_else(|error| panic!("no answer: {error}"))
}

async fn status(from: [u8; 4], port: u16, headers: &[(&str, &str)]) -> u16 {
    ask(from, port, headers).await.status
}

#[tokio::test]
async fn the_allow_list_goes_by_the_client_whatever_it_says_of_itself() {
    for kind in Kind::ALL {
        let (_exporter, proxy) = behind(kind, "127.0.0.1", &[("METRICS_ALLOWED_IPS", "127.0.0.2")]).await;
        assert_eq!(status(ALICE, proxy.port, &[]).await, 200, "{kind:?}");
        assert_eq!(status(BOB, proxy.port, &[]).await, 403, "{kind:?}");
        for disguise in DISGUISES {
            assert_eq!(status(BOB, proxy.port, &[disguise]).await, 403, "{kind:?} {disguise:?}");
        }
        assert_eq!(status(ALICE, proxy.port, &[("X-Forwarded-For", "127.0.0.3")]).await, 200, "{kind:?}");
    }
}

#[tokio::test]
async fn the_rate_limit_is_of_each_client_and_not_of_the_proxy() {
    for kind in Kind::ALL {
        let (_exporter, proxy) = behind(kind, "127.0.0.1", &[("RATE_LIMIT_MAX", "3")]).await;
        for _ in 0..3 {
            assert_eq!(status(ALICE, proxy.port, &[]).await, 200, "{kind:?}");
        }
        let limited = ask(ALICE, proxy.port, &[]).await;
        assert_eq!(limited.status, 429, "{kind:?}");
        let seconds = limited.header("retry-after").and_then(|value| value.parse::<u32>().ok());
        assert!(seconds.is_some_and(|seconds| (1..=60).contains(&seconds)), "{kind:?}: {limited:?}");
        let disguise = ("X-Forwarded-For", "127.0.0.77");
        assert_eq!(
            status(ALICE, proxy.port, &[disguise]).await,
            429,
            "{kind:?}: a new name, the same client"
        );
        assert_eq!(status(BOB, proxy.port, &[]).await, 200, "{kind:?}");
    }
}

#[tokio::test]
async fn the_lockout_is_of_each_client_and_not_of_the_proxy() {
    for kind in Kind::ALL {
        let (_exporter, proxy) = behind(kind, "127.0.0.1", &[("METRICS_BEARER_TOKEN", TOKEN)]).await;
        for guess in 0..5 {
            // Were it believed, this would make five clients of one.
            let disguise = format!("127.0.0.{}", 10 + guess);
            let wrong = format!("Bearer never-configured-{guess}");
            let headers = [("Authorization", wrong.as_str()), ("X-Forwarded-For", &disguise)];
            assert_eq!(status(ALICE, proxy.port, &headers).await, 401, "{kind:?}");
        }
        let disguise = ("X-Forwarded-For", "127.0.0.78");
        for headers in [&[RIGHT][..], &[WRONG], &[], &[RIGHT, disguise]] {
            let locked = ask(ALICE, proxy.port, headers).await;
            assert_eq!(locked.status, 429, "{kind:?} {headers:?}");
            assert!(locked.header("retry-after").is_some(), "{kind:?}");
        }
        assert_eq!(status(BOB, proxy.port, &[RIGHT]).await, 200, "{kind:?}");
    }
}

#[tokio::test]
async fn without_trust_the_proxy_is_the_client() {
    for kind in Kind::ALL {
        let settings = [("METRICS_ALLOWED_IPS", "127.0.0.2")];
        let (exporter, proxy) = behind(kind, "false", &settings).await;
        assert_eq!(status(ALICE, proxy.port, &[]).await, 403, "{kind:?}: it is the proxy that asks");
        assert_eq!(status(ALICE, exporter.port, &[]).await, 200);
        assert_eq!(status(BOB, exporter.port, &[("X-Forwarded-For", "127.0.0.2")]).await, 403);

        let (_exporter, proxy) = behind(kind, "false", &[("RATE_LIMIT_MAX", "3")]).await;
        for client in [ALICE, BOB, ALICE] {
            assert_eq!(status(client, proxy.port, &[]).await, 200, "{kind:?}");
        }
        assert_eq!(status(BOB, proxy.port, &[]).await, 429, "{kind:?}: one bucket for all");
    }
}

#[tokio::test]
async fn one_hop_is_right_behind_one_proxy_and_two_let_the_client_choose() {
    for kind in Kind::ALL {
        for one in ["true", "1"] {
            let (_exporter, proxy) = behind(kind, one, &[("METRICS_ALLOWED_IPS", "127.0.0.2")]).await;
            assert_eq!(status(ALICE, proxy.port, &[]).await, 200, "{kind:?} {one}");
            for disguise in DISGUISES {
                assert_eq!(status(BOB, proxy.port, &[disguise]).await, 403, "{kind:?} {one} {disguise:?}");
            }
        }
        let (_exporter, proxy) = behind(kind, "2", &[("METRICS_ALLOWED_IPS", "127.0.0.2")]).await;
        // What docs/authentication.md warns of.
        let believed = if kind.passes_on_what_the_client_says() { 200 } else { 403 };
        assert_eq!(status(BOB, proxy.port, &[DISGUISES[0]]).await, believed, "{kind:?}");
    }
}

#[tokio::test]
async fn credentials_challenges_gzip_and_probes_pass_through() {
    let settings = [
        ("METRICS_BEARER_TOKEN", TOKEN),
        ("METRICS_BASIC_AUTH_USER", "prometheus"),
        ("METRICS_BASIC_AUTH_PASSWORD", "a password of the test"),
    ];
    for kind in Kind::ALL {
        let (_exporter, proxy) = behind(kind, "127.0.0.1", &settings).await;
        let basic = ("Authorization", "Basic cHJvbWV0aGV1czphIHBhc3N3b3JkIG9mIHRoZSB0ZXN0");
        for credentials in [RIGHT, basic] {
            let plain = ask(ALICE, proxy.port, &[credentials]).await;
            assert_eq!(plain.status, 200, "{kind:?}");
            assert_eq!(plain.header("content-encoding"), None, "{kind:?}");
            assert!(plain.text().contains("librechat_up 1"), "{kind:?}");
        }
        let refused = ask(ALICE, proxy.port, &[]).await;
        assert_eq!(refused.status, 401, "{kind:?}");
        let challenges = refused.headers.iter().filter(|(name, _)| name == "www-authenticate");
        let challenges: Vec<_> = challenges.map(|(_, value)| value.as_str()).collect();
        let expected = [r#"Bearer realm="metrics""#, r#"Basic realm="metrics", charset="UTF-8""#];
        assert!(expected.iter().all(|challenge| challenges.contains(challenge)), "{kind:?} {challenges:?}");

        let zipped = ask(ALICE, proxy.port, &[RIGHT, ("Accept-Encoding", "gzip")]).await;
        assert_eq!(zipped.header("content-encoding"), Some("gzip"), "{kind:?}");
        let mut text = String::new();
        GzDecoder::new(zipped.body.as_slice()).read_to_string(&mut text).unwrap();
        assert!(text.contains("librechat_up 1"), "{kind:?}");

        for (path, wanted) in
            [("/health", 200), ("/livez", 200), ("/readyz", 200), ("/", 404), ("/metrics/", 404)]
        {
            let answer = get_from(ALICE, proxy.port, path, &[]).await.unwrap();
            assert_eq!(answer.status, wanted, "{kind:?} {path}");
        }
    }
}

#[test]
fn every_example_is_run_and_named_in_the_documentation() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let (folders, mut found): (Vec<_>, Vec<_>) =
        files(&root.join("examples/proxies")).into_iter().partition(|path| path.is_dir());
    found.extend(folders.iter().flat_map(|folder| files(folder)));
    let run: BTreeSet<_> = Case::ALL
        .into_iter()
        .flat_map(|case| case.kinds().iter().flat_map(move |kind| kind.examples(case)))
        .collect();
    assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), run);
    let page = fs::read_to_string(root.join("docs/reverse-proxies.md")).unwrap();
    for file in found {
        let link = format!("](../{})", file.strip_prefix(root).unwrap().display());
        assert!(page.contains(&link), "{link}");
    }
}

#[tokio::test]
async fn a_guess_that_hangs_up_counts_behind_nginx_too() {
    // Security review 1: by default nginx closes its connection to us when its client goes.
    let hash = bcrypt::hash("right-password", 7).unwrap();
    let settings = [
        ("METRICS_BASIC_AUTH_USER", "alice"),
        ("METRICS_BASIC_AUTH_PASSWORD", &*hash),
        ("RATE_LIMIT_MAX", "0"),
    ];
    let (exporter, proxy) = behind(Kind::Nginx, "loopback", &settings).await;
    let basic = |password: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("alice:{password}"))
    };
    for number in 0..6 {
        let line = basic(&format!("guess-{number}"));
        let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {line}\r\n\r\n");
        crate::http::send_and_leave(proxy.port, &request).await;
    }
    exporter.until_logged(&["locked an address"]).await;
    let right = format!("Basic {}", basic("right-password"));
    assert_eq!(ask([127, 0, 0, 1], proxy.port, &[("Authorization", &right)]).await.status, 429);
}
