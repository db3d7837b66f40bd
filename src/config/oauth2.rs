//! The OIDC authorizer's settings: those of one issuer in variables, or those of several in a file.

pub mod file;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::areas::{OAuth2, Providers};
use super::secrets::tell_remarks;
use crate::auth::clock::WallClock;
use crate::auth::jwks::Supply;
use crate::auth::jwks::endpoint::Endpoint;
use crate::auth::jwks::fetch::Fetcher;
use crate::auth::jwks::issuer::Issuer;
use crate::auth::jwks::origin::Source;
use crate::auth::jwks::proxy::Proxies;
use crate::auth::jwks::set::KeySet;
use crate::auth::jwt::settings::{Leeway, MaxTokenAge, Settings};
use crate::reload::Watch;
use crate::secret::document::Document;
use crate::secret::file::{self as files, Contents, SecretFile};
use crate::secret::{Live, Secret};
use crate::telemetry::clock;
use crate::vars::values::UnitSpan;
use crate::vars::{Variable, Vars};

const CA_FILE: &str = "METRICS_OAUTH2_CA_FILE";
pub const KEY_FILE: &str = "METRICS_OAUTH2_JWKS_FILE";
const TOKEN_FILE: &str = "METRICS_OAUTH2_JWKS_BEARER_TOKEN_FILE";
const CONFIG_FILE: &str = "METRICS_OAUTH2_CONFIG_FILE";

/// The most that a file of keys or authorities may hold, in bytes.
pub const LARGEST_FILE: usize = 1024 * 1024;

/// The issuers whose tokens are a way in: at least one, of different names.
#[derive(Debug)]
pub struct OAuth2Settings {
    pub issuers: Vec<IssuerSettings>,
}

/// One issuer, and what keeps its files current.
pub struct IssuerSettings {
    pub settings: Settings,
    pub supply: Supply,
    /// `METRICS_OAUTH2_JWKS_FILE`, as it was read.
    pub key_file: Option<(PathBuf, Document)>,
    pub watches: Vec<Watch>,
}

impl std::fmt::Debug for IssuerSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuerSettings").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// The outer `None` is for a problem, the inner for no OIDC.
pub fn read(vars: &mut Vars) -> Option<Option<OAuth2Settings>> {
    let area = OAuth2::read(vars);
    let providers = Providers::read(vars);
    let given = |variable: &&Variable| vars.is_given(&variable.name());
    let given = OAuth2::VARIABLES.iter().find(given).map(Variable::name);
    let issuers = match (providers.metrics_oauth2_config_file.as_deref(), given) {
        (None, None) => return Some(None),
        (Some(_), Some(name)) => {
            let text = format!("and {name} are mutually exclusive: write it as another issuer of the file");
            vars.problem(CONFIG_FILE, text);
            return None;
        }
        (None, Some(_)) => {
            let proxies = proxies(vars, &providers)?;
            vec![issuer(vars, area, Settings::DEFAULT_NAME, &proxies)?]
        }
        (Some(path), None) => {
            let proxies = proxies(vars, &providers)?;
            file::read(vars, path, &proxies)?
        }
    };
    Some(Some(OAuth2Settings { issuers }))
}

/// Judged only where a provider is asked: other programs may have a proxy that is none for us.
fn proxies(vars: &mut Vars, area: &Providers) -> Option<Proxies> {
    let proxies = Proxies::new(area.https_proxy.as_ref(), area.http_proxy.as_ref(), area.no_proxy.as_deref());
    proxies.map_err(|(name, problem)| vars.problem(name, problem)).ok()
}

