//! The loop: read what changed, fold, publish; again after each interval, sooner after a failure.
//!
//! Invariants: one task publishes; a pass that fails publishes nothing and leaves the last snapshot as it is; a failure
//! is logged when it begins, when it changes and when it ends, not at each attempt.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::fold::Folds;
use super::recent::LONGEST;
use super::record::{Collection, Moment};
use super::scope::Options;
use super::source::{Contents, Source, SourceError};
use super::status::{Reach, Status, Tally};
use super::sync::{Inventory, Sync};
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
        Self { source, exposition, status, pace, options, clock }
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
                        warn!("the refresh failed, retrying: {error}");
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
        let connection = self.source.connection_number();
        let contents = self.source.prepare().await?;
        if self.source.connection_number() != connection {
            debug!("connected to {} anew", S::NAME);
        }
        let folds = sync.refresh(&*self.source, &self.status, began).await?;
        let events = sync.events();
        let at = (self.clock)();
        // Rendering and compressing take milliseconds of CPU: not on a thread that serves.
        let rendered = tokio::task::spawn_blocking(move || {
            let mut samples = folds.export(moment(at));
            samples.extend(events);
            Snapshot::render(samples, at, started)
        });
        let snapshot =
            rendered.await.map_err(|_| SourceError { text: "the figures could not be rendered".into() })?;
        self.exposition.publish(snapshot);
        self.status.succeeded(at, started.elapsed());
        Ok(contents)
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
