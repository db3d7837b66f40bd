//! What MongoDB's driver needs at least: the same documents with the same projections, read and thrown away.

use std::time::{Duration, Instant};

use librechat_exporter::librechat::mongo::projection::projection;
use librechat_exporter::librechat::record::Collection;
use mongodb::Database;
use mongodb::bson::{RawDocumentBuf, doc};

/// How many documents there are and how long it took to read them.
pub(crate) async fn read(database: &Database) -> (u64, Duration) {
    let (start, mut count) = (Instant::now(), 0);
    for collection in Collection::ALL {
        let documents = database.collection::<RawDocumentBuf>(collection.name());
        let query = documents.aggregate([doc! { "$project": projection(*collection) }]).batch_size(1_000);
        let mut cursor = query.with_type::<RawDocumentBuf>().await.unwrap();
        while cursor.advance().await.unwrap() {
            std::hint::black_box(cursor.current());
            count += 1;
        }
    }
    (count, start.elapsed())
}
