//! Basic authentication (RFC 7617): one user, compared in constant time.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::caller::Caller;
use super::reason::Reason;
use super::{Authorizer, Challenge, Judgement, Method, Verdict};
use crate::secret::{Fingerprint, Live, Secret};

/// The user and the password that are let in.
#[derive(Debug)]
pub struct Account {
    user: Fingerprint,
    password: Fingerprint,
}

impl Account {
    pub fn new(user: &str, password: &Secret) -> Self {
        Self {
            user: Fingerprint::of(user.as_bytes()),
            password: Fingerprint::of(password.expose().as_bytes()),
        }
    }

    fn matches(&self, user: &[u8], password: &[u8]) -> bool {
        let user = self.user.matches(&Fingerprint::of(user));
        let password = self.password.matches(&Fingerprint::of(password));
        (user & password).into()
    }
}

/// Why a user name cannot be used: RFC 7617 section 2 splits at the first colon and forbids control characters.
pub fn check_user(user: &str) -> Result<(), String> {
    if user.contains(':') {
        return Err("must not hold a colon (RFC 7617 section 2)".into());
    }
    if user.chars().any(char::is_control) {
        return Err("must not hold control characters".into());
    }
    Ok(())
}

/// Lets in whoever brings the account's user and password.
pub struct Basic {
    account: Arc<Live<Account>>,
}

impl Basic {
    pub fn new(account: Arc<Live<Account>>) -> Self {
        Self { account }
    }

    fn verdict(&self, encoded: &[u8]) -> Verdict {
        let Some(pair) = STANDARD.decode(encoded).ok().filter(|pair| std::str::from_utf8(pair).is_ok())
        else {
            return Verdict::Deny(Reason::BasicMalformed);
        };
        let Some(colon) = pair.iter().position(|byte| *byte == b':') else {
            return Verdict::Deny(Reason::BasicMalformed);
        };
        let (user, rest) = pair.split_at(colon);
        let password = rest.strip_prefix(b":").unwrap_or_default();
        if self.account.current().matches(user, password) {
            Verdict::Allow
        } else {
            Verdict::Deny(Reason::WrongPassword)
        }
    }
}

impl Authorizer for Basic {
    fn method(&self) -> Method {
        Method::Basic
    }

    fn challenge(&self) -> Option<Challenge> {
        Some(Challenge::Basic)
    }

    fn judge<'a>(&'a self, caller: &'a Caller<'a>) -> Judgement<'a> {
        Judgement::Now(match caller.credentials.of("Basic") {
            None => Verdict::Abstain,
            Some(encoded) => self.verdict(encoded),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_every_shape_of_credentials() {
        let basic = Basic::new(Arc::new(Live::new(Account::new("alice", &Secret::new("p:w\u{ff}")))));
        let pair = |pair: &[u8]| STANDARD.encode(pair).into_bytes();
        let wrong = Verdict::Deny(Reason::WrongPassword);
        let malformed = Verdict::Deny(Reason::BasicMalformed);
        let cases = [
            (pair("alice:p:w\u{ff}".as_bytes()), Verdict::Allow),
            (pair(b"alice:p:w\xff"), malformed),
            (pair("ALICE:p:w\u{ff}".as_bytes()), wrong),
            (pair("alice:p:w\u{ff}\0".as_bytes()), wrong),
            (pair(":p:w\u{ff}".as_bytes()), wrong),
            (pair(b"alice:"), wrong),
            (pair(b":"), wrong),
            (pair(b"alice"), malformed),
            (b"!!!!".to_vec(), malformed),
            (b"YTpiYx==".to_vec(), malformed),
            (b"YWxpY2U6cDp3 w78=".to_vec(), malformed),
            (b"YWxpY2U6cDp3w78".to_vec(), malformed),
        ];
        for (encoded, expected) in cases {
            assert_eq!(basic.verdict(&encoded), expected, "{:?}", String::from_utf8_lossy(&encoded));
        }
    }

    #[test]
    fn refuses_user_names_that_the_scheme_cannot_carry() {
        assert!(check_user("alice").is_ok());
        assert!(check_user("a:b").is_err());
        assert!(check_user("a\u{1}").is_err());
    }
}
