//! Access tokens of OpenID providers: JSON Web Tokens (RFC 7519) under the rules of RFC 8725 and RFC 9068.
//!
//! Invariants:
//! - A token is judged by the issuer whose name is its `iss` and by no other: by its rules and with its keys.
//! - Whatever can be refused without a key is refused before one is looked up, so no made-up token costs a fetch.
//! - The signature is checked with keys of the configured issuer only, and the claims with our own rules: the library
//!   does nothing but the cryptography.
//! - A bearer value that is no token is refused as malformed; static tokens are another authorizer's business.

mod binding;
pub mod claim_path;
pub mod kind;
pub mod metrics;
pub mod required;
pub mod settings;

mod cache;
mod claims;
mod provider;
mod refusal;
mod token;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use serde_json::Value;
use tokio::time::Instant;

use super::caller::Caller;
use super::clock::WallClock;
use super::excerpt::Excerpt;
use super::jwa::Algorithms;
use super::jwks::issuer::Issuer;
use super::jwks::{self, Jwks, Supply};
use super::reason::Reason;
use super::subject::Subject;
use super::{Authorizer, Challenge, Judgement, Method, Verdict};
use crate::secret::Fingerprint;
use cache::Verified;
use provider::{Families, Provider};
use refusal::{Refusal, RefusalLog};
use settings::Settings;
use token::Token;

/// Lets in whoever brings a good access token of one of the issuers.
pub struct Jwt {
    providers: Vec<Provider>,
    /// Of any issuer: what is in none of the lists is not worth reading.
    algorithms: Algorithms,
    verified: Verified,
    clock: WallClock,
    log: RefusalLog,
}

impl Jwt {
    /// Starts to fetch keys in the background, on the current tokio runtime; see [`Jwks::start`].
    pub fn start(issuers: Vec<(Settings, Supply)>, clock: WallClock, registry: &mut Registry) -> Self {
        let families = Families {
            keys: jwks::metrics::Metrics::register(registry),
            tokens: metrics::Metrics::register(registry),
        };
        let algorithms = Algorithms::of_all(issuers.iter().map(|(settings, _)| &settings.algorithms));
        let start =
            |(index, (settings, supply))| Provider::start(index, settings, supply, clock.clone(), &families);
        let providers = issuers.into_iter().enumerate().map(start).collect();
        Self { providers, algorithms, verified: Verified::new(), clock, log: RefusalLog::default() }
    }

    /// The keys of each issuer, in the order of the settings: to replace those that come from files.
    pub fn keys(&self) -> impl Iterator<Item = Arc<Jwks>> {
        self.providers.iter().map(|provider| Arc::clone(provider.keys()))
    }

    fn judge_token<'a>(&'a self, sent: &'a [u8], caller: &'a Caller<'a>) -> Judgement<'a> {
        // With the certificate: a token that is bound to one is another on a connection without it.
        let certificate = caller.certificate.map(<[u8; 32]>::as_slice);
        let fingerprint = Fingerprint::of_parts([sent].into_iter().chain(certificate));
        // Whether that issuer's keys can be believed at all is part of the question.
        let generation = |issuer: usize| self.providers.get(issuer)?.keys().generation();
        if self.verified.holds(&fingerprint, generation, Instant::now(), self.clock.seconds()) {
            return Judgement::Now(Verdict::Allow);
        }
        let token = match Token::read(sent, &self.algorithms) {
            Ok(token) => token,
            Err(refusal) => return Judgement::Now(self.refuse(&refusal)),
        };
        match self.providers.iter().find(|provider| provider.is_issuer_of(&token)) {
            Some(provider) => provider.judge(token, fingerprint, &self.verified, caller),
            None => Judgement::Now(self.refuse(&self.another_issuer(token.claims.get("iss")))),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Verdict {
        // Nobody knows yet whose token it is; with one issuer in the settings there is no doubt.
        let name = match self.providers.as_slice() {
            [only] => only.settings().name.as_str(),
            _ => "",
        };
        self.log.tell(name, refusal);
        Verdict::Deny(refusal.reason)
    }

    fn another_issuer(&self, claimed: Option<&Value>) -> Refusal {
        let claimed = claimed.and_then(Value::as_str).unwrap_or_default();
        let issuers = || self.providers.iter().filter_map(|provider| provider.settings().issuer.as_ref());
        let expected: Vec<&str> = issuers().map(Issuer::text).collect();
        let hint =
            issuers().map(|issuer| issuer.hint(claimed)).find(|hint| !hint.is_empty()).unwrap_or_default();
        let detail = format!(
            "it is of another issuer: its iss is \"{}\", not \"{}\"{hint}",
            Excerpt(claimed),
            expected.join("\" or \"")
        );
        Refusal::new(Reason::IssuerMismatch, detail)
    }
}

impl Authorizer for Jwt {
    fn method(&self) -> Method {
        Method::Jwt
    }

    /// The scopes are named where all issuers require the same (RFC 6750 section 3: the attribute is optional).
    fn challenge(&self) -> Option<Challenge> {
        let mut scopes = self.providers.iter().map(|provider| provider.settings().required_scopes.joined());
        let first = scopes.next()?;
        let scope = if scopes.all(|other| other == first) { first } else { None };
        Some(Challenge::Bearer { scope })
    }

    fn subject(&self, caller: &Caller<'_>) -> Option<Subject> {
        let token = Token::read(caller.credentials.of("Bearer")?, &self.algorithms).ok()?;
        token.claims.get("sub").and_then(Value::as_str).map(Subject::new)
    }

    fn judge<'a>(&'a self, caller: &'a Caller<'a>) -> Judgement<'a> {
        match caller.credentials.of("Bearer") {
            None => Judgement::Now(Verdict::Abstain),
            Some(sent) => self.judge_token(sent, caller),
        }
    }

    /// Until the first of the issuers that fail is asked again.
    fn retry_after(&self) -> Duration {
        let pauses = self.providers.iter().map(|provider| provider.keys().retry_after());
        pauses.filter(|pause| !pause.is_zero()).min().unwrap_or_default()
    }
}
