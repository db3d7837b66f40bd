//! The settings of one issuer (`METRICS_OAUTH2_*`): each value checked on its own.
//!
//! Invariants: messages about one value are phrases that follow the variable's name. Where the values come from is not
//! known here; whether they make sense together is checked by `config`.

use std::str::FromStr;
use std::time::Duration;

use super::claim_path::{ClaimPath, Reader};
use super::kind::TokenTypes;
use super::required::RequiredClaims;
use crate::auth::jwa::Algorithms;
use crate::auth::jwks::issuer::Issuer;

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

/// Claims that scopes are read from besides `scope` and `scp` (`METRICS_OAUTH2_SCOPE_CLAIMS`, separated by blanks or
/// commas), by name or by path; see [`ClaimPath`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeClaims(Vec<ClaimPath>);

impl ScopeClaims {
    pub fn as_slice(&self) -> &[ClaimPath] {
        &self.0
    }
}

impl FromStr for ScopeClaims {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut reader = Reader::new(text);
        let mut claims = Vec::new();
        while reader.next_item() {
            let claim = reader.path()?;
            if reader.takes('=') {
                return Err("lists claims without values; METRICS_OAUTH2_REQUIRED_CLAIMS takes values".into());
            }
            claims.push(claim);
        }
        Ok(Self(claims))
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

/// The settings of one issuer.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the issuer is called in metrics and logs.
    pub name: String,
    /// Who must have issued a token; `None`: not checked, only the keys are.
    pub issuer: Option<Issuer>,
    pub audiences: Audiences,
    /// Where a token says whom it is for.
    pub audience_claim: ClaimPath,
    pub required_scopes: Scopes,
    pub scope_claims: ScopeClaims,
    pub required_claims: RequiredClaims,
    pub algorithms: Algorithms,
    pub token_types: TokenTypes,
    pub leeway: Leeway,
    /// `None`: whatever the issuer grants.
    pub max_token_age: Option<MaxTokenAge>,
}

impl Settings {
    /// What is called so when the variables set it up.
    pub const DEFAULT_NAME: &'static str = "default";

    /// With the defaults for the rest.
    pub fn new(name: &str, issuer: Option<Issuer>, audiences: Audiences) -> Self {
        Self {
            name: name.to_owned(),
            issuer,
            audiences,
            audience_claim: ClaimPath::of("aud"),
            required_scopes: Scopes::default(),
            scope_claims: ScopeClaims::default(),
            required_claims: RequiredClaims::default(),
            algorithms: Algorithms::default(),
            token_types: TokenTypes::default(),
            leeway: Leeway::default(),
            max_token_age: None,
        }
    }

    /// What works, and is probably not meant; sentences that name the variable.
    pub fn warnings(&self) -> Vec<&'static str> {
        let mut warnings = Vec::new();
        if self.issuer.is_none() {
            warnings.push(
                "METRICS_OAUTH2_ISSUER is not set, so iss is not checked: every issuer that shares the keys can let \
                 its tokens in",
            );
        }
        if self.required_scopes.as_slice().iter().any(|scope| scope.contains(',')) {
            warnings.push("METRICS_OAUTH2_REQUIRED_SCOPES holds a comma: scopes are separated by spaces");
        }
        let asks_more = !self.required_scopes.as_slice().is_empty() || !self.required_claims.is_empty();
        if !asks_more && !self.token_types.is_listed() {
            warnings.push(
                "METRICS_OAUTH2_REQUIRED_SCOPES, METRICS_OAUTH2_REQUIRED_CLAIMS and METRICS_OAUTH2_TOKEN_TYPES are \
                 not set: every token of the issuer for the audience gets in, whoever has it",
            );
        }
        warnings
    }
}

#[cfg(test)]
mod tests;
