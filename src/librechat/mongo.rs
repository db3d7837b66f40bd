//! LibreChat's database as a source: a guest that reads, and nothing else.
//!
//! Invariants: role `read` is enough; nothing is ever written; only projected fields are asked for, in small batches,
//! with a bound on the server's time, from a secondary where the connection string does not say otherwise.
//!
//! The connection is made when it is first needed and kept; a server that cannot be reached is an error of that pass.
//! Readings of one connection are of one session: on a replica set none shows less than the one before, or less than a
//! change that was told of, whichever member answers; and nothing is read that a failover could undo.

pub mod changes;
pub mod connection;
pub mod error;
mod glance;
pub mod indexes;
pub mod login;
pub mod projection;
mod query;
pub mod uri;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use mongodb::options::Hint;
use tokio::sync::{Notify, OnceCell};
use tokio::time::timeout;
use tracing::info;

use self::connection::Connection;
use self::projection::projection;
use self::query::Query;
use self::uri::Uri;
use super::indexes::{FIELD, Indexes};
use super::record::fields::Oddities;
use super::record::view::record;
use super::record::{Collection, Moment, Record};
use super::source::changes::{Start, Watched};
use super::source::{Contents, Glances, Identity, Position, Range, Seen, Source, SourceError};
use crate::secret::Live;

/// How long a server may take to be found, and to connect to.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a server may be silent in the middle of an answer before the pass is given up.
const SILENCE: Duration = Duration::from_secs(60);
/// How long the server may work on one query, all its batches together.
const WORK: Duration = Duration::from_secs(300);
const BATCH: u32 = 1_000;

/// What is needed to read a LibreChat.
#[derive(Debug)]
pub struct Settings {
    pub uri: Uri,
    /// Overrides the database that the connection string names.
    pub database: Option<String>,
    /// The largest number of connections.
    pub pool_size: u32,
    /// Only documents with this `tenantId` are seen.
    pub tenant: Option<String>,
}

impl Settings {
    /// The database that is read: LibreChat's own default is `LibreChat`.
    pub fn database_name(&self) -> &str {
        self.database.as_deref().or(self.uri.database()).unwrap_or("LibreChat")
    }
}

#[derive(Debug)]
pub struct Mongo {
    settings: Settings,
    target: Live<Target>,
    /// The collections that there were when the pass began.
    present: Mutex<Vec<Collection>>,
    /// That a server came, went, or became another kind.
    noticed: Arc<Notify>,
    /// How often a connection was begun anew.
    reconnects: AtomicU64,
}

/// A connection string and, once it is needed, the connection for it.
#[derive(Debug)]
struct Target {
    uri: Uri,
    connection: OnceCell<Arc<Connection>>,
}

impl Mongo {
    pub fn new(settings: Settings) -> Self {
        let target = Target { uri: settings.uri.clone(), connection: OnceCell::new() };
        Self {
            settings,
            target: Live::new(target),
            present: Mutex::default(),
            noticed: Arc::default(),
            reconnects: AtomicU64::new(0),
        }
    }

    /// Goes on with another connection string, of the same database. A pass under way ends with the old one.
    pub fn reconnect(&self, uri: Uri) {
        self.target.replace(Target { uri, connection: OnceCell::new() });
        self.reconnects.fetch_add(1, Ordering::Relaxed);
    }

    /// The connection, made first when that is still to be done. The driver then connects again by itself.
    async fn connection(&self) -> Result<Arc<Connection>, SourceError> {
        let target = self.target.current();
        let noticed = || Arc::clone(&self.noticed);
        let open = async || Connection::open(&target.uri, &self.settings, noticed()).await.map(Arc::new);
        let connection = target.connection.get_or_try_init(open).await;
        connection.cloned().map_err(|error| error::explain(&error, &target.uri))
    }

    /// What a new connection finds, if it finds anything.
    async fn opens_replicated(&self) -> Option<bool> {
        let target = self.target.current();
        let connection = Connection::open(&target.uri, &self.settings, Arc::default()).await;
        connection.ok().map(|connection| connection.is_replicated)
    }

    fn explain(&self, error: &mongodb::error::Error) -> SourceError {
        error::explain(error, &self.target.current().uri)
    }

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = mongodb::error::Result<T>>,
    ) -> Result<T, SourceError> {
        match timeout(SILENCE, answer).await {
            Ok(result) => result.map_err(|error| self.explain(&error)),
            Err(_) => Err(SourceError { text: format!("MongoDB did not answer for {SILENCE:?}") }),
        }
    }

    /// The documents of a range, those of the tenant when there is one.
    fn filter(&self, range: Range) -> Document {
        let object_id = |position: Position| ObjectId::from_bytes(position.0);
        // Comparisons are between values of one type, so that these find ObjectIds only.
        let id = match (range.is_regular, range.from, range.until) {
            (false, ..) => doc! { "$type": IRREGULAR },
            (true, Some(from), Some(until)) => doc! { "$gte": object_id(from), "$lt": object_id(until) },
            (true, Some(from), None) => doc! { "$gte": object_id(from) },
            (true, None, Some(until)) => doc! { "$lt": object_id(until) },
            (true, None, None) => doc! { "$type": "objectId" },
        };
        match &self.settings.tenant {
            Some(tenant) => doc! { "_id": id, "tenantId": tenant },
            None => doc! { "_id": id },
        }
    }

    fn pipeline(&self, collection: Collection) -> Vec<Document> {
        let tenant = self.settings.tenant.as_ref().map(|tenant| doc! { "$match": { "tenantId": tenant } });
        tenant.into_iter().chain([doc! { "$project": projection(collection) }]).collect()
    }
}

