//! The loop: read what changed, fold, publish; again after each interval, sooner after a failure.
//!
//! Invariants: one task publishes; a pass that fails publishes nothing and leaves the last snapshot as it is; a failure
//! is logged when it begins, when it changes and when it ends, not at each attempt.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::fold::Folds;
use super::fold::readable::leave_out;
use super::recent::LONGEST;
use super::record::{Collection, Moment};
use super::scope::Options;
use super::source::{Contents, Source, SourceError};
use super::status::{Reach, Status, Tally};
use super::sync::{Inventory, Sync};
use crate::exposition::limit::Limiter;
use crate::exposition::samples::Samples;
use crate::exposition::{Exposition, Snapshot};

/// How often the source is asked whether it still answers, for `/health`, where nothing was noticed in the meantime.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// A failure that goes on is logged again after this.
const REMIND: Duration = Duration::from_secs(600);

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
/// At most, since the first fold takes longer than any refresh that follows.
const LONGEST_REST: Duration = Duration::from_secs(30);

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
    lag: LagWatch,
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
        let lag = LagWatch::default();
        Self { source, exposition, status, pace, options, limiter, clock, lag }
    }

    /// Runs until it is dropped.
    pub async fn run(self) {
        let checks = check_again_and_again(&*self.source, &self.status, &self.lag);
        tokio::join!(checks, self.refresh_again_and_again());
    }

    async fn refresh_again_and_again(&self) {
        let Pace { interval, sweep } = self.pace;
        let mut sync = Sync::new(&self.options, sweep);
        let mut trouble: Option<Trouble> = None;
        let mut contents: Option<Contents> = None;
        let mut retry = FIRST_RETRY;
        let mut is_first = true;
        loop {
            let started = Instant::now();
            match self.refresh(&mut sync, started).await {
                Ok(found) => {
                    let (took, read) = (started.elapsed(), self.status.take_lately_read());
                    debug!("refreshed in {} ms: documents read: {read}", took.as_millis());
                    if std::mem::take(&mut is_first) {
                        report_inventory(sync.inventory(), took);
                    }
                    if let Some(trouble) = trouble.take() {
                        info!("{} is read again, after {} s", S::NAME, trouble.since.elapsed().as_secs());
                    }
                    report_contents(contents.as_ref(), &found);
                    contents = Some(found);
                    retry = FIRST_RETRY;
                    self.wait(&mut sync, started).await;
                }
                Err(error) => {
                    self.status.failed(started.elapsed());
                    trouble = Some(Trouble::report(trouble, error));
                    sleep(retry.min(interval)).await;
                    retry = (retry * 2).min(interval.max(FIRST_RETRY));
                }
            }
        }
    }

    /// Until the interval is over, or a change was told of and some time has passed since the refresh that `started`.
    async fn wait(&self, sync: &mut Sync, started: Instant) {
        let took = started.elapsed();
        let shortest = (took * IDLE_SHARE).max(SHORTEST).min(LONGEST_REST).min(self.pace.interval);
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
        let connection = self.source.connection_number();
        let contents = self.source.prepare().await?;
        if self.source.connection_number() != connection {
            debug!("connected to {} anew", S::NAME);
        }
        self.status.set_collections_found(contents.collections);
        let folds = sync.refresh(&*self.source, &self.status, began).await?;
        let mut capabilities = self.source.capabilities().await;
        capabilities.push(("change_streams", sync.is_told()));
        self.status.set_capabilities(&capabilities);
        let events = sync.events();
        let unreadable = self.source.unreadable();
        let at = (self.clock)();
        // Rendering and compressing take milliseconds of CPU: not on a thread that serves.
        let limiter = Arc::clone(&self.limiter);
        let rendered = tokio::task::spawn_blocking(move || {
            let mut samples = folds.export(moment(at));
            samples.extend(events);
            leave_out(&mut samples, &unreadable);
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

/// Beyond this a warning says that the majority of a replica set stands still.
const LONG_LAG: Duration = Duration::from_secs(60);

/// Whether it was said that what can be read is old.
#[derive(Debug, Default)]
struct LagWatch(AtomicBool);

impl LagWatch {
    fn watch(&self, lag: Option<Duration>, status: &Status) {
        status.set_majority_lag(lag);
        let Some(lag) = lag else { return };
        let is_long = lag >= LONG_LAG;
        if self.0.swap(is_long, Ordering::Relaxed) == is_long {
            return;
        }
        if is_long {
            warn!(
                "no majority of the replica set has had a write for {} s: figures stand still until its members are back; \
                 READ_CONCERN=local would read on",
                lag.as_secs()
            );
        } else {
            info!("a majority of the replica set has its writes again");
        }
    }
}

/// A failure that has not ended yet.
#[derive(Debug)]
struct Trouble {
    error: SourceError,
    since: Instant,
    logged: Instant,
}

impl Trouble {
    /// Logs an error when it is new, and again after [`REMIND`].
    fn report(before: Option<Self>, error: SourceError) -> Self {
        let now = Instant::now();
        match before {
            Some(before) if before.error == error && before.logged.elapsed() < REMIND => before,
            Some(before) if before.error == error => {
                let minutes = before.since.elapsed().as_secs() / 60;
                warn!("no refresh has succeeded for {minutes} minutes: {error}");
                Self { logged: now, ..before }
            }
            before => {
                warn!("the refresh failed, retrying: {error}");
                Self { error, since: before.map_or(now, |before| before.since), logged: now }
            }
        }
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
    options: &Options,
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

/// Says what the first refresh found, so that another database than the one that was meant is seen at once.
fn report_inventory(found: Inventory, took: Duration) {
    let Inventory { messages, users, transactions, since } = found;
    let day = since.and_then(|since| OffsetDateTime::from_unix_timestamp(since.0.div_euclid(1_000)).ok());
    let since = day.map(|day| format!(", the oldest of {}", day.date())).unwrap_or_default();
    info!(
        "the initial read took {:.1} s and found {messages} messages, {users} users and {transactions} transactions{since}; \
         /metrics is ready",
        took.as_secs_f64()
    );
}

/// Logs whether LibreChat is there, when that changed: a new LibreChat is empty too, so that this is a warning and no more.
pub fn report_contents(before: Option<&Contents>, now: &Contents) {
    let Contents { database, collections, elsewhere } = now;
    if *collections > 0 {
        if before.is_some_and(|before| before.collections == 0) {
            info!(database, collections, "found LibreChat's collections");
        }
        return;
    }
    if before == Some(now) {
        return;
    }
    match elsewhere {
        Some(other) => warn!(
            database,
            "no LibreChat collections in the database {database}, but there are some in {other}: name it in the path of \
             MONGO_URI or in MONGO_DATABASE"
        ),
        None => warn!(
            database,
            "no LibreChat collections found in the database {database}: a new LibreChat is empty too, but check the name \
             in MONGO_URI or MONGO_DATABASE"
        ),
    }
}

async fn check_again_and_again<S: Source>(source: &S, status: &Status, lag: &LagWatch) {
    loop {
        let checked = source.check().await;
        lag.watch(checked.as_ref().ok().copied().flatten(), status);
        let reach = if checked.is_ok() { Reach::Connected } else { Reach::Disconnected };
        if status.reach() != reach {
            match checked {
                Ok(_) => info!("{} answers", S::NAME),
                Err(error) => warn!("{} does not answer: {error}", S::NAME),
            }
            status.set_reach(reach);
        }
        let pause = if reach == Reach::Connected { CHECK_INTERVAL } else { CHECK_AGAIN };
        tokio::select! {
            () = sleep(pause) => {}
            // A server whose kind changes all the time is not asked all the time.
            () = source.reason_to_check() => sleep(GATHER).await,
        }
    }
}
