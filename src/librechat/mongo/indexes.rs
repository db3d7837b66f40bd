//! Which of the optional indexes a database has. Role `read` is enough to ask.

use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{Error, ErrorKind, Result};

use crate::librechat::indexes::{FIELD, Indexes, OPTIONAL};

/// Indexes of a collection that are looked at; MongoDB lets it have 64.
const INDEXES: u32 = 1_000;

/// The collection does not exist.
const NAMESPACE_NOT_FOUND: i32 = 26;

/// The optional indexes that there are.
///
/// # Errors
/// Those of the server; a collection that does not exist has no indexes.
pub async fn read(database: &Database) -> Result<Indexes> {
    let mut indexes = Indexes::default();
    for collection in OPTIONAL {
        let command = doc! { "listIndexes": collection.name() };
        let mut cursor = match database.run_cursor_command(command).await {
            Ok(cursor) => cursor,
            Err(error) if is_missing(&error) => continue,
            Err(error) => return Err(error),
        };
        let mut left = INDEXES;
        while left > 0 && cursor.advance().await? {
            left -= 1;
            let index = cursor.deserialize_current()?;
            if let (Some(FIELD), Ok(name)) = (leading_field(&index), index.get_str("name")) {
                indexes.add(*collection, name);
            }
        }
    }
    Ok(indexes)
}

fn is_missing(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Command(command) if command.code == NAMESPACE_NOT_FOUND)
}

/// The field that leads an index, if the index holds every document that has it, in its order.
fn leading_field(index: &Document) -> Option<&str> {
    let is_hidden = index.get_bool("hidden").unwrap_or(false);
    if is_hidden || index.contains_key("partialFilterExpression") {
        return None;
    }
    let (field, order) = index.get_document("key").ok()?.iter().next()?;
    // Anything else is the name of another kind of index: hashed, text, 2d.
    matches!(order, Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_)).then_some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ordered_index_of_every_document_finds_by_its_leading_field() {
        let cases = [
            (doc! { "key": { "updatedAt": 1 } }, Some("updatedAt")),
            (doc! { "key": { "updatedAt": -1.0, "_id": 1 }, "hidden": false }, Some("updatedAt")),
            (doc! { "key": { "user": 1_i64, "updatedAt": 1 } }, Some("user")),
            (doc! { "key": { "updatedAt": "hashed" } }, None),
            (doc! { "key": { "updatedAt": 1 }, "hidden": true }, None),
            (doc! { "key": { "updatedAt": 1 }, "partialFilterExpression": { "error": true } }, None),
            (doc! { "key": {} }, None),
            (doc! {}, None),
        ];
        for (index, expected) in cases {
            assert_eq!(leading_field(&index), expected, "{index}");
        }
    }
}
