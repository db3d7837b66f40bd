//! When a document was made, where its `_id` does not tell.

use super::{Moment, Record};

impl Record<'_> {
    /// Its `createdAt`, where that is read.
    pub const fn created(&self) -> Option<Moment> {
        match self {
            Self::Message(message) => message.created,
            Self::Transaction(row) => row.created,
            Self::User(user) => user.created,
            Self::Conversation(conversation) => conversation.created,
            Self::File(file) => file.created,
            Self::Session(session) => session.start,
            Self::QueuedTurn(turn) => turn.created,
            Self::ToolCall(call) => call.created,
            Self::SharedLink(link) => link.created,
            Self::Item(item) => item.created,
            Self::Agent(_)
            | Self::ConversationTag(_)
            | Self::Banner(_)
            | Self::Balance(_)
            | Self::Group(_)
            | Self::ScheduleRun(_)
            | Self::PromptGroup(_)
            | Self::Prompt(_)
            | Self::Action(_)
            | Self::Document(_) => None,
        }
    }
}
