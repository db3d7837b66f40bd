//! Access tokens of an OpenID provider: JSON Web Tokens (RFC 7519) under the rules of RFC 8725 and RFC 9068.
//!
//! Invariants:
//! - Whatever can be refused without a key is refused before one is looked up, so no made-up token costs a fetch.
//! - The signature is checked with keys of the configured issuer only, and the claims with our own rules: the library
//!   does nothing but the cryptography.
//! - A bearer value that is no token is refused as malformed; static tokens are another authorizer's business.

pub mod metrics;
pub mod settings;

mod cache;
mod claims;
mod token;

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::registry::Registry;
use serde_json::Value;
use tokio::time::Instant;

use super::caller::Caller;
use super::clock::WallClock;
use super::excerpt::Excerpt;
use super::jwa::Algorithms;
use super::jwks::fetch::Fetcher;
use super::jwks::set::KeySet;
use super::jwks::{self, Jwks, LookUp};
use super::reason::Reason;
use super::subject::Subject;
use super::{Authorizer, Challenge, Judgement, Method, Verdict};
use crate::secret::Fingerprint;
use cache::Verified;
use claims::Rules;
use metrics::Metrics;
use settings::Settings;
use token::Token;

/// How often a token of another issuer is worth a line in the log.
const HINT_INTERVAL: Duration = Duration::from_secs(60);

/// Lets in whoever brings a good access token of the issuer.
pub struct Jwt {
    settings: Settings,
    rules: Rules,
    keys: Jwks,
    verified: Verified,
    clock: WallClock,
    metrics: Metrics,
    hinted: Mutex<Option<Instant>>,
}

impl Jwt {
    /// Starts to fetch keys in the background, on the current tokio runtime; see [`Jwks::spawn`].
    pub fn spawn(settings: Settings, fetcher: Fetcher, clock: WallClock, registry: &mut Registry) -> Self {
        let keys = Jwks::spawn(
            settings.source.clone(),
            fetcher,
            settings.max_stale,
            clock.clone(),
            jwks::metrics::Metrics::register(registry),
        );
        let metrics = Metrics::register(registry);
        let rules = Rules::new(&settings);
        Self { settings, rules, keys, verified: Verified::new(), clock, metrics, hinted: Mutex::default() }
    }

    fn judge_token<'a>(&'a self, sent: &'a [u8], address: Option<IpAddr>) -> Judgement<'a> {
        let fingerprint = Fingerprint::of(sent);
        // Asked first and without a name: whether there are keys that can be believed at all.
        if let LookUp::Found(keys) = self.keys.look_up(None)
            && self.verified.holds(&fingerprint, keys.generation(), Instant::now(), self.clock.seconds())
        {
            return Judgement::Now(Verdict::Allow);
        }
        let token = match self.read(sent, &self.settings.algorithms) {
            Ok(token) => token,
            Err(reason) => return Judgement::Now(Verdict::Deny(reason)),
        };
        match self.keys.look_up(token.kid.as_deref()) {
            LookUp::Found(keys) => Judgement::Now(self.verify(&token, fingerprint, &keys)),
            LookUp::Refused(reason) => Judgement::Now(Verdict::Deny(reason)),
            LookUp::Ask => Judgement::Later(Box::pin(async move {
                match self.keys.obtain(token.kid.as_deref(), address).await {
                    Ok(keys) => self.verify(&token, fingerprint, &keys),
                    Err(reason) => {
                        let kid = token.kid.as_deref().unwrap_or_default();
                        tracing::debug!(kid = %Excerpt(kid), reason = reason.label(), "no key for a token");
                        Verdict::Deny(reason)
                    }
                }
            })),
        }
    }

    /// Everything that needs no key.
    fn read(&self, sent: &[u8], algorithms: &Algorithms) -> Result<Token, Reason> {
        let token = Token::read(sent, algorithms)?;
        let screened = self.rules.screen(&token.claims, self.clock.seconds());
        if screened == Err(Reason::IssuerMismatch) {
            self.hint(token.claims.get("iss"));
        }
        screened.map(|()| token)
    }

    fn verify(&self, token: &Token, fingerprint: Fingerprint, keys: &KeySet) -> Verdict {
        self.metrics.check_signature();
        if !keys.verifies(token.kid.as_deref(), token.algorithm, &token.message, &token.signature) {
            return Verdict::Deny(Reason::BadSignature);
        }
        // Read again: the token may have waited for its key.
        match self.rules.check(&token.claims, self.clock.seconds()) {
            Err(reason) => Verdict::Deny(reason),
            Ok(accepted) => {
                if accepted.is_far && self.metrics.far_expiry() {
                    tracing::warn!(
                        "a good token expires more than a year from now; METRICS_OAUTH2_MAX_TOKEN_AGE can limit that"
                    );
                }
                self.verified.remember(fingerprint, keys.generation(), Instant::now(), accepted.until);
                Verdict::Allow
            }
        }
    }

    /// Another issuer is a mistake in the settings more often than an attack, and hard to find without both names. The
    /// claim is not verified, so it is shown seldom, escaped and cut; every case is counted with the decisions.
    fn hint(&self, claimed: Option<&Value>) {
        let Some(issuer) = &self.settings.issuer else { return };
        let now = Instant::now();
        let mut hinted = self.hinted.lock().unwrap_or_else(PoisonError::into_inner);
        if hinted.is_some_and(|at| now.saturating_duration_since(at) < HINT_INTERVAL) {
            return;
        }
        *hinted = Some(now);
        let claimed = claimed.and_then(Value::as_str).unwrap_or_default();
        tracing::info!(
            expected = issuer.text(),
            claimed = %Excerpt(claimed),
            "a token is of another issuer{}",
            issuer.hint(claimed)
        );
    }
}

impl Authorizer for Jwt {
    fn method(&self) -> Method {
        Method::Jwt
    }

    fn challenge(&self) -> Option<Challenge> {
        Some(Challenge::Bearer { scope: self.settings.required_scopes.joined() })
    }

    fn subject(&self, caller: &Caller<'_>) -> Option<Subject> {
        let token = Token::read(caller.credentials.of("Bearer")?, &self.settings.algorithms).ok()?;
        token.claims.get("sub").and_then(Value::as_str).map(Subject::new)
    }

    fn judge<'a>(&'a self, caller: &'a Caller<'a>) -> Judgement<'a> {
        match caller.credentials.of("Bearer") {
            None => Judgement::Now(Verdict::Abstain),
            Some(sent) => self.judge_token(sent, caller.address),
        }
    }

    fn retry_after(&self) -> Duration {
        self.keys.retry_after()
    }
}
