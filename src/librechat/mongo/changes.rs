//! A change stream on the database: where something changed, in fields that are read.
//!
//! The server leaves out what is of no interest, such as LibreChat's own bookkeeping for its search, and sends no
//! document: an event is a few hundred bytes.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::{ChangeStreamEvent, ResumeToken};
use mongodb::error::{Error, ErrorKind, Result};
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep_until, timeout};

use super::connection::{Connection, anyone};
use super::{BATCH, Mongo, SILENCE};
use crate::librechat::record::Collection;
use crate::librechat::source::changes::{Change, Changes, Start, Watched};
use crate::librechat::source::{Position, SourceError};

/// How long the server keeps a question for changes before it answers that there are none; it answers at once when there
/// are some. Longer is cheaper, and well below [`SILENCE`].
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the driver may try to get an answer, or to take the stream up again by itself, which it does without end.
const STALLED: Duration = Duration::from_secs(20);
/// The shortest time between two questions that had no answer: not every server waits for as long as it is asked to.
const EMPTY: Duration = Duration::from_millis(500);

/// Codes of the server (its `error_codes.yml`): what it was asked to resume from is gone, or is not of it.
const LOST: &[i32] = &[136, 260, 280, 286];
/// A server that goes, comes, or is being elected.
const TRANSIENT: &[i32] = &[
    6, 7, 43, 50, 63, 89, 91, 133, 134, 189, 202, 234, 262, 317, 358, 384, 9001, 10107, 11600, 11602, 13388,
    13435, 13436,
];
/// There are no change streams on a standalone server.
const STANDALONE: i32 = 40573;

impl Mongo {
    pub(super) async fn follow(&self, start: Start) -> std::result::Result<Watched, SourceError> {
        let connection = self.connection().await?;
        let resume = match (start, connection.told().resume) {
            (Start::Now, _) => None,
            (Start::WhereItBroke, None) => return Ok(Watched::Lost),
            (Start::WhereItBroke, resume) => resume,
        };
        let is_resumed = resume.is_some();
        let error = match timeout(SILENCE, open(&connection, resume)).await {
            Ok(Ok(stream)) => {
                let mongo = self.target.current();
                let explain = move |error: &Error| super::error::explain(error, &mongo.uri);
                let stream = stream.with_type::<RawDocumentBuf>();
                return Ok(Watched::Changes(Changes::told_by(|sender| {
                    tell(stream, connection, sender, explain)
                })));
            }
            Ok(Err(error)) => error,
            Err(_) => {
                let text = format!("MongoDB did not open a change stream for {SILENCE:?}");
                return Ok(Watched::Failed(SourceError { text }));
            }
        };
        Ok(match error.kind.as_ref() {
            ErrorKind::Command(command) if is_resumed && LOST.contains(&command.code) => Watched::Lost,
            ErrorKind::Command(command) if command.code == STANDALONE => {
                Watched::Impossible("it is a standalone server".into())
            }
            ErrorKind::Command(command) if !TRANSIENT.contains(&command.code) => {
                Watched::Impossible(self.explain(&error).text)
            }
            _ => Watched::Failed(self.explain(&error)),
        })
    }
}

/// Opens a stream from where another broke off, or from now.
async fn open(
    connection: &Connection,
    resume: Option<ResumeToken>,
) -> Result<ChangeStream<ChangeStreamEvent<Document>>> {
    let watch = connection.database.watch().pipeline(pipeline()).batch_size(BATCH).max_await_time(PATIENCE);
    if resume.is_some() {
        return watch.resume_after(resume).await;
    }
    // What is read in the session from here on is at least as new as where the changes begin.
    let mut session = connection.session().await;
    let ping = connection.database.run_command(doc! { "ping": 1 });
    ping.selection_criteria(anyone()).session(&mut *session).await?;
    match session.operation_time() {
        Some(time) => watch.start_at_operation_time(time).await,
        None => watch.await,
    }
}

