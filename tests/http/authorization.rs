//! Group A: every way to write, mistype and misplace an `Authorization`.

use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::client::{self, Request, Target};
use crate::program::Program;
use crate::refusal::{Answer, BEARER, INVALID_TOKEN, assert_answer, assert_refused};

pub(crate) const TOKEN: &str = "tok-0123456789abcdef";

/// A static token, a Basic account, no limits.
pub(crate) const ALL: &[(&str, &str)] = &[
    ("METRICS_BEARER_TOKEN", TOKEN),
    ("METRICS_BASIC_AUTH_USER", "alice"),
    ("METRICS_BASIC_AUTH_PASSWORD", "p:w"),
    ("RATE_LIMIT_MAX", "0"),
    ("METRICS_BRUTE_FORCE_PROTECTION", "false"),
];

/// The header line of the good token.
pub(crate) fn good() -> String {
    format!("Authorization: Bearer {TOKEN}")
}

pub(crate) fn basic(pair: impl AsRef<[u8]>) -> Vec<u8> {
    format!("Authorization: Basic {}", STANDARD.encode(pair)).into_bytes()
}

/// A request of the list, what must become of it, and whether the lockout counts it.
pub(crate) struct Case {
    pub(crate) row: u32,
    pub(crate) request: Request,
    pub(crate) answer: Answer,
    pub(crate) guess: bool,
}

fn case<L: AsRef<[u8]>>(row: u32, lines: &[L], answer: Answer, guess: bool) -> Case {
    Case { row, request: Request::get("/metrics").lines(lines), answer, guess }
}

/// The rows of one `Authorization` line, as its value.
fn values() -> Vec<(u32, Vec<u8>, Answer, bool)> {
    use Answer::{Challenged, InvalidToken, Served};
    let bearer = |text: &str| format!("Bearer {text}").into_bytes();
    let basic = |pair: &[u8]| format!("Basic {}", STANDARD.encode(pair)).into_bytes();
    let inner = |encoded: &str| format!("Basic {}", encoded.replacen("2U6", "2 U6", 1)).into_bytes();
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln";
    vec![
        (2, b"".to_vec(), Challenged, false),
        (4, b"Bearer".to_vec(), Challenged, false),
        (4, b"Bearer    ".to_vec(), Challenged, false),
        (5, bearer(TOKEN), Served, false),
        (6, format!("bearer {TOKEN}").into(), Served, false),
        (6, format!("bEaReR {TOKEN}").into(), Served, false),
        (9, bearer(&format!(" {TOKEN}")), Served, false),
        (9, bearer(&format!("    {TOKEN}")), Served, false),
        (10, format!("Bearer\t{TOKEN}").into(), InvalidToken, true),
        (12, bearer(&TOKEN.to_uppercase()), InvalidToken, true),
        (13, bearer(&TOKEN[..TOKEN.len() - 1]), InvalidToken, true),
        (13, bearer(&format!("{TOKEN}x")), InvalidToken, true),
        (13, bearer(&format!("x{TOKEN}")), InvalidToken, true),
        (14, bearer(&format!("\"{TOKEN}\"")), InvalidToken, true),
        (20, bearer(&STANDARD.encode("alice:p:w")), InvalidToken, true),
        (21, format!("Basic {TOKEN}").into(), Challenged, true),
        (22, basic(format!("x-token:{jwt}").as_bytes()), Challenged, true),
        (22, basic(format!("{jwt}:").as_bytes()), Challenged, true),
        (22, basic(format!("{TOKEN}:").as_bytes()), Challenged, true),
        (24, format!("Bearer={TOKEN}").into(), Challenged, false),
        (24, format!("Bearer:{TOKEN}").into(), Challenged, false),
        (25, basic(b"alice:p:w"), Served, false),
        (26, format!("basic {}", STANDARD.encode("alice:p:w")).into(), Served, false),
        (28, basic(b":p:w"), Challenged, true),
        (28, basic(b"alice:"), Challenged, true),
        (28, basic(b":"), Challenged, true),
        (29, b"Basic".to_vec(), Challenged, false),
        (30, b"Basic !!!!".to_vec(), Challenged, true),
        (32, b"Basic YTpiYx==".to_vec(), Challenged, true),
        // Padding where none is due.
        (32, b"Basic YWxpY2U6cDp3=".to_vec(), Challenged, true),
        (34, inner(&STANDARD.encode("alice:p:w")), Challenged, true),
        (36, basic(b"ALICE:p:w"), Challenged, true),
        (40, basic(b"alice:p:w\0"), Challenged, true),
        (40, basic(b"alice:p:w\n"), Challenged, true),
        (40, basic(b"alice\x07:p:w"), Challenged, true),
        (41, b"Bearer \xe9\xff".to_vec(), InvalidToken, true),
        (41, b"Basic \xe9\xff".to_vec(), Challenged, true),
        (45, bearer(&"x".repeat(8 * 1024)), InvalidToken, true),
        (0, format!("Digest username=\"alice\", response=\"{TOKEN}\"").into(), Challenged, false),
        (0, TOKEN.into(), Challenged, false),
    ]
}

