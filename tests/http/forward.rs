//! Issue 16, point 5: `/auth` decides for proxies, by the same guard as `/metrics`.

use crate::authorization::{TOKEN, good};
use crate::client::{self, Request, Response};
use crate::program::{Program, run};
use crate::refusal::{
    BASIC, BEARER, INVALID_TOKEN, assert_common, assert_refused, assert_refused_without_body,
};

const LOGIN: &str = "https://chat.example.com/login";
const BROWSER: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";

/// As Traefik and Caddy describe a request.
const FORWARDED: [&str; 5] = [
    "X-Forwarded-For: 192.0.2.7",
    "X-Forwarded-Method: GET",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: chat.example.com",
    "X-Forwarded-Uri: /companion/page?a=b",
];

/// As the configuration of nginx does.
const ORIGINAL: [&str; 3] = [
    "X-Forwarded-For: 192.0.2.7",
    "X-Original-Method: GET",
    "X-Original-URL: https://chat.example.com:443/companion/page?a=b",
];

async fn program(more: &[(&str, &str)]) -> Program {
    let own = [
        ("FORWARD_AUTH", "true"),
        ("METRICS_BEARER_TOKEN", TOKEN),
        ("METRICS_BASIC_AUTH_USER", "al%ice\u{e4}"),
        ("METRICS_BASIC_AUTH_PASSWORD", "p:w-of-sixteen-characters"),
    ];
    Program::demo(&[&own, more].concat()).await
}

async fn ask(program: &Program, lines: &[&str], more: &[&str]) -> Response {
    program.ask(&Request::get("/auth").lines(lines).lines(more).last()).await
}

