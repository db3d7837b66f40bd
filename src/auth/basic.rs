//! Basic authentication (RFC 7617): users whose passwords are known plainly or by their hashes.
//!
//! Invariants: a plain password is compared in constant time; a hash is verified on a bounded pool, for an unknown user
//! too, and a pair that was found good costs no further hash. When the pool is full the caller is told to come again,
//! never let in.

pub mod accounts;
pub(super) mod not_a_hash;
mod password;
mod pool;

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use self::accounts::{Accounts, matches, matches_at_once};
use self::pool::{Busy, HashingPool, Weight};
use super::caller::Caller;
use super::reason::Reason;
use super::subject::Subject;
use super::{Authorizer, Challenge, Judgement, Method, Verdict};
use crate::secret::{Live, Secret};

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

/// Lets in whoever brings the user and a password of one of the accounts.
pub struct Basic {
    /// By where they come from: each place is read again on its own.
    accounts: Vec<Arc<Live<Accounts>>>,
    pool: HashingPool,
}

impl Basic {
    pub fn new(accounts: Vec<Arc<Live<Accounts>>>) -> Self {
        Self { accounts, pool: HashingPool::new() }
    }

    fn judge_pair(&self, pair: Pair, address: Option<IpAddr>) -> Judgement<'_> {
        let accounts: Vec<_> = self.accounts.iter().map(|accounts| accounts.current()).collect();
        let (user, password) = pair.split();
        match matches_at_once(&accounts, user, password) {
            Some(good) => Judgement::Now(verdict(good)),
            None => Judgement::Later(Box::pin(self.verify(accounts, pair, address))),
        }
    }

    async fn verify(&self, accounts: Vec<Arc<Accounts>>, pair: Pair, address: Option<IpAddr>) -> Verdict {
        let much = accounts.iter().any(|accounts| accounts.needs_much_memory());
        let weight = if much { Weight::Alone } else { Weight::Usual };
        let work = move || {
            let (user, password) = pair.split();
            matches(&accounts, user, password)
        };
        match self.pool.run(address, weight, work).await {
            Ok(good) => verdict(good),
            Err(Busy) => Verdict::Deny(Reason::HashingBusy),
        }
    }
}

fn verdict(good: bool) -> Verdict {
    if good { Verdict::Allow } else { Verdict::Deny(Reason::WrongPassword) }
}

/// A user and a password as they were sent.
struct Pair(Secret);

impl Pair {
    fn decode(encoded: &[u8]) -> Option<Self> {
        let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        text.contains(':').then(|| Self(Secret::new(text)))
    }

    fn split(&self) -> (&str, &str) {
        self.0.expose().split_once(':').unwrap_or_default()
    }
}

impl Authorizer for Basic {
    fn method(&self) -> Method {
        Method::Basic
    }

    fn challenge(&self) -> Option<Challenge> {
        Some(Challenge::Basic)
    }

    fn subject(&self, caller: &Caller<'_>) -> Option<Subject> {
        let pair = caller.credentials.of("Basic").and_then(Pair::decode)?;
        Some(Subject::new(pair.split().0))
    }

