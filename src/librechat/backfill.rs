//! What the figures were at instants of the past, as far as the documents tell that there are now.
//!
//! One pass in the order of time: an `_id` begins with the second in which its document was made. What was made by an instant
//! goes into one [`Folds`] and one [`Events`], which then say what `once --at` this instant would have said of a database that
//! ended there. Documents whose `_id` is no ObjectId are of their `createdAt`, and were always there without one.
//!
//! What [events](super::events) count begins at the first instant: what was there then is history.

pub mod instants;

use std::collections::{BTreeMap, VecDeque};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, spawn_blocking};
use tracing::info;

use self::instants::{Instants, shown};
use super::collector::limit;
use super::events::Events;
use super::fold::Folds;
use super::fold::readable::leave_out;
use super::recent::LONGEST;
use super::record::{Collection, Moment};
use super::scope::Options;
use super::source::{Position, Range, Seen, Source, SourceError};
use crate::exposition::limit::Limiter;
use crate::exposition::samples::Samples;

/// Documents of one query, at most.
const QUERY: u64 = 65_536;
/// Figures of so many instants are made at the same time, at most: each has a copy of what is not shared.
const MOST_AT_ONCE: usize = 4;
/// How often it is told how far the pass has come.
const TELL: Duration = Duration::from_secs(5);

/// An instant, and what the figures were at it.
pub type Figures = (Moment, Samples);

/// A pass over all documents.
#[derive(Debug)]
pub struct Backfill<'a, S> {
    source: &'a S,
    options: Options,
    instants: Instants,
    cursors: Vec<Cursor>,
    folds: Folds,
    events: Events,
    /// What documents without an ObjectId come to, by the instant that has them.
    irregular: BTreeMap<i64, Folds>,
    limiter: Limiter,
    /// The figures of the instants that were read last: they are made while more is read.
    making: VecDeque<JoinHandle<Figures>>,
    /// Of how many instants at the same time.
    at_once: usize,
    documents: u64,
    told: Instant,
}

impl<'a, S: Source> Backfill<'a, S> {
    pub fn new(source: &'a S, options: Options, instants: Instants) -> Self {
        Self {
            source,
            instants,
            cursors: Collection::ALL.iter().copied().map(Cursor::new).collect(),
            folds: Folds::new(&options, instants.first().before(LONGEST)),
            events: Events::new(options.max_label_values),
            irregular: BTreeMap::new(),
            limiter: Limiter::new(options.max_series),
            making: VecDeque::new(),
            at_once: available_parallelism().map_or(1, |cores| cores.get().min(MOST_AT_ONCE)),
            documents: 0,
            told: Instant::now(),
            options,
        }
    }

    /// How many documents were read.
    pub const fn documents(&self) -> u64 {
        self.documents
    }

    /// Finds the documents without an ObjectId: no order of theirs is one of time.
    ///
    /// # Errors
    /// Those of the source.
    pub async fn read_irregular(&mut self) -> Result<(), SourceError> {
        let Self { source, options, instants, folds, events, irregular, documents, .. } = self;
        let first = instants.first();
        for collection in Collection::ALL {
            let reading = source.read_range(*collection, Range::IRREGULAR, u64::MAX, |seen| {
                let created = seen.record.created().unwrap_or(first);
                let Some(at) = instants.reached(created) else { return };
                *documents += 1;
                // They are what labels are made of, and no events: those of one collection have no order.
                events.see(&seen, first, true);
                if at == first {
                    folds.absorb(&seen.record);
                } else {
                    let new = || Folds::new(options, first.before(LONGEST));
                    irregular.entry(at.0).or_insert_with(new).absorb(&seen.record);
                }
            });
            reading.await?;
        }
        Ok(())
    }

    /// Reads on up to the next instant, and gives what the figures were at one of those before it, in their order.
    ///
    /// # Errors
    /// Those of the source.
    pub async fn advance(&mut self, at: Moment) -> Result<Option<Figures>, SourceError> {
        self.read(at).await?;
        let before = if self.making.len() < self.at_once { None } else { self.made().await? };
        if let Some(irregular) = self.irregular.remove(&at.0) {
            self.folds.merge(&irregular);
        }
        self.folds.forget(at.before(LONGEST));
        self.events.finish(at);
        let (folds, events) = (self.folds.clone(), self.events.export());
        let unreadable = self.source.unreadable();
        self.making.push_back(spawn_blocking(move || {
            let mut samples = folds.into_samples(at);
            samples.extend(events);
            leave_out(&mut samples, &unreadable);
            (at, samples)
        }));
        Ok(before)
    }

    /// What the figures were at the first of the instants that were read up to and not given yet; `None` after the last.
    ///
    /// # Errors
    /// They could not be made.
    pub async fn made(&mut self) -> Result<Option<Figures>, SourceError> {
        let Some(making) = self.making.pop_front() else { return Ok(None) };
        let made = making.await.map_err(|_| SourceError { text: "the figures could not be made".into() });
        let (at, mut samples) = made?;
        limit(&mut self.limiter, &mut samples);
        Ok(Some((at, samples)))
    }

    async fn read(&mut self, at: Moment) -> Result<(), SourceError> {
        let is_history = at == self.instants.first();
        // An ObjectId tells the second, and this second belongs to the instant.
        let until = Position::at(Moment(at.0 + 1_000));
        let Self { source, cursors, folds, events, documents, told, .. } = self;
        for cursor in cursors {
            while cursor.is_before(until) {
                let read = cursor.read(*source, until, |seen| {
                    events.see(&seen, at, is_history);
                    folds.absorb(&seen.record);
                });
                *documents += read.await?;
                if told.elapsed() >= TELL {
                    *told = Instant::now();
                    let share = self.instants.share(at);
                    info!("at {}, {share} %: documents read: {documents}", shown(at.0 / 1_000));
                }
            }
        }
        Ok(())
    }
}

/// How far a collection was read.
#[derive(Debug)]
struct Cursor {
    collection: Collection,
    /// Nothing before it is still to be read; `None` when nothing at all is.
    next: Option<Position>,
    /// Documents of one query, at most.
    limit: u64,
}

impl Cursor {
    const fn new(collection: Collection) -> Self {
        Self { collection, next: Some(Position([0; 12])), limit: QUERY }
    }

    fn is_before(&self, until: Position) -> bool {
        self.next.is_some_and(|next| next < until)
    }

    /// Reads on, at most so far; gives the number of documents.
    async fn read<S: Source>(
        &mut self,
        source: &S,
        until: Position,
        mut visit: impl FnMut(Seen<'_>) + Send,
    ) -> Result<u64, SourceError> {
        let (mut read, mut last) = (0, None);
        let range = Range { is_regular: true, from: self.next, until: Some(until) };
        let reading = source.read_range(self.collection, range, self.limit, |seen| {
            read += 1;
            last = seen.identity.position();
            visit(seen);
        });
        reading.await?;
        self.next = match (read, last) {
            // Most collections have nothing for long: the next instants need not be looked at one by one.
            (0, _) => self.first_from(source, until).await?,
            (_, Some(last)) if read == self.limit => last.next(),
            _ => Some(until),
        };
        Ok(read)
    }

    async fn first_from<S: Source>(
        &self,
        source: &S,
        from: Position,
    ) -> Result<Option<Position>, SourceError> {
        let mut first = None;
        let range = Range { from: Some(from), ..Range::ALL };
        source.read_range(self.collection, range, 1, |seen| first = seen.identity.position()).await?;
        Ok(first)
    }
}

#[cfg(test)]
mod tests;
