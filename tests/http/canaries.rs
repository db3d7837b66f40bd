//! Group H: secrets show up nowhere, and what is logged of a refusal is enough to find its cause.

use std::collections::BTreeSet;

use jsonwebtoken::{EncodingKey, Header};
use serde_json::Value;

use crate::authorization::{self, TOKEN, basic, good};
use crate::client::{self, Request, Response};
use crate::program::{Program, eventually, run};
use crate::refusal::{Answer, assert_answer, assert_refused};

const SESSION_SECRET: &str = "canary-session-secret-of-more-than-32-bytes";

/// Every text that must be nowhere.
const CANARIES: &[&str] = &[
    "canary",
    TOKEN,
    "YWxpY2U6cDp3",
    "alice:p:w",
    // Basic canary-user:canary-password
    "Y2FuYXJ5",
];

fn settings() -> Vec<(&'static str, &'static str)> {
    let mut settings = authorization::ALL.to_vec();
    settings.extend([
        ("LOG_LEVEL", "trace"),
        ("METRICS_SESSION_SECRET", SESSION_SECRET),
        ("MONGO_URI", "mongodb://someone:canary-of-mongo@127.0.0.1:1/LibreChat"),
    ]);
    settings
}

/// A login that LibreChat's secret signed, of a session that nobody knows.
fn login(secret: &str) -> String {
    let id = "65a000000000000000000001";
    let claims =
        serde_json::json!({ "id": id, "sessionId": id, "iat": 1_700_000_000, "exp": 4_000_000_000_u32 });
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

/// Secrets in every place where a client may put one.
fn misplaced() -> Vec<Vec<u8>> {
    let get = |path: &str| Request::get(path);
    let mut requests: Vec<Request> = [
        "/metrics?access_token=canary&name=canary",
        "/health?token=canary",
        "/?canary=canary",
        "/metrics#canary",
    ]
    .map(get)
    .into();
    for line in [
        "Authorization: Bearer canary-of-a-bad-token",
        "Authorization: Digest username=canary",
        "Authorization: canary",
        "Proxy-Authorization: Bearer canary",
        "X-Api-Key: canary",
        "X-Forwarded-For: canary",
        "X-Forwarded-For: 1.1.1.1, canary",
        "User-Agent: canary",
        "Referer: https://canary/",
        "Accept: canary",
        "Accept-Encoding: canary",
        "Range: canary",
        "canary: x",
        "Content-Length: canary",
        "Transfer-Encoding: canary",
        "Cookie: refreshToken=canary.canary.canary; token=canary",
    ] {
        requests.push(get("/metrics").line(line));
    }
    requests.push(get("/metrics").line(basic("canary-user:canary-password")));
    requests.push(get("/metrics").line(basic("canary-without-a-colon")));
    for secret in [SESSION_SECRET, "another-secret-of-more-than-32-bytes!"] {
        requests.push(get("/metrics").header("Cookie", format!("refreshToken={}", login(secret))));
    }
    requests.push(Request::new("GET http://canary:canary@exporter/metrics HTTP/1.1"));
    let mut requests: Vec<Vec<u8>> = requests.into_iter().map(Request::last).collect();
    requests.push(b"canary canary canary\r\n\r\n".to_vec());
    requests.push(b"GET /metrics HTTP/1.1\r\nAuthorization: Bearer canary\r\n\r\n".to_vec());
    requests.push(b"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer canary\0\r\n\r\n".to_vec());
    requests
}

#[track_caller]
fn assert_clean(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for canary in CANARIES.iter().chain(&[login(SESSION_SECRET).rsplit('.').next().unwrap()]) {
        if let Some(at) = text.find(canary) {
            let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
            panic!("{what} shows {canary}: {}", &text[start..text.len().min(at + 200)]);
        }
    }
}

#[tokio::test]
async fn rows_413_to_418_secrets_sent_through_every_door_appear_nowhere() {
    let program = Program::demo(&settings()).await;
    // The first of each reason is the one whose line is written.
    for request in misplaced() {
        let Some(response) = client::exchange(program.target(), &request).await else { continue };
        let what = String::from_utf8_lossy(&request).into_owned();
        assert_clean(&what, &response.raw());
        assert_ne!((response.status, what.contains("GET /metrics ")), (200, true), "{what}");
    }
    for case in authorization::cases() {
        let response = program.ask(&case.request.last()).await;
        assert_clean(&format!("the answer of row {}", case.row), &response.raw());
    }
    for accept in ["*/*", "application/openmetrics-text;version=1.0.0"] {
        let scrape = program.get("/metrics", &[good(), format!("Accept: {accept}")]).await;
        assert_eq!(scrape.status, 200);
        assert_clean("/metrics", &scrape.raw());
    }
    program.signal("HUP");
    let mut program = program;
    program.signal("TERM");
    program.ended().await;
    assert!(program.output().contains("refused a request"), "there is a log to search");
    assert_clean("the output", program.output().as_bytes());
}

#[tokio::test]
async fn rows_413_to_422_no_command_shows_a_secret_even_where_it_is_wrong() {
    let secrets = [
        "METRICS_BEARER_TOKEN",
        "METRICS_BASIC_AUTH_PASSWORD",
        "METRICS_SESSION_SECRET",
        "JWT_REFRESH_SECRET",
        "MONGO_URI",
    ];
    for name in secrets {
        for value in ["canary", "canary with blanks", "Bearer canary", "canary://u:canary@h", "canary\x07"] {
            for command in ["check-config", "demo", "once"] {
                // Never a good set of settings, so that nothing goes on running.
                let settings = [(name, value), ("PORT", "none"), ("LOG_LEVEL", "trace")];
                let outcome = run(&[command], &settings).await;
                assert_eq!(outcome.code, Some(2), "{command} {name}: {outcome:?}");
                assert_clean(name, format!("{outcome:?}").as_bytes());
            }
        }
    }
}

/// The lines of the log about refusals.
fn rejects(program: &Program) -> Vec<Value> {
    program.log().into_iter().filter(|line| line["message"] == "refused a request").collect()
}

#[tokio::test]
async fn rows_424_and_425_a_refusal_is_one_line_with_fields_and_the_rest_is_counted() {
    let program = Program::demo(authorization::ALL).await;
    let bad = Request::get("/metrics?token=canary").line("Authorization: Bearer bad");
    let hostile = b"X-Forwarded-For: 1.2.3.4\", \"reason\": \"x, \xe2\x80\xae, 8.8.8.8\t";
    let request = bad.line(hostile).last();
    program.ask(&request).await;
    for _ in 0..20 {
        program.ask(&request).await;
    }
    program.get("/metrics", &["X-Forwarded-For: 10.9.8.7"]).await;
    let rejects_of = |reason: &str| -> Vec<Value> {
        rejects(&program).into_iter().filter(|line| line["reason"] == reason).collect()
    };
    // Lines come at most once a second: the next one says how many it stands for.
    let suppressed = eventually("a line that counts those left out", async || {
        program.ask(&request).await;
        let counts: Vec<u64> =
            rejects_of("wrong_token").iter().map(|line| line["suppressed"].as_u64().unwrap()).collect();
        counts.iter().sum::<u64>().checked_sub(1).map(|_| counts.clone()).ok_or(format!("{counts:?}"))
    })
    .await;
    assert_eq!(suppressed[0], 0, "row 425");
    let line = &rejects_of("wrong_token")[0];
    for (field, value) in [
        ("level", "INFO"),
        ("address", "8.8.8.8"),
        ("method", "GET"),
        ("path", "/metrics"),
        ("auth_method", "bearer"),
        ("reason", "wrong_token"),
    ] {
        assert_eq!(line[field], value, "row 425: {field}: {line}");
    }
    assert_eq!(
        rejects_of("no_credentials")[0]["address"],
        "10.9.8.7",
        "a reason of its own is not held back"
    );
    assert!(!program.output().contains("1.2.3.4"), "row 424: {}", program.output());
}

#[tokio::test]
async fn row_424_text_logs_are_one_line_for_each_event_whatever_is_sent() {
    let mut settings = authorization::ALL.to_vec();
    settings.extend([("LOG_FORMAT", "text"), ("LOG_LEVEL", "trace")]);
    let program = Program::demo(&settings).await;
    for request in [
        &b"GET /\x1b[31m HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"[..],
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: \x1b[31m\r\nConnection: close\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1\r\n injected: 2026 ERROR\r\nConnection: close\r\n\r\n",
        b"FORGED\x1b[0m / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ] {
        client::exchange(program.target(), request).await;
    }
    program.get::<&str>("/metrics", &[]).await;
    program.until_logged("no_credentials").await;
    let output = program.output();
    assert!(!output.contains('\u{1b}') && !output.contains("injected"), "{output}");
    for line in output.lines() {
        assert!(line.starts_with("20") && line.contains("librechat_exporter"), "row 424: {line:?}");
    }
}

#[tokio::test]
async fn row_426_the_log_of_refusals_can_be_turned_off_and_the_counters_go_on() {
    let mut settings = authorization::ALL.to_vec();
    settings.push(("METRICS_AUTH_LOG_REJECTS", "false"));
    let program = Program::demo(&settings).await;
    for _ in 0..3 {
        assert_answer(&program.get::<&str>("/metrics", &[]).await, Answer::Challenged, 426);
    }
    let counter = "{endpoint=\"metrics\",method=\"none\",outcome=\"deny\",reason=\"no_credentials\"} 3\n";
    let scrape = program.get("/metrics", &[good()]).await.text();
    assert!(
        scrape.contains(&format!("librechat_exporter_auth_requests_total{counter}")),
        "row 426: {scrape}"
    );
    assert!(rejects(&program).is_empty(), "row 426: {}", program.output());
}

/// The label sets of the auth counter.
fn label_sets(scrape: &Response) -> BTreeSet<String> {
    let text = scrape.text();
    let lines = text.lines().filter_map(|line| line.strip_prefix("librechat_exporter_auth_requests_total"));
    lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn rows_428_to_430_decisions_are_counted_in_a_closed_set_that_is_there_from_the_start() {
    let program = Program::demo(&settings()).await;
    let before = program.get("/metrics", &[good()]).await;
    let sets = label_sets(&before);
    for (method, outcome, reason) in [
        ("none", "deny", "no_credentials"),
        ("none", "deny", "locked"),
        ("none", "deny", "repeated_authorization"),
        ("allow_list", "deny", "address_not_allowed"),
        ("bearer", "deny", "wrong_token"),
        ("basic", "deny", "wrong_password"),
        ("bearer", "allow", "authorized"),
        ("basic", "allow", "authorized"),
        ("session", "deny", "session_revoked"),
    ] {
        let labels =
            format!("{{endpoint=\"metrics\",method=\"{method}\",outcome=\"{outcome}\",reason=\"{reason}\"}}");
        assert!(sets.contains(&labels), "row 428: {labels}: {sets:?}");
    }
    for case in authorization::cases() {
        program.ask(&case.request.last()).await;
    }
    for request in misplaced() {
        client::exchange(program.target(), &request).await;
    }
    let after = program.get("/metrics", &[good()]).await;
    assert_eq!(label_sets(&after), sets, "row 428: whatever is sent, no label set is added");
    assert!(after.text().contains("\nlibrechat_exporter_auth_locked_addresses 0\n"), "row 429");
    assert_refused(&program.get::<&str>("/metrics", &[]).await, 401, 430);
}

#[tokio::test]
async fn a_login_of_librechat_is_judged_and_a_browser_is_sent_to_sign_in() {
    let mut settings = settings();
    settings.retain(|(name, _)| !name.starts_with("METRICS_B"));
    settings.push(("METRICS_SESSION_LOGIN_URL", "https://chat.example/login"));
    let program = Program::demo(&settings).await;
    let cookie = format!("Cookie: refreshToken={}", login(SESSION_SECRET));
    for lines in [vec![], vec![cookie.clone()], vec!["Cookie: refreshToken=bad".into()]] {
        let plain = program.get("/metrics", &lines).await;
        assert_refused(&plain, 401, &lines);
        assert!(plain.all("www-authenticate").is_empty(), "no header opens this way in: {plain:?}");
        let browser = [lines, vec!["Accept: text/html,*/*;q=0.8".into()]].concat();
        let redirected = program.get("/metrics", &browser).await;
        assert_eq!(
            (redirected.status, redirected.header("location")),
            (302, Some("https://chat.example/login"))
        );
        assert_eq!(redirected.header("cache-control"), Some("no-store"));
    }
    let explicit = ["Accept: text/html", "Authorization: Bearer bad", &cookie];
    assert_refused(
        &program.get("/metrics", &explicit).await,
        401,
        "an explicit credential is not redirected",
    );
}
