//! What every refusal has in common, and how one tells them apart.

use crate::client::Response;

/// What no answer and no line of a log may hold: the secrets of every fixture.
pub(crate) const SECRETS: &[&str] = &[
    crate::authorization::TOKEN,
    // Basic alice:p:w
    "YWxpY2U6cDp3",
    "alice:p:w",
];

/// Panics unless `response` is this refusal in the form of all refusals: the phrase of its status and a newline as
/// plain text, never stored, never sniffed, no server named, no secret anywhere.
#[track_caller]
pub(crate) fn assert_refused(response: &Response, status: u16, case: impl std::fmt::Debug) {
    assert_eq!(response.status, status, "{case:?}: {response:?}");
    assert_form(response, &case);
    let phrase = response.status_line.splitn(3, ' ').nth(2).unwrap();
    assert_eq!(response.text(), format!("{phrase}\n"), "{case:?}: {response:?}");
}

/// As [`assert_refused`], for the answer to a HEAD request.
#[track_caller]
pub(crate) fn assert_refused_without_body(response: &Response, status: u16, case: impl std::fmt::Debug) {
    assert_eq!(response.status, status, "{case:?}: {response:?}");
    assert_form(response, &case);
    assert!(response.body.is_empty(), "{case:?}: {response:?}");
}

#[track_caller]
fn assert_form(response: &Response, case: &impl std::fmt::Debug) {
    assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"), "{case:?}: {response:?}");
    assert_common(response, case);
    assert_eq!(response.header("content-encoding"), None, "{case:?}: {response:?}");
    let challenged = !response.all("www-authenticate").is_empty();
    assert!(!challenged || matches!(response.status, 401 | 403), "{case:?}: {response:?}");
    assert_eq!(response.status == 405, response.header("allow").is_some(), "{case:?}: {response:?}");
    let raw = String::from_utf8_lossy(&response.raw()).into_owned();
    for secret in SECRETS {
        assert!(!raw.contains(secret), "{case:?} shows {secret}: {raw}");
    }
}

/// What all answers have in common.
#[track_caller]
pub(crate) fn assert_common(response: &Response, case: &impl std::fmt::Debug) {
    assert_eq!(response.header("cache-control"), Some("no-store"), "{case:?}: {response:?}");
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{case:?}: {response:?}");
    for name in
        ["server", "x-powered-by", "via", "location", "access-control-allow-origin", "etag", "last-modified"]
    {
        assert_eq!(response.header(name), None, "{case:?}: {response:?}");
    }
}

pub(crate) const BASIC: &str = r#"Basic realm="metrics", charset="UTF-8""#;
pub(crate) const BEARER: &str = r#"Bearer realm="metrics""#;
pub(crate) const INVALID_TOKEN: &str = r#"Bearer realm="metrics", error="invalid_token""#;

/// What a refusal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Served,
    /// 401 with a plain challenge for each scheme.
    Challenged,
    /// 401 whose Bearer challenge names the error.
    InvalidToken,
    /// Any other status, without a challenge.
    Status(u16),
}

/// Panics unless `response` is this, where Bearer and Basic are both on.
#[track_caller]
pub(crate) fn assert_answer(response: &Response, answer: Answer, case: impl std::fmt::Debug) {
    let challenges: &[&str] = match answer {
        Answer::Served => {
            assert_eq!(response.status, 200, "{case:?}: {response:?}");
            assert_common(response, &case);
            &[]
        }
        Answer::Challenged | Answer::InvalidToken => {
            assert_refused(response, 401, &case);
            if answer == Answer::InvalidToken { &[BASIC, INVALID_TOKEN] } else { &[BASIC, BEARER] }
        }
        Answer::Status(status) => {
            assert_refused(response, status, &case);
            &[]
        }
    };
    assert_eq!(response.all("www-authenticate"), challenges, "{case:?}");
}
