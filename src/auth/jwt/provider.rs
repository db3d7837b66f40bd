//! One issuer: its rules and its keys, which never meet those of another.

use std::sync::Arc;

use tokio::time::Instant;

use super::cache::Verified;
use super::claims::Rules;
use super::metrics::{self, IssuerMetrics};
use super::refusal::{Refusal, RefusalLog};
use super::settings::Settings;
use super::token::{Token, not_allowed};
use crate::auth::caller::Caller;
use crate::auth::clock::WallClock;
use crate::auth::excerpt::Excerpt;
use crate::auth::jwks::set::KeySet;
use crate::auth::jwks::{self, Jwks, LookUp, Supply};
use crate::auth::reason::Reason;
use crate::auth::{Judgement, Verdict};
use crate::secret::Fingerprint;

/// The families of all issuers.
pub(super) struct Families {
    pub(super) keys: jwks::metrics::Metrics,
    pub(super) tokens: metrics::Metrics,
}

pub(super) struct Provider {
    /// Which of the issuers it is, for the cache.
    index: usize,
    settings: Settings,
    rules: Rules,
    keys: Arc<Jwks>,
    clock: WallClock,
    metrics: IssuerMetrics,
    log: RefusalLog,
}

impl Provider {
    pub(super) fn start(
        index: usize,
        settings: Settings,
        supply: Supply,
        clock: WallClock,
        families: &Families,
    ) -> Self {
        let name = settings.name.clone();
        let rules = Rules::new(&settings);
        let metrics = families.tokens.of(&name);
        let keys = Jwks::start(name.clone(), supply, clock.clone(), families.keys.of(&name));
        Self { index, settings, rules, keys: Arc::new(keys), clock, metrics, log: RefusalLog::default() }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn keys(&self) -> &Arc<Jwks> {
        &self.keys
    }

    /// Whether the token says that this issuer made it.
    pub(super) fn is_issuer_of(&self, token: &Token) -> bool {
        self.rules.is_issuer(&token.claims)
    }

    pub(super) fn judge<'a>(
        &'a self,
        token: Token,
        fingerprint: Fingerprint,
        verified: &'a Verified,
        caller: &'a Caller<'a>,
    ) -> Judgement<'a> {
        if let Err(refusal) = self.screen(&token) {
            return Judgement::Now(self.refuse(&refusal));
        }
        match self.keys.look_up(&token.key) {
            LookUp::Found(keys) => Judgement::Now(self.verify(&token, fingerprint, &keys, verified, caller)),
            LookUp::Refused(reason) => Judgement::Now(self.without_key(&token, reason)),
            LookUp::Ask => Judgement::Later(Box::pin(async move {
                match self.keys.obtain(&token.key, caller.address).await {
                    Ok(keys) => self.verify(&token, fingerprint, &keys, verified, caller),
                    Err(reason) => self.without_key(&token, reason),
                }
            })),
        }
    }

    /// Everything that needs no key.
    fn screen(&self, token: &Token) -> Result<(), Refusal> {
        let Settings { algorithms, token_types, .. } = &self.settings;
        if !algorithms.allow(token.algorithm) {
            let detail = not_allowed(token.algorithm.name(), algorithms);
            return Err(Refusal::new(Reason::AlgorithmNotAllowed, detail));
        }
        let typed = token_types.check(token.typ.as_deref(), &token.claims);
        typed.map_err(|detail| Refusal::new(Reason::TypeNotAllowed, detail))?;
        self.rules.screen(&token.claims, self.clock.seconds())
    }

    fn verify(
        &self,
        token: &Token,
        fingerprint: Fingerprint,
        keys: &KeySet,
        verified: &Verified,
        caller: &Caller<'_>,
    ) -> Verdict {
        self.metrics.check_signature();
        if !keys.verifies(&token.key, token.algorithm, &token.message, &token.signature) {
            return Verdict::Deny(Reason::BadSignature);
        }
        // Read again: the token may have waited for its key.
        match self.rules.check(&token.claims, caller.certificate, self.clock.seconds()) {
            Err(refusal) => self.refuse(&refusal),
            Ok(accepted) => {
                if accepted.is_far && self.metrics.far_expiry() {
                    tracing::warn!(
                        issuer = self.settings.name,
                        "a good token expires more than a year from now; METRICS_OAUTH2_MAX_TOKEN_AGE can limit that"
                    );
                }
                let generation = keys.generation();
                verified.remember(fingerprint, self.index, generation, Instant::now(), accepted.until);
                Verdict::Allow
            }
        }
    }

    fn without_key(&self, token: &Token, reason: Reason) -> Verdict {
        let kid = Excerpt(token.key.text());
        tracing::debug!(issuer = self.settings.name, %kid, reason = reason.label(), "no key for a token");
        Verdict::Deny(reason)
    }

    fn refuse(&self, refusal: &Refusal) -> Verdict {
        self.log.tell(&self.settings.name, refusal);
        Verdict::Deny(refusal.reason)
    }
}