/// Every row of the group that one set of settings can show.
pub(crate) fn cases() -> Vec<Case> {
    use Answer::{Challenged, Served, Status};
    let good = good();
    let encoded = String::from_utf8(basic("alice:p:w")).unwrap();
    let mut cases = vec![
        case::<&str>(1, &[], Challenged, false),
        case(8, &[good.replace("Authorization", "authorization")], Served, false),
        case(8, &[good.replace("Authorization", "AUTHORIZATION")], Served, false),
        case(16, &["Authorization: Bearer bad", &good], Status(400), false),
        case(16, &[&good, "Authorization: Bearer bad"], Status(400), false),
        case(17, &[&good, &good], Status(400), false),
        case(18, &[&good, &encoded], Status(400), false),
        case(18, &[&good, "Authorization:"], Status(400), false),
        case(34, &[encoded.replacen("U6", "U6\n", 1)], Status(400), false),
        case(42, &[format!("{good}\0")], Status(400), false),
        case(42, &[format!("{good}\x7f")], Status(400), false),
        case(42, &[good.replacen("0123", "0123\r", 1)], Status(400), false),
        case(44, &[good.replace("Authorization:", "Authorization :")], Status(400), false),
        case(0, &[good.replacen("Bearer ", "Bearer\r\n ", 1)], Status(400), false),
        case(46, &[format!("Authorization: Bearer {}", "x".repeat(64 * 1024))], Status(431), false),
    ];
    for (row, value, answer, guess) in values() {
        cases.push(case(row, &[[b"Authorization: ".as_slice(), &value].concat()], answer, guess));
    }
    for query in ["access_token", "token", "authKey", "authorization"] {
        let request = Request::get(&format!("/metrics?{query}={TOKEN}"));
        cases.push(Case { row: 48, request, answer: Challenged, guess: false });
    }
    for line in [
        format!("Cookie: token={TOKEN}; access_token={TOKEN}"),
        format!("X-Api-Key: {TOKEN}"),
        format!("Proxy-Authorization: Bearer {TOKEN}"),
        format!("X-Forwarded-Authorization: Bearer {TOKEN}"),
        format!("X-Authorization: Bearer {TOKEN}"),
    ] {
        cases.push(case(49, &[line], Challenged, false));
    }
    let request = Request::new("GET http://alice:p%3Aw@exporter/metrics HTTP/1.1");
    cases.push(Case { row: 50, request, answer: Status(400), guess: false });
    cases
}

#[tokio::test]
async fn rows_001_to_050_every_authorization_is_judged_as_it_was_sent() {
    let program = Program::demo(ALL).await;
    for Case { row, request, answer, .. } in cases() {
        let response = program.ask(&request.clone().last()).await;
        assert_answer(&response, answer, (row, request));
    }
    assert!(!program.output().contains("panicked"), "rows 30, 41: {}", program.output());
}

