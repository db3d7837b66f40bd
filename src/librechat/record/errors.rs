//! Kinds of errors: a closed set, found in the text of an error by a pattern on the server, so that the text itself never
//! leaves the database.

/// Finds the kind in an error's text. Each of its [groups](GROUPS) matches words of this pattern and nothing else.
///
/// LibreChat's own errors are JSON with a `type`; those of providers begin with the HTTP status; some name a page on the
/// error instead; a connection that broke has neither.
pub fn pattern() -> String {
    let types = LIBRECHAT.join("|");
    let status = r"(?:^\s*|(?i:request|error|status|code|http)[^0-9A-Za-z]{0,3})([45][0-9]{2})\b";
    let pages = PAGES.map(|(page, _)| page).join("|");
    let broken = BROKEN.join("|");
    format!(r#""type"\s*:\s*"({types})"|{status}|errors/({pages})|((?i:{broken}))"#)
}

/// How many groups the pattern has.
pub const GROUPS: usize = 4;

/// The kind that a group of the pattern has found: the metric label `error_type`.
pub fn kind(found: &str) -> Option<&'static str> {
    if let Some(own) = LIBRECHAT.iter().find(|own| **own == found) {
        return Some(own);
    }
    if let Some((_, kind)) = PAGES.iter().chain(STATUSES).find(|(known, _)| *known == found) {
        return Some(kind);
    }
    if BROKEN.iter().any(|broken| broken.eq_ignore_ascii_case(found)) {
        return Some(CONNECTION);
    }
    match found.as_bytes() {
        [b'4', b'0'..=b'9', b'0'..=b'9'] => Some("http_4xx"),
        [b'5', b'0'..=b'9', b'0'..=b'9'] => Some("http_5xx"),
        _ => None,
    }
}

const CONNECTION: &str = "connection";

/// What usually goes wrong with a provider: series of these begin at 0 with the model.
pub const USUAL: &[&str] =
    &["http_400", "http_401", "http_404", "http_429", "http_5xx", CONNECTION, "unknown"];

/// Statuses with a kind of their own.
const STATUSES: &[(&str, &str)] = &[
    ("400", "http_400"),
    ("401", "http_401"),
    ("402", "http_402"),
    ("403", "http_403"),
    ("404", "http_404"),
    ("408", "http_408"),
    ("413", "http_413"),
    ("422", "http_422"),
    ("429", "http_429"),
];

/// Pages on errors whose addresses LangChain adds to the text.
const PAGES: [(&str, &str); 3] =
    [("MODEL_AUTHENTICATION", "http_401"), ("MODEL_NOT_FOUND", "http_404"), ("MODEL_RATE_LIMIT", "http_429")];

/// What Node says of a connection that could not be made, or that broke.
const BROKEN: &[&str] = &[
    "connection error",
    "connect timeout",
    "fetch failed",
    "network error",
    "socket hang up",
    "premature close",
    "timed out",
    "terminated",
    "econnreset",
    "econnrefused",
    "econnaborted",
    "etimedout",
    "enotfound",
    "eai_again",
];

/// The values of `type` in the JSON that LibreChat writes as the text of an error: its own error types and violations.
const LIBRECHAT: &[&str] = &[
    "INPUT_LENGTH",
    "auth_failed",
    "ban",
    "compaction_failed",
    "concurrent",
    "endpoint_models_not_loaded",
    "expired_user_key",
    "file_upload_limit",
    "final_context_overflow",
    "google_error",
    "illegal_model_request",
    "invalid_agent_provider",
    "invalid_user_key",
    "message_limit",
    "missing_model",
    "model_not_found",
    "model_rate_limit",
    "models_not_loaded",
    "moderation",
    "no_base_url",
    "no_user_key",
    "refusal",
    "stream_expired",
    "token_balance",
    "tool_call_limit",
    "upstream_model_error",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_pattern_finds_has_a_kind_of_a_closed_set() {
        let cases = [
            ("token_balance", Some("token_balance")),
            ("401", Some("http_401")),
            ("418", Some("http_4xx")),
            ("503", Some("http_5xx")),
            ("MODEL_RATE_LIMIT", Some("http_429")),
            ("Connection error", Some("connection")),
            ("terminated", Some("connection")),
            ("200", None),
            ("4xx", None),
            ("anything else", None),
            ("", None),
        ];
        for (found, expected) in cases {
            assert_eq!(kind(found), expected, "{found}");
        }
    }
}
