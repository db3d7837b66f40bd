//! The OIDC authorizer's settings, put together of its variables.

use super::areas::OAuth2;
use crate::auth::clock::WallClock;
use crate::auth::jwks::fetch::Fetcher;
use crate::auth::jwt::settings::{Draft, Leeway, MaxTokenAge, Settings};
use crate::telemetry::clock;
use crate::vars::Vars;
use crate::vars::values::UnitSpan;

/// The settings, and the client that fetches the issuer's keys.
#[derive(Debug)]
pub struct OAuth2Settings {
    pub settings: Settings,
    pub fetcher: Fetcher,
}

/// The outer `None` is for a problem, the inner for no OIDC.
pub fn read(vars: &mut Vars) -> Option<Option<OAuth2Settings>> {
    let area = OAuth2::read(vars);
    let leeway = convert::<Leeway>(vars, "METRICS_OAUTH2_LEEWAY", area.metrics_oauth2_leeway);
    let max_token_age =
        convert::<MaxTokenAge>(vars, "METRICS_OAUTH2_MAX_TOKEN_AGE", area.metrics_oauth2_max_token_age);
    let draft = Draft {
        issuer: area.metrics_oauth2_issuer,
        jwks_uri: area.metrics_oauth2_jwks_uri,
        audiences: area.metrics_oauth2_audience,
        required_scopes: area.metrics_oauth2_required_scopes,
        algorithms: area.metrics_oauth2_algorithms,
        ca_file: area.metrics_oauth2_ca_file,
        leeway: leeway?,
        max_token_age: max_token_age?,
        scope_claims: area.metrics_oauth2_scope_claims,
        max_stale: area.metrics_oauth2_jwks_max_stale.map(|span| span.0),
        allow_insecure: area.metrics_oauth2_allow_insecure.map(|flag| flag.0),
    };
    if vars.has_problem("METRICS_OAUTH2_") {
        // A value that is wrong would look like one that is missing.
        return None;
    }
    let settings = match draft.check() {
        Ok(None) => return Some(None),
        Ok(Some(settings)) => settings,
        Err(problems) => {
            problems.into_iter().for_each(|problem| vars.report(problem));
            return None;
        }
    };
    settings.warnings().into_iter().for_each(|warning| vars.caution(warning.to_owned()));
    let fetcher =
        settings.fetcher(WallClock::new(clock::now)).map_err(|problem| vars.report(problem)).ok()?;
    Some(Some(OAuth2Settings { settings, fetcher }))
}

fn convert<T: TryFrom<std::time::Duration, Error = String>>(
    vars: &mut Vars,
    name: &str,
    span: Option<UnitSpan>,
) -> Option<Option<T>> {
    let value = span.map(|span| T::try_from(span.0)).transpose();
    value.map_err(|reason| vars.problem(name, reason)).ok()
}
