//! Typed, lenient views of LibreChat's documents: the only place that knows field names.
//!
//! Invariants: every field may be missing, null or of another type. Missing and null are *absent*, which is normal;
//! another type is *odd*: it is absent too, and is noted, so that one odd document costs only the figures it cannot feed.

pub mod collection;
pub mod created;
pub mod errors;
pub mod fields;
pub mod id;
pub mod view;

use std::borrow::Cow;

pub use self::collection::Collection;
use self::id::{Id, Key};

/// A point in time in milliseconds since 1970, as BSON has it: any `i64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Moment {
    /// This many milliseconds earlier.
    pub const fn before(self, millis: i64) -> Self {
        Self(self.0.saturating_sub(millis))
    }

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
    ConversationTag(ConversationTag<'a>),
    File(File<'a>),
    Session(Session),
    Banner(Banner),
    Balance(Balance),
    Group(Group<'a>),
    QueuedTurn(QueuedTurn<'a>),
    ScheduleRun(ScheduleRun<'a>),
    ToolCall(ToolCall<'a>),
    PromptGroup(PromptGroup<'a>),
    Prompt(Typed<'a>),
    Action(Action<'a>),
    SharedLink(SharedLink),
    /// A document of a collection with few facts.
    Item(Item<'a>),
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
            Self::ConversationTag(_) => Collection::ConversationTags,
            Self::File(_) => Collection::Files,
            Self::Session(_) => Collection::Sessions,
            Self::Banner(_) => Collection::Banners,
            Self::Balance(_) => Collection::Balances,
            Self::Group(_) => Collection::Groups,
            Self::QueuedTurn(_) => Collection::AgentQueuedTurns,
            Self::ScheduleRun(_) => Collection::ScheduleRuns,
            Self::ToolCall(_) => Collection::ToolCalls,
            Self::PromptGroup(_) => Collection::PromptGroups,
            Self::Prompt(_) => Collection::Prompts,
            Self::Action(_) => Collection::Actions,
            Self::SharedLink(_) => Collection::SharedLinks,
            Self::Item(item) => item.collection,
            Self::Document(collection) => *collection,
        }
    }
}

/// `messages`: one turn of a conversation.
#[derive(Clone, Debug, Default)]
pub struct Message<'a> {
    /// `messageId`, not the document's `_id`.
    pub id: Option<Key>,
    /// The `messageId` of what it answers.
    pub parent: Option<Key>,
    pub conversation: Option<Key>,
    pub user: Option<Id>,
    /// The provider, or the name of a custom one.
    pub endpoint: Option<Cow<'a, str>>,
    /// A model, or the id of an agent or assistant; see [`Answerer`].
    pub model: Option<Cow<'a, str>>,
    pub created: Option<Moment>,
    /// The last write of LibreChat's own.
    pub updated: Option<Moment>,
    /// `isCreatedByUser`, where it says so or denies it.
    pub is_from_user: Option<bool>,
    pub token_count: Option<f64>,
    pub error: bool,
    /// Whether a part of its content is an error, which agents have instead of `error`.
    pub has_error_part: bool,
    /// The kind of the error, where its text tells.
    pub error_type: Option<&'static str>,
    pub unfinished: bool,
    /// `finish_reason`: why the model stopped.
    pub finish_reason: Option<Cow<'a, str>>,
    /// Whether it was written long before its document was made: forks, duplicates and imports keep the date.
    pub is_copy: bool,
    /// What tools have given out.
    pub has_attachments: bool,
    /// What a user has attached.
    pub has_files: bool,
    pub has_plugin: bool,
    pub feedback: Option<Feedback<'a>>,
    /// The calls of tools that its content has, in their order.
    pub invocations: Vec<Invocation<'a>>,
}

impl Message<'_> {
    /// Whether it is a failed or refused answer: a provider's failure is a part of an answer without `error`.
    pub const fn has_failed(&self) -> bool {
        self.error || self.has_error_part
    }

    pub fn answerer(&self) -> Option<Answerer<'_>> {
        self.model.as_deref().filter(|model| !model.is_empty()).map(Answerer::of)
    }
}

/// A part of `messages.content` that calls a tool.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Invocation<'a> {
    /// The full name, with that of its server or action; empty where it has none.
    pub tool: Cow<'a, str>,
    /// `mcpServerName`, where it is stored.
    pub server: Option<Cow<'a, str>>,
    pub outcome: Option<Outcome>,
    /// `runStepDurationMs`, where it is stored.
    pub seconds: Option<f64>,
}

/// `runStepStatus`: how a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Completed,
    Failed,
    /// It was completed, and what it gave out is an error text.
    Errored,
    Cancelled,
}

/// What `messages.model` names: it is not always a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answerer<'a> {
    Model(&'a str),
    Agent(&'a str),
    Assistant(&'a str),
}

/// Whether an id is that of a saved agent: chats without one have ids too.
pub fn is_agent(id: &str) -> bool {
    id.starts_with("agent_")
}

impl<'a> Answerer<'a> {
    pub fn of(model: &'a str) -> Self {
        match model {
            id if is_agent(id) => Self::Agent(id),
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
    pub created: Option<Moment>,
    pub conversation: Option<Key>,
    pub model: Option<Cow<'a, str>>,
    /// What the tokens were spent for: `message`, `title` …, an open set.
    pub context: Option<Cow<'a, str>>,
    /// `prompt`, `completion` or `credits`.
    pub token_type: Option<Cow<'a, str>>,
    /// Tokens, negative for spending; 0 where the document has none, `None` where it has something odd.
    pub raw_amount: Option<f64>,
    /// Credits for one token.
    pub rate: Option<f64>,
    /// Credits, negative for spending; 1,000,000 are 1 USD.
    pub token_value: Option<f64>,
    /// Of a prompt's tokens, where the provider caches prompts: those that were not in the cache …
    pub input_tokens: Option<f64>,
    /// … those that were written to it …
    pub write_tokens: Option<f64>,
    /// … and those that were read from it. All negative.
    pub read_tokens: Option<f64>,
    /// The `messageId` of the answer.
    pub message: Option<Key>,
    /// Whether the answer was given by the agents' API, which saves no message.
    pub is_of_api: bool,
    /// `rootAgentId`, else `agentId`: whose cost it is, where LibreChat stores it; that of a chat without an agent is the
    /// name of an endpoint and a model.
    pub agent: Option<Cow<'a, str>>,
}

/// `users`.
#[derive(Clone, Debug, Default)]
pub struct User<'a> {
    pub id: Option<Id>,
    pub created: Option<Moment>,
    pub email: Option<Cow<'a, str>>,
    pub name: Option<Cow<'a, str>>,
    pub username: Option<Cow<'a, str>>,
    pub provider: Option<Cow<'a, str>>,
    pub role: Option<Cow<'a, str>>,
    pub email_verified: bool,
    /// `None` where LibreChat has no such field.
    pub has_two_factor: Option<bool>,
    pub has_accepted_terms: Option<bool>,
    /// `idOnTheSource`: who it is in the directory that groups are imported from, not empty.
    pub source_id: Option<Id>,
}

/// `agents`.
#[derive(Clone, Debug, Default)]
pub struct Agent<'a> {
    /// `agent_…`, not the document's `_id`.
    pub id: Option<Cow<'a, str>>,
    pub name: Option<Cow<'a, str>>,
    pub author: Option<Id>,
    /// The endpoint of its model.
    pub provider: Option<Cow<'a, str>>,
    pub model: Option<Cow<'a, str>>,
    pub category: Option<Cow<'a, str>>,
    /// `None` where LibreChat has no such field.
    pub is_promoted: Option<bool>,
    /// The MCP servers whose tools it has.
    pub mcp_servers: Vec<Cow<'a, str>>,
}

/// `conversations`.
#[derive(Clone, Debug, Default)]
pub struct Conversation<'a> {
    pub id: Option<Key>,
    pub created: Option<Moment>,
    pub endpoint: Option<Cow<'a, str>>,
    pub model: Option<Cow<'a, str>>,
    /// `agent_…`; chats without an agent have an id of their own making here.
    pub agent: Option<Cow<'a, str>>,
    /// Whether it began long before its document was made: imports keep the date.
    pub is_copy: bool,
    /// `None` where LibreChat has no such field.
    pub is_archived: Option<bool>,
    pub is_temporary: Option<bool>,
    /// Whether a sub-agent's run made it, which no user sees.
    pub is_subagent: bool,
}

/// `conversationtags`: a bookmark of one user.
#[derive(Clone, Debug, Default)]
pub struct ConversationTag<'a> {
    pub tag: Option<Cow<'a, str>>,
    /// How many conversations have it.
    pub count: Option<f64>,
}

/// `files`.
#[derive(Clone, Debug, Default)]
pub struct File<'a> {
    pub user: Option<Id>,
    pub created: Option<Moment>,
    pub bytes: Option<f64>,
    /// The MIME type.
    pub kind: Option<Cow<'a, str>>,
    /// Where it is stored.
    pub source: Option<Cow<'a, str>>,
    /// What it is for.
    pub context: Option<Cow<'a, str>>,
    /// Of its preview: `pending`, `ready` or `failed`.
    pub status: Option<Cow<'a, str>>,
    pub conversation: Option<Key>,
}

/// `sessions`: a login.
#[derive(Clone, Copy, Debug, Default)]
pub struct Session {
    /// `createdAt` where there is one, else the time in the `_id`.
    pub start: Option<Moment>,
    pub expiration: Option<Moment>,
}

/// `banners`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Banner {
    pub from: Option<Moment>,
    /// `None`: without an end.
    pub to: Option<Moment>,
}

