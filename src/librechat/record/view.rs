//! From a BSON document to a [`Record`], in one pass over its elements and without copying texts.

use std::borrow::Cow;

use mongodb::bson::{RawBsonRef, RawDocument};

use super::fields::{Fields, Oddities, is_null};
use super::id::{Id, Key};
use super::{
    Action, Agent, Balance, Banner, Collection, Conversation, ConversationTag, Feedback, File, Group,
    Invocation, Message, Moment, Outcome, PromptGroup, QueuedTurn, Rating, Record, Session, SharedLink,
    ToolCall, Transaction, Typed, User, errors,
};

/// Sees `document` as a record of `collection`. Never fails: what cannot be read is absent, and noted.
pub fn record<'a>(collection: Collection, document: &'a RawDocument) -> (Record<'a>, Oddities) {
    let mut fields = Fields::default();
    let record = match collection {
        Collection::Messages => Record::Message(fields.message(document)),
        Collection::Transactions => Record::Transaction(fields.transaction(document)),
        Collection::Users => Record::User(fields.user(document)),
        Collection::Agents => Record::Agent(fields.agent(document)),
        Collection::Conversations => Record::Conversation(fields.conversation(document)),
        Collection::ConversationTags => Record::ConversationTag(fields.conversation_tag(document)),
        Collection::Files => Record::File(fields.file(document)),
        Collection::Sessions => Record::Session(fields.session(document)),
        Collection::Banners => Record::Banner(fields.banner(document)),
        Collection::Balances => Record::Balance(fields.balance(document)),
        Collection::Groups => Record::Group(fields.group(document)),
        Collection::AgentQueuedTurns => Record::QueuedTurn(fields.queued_turn(document)),
        Collection::ScheduleRuns => Record::ScheduleRun(fields.schedule_run(document)),
        Collection::ToolCalls => Record::ToolCall(fields.tool_call(document)),
        Collection::PromptGroups => Record::PromptGroup(fields.prompt_group(document)),
        Collection::Prompts => Record::Prompt(fields.typed(document)),
        Collection::Actions => Record::Action(fields.action(document)),
        Collection::SharedLinks => Record::SharedLink(fields.shared_link(document)),
        Collection::AclEntries
        | Collection::AgentApiKeys
        | Collection::AgentTriggerDeliveries
        | Collection::ArtifactApps
        | Collection::AuditLogs
        | Collection::ChatProjects
        | Collection::Logs
        | Collection::McpServers
        | Collection::MemoryEntries
        | Collection::Passkeys
        | Collection::Schedules
        | Collection::Skills => Record::Item(fields.item(collection, document)),
        other => Record::Document(other),
    };
    (record, fields.oddities)
}

/// What the ids begin with that the agents' API gives its answers.
const OF_API: &[&str] = &["chatcmpl-", "resp_"];

/// Documents are made within a second of their date. But LibreChat writes messages and conversations by upsert, so that
/// the `_id` is of MongoDB's clock and the date of LibreChat's, which may differ.
const MADE_WITHIN: i64 = 60_000;

/// Whether a document is younger than its date: forks, duplicates and imports keep the date of what they copy, and get a
/// new `_id`.
fn is_copy(document: &RawDocument, created: Option<Moment>) -> bool {
    let made = document.get_object_id("_id").ok().and_then(|id| Id::from(id.bytes()).time());
    made.zip(created).is_some_and(|(made, created)| made.before(MADE_WITHIN) > created)
}