fn basic(pair: &str) -> String {
    use base64::Engine as _;
    format!("Authorization: Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

#[tokio::test]
async fn a_proxy_is_told_who_may_and_by_which_method() {
    let program = program(&[]).await;
    for described in [&FORWARDED[..], &ORIGINAL] {
        let answer = ask(&program, described, &[&good()]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_common(&answer, &described);
        assert!(answer.body.is_empty(), "{answer:?}");
        assert_eq!(answer.header("x-auth-method"), Some("bearer"));
        assert_eq!((answer.header("x-auth-subject"), answer.header("x-auth-role")), (None, None));
        let varies = answer.header("vary").unwrap().to_ascii_lowercase();
        for name in ["authorization", "cookie", "x-forwarded-uri", "x-forwarded-host", "x-original-url"] {
            assert!(varies.contains(name), "{varies}");
        }
        assert!(
            answer.header("ratelimit").is_some_and(|state| state.starts_with("limit=1200, ")),
            "{answer:?}"
        );
        // No name can end the line, or be taken for another.
        let answer = ask(&program, described, &[&basic("al%ice\u{e4}:p:w-of-sixteen-characters")]).await;
        assert_eq!((answer.status, answer.header("x-auth-method")), (200, Some("basic")), "{answer:?}");
        assert_eq!(answer.header("x-auth-subject"), Some("al%25ice%C3%A4"));
    }
    for method in ["HEAD", "POST"] {
        let request = Request::new(&format!("{method} /auth HTTP/1.1")).lines(&FORWARDED).line(good());
        let answer = program.ask(&request.last()).await;
        assert_eq!(
            (answer.status, answer.header("x-auth-method")),
            (200, Some("bearer")),
            "{method} {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_refusal_is_that_of_metrics() {
    let program = program(&[]).await;
    for (lines, status) in [
        (vec![], 401),
        (vec!["Authorization: Bearer wrong".to_owned()], 401),
        (vec![basic("alice:wrong")], 401),
        (vec!["Authorization: Digest x".to_owned()], 401),
        (vec![good(), good()], 400),
    ] {
        let client = ["X-Forwarded-For: 192.0.2.8"];
        let metrics = Request::get("/metrics").lines(&client).lines(&lines).last();
        let metrics = program.ask(&metrics).await;
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let auth = ask(&program, &FORWARDED, &lines).await;
        assert_refused(&auth, status, &lines);
        assert_eq!(auth.all("www-authenticate"), metrics.all("www-authenticate"), "{lines:?}");
        for name in ["x-auth-method", "x-auth-subject", "x-auth-role"] {
            assert_eq!(auth.header(name), None, "{lines:?}");
        }
    }
    let answer = ask(&program, &FORWARDED, &[]).await;
    assert_eq!(answer.all("www-authenticate"), [BASIC, BEARER]);
    let request = Request::new("HEAD /auth HTTP/1.1").lines(&FORWARDED).line("Authorization: Bearer wrong");
    let answer = program.ask(&request.last()).await;
    assert_refused_without_body(&answer, 401, "HEAD");
    assert_eq!(answer.all("www-authenticate"), [BASIC, INVALID_TOKEN]);
    for method in ["PUT", "OPTIONS", "DELETE"] {
        let request = Request::new(&format!("{method} /auth HTTP/1.1")).lines(&FORWARDED).line(good());
        let answer = program.ask(&request.last()).await;
        assert_refused(&answer, 405, method);
        assert_eq!(answer.header("allow"), Some("GET, HEAD, POST"), "{method}");
    }
}

#[tokio::test]
async fn for_whoever_is_no_proxy_there_is_no_such_path() {
    let program = program(&[("TRUST_PROXY", "127.0.0.1")]).await;
    let off = Program::demo(&[("METRICS_BEARER_TOKEN", TOKEN)]).await;
    for (target, what) in [(program.target_from(2), "another address"), (off.target(), "FORWARD_AUTH=false")]
    {
        for method in ["GET", "HEAD", "POST", "PUT"] {
            for lines in [&FORWARDED[..], &[]] {
                let good = good();
                let request = |path: &str| {
                    Request::new(&format!("{method} {path} HTTP/1.1")).lines(lines).line(&good).last()
                };
                let answer = client::ask(target, &request("/auth")).await;
                let unknown = client::ask(target, &request("/unknown")).await;
                assert_eq!(answer.status, 404, "{what} {method}");
                assert_eq!(answer.lasting_headers(), unknown.lasting_headers(), "{what} {method}");
                assert_eq!(answer.body, unknown.body, "{what} {method}");
            }
        }
    }
    assert_eq!(ask(&program, &FORWARDED, &[&good()]).await.status, 200);
}

#[tokio::test]
async fn what_is_not_described_in_one_way_is_refused_whoever_asks() {
    let program = program(&[]).await;
    let without =
        |name: &str| -> Vec<&str> { FORWARDED.into_iter().filter(|line| !line.starts_with(name)).collect() };
    let with = |line| [&ORIGINAL[..], &[line]].concat();
    for lines in [
        vec![],
        without("X-Forwarded-For"),
        without("X-Forwarded-Method"),
        without("X-Forwarded-Host"),
        without("X-Forwarded-Uri"),
        with("X-Forwarded-Uri: /public"),
        with("X-Original-URI: /public"),
        with("X-Original-URL: https://chat.example.com/public"),
        with("X-Original-Method: GET"),
    ] {
        for credential in [vec![], vec![good()]] {
            let credential: Vec<&str> = credential.iter().map(String::as_str).collect();
            assert_refused(&ask(&program, &lines, &credential).await, 400, &lines);
        }
    }
    let log = program.output();
    assert!(log.contains("unclear_request") && log.contains("TRUST_PROXY_HEADER"), "{log}");
}

#[tokio::test]
async fn guesses_count_wherever_they_are_made() {
    let program = program(&[]).await;
    let metrics = Request::get("/metrics").line("X-Forwarded-For: 192.0.2.7");
    for guess in 0..3 {
        let wrong = format!("Authorization: Bearer guess-{guess}");
        assert_eq!(ask(&program, &FORWARDED, &[&wrong]).await.status, 401);
    }
    for guess in 3..5 {
        let wrong = format!("Authorization: Bearer guess-{guess}");
        program.ask(&metrics.clone().line(wrong).last()).await;
    }
    for answer in
        [ask(&program, &FORWARDED, &[&good()]).await, program.ask(&metrics.line(good()).last()).await]
    {
        assert_refused(&answer, 429, "locked");
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
    }
    let shown = program.ask(&Request::get("/metrics").line(good()).last()).await.text();
    for series in [
        r#"auth_requests_total{endpoint="auth",method="bearer",outcome="deny",reason="wrong_token"} 3"#,
        r#"auth_requests_total{endpoint="metrics",method="bearer",outcome="deny",reason="wrong_token"} 2"#,
        r#"auth_requests_total{endpoint="auth",method="none",outcome="deny",reason="locked"} 1"#,
        r#"auth_requests_total{endpoint="auth",method="none",outcome="deny",reason="unclear_request"} 0"#,
        r#"http_requests_total{endpoint="auth",status="429"} 1"#,
    ] {
        assert!(shown.contains(series), "{series}\n{shown}");
    }
}

#[tokio::test]
async fn what_is_let_in_has_a_limit_of_its_own() {
    let program = program(&[("RATE_LIMIT_MAX", "2"), ("FORWARD_AUTH_RATE_LIMIT_MAX", "3")]).await;
    let metrics = Request::get("/metrics").line("X-Forwarded-For: 192.0.2.7").line(good()).last();
    for number in 0..3 {
        assert_eq!(ask(&program, &FORWARDED, &[&good()]).await.status, 200, "{number}");
    }
    let answer = ask(&program, &FORWARDED, &[&good()]).await;
    assert_refused(&answer, 429, "over the limit");
    let shown = program.ask(&metrics).await;
    assert_eq!(shown.status, 200, "a page behind a proxy uses nothing of what a scraper has");
    assert!(shown.text().contains(r#"rate_limited_total{endpoint="auth"} 1"#), "{shown:?}");
}

#[tokio::test]
async fn a_browser_is_led_to_the_login_and_back_to_known_hosts_alone() {
    let program = program(&[
        ("METRICS_SESSION_SECRET", "a-refresh-secret-of-the-test-0123456789"),
        ("METRICS_SESSION_LOGIN_URL", LOGIN),
        ("FORWARD_AUTH_HOSTS", "chat.example.com"),
    ])
    .await;
    let back = format!("{LOGIN}?redirect_to=%2Fcompanion%2Fpage%3Fa%3Db");
    for described in [&FORWARDED[..], &ORIGINAL] {
        let answer = ask(&program, described, &[BROWSER]).await;
        assert_eq!((answer.status, answer.header("location")), (302, Some(back.as_str())), "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let changed = |from: &str, to: &str| FORWARDED.map(|line| line.replace(from, to));
    for (lines, location) in [
        (changed("chat.example.com", "evil.example"), Some(LOGIN)),
        (changed("/companion", "//evil.example"), Some(LOGIN)),
        (changed("Method: GET", "Method: POST"), None),
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let answer = ask(&program, &lines, &[BROWSER]).await;
        assert_eq!(answer.header("location"), location, "{lines:?} {answer:?}");
        assert_eq!(answer.status, if location.is_some() { 302 } else { 401 }, "{lines:?}");
    }
    // A scraper, and a browser that brought something.
    assert_refused(&ask(&program, &FORWARDED, &[]).await, 401, "no browser");
    assert_refused(&ask(&program, &FORWARDED, &[BROWSER, "Authorization: Bearer wrong"]).await, 401, "wrong");
    let metrics = program.ask(&Request::get("/metrics").line(BROWSER).last()).await;
    assert_eq!(metrics.header("location"), Some(LOGIN), "/metrics has no way back");
}

#[tokio::test]
async fn no_setting_leaves_open_what_a_proxy_believes_to_be_guarded() {
    let token = ("METRICS_BEARER_TOKEN", TOKEN);
    for (settings, named) in [
        (vec![], "LibreChat's login"),
        (vec![("METRICS_ALLOWED_IPS", "127.0.0.1")], "LibreChat's login"),
        (vec![token, ("DISABLE_AUTH", "true")], "DISABLE_AUTH"),
        (vec![token, ("TRUST_PROXY", "1")], "TRUST_PROXY"),
        (vec![token, ("TRUST_PROXY", "false")], "TRUST_PROXY"),
        (vec![token, ("METRICS_PATH", "/auth")], "METRICS_PATH"),
        (vec![token, ("FORWARD_AUTH_HOSTS", "https://chat.example.com")], "FORWARD_AUTH_HOSTS"),
    ] {
        let environment =
            [&settings[..], &[("FORWARD_AUTH", "true"), ("MONGO_URI", "mongodb://localhost/x")]].concat();
        let outcome = run(&["check-config"], &environment).await;
        assert_ne!(outcome.code, Some(0), "{settings:?}");
        assert!(outcome.stderr.contains(named), "{settings:?} {outcome:?}");
    }
}

const RULES: &str = "rules:\n\
    - {host: node.example.com, prefix: /metrics, methods: [bearer]}\n\
    - {host: chat.example.com, path: /companion/health, public: true}\n\
    - {host: chat.example.com, prefix: /companion/admin, deny: true}\n\
    - {host: chat.example.com, prefix: /companion}\n";

fn rules(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::TempDir::with_prefix("rules").unwrap();
    let path = folder.path().join("rules.yaml");
    std::fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

async fn ask_for(program: &Program, host: &str, uri: &str, credential: &[&str]) -> u16 {
    let own = [format!("X-Forwarded-Host: {host}"), format!("X-Forwarded-Uri: {uri}")];
    let lines: Vec<&str> = FORWARDED[..3].iter().copied().chain(own.iter().map(String::as_str)).collect();
    ask(program, &lines, credential).await.status
}

#[tokio::test]
async fn the_first_rule_decides_and_what_none_fits_is_refused() {
    let (_folder, path) = rules(RULES);
    let program = program(&[("FORWARD_AUTH_RULES_FILE", &path), ("RATE_LIMIT_MAX", "0")]).await;
    let (good, basic) = (good(), basic("al%ice\u{e4}:p:w-of-sixteen-characters"));
    for (host, uri, nobody, token, password) in [
        ("node.example.com", "/metrics", 401, 200, 403),
        ("NODE.example.com.:8443", "/%6detrics/?x=/../..", 401, 200, 403),
        ("node.example.com", "/", 403, 403, 403),
        ("node.example.com", "/metricsx", 403, 403, 403),
        ("chat.example.com", "/companion/health", 200, 200, 200),
        ("chat.example.com", "/companion/health/", 200, 200, 200),
        ("chat.example.com", "/companion/health/x", 401, 200, 200),
        ("chat.example.com", "/companion/health%2f..%2fadmin", 400, 400, 400),
        ("chat.example.com", "/companion/health/../admin", 400, 400, 400),
        ("chat.example.com", "/companion/health/%2E%2e/admin", 400, 400, 400),
        ("chat.example.com", "/companion//health", 400, 400, 400),
        ("chat.example.com", "/companion/ADMIN", 400, 400, 400),
        ("chat.example.com", "/companion/admin", 403, 403, 403),
        ("chat.example.com", "/companion/admin;x/y", 400, 400, 400),
        ("chat.example.com", "/companion/page", 401, 200, 200),
        ("chat.example.com", "/", 403, 403, 403),
        ("evil.example", "/companion/health", 403, 403, 403),
    ] {
        for (credential, expected) in [(vec![], nobody), (vec![&*good], token), (vec![&*basic], password)] {
            let status = ask_for(&program, host, uri, &credential).await;
            assert_eq!(status, expected, "{host} {uri} {credential:?}");
        }
    }
    let lines =
        [FORWARDED[0], FORWARDED[1], FORWARDED[2], FORWARDED[3], "X-Forwarded-Uri: /companion/health"];
    let answer = ask(&program, &lines, &["Authorization: Bearer wrong"]).await;
    assert_eq!((answer.status, answer.header("x-auth-method")), (200, Some("none")), "{answer:?}");
    let shown = program.ask(&Request::get("/metrics").line(&good).last()).await.text();
    for series in [
        r#"{endpoint="auth",method="basic",outcome="deny",reason="method_not_allowed"} 2"#,
        r#"{endpoint="auth",method="bearer",outcome="deny",reason="wrong_token"} 0"#,
    ] {
        assert!(shown.contains(series), "{series}\n{shown}");
    }
    assert!(shown.contains(r#"{endpoint="auth",method="none",outcome="deny",reason="denied_by_rules"} "#));
    assert!(!shown.contains(r#"endpoint="metrics",method="none",outcome="deny",reason="denied_by_rules""#));
}

#[tokio::test]
async fn rules_are_read_again_and_those_with_a_mistake_change_nothing() {
    let (_folder, path) = rules(RULES);
    let program = program(&[("FORWARD_AUTH_RULES_FILE", &path)]).await;
    assert_eq!(ask_for(&program, "chat.example.com", "/companion/health", &[]).await, 200);
    std::fs::write(&path, "rules:\n- {host: chat.example.com, prefix: /, publik: true}\n").unwrap();
    program.signal("HUP");
    program.until_logged("publik").await;
    assert_eq!(ask_for(&program, "chat.example.com", "/companion/health", &[]).await, 200);
    assert_eq!(ask_for(&program, "chat.example.com", "/other", &[]).await, 403);
    std::fs::write(&path, "rules:\n- {host: chat.example.com, prefix: /}\n").unwrap();
    program.signal("HUP");
    program.until_logged("applied the change").await;
    assert_eq!(ask_for(&program, "chat.example.com", "/companion/health", &[]).await, 401);
}

#[tokio::test]
async fn check_config_shows_the_rules_and_every_mistake_in_them() {
    let settings = |path: &str| {
        let own = [
            ("FORWARD_AUTH", "true"),
            ("METRICS_BEARER_TOKEN", TOKEN),
            ("MONGO_URI", "mongodb://localhost/x"),
            ("FORWARD_AUTH_RULES_FILE", path),
        ];
        own.map(|(name, value)| (name, value.to_owned()))
    };
    let check = async |path: &str| {
        let settings = settings(path);
        let environment: Vec<(&str, &str)> =
            settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        run(&["check-config"], &environment).await
    };
    let (_folder, path) = rules(RULES);
    let outcome = check(&path).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    for line in [
        "/auth decides for loopback by the first of these rules that fits:",
        "1. node.example.com/metrics and below: bearer",
        "2. chat.example.com/companion/health: public",
        "3. chat.example.com/companion/admin and below: nobody",
        "4. chat.example.com/companion and below: every method",
        "everything else: nobody",
    ] {
        assert!(outcome.stdout.contains(line), "{line}: {outcome:?}");
    }
    let (_folder, path) = rules("rules:\n- {host: a.example}\n- {path: /x, methods: [basic]}\n");
    let outcome = check(&path).await;
    assert_ne!(outcome.code, Some(0));
    for problem in
        ["rule 1: has neither path", "rule 2: has no host", "rule 2: has the method basic, which is not set"]
    {
        assert!(outcome.stderr.contains(problem), "{problem}: {outcome:?}");
    }
    assert_ne!(check("/nowhere/rules.yaml").await.code, Some(0));
}
