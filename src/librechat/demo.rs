//! A synthetic LibreChat that keeps living, as a source: no MongoDB, no set-up.
//!
//! Invariants: the same seed, start and instant give the same records, however often it was looked at in between; the
//! number of messages kept is bounded, like an installation that deletes old chats.

pub mod cast;
pub mod furniture;
pub mod world;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use self::world::World;
use super::collector::moment;
use super::record::fields::Oddities;
use super::record::{Collection, Moment, Record};
use super::source::{Contents, Identity, Position, Range, Seen, Source, SourceError};

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
}

/// When a document was made, of the collections that grow.
const fn created(record: &Record<'_>) -> Option<Moment> {
    match record {
        Record::Message(message) => message.created,
        Record::Transaction(row) => row.created,
        Record::Conversation(conversation) => conversation.created,
        _ => None,
    }
}

/// The place of the document of this number, in the order in which they were made.
fn position(created: Moment, number: u64) -> Position {
    let Position(mut bytes) = Position::at(created);
    bytes.iter_mut().skip(4).zip(number.to_be_bytes()).for_each(|(byte, of_number)| *byte = of_number);
    Position(bytes)
}

impl Source for Demo {
    const NAME: &'static str = "the demo";

    async fn check(&self) -> Result<(), SourceError> {
        Ok(())
    }

    async fn prepare(&self) -> Result<Contents, SourceError> {
        let now = moment((self.clock)());
        self.world.lock().unwrap_or_else(PoisonError::into_inner).live_until(now);
        Ok(Contents::LibreChat)
    }

    async fn read(
        &self,
        collection: Collection,
        mut visit: impl FnMut(Record<'_>, &Oddities) + Send,
    ) -> Result<(), SourceError> {
        let oddities = Oddities::default();
        let world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.records(collection, |record| visit(record, &oddities));
        Ok(())
    }

    async fn count(&self, collection: Collection) -> Result<Option<u64>, SourceError> {
        self.count_range(collection, Range::ALL).await.map(Some)
    }

    async fn count_range(&self, collection: Collection, range: Range) -> Result<u64, SourceError> {
        let mut count = 0;
        self.read_range(collection, range, u64::MAX, |_| count += 1).await?;
        Ok(count)
    }

    async fn read_range(
        &self,
        collection: Collection,
        range: Range,
        limit: u64,
        mut visit: impl FnMut(Seen<'_>) + Send,
    ) -> Result<(), SourceError> {
        let oddities = Oddities::default();
        let world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = limit;
        let mut number = world.gone(collection);
        let mut latest = Moment(0);
        world.records(collection, |record| {
            latest = latest.max(created(&record).unwrap_or(latest));
            let position = position(latest, number);
            number += 1;
            if range.contains(Some(position)) && left > 0 {
                left -= 1;
                let mut hasher = DefaultHasher::new();
                format!("{number} {record:?}").hash(&mut hasher);
                let identity = Identity::Regular(position);
                visit(Seen { identity, fingerprint: hasher.finish(), record, oddities: &oddities });
            }
        });
        Ok(())
    }
}
