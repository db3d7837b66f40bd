//! The loop: read what changed, fold, publish; again after each interval, sooner after a failure.
//!
//! Invariants: one task publishes; a pass that fails publishes nothing and leaves the last snapshot as it is; a failure
//! is logged when it begins, when it changes and when it ends, not at each attempt.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::time::sleep;
use tracing::{info, warn};

use super::fold::Folds;
use super::recent::LONGEST;
use super::record::{Collection, Moment};
use super::scope::Options;
use super::source::{Contents, Source, SourceError};
use super::status::{Reach, Status, Tally};
use super::sync::Sync;
use crate::exposition::limit::Limiter;
use crate::exposition::samples::Samples;
use crate::exposition::{Exposition, Snapshot};

/// How often the source is asked whether it still answers, for `/health`, where nothing was noticed in the meantime.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// How often one is asked that did not answer.
const CHECK_AGAIN: Duration = Duration::from_secs(1);

/// After a failure the next attempt comes after a second, then two, four …, up to the interval.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// What a change waits for others to come with it.
const GATHER: Duration = Duration::from_millis(200);

/// Where changes are told of, refreshes are at least so far apart, and this many times as far as one takes: a busy
/// LibreChat must not keep a core busy here.
const SHORTEST: Duration = Duration::from_secs(1);
const IDLE_SHARE: u32 = 10;

/// How often a source is folded.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How far refreshes are apart, at most.
    pub interval: Duration,
    /// Within which time all of history is verified, where changes are not told of.
    pub sweep: Duration,
}

/// Folds a source again and again.
#[derive(Debug)]
pub struct Collector<S> {
    source: Arc<S>,
    exposition: Arc<Exposition>,
    status: Arc<Status>,
    pace: Pace,
    options: Options,
    limiter: Arc<Mutex<Limiter>>,
    clock: fn() -> SystemTime,
}

impl<S: Source> Collector<S> {
    pub fn new(
        source: Arc<S>,
        exposition: Arc<Exposition>,
        status: Arc<Status>,
        pace: Pace,
        options: Options,
        clock: fn() -> SystemTime,
    ) -> Self {
        let limiter = Arc::new(Mutex::new(Limiter::new(options.max_series)));
        Self { source, exposition, status, pace, options, limiter, clock }
    }

    /// Runs until it is dropped.
    pub async fn run(self) {
        let checks = check_again_and_again(&*self.source, &self.status);
        tokio::join!(checks, self.refresh_again_and_again());
    }

    async fn refresh_again_and_again(&self) {
        let Pace { interval, sweep } = self.pace;
        let mut sync = Sync::new(self.options, sweep);
        let mut trouble: Option<SourceError> = None;
        let mut contents = Contents::LibreChat;
        let mut retry = FIRST_RETRY;
        loop {
            let started = Instant::now();
            match self.refresh(&mut sync, started).await {
                Ok(found) => {
                    if trouble.take().is_some() {
                        info!("{} is read again", S::NAME);
                    }
                    report_contents(&mut contents, found);
                    retry = FIRST_RETRY;
                    self.wait(&mut sync, started).await;
                }
                Err(error) => {
                    self.status.failed(started.elapsed());
                    if trouble.as_ref() != Some(&error) {
                        warn!("the refresh failed, and is tried again: {error}");
                        trouble = Some(error);
                    }
                    sleep(retry.min(interval)).await;
                    retry = (retry * 2).min(interval.max(FIRST_RETRY));
                }
            }
        }
    }

    /// Until the interval is over, or a change was told of and some time has passed since the refresh that `started`.
    async fn wait(&self, sync: &mut Sync, started: Instant) {
        let took = started.elapsed();
        let shortest = (took * IDLE_SHARE).max(SHORTEST).min(self.pace.interval);
        let told = async {
            sync.changed().await;
            sleep(GATHER.max(shortest.saturating_sub(started.elapsed()))).await;
        };
        tokio::select! {
            () = sleep(self.pace.interval.saturating_sub(took)) => {}
            () = told => {}
        }
    }

    async fn refresh(&self, sync: &mut Sync, started: Instant) -> Result<Contents, SourceError> {
        let began = moment((self.clock)());
        let contents = self.source.prepare().await?;
        let folds = sync.refresh(&*self.source, &self.status, began).await?;
        let events = sync.events();
        let at = (self.clock)();
        // Rendering and compressing take milliseconds of CPU: not on a thread that serves.
        let limiter = Arc::clone(&self.limiter);
        let rendered = tokio::task::spawn_blocking(move || {
            let mut samples = folds.export(moment(at));
            samples.extend(events);
            limit(&mut limiter.lock().unwrap_or_else(PoisonError::into_inner), &mut samples);
            Snapshot::render(samples, at, started)
        });
        let snapshot =
            rendered.await.map_err(|_| SourceError { text: "the figures could not be rendered".into() })?;
        self.exposition.publish(snapshot);
        self.status.succeeded(at, started.elapsed());
        Ok(contents)
    }
}

/// Brings the samples within the bound on all series; says once that it had to.
pub fn limit(limiter: &mut Limiter, samples: &mut Samples) {
    if let Some(gave_way) = limiter.apply(samples) {
        let families: Vec<_> =
            gave_way.iter().map(|(family, series)| format!("{family} ({series})")).collect();
        warn!(
            families = families.join(", "),
            "there are more than METRICS_MAX_SERIES series: the largest families give way, into other; raise it, lower \
             METRICS_MAX_LABEL_VALUES, or see librechat_exporter_series_dropped"
        );
    }
}

/// Reads everything a single time, for an export as of `at` or later.
///
/// # Errors
/// The first that the source has; nothing of the pass is kept.
pub async fn fold<S: Source>(
    source: &S,
    status: &Status,
    options: Options,
    at: Moment,
) -> Result<Folds, SourceError> {
    let mut folds = Folds::new(options, at.before(LONGEST));
    for collection in Collection::ALL {
        let mut tally = Tally::default();
        let pass = source.read(*collection, |record, oddities| {
            tally.add(oddities);
            folds.absorb(&record);
        });
        pass.await?;
        status.tally(*collection, "once", tally);
    }
    Ok(folds)
}

/// An instant as LibreChat's documents have it.
pub fn moment(at: SystemTime) -> Moment {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    Moment(match at.duration_since(UNIX_EPOCH) {
        Ok(since) => millis(since),
        Err(before) => -millis(before.duration()),
    })
}

/// Tells of a change: a new LibreChat is empty too, so this is a warning and no more.
pub fn report_contents(before: &mut Contents, now: Contents) {
    if *before != now {
        match &now {
            Contents::Nothing { database } => warn!(
                database,
                "no LibreChat collections found in the database {database}: a new LibreChat is empty too, but check \
                 the name in MONGO_URI or MONGO_DATABASE"
            ),
            Contents::LibreChat => info!("found LibreChat's collections"),
        }
        *before = now;
    }
}

async fn check_again_and_again<S: Source>(source: &S, status: &Status) {
    loop {
        let reach = match source.check().await {
            Ok(()) => Reach::Connected,
            Err(_) => Reach::Disconnected,
        };
        if status.reach() != reach {
            match reach {
                Reach::Connected => info!("{} answers", S::NAME),
                _ => warn!("{} does not answer", S::NAME),
            }
            status.set_reach(reach);
        }
        let pause = if reach == Reach::Connected { CHECK_INTERVAL } else { CHECK_AGAIN };
        tokio::select! {
            () = sleep(pause) => {}
            () = source.reason_to_check() => {}
        }
    }
}
