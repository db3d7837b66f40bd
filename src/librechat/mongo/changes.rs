//! A change stream on the database: where something changed, in fields that are read.
//!
//! The server leaves out what is of no interest, such as LibreChat's own bookkeeping for its search, and sends no
//! document: an event is a few hundred bytes.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::change_stream::ChangeStream;
use mongodb::error::{Error, ErrorKind};
use tokio::sync::mpsc::Sender;
use tokio::time::timeout;

use super::connection::{Connection, anyone};
use super::{BATCH, Mongo, SILENCE};
use crate::librechat::record::Collection;
use crate::librechat::source::changes::{Change, Changes, Start, Watched};
use crate::librechat::source::{Position, SourceError};

/// How long the server keeps a question for changes before it answers that there are none; it answers at once when there
/// are some. Longer is cheaper, and well below [`SILENCE`].
const PATIENCE: Duration = Duration::from_secs(10);

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
    pub(super) async fn follow(&self, start: Start) -> Result<Watched, SourceError> {
        let connection = self.connection().await?;
        let watch =
            connection.database.watch().pipeline(pipeline()).batch_size(BATCH).max_await_time(PATIENCE);
        let watch = match (start, connection.told().resume) {
            (Start::WhereItBroke, None) => return Ok(Watched::Lost),
            (Start::WhereItBroke, resume) => watch.resume_after(resume),
            (Start::Now, _) => {
                // What is read in the session from here on is at least as new as where the changes begin.
                let mut session = connection.session().await;
                let ping = connection.database.run_command(doc! { "ping": 1 });
                let ping = ping.selection_criteria(anyone()).session(&mut *session);
                self.in_time(ping.into_future()).await?;
                match session.operation_time() {
                    Some(time) => watch.start_at_operation_time(time),
                    None => watch,
                }
            }
        };
        let opened = match timeout(SILENCE, watch.into_future()).await {
            Ok(opened) => opened,
            Err(_) => return Err(SourceError { text: format!("MongoDB did not answer for {SILENCE:?}") }),
        };
        match opened {
            Ok(stream) => {
                let mongo = self.target.current();
                let explain = move |error: &Error| super::error::explain(error, &mongo.uri);
                let stream = stream.with_type::<RawDocumentBuf>();
                Ok(Watched::Changes(Changes::told_by(|sender| tell(stream, connection, sender, explain))))
            }
            Err(error) => match error.kind.as_ref() {
                ErrorKind::Command(command) if LOST.contains(&command.code) => Ok(Watched::Lost),
                ErrorKind::Command(command) if command.code == STANDALONE => {
                    Ok(Watched::Impossible("it is a standalone server".into()))
                }
                ErrorKind::Command(command) if !TRANSIENT.contains(&command.code) => {
                    Ok(Watched::Impossible(self.explain(&error).text))
                }
                _ => Err(self.explain(&error)),
            },
        }
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
        let broken = match timeout(SILENCE, stream.next_if_any()).await {
            Ok(Ok(event)) => {
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
            Err(_) => SourceError { text: format!("the change stream did not answer for {SILENCE:?}") },
        };
        // Whoever does not listen does not need to know.
        let _ = sender.send(Change::Broken(broken)).await;
        return;
    }
}

/// What an event says. Its document's `_id` may be no ObjectId.
fn change(event: &RawDocumentBuf) -> Option<Change> {
    let kind = event.get_str("operationType").ok()?;
    if !matches!(kind, "insert" | "update" | "replace" | "delete") {
        return Some(Change::Everything);
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
