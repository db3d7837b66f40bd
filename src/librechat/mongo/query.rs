//! Queries whose documents are looked at one by one, a batch being fetched while the one before it is looked at.

use futures_util::StreamExt as _;
use mongodb::action::{Action as _, Aggregate};
use mongodb::bson::{Document, RawDocument, RawDocumentBuf};
use mongodb::error::Result;
use mongodb::options::Hint;
use mongodb::raw_batch_cursor::RawBatch;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::{JoinSet, yield_now};

use super::connection::Connection;
use super::{BATCH, Mongo, WORK};
use crate::librechat::record::Collection;
use crate::librechat::source::SourceError;

/// What is asked for.
pub(super) struct Query {
    pub collection: Collection,
    pub pipeline: Vec<Document>,
    pub hint: Option<Hint>,
}

impl Query {
    async fn run(self, connection: &Connection, batches: &Sender<RawBatch>) -> Result<()> {
        let documents = connection.database.collection::<RawDocumentBuf>(self.collection.name());
        let mut session = connection.session().await;
        let query = documents
            .aggregate(self.pipeline)
            .optional(self.hint, Aggregate::hint)
            .batch_size(BATCH)
            .max_time(WORK)
            .session(&mut *session);
        let mut cursor = query.batch().await?;
        let mut stream = cursor.stream(&mut session);
        while let Some(batch) = stream.next().await {
            // Nobody waits for it once the pass was given up.
            if batches.send(batch?).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}

impl Mongo {
    /// Calls `visit` with each document of a query.
    pub(super) async fn each(
        &self,
        query: Query,
        mut visit: impl FnMut(&RawDocument),
    ) -> std::result::Result<(), SourceError> {
        let connection = self.connection().await?;
        let (sender, mut batches) = channel(1);
        // It ends with this function.
        let mut fetching = JoinSet::new();
        fetching.spawn(async move { query.run(&connection, &sender).await });
        while let Some(batch) = self.in_time(async { Ok(batches.recv().await) }).await? {
            // The task that fetches waits on this thread, where nobody else can take it up: it goes first.
            yield_now().await;
            let documents = batch.doc_slices().map_err(|error| self.explain(&error))?;
            for document in documents {
                let document = document.map_err(|error| self.explain(&error.into()))?;
                document.as_document().into_iter().for_each(&mut visit);
            }
        }
        match fetching.join_next().await {
            Some(Ok(result)) => result.map_err(|error| self.explain(&error)),
            _ => Err(SourceError { text: "a query ended before its answer did".into() }),
        }
    }
}
