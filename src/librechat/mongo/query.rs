//! Queries whose documents are looked at one by one, a batch being fetched while the one before it is looked at.
//!
//! A server that sends the same again and again, or nothing without an end, is an error and no loop.

use futures_util::{Stream, StreamExt as _};
use mongodb::action::{Action as _, Aggregate};
use mongodb::bson::{Document, RawDocument, RawDocumentBuf};
use mongodb::error::{Error, ErrorKind, Result};
use mongodb::options::Hint;
use mongodb::raw_batch_cursor::RawBatch;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout};

use super::capabilities::Capability;
use super::connection::Connection;
use super::patience::Patience;
use super::{BATCH, Mongo, SILENCE, WORK};
use crate::librechat::record::Collection;
use crate::librechat::source::SourceError;

/// Batches in a row without a document, at most.
const EMPTY_BATCHES: u32 = 100;

/// What is asked for.
#[derive(Clone)]
pub(super) struct Query {
    pub collection: Collection,
    pub pipeline: Vec<Document>,
    pub hint: Option<Hint>,
}

/// Why a query ended too soon.
pub(super) enum Failure {
    Driver(Error),
    Source(SourceError),
}

impl Failure {
    pub(super) fn source(text: impl Into<String>) -> Self {
        Self::Source(SourceError { text: text.into() })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Driver(error)
    }
}

impl Query {
    async fn run(self, connection: &Connection, batches: &Sender<RawBatch>) -> Result<()> {
        let can = |capability| connection.capabilities.has(capability);
        let documents = connection.database.collection::<RawDocumentBuf>(self.collection.name());
        let mut session = connection.session().await;
        let query = documents
            .aggregate(self.pipeline)
            .optional(self.hint.filter(|_| can(Capability::Hint)), Aggregate::hint)
            .optional(can(Capability::TimeLimit).then_some(WORK), Aggregate::max_time)
            .batch_size(BATCH);
        match session.as_mut() {
            Some(session) => {
                let mut cursor = query.session(&mut *session).batch().await?;
                send(cursor.stream(session), batches).await
            }
            None => send(query.batch().await?, batches).await,
        }
    }
}

async fn send(
    mut stream: impl Stream<Item = Result<RawBatch>> + Unpin,
    batches: &Sender<RawBatch>,
) -> Result<()> {
    while let Some(batch) = stream.next().await {
        // Nobody waits for it once the pass was given up.
        if batches.send(batch?).await.is_err() {
            break;
        }
    }
    Ok(())
}

impl Mongo {
    /// Calls `visit` with each document of a query, and asks again when nothing was visited before a failure that passes.
    pub(super) async fn each(
        &self,
        query: Query,
        mut visit: impl FnMut(&RawDocument) + Send,
    ) -> std::result::Result<(), SourceError> {
        let collection = query.collection;
        if self.forbidden.has(collection) {
            return Ok(());
        }
        let mut patience = Patience::default();
        loop {
            let mut is_untouched = true;
            let result = self
                .attempt(query.clone(), |document| {
                    is_untouched = false;
                    visit(document);
                    Ok(())
                })
                .await;
            match result {
                Ok(()) => return Ok(()),
                Err(Failure::Driver(error)) if is_untouched => match patience.pause(&error) {
                    Some(pause) => sleep(pause).await,
                    None => return self.forbid_or(collection, Failure::Driver(error)),
                },
                Err(failure) => return self.forbid_or(collection, failure),
            }
        }
    }

    /// Asks once.
    pub(super) async fn attempt(
        &self,
        query: Query,
        mut visit: impl FnMut(&RawDocument) -> std::result::Result<(), Failure> + Send,
    ) -> std::result::Result<(), Failure> {
        let connection = self.connection().await.map_err(Failure::Source)?;
        let (sender, mut batches) = channel(1);
        // It ends with this function.
        let mut fetching = JoinSet::new();
        fetching.spawn(async move { query.run(&connection, &sender).await });
        let mut before: Option<Vec<u8>> = None;
        let mut empty = 0;
        loop {
            let Ok(batch) = timeout(SILENCE, batches.recv()).await else {
                return Err(Failure::source(format!("MongoDB did not answer for {SILENCE:?}")));
            };
            let Some(batch) = batch else { break };
            // The task that fetches waits on this thread, where nobody else can take it up: it goes first.
            yield_now().await;
            let documents = batch.doc_slices()?;
            let mut first: Option<Vec<u8>> = None;
            for document in documents {
                let document = document.map_err(Error::from)?;
                let Some(document) = document.as_document() else { continue };
                if first.is_none() {
                    first = Some(document.as_bytes().to_vec());
                    if first == before {
                        return Err(Failure::source("MongoDB sends the same documents again and again"));
                    }
                }
                visit(document)?;
            }
            empty = if first.is_none() { empty + 1 } else { 0 };
            if empty > EMPTY_BATCHES {
                return Err(Failure::source("MongoDB sends answers without documents and without an end"));
            }
            before = first.or(before);
        }
        match fetching.join_next().await {
            Some(Ok(result)) => Ok(result?),
            _ => Err(Failure::source("a query ended before its answer did")),
        }
    }

    /// The error; none where it is that the collection may not be read, which is noted.
    pub(super) fn forbid_or(
        &self,
        collection: Collection,
        failure: Failure,
    ) -> std::result::Result<(), SourceError> {
        match failure {
            Failure::Source(error) => Err(error),
            Failure::Driver(error) => {
                let is_forbidden = matches!(&*error.kind, ErrorKind::Command(command) if command.code == 13);
                if is_forbidden && self.forbid(collection) { Ok(()) } else { Err(self.explain(&error)) }
            }
        }
    }
}
