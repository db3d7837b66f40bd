//! A synthetic LibreChat that keeps living, as a source: no MongoDB, no set-up.
//!
//! Invariants: the same seed, start and instant give the same records, however often it was looked at in between; what
//! is kept is bounded, like an installation that deletes what is old.

pub mod cast;
pub mod chats;
pub mod furniture;
pub mod people;
pub mod queue;
pub mod shelf;
pub mod world;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use self::world::World;
use super::collector::moment;
use super::indexes::{FIELD, Indexes, OPTIONAL};
use super::mongo::capabilities::Capability;
use super::record::fields::Oddities;
use super::record::{Collection, Moment, Record};
use super::source::{Contents, Identity, Range, Seen, Source, SourceError};

/// The demo's world as of whenever it is looked at.
#[derive(Debug)]
pub struct Demo {
    world: Mutex<World>,
    clock: fn() -> SystemTime,
}

impl Demo {
    /// A world that has lived for some weeks when `clock` says now.
    pub fn new(seed: u64, clock: fn() -> SystemTime) -> Self {
        Self { world: Mutex::new(World::new(seed, moment(clock()))), clock }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Demo {
    const NAME: &'static str = "the demo";

    async fn check(&self) -> Result<Option<Duration>, SourceError> {
        Ok(None)
    }

    async fn capabilities(&self) -> Vec<(&'static str, bool)> {
        Capability::ALL.iter().map(|capability| (capability.name(), true)).collect()
    }

    async fn prepare(&self) -> Result<Contents, SourceError> {
        let now = moment((self.clock)());
        self.world().live_until(now);
        Ok(Contents { database: Self::NAME.into(), collections: Collection::ALL.len(), elsewhere: None })
    }

    async fn read(
        &self,
        collection: Collection,
        mut visit: impl FnMut(Record<'_>, &Oddities) + Send,
    ) -> Result<(), SourceError> {
        self.read_range(collection, Range::ALL, u64::MAX, |seen| visit(seen.record, seen.oddities)).await
    }

    async fn indexes(&self) -> Result<Indexes, SourceError> {
        let mut indexes = Indexes::default();
        OPTIONAL.iter().for_each(|collection| indexes.add(*collection, FIELD));
        Ok(indexes)
    }

    async fn count(&self, collection: Collection) -> Result<Option<u64>, SourceError> {
        self.count_range(collection, Range::ALL).await.map(Some)
    }

    async fn count_range(&self, collection: Collection, range: Range) -> Result<u64, SourceError> {
        let count = self.world().documents(collection).map_or(0, |documents| documents.count(range));
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }

    async fn read_updated(
        &self,
        collection: Collection,
        since: Moment,
        _index: &str,
        mut visit: impl FnMut(Seen<'_>) + Send,
    ) -> Result<(), SourceError> {
        let is_updated = |record: &Record<'_>| matches!(record, Record::Message(message) if message.updated >= Some(since));
        self.read_range(collection, Range::ALL, u64::MAX, |seen| {
            if is_updated(&seen.record) {
                visit(seen);
            }
        })
        .await
    }

    async fn read_range(
        &self,
        collection: Collection,
        range: Range,
        limit: u64,
        mut visit: impl FnMut(Seen<'_>) + Send,
    ) -> Result<(), SourceError> {
        let oddities = Oddities::default();
        let world = self.world();
        let Some(documents) = world.documents(collection) else { return Ok(()) };
        documents.visit(range, limit, &mut |position, record| {
            let mut hasher = DefaultHasher::new();
            format!("{position:?} {record:?}").hash(&mut hasher);
            let identity = Identity::Regular(position);
            visit(Seen { identity, fingerprint: hasher.finish(), record, oddities: &oddities });
        });
        Ok(())
    }
}