/// Puts the values of one issuer together; everything that is wrong with them goes to `vars`.
fn issuer(vars: &mut Vars, area: OAuth2, name: &str, proxies: &Proxies) -> Option<IssuerSettings> {
    let leeway = convert::<Leeway>(vars, "METRICS_OAUTH2_LEEWAY", area.metrics_oauth2_leeway);
    let max_token_age =
        convert::<MaxTokenAge>(vars, "METRICS_OAUTH2_MAX_TOKEN_AGE", area.metrics_oauth2_max_token_age);
    if vars.has_problem("METRICS_OAUTH2_") {
        // A value that is wrong would look like one that is missing.
        return None;
    }
    let keys = Keys {
        issuer: area.metrics_oauth2_issuer.clone(),
        uri: area.metrics_oauth2_jwks_uri,
        file: area.metrics_oauth2_jwks_file,
        token_file: area.metrics_oauth2_jwks_bearer_token_file,
        ca_file: area.metrics_oauth2_ca_file,
        max_stale: area.metrics_oauth2_jwks_max_stale.map(|span| span.0),
        allow_insecure: area.metrics_oauth2_allow_insecure.is_some_and(|flag| flag.0),
    };
    let supplied = keys.supply(vars, proxies);
    if area.metrics_oauth2_audience.is_none() {
        vars.problem("METRICS_OAUTH2_AUDIENCE", "is required when any METRICS_OAUTH2_* is set");
    }
    let ((supply, key_file, watches), audience) = (supplied?, area.metrics_oauth2_audience?);
    let mut settings = Settings::new(name, area.metrics_oauth2_issuer, audience);
    put(&mut settings.audience_claim, area.metrics_oauth2_audience_claim);
    put(&mut settings.required_scopes, area.metrics_oauth2_required_scopes);
    put(&mut settings.scope_claims, area.metrics_oauth2_scope_claims);
    put(&mut settings.required_claims, area.metrics_oauth2_required_claims);
    put(&mut settings.algorithms, area.metrics_oauth2_algorithms);
    put(&mut settings.token_types, area.metrics_oauth2_token_types);
    put(&mut settings.leeway, leeway?);
    settings.max_token_age = max_token_age?;
    settings.warnings().into_iter().for_each(|warning| vars.caution(warning.to_owned()));
    Some(IssuerSettings { settings, supply, key_file, watches })
}

fn put<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn convert<T: TryFrom<Duration, Error = String>>(
    vars: &mut Vars,
    name: &str,
    span: Option<UnitSpan>,
) -> Option<Option<T>> {
    let value = span.map(|span| T::try_from(span.0)).transpose();
    value.map_err(|reason| vars.problem(name, reason)).ok()
}

/// Everything about where the keys of an issuer come from.
struct Keys {
    issuer: Option<Issuer>,
    uri: Option<Endpoint>,
    file: Option<PathBuf>,
    token_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    max_stale: Option<Duration>,
    allow_insecure: bool,
}

type Supplied = (Supply, Option<(PathBuf, Document)>, Vec<Watch>);

impl Keys {
    fn supply(self, vars: &mut Vars, proxies: &Proxies) -> Option<Supplied> {
        match (&self.file, &self.uri) {
            (Some(_), Some(_)) => {
                vars.problem(KEY_FILE, "and METRICS_OAUTH2_JWKS_URI are mutually exclusive: set one of them");
                None
            }
            (Some(path), None) => {
                let path = path.clone();
                self.supplied_by_file(vars, path)
            }
            (None, _) => self.fetched(vars, proxies),
        }
    }

    fn supplied_by_file(&self, vars: &mut Vars, path: PathBuf) -> Option<Supplied> {
        for (name, is_set) in [
            (TOKEN_FILE, self.token_file.is_some()),
            (CA_FILE, self.ca_file.is_some()),
            ("METRICS_OAUTH2_JWKS_MAX_STALE", self.max_stale.is_some()),
        ] {
            if is_set {
                vars.warn(name, "has no effect with METRICS_OAUTH2_JWKS_FILE: nothing is fetched");
            }
        }
        let document = Document::read(&path, LARGEST_FILE);
        let document = document.map_err(|error| vars.problem(KEY_FILE, error)).ok()?;
        files::remarks(&path, Contents::Public).for_each(|remark| vars.warn(KEY_FILE, remark));
        match KeySet::read_file(document.bytes(), 1) {
            Ok((keys, remarks)) => Some((Supply::File(keys, remarks), Some((path, document)), Vec::new())),
            Err(unusable) => {
                let skipped = unusable.remarks.skipped.iter().take(16).map(|key| format!("; {key}"));
                let text =
                    format!("names {}, which {unusable}{}", files::shown(&path), skipped.collect::<String>());
                vars.problem(KEY_FILE, text);
                None
            }
        }
    }

