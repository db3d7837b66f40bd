//! What a server can do of what it is asked for: not every server that speaks MongoDB's protocol knows all of it.
//!
//! Each is asked for once, by a small command, when a connection is made, and remembered until the next one. The table in
//! `docs/mongodb.md` says what is done without.

use std::collections::BTreeSet;

use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind, Result};
use mongodb::{Client, ClientSession, Database};

use super::connection::anyone;
use super::patience::is_passing;
use super::projection::projection;
use crate::librechat::record::Collection;

/// Codes of the server (its `error_codes.yml`).
const UNAUTHORIZED: i32 = 13;
const NAMESPACE_NOT_FOUND: i32 = 26;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    Sessions,
    MajorityReads,
    Hint,
    TimeLimit,
    Expressions,
    RegexFind,
    Statistics,
    Unions,
    Indexes,
}

impl Capability {
    pub const ALL: &'static [Self] = &[
        Self::Sessions,
        Self::MajorityReads,
        Self::Hint,
        Self::TimeLimit,
        Self::Expressions,
        Self::RegexFind,
        Self::Statistics,
        Self::Unions,
        Self::Indexes,
    ];

    /// The value of the metric label `capability`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::MajorityReads => "read_concern_majority",
            Self::Hint => "hint",
            Self::TimeLimit => "max_time_ms",
            Self::Expressions => "projection_expressions",
            Self::RegexFind => "regex_find",
            Self::Statistics => "coll_stats",
            Self::Unions => "union_with",
            Self::Indexes => "list_indexes",
        }
    }

    /// The command that shows whether the server can; none where it takes more than one.
    fn command(self, collection: Collection) -> Option<Document> {
        let name = collection.name();
        let first = doc! { "$limit": 1 };
        let aggregate =
            |pipeline: Vec<Document>| doc! { "aggregate": name, "pipeline": pipeline, "cursor": {} };
        let with = |option: &str, value: Document| {
            let mut command = aggregate(vec![first.clone(), doc! { "$project": { "_id": 1 } }]);
            command.insert(option, value);
            command
        };
        Some(match self {
            Self::Sessions => return None,
            Self::MajorityReads => with("readConcern", doc! { "level": "majority" }),
            Self::Hint => with("hint", doc! { "_id": 1 }),
            Self::TimeLimit => {
                let mut command = aggregate(vec![first, doc! { "$project": { "_id": 1 } }]);
                command.insert("maxTimeMS", 60_000);
                command
            }
            Self::Expressions => {
                let refused = Capabilities(BTreeSet::from([Self::RegexFind]));
                aggregate(vec![first, doc! { "$project": projection(Collection::Messages, &refused) }])
            }
            Self::RegexFind => aggregate(vec![
                first,
                doc! { "$project": projection(Collection::Messages, &Capabilities::default()) },
            ]),
            Self::Statistics => aggregate(vec![doc! { "$collStats": { "count": {} } }]),
            Self::Unions => {
                let union = doc! { "coll": name, "pipeline": [first.clone()] };
                aggregate(vec![first, doc! { "$unionWith": union }])
            }
            Self::Indexes => doc! { "listIndexes": name },
        })
    }

    /// Whether a missing right to it means the same as a server that does not know it.
    const fn is_a_right(self) -> bool {
        matches!(self, Self::Statistics | Self::Indexes)
    }
}

/// The capabilities that a server lacks.
#[derive(Clone, Debug, Default)]
pub struct Capabilities(BTreeSet<Capability>);

impl Capabilities {
    pub fn has(&self, capability: Capability) -> bool {
        !self.0.contains(&capability)
    }

    /// Those that are missing, by name.
    pub fn missing(&self) -> Vec<&'static str> {
        self.0.iter().map(|capability| capability.name()).collect()
    }

    /// Asks a server for all of them; gives the session too, where there are sessions.
    ///
    /// # Errors
    /// Those of the network.
    pub async fn ask(database: &Database, is_replicated: bool) -> Result<(Self, Option<ClientSession>)> {
        let mut missing = BTreeSet::new();
        let session = session(database.client()).await?;
        if session.is_none() {
            missing.insert(Capability::Sessions);
        }
        if let Some(collection) = readable(database).await? {
            for capability in Capability::ALL.iter().copied() {
                // On a standalone server the concern means nothing.
                let is_asked = is_replicated || capability != Capability::MajorityReads;
                if let Some(command) = capability.command(collection).filter(|_| is_asked)
                    && let Err(error) = run(database, command).await
                    && is_refused(capability, error)?
                {
                    missing.insert(capability);
                }
            }
        }
        Ok((Self(missing), session))
    }
}

/// A session that the server takes.
async fn session(client: &Client) -> Result<Option<ClientSession>> {
    let Ok(mut session) = client.start_session().await else { return Ok(None) };
    let admin = client.database("admin");
    let ping = admin.run_command(doc! { "ping": 1 });
    match ping.selection_criteria(anyone()).session(&mut session).await {
        Ok(_) => Ok(Some(session)),
        Err(error) => match error.kind.as_ref() {
            ErrorKind::SessionsNotSupported => Ok(None),
            ErrorKind::Command(command) if !is_passing(command.code) && command.code != UNAUTHORIZED => {
                Ok(None)
            }
            ErrorKind::Command(_) => Ok(Some(session)),
            _ => Err(error),
        },
    }
}

/// A collection that can be read: what is refused of it is not refused for want of a right to it.
async fn readable(database: &Database) -> Result<Option<Collection>> {
    let usual = [Collection::Messages, Collection::Users, Collection::Conversations];
    for collection in usual.iter().chain(Collection::ALL) {
        let pipeline = [doc! { "$limit": 1 }, doc! { "$project": { "_id": 1 } }];
        let command = doc! { "aggregate": collection.name(), "pipeline": pipeline.to_vec(), "cursor": {} };
        match run(database, command).await {
            Ok(()) => return Ok(Some(*collection)),
            Err(error) if matches!(*error.kind, ErrorKind::Command(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

async fn run(database: &Database, command: Document) -> Result<()> {
    database.run_command(command).selection_criteria(anyone()).await.map(drop)
}

fn is_refused(capability: Capability, error: Error) -> Result<bool> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Ok(match command.code {
            UNAUTHORIZED => capability.is_a_right(),
            NAMESPACE_NOT_FOUND => false,
            code => !is_passing(code),
        }),
        _ => Err(error),
    }
}
