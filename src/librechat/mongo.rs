//! LibreChat's database as a source: a guest that reads, and nothing else.
//!
//! Invariants: role `read` is enough; nothing is ever written; only projected fields are asked for, in small batches,
//! with a bound on the server's time, from a secondary where the connection string does not say otherwise.
//!
//! The connection is made when it is first needed and kept; a server that cannot be reached is an error of that pass.
//! Readings of one connection are of one session: on a replica set none shows less than the one before, or less than a
//! change that was told of, whichever member answers; and nothing is read that a failover could undo.

pub mod capabilities;
pub mod changes;
pub mod connection;
mod contents;
pub mod error;
mod fault;
mod forbidden;
mod glance;
pub mod indexes;
pub mod login;
pub mod observed;
mod patience;
pub mod projection;
mod query;
pub mod uri;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mongodb::Database;
use mongodb::action::{Action as _, CountDocuments};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use mongodb::options::Hint;
use tokio::sync::{Notify, OnceCell};
use tokio::time::{sleep, timeout};
use tracing::info;

use self::capabilities::Capability;
use self::connection::{Connection, Hello};
use self::contents::Elsewhere;
use self::forbidden::Forbidden;
use self::observed::Observed;
use self::patience::Patience;
use self::projection::projection;
use self::query::{Failure, Query};
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
/// The shortest time between two connections because the server says that it is of another kind.
const KIND: Duration = Duration::from_secs(5);
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
    pub read_concern: ReadLevel,
}

/// What is read of a replica set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadLevel {
    /// What no failover can undo.
    Majority,
    /// What the member has that is asked.
    Local,
}

impl FromStr for ReadLevel {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "majority" => Ok(Self::Majority),
            "local" => Ok(Self::Local),
            _ => Err("must be majority or local"),
        }
    }
}

impl Settings {
    /// The database that is read: one that is not named is `test`, as for LibreChat itself.
    pub fn database_name(&self) -> &str {
        self.database.as_deref().or(self.uri.database()).unwrap_or("test")
    }
}

#[derive(Debug)]
pub struct Mongo {
    settings: Settings,
    target: Live<Target>,
    /// The collections that there were when the pass began.
    present: Mutex<Vec<Collection>>,
    forbidden: Forbidden,
    /// What was last found in other databases.
    elsewhere: Mutex<Option<Elsewhere>>,
    /// That a server came, went, or became another kind.
    noticed: Arc<Notify>,
    /// How often a connection was begun anew.
    reconnects: AtomicU64,
}

/// A connection string and, once it is needed, the connection for it.
#[derive(Debug)]
struct Target {
    uri: Uri,
    observed: Arc<Observed>,
    connection: OnceCell<Arc<Connection>>,
}

impl Target {
    fn new(uri: Uri) -> Self {
        Self { uri, observed: Arc::default(), connection: OnceCell::new() }
    }

    fn explain(&self, error: &mongodb::error::Error) -> SourceError {
        error::explain(error, &self.uri, &self.observed)
    }

    /// Connects; as soon as it is known why that is in vain, that is the error.
    async fn open(&self, settings: &Settings, noticed: Arc<Notify>) -> Result<Connection, SourceError> {
        tokio::select! {
            biased;
            connection = Connection::open(&self.uri, settings, &self.observed, noticed) => {
                connection.map_err(|error| self.explain(&error))
            }
            () = self.observed.is_hopeless(&self.uri) => Err(SourceError { text: self.observed.reason(&self.uri) }),
        }
    }
}

impl Mongo {
    pub fn new(settings: Settings) -> Self {
        let target = Target::new(settings.uri.clone());
        Self {
            settings,
            target: Live::new(target),
            present: Mutex::default(),
            forbidden: Forbidden::default(),
            elsewhere: Mutex::default(),
            noticed: Arc::default(),
            reconnects: AtomicU64::new(0),
        }
    }

    /// Goes on with another connection string, of the same database. A pass under way ends with the old one.
    pub fn reconnect(&self, uri: Uri) {
        self.target.replace(Target::new(uri));
        self.reconnects.fetch_add(1, Ordering::Relaxed);
    }

    /// The connection, made first when that is still to be done. The driver then connects again by itself.
    async fn connection(&self) -> Result<Arc<Connection>, SourceError> {
        let target = self.target.current();
        let open = async || target.open(&self.settings, Arc::clone(&self.noticed)).await.map(Arc::new);
        target.connection.get_or_try_init(open).await.cloned()
    }

    /// What a new connection finds, if it finds anything.
    async fn opens_replicated(&self) -> Option<bool> {
        let target = Target::new(self.target.current().uri.clone());
        let connection = target.open(&self.settings, Arc::default()).await;
        connection.ok().map(|connection| connection.is_replicated)
    }

