//! Why a token was refused, with what leads to the mend.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::auth::reason::Reason;

/// How often a refusal with a detail is worth a line in the log, for each reason.
const QUIET: Duration = Duration::from_secs(60);

/// A reason and, where it helps, what was expected and what came. A detail holds text of the token escaped and cut, and
/// nothing of its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    /// Empty where the reason says it all.
    pub(super) detail: String,
}

impl Refusal {
    pub(super) fn new(reason: Reason, detail: String) -> Self {
        Self { reason, detail }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, detail: String::new() }
    }
}

/// When a detail was logged last, for each reason. Such a token is a mistake in the settings more often than an attack,
/// and hard to find without both values; every case is counted with the decisions.
#[derive(Debug, Default)]
pub(super) struct RefusalLog(Mutex<HashMap<Reason, Instant>>);

impl RefusalLog {
    /// Logs at `info` once a minute for each reason, else at `debug`.
    pub(super) fn tell(&self, issuer: &str, refusal: &Refusal) {
        let Refusal { reason, detail } = refusal;
        if detail.is_empty() {
            return;
        }
        let reason = reason.label();
        if self.is_due(refusal.reason, Instant::now()) {
            tracing::info!(issuer, reason, "a token is refused: {detail}");
        } else {
            tracing::debug!(issuer, reason, "a token is refused: {detail}");
        }
    }

    fn is_due(&self, reason: Reason, now: Instant) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.get(&reason).is_some_and(|at| now.saturating_duration_since(*at) < QUIET) {
            return false;
        }
        told.insert(reason, now);
        true
    }
}
