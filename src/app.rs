//! The composition root: build, bind, spawn, drain. The only module that names every part.

pub mod backfill;
pub mod descriptors;
pub mod guard;
pub mod login;
pub mod oauth2;
pub mod signals;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, bail};
use prometheus_client::registry::Registry;
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{info, warn};

use self::signals::Signals;
use crate::auth::session::Directory;
use crate::config::{Config, TlsSettings};
use crate::exposition::body::Coding;
use crate::exposition::limit::Limiter;
use crate::exposition::{Exposition, Format, Snapshot};
use crate::http::connections::Connections;
use crate::http::handshakes::{Failures, Tls};
use crate::http::listener::{Address, Listener};
use crate::http::serve::Server;
use crate::http::{Site, Surface, record, router};
use crate::librechat::collector::{Collector, Pace, fold, limit, moment, report_contents};
use crate::librechat::fold::readable::leave_out;
use crate::librechat::mongo::Mongo;
use crate::librechat::mongo::uri::Uri;
use crate::librechat::scope::Options;
use crate::librechat::source::Source;
use crate::librechat::status::Status;
use crate::limit::lockout::Lockout;
use crate::reload::metrics::Reloads;
use crate::reload::{Reloader, Watch};
use crate::telemetry::{self, clock};
use crate::tls::HAS_EXPIRED;
use crate::tls::error::TlsError;
use crate::tls::pem::CERTIFICATE;

/// How long requests in flight may take to finish: a little less than the 30 s that Kubernetes waits.
const DRAIN: Duration = Duration::from_secs(25);

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every request in flight was answered.
    Drained,
    /// A second signal came, or the time ran out.
    Cut,
}

