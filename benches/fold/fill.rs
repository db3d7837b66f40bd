//! Puts what is generated into a database, with the indexes that LibreChat makes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Database, IndexModel};

use crate::generate::{Batch, Plan};

/// Conversations of a batch: about 1,500 messages.
const STEP: usize = 200;
const TASKS: usize = 3;

/// Inserts everything, then builds the indexes.
pub(crate) async fn fill(database: &Database, plan: Plan) {
    insert(database, plan.furniture()).await;
    let (plan, next) = (Arc::new(plan), Arc::new(AtomicUsize::new(0)));
    let tasks = (0..TASKS).map(|_| {
        let (database, plan, next) = (database.clone(), Arc::clone(&plan), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let from = next.fetch_add(STEP, Ordering::Relaxed);
                let until = (from + STEP).min(plan.conversations());
                if from >= until {
                    break;
                }
                insert(&database, plan.conversation_batch(from..until)).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    for (collection, indexes) in INDEXES {
        let models = indexes.iter().map(|keys| {
            let keys: Document = keys.iter().map(|key| ((*key).to_owned(), 1.into())).collect();
            let expires = keys.keys().next().filter(|key| matches!(key.as_str(), "expiredAt" | "expiration"));
            let is_lifetime = expires.is_some() && keys.len() == 1;
            let options =
                IndexOptions::builder().expire_after(is_lifetime.then_some(Default::default())).build();
            IndexModel::builder().keys(keys).options(options).build()
        });
        database.collection::<Document>(collection).create_indexes(models).await.unwrap();
    }
    // So that nothing of the filling is left to be done while something is measured.
    database.client().database("admin").run_command(doc! { "fsync": 1 }).await.unwrap();
}

/// Inserts a batch, in no order.
pub(crate) async fn insert(database: &Database, batch: Batch) {
    let mut collections: BTreeMap<&str, Vec<Document>> = BTreeMap::new();
    for (collection, document) in batch {
        collections.entry(collection).or_default().push(document);
    }
    for (name, documents) in collections {
        let collection = database.collection::<Document>(name);
        collection.insert_many(documents).ordered(false).await.unwrap();
    }
}

/// LibreChat 0.8's indexes of the large collections, by their fields; those of `expiredAt` and `expiration` are TTL.
const INDEXES: &[(&str, &[&[&str]])] = &[
    (
        "messages",
        &[
            &["messageId"],
            &["conversationId"],
            &["user"],
            &["tenantId"],
            &["createdAt"],
            &["expiredAt"],
            &["messageId", "user", "tenantId"],
            &["tenantId", "isTemporary", "createdAt", "_id"],
            &["tenantId", "isTemporary", "isCreatedByUser", "model", "createdAt", "_id"],
            &["tenantId", "isTemporary", "isCreatedByUser", "user", "createdAt", "_id"],
            &["conversationId", "user", "createdAt", "_id"],
            &["user", "conversationId", "createdAt", "_id"],
            &["_meiliIndex", "isTemporary", "expiredAt"],
        ],
    ),
    (
        "conversations",
        &[
            &["conversationId"],
            &["user"],
            &["chatProjectId"],
            &["tenantId"],
            &["expiredAt"],
            &["createdAt", "updatedAt"],
            &["conversationId", "user", "tenantId"],
            &["tenantId", "isTemporary", "createdAt", "_id"],
        ],
    ),
    ("transactions", &[&["user"], &["conversationId"], &["model"], &["tenantId"]]),
    ("users", &[&["email", "tenantId"], &["role", "tenantId"]]),
    ("balances", &[&["user"]]),
    ("sessions", &[&["expiration"], &["user", "refreshTokenHash"]]),
    ("files", &[&["createdAt", "updatedAt"], &["user"], &["file_id"], &["conversationId"], &["messageId"]]),
    ("toolcalls", &[&["user"], &["conversationId"], &["messageId"], &["expiredAt"]]),
    ("sharedlinks", &[&["conversationId"], &["shareId"], &["expiredAt"]]),
    ("agents", &[&["id"], &["updatedAt"]]),
];
