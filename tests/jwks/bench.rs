//! An authorizer beside an issuer, on a clock that stands still.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, header};
use librechat_exporter::auth::caller::Caller;
use librechat_exporter::auth::clock::WallClock;
use librechat_exporter::auth::jwks::Supply;
use librechat_exporter::auth::jwks::endpoint::Endpoint;
use librechat_exporter::auth::jwks::fetch::Fetcher;
use librechat_exporter::auth::jwks::origin::Source;
use librechat_exporter::auth::jwks::proxy::Proxies;
use librechat_exporter::auth::jwks::set::KeySet;
use librechat_exporter::auth::jwt::Jwt;
use librechat_exporter::auth::jwt::settings::Settings;
use librechat_exporter::auth::reason::Reason;
use librechat_exporter::auth::{Authorizer, Judgement, Verdict};
use librechat_exporter::secret::{Live, Secret};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::idp::Idp;
use super::signer::{E1, R1, Signer};

pub(super) const LIFETIME: Duration = Duration::from_secs(600);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// Seconds since 1970 when a bench begins.
pub(super) const EPOCH: u64 = 1_800_000_000;

pub(super) const ALLOW: Verdict = Verdict::Allow;
pub(super) const UNKNOWN: Verdict = Verdict::Deny(Reason::UnknownKey);
pub(super) const UNAVAILABLE: Verdict = Verdict::Deny(Reason::Unavailable);
pub(super) const BAD_SIGNATURE: Verdict = Verdict::Deny(Reason::BadSignature);

/// One issuer as a test has it set up.
pub(super) struct Setup {
    pub(super) settings: Settings,
    pub(super) jwks_uri: Option<Endpoint>,
    /// Keys from a file with this text.
    pub(super) file: Option<String>,
    pub(super) authorities: Option<String>,
    pub(super) token: Option<Arc<Live<Secret>>>,
    pub(super) proxies: Proxies,
    pub(super) max_stale: Duration,
}

impl Setup {
    pub(super) fn of(issuer: &str) -> Self {
        let mut settings =
            Settings::new("default", Some(issuer.parse().unwrap()), "exporter".parse().unwrap());
        settings.required_scopes = "metrics:read".parse().unwrap();
        Self {
            settings,
            jwks_uri: None,
            file: None,
            authorities: None,
            token: None,
            proxies: Proxies::default(),
            max_stale: HOUR,
        }
    }

    fn supply(self, clock: &WallClock) -> (Settings, Supply) {
        if let Some(text) = self.file {
            let (keys, remarks) = KeySet::read_file(text.as_bytes(), 1).unwrap();
            return (self.settings, Supply::File(keys, remarks));
        }
        let source = self.jwks_uri.map_or_else(
            || {
                let discovery = self.settings.issuer.as_ref().unwrap().discovery().unwrap();
                Source::Issuer { discovery: Box::new(discovery), allow_insecure: false }
            },
            Source::Uri,
        );
        let authorities = self.authorities.as_deref().map(str::as_bytes);
        let mut fetcher = Fetcher::new(authorities, self.proxies, clock.clone()).unwrap();
        if let Some(token) = self.token {
            fetcher = fetcher.with_token(token, source.endpoint().clone());
        }
        (self.settings, Supply::Fetched { source, fetcher, max_stale: self.max_stale })
    }
}

pub(super) struct Bench {
    pub(super) idp: Idp,
    pub(super) jwt: Jwt,
    registry: Registry,
    start: Instant,
    /// How far the wall clock has been set back, in seconds.
    back: Arc<AtomicU64>,
    /// Tokio does not move a paused clock on its own while a blocking task runs: this one runs until it is dropped.
    _frozen: mpsc::Sender<()>,
}

pub(super) fn freeze() -> mpsc::Sender<()> {
    let (frozen, thawed) = mpsc::channel::<()>();
    tokio::task::spawn_blocking(move || thawed.recv());
    frozen
}

impl Bench {
    /// With keys `r1` and `e1`, found by discovery.
    pub(super) async fn new() -> Self {
        let idp = Idp::start().await;
        idp.publish(&[R1.jwk(), E1.jwk()]);
        Self::with(idp, |_| {})
    }

    /// The same, after the first fetch.
    pub(super) async fn ready() -> Self {
        let bench = Self::new().await;
        bench.ended(1, 0).await;
        bench
    }