/// Runs something that never ends beside the runtime of the servers: its timers wake one thread, and its memory lies
/// together. What it gives is ready when it has panicked.
fn on_a_thread_of_its_own(
    name: &str,
    work: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<oneshot::Receiver<()>> {
    let runtime = Builder::new_current_thread().enable_all().build().context("a runtime cannot start")?;
    let (running, ended) = oneshot::channel();
    let run = move || {
        let _running = running;
        runtime.block_on(work);
    };
    thread::Builder::new().name(name.into()).spawn(run).context("a thread cannot start")?;
    Ok(ended)
}

/// The database of the settings, and what keeps its connection string current.
pub fn mongo(config: &mut Config) -> Option<(Arc<Mongo>, Vec<Watch>)> {
    let settings = config.mongo.take()?;
    let mongo = Arc::new(Mongo::new(settings.settings));
    let slot = Arc::clone(&mongo);
    let watch = settings.uri.watch(move |secret| Uri::parse(&secret).map(|uri| slot.reconnect(uri)));
    Some((mongo, watch.into_iter().collect()))
}

/// Folds once, as of `at`, and gives the classic text.
///
/// # Errors
/// Those of the source.
pub async fn once<S: Source>(source: &S, options: Options, at: SystemTime) -> anyhow::Result<String> {
    let mut registry = Registry::default();
    let status = Status::register(&mut registry, clock::now);
    let started = Instant::now();
    let contents = source.prepare().await?;
    report_contents(None, &contents);
    status.set_collections_found(contents.collections);
    status.tell_indexes(Some(&source.indexes().await?));
    let folds = fold(source, &status, &options, moment(at)).await?;
    status.finish_once(at, started.elapsed());
    let mut samples = folds.export(moment(at));
    leave_out(&mut samples, &source.unreadable());
    limit(&mut Limiter::new(options.max_series), &mut samples);
    let snapshot = Snapshot::render(samples, at, started);
    // Only what the fold says of itself: the metrics of a process that is gone mean nothing in a textfile.
    let exposition = Exposition::new(registry, Duration::MAX, at);
    exposition.publish(snapshot);
    let body = exposition.body(Format::Classic, Coding::Identity, started).concat();
    String::from_utf8(body).context("the exposition is not text")
}

/// Serves until a signal.
///
/// # Errors
/// A listener that cannot be bound.
pub async fn serve<S: Source>(
    config: Config,
    source: Arc<S>,
    directory: Arc<dyn Directory>,
    mut watches: Vec<Watch>,
) -> anyhow::Result<Ended> {
    let signals = Signals::install()?;
    let listeners = bind(&config).await?;
    report_guard(&config);
    let mut registry = Registry::default();
    telemetry::register_build_info(&mut registry);
    telemetry::process::register(&mut registry);
    let status = Arc::new(Status::register(&mut registry, clock::now));
    let own = registry.sub_registry_with_prefix("librechat_exporter");
    let requests = record::Requests::register(own);
    let reloads = Reloads::register(own);
    let metrics_path = config.listen.metrics_path.clone();
    let proxies = config.listen.proxy_protocol.then(|| config.listen.trust.clone());
    let tls = config.tls.map(|tls| encrypted(tls, own, &mut watches));
    let guard = guard::build(config.guard, &config.limits, &config.listen, directory, own, &mut watches)?;
    if let Some(lockout) = guard.lockout.clone() {
        Signals::on_hangup(move || lift_locks(&lockout))?;
    }
    let exposition = Arc::new(Exposition::new(registry, config.max_staleness, clock::now()));
    let site = Arc::new(Site {
        exposition: Arc::clone(&exposition),
        status: Arc::clone(&status),
        guard,
        requests,
        metrics_path,
        headers: config.headers,
    });

    let pace = Pace { interval: config.refresh_interval, sweep: config.sweep_interval };
    let collector = Collector::new(source, exposition, status, pace, config.options, clock::now);
    let collecting = on_a_thread_of_its_own("collector", collector.run())?;
    tokio::spawn(Reloader::new(watches, reloads).run(signals.hangups()));
    let (stop, stopped) = watch::channel(false);
    let max_connections = descriptors::connections_of_each(descriptors::raise(), listeners.len());
    let tables: Vec<_> = listeners.iter().map(|_| Connections::new(max_connections)).collect();
    let mut servers = JoinSet::new();
    for ((listener, surface), connections) in listeners.into_iter().zip(&tables) {
        let tls = tls.as_ref().filter(|tls| tls.is_for(surface)).map(|encrypted| encrypted.tls.clone());
        let router = router(surface, Arc::clone(&site));
        let server = Server {
            listener,
            router,
            site: Arc::clone(&site),
            tls,
            connections: Arc::clone(connections),
            all_connections: tables.clone(),
            proxies: proxies.clone(),
        };
        servers.spawn(server.run(stopped.clone()));
    }
    tokio::select! {
        () = signals.first() => {}
        // It never ends by itself. Better no exporter, which is noticed, than one whose figures stand still.
        _ = collecting => bail!("the collector has panicked; this is a defect"),
    }
    info!("stopping: requests in flight are finished, nothing new is accepted");
    // Nobody can have dropped the receivers: the servers run.
    let _ = stop.send(true);
    let drained = async { while servers.join_next().await.is_some() {} };
    tokio::select! {
        result = timeout(DRAIN, drained) => match result {
            Ok(()) => Ok(Ended::Drained),
            Err(_) => {
                warn!("requests in flight did not finish in {DRAIN:?} and are cut");
                Ok(Ended::Drained)
            }
        },
        () = signals.second() => Ok(Ended::Cut),
    }
}

/// For an operator who has mended a scraper and does not want to wait.
fn lift_locks(lockout: &Lockout) {
    let locked = lockout.locked(Instant::now());
    lockout.lift();
    info!(locked, "lifted all locks");
}

/// Both sockets or none: an exporter that is half up looks as if it were well.
async fn bind(config: &Config) -> anyhow::Result<Vec<(Listener, Surface)>> {
    let mut listeners = Vec::new();
    let surfaces: &[(&str, &Address, Surface)] = match &config.listen.metrics {
        None => &[("HOST and PORT", &config.listen.public, Surface::Whole)],
        Some(metrics) => &[
            ("HOST and PORT", &config.listen.public, Surface::Public),
            ("METRICS_HOST and METRICS_PORT", metrics, Surface::Metrics),
        ],
    };
    for (variables, address, surface) in surfaces {
        match address.bind(config.listen.socket_mode).await {
            Ok(listener) => listeners.push((listener, *surface)),
            Err(error) => bail!("{variables}: cannot listen on {address}: {error}"),
        }
        let is_tls = config.tls.as_ref().is_some_and(|tls| *surface != Surface::Public || tls.on_public);
        let scheme = if is_tls { "https" } else { "http" };
        let families = listeners.last().and_then(|(listener, _)| listener.families());
        let paths = surface.paths(&config.listen.metrics_path, config.guard.forward.is_some());
        info!(%address, scheme, families, "listening: {paths}");
        if surface_is_open(config, *surface) && !address.is_local() {
            let path = &config.listen.metrics_path;
            warn!(%address, "{path} is open: whoever can reach this address may read it");
        }
    }
    Ok(listeners)
}

/// Says what is asked of callers; that nothing is, is said where it is dangerous.
fn report_guard(config: &Config) {
    let methods = config.guard.methods();
    if methods.is_empty() {
        info!("no authentication method is set");
    } else {
        info!("{} asks, in this order: {}", config.listen.metrics_path, methods.join(", "));
    }
}

/// TLS on the listeners that speak it.
struct Encrypted {
    tls: Tls,
    on_public: bool,
}

impl Encrypted {
    fn is_for(&self, surface: Surface) -> bool {
        surface != Surface::Public || self.on_public
    }
}

fn encrypted(tls: TlsSettings, registry: &mut Registry, watches: &mut Vec<Watch>) -> Encrypted {
    let TlsSettings { files, pem, acceptor, on_public } = tls;
    acceptor.register(registry);
    let (slot, read) = (acceptor.clone(), files.clone());
    let replace = move |pem| {
        slot.replace(&pem)?;
        // As at the start.
        files.remarks().iter().for_each(|(variable, remark)| warn!("{variable} {remark}"));
        if slot.has_expired(clock::now()) {
            warn!("{CERTIFICATE} {HAS_EXPIRED}");
        }
        Ok::<(), TlsError>(())
    };
    watches.push(Watch::new(CERTIFICATE, &pem, move || read.read(), replace));
    Encrypted { tls: Tls { acceptor, failures: Failures::register(registry) }, on_public }
}

fn surface_is_open(config: &Config, surface: Surface) -> bool {
    surface != Surface::Public && config.guard.is_open()
}
