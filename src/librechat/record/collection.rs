//! The collections that are read, and how much of each.

/// A collection of LibreChat's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Collection {
    Users,
    Actions,
    Agents,
    Assistants,
    Balances,
    Banners,
    ConversationTags,
    Conversations,
    Files,
    Keys,
    Messages,
    PluginAuths,
    Presets,
    PromptGroups,
    Prompts,
    Sessions,
    SharedLinks,
    Tokens,
    ToolCalls,
    Transactions,
}

impl Collection {
    pub const ALL: &'static [Self] = &[
        Self::Users,
        Self::Actions,
        Self::Agents,
        Self::Assistants,
        Self::Balances,
        Self::Banners,
        Self::ConversationTags,
        Self::Conversations,
        Self::Files,
        Self::Keys,
        Self::Messages,
        Self::PluginAuths,
        Self::Presets,
        Self::PromptGroups,
        Self::Prompts,
        Self::Sessions,
        Self::SharedLinks,
        Self::Tokens,
        Self::ToolCalls,
        Self::Transactions,
    ];

    /// Its name in the database, and the metric label `collection`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Actions => "actions",
            Self::Agents => "agents",
            Self::Assistants => "assistants",
            Self::Balances => "balances",
            Self::Banners => "banners",
            Self::ConversationTags => "conversationtags",
            Self::Conversations => "conversations",
            Self::Files => "files",
            Self::Keys => "keys",
            Self::Messages => "messages",
            Self::PluginAuths => "pluginauths",
            Self::Presets => "presets",
            Self::PromptGroups => "promptgroups",
            Self::Prompts => "prompts",
            Self::Sessions => "sessions",
            Self::SharedLinks => "sharedlinks",
            Self::Tokens => "tokens",
            Self::ToolCalls => "toolcalls",
            Self::Transactions => "transactions",
        }
    }

    /// The fields that are asked for; `_id` always comes along. Whatever is not listed never leaves the database.
    pub const fn projection(self) -> &'static [&'static str] {
        match self {
            Self::Messages => &[
                "conversationId",
                "user",
                "model",
                "createdAt",
                "tokenCount",
                "error",
                "unfinished",
                "attachments.type",
                "plugin.latest",
                "feedback.rating",
                "feedback.tag",
            ],
            Self::Transactions => {
                &["user", "conversationId", "model", "tokenType", "rawAmount", "rate", "tokenValue"]
            }
            Self::Users => &["email", "provider", "role", "emailVerified"],
            Self::Agents => &["id", "name"],
            Self::Conversations => &["conversationId", "agent_id"],
            _ => &[],
        }
    }
}
