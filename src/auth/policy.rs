//! One decision out of many verdicts.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::allowlist::AllowList;
use super::caller::{Caller, Credentials};
use super::reason::{BearerError, Reason};
use super::subject::{Role, Subject};
use super::{Authorizer, Challenge, Judgement, Method, Verdict};
use crate::network::shares::Shares;
use crate::secret::{DigestKey, Fingerprint};

/// Verdicts that are waited for at a time, for all clients and for one: a decision goes on when its client hangs up, so
/// that connections do not bound them. One client's share is what it may have of connections.
const WAITING: usize = 512;
const WAITING_OF_ONE_CLIENT: usize = 64;

/// The right to read what is guarded. Only [`Policy`] makes one, of an [`Admission`].
#[derive(Debug)]
#[must_use]
pub struct Permit {
    method: Method,
    subject: Option<Subject>,
    role: Option<Role>,
}

impl Permit {
    /// Which method let the caller in; [`Method::None`] when nothing is asked for.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Who was let in, as far as the credential says.
    pub fn subject(&self) -> Option<&Subject> {
        self.subject.as_ref()
    }

    /// Who was let in, by which method and in which role.
    pub fn into_parts(self) -> (Method, Option<Subject>, Option<Role>) {
        (self.method, self.subject, self.role)
    }

    /// Whether a credential was judged good, not an address alone.
    pub fn is_earned(&self) -> bool {
        !matches!(self.method, Method::None | Method::AllowList)
    }
}

/// The gate was passed: the address is one that may ask. Only [`Policy::admit`] makes one.
#[derive(Debug)]
#[must_use]
pub struct Admission {
    _private: (),
}

/// A refusal: who refused, why, and when asking again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    pub method: Method,
    pub reason: Reason,
    /// When to come back, for a refusal that only says "not now".
    pub retry_after: Option<Duration>,
}

impl Denial {
    pub fn new(method: Method, reason: Reason) -> Self {
        Self { method, reason, retry_after: None }
    }

    /// The value of `Retry-After` (RFC 9110 section 10.2.3): whole seconds, rounded up, at least 1.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let wait = self.retry_after?;
        Some((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
    }
}

/// The gate that every caller must pass, and the authorizers of which any may let it in.
pub struct Policy {
    gate: Option<AllowList>,
    authorizers: Vec<Box<dyn Authorizer>>,
    challenges: Challenges,
    waiting: Arc<Shares>,
}

impl Policy {
    /// With no authorizers, whoever passes the gate may read.
    pub fn new(gate: Option<AllowList>, authorizers: Vec<Box<dyn Authorizer>>) -> Self {
        let challenges = Challenges::of(&authorizers);
        Self { gate, authorizers, challenges, waiting: Shares::new(WAITING, WAITING_OF_ONE_CLIENT) }
    }

    /// The methods that are on, in the order in which they are asked.
    pub fn methods(&self) -> impl Iterator<Item = Method> {
        let gate = self.gate.iter().map(|_| Method::AllowList);
        gate.chain(self.authorizers.iter().map(|authorizer| authorizer.method()))
    }

    /// Asks the gate. `address` is `None` when it could not be established, which an allow-list refuses.
    ///
    /// # Errors
    /// [`Reason::AddressNotAllowed`].
    pub fn admit(&self, address: Option<IpAddr>) -> Result<Admission, Denial> {
        match &self.gate {
            Some(list) if !address.is_some_and(|address| list.contains(address)) => {
                Err(Denial::new(Method::AllowList, Reason::AddressNotAllowed))
            }
            _ => Ok(Admission { _private: () }),
        }
    }

    /// What the caller shows, under a key of this process; `None` when there is nothing that could be judged.
    pub fn credential(&self, caller: &Caller<'_>, key: &DigestKey) -> Option<Fingerprint> {
        match caller.credentials {
            Credentials::Sent { scheme, value } => {
                Some(key.digest(&[b"authorization", &scheme.to_ascii_lowercase(), value]))
            }
            Credentials::Missing => {
                let cookie = self.authorizers.iter().find_map(|authorizer| authorizer.cookie(caller))?;
                Some(key.digest(&[b"cookie", cookie.as_bytes()]))
            }
        }
    }

    /// The permit for what is open to whoever passes the gate: no credential is looked at.
    pub fn open(&self, _admission: Admission) -> Permit {
        Permit { method: Method::None, subject: None, role: None }
    }

