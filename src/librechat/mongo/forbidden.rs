//! Collections that the user may not read: their figures are left out, all others stay.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use mongodb::bson::{Document, doc};
use tracing::{info, warn};

use super::Mongo;
use super::connection::Connection;
use crate::librechat::record::Collection;

/// Those that were refused.
#[derive(Debug, Default)]
pub(super) struct Forbidden(Mutex<BTreeSet<Collection>>);

impl Forbidden {
    pub(super) fn all(&self) -> Vec<Collection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    pub(super) fn has(&self, collection: Collection) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&collection)
    }

    /// Whether it is new.
    fn note(&self, collection: Collection) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(collection)
    }

    fn lift(&self, collection: Collection) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&collection);
    }
}

impl Mongo {
    /// Notes that a collection may not be read. `false` when none may be: that is no figure left out, but all of them.
    pub(super) fn forbid(&self, collection: Collection) -> bool {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if present.iter().all(|other| *other == collection || self.forbidden.has(*other)) {
            return false;
        }
        if self.forbidden.note(collection) {
            let name = collection.name();
            warn!("the user of MONGO_URI may not read the collection {name}: its figures are left out");
        }
        true
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