    pub(super) fn with(idp: Idp, change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = Setup::of(&idp.issuer());
        change(&mut setup);
        Self::of(idp, vec![setup])
    }

    /// Several issuers, of which `idp` is the one that good tokens come from.
    pub(super) fn of(idp: Idp, setups: Vec<Setup>) -> Self {
        let frozen = freeze();
        let start = Instant::now();
        let back = Arc::new(AtomicU64::new(0));
        let clock = WallClock::new({
            let back = Arc::clone(&back);
            move || UNIX_EPOCH + Duration::from_secs(EPOCH - back.load(Ordering::Relaxed)) + start.elapsed()
        });
        let mut registry = Registry::with_prefix("librechat_exporter");
        let issuers = setups.into_iter().map(|setup| setup.supply(&clock)).collect();
        let jwt = Jwt::start(issuers, clock, &mut registry);
        Self { idp, jwt, registry, start, back, _frozen: frozen }
    }

    /// Good claims, with some members put in place of their own; `"gone"` takes one away.
    pub(super) fn claims(&self, members: &Value) -> Value {
        let now = EPOCH + self.start.elapsed().as_secs();
        let mut claims = json!({
            "iss": self.idp.issuer(), "aud": "exporter", "scope": "openid metrics:read",
            "iat": now, "exp": now + 24 * 3600,
        });
        let object = claims.as_object_mut().unwrap();
        object.extend(members.as_object().unwrap().clone());
        object.retain(|_, value| value != "gone");
        claims
    }

    /// A good token.
    pub(super) fn token(&self, signer: &Signer) -> String {
        signer.token(&self.claims(&json!({})))
    }

    /// A good token but for its header.
    pub(super) fn token_with(&self, signer: &Signer, header: &Value) -> String {
        signer.sign(&header.to_string(), &self.claims(&json!({})).to_string())
    }

    pub(super) async fn verdict(&self, token: &str) -> Verdict {
        self.verdict_from("192.0.2.1", token).await
    }

    pub(super) async fn verdict_from(&self, address: &str, token: &str) -> Verdict {
        let line = format!("Bearer {token}");
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, line.parse().unwrap())]);
        let caller = Caller::new(Some(address.parse::<IpAddr>().unwrap()), &headers).unwrap();
        match self.jwt.judge(&caller) {
            Judgement::Now(verdict) => verdict,
            Judgement::Later(verdict) => verdict.await,
        }
    }

    /// Whether the verdict on a token is there without waiting.
    pub(super) fn is_judged_at_once(&self, token: &str) -> bool {
        let headers =
            HeaderMap::from_iter([(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap())]);
        let caller = Caller::new(None, &headers).unwrap();
        matches!(self.jwt.judge(&caller), Judgement::Now(_))
    }

    /// The value of one series, without the prefix and, where it is the only issuer's, without its label.
    pub(super) fn metric(&self, series: &str) -> f64 {
        let series = match series.split_once('{') {
            Some((_, labels)) if labels.contains("issuer=") => series.to_owned(),
            Some((name, labels)) => format!(r#"{name}{{issuer="default",{labels}"#),
            None => format!(r#"{series}{{issuer="default"}}"#),
        };
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let line = text.lines().find(|line| {
            line.strip_prefix("librechat_exporter_")
                .is_some_and(|line| line.starts_with(&format!("{series} ")))
        });
        line.unwrap_or_else(|| panic!("no {series} in {text}")).rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Waits until so many refreshes have ended well and so many badly.
    pub(super) async fn ended(&self, ok: u32, failed: u32) {
        self.shows(r#"jwks_refreshes_total{result="ok"}"#, f64::from(ok)).await;
        self.shows(r#"jwks_refreshes_total{result="failed"}"#, f64::from(failed)).await;
    }

    /// Waits until a series has a value: for tasks and sockets, as the clock stands still.
    pub(super) async fn shows(&self, series: &str, value: f64) {
        let begun = std::time::Instant::now();
        while self.metric(series) != value {
            assert!(begun.elapsed().as_secs() < 30, "{series} is {}, not {value}", self.metric(series));
            tokio::task::yield_now().await;
        }
    }

    pub(super) fn set_back(&self, by: Duration) {
        self.back.store(by.as_secs(), Ordering::Relaxed);
    }

    pub(super) async fn pass(&self, time: Duration) {
        tokio::time::advance(time).await;
    }
}
