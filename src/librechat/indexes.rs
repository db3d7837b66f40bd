//! Indexes that LibreChat does not make, and that an operator may: which there are, and which would be of use.

use super::record::Collection;

/// The field that leads them.
pub const FIELD: &str = "updatedAt";

/// Collections of which polling sees late changes at once when they have an index led by [`FIELD`]. Otherwise a message
/// that is rated or edited after hours, or an old conversation that gets another agent, is found in rotation.
pub const OPTIONAL: &[Collection] = &[Collection::Messages, Collection::Conversations];

/// The optional indexes that there are: their collections and names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indexes(Vec<(Collection, String)>);

impl Indexes {
    pub fn add(&mut self, collection: Collection, name: &str) {
        self.0.push((collection, name.to_owned()));
    }

    /// The name of the index that `collection` has.
    pub fn of(&self, collection: Collection) -> Option<&str> {
        let index = self.0.iter().find(|(indexed, _)| *indexed == collection);
        index.map(|(_, name)| name.as_str())
    }
}

/// The index as the metric label `key` shows it: JSON, as the Node exporter has it.
pub fn key() -> String {
    format!("{{\"{FIELD}\":1}}")
}
