//! What the claims of a token (RFC 7519 section 4) must say; pure, `now` is an argument in seconds since 1970.
//!
//! Invariants: nothing passes because it is missing or of another type: `exp` is required, `iss` is one text, `aud` is a
//! text or a list of texts. Comparisons are byte for byte.

use serde_json::{Map, Value};

use super::binding;
use super::claim_path::ClaimPath;
use super::refusal::Refusal;
use super::required::{RequiredClaims, shown};
use super::settings::Settings;
use crate::auth::caller::CertificateDigest;
use crate::auth::excerpt::Excerpt;
use crate::auth::jwks::issuer::Issuer;
use crate::auth::reason::Reason;

/// What `iat` may lie ahead whatever the leeway: it says nothing of validity, so only trouble is refused.
const IAT_TOLERANCE: f64 = 60.0;

/// Beyond this many seconds an expiry is no limit, which deserves a warning.
const FAR: f64 = 366.0 * 24.0 * 3600.0;

/// Where every issuer may put scopes (RFC 8693 section 4.2; Entra ID and Okta).
const SCOPES: [&str; 2] = ["scope", "scp"];

/// The rules of [`Settings`], as numbers and texts to compare with.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    issuer: Option<Issuer>,
    audiences: Vec<String>,
    audience_claim: ClaimPath,
    scopes: Vec<String>,
    scope_claims: Vec<ClaimPath>,
    required_claims: RequiredClaims,
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
            issuer: settings.issuer.clone(),
            audiences: settings.audiences.as_slice().to_vec(),
            audience_claim: settings.audience_claim.clone(),
            scopes: settings.required_scopes.as_slice().to_vec(),
            scope_claims: settings.scope_claims.as_slice().to_vec(),
            required_claims: settings.required_claims.clone(),
            leeway: settings.leeway.duration().as_secs_f64(),
            max_age: settings.max_token_age.map(|age| age.duration().as_secs_f64()),
        }
    }

    /// Whether the token says that this issuer made it; without an issuer in the settings, anybody may have.
    pub(super) fn is_issuer(&self, claims: &Map<String, Value>) -> bool {
        self.issuer
            .as_ref()
            .is_none_or(|issuer| claims.get("iss").and_then(Value::as_str) == Some(issuer.text()))
    }

    /// What can be said without a key: a token that is somebody else's, or over, is not worth asking for one.
    pub(super) fn screen(&self, claims: &Map<String, Value>, now: f64) -> Result<(), Refusal> {
        if !self.is_issuer(claims) {
            return Err(Reason::IssuerMismatch.into());
        }
        // RFC 7519 section 4.1.4: not accepted *on* or after it.
        if expiry(claims)? <= now - self.leeway { Err(Reason::Expired.into()) } else { Ok(()) }
    }

    /// Everything; for a token whose signature is good.
    pub(super) fn check(
        &self,
        claims: &Map<String, Value>,
        certificate: Option<&CertificateDigest>,
        now: f64,
    ) -> Result<Accepted, Refusal> {
        self.screen(claims, now)?;
        let expiry = expiry(claims)?;
        let not_before = date(claims, "nbf").map_err(|()| Reason::NotYetValid)?;
        if not_before.is_some_and(|not_before| not_before > now + self.leeway) {
            return Err(Reason::NotYetValid.into());
        }
        let issued = date(claims, "iat").map_err(|()| Reason::NotYetValid)?;
        if issued.is_some_and(|issued| issued > now + self.leeway.max(IAT_TOLERANCE)) {
            return Err(Reason::NotYetValid.into());
        }
        let until = self.limit_age(issued, expiry, now)?;
        binding::check(claims, certificate)?;
        let audience = self.audience_claim.find(claims);
        if !self.is_for_us(audience) {
            return Err(Refusal::new(Reason::AudienceMismatch, self.other_audience(audience)));
        }
        if let Some(scope) = self.scopes.iter().find(|scope| !self.grants(claims, scope)) {
            return Err(Refusal::new(Reason::InsufficientScope, self.missing_scope(claims, scope)));
        }
        self.required_claims.check(claims).map_err(|detail| Refusal::new(Reason::ClaimMismatch, detail))?;
        Ok(Accepted { until, is_far: expiry > now + FAR })
    }

    fn other_audience(&self, audience: Option<&Value>) -> String {
        let (claim, expected) = (&self.audience_claim, self.audiences.join("\" or \""));
        match audience {
            None => format!("it has no {claim}; \"{expected}\" is expected"),
            Some(value) => format!("its {claim} is \"{}\", not \"{expected}\"", shown(value)),
        }
    }

    fn missing_scope(&self, claims: &Map<String, Value>, scope: &str) -> String {
        let places = SCOPES.iter().map(|name| ((*name).to_owned(), claims.get(*name)));
        let places = places.chain(self.scope_claims.iter().map(|path| (path.to_string(), path.find(claims))));
        let granted: Vec<String> =
            places.filter_map(|(name, value)| Some(format!("{name} has \"{}\"", shown(value?)))).collect();
        let granted =
            if granted.is_empty() { "no claim for scopes is in it".into() } else { granted.join(", ") };
        format!("it lacks the scope \"{}\"; {granted}", Excerpt(scope))
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
        let registered = SCOPES.iter().filter_map(|name| claims.get(*name));
        registered.into_iter().any(|value| lists(value, scope))
            || self.scope_claims.iter().filter_map(|path| path.find(claims)).any(|value| match value {
                // Zitadel has roles as the names of an object.
                Value::Object(members) => members
                    .get(scope)
                    .is_some_and(|member| !matches!(member, Value::Null | Value::Bool(false))),
                value => lists(value, scope),
            })
    }
}

fn lists(value: &Value, scope: &str) -> bool {
    match value {
        // RFC 8693 section 4.2: separated by spaces.
        Value::String(granted) => granted.split(' ').any(|granted| granted == scope),
        Value::Array(granted) => granted.iter().any(|granted| granted == scope),
        _ => false,
    }
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