#[tokio::test]
async fn rows_001_to_050_only_wrong_credentials_count_as_guesses() {
    let mut settings = ALL.to_vec();
    settings.retain(|(name, _)| *name != "METRICS_BRUTE_FORCE_PROTECTION");
    settings.push(("METRICS_BRUTE_FORCE_MAX_FAILED_ATTEMPTS", "1"));
    let program = Program::demo(&settings).await;
    let good = Request::get("/metrics").line(good()).last();
    for (index, Case { row, request, guess, .. }) in cases().into_iter().enumerate() {
        // A client of its own for each row: one guess locks it.
        let source = Ipv4Addr::new(127, 1, 0, u8::try_from(index + 1).unwrap());
        let target = Target::From(source, program.address());
        client::ask(target, &request.clone().last()).await;
        let status = client::ask(target, &good).await.status;
        assert_eq!(status, if guess { 429 } else { 200 }, "row {row}: {request:?}");
    }
}

#[tokio::test]
async fn row_046_a_head_of_64_kib_leaves_no_trace_in_the_log() {
    let program = Program::demo(ALL).await;
    let line = format!("Authorization: Bearer {}", "canary".repeat(11_000));
    assert_refused(&program.get("/metrics", &[line]).await, 431, 46);
    program.get::<&str>("/metrics", &[]).await;
    program.until_logged("no_credentials").await;
    assert!(!program.output().contains("canary"), "{}", program.output());
}

#[tokio::test]
async fn rows_033_037_and_038_a_password_is_utf_8_in_the_one_alphabet_and_nothing_else_is_guessed() {
    let password = "p\u{ff}\u{ff}?>ss";
    let program =
        Program::demo(&[("METRICS_BASIC_AUTH_USER", "alice"), ("METRICS_BASIC_AUTH_PASSWORD", password)])
            .await;
    let pair = format!("alice:{password}");
    assert_eq!(program.get("/metrics", &[basic(&pair)]).await.status, 200, "row 37");
    assert_refused(&program.get("/metrics", &[basic(b"alice:p\xff\xff?>ss")]).await, 401, 38);
    let url_safe = URL_SAFE.encode(&pair);
    assert_ne!(url_safe, STANDARD.encode(&pair));
    let line = format!("Authorization: Basic {url_safe}");
    assert_refused(&program.get("/metrics", &[line]).await, 401, 33);
}

#[tokio::test]
async fn row_052_only_the_schemes_that_are_on_are_challenged() {
    let bearer = Program::demo(&[("METRICS_BEARER_TOKEN", TOKEN)]).await;
    let response = bearer.get("/metrics", &[basic("alice:p:w")]).await;
    assert_refused(&response, 401, 52);
    assert_eq!(response.all("www-authenticate"), [BEARER]);
    let response = bearer.get("/metrics", &["Authorization: Bearer wrong"]).await;
    assert_eq!(response.all("www-authenticate"), [INVALID_TOKEN]);

    let only_addresses = Program::demo(&[("METRICS_ALLOWED_IPS", "10.0.0.0/8")]).await;
    let response = only_addresses.get("/metrics", &[good()]).await;
    assert_refused(&response, 403, "no scheme is on");
    assert!(response.all("www-authenticate").is_empty());
}

#[tokio::test]
async fn rows_045_and_053_a_static_token_may_look_like_a_jwt_and_be_8_kib_long() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    let jwt = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.c2ln";
    let long = "long".repeat(2 * 1024);
    std::fs::write(&file, format!("{jwt}\n{long}\n")).unwrap();
    let program = Program::demo(&[("METRICS_BEARER_TOKEN_FILE", file.to_str().unwrap())]).await;
    for token in [jwt, &long] {
        assert_eq!(program.get("/metrics", &[format!("Authorization: Bearer {token}")]).await.status, 200);
    }
    assert_refused(&program.get("/metrics", &[format!("Authorization: Bearer {jwt}A")]).await, 401, 53);
}

#[tokio::test]
async fn a_hashed_password_lets_in_the_pair_that_was_hashed_and_no_other() {
    let hash = bcrypt::hash("p:w", 4).unwrap();
    let settings = [("METRICS_BASIC_AUTH_USER", "alice"), ("METRICS_BASIC_AUTH_PASSWORD", &*hash)];
    let program = Program::demo(&settings).await;
    for _ in 0..3 {
        assert_eq!(program.get("/metrics", &[basic("alice:p:w")]).await.status, 200);
    }
    for pair in [format!("alice:{hash}"), "alice:p:x".into(), "bob:p:w".into()] {
        assert_refused(&program.get("/metrics", &[basic(&pair)]).await, 401, pair);
    }
}