    /// Asks the authorizers. Ready at once unless a verdict has to be waited for; who waits holds a place, so that
    /// however many give up, only so many decisions are under way.
    ///
    /// # Errors
    /// The most specific refusal, or that there was nothing to judge.
    pub async fn authorize(&self, _admission: Admission, caller: &Caller<'_>) -> Result<Permit, Denial> {
        if self.authorizers.is_empty() {
            let method = if self.gate.is_some() { Method::AllowList } else { Method::None };
            return Ok(Permit { method, subject: None, role: None });
        }
        let mut denial = Denial::new(Method::None, nothing_to_judge(caller));
        for authorizer in &self.authorizers {
            let method = authorizer.method();
            let verdict = match authorizer.judge(caller) {
                Judgement::Now(verdict) => verdict,
                Judgement::Later(pending) => match self.waiting.enter(caller.address) {
                    Some(_place) => pending.await,
                    None => Verdict::Deny(busy(method)),
                },
            };
            match verdict {
                Verdict::Allow => {
                    return Ok(Permit { method, subject: authorizer.subject(caller), role: None });
                }
                Verdict::AllowAs(role) => {
                    return Ok(Permit { method, subject: authorizer.subject(caller), role: Some(role) });
                }
                Verdict::Deny(reason) if reason > denial.reason => {
                    let retry_after = reason.status().is_server_error().then(|| authorizer.retry_after());
                    denial = Denial { method, reason, retry_after };
                }
                Verdict::Deny(_) | Verdict::Abstain => {}
            }
        }
        Err(denial)
    }