    /// Another database that has LibreChat's collections; asked for once in a while only.
    async fn elsewhere(&self, database: &Database) -> Result<Option<String>, SourceError> {
        let known = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(Elsewhere::is_current) {
            return Ok(known.found());
        }
        let looked = self.in_time(async { Ok(Elsewhere::look(database).await) }).await?;
        let found = looked.found();
        *self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner) = Some(looked);
        Ok(found)
    }

    fn explain(&self, error: &mongodb::error::Error) -> SourceError {
        self.target.current().explain(error)
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

    fn pipeline(&self, collection: Collection, connection: &Connection) -> Vec<Document> {
        let tenant = self.settings.tenant.as_ref().map(|tenant| doc! { "$match": { "tenantId": tenant } });
        let project = doc! { "$project": projection(collection, &connection.capabilities) };
        tenant.into_iter().chain([project]).collect()
    }

    /// The first documents of a range, in the order of their `_id`s.
    async fn ask_range(
        &self,
        collection: Collection,
        range: Range,
        limit: u64,
    ) -> Result<Query, SourceError> {
        let connection = self.connection().await?;
        let pipeline = vec![
            doc! { "$match": self.filter(range) },
            doc! { "$sort": { "_id": 1 } },
            doc! { "$limit": i64::try_from(limit).unwrap_or(i64::MAX) },
            doc! { "$project": projection(collection, &connection.capabilities) },
        ];
        Ok(Query { collection, pipeline, hint: Some(Hint::Keys(doc! { "_id": 1 })) })
    }

    /// Asks something of a collection; nothing where it may not be read.
    async fn patiently<T, F: Future<Output = mongodb::error::Result<T>>>(
        &self,
        collection: Collection,
        ask: impl Fn() -> F,
    ) -> Result<Option<T>, SourceError> {
        if self.forbidden.has(collection) {
            return Ok(None);
        }
        match patience::ask(ask).await {
            Ok(answer) => Ok(Some(answer)),
            Err(failure) => self.forbid_or(collection, failure).map(|()| None),
        }
    }

    /// Asks something of the database.
    async fn ask<T, F: Future<Output = mongodb::error::Result<T>>>(
        &self,
        ask: impl Fn() -> F,
    ) -> Result<T, SourceError> {
        patience::ask(ask).await.map_err(|failure| match failure {
            Failure::Source(error) => error,
            Failure::Driver(error) => self.explain(&error),
        })
    }
}

impl Source for Mongo {
    const NAME: &'static str = "MongoDB";

    async fn capabilities(&self) -> Vec<(&'static str, bool)> {
        let Ok(connection) = self.connection().await else { return Vec::new() };
        let can = |capability: &Capability| (capability.name(), connection.capabilities.has(*capability));
        Capability::ALL.iter().map(can).collect()
    }

    fn unreadable(&self) -> Vec<Collection> {
        self.forbidden.all()
    }

    async fn watch(&self, start: Start) -> Result<Watched, SourceError> {
        self.follow(start).await
    }

    fn connection_number(&self) -> u64 {
        self.reconnects.load(Ordering::Relaxed)
    }

    async fn check(&self) -> Result<Option<Duration>, SourceError> {
        let connection = self.connection().await?;
        let asking = connection::hello(&connection.database);
        let answer = match timeout(CONNECT * 2, asking).await {
            Ok(answer) => answer,
            Err(_) => return Err(SourceError { text: "MongoDB does not answer".into() }),
        };
        // A client of a replica set does not see a server that is none any more.
        let is_replicated = match &answer {
            Ok(Hello { is_replicated, .. }) => *is_replicated,
            Err(_) if connection.is_replicated => self.opens_replicated().await.unwrap_or(true),
            Err(_) => connection.is_replicated,
        };
        if is_replicated != connection.is_replicated && connection.opened.elapsed() >= KIND {
            // What was agreed on with the one is an error to the other.
            info!("MongoDB became another kind of server: connecting again");
            self.reconnect(self.target.current().uri.clone());
        }
        answer.map(|hello| hello.majority_lag).map_err(|error| self.explain(&error))
    }

    async fn reason_to_check(&self) {
        self.noticed.notified().await;
    }

