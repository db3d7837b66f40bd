//! Typed, lenient views of LibreChat's documents: the only place that knows field names.
//!
//! Invariants: every field may be missing, null or of another type. Missing and null are *absent*, which is normal;
//! another type is *odd*: it is absent too, and is noted, so that one odd document costs only the figures it cannot feed.

pub mod collection;
pub mod id;
pub mod view;

use std::borrow::Cow;

pub use self::collection::Collection;
use self::id::Id;

/// A point in time in milliseconds since 1970, as BSON has it: any `i64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Moment {
    /// Seconds from `earlier` to `self`.
    #[expect(clippy::cast_precision_loss, reason = "dates beyond 2^53 ms are 285,000 years off")]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        (i128::from(self.0) - i128::from(earlier.0)) as f64 / 1000.0
    }
}

/// One document, seen as what it is.
#[derive(Clone, Debug)]
pub enum Record<'a> {
    Message(Message<'a>),
    Transaction(Transaction<'a>),
    User(User<'a>),
    Agent(Agent<'a>),
    Conversation(Conversation<'a>),
    /// A document of which only its existence counts.
    Document(Collection),
}

impl Record<'_> {
    pub const fn collection(&self) -> Collection {
        match self {
            Self::Message(_) => Collection::Messages,
            Self::Transaction(_) => Collection::Transactions,
            Self::User(_) => Collection::Users,
            Self::Agent(_) => Collection::Agents,
            Self::Conversation(_) => Collection::Conversations,
            Self::Document(collection) => *collection,
        }
    }
}

/// `messages`: one turn of a conversation.
#[derive(Clone, Debug, Default)]
pub struct Message<'a> {
    pub conversation: Option<Cow<'a, str>>,
    pub user: Option<Id>,
    /// A model, or the id of an agent or assistant; see [`Answerer`].
    pub model: Option<Cow<'a, str>>,
    pub created: Option<Moment>,
    pub token_count: Option<f64>,
    pub error: bool,
    pub unfinished: bool,
    pub has_attachments: bool,
    pub has_plugin: bool,
    pub feedback: Option<Feedback<'a>>,
}

impl Message<'_> {
    pub fn answerer(&self) -> Option<Answerer<'_>> {
        self.model.as_deref().filter(|model| !model.is_empty()).map(Answerer::of)
    }
}

/// What `messages.model` names: it is not always a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answerer<'a> {
    Model(&'a str),
    Agent(&'a str),
    Assistant(&'a str),
}

impl<'a> Answerer<'a> {
    fn of(model: &'a str) -> Self {
        match model {
            id if id.starts_with("agent_") => Self::Agent(id),
            id if id.starts_with("asst_") || id.starts_with("assistant_") => Self::Assistant(id),
            model => Self::Model(model),
        }
    }
}

/// `messages.feedback`.
#[derive(Clone, Debug)]
pub struct Feedback<'a> {
    pub rating: Rating,
    /// The key of the reason given; old versions stored an object with that key.
    pub tag: Option<Cow<'a, str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rating {
    ThumbsUp,
    ThumbsDown,
}

impl Rating {
    pub const fn label(self) -> &'static str {
        match self {
            Self::ThumbsUp => "thumbsUp",
            Self::ThumbsDown => "thumbsDown",
        }
    }
}

/// `transactions`: an entry of the usage ledger.
#[derive(Clone, Debug, Default)]
pub struct Transaction<'a> {
    pub user: Option<Id>,
    pub conversation: Option<Cow<'a, str>>,
    pub model: Option<Cow<'a, str>>,
    /// `prompt`, `completion` or `credits`.
    pub token_type: Option<Cow<'a, str>>,
    /// Tokens, negative for spending; 0 where the document has none, `None` where it has something odd.
    pub raw_amount: Option<f64>,
    /// Credits for one token.
    pub rate: Option<f64>,
    /// Credits, negative for spending; 1,000,000 are 1 USD.
    pub token_value: Option<f64>,
}

/// `users`.
#[derive(Clone, Debug, Default)]
pub struct User<'a> {
    pub id: Option<Id>,
    pub email: Option<Cow<'a, str>>,
    pub provider: Option<Cow<'a, str>>,
    pub role: Option<Cow<'a, str>>,
    pub email_verified: bool,
}

/// `agents`.
#[derive(Clone, Debug, Default)]
pub struct Agent<'a> {
    /// `agent_…`, not the document's `_id`.
    pub id: Option<Cow<'a, str>>,
    pub name: Option<Cow<'a, str>>,
}

/// `conversations`.
#[derive(Clone, Debug, Default)]
pub struct Conversation<'a> {
    pub id: Option<Cow<'a, str>>,
    pub agent: Option<Cow<'a, str>>,
}
