//! Static bearer tokens (RFC 6750): any of a few, compared in constant time.

use std::sync::Arc;

use subtle::Choice;

use super::basic::not_a_hash::is_hash;
use super::caller::Caller;
use super::reason::Reason;
use super::{Authorizer, Challenge, Judgement, Method, Verdict};
use crate::secret::{Fingerprint, Live, QUOTED, is_quoted};

/// What is longer is no guess at a token.
const LONGEST: usize = 16 * 1024;

/// The tokens that are valid now: more than one while they are being rotated. Never empty.
#[derive(Debug, PartialEq, Eq)]
pub struct Tokens(Vec<Fingerprint>);

impl Tokens {
    /// One token a line; blank lines do not count.
    ///
    /// # Errors
    /// Why a line could never match: it holds what no `Authorization` header can carry.
    pub fn parse(text: &str) -> Result<Self, String> {
        let tokens = lines(text)
            .map(|token| check(token).map(|()| Fingerprint::of(token.as_bytes())))
            .collect::<Result<Vec<_>, _>>()?;
        if tokens.is_empty() {
            return Err("holds no token".into());
        }
        Ok(Self(tokens))
    }

    /// Compares with every token, whichever fits.
    fn contain(&self, candidate: &[u8]) -> bool {
        let candidate = Fingerprint::of(candidate);
        self.0.iter().fold(Choice::from(0), |found, token| found | token.matches(&candidate)).into()
    }
}

/// What deserves a warning about tokens that are valid all the same.
pub fn weakness(text: &str) -> Option<&'static str> {
    const PLACEHOLDERS: [&str; 8] =
        ["changeme", "change-me", "secret", "token", "password", "<token>", "your-token-here", "example"];
    // `${TOKEN}`, `{{ .Values.token }}`, `<your token>`: nobody filled them in, and everybody knows them.
    let is_template = |token: &str| {
        token.contains("${") || token.contains("{{") || token.starts_with('<') && token.ends_with('>')
    };
    let is_placeholder = |token: &str| PLACEHOLDERS.contains(&token.to_ascii_lowercase().as_str());
    if lines(text).any(|token| is_placeholder(token) || is_template(token)) {
        return Some("looks like a placeholder; make one with `openssl rand -hex 32`");
    }
    lines(text)
        .any(|token| token.len() < 16)
        .then_some("is shorter than 16 characters; make one with `openssl rand -hex 32`")
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty())
}

fn check(token: &str) -> Result<(), String> {
    if token.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer ")) {
        return Err("begins with \"Bearer \"; give the token alone".into());
    }
    if is_quoted(token) {
        return Err(QUOTED.into());
    }
    if is_hash(token) && token.len() > 20 {
        return Err("is a hash: a token is compared as it is, so whoever saw the hash could send it; give the token itself".into());
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(
            "holds blanks, control characters or non-ASCII characters, which no Authorization header \
                    can carry"
                .into(),
        );
    }
    Ok(())
}

/// Lets in whoever brings one of the tokens.
pub struct Bearer {
    tokens: Arc<Live<Tokens>>,
}

impl Bearer {
    pub fn new(tokens: Arc<Live<Tokens>>) -> Self {
        Self { tokens }
    }
}

impl Authorizer for Bearer {
    fn method(&self) -> Method {
        Method::Bearer
    }

    fn challenge(&self) -> Option<Challenge> {
        Some(Challenge::Bearer { scope: None })
    }

    fn judge<'a>(&'a self, caller: &'a Caller<'a>) -> Judgement<'a> {
        Judgement::Now(match caller.credentials.of("Bearer") {
            None => Verdict::Abstain,
            Some(token) if self.tokens.current().contain(token) => Verdict::Allow,
            Some(token) if token.len() > LONGEST => Verdict::Deny(Reason::TokenTooLarge),
            Some(_) => Verdict::Deny(Reason::WrongToken),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_several_tokens_is_good_and_nothing_near_them() {
        let tokens = Tokens::parse("old-token-0123456789\n\n  new-token-0123456789  \r\n").unwrap();
        let cases: [(&[u8], bool); 7] = [
            (b"old-token-0123456789", true),
            (b"new-token-0123456789", true),
            (b"new-token-012345678", false),
            (b"new-token-01234567890", false),
            (b"NEW-TOKEN-0123456789", false),
            (b"\"new-token-0123456789\"", false),
            (b"", false),
        ];
        for (candidate, good) in cases {
            assert_eq!(tokens.contain(candidate), good, "{candidate:?}");
        }
    }

    #[test]
    fn refuses_tokens_that_could_never_be_sent_without_showing_them() {
        for text in [
            "",
            "\n \n",
            "Bearer canary-token",
            "good\n\"canary\"",
            "canary token",
            "canary\u{7f}",
            "can\u{e4}ry",
            "$2y$10$canarycanarycanarycana",
            "$argon2id$v=19$m=65536,t=3,p=4$canary",
        ] {
            let error = Tokens::parse(text).unwrap_err();
            assert!(!error.contains("can\u{e4}ry") && !error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn warns_of_short_tokens_and_placeholders() {
        assert!(weakness("short").is_some());
        for template in ["${METRICS_BEARER_TOKEN}", "{{ .Values.metricsToken }}", "<paste your token here>"] {
            assert!(weakness(template).unwrap().contains("placeholder"), "{template}");
        }
        assert!(weakness("0123456789abcdef0123\nchangeme").is_some());
        assert!(weakness("0123456789abcdef0123").is_none());
    }
}