    fn judge<'a>(&'a self, caller: &'a Caller<'a>) -> Judgement<'a> {
        match caller.credentials.of("Basic").map(Pair::decode) {
            None => Judgement::Now(Verdict::Abstain),
            Some(None) => Judgement::Now(Verdict::Deny(Reason::BasicMalformed)),
            Some(Some(pair)) => self.judge_pair(pair, caller.address),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::{join_all, poll_immediate};
    use http::{HeaderMap, HeaderValue, header};

    use super::*;

    fn basic(user: &str, password: &str) -> Basic {
        Basic::new(vec![Arc::new(Live::new(Accounts::one(user, &Secret::new(password)).unwrap()))])
    }

    async fn judge(basic: &Basic, encoded: &[u8]) -> Verdict {
        let value = HeaderValue::from_bytes(&[b"Basic ", encoded].concat()).unwrap();
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
        let caller = Caller::new(None, &headers).unwrap();
        match basic.judge(&caller) {
            Judgement::Now(verdict) => verdict,
            Judgement::Later(pending) => pending.await,
        }
    }

    #[tokio::test]
    async fn judges_every_shape_of_credentials_whatever_is_known_of_the_password() {
        let pair = |pair: &[u8]| STANDARD.encode(pair).into_bytes();
        let wrong = || Verdict::Deny(Reason::WrongPassword);
        let malformed = || Verdict::Deny(Reason::BasicMalformed);
        let cases = [
            (pair("alice:p:w\u{ff}".as_bytes()), Verdict::Allow),
            (pair(b"alice:p:w\xff"), malformed()),
            (pair("ALICE:p:w\u{ff}".as_bytes()), wrong()),
            (pair("alice:p:w\u{ff}\0".as_bytes()), wrong()),
            (pair(":p:w\u{ff}".as_bytes()), wrong()),
            (pair(b"alice:"), wrong()),
            (pair(b":"), wrong()),
            (pair(b"alice"), malformed()),
            (b"!!!!".to_vec(), malformed()),
            (b"YTpiYx==".to_vec(), malformed()),
            (b"YWxpY2U6cDp3 w78=".to_vec(), malformed()),
            (b"YWxpY2U6cDp3w78".to_vec(), malformed()),
        ];
        for password in ["p:w\u{ff}", &bcrypt::hash("p:w\u{ff}", 4).unwrap()] {
            let basic = basic("alice", password);
            for (encoded, expected) in cases.iter().chain(&cases) {
                let verdict = judge(&basic, encoded).await;
                assert_eq!(verdict, *expected, "{:?}", String::from_utf8_lossy(encoded));
            }
        }
    }

    #[tokio::test]
    async fn a_storm_of_wrong_passwords_is_turned_away_and_does_not_delay_the_good_pair() {
        let basic = basic("alice", &bcrypt::hash("p:w", 6).unwrap());
        let good = STANDARD.encode("alice:p:w").into_bytes();
        let bad = STANDARD.encode("alice:wrong").into_bytes();
        assert_eq!(judge(&basic, &good).await, Verdict::Allow);
        let mut storm: Vec<_> = (0..100).map(|_| Box::pin(judge(&basic, &bad))).collect();
        let turned_away = {
            let mut verdicts = Vec::new();
            for request in &mut storm {
                verdicts.push(poll_immediate(request).await);
            }
            verdicts.iter().filter(|verdict| **verdict == Some(Verdict::Deny(Reason::HashingBusy))).count()
        };
        assert!(turned_away > 0);
        assert_eq!(poll_immediate(Box::pin(judge(&basic, &good))).await, Some(Verdict::Allow));
    }

    #[tokio::test]
    async fn a_reloaded_account_forgets_the_good_pair_of_the_old_one() {
        let account = Arc::new(Live::new(
            Accounts::one("alice", &Secret::new(bcrypt::hash("old", 4).unwrap())).unwrap(),
        ));
        let basic = Basic::new(vec![Arc::clone(&account)]);
        let old = STANDARD.encode("alice:old").into_bytes();
        let new = STANDARD.encode("alice:new").into_bytes();
        assert_eq!(judge(&basic, &old).await, Verdict::Allow);
        account.replace(Accounts::one("alice", &Secret::new(bcrypt::hash("new", 4).unwrap())).unwrap());
        let verdicts = join_all([judge(&basic, &old), judge(&basic, &new)]).await;
        assert_eq!(verdicts, [Verdict::Deny(Reason::WrongPassword), Verdict::Allow]);
    }

    #[test]
    fn refuses_user_names_that_the_scheme_cannot_carry() {
        assert!(check_user("alice").is_ok());
        assert!(check_user("a:b").is_err());
        assert!(check_user("a\u{1}").is_err());
    }
}