    async fn prepare(&self) -> Result<Contents, SourceError> {
        let connection = self.connection().await?;
        let asking = async {
            self.ask_for_forbidden(&connection).await;
            Ok(())
        };
        self.in_time(asking).await?;
        let database = &connection.database;
        let listed = self.ask(|| contents::collections(database)).await?;
        let present = listed.collections;
        self.forbidden.set_all_listed(listed.is_complete);
        if !listed.is_complete {
            self.forbid_hidden(&present);
        }
        let elsewhere = if present.is_empty() { self.elsewhere(database).await? } else { None };
        let contents = contents::contents(database, present.len(), elsewhere);
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = present;
        Ok(contents)
    }

    async fn read(
        &self,
        collection: Collection,
        mut visit: impl FnMut(Record<'_>, &Oddities) + Send,
    ) -> Result<(), SourceError> {
        let connection = self.connection().await?;
        let query = Query { collection, pipeline: self.pipeline(collection, &connection), hint: None };
        let visit = |document: &RawDocument| {
            let (record, oddities) = record(collection, document);
            visit(record, &oddities);
        };
        self.each(query, visit).await
    }

    async fn indexes(&self) -> Result<Indexes, SourceError> {
        let connection = self.connection().await?;
        if !connection.capabilities.has(Capability::Indexes) {
            return Ok(Indexes::default());
        }
        self.ask(|| indexes::read(&connection.database)).await
    }

    async fn count(&self, collection: Collection) -> Result<Option<u64>, SourceError> {
        if self.settings.tenant.is_some() {
            return Ok(None);
        }
        let connection = self.connection().await?;
        let documents = connection.database.collection::<RawDocumentBuf>(collection.name());
        self.patiently(collection, || documents.estimated_document_count().into_future()).await
    }

    async fn glance(&self) -> Result<Glances, SourceError> {
        if self.settings.tenant.is_some() {
            return Ok(Glances::new());
        }
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner).clone();
        present.retain(|collection| !self.forbidden.has(*collection));
        let connection = self.connection().await?;
        self.ask(|| glance::read(&connection, &present)).await
    }

    async fn count_range(&self, collection: Collection, range: Range) -> Result<u64, SourceError> {
        let connection = self.connection().await?;
        let documents = connection.database.collection::<RawDocumentBuf>(collection.name());
        let can = |capability| connection.capabilities.has(capability);
        let hint = can(Capability::Hint).then(|| Hint::Keys(doc! { "_id": 1 }));
        let limit = can(Capability::TimeLimit).then_some(WORK);
        let count = async || {
            let mut session = connection.session().await;
            let query = documents.count_documents(self.filter(range));
            let query =
                query.optional(hint.clone(), CountDocuments::hint).optional(limit, CountDocuments::max_time);
            match session.as_mut() {
                Some(session) => query.session(session).await,
                None => query.await,
            }
        };
        self.patiently(collection, count).await.map(Option::unwrap_or_default)
    }

    async fn read_range(
        &self,
        collection: Collection,
        range: Range,
        limit: u64,
        mut visit: impl FnMut(Seen<'_>) + Send,
    ) -> Result<(), SourceError> {
        if self.forbidden.has(collection) {
            return Ok(());
        }
        let (mut rest, mut left, mut patience) = (range, limit, Patience::default());
        loop {
            let mut last: Option<Position> = None;
            let mut is_untouched = true;
            let asked = self.ask_range(collection, rest, left).await?;
            let attempt = self.attempt(asked, |document| {
                is_untouched = false;
                let position = identity(document).position();
                if rest.is_regular
                    && position
                        .is_none_or(|position| !rest.contains(Some(position)) || Some(position) <= last)
                {
                    return Err(Failure::source("MongoDB sends other documents than it was asked for"));
                }
                last = position;
                left = left.saturating_sub(1);
                see(collection, document, &mut visit);
                Ok(())
            });
            let error = match attempt.await {
                Ok(()) => return Ok(()),
                Err(Failure::Driver(error)) if is_untouched || last.is_some() => error,
                Err(failure) => return self.forbid_or(collection, failure),
            };
            let Some(pause) = patience.pause(&error) else {
                return self.forbid_or(collection, Failure::Driver(error));
            };
            // What was read is kept: the rest is behind it.
            if let Some(last) = last {
                let Some(next) = last.next().filter(|_| left > 0) else { return Ok(()) };
                rest.from = Some(next);
            }
            sleep(pause).await;
        }
    }

    async fn read_updated(
        &self,
        collection: Collection,
        since: Moment,
        index: &str,
        mut visit: impl FnMut(Seen<'_>) + Send,
    ) -> Result<(), SourceError> {
        let since = doc! { FIELD: { "$gte": DateTime::from_millis(since.0) } };
        let connection = self.connection().await?;
        let mut pipeline = vec![doc! { "$match": since }];
        pipeline.extend(self.pipeline(collection, &connection));
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
