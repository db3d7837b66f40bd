//! The settings of the OIDC authorizer (`METRICS_OAUTH2_*`): each value checked on its own, then all together.
//!
//! Invariants: [`Settings`] exist only when they make sense together ([`Draft::check`]); messages about one value are
//! phrases that follow the variable's name, and never show it. Where the values come from is not known here.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::auth::clock::WallClock;
use crate::auth::jwa::Algorithms;
use crate::auth::jwks::endpoint::{Endpoint, Issuer};
use crate::auth::jwks::fetch::Fetcher;
use crate::auth::jwks::origin::Source;

/// Names that tokens may be issued for (`METRICS_OAUTH2_AUDIENCE`, separated by commas). Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audiences(Vec<String>);

impl Audiences {
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for Audiences {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names: Vec<String> =
            text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if names.is_empty() { Err("is set but names no audience".into()) } else { Ok(Self(names)) }
    }
}

/// Scopes that a token must have, all of them (`METRICS_OAUTH2_REQUIRED_SCOPES`, separated by spaces).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

impl Scopes {
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// As it goes into a challenge; `None` when no scope is required.
    pub fn joined(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join(" "))
    }
}

impl FromStr for Scopes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let scopes: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        // RFC 6749 section 3.3: no quote, backslash or control character, so a scope can stand in a challenge.
        let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if scopes.iter().any(|scope| !scope.bytes().all(fits)) {
            return Err("holds a character that no scope may have (RFC 6749 section 3.3)".into());
        }
        Ok(Self(scopes))
    }
}

/// Claims that scopes are read from: `scope`, `scp`, and those of `METRICS_OAUTH2_SCOPE_CLAIMS` (separated by blanks or
/// commas), by name or by path (`realm_access.roles`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeClaims(Vec<String>);

impl ScopeClaims {
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl Default for ScopeClaims {
    fn default() -> Self {
        Self(vec!["scope".into(), "scp".into()])
    }
}

impl FromStr for ScopeClaims {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut claims = Self::default();
        for claim in text.split(|c: char| c == ',' || c.is_whitespace()).filter(|claim| !claim.is_empty()) {
            if claim.split('.').any(str::is_empty) {
                return Err("has a path of claims with an empty name in it".into());
            }
            if !claims.0.iter().any(|known| known == claim) {
                claims.0.push(claim.to_owned());
            }
        }
        Ok(claims)
    }
}

/// How far the clocks may differ (`METRICS_OAUTH2_LEEWAY`): 30 s unless set, at most 300 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leeway(Duration);