/// `balances`: what a user may still spend.
#[derive(Clone, Debug, Default)]
pub struct Balance {
    pub id: Option<Id>,
    pub user: Option<Id>,
    /// `tokenCredits`: 1,000,000 are 1 USD; 0 where the document has none, `None` where it has something odd.
    pub credits: Option<f64>,
    /// `reservedCredits`, where LibreChat reserves any.
    pub reserved: Option<f64>,
}

/// `groups`: a team.
#[derive(Clone, Debug, Default)]
pub struct Group<'a> {
    pub id: Option<Id>,
    pub name: Option<Cow<'a, str>>,
    /// Users by their id or by their [`User::source_id`].
    pub members: Vec<Id>,
}

/// `agentqueuedturns`: a turn of an agent that waits, or has waited, to be run.
#[derive(Clone, Debug, Default)]
pub struct QueuedTurn<'a> {
    pub status: Option<Cow<'a, str>>,
    /// `createdAt` where there is one, else the time in the `_id`.
    pub created: Option<Moment>,
}

/// `scheduleruns`: a run of a scheduled agent; LibreChat keeps them for 90 days.
#[derive(Clone, Debug, Default)]
pub struct ScheduleRun<'a> {
    pub status: Option<Cow<'a, str>>,
    /// `durationMs`, where it is stored.
    pub seconds: Option<f64>,
    /// How each of its MCP servers was, where that is stored.
    pub mcp: Vec<Cow<'a, str>>,
}

