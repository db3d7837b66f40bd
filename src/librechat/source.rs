//! Where records come from: a real database, or the demo's.

use super::record::fields::Oddities;
use super::record::{Collection, Record};

/// Lends the records of LibreChat's collections.
///
/// Errors are those of the source as a whole; an odd document is not an error.
pub trait Source: Send + Sync + 'static {
    /// What it is called in logs.
    const NAME: &'static str;

    /// Whether the source answers at all.
    fn check(&self) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// Makes the source ready for one pass: connects if that is still to be done, and looks whether there is anything
    /// of LibreChat in it.
    fn prepare(&self) -> impl Future<Output = Result<Contents, SourceError>> + Send;

    /// Calls `visit` with every record of `collection`.
    fn read(
        &self,
        collection: Collection,
        visit: impl FnMut(Record<'_>, &Oddities) + Send,
    ) -> impl Future<Output = Result<(), SourceError>> + Send;
}

/// What a source holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    LibreChat,
    /// No collection of LibreChat: a new installation, or a wrong database name.
    Nothing {
        database: String,
    },
}

/// Why a source could not be read. The text is one line, for people, without credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct SourceError {
    pub text: String,
}