    /// The `WWW-Authenticate` lines that go with a refusal: one for each scheme that is on, for 401 and for a token
    /// that lacks scope; none otherwise. Two lines, not one joined: browsers fail on the joined form.
    pub fn challenges(&self, reason: Reason) -> &[HeaderValue] {
        match (reason.status(), reason.bearer_error()) {
            (_, BearerError::InsufficientScope) => &self.challenges.insufficient_scope,
            (http::StatusCode::UNAUTHORIZED, BearerError::InvalidToken) => &self.challenges.invalid_token,
            (http::StatusCode::UNAUTHORIZED, BearerError::None) => &self.challenges.plain,
            _ => &[],
        }
    }
}

/// Too many wait already: the caller may well be one who may read.
fn busy(method: Method) -> Reason {
    if method == Method::Basic { Reason::HashingBusy } else { Reason::Unavailable }
}

fn nothing_to_judge(caller: &Caller<'_>) -> Reason {
    match caller.credentials {
        Credentials::Missing => Reason::NoCredentials,
        Credentials::Sent { value: [], scheme }
            if ["basic", "bearer"].iter().any(|known| is(scheme, known)) =>
        {
            Reason::NoCredentials
        }
        Credentials::Sent { .. } => Reason::UnsupportedScheme,
    }
}

fn is(scheme: &[u8], name: &str) -> bool {
    scheme.eq_ignore_ascii_case(name.as_bytes())
}

/// The header values of every refusal, made once.
struct Challenges {
    plain: Vec<HeaderValue>,
    invalid_token: Vec<HeaderValue>,
    insufficient_scope: Vec<HeaderValue>,
}

impl Challenges {
    fn of(authorizers: &[Box<dyn Authorizer>]) -> Self {
        let challenges: Vec<Challenge> = authorizers.iter().filter_map(|a| a.challenge()).collect();
        let basic = challenges.contains(&Challenge::Basic);
        let bearer = challenges.iter().any(|challenge| matches!(challenge, Challenge::Bearer { .. }));
        let scope = challenges.iter().find_map(|challenge| match challenge {
            Challenge::Bearer { scope } => scope.as_deref(),
            Challenge::Basic => None,
        });
        let lines = |error: &str| {
            let basic = basic.then(|| r#"Basic realm="metrics", charset="UTF-8""#.to_owned());
            let bearer = bearer.then(|| format!(r#"Bearer realm="metrics"{error}"#));
            // A scope that is not a header value is refused with the settings; here it would only lose its line.
            basic.into_iter().chain(bearer).filter_map(|line| HeaderValue::try_from(line).ok()).collect()
        };
        let scope = scope.map(|scope| format!(r#", scope="{scope}""#)).unwrap_or_default();
        Self {
            plain: lines(""),
            invalid_token: lines(r#", error="invalid_token""#),
            insufficient_scope: lines(&format!(r#", error="insufficient_scope"{scope}"#)),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, header};

    use super::*;

    struct Always(Method, Verdict, Option<Challenge>);

    impl Authorizer for Always {
        fn method(&self) -> Method {
            self.0
        }

        fn challenge(&self) -> Option<Challenge> {
            self.2.clone()
        }

        fn judge<'a>(&'a self, _caller: &'a Caller<'a>) -> Judgement<'a> {
            Judgement::Now(self.1.clone())
        }
    }

    async fn decide(verdicts: &[(Method, Verdict)]) -> Result<Method, Reason> {
        let authorizers = verdicts
            .iter()
            .map(|(method, verdict)| Box::new(Always(*method, verdict.clone(), None)) as Box<dyn Authorizer>)
            .collect();
        let policy = Policy::new(None, authorizers);
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"))]);
        let caller = Caller::new(None, &headers).unwrap();
        let admission = policy.admit(None).unwrap();
        policy
            .authorize(admission, &caller)
            .await
            .map(|permit| permit.method())
            .map_err(|denial| denial.reason)
    }

    #[tokio::test]
    async fn order_never_changes_the_outcome() {
        let allow = || (Method::Bearer, Verdict::Allow);
        let abstain = || (Method::Basic, Verdict::Abstain);
        let guess = || (Method::Bearer, Verdict::Deny(Reason::WrongToken));
        let expired = || (Method::Jwt, Verdict::Deny(Reason::Expired));
        let cases = [
            (vec![allow(), guess(), abstain()], Ok(Method::Bearer)),
            (vec![guess(), expired(), abstain()], Err(Reason::Expired)),
            (vec![abstain(), guess()], Err(Reason::WrongToken)),
            (vec![abstain()], Err(Reason::UnsupportedScheme)),
        ];
        for (mut verdicts, expected) in cases {
            for _ in 0..verdicts.len() {
                assert_eq!(decide(&verdicts).await, expected, "{verdicts:?}");
                verdicts.rotate_left(1);
            }
        }
    }

    #[tokio::test]
    async fn lets_everyone_in_when_nothing_is_asked() {
        let policy = Policy::new(None, Vec::new());
        let headers = HeaderMap::new();
        let caller = Caller::new(None, &headers).unwrap();
        let admission = policy.admit(None).unwrap();
        assert_eq!(policy.authorize(admission, &caller).await.unwrap().method(), Method::None);
    }

    #[test]
    fn the_gate_refuses_an_address_that_is_not_listed_or_not_known() {
        let policy = Policy::new(Some("10.0.0.0/8".parse().unwrap()), Vec::new());
        for (address, admitted) in [(Some("10.1.1.1"), true), (Some("8.8.8.8"), false), (None, false)] {
            let address = address.map(|address| address.parse().unwrap());
            assert_eq!(policy.admit(address).is_ok(), admitted, "{address:?}");
        }
    }

    #[test]
    fn challenges_each_scheme_once_and_names_an_error_only_for_a_bearer_that_was_judged() {
        let bearer = |scope: Option<&str>| Some(Challenge::Bearer { scope: scope.map(str::to_owned) });
        let policy = Policy::new(
            None,
            vec![
                Box::new(Always(Method::Bearer, Verdict::Abstain, bearer(None))),
                Box::new(Always(Method::Jwt, Verdict::Abstain, bearer(Some("a b")))),
                Box::new(Always(Method::Basic, Verdict::Abstain, Some(Challenge::Basic))),
            ],
        );
        let basic = r#"Basic realm="metrics", charset="UTF-8""#;
        assert_eq!(policy.challenges(Reason::NoCredentials), [basic, r#"Bearer realm="metrics""#]);
        assert_eq!(policy.challenges(Reason::WrongPassword), [basic, r#"Bearer realm="metrics""#]);
        assert_eq!(
            policy.challenges(Reason::WrongToken),
            [basic, r#"Bearer realm="metrics", error="invalid_token""#]
        );
        assert_eq!(
            policy.challenges(Reason::InsufficientScope),
            [basic, r#"Bearer realm="metrics", error="insufficient_scope", scope="a b""#]
        );
        assert!(policy.challenges(Reason::Unavailable).is_empty());
        assert!(policy.challenges(Reason::RepeatedAuthorization).is_empty());
        assert!(policy.challenges(Reason::AddressNotAllowed).is_empty());
    }
}
