//! Indexes that LibreChat does not make, and that an operator may: which there are, and which would be of use.

use super::record::Collection;

/// Indexes from which polling gains: the collection, and the field that leads the index.
///
/// A message that is rated or edited late bumps its `updatedAt` and nothing else: without this index, such a change to an
/// old message is found in rotation.
pub const OPTIONAL: &[(Collection, &str)] = &[(Collection::Messages, "updatedAt")];

/// The indexes of the collections in [`OPTIONAL`], by the fields that lead them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indexes(Vec<(Collection, String)>);

impl Indexes {
    /// Every optional one.
    pub fn all() -> Self {
        Self(OPTIONAL.iter().map(|(collection, field)| (*collection, (*field).to_owned())).collect())
    }

    /// One that finds documents by the order of `field`.
    pub fn add(&mut self, collection: Collection, field: &str) {
        self.0.push((collection, field.to_owned()));
    }

    /// Whether documents of `collection` are found by the order of `field` without looking at all of them.
    pub fn find_by(&self, collection: Collection, field: &str) -> bool {
        self.0.iter().any(|(indexed, leading)| *indexed == collection && leading == field)
    }
}

/// An index on one field as the metric label `key` shows it: JSON, as the Node exporter has it.
pub fn key(field: &str) -> String {
    format!("{{\"{field}\":1}}")
}
