//! Which of LibreChat's collections a database has, and which other database of the server has them when it has none.

use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::error::{ErrorKind, Result};
use tokio::time::Instant;

use super::patience::is_passing;
use crate::librechat::record::Collection;
use crate::librechat::source::Contents;

/// Names that are looked at, of collections and of databases. Hardly any LibreChat has a hundred; an answer without an end ends here.
const NAMES: usize = 10_000;
const DATABASES: usize = 100;
/// The databases of the server itself, of which `config` has a collection that is called as one of LibreChat's.
const SYSTEM: &[&str] = &["admin", "config", "local"];
/// A database with fewer of LibreChat's collections may be that of another application, unless it has one of these.
const FEW: usize = 3;
const TELLING: &[Collection] = &[Collection::Messages, Collection::Conversations];
/// How long what was found elsewhere is believed.
const BELIEVED: Duration = Duration::from_secs(600);

/// What was found elsewhere, and when.
#[derive(Clone, Debug)]
pub(super) struct Elsewhere {
    looked: Instant,
    found: Option<String>,
}

impl Elsewhere {
    pub(super) fn is_current(&self) -> bool {
        self.looked.elapsed() < BELIEVED
    }

    pub(super) fn found(&self) -> Option<String> {
        self.found.clone()
    }

    /// Looks for the other database that holds most of LibreChat's collections; `None` too where that may not be asked.
    pub(super) async fn look(database: &Database) -> Self {
        let found = elsewhere(database).await.ok().flatten();
        Self { looked: Instant::now(), found }
    }
}

async fn elsewhere(database: &Database) -> Result<Option<String>> {
    let list = doc! { "listDatabases": 1, "nameOnly": true };
    let list = database.client().database("admin").run_command(list).await?;
    let databases = list.get_array("databases").map(Vec::as_slice).unwrap_or_default();
    let names = databases.iter().filter_map(|entry| entry.as_document()?.get_str("name").ok());
    let others = names.filter(|name| *name != database.name() && !SYSTEM.contains(name));
    let mut best: Option<(usize, String)> = None;
    for name in others.take(DATABASES) {
        // One that may not be looked into is none to read either.
        let Ok(Listed { collections: found, .. }) = collections(&database.client().database(name)).await
        else {
            continue;
        };
        let is_librechat = found.len() >= FEW || found.iter().any(|collection| TELLING.contains(collection));
        if is_librechat && best.as_ref().is_none_or(|(most, _)| found.len() > *most) {
            best = Some((found.len(), name.to_owned()));
        }
    }
    Ok(best.map(|(_, name)| name))
}

/// The collections of LibreChat that there are, and whether these are all.
pub(super) struct Listed {
    pub collections: Vec<Collection>,
    /// Otherwise those that may be read: of the others it is not known whether they exist.
    pub is_complete: bool,
}

/// The collections of LibreChat that there are.
///
/// # Errors
/// Those of the server.
pub(super) async fn collections(database: &Database) -> Result<Listed> {
    let (names, is_complete) = match names(database, doc! { "listCollections": 1, "nameOnly": true }).await {
        Ok(names) => (names, true),
        // Who may not list all collections may list those that they may read.
        Err(error) if matches!(&*error.kind, ErrorKind::Command(command) if !is_passing(command.code)) => {
            let own = doc! { "listCollections": 1, "nameOnly": true, "authorizedCollections": true };
            (names(database, own).await?, false)
        }
        Err(error) => return Err(error),
    };
    let known = Collection::ALL.iter().copied();
    let collections = known.filter(|known| names.iter().any(|name| name == known.name())).collect();
    Ok(Listed { collections, is_complete })
}

async fn names(database: &Database, list: Document) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut cursor = database.run_cursor_command(list).await?.with_type::<RawDocumentBuf>();
    while names.len() < NAMES && cursor.advance().await? {
        names.extend(cursor.current().get_str("name").ok().map(str::to_owned));
    }
    Ok(names)
}

/// What a pass is told of the collections that were found.
pub(super) fn contents(database: &Database, found: usize, elsewhere: Option<String>) -> Contents {
    Contents { database: database.name().to_owned(), collections: found, elsewhere }
}
