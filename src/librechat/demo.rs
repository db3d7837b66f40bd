//! A synthetic LibreChat that keeps living, as a source: no MongoDB, no set-up.
//!
//! Invariants: the same seed, start and instant give the same records, however often it was looked at in between; the
//! number of messages kept is bounded, like an installation that deletes old chats.

pub mod cast;
pub mod furniture;
pub mod world;

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use self::world::World;
use super::collector::moment;
use super::record::fields::Oddities;
use super::record::{Collection, Record};
use super::source::{Contents, Source, SourceError};

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
}
