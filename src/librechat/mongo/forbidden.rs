//! Collections that the user may not read: their figures are left out, all others stay.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mongodb::bson::{Document, doc};
use tracing::{info, warn};

use super::Mongo;
use super::connection::Connection;
use crate::librechat::record::Collection;

/// Those that were refused.
#[derive(Debug, Default)]
pub(super) struct Forbidden {
    refused: Mutex<BTreeSet<Collection>>,
    /// Whether it is known which collections there are: of one that does not exist, nothing is refused.
    is_all_listed: AtomicBool,
}

impl Forbidden {
    pub(super) fn set_all_listed(&self, is_all_listed: bool) {
        self.is_all_listed.store(is_all_listed, Ordering::Relaxed);
    }

    pub(super) fn all(&self) -> Vec<Collection> {
        self.refused().iter().copied().collect()
    }

    pub(super) fn has(&self, collection: Collection) -> bool {
        self.refused().contains(&collection)
    }

    /// Whether it is new.
    fn note(&self, collection: Collection) -> bool {
        self.refused().insert(collection)
    }

    fn lift(&self, collection: Collection) {
        self.refused().remove(&collection);
    }

    fn refused(&self) -> MutexGuard<'_, BTreeSet<Collection>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mongo {
    /// Notes that a collection may not be read. `false` when none may be: that is no figure left out, but all of them.
    pub(super) fn forbid(&self, collection: Collection) -> bool {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if self.forbidden.is_all_listed.load(Ordering::Relaxed) && !present.contains(&collection) {
            return true;
        }
        if present.iter().all(|other| *other == collection || self.forbidden.has(*other)) {
            return false;
        }
        if self.forbidden.note(collection) {
            let name = collection.name();
            warn!("the user of MONGO_URI may not read the collection {name}: its figures are left out");
        }
        true
    }

    /// Notes those that a user does not see who may not list all collections.
    pub(super) fn forbid_hidden(&self, seen: &[Collection]) {
        if seen.is_empty() {
            return;
        }
        let hidden = Collection::ALL.iter().filter(|collection| !seen.contains(collection));
        let new: Vec<&str> = hidden
            .filter(|collection| self.forbidden.note(**collection))
            .map(|collection| collection.name())
            .collect();
        if !new.is_empty() {
            warn!(
                "the user of MONGO_URI may not list all collections: the figures of those that it may not read, or that do \
                 not exist, are left out: {}",
                new.join(", ")
            );
        }
    }

    /// Asks again for those that were refused: a right may have been given.
    pub(super) async fn ask_for_forbidden(&self, connection: &Connection) {
        for collection in self.forbidden.all() {
            let documents = connection.database.collection::<Document>(collection.name());
            if documents.find_one(doc! {}).projection(doc! { "_id": 1 }).await.is_ok() {
                info!("the collection {} may be read now", collection.name());
                self.forbidden.lift(collection);
            }
        }
    }
}
