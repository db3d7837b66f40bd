//! What the claims of a token (RFC 7519 section 4) must say; pure, `now` is an argument in seconds since 1970.
//!
//! Invariants: nothing passes because it is missing or of another type: `exp` is required, `iss` is one text, `aud` is a
//! text or a list of texts. Comparisons are byte for byte.

use serde_json::{Map, Value};

use super::settings::Settings;
use crate::auth::reason::Reason;

/// What `iat` may lie ahead whatever the leeway: it says nothing of validity, so only trouble is refused.
const IAT_TOLERANCE: f64 = 60.0;

/// Beyond this many seconds an expiry is no limit, which deserves a warning.
const FAR: f64 = 366.0 * 24.0 * 3600.0;

/// The rules of [`Settings`], as numbers and texts to compare with.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    issuer: Option<String>,
    audiences: Vec<String>,
    scopes: Vec<String>,
    scope_claims: Vec<String>,
    leeway: f64,
    max_age: Option<f64>,
}

/// A token that may pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Accepted {
    /// Until when, in seconds since 1970, the verdict holds without looking again.
    pub(super) until: f64,
    /// The token practically never expires.
    pub(super) is_far: bool,
}

impl Rules {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            issuer: settings.issuer.as_ref().map(|issuer| issuer.text().to_owned()),
            audiences: settings.audiences.as_slice().to_vec(),
            scopes: settings.required_scopes.as_slice().to_vec(),
            scope_claims: settings.scope_claims.as_slice().to_vec(),
            leeway: settings.leeway.duration().as_secs_f64(),
            max_age: settings.max_token_age.map(|age| age.duration().as_secs_f64()),
        }
    }

    /// What can be said without a key: a token that is somebody else's, or over, is not worth asking for one.
    pub(super) fn screen(&self, claims: &Map<String, Value>, now: f64) -> Result<(), Reason> {
        if let Some(issuer) = &self.issuer
            && claims.get("iss").and_then(Value::as_str) != Some(issuer)
        {
            return Err(Reason::IssuerMismatch);
        }
        // RFC 7519 section 4.1.4: not accepted *on* or after it.
        if expiry(claims)? <= now - self.leeway { Err(Reason::Expired) } else { Ok(()) }
    }

    /// Everything; for a token whose signature is good.
    pub(super) fn check(&self, claims: &Map<String, Value>, now: f64) -> Result<Accepted, Reason> {
        self.screen(claims, now)?;
        let expiry = expiry(claims)?;
        let not_before = date(claims, "nbf").map_err(|()| Reason::NotYetValid)?;
        if not_before.is_some_and(|not_before| not_before > now + self.leeway) {
            return Err(Reason::NotYetValid);
        }
        let issued = date(claims, "iat").map_err(|()| Reason::NotYetValid)?;
        if issued.is_some_and(|issued| issued > now + self.leeway.max(IAT_TOLERANCE)) {
            return Err(Reason::NotYetValid);
        }
        let until = self.limit_age(issued, expiry, now)?;
        // RFC 8705 section 3, RFC 9449 section 6: whoever shows it must also prove a key, which a bearer does not.
        if claims.contains_key("cnf") {
            return Err(Reason::BoundToken);
        }
        if !self.is_for_us(claims.get("aud")) {
            return Err(Reason::AudienceMismatch);
        }
        if !self.scopes.iter().all(|scope| self.grants(claims, scope)) {
            return Err(Reason::InsufficientScope);
        }
        Ok(Accepted { until, is_far: expiry > now + FAR })
    }

    /// Without `iat` nobody knows how old a token is, so a limit refuses it.
    fn limit_age(&self, issued: Option<f64>, expiry: f64, now: f64) -> Result<f64, Reason> {
        let Some(max_age) = self.max_age else { return Ok(expiry) };
        let issued = issued.ok_or(Reason::TooOld)?;
        if now - issued > max_age + self.leeway || expiry - issued > max_age + self.leeway {
            return Err(Reason::TooOld);
        }
        Ok(expiry.min(issued + max_age))
    }

    /// RFC 7519 section 4.1.3.
    fn is_for_us(&self, aud: Option<&Value>) -> bool {
        let ours = |name: &str| self.audiences.iter().any(|audience| audience == name);
        match aud {
            Some(Value::String(name)) => ours(name),
            Some(Value::Array(names)) => {
                names.iter().all(Value::is_string) && names.iter().filter_map(Value::as_str).any(ours)
            }
            _ => false,
        }
    }

    fn grants(&self, claims: &Map<String, Value>, scope: &str) -> bool {
        self.scope_claims.iter().filter_map(|path| find(claims, path)).any(|value| match value {
            // RFC 8693 section 4.2: separated by spaces.
            Value::String(granted) => granted.split(' ').any(|granted| granted == scope),
            Value::Array(granted) => granted.iter().any(|granted| granted == scope),
            _ => false,
        })
    }
}

/// A claim by its name, which may hold dots (`https://example.com/roles`), or by its path (`realm_access.roles`).
fn find<'c>(claims: &'c Map<String, Value>, path: &str) -> Option<&'c Value> {
    claims.get(path).or_else(|| {
        let mut names = path.split('.');
        let first = claims.get(names.next()?)?;
        names.try_fold(first, |value, name| value.as_object()?.get(name))
    })
}

fn expiry(claims: &Map<String, Value>) -> Result<f64, Reason> {
    date(claims, "exp").ok().flatten().filter(|expiry| *expiry >= 0.0).ok_or(Reason::ExpiryMissing)
}

/// A NumericDate (RFC 7519 section 2). Numbers are read as floating point, so none is too large to be compared.
fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>, ()> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or(()),
    }
}

#[cfg(test)]
mod tests;
