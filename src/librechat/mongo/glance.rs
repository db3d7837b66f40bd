//! What the server tells of all collections at once: their sizes as it knows them without looking, and their last `_id`s.

use futures_util::{StreamExt as _, TryStreamExt as _};
use mongodb::action::{Action as _, Aggregate};
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::error::{ErrorKind, Result};
use mongodb::options::ReadConcern;

use super::WORK;
use super::capabilities::Capability;
use super::connection::Connection;
use crate::librechat::record::Collection;
use crate::librechat::source::{Glance, Glances, Position};

/// Answers that are looked at: those of a cluster of hundreds of shards.
const ANSWERS: usize = 10_000;

/// Looks at the collections that are `present`; the others are empty.
///
/// # Errors
/// Those of the server.
pub async fn read(connection: &Connection, present: &[Collection]) -> Result<Glances> {
    let mut glances: Glances =
        Collection::ALL.iter().map(|collection| (*collection, Glance::default())).collect();
    let is_possible =
        [Capability::Statistics, Capability::Unions].iter().all(|one| connection.capabilities.has(*one));
    let asked = if is_possible { ask(connection, present).await.map(Some) } else { Ok(None) };
    match asked {
        Ok(Some(answers)) => {
            for answer in &answers {
                let collection = answer.get_str("of").ok();
                let collection = present.iter().find(|known| Some(known.name()) == collection);
                if let Some(glance) = collection.and_then(|collection| glances.get_mut(collection)) {
                    note(answer, glance);
                }
            }
        }
        // A collection that has just gone, no right to statistics or to one of them, or a server that cannot be asked so.
        Ok(None) => count_each(connection, present, &mut glances).await?,
        Err(error) if matches!(*error.kind, ErrorKind::Command(_)) => {
            count_each(connection, present, &mut glances).await?
        }
        Err(error) => return Err(error),
    }
    Ok(glances)
}

/// Asks each collection for its size by itself.
async fn count_each(connection: &Connection, present: &[Collection], glances: &mut Glances) -> Result<()> {
    for collection in present {
        let documents = connection.database.collection::<RawDocumentBuf>(collection.name());
        match documents.estimated_document_count().await {
            Ok(count) => drop(glances.insert(*collection, Glance { count, newest: None })),
            // Nothing is known of it then; it is looked into.
            Err(error) if matches!(*error.kind, ErrorKind::Command(_)) => drop(glances.remove(collection)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Asks for everything in one command: a command costs both sides more than such an answer does.
async fn ask(connection: &Connection, present: &[Collection]) -> Result<Vec<Document>> {
    let Some(first) = present.first() else { return Ok(Vec::new()) };
    let of = |collection: &Collection| doc! { "$literal": collection.name() };
    let size = |collection| {
        [doc! { "$collStats": { "count": {} } }, doc! { "$project": { "count": 1, "of": of(collection) } }]
    };
    let newest = |collection| {
        let project = doc! { "$project": { "_id": 1, "of": of(collection) } };
        vec![doc! { "$sort": { "_id": -1 } }, doc! { "$limit": 1 }, project]
    };
    let with = |collection: &Collection, pipeline: Vec<Document>| {
        doc! { "$unionWith": { "coll": collection.name(), "pipeline": pipeline } }
    };
    let sizes = present.iter().skip(1).map(|collection| with(collection, size(collection).into()));
    let newest = present.iter().map(|collection| with(collection, newest(collection)));
    let pipeline = size(first).into_iter().chain(sizes).chain(newest);
    let documents = connection.database.collection::<Document>(first.name());
    // The only concern that statistics have. What is read because of them is read with the connection's own.
    let limit = connection.capabilities.has(Capability::TimeLimit).then_some(WORK);
    let answers =
        documents.aggregate(pipeline).read_concern(ReadConcern::local()).optional(limit, Aggregate::max_time);
    answers.await?.take(ANSWERS).try_collect().await
}

fn note(answer: &Document, glance: &mut Glance) {
    // A cluster tells the size of each of its shards.
    glance.count += answer.get("count").and_then(whole).unwrap_or_default();
    if let Ok(id) = answer.get_object_id("_id") {
        glance.newest = Some(Position(id.bytes()));
    }
}

/// A count is of whichever type it fits into.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float is bounded")]
fn whole(number: &Bson) -> Option<u64> {
    match *number {
        Bson::Int32(number) => u64::try_from(number).ok(),
        Bson::Int64(number) => u64::try_from(number).ok(),
        Bson::Double(number) => Some(number as u64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::oid::ObjectId;

    use super::*;

    #[test]
    fn sizes_add_up_and_an_odd_id_is_not_known() {
        let mut glance = Glance::default();
        [
            doc! { "of": "files", "count": 3 },
            doc! { "of": "files", "count": 4_i64 },
            doc! { "of": "files", "count": 5.0 },
        ]
        .iter()
        .for_each(|answer| note(answer, &mut glance));
        note(&doc! { "of": "files", "_id": "text" }, &mut glance);
        assert_eq!(glance, Glance { count: 12, newest: None });
        note(&doc! { "of": "files", "_id": ObjectId::from_bytes([7; 12]) }, &mut glance);
        assert_eq!(glance.newest, Some(Position([7; 12])));
    }
}