impl Leeway {
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl Default for Leeway {
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

impl TryFrom<Duration> for Leeway {
    type Error = String;

    fn try_from(leeway: Duration) -> Result<Self, String> {
        if leeway > Duration::from_secs(300) {
            return Err("must be at most 300s: a longer leeway would keep expired tokens alive".into());
        }
        Ok(Self(leeway))
    }
}

/// How old a token may be, and for how long it may be issued (`METRICS_OAUTH2_MAX_TOKEN_AGE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxTokenAge(Duration);

impl MaxTokenAge {
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl TryFrom<Duration> for MaxTokenAge {
    type Error = String;

    fn try_from(age: Duration) -> Result<Self, String> {
        if age < Duration::from_secs(1) {
            return Err("must be at least 1s: no token is younger".into());
        }
        Ok(Self(age))
    }
}

/// What was set, each value valid on its own; `None` for what was not.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// `METRICS_OAUTH2_ISSUER`
    pub issuer: Option<Issuer>,
    /// `METRICS_OAUTH2_JWKS_URI`
    pub jwks_uri: Option<Endpoint>,
    /// `METRICS_OAUTH2_AUDIENCE`
    pub audiences: Option<Audiences>,
    /// `METRICS_OAUTH2_REQUIRED_SCOPES`
    pub required_scopes: Option<Scopes>,
    /// `METRICS_OAUTH2_ALGORITHMS`
    pub algorithms: Option<Algorithms>,
    /// `METRICS_OAUTH2_CA_FILE`
    pub ca_file: Option<PathBuf>,
    /// `METRICS_OAUTH2_LEEWAY`
    pub leeway: Option<Leeway>,
    /// `METRICS_OAUTH2_MAX_TOKEN_AGE`
    pub max_token_age: Option<MaxTokenAge>,
    /// `METRICS_OAUTH2_SCOPE_CLAIMS`
    pub scope_claims: Option<ScopeClaims>,
    /// `METRICS_OAUTH2_JWKS_MAX_STALE`
    pub max_stale: Option<Duration>,
    /// `METRICS_OAUTH2_ALLOW_INSECURE`
    pub allow_insecure: Option<bool>,
}

/// The settings of an authorizer that is on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who must have issued a token; `None`: not checked, only the keys are.
    pub issuer: Option<Issuer>,
    pub audiences: Audiences,
    pub required_scopes: Scopes,
    pub algorithms: Algorithms,
    /// PEM with more authorities than the system's.
    pub ca_file: Option<PathBuf>,
    pub leeway: Leeway,
    /// `None`: whatever the issuer grants.
    pub max_token_age: Option<MaxTokenAge>,
    pub scope_claims: ScopeClaims,
    /// How long known keys go on beyond their lifetime while the issuer cannot be reached: 1 h unless set.
    pub max_stale: Duration,
    /// Where the keys come from.
    pub source: Source,
}

impl Draft {
    /// `None` when nothing is set: the authorizer is off.
    ///
    /// # Errors
    /// Every problem between the values, each as a sentence that names its variables.
    pub fn check(self) -> Result<Option<Settings>, Vec<String>> {
        if self.is_empty() {
            return Ok(None);
        }
        let mut problems = Vec::new();
        let allow_insecure = self.allow_insecure.unwrap_or_default();
        let endpoints = [
            ("METRICS_OAUTH2_ISSUER", self.issuer.as_ref().map(Issuer::endpoint)),
            ("METRICS_OAUTH2_JWKS_URI", self.jwks_uri.as_ref()),
        ];
        for (name, endpoint) in endpoints {
            if !allow_insecure && endpoint.is_some_and(|endpoint| !endpoint.is_secure()) {
                problems.push(format!(
                    "{name} must be an https URL: over http anybody on the way could put in keys of their own \
                     (METRICS_OAUTH2_ALLOW_INSECURE=true allows it all the same)"
                ));
            }
        }
        let source = match (&self.issuer, self.jwks_uri) {
            (_, Some(uri)) => Some(Source::Uri(uri)),
            (Some(issuer), None) => Some(Source::Issuer { issuer: issuer.clone(), allow_insecure }),
            (None, None) => None,
        };
        if source.is_none() {
            problems.push(
                "METRICS_OAUTH2_ISSUER or METRICS_OAUTH2_JWKS_URI is required when any METRICS_OAUTH2_* is set".into(),
            );
        }
        if self.audiences.is_none() {
            problems.push("METRICS_OAUTH2_AUDIENCE is required when any METRICS_OAUTH2_* is set".into());
        }
        match (source, self.audiences) {
            (Some(source), Some(audiences)) if problems.is_empty() => Ok(Some(Settings {
                issuer: self.issuer,
                audiences,
                required_scopes: self.required_scopes.unwrap_or_default(),
                algorithms: self.algorithms.unwrap_or_default(),
                ca_file: self.ca_file,
                leeway: self.leeway.unwrap_or_default(),
                max_token_age: self.max_token_age,
                scope_claims: self.scope_claims.unwrap_or_default(),
                max_stale: self.max_stale.unwrap_or(Duration::from_secs(3600)),
                source,
            })),
            _ => Err(problems),
        }
    }

    fn is_empty(&self) -> bool {
        self.issuer.is_none()
            && self.jwks_uri.is_none()
            && self.audiences.is_none()
            && self.required_scopes.is_none()
            && self.algorithms.is_none()
            && self.ca_file.is_none()
            && self.leeway.is_none()
            && self.max_token_age.is_none()
            && self.scope_claims.is_none()
            && self.max_stale.is_none()
            && self.allow_insecure.is_none()
    }
}

impl Settings {
    /// The client for the issuer, which trusts the authorities of `ca_file` too.
    ///
    /// # Errors
    /// What is wrong with that file, as a sentence that names its variable.
    pub fn fetcher(&self, clock: WallClock) -> Result<Fetcher, String> {
        let authorities = self.ca_file.as_ref().map(std::fs::read).transpose();
        authorities
            .map_err(|error| format!("cannot be read: {error}"))
            .and_then(|authorities| Fetcher::new(authorities.as_deref(), clock))
            .map_err(|problem| match self.ca_file {
                Some(_) => format!("METRICS_OAUTH2_CA_FILE {problem}"),
                None => format!("METRICS_OAUTH2_ISSUER {problem}"),
            })
    }

    /// What works, and is probably not meant; sentences that name the variable.
    pub fn warnings(&self) -> Vec<&'static str> {
        let mut warnings = Vec::new();
        if self.issuer.is_none() {
            warnings.push(
                "METRICS_OAUTH2_ISSUER is not set, so iss is not checked: every issuer that shares the keys of \
                 METRICS_OAUTH2_JWKS_URI can let its tokens in",
            );
        }
        if self.required_scopes.as_slice().iter().any(|scope| scope.contains(',')) {
            warnings.push("METRICS_OAUTH2_REQUIRED_SCOPES holds a comma: scopes are separated by spaces");
        }
        let is_plain = match &self.source {
            Source::Uri(endpoint) => !endpoint.is_secure(),
            Source::Issuer { issuer, .. } => !issuer.endpoint().is_secure(),
        };
        if is_plain {
            warnings.push(
                "METRICS_OAUTH2_ALLOW_INSECURE lets the keys come over http: anybody on the way can let themselves in",
            );
        }
        warnings
    }
}

#[cfg(test)]
mod tests;