/// Tells of changes until nobody listens any more, or the stream breaks.
async fn tell(
    mut stream: ChangeStream<RawDocumentBuf>,
    connection: Arc<Connection>,
    sender: Sender<Change>,
    explain: impl Fn(&Error) -> SourceError,
) {
    while !sender.is_closed() {
        let asked = Instant::now();
        let broken = match timeout(STALLED, stream.next_if_any()).await {
            Ok(Ok(event)) => {
                let is_empty = event.is_none();
                if let Some(event) = event {
                    // First the time, so that whoever hears of the change reads what it made.
                    let until = event.get_timestamp("clusterTime").ok();
                    connection.tell(connection.told().resume, until);
                    let change = change(&event);
                    if let Some(change) = change
                        && sender.send(change).await.is_err()
                    {
                        return;
                    }
                }
                connection.tell(stream.resume_token(), None);
                if stream.is_alive() {
                    if is_empty {
                        sleep_until(asked + EMPTY).await;
                    }
                    continue;
                }
                SourceError { text: "the change stream was closed".into() }
            }
            Ok(Err(error)) => {
                if matches!(error.kind.as_ref(), ErrorKind::Command(command) if LOST.contains(&command.code))
                {
                    connection.tell(None, None);
                }
                explain(&error)
            }
            Err(_) => SourceError { text: format!("the change stream did not answer for {STALLED:?}") },
        };
        // Whoever does not listen does not need to know.
        let _ = sender.send(Change::Broken(broken)).await;
        return;
    }
}

/// What an event says. Its document's `_id` may be no ObjectId.
fn change(event: &RawDocumentBuf) -> Option<Change> {
    match event.get_str("operationType").ok()? {
        "insert" | "update" | "replace" | "delete" => {}
        "drop" | "rename" | "dropDatabase" | "invalidate" => return Some(Change::Everything),
        _ => return None,
    }
    let name = event.get_document("ns").ok()?.get_str("coll").ok()?;
    let collection = Collection::ALL.iter().find(|collection| collection.name() == name)?;
    let key = event.get_document("documentKey").ok()?;
    let position = key.get_object_id("_id").ok().map(|id| Position(id.bytes()));
    Some(Change::Document(*collection, position))
}

/// Keeps the events of our collections, of updates those of fields that are read, and of an event where it was.
fn pipeline() -> [Document; 2] {
    let names: Vec<&str> = Collection::ALL.iter().map(|collection| collection.name()).collect();
    let branches: Vec<Document> = Collection::ALL
        .iter()
        .map(|collection| {
            let fields = collection.projection().iter().flat_map(|projected| projected.fields());
            // A document that goes to another tenant has changed, too.
            let fields: Vec<&str> = fields.chain(["tenantId"]).collect();
            doc! { "case": { "$eq": ["$ns.coll", collection.name()] }, "then": fields }
        })
        .collect();
    let list = |field: &str| doc! { "$ifNull": [format!("$updateDescription.{field}"), []] };
    let updated = doc! { "$objectToArray": { "$ifNull": ["$updateDescription.updatedFields", {}] } };
    let changed = doc! { "$concatArrays": [
        { "$map": { "input": updated, "in": "$$this.k" } },
        list("removedFields"),
        { "$map": { "input": list("truncatedArrays"), "in": "$$this.field" } },
    ] };
    let top = doc! { "$arrayElemAt": [{ "$split": ["$$this", "."] }, 0] };
    let interesting = doc! { "$anyElementTrue": { "$map": {
        "input": changed,
        "in": { "$in": [top, { "$switch": { "branches": branches, "default": [] } }] },
    } } };
    let ours = doc! { "ns.coll": { "$in": &names } };
    let events = doc! { "$match": { "$or": [
        { "$and": [&ours, { "operationType": { "$in": ["insert", "replace", "delete", "drop", "rename"] } }] },
        { "$and": [&ours, { "operationType": "update" }, { "$expr": interesting }] },
        { "operationType": "rename", "to.coll": { "$in": &names } },
        { "operationType": { "$in": ["dropDatabase", "invalidate"] } },
    ] } };
    let fields = doc! { "operationType": 1, "ns": 1, "documentKey._id": 1, "clusterTime": 1 };
    [events, doc! { "$project": fields }]
}