    fn fetched(self, vars: &mut Vars, proxies: &Proxies) -> Option<Supplied> {
        let (name, source) = self.source(vars)?;
        if !source.endpoint().is_secure() {
            if !self.allow_insecure {
                vars.problem(
                    name,
                    "must be an https URL: over http anybody on the way could put in keys of their own \
                     (METRICS_OAUTH2_ALLOW_INSECURE=true allows it all the same)",
                );
                return None;
            }
            if self.token_file.is_some() {
                vars.problem(
                    TOKEN_FILE,
                    format!("needs an https URL in {name}: over http anybody could read it"),
                );
                return None;
            }
            vars.warn(
                "METRICS_OAUTH2_ALLOW_INSECURE",
                "lets the keys come over http: anybody on the way can let themselves in",
            );
        }
        let mut watches = Vec::new();
        let fetcher = fetcher(vars, self.ca_file, proxies, &mut watches)?;
        let fetcher = match self.token_file {
            None => fetcher,
            Some(path) => {
                let secret = token(vars, path, &mut watches)?;
                fetcher.with_token(secret, source.endpoint().clone())
            }
        };
        let max_stale = self.max_stale.unwrap_or(Duration::from_secs(3600));
        Some((Supply::Fetched { source, fetcher, max_stale }, None, watches))
    }

    /// Where keys are fetched from, and the variable that says so.
    fn source(&self, vars: &mut Vars) -> Option<(&'static str, Source)> {
        const ISSUER: &str = "METRICS_OAUTH2_ISSUER";
        match (&self.uri, &self.issuer) {
            (Some(uri), _) => Some(("METRICS_OAUTH2_JWKS_URI", Source::Uri(uri.clone()))),
            (None, Some(issuer)) => match issuer.discovery() {
                Ok(discovery) => Some((
                    ISSUER,
                    Source::Issuer { discovery: Box::new(discovery), allow_insecure: self.allow_insecure },
                )),
                Err(problem) => {
                    let text = format!(
                        "{problem}; any other name needs METRICS_OAUTH2_JWKS_URI or METRICS_OAUTH2_JWKS_FILE"
                    );
                    vars.problem(ISSUER, text);
                    None
                }
            },
            (None, None) => {
                vars.report(
                    "METRICS_OAUTH2_ISSUER, METRICS_OAUTH2_JWKS_URI or METRICS_OAUTH2_JWKS_FILE is required when any \
                     METRICS_OAUTH2_* is set"
                        .into(),
                );
                None
            }
        }
    }
}

fn fetcher(
    vars: &mut Vars,
    ca_file: Option<PathBuf>,
    proxies: &Proxies,
    watches: &mut Vec<Watch>,
) -> Option<Fetcher> {
    let wall_clock = WallClock::new(clock::now);
    let Some(path) = ca_file else {
        let fetcher = Fetcher::new(None, proxies.clone(), wall_clock);
        return fetcher.map_err(|problem| vars.problem("METRICS_OAUTH2_ISSUER", problem)).ok();
    };
    let document = Document::read(&path, LARGEST_FILE);
    let document = document.map_err(|error| vars.problem(CA_FILE, error)).ok()?;
    let fetcher = Fetcher::new(Some(document.bytes()), proxies.clone(), wall_clock);
    let fetcher = fetcher.map_err(|problem| vars.problem(CA_FILE, problem)).ok()?;
    files::remarks(&path, Contents::Public).for_each(|remark| vars.warn(CA_FILE, remark));
    let (live, seen) = (fetcher.clone(), path.clone());
    let read = move || Document::read(&path, LARGEST_FILE);
    let replace = move |document: Document| {
        live.trust(document.bytes())?;
        tell_remarks(CA_FILE, &seen, Contents::Public);
        Ok::<(), String>(())
    };
    watches.push(Watch::new(CA_FILE, &document, read, replace));
    Some(fetcher)
}

fn token(vars: &mut Vars, path: PathBuf, watches: &mut Vec<Watch>) -> Option<Arc<Live<Secret>>> {
    let file = SecretFile::new(path);
    let secret = file.load().map_err(|error| vars.problem(TOKEN_FILE, error)).ok()?;
    sendable(&secret).map_err(|problem| vars.problem(TOKEN_FILE, problem)).ok()?;
    file.remarks().for_each(|remark| vars.warn(TOKEN_FILE, remark));
    let path = file.path().to_owned();
    let slot = Arc::new(Live::new(secret.clone()));
    let live = Arc::clone(&slot);
    watches.push(Watch::secret(TOKEN_FILE, &secret, file, move |secret| {
        sendable(&secret)?;
        live.replace(secret);
        tell_remarks(TOKEN_FILE, &path, Contents::Secret);
        Ok::<(), &str>(())
    }));
    Some(slot)
}

/// RFC 6750 section 2.1: what follows `Bearer` has no blanks.
fn sendable(token: &Secret) -> Result<(), &'static str> {
    if token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err("holds no token: blanks, control or non-ASCII characters are in it")
    }
}

#[cfg(test)]
mod tests;