/// A document of one of the collections that newer versions of LibreChat have: what there is to tell of it.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    pub collection: Collection,
    pub user: Option<Id>,
    /// `createdAt` where there is one, else the time in the `_id`.
    pub created: Option<Moment>,
    /// Its status, its category, or who has a right.
    pub kind: Option<Cow<'a, str>>,
    /// Its outcome, or what a right is on.
    pub detail: Option<Cow<'a, str>>,
    pub resource: Option<Id>,
    pub is_on: bool,
    pub tokens: Option<f64>,
    /// When it was used last.
    pub used: Option<Moment>,
    pub expires: Option<Moment>,
}

impl Item<'_> {
    /// One of which nothing is known.
    pub const fn of(collection: Collection) -> Self {
        let (user, created, kind, detail, resource) = (None, None, None, None, None);
        Self {
            collection,
            user,
            created,
            kind,
            detail,
            resource,
            is_on: false,
            tokens: None,
            used: None,
            expires: None,
        }
    }
}

/// `toolcalls`: a directly invoked tool.
#[derive(Clone, Debug, Default)]
pub struct ToolCall<'a> {
    pub tool: Option<Cow<'a, str>>,
    pub created: Option<Moment>,
    pub updated: Option<Moment>,
}

/// `promptgroups`.
#[derive(Clone, Debug, Default)]
pub struct PromptGroup<'a> {
    pub category: Option<Cow<'a, str>>,
    pub generations: Option<f64>,
}

/// `prompts`: all that counts is their type.
#[derive(Clone, Debug, Default)]
pub struct Typed<'a> {
    pub kind: Option<Cow<'a, str>>,
}

/// `actions`: an API that agents and assistants may call.
#[derive(Clone, Debug, Default)]
pub struct Action<'a> {
    pub id: Option<Id>,
    pub kind: Option<Cow<'a, str>>,
    /// Of the API, with or without its scheme.
    pub domain: Option<Cow<'a, str>>,
}

/// `sharedlinks`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SharedLink {
    pub created: Option<Moment>,
}
