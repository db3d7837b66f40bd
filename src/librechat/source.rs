//! Where records come from: a real database, or the demo's.

pub mod changes;

use std::collections::BTreeMap;

use self::changes::{Start, Watched};
use super::indexes::Indexes;
use super::record::fields::Oddities;
use super::record::{Collection, Moment, Record};

/// Lends the records of LibreChat's collections.
///
/// Errors are those of the source as a whole; an odd document is not an error.
pub trait Source: Send + Sync + 'static {
    /// What it is called in logs.
    const NAME: &'static str;

    /// Whether the source answers at all.
    fn check(&self) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// Waits until there is a reason to check at once: a server came, went, or became another kind. For ever where
    /// nothing is noticed between checks.
    fn reason_to_check(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Makes the source ready for one pass: connects if that is still to be done, and looks whether there is anything
    /// of LibreChat in it.
    fn prepare(&self) -> impl Future<Output = Result<Contents, SourceError>> + Send;

    /// Calls `visit` with every record of `collection`.
    fn read(
        &self,
        collection: Collection,
        visit: impl FnMut(Record<'_>, &Oddities) + Send,
    ) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// Which of the [optional indexes](super::indexes::OPTIONAL) there are.
    fn indexes(&self) -> impl Future<Output = Result<Indexes, SourceError>> + Send;

    /// How many documents `collection` has, as far as that is known without looking: right but for crashes of the
    /// server. `None` when it is not known.
    fn count(&self, collection: Collection) -> impl Future<Output = Result<Option<u64>, SourceError>> + Send;

    /// What can be told of all collections together for little; of those that are left out nothing is known.
    fn glance(&self) -> impl Future<Output = Result<Glances, SourceError>> + Send {
        async {
            let mut glances = Glances::new();
            for collection in Collection::ALL {
                let count = self.count(*collection).await?;
                glances.extend(count.map(|count| (*collection, Glance { count, newest: None })));
            }
            Ok(glances)
        }
    }

    /// How many documents there are in a range; reads no document.
    fn count_range(
        &self,
        collection: Collection,
        range: Range,
    ) -> impl Future<Output = Result<u64, SourceError>> + Send;

    /// Calls `visit` with the first `limit` documents of a range, in the order of their `_id`s.
    fn read_range(
        &self,
        collection: Collection,
        range: Range,
        limit: u64,
        visit: impl FnMut(Seen<'_>) + Send,
    ) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// Calls `visit` with the documents whose `updatedAt` is `since` or later, which `index` finds.
    fn read_updated(
        &self,
        collection: Collection,
        since: Moment,
        index: &str,
        visit: impl FnMut(Seen<'_>) + Send,
    ) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// Which connection it is on: another number after it was made anew, when what one refused the next may grant.
    fn connection_number(&self) -> u64 {
        0
    }

    /// Begins to tell of changes as they happen, where the source can. What is read after a change was told of shows
    /// it.
    fn watch(&self, start: Start) -> impl Future<Output = Result<Watched, SourceError>> + Send {
        let _ = start;
        async { Ok(Watched::Impossible("it tells of none".into())) }
    }
}

/// What is told of a collection without looking into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// How many documents it has: right but for crashes of the server.
    pub count: u64,
    /// The last `_id`; `None` when it is not known, or is no ObjectId.
    pub newest: Option<Position>,
}

pub type Glances = BTreeMap<Collection, Glance>;

/// An ObjectId, which is what nearly every document is found by: the only order that every installation has an index
/// for. It begins with the second in which it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub [u8; 12]);

impl Position {
    /// The first one made at `moment` or later.
    pub fn at(moment: Moment) -> Self {
        let second = u32::try_from(moment.0.div_euclid(1_000).max(0)).unwrap_or(u32::MAX);
        let mut bytes = [0; 12];
        bytes.iter_mut().zip(second.to_be_bytes()).for_each(|(byte, of_second)| *byte = of_second);
        Self(bytes)
    }

    /// The second in which it was made.
    pub fn time(self) -> Moment {
        let [a, b, c, d, ..] = self.0;
        Moment(i64::from(u32::from_be_bytes([a, b, c, d])) * 1_000)
    }

    /// The one that follows; `None` after the last.
    pub fn next(self) -> Option<Self> {
        let mut bytes = self.0;
        for byte in bytes.iter_mut().rev() {
            let (next, carried) = byte.overflowing_add(1);
            *byte = next;
            if !carried {
                return Some(Self(bytes));
            }
        }
        None
    }
}

/// The `_id` of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Identity {
    Regular(Position),
    /// The digest of one that is no ObjectId.
    Irregular(u64),
}

impl Identity {
    pub const fn position(self) -> Option<Position> {
        match self {
            Self::Regular(position) => Some(position),
            Self::Irregular(_) => None,
        }
    }
}

/// Documents by their `_id`s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Whether these are ObjectIds, or those documents, hardly ever any, whose `_id` is something else.
    pub is_regular: bool,
    /// The first one; `None` is without a bound.
    pub from: Option<Position>,
    /// The first one that is not in it; `None` is without a bound.
    pub until: Option<Position>,
}

impl Range {
    /// All documents whose `_id` is no ObjectId.
    pub const IRREGULAR: Self = Self { is_regular: false, from: None, until: None };

    /// All the others.
    pub const ALL: Self = Self { is_regular: true, from: None, until: None };

    /// Whether a document is in it; `None` is one whose `_id` is no ObjectId.
    pub fn contains(&self, position: Option<Position>) -> bool {
        match position {
            None => !self.is_regular,
            Some(position) => {
                self.is_regular
                    && self.from.is_none_or(|from| from <= position)
                    && self.until.is_none_or(|until| position < until)
            }
        }
    }
}

/// A document of a range.
#[derive(Debug)]
pub struct Seen<'a> {
    pub identity: Identity,
    /// Of what was read of it.
    pub fingerprint: u64,
    pub record: Record<'a>,
    pub oddities: &'a Oddities,
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