impl Source for Mongo {
    const NAME: &'static str = "MongoDB";

    async fn watch(&self, start: Start) -> Result<Watched, SourceError> {
        self.follow(start).await
    }

    fn connection_number(&self) -> u64 {
        self.reconnects.load(Ordering::Relaxed)
    }

    async fn check(&self) -> Result<(), SourceError> {
        let connection = self.connection().await?;
        let asking = connection::is_replicated(&connection.database);
        let answer = match timeout(CONNECT * 2, asking).await {
            Ok(answer) => answer,
            Err(_) => return Err(SourceError { text: "MongoDB does not answer".into() }),
        };
        // A client of a replica set does not see a server that is none any more.
        let is_replicated = match &answer {
            Ok(is_replicated) => *is_replicated,
            Err(_) if connection.is_replicated => self.opens_replicated().await.unwrap_or(true),
            Err(_) => connection.is_replicated,
        };
        if is_replicated != connection.is_replicated {
            // What was agreed on with the one is an error to the other.
            info!("MongoDB became another kind of server: connecting again");
            self.reconnect(self.target.current().uri.clone());
        }
        answer.map(|_| ()).map_err(|error| self.explain(&error))
    }

    async fn reason_to_check(&self) {
        self.noticed.notified().await;
    }

    async fn prepare(&self) -> Result<Contents, SourceError> {
        let database = &self.connection().await?.database;
        let names = self.in_time(database.list_collection_names().into_future()).await?;
        let known = Collection::ALL.iter().copied();
        let present: Vec<_> = known.filter(|known| names.iter().any(|name| name == known.name())).collect();
        let contents = if present.is_empty() {
            Contents::Nothing { database: database.name().to_owned() }
        } else {
            Contents::LibreChat
        };
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = present;
        Ok(contents)
    }

    async fn read(
        &self,
        collection: Collection,
        mut visit: impl FnMut(Record<'_>, &Oddities) + Send,
    ) -> Result<(), SourceError> {
        let query = Query { collection, pipeline: self.pipeline(collection), hint: None };
        let visit = |document: &RawDocument| {
            let (record, oddities) = record(collection, document);
            visit(record, &oddities);
        };
        self.each(query, visit).await
    }

    async fn indexes(&self) -> Result<Indexes, SourceError> {
        let connection = self.connection().await?;
        self.in_time(indexes::read(&connection.database)).await
    }

    async fn count(&self, collection: Collection) -> Result<Option<u64>, SourceError> {
        if self.settings.tenant.is_some() {
            return Ok(None);
        }
        let connection = self.connection().await?;
        let documents = connection.database.collection::<RawDocumentBuf>(collection.name());
        self.in_time(documents.estimated_document_count().into_future()).await.map(Some)
    }

    async fn glance(&self) -> Result<Glances, SourceError> {
        if self.settings.tenant.is_some() {
            return Ok(Glances::new());
        }
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let connection = self.connection().await?;
        self.in_time(glance::read(&connection, &present)).await
    }

    async fn count_range(&self, collection: Collection, range: Range) -> Result<u64, SourceError> {
        let connection = self.connection().await?;
        let documents = connection.database.collection::<RawDocumentBuf>(collection.name());
        let mut session = connection.session().await;
        let hint = Hint::Keys(doc! { "_id": 1 });
        let query =
            documents.count_documents(self.filter(range)).hint(hint).max_time(WORK).session(&mut *session);
        self.in_time(query.into_future()).await
    }

    async fn read_range(
        &self,
        collection: Collection,
        range: Range,
        limit: u64,
        mut visit: impl FnMut(Seen<'_>) + Send,
    ) -> Result<(), SourceError> {
        let pipeline = vec![
            doc! { "$match": self.filter(range) },
            doc! { "$sort": { "_id": 1 } },
            doc! { "$limit": i64::try_from(limit).unwrap_or(i64::MAX) },
            doc! { "$project": projection(collection) },
        ];
        let hint = Some(Hint::Keys(doc! { "_id": 1 }));
        self.each(Query { collection, pipeline, hint }, |document| see(collection, document, &mut visit))
            .await
    }

    async fn read_updated(
        &self,
        collection: Collection,
        since: Moment,
        index: &str,
        mut visit: impl FnMut(Seen<'_>) + Send,
    ) -> Result<(), SourceError> {
        let since = doc! { FIELD: { "$gte": DateTime::from_millis(since.0) } };
        let mut pipeline = vec![doc! { "$match": since }];
        pipeline.extend(self.pipeline(collection));
        let hint = Some(Hint::Name(index.to_owned()));
        self.each(Query { collection, pipeline, hint }, |document| see(collection, document, &mut visit))
            .await
    }
}

fn see(collection: Collection, document: &RawDocument, visit: &mut impl FnMut(Seen<'_>)) {
    let (record, oddities) = record(collection, document);
    let mut hasher = DefaultHasher::new();
    document.as_bytes().hash(&mut hasher);
    visit(Seen { identity: identity(document), fingerprint: hasher.finish(), record, oddities: &oddities });
}

fn identity(document: &RawDocument) -> Identity {
    match document.get("_id") {
        Ok(Some(RawBsonRef::ObjectId(id))) => Identity::Regular(Position(id.bytes())),
        other => {
            let mut hasher = DefaultHasher::new();
            format!("{other:?}").hash(&mut hasher);
            Identity::Irregular(hasher.finish())
        }
    }
}

/// The types that an `_id` may have besides ObjectId, as far as MongoDB lets it.
const IRREGULAR: [&str; 9] =
    ["number", "string", "object", "binData", "bool", "date", "timestamp", "minKey", "maxKey"];
