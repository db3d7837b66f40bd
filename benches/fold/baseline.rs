//! What MongoDB's driver needs at least: the same documents with the same projections, read and thrown away.

use std::time::{Duration, Instant};

use librechat_exporter::librechat::mongo::capabilities::Capabilities;
use librechat_exporter::librechat::mongo::projection::projection;
use librechat_exporter::librechat::record::Collection;
use mongodb::Database;
use mongodb::bson::{RawDocumentBuf, doc};

/// In which order documents are read.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Order {
    /// As they lie there: the fastest way.
    Natural,
    /// As the exporter reads them, so that it can pause and go on.
    Id,
}

/// How many documents there are and how long it took to read them.
pub(crate) async fn read(database: &Database, order: Order) -> (u64, Duration) {
    let (start, mut count) = (Instant::now(), 0);
    for collection in Collection::ALL {
        let documents = database.collection::<RawDocumentBuf>(collection.name());
        let sort = (order == Order::Id).then(|| doc! { "$sort": { "_id": 1 } });
        let pipeline =
            sort.into_iter().chain([doc! { "$project": projection(*collection, &Capabilities::default()) }]);
        let query = documents.aggregate(pipeline).batch_size(1_000);
        let mut cursor = query.with_type::<RawDocumentBuf>().await.unwrap();
        while cursor.advance().await.unwrap() {
            std::hint::black_box(cursor.current());
            count += 1;
        }
    }
    (count, start.elapsed())
}