impl Fields {
    fn message<'a>(&mut self, document: &'a RawDocument) -> Message<'a> {
        let mut message = Message::default();
        let mut failed_tools = Vec::new();
        self.each(document, |fields, name, value| match name {
            "messageId" => message.id = fields.key("messageId", value),
            "parentMessageId" => message.parent = fields.key("parentMessageId", value),
            "conversationId" => message.conversation = fields.key("conversationId", value),
            "user" => message.user = fields.id("user", value),
            "endpoint" => message.endpoint = fields.text("endpoint", value),
            "model" => message.model = fields.text("model", value),
            "createdAt" => message.created = fields.moment("createdAt", value),
            "updatedAt" => message.updated = fields.moment("updatedAt", value),
            "isCreatedByUser" => message.is_from_user = fields.flag_or_none("isCreatedByUser", value),
            "tokenCount" => message.token_count = fields.number("tokenCount", value),
            "error" => message.error = fields.flag("error", value),
            "finish_reason" => message.finish_reason = fields.text("finish_reason", value),
            "unfinished" => message.unfinished = fields.flag("unfinished", value),
            "attachments" => message.has_attachments = fields.flag("attachments", value),
            "plugin" => message.has_plugin = fields.flag("plugin", value),
            "feedback" => message.feedback = fields.feedback(value),
            "content" => fields.content(value, &mut message),
            "errorType" => {
                message.error_type = fields.text("errorType", value).as_deref().and_then(errors::kind);
            }
            "failedTools" => failed_tools = fields.flags("failedTools", value),
            "files" => message.has_files = fields.flag("files", value),
            _ => {}
        });
        message.is_copy = is_copy(document, message.created);
        for (call, has_failed) in message.invocations.iter_mut().zip(failed_tools) {
            if has_failed && !matches!(call.outcome, Some(Outcome::Failed | Outcome::Cancelled)) {
                call.outcome = Some(Outcome::Errored);
            }
        }
        message
    }

    /// An array of texts.
    fn texts<'a>(&mut self, field: &'static str, value: RawBsonRef<'a>) -> Vec<Cow<'a, str>> {
        let RawBsonRef::Array(texts) = value else {
            return self.absent(field, value).unwrap_or_default();
        };
        texts.into_iter().filter_map(|text| self.text(field, text.ok()?)).collect()
    }

    /// An array of booleans.
    fn flags(&mut self, field: &'static str, value: RawBsonRef<'_>) -> Vec<bool> {
        let RawBsonRef::Array(flags) = value else {
            return self.absent(field, value).unwrap_or_default();
        };
        flags.into_iter().map(|flag| flag.is_ok_and(|flag| self.flag(field, flag))).collect()
    }

    fn transaction<'a>(&mut self, document: &'a RawDocument) -> Transaction<'a> {
        // LibreChat's own reckoning takes an amount that is not there for 0.
        let mut transaction = Transaction { raw_amount: Some(0.0), ..Transaction::default() };
        let (mut agent, mut root) = (None, None);
        self.each(document, |fields, name, value| match name {
            "user" => transaction.user = fields.id("user", value),
            "createdAt" => transaction.created = fields.moment("createdAt", value),
            "conversationId" => transaction.conversation = fields.key("conversationId", value),
            "model" => transaction.model = fields.text("model", value),
            "context" => transaction.context = fields.text("context", value),
            "tokenType" => transaction.token_type = fields.text("tokenType", value),
            "rawAmount" if !is_null(value) => transaction.raw_amount = fields.number("rawAmount", value),
            "rate" => transaction.rate = fields.number("rate", value),
            "tokenValue" => transaction.token_value = fields.number("tokenValue", value),
            "inputTokens" => transaction.input_tokens = fields.number("inputTokens", value),
            "writeTokens" => transaction.write_tokens = fields.number("writeTokens", value),
            "readTokens" => transaction.read_tokens = fields.number("readTokens", value),
            "messageId" => {
                let id = fields.text("messageId", value);
                transaction.message = id.as_deref().map(Key::from);
                transaction.is_of_api = id.is_some_and(|id| OF_API.iter().any(|own| id.starts_with(own)));
            }
            "agentId" => agent = fields.text("agentId", value),
            "rootAgentId" => root = fields.text("rootAgentId", value),
            _ => {}
        });
        transaction.agent = root.or(agent).filter(|id| !id.is_empty());
        transaction
    }

    fn user<'a>(&mut self, document: &'a RawDocument) -> User<'a> {
        let mut user = User::default();
        self.each(document, |fields, name, value| match name {
            "_id" => user.id = fields.id("_id", value),
            "createdAt" => user.created = fields.moment("createdAt", value),
            "email" => user.email = fields.text("email", value),
            "name" => user.name = fields.text("name", value),
            "username" => user.username = fields.text("username", value),
            "provider" => user.provider = fields.text("provider", value),
            "role" => user.role = fields.text("role", value),
            "twoFactorEnabled" => user.has_two_factor = fields.flag_or_none("twoFactorEnabled", value),
            "termsAccepted" => user.has_accepted_terms = fields.flag_or_none("termsAccepted", value),
            "emailVerified" => user.email_verified = fields.flag("emailVerified", value),
            "idOnTheSource" => {
                let id = fields.text("idOnTheSource", value).filter(|id| !id.is_empty());
                user.source_id = id.as_deref().map(Id::from);
            }
            _ => {}
        });
        user
    }

    fn agent<'a>(&mut self, document: &'a RawDocument) -> Agent<'a> {
        let mut agent = Agent::default();
        self.each(document, |fields, name, value| match name {
            "id" => agent.id = fields.text("id", value),
            "name" => agent.name = fields.text("name", value),
            "author" => agent.author = fields.id("author", value),
            "provider" => agent.provider = fields.text("provider", value),
            "model" => agent.model = fields.text("model", value),
            "category" => agent.category = fields.text("category", value),
            "is_promoted" => agent.is_promoted = fields.flag_or_none("is_promoted", value),
            "mcpServerNames" => agent.mcp_servers = fields.texts("mcpServerNames", value),
            _ => {}
        });
        agent
    }

    fn conversation<'a>(&mut self, document: &'a RawDocument) -> Conversation<'a> {
        let mut conversation = Conversation::default();
        self.each(document, |fields, name, value| match name {
            "conversationId" => conversation.id = fields.key("conversationId", value),
            "createdAt" => conversation.created = fields.moment("createdAt", value),
            "endpoint" => conversation.endpoint = fields.text("endpoint", value),
            "model" => conversation.model = fields.text("model", value),
            "agent_id" => conversation.agent = fields.text("agent_id", value),
            "isArchived" => conversation.is_archived = fields.flag_or_none("isArchived", value),
            "isTemporary" => conversation.is_temporary = fields.flag_or_none("isTemporary", value),
            "subagentThread" => conversation.is_subagent = fields.flag("subagentThread", value),
            _ => {}
        });
        conversation.is_copy = is_copy(document, conversation.created);
        conversation
    }

    fn conversation_tag<'a>(&mut self, document: &'a RawDocument) -> ConversationTag<'a> {
        let mut conversation_tag = ConversationTag::default();
        self.each(document, |fields, name, value| match name {
            "tag" => conversation_tag.tag = fields.text("tag", value),
            "count" => conversation_tag.count = fields.number("count", value),
            _ => {}
        });
        conversation_tag
    }

    fn file<'a>(&mut self, document: &'a RawDocument) -> File<'a> {
        let mut file = File::default();
        self.each(document, |fields, name, value| match name {
            "user" => file.user = fields.id("user", value),
            "createdAt" => file.created = fields.moment("createdAt", value),
            "bytes" => file.bytes = fields.number("bytes", value),
            "type" => file.kind = fields.text("type", value),
            "source" => file.source = fields.text("source", value),
            "context" => file.context = fields.text("context", value),
            "status" => file.status = fields.text("status", value),
            "conversationId" => file.conversation = fields.key("conversationId", value),
            _ => {}
        });
        file
    }

    fn session(&mut self, document: &RawDocument) -> Session {
        let mut session = Session::default();
        let mut made = None;
        self.each(document, |fields, name, value| match name {
            "_id" => made = fields.id("_id", value).and_then(|id| id.time()),
            "createdAt" => session.start = fields.moment("createdAt", value),
            "expiration" => session.expiration = fields.moment("expiration", value),
            _ => {}
        });
        session.start = session.start.or(made);
        session
    }

    fn banner(&mut self, document: &RawDocument) -> Banner {
        let mut banner = Banner::default();
        self.each(document, |fields, name, value| match name {
            "displayFrom" => banner.from = fields.moment("displayFrom", value),
            "displayTo" => banner.to = fields.moment("displayTo", value),
            _ => {}
        });
        banner
    }

    fn balance(&mut self, document: &RawDocument) -> Balance {
        // LibreChat's own default.
        let mut balance = Balance { credits: Some(0.0), ..Balance::default() };
        self.each(document, |fields, name, value| match name {
            "_id" => balance.id = fields.id("_id", value),
            "user" => balance.user = fields.id("user", value),
            "tokenCredits" if !is_null(value) => balance.credits = fields.number("tokenCredits", value),
            "reservedCredits" => balance.reserved = fields.number("reservedCredits", value),
            _ => {}
        });
        balance
    }

    fn group<'a>(&mut self, document: &'a RawDocument) -> Group<'a> {
        let mut group = Group::default();
        self.each(document, |fields, name, value| match (name, value) {
            ("_id", value) => group.id = fields.id("_id", value),
            ("name", value) => group.name = fields.text("name", value).filter(|name| !name.is_empty()),
            ("memberIds", RawBsonRef::Array(members)) => {
                for member in members {
                    match member {
                        Ok(member) => group.members.extend(fields.id("memberIds", member)),
                        Err(_) => fields.oddities.note("document"),
                    }
                }
            }
            ("memberIds", other) => group.members.extend(fields.absent::<Id>("memberIds", other)),
            _ => {}
        });
        group
    }

    fn queued_turn<'a>(&mut self, document: &'a RawDocument) -> QueuedTurn<'a> {
        let mut turn = QueuedTurn::default();
        let mut made = None;
        self.each(document, |fields, name, value| match name {
            "_id" => made = fields.id("_id", value).and_then(|id| id.time()),
            "status" => turn.status = fields.text("status", value),
            "createdAt" => turn.created = fields.moment("createdAt", value),
            _ => {}
        });
        turn.created = turn.created.or(made);
        turn
    }

    fn tool_call<'a>(&mut self, document: &'a RawDocument) -> ToolCall<'a> {
        let mut tool_call = ToolCall::default();
        self.each(document, |fields, name, value| match name {
            "toolId" => tool_call.tool = fields.text("toolId", value),
            "createdAt" => tool_call.created = fields.moment("createdAt", value),
            "updatedAt" => tool_call.updated = fields.moment("updatedAt", value),
            _ => {}
        });
        tool_call
    }

    fn prompt_group<'a>(&mut self, document: &'a RawDocument) -> PromptGroup<'a> {
        let mut prompt_group = PromptGroup::default();
        self.each(document, |fields, name, value| match name {
            "category" => prompt_group.category = fields.text("category", value),
            "numberOfGenerations" => prompt_group.generations = fields.number("numberOfGenerations", value),
            _ => {}
        });
        prompt_group
    }

    fn typed<'a>(&mut self, document: &'a RawDocument) -> Typed<'a> {
        let mut typed = Typed::default();
        self.each(document, |fields, name, value| {
            if name == "type" {
                typed.kind = fields.text("type", value);
            }
        });
        typed
    }

    fn action<'a>(&mut self, document: &'a RawDocument) -> Action<'a> {
        let mut action = Action::default();
        self.each(document, |fields, name, value| match (name, value) {
            ("_id", value) => action.id = fields.id("_id", value),
            ("type", value) => action.kind = fields.text("type", value),
            ("metadata", RawBsonRef::Document(metadata)) => fields.each(metadata, |fields, name, value| {
                if name == "domain" {
                    action.domain = fields.text("metadata", value).filter(|domain| !domain.is_empty());
                }
            }),
            ("metadata", other) => action.domain = fields.absent("metadata", other),
            _ => {}
        });
        action
    }

    fn shared_link(&mut self, document: &RawDocument) -> SharedLink {
        let mut shared_link = SharedLink::default();
        self.each(document, |fields, name, value| {
            if name == "createdAt" {
                shared_link.created = fields.moment("createdAt", value);
            }
        });
        shared_link
    }

    fn feedback<'a>(&mut self, value: RawBsonRef<'a>) -> Option<Feedback<'a>> {
        let document = match value {
            RawBsonRef::Document(document) => document,
            other => return self.absent("feedback", other),
        };
        let (mut rating, mut tag) = (None, None);
        self.each(document, |fields, name, value| match name {
            "rating" => {
                rating = match fields.text("feedback", value).as_deref() {
                    Some("thumbsUp") => Some(Rating::ThumbsUp),
                    Some("thumbsDown") => Some(Rating::ThumbsDown),
                    Some(_) => fields.odd("feedback"),
                    None => None,
                }
            }
            "tag" => {
                tag = match value {
                    RawBsonRef::Document(tag) => {
                        tag.get("key").ok().flatten().and_then(|key| fields.text("feedback", key))
                    }
                    value => fields.text("feedback", value),
                }
            }
            _ => {}
        });
        rating.map(|rating| Feedback { rating, tag })
    }

    /// `content` is an array of parts. A single part without its array counts, as a database's own unwinding has it.
    fn content<'a>(&mut self, value: RawBsonRef<'a>, message: &mut Message<'a>) {
        match value {
            RawBsonRef::Array(parts) => {
                for part in parts {
                    match part {
                        Ok(RawBsonRef::Document(part)) => self.part(part, message),
                        Ok(other) => {
                            let _: Option<()> = self.absent("content", other);
                        }
                        Err(_) => self.oddities.note("document"),
                    }
                }
            }
            RawBsonRef::Document(part) => self.part(part, message),
            other => {
                let _: Option<()> = self.absent("content", other);
            }
        }
    }

    fn part<'a>(&mut self, part: &'a RawDocument, message: &mut Message<'a>) {
        let (mut kind, mut call) = ("", None);
        self.each(part, |_, name, value| match (name, value) {
            ("type", RawBsonRef::String(text)) => kind = text,
            ("tool_call", RawBsonRef::Document(document)) => call = Some(document),
            _ => {}
        });
        match kind {
            "tool_call" => {
                message.invocations.push(call.map(|call| self.invocation(call)).unwrap_or_default());
            }
            "error" => message.has_error_part = true,
            _ => {}
        }
    }

    /// Assistants' calls have the tool's name one level deeper.
    fn invocation<'a>(&mut self, call: &'a RawDocument) -> Invocation<'a> {
        let (mut invocation, mut tool, mut function) = (Invocation::default(), None, None);
        self.each(call, |fields, name, value| match (name, value) {
            ("name", value) => tool = fields.text("content", value),
            ("mcpServerName", value) => invocation.server = fields.text("content", value),
            ("runStepStatus", value) => {
                invocation.outcome = match fields.text("content", value).as_deref() {
                    Some("completed") => Some(Outcome::Completed),
                    Some("failed") => Some(Outcome::Failed),
                    Some("cancelled") => Some(Outcome::Cancelled),
                    Some(_) => fields.odd("content"),
                    None => None,
                }
            }
            ("runStepDurationMs", value) => {
                let millis = fields.number("content", value).filter(|millis| *millis >= 0.0);
                invocation.seconds = millis.map(|millis| millis / 1_000.0);
            }
            ("function", RawBsonRef::Document(inner)) => fields.each(inner, |fields, name, value| {
                if name == "name" {
                    function = fields.text("content", value);
                }
            }),
            _ => {}
        });
        Invocation { tool: tool.or(function).unwrap_or_default(), ..invocation }
    }
}

mod items;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod odd;
