//! The collections that are read, and how much of each.

/// A collection of LibreChat's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Collection {
    Users,
    Actions,
    AgentQueuedTurns,
    Agents,
    Assistants,
    Balances,
    Banners,
    ConversationTags,
    Conversations,
    Files,
    Groups,
    Keys,
    Messages,
    PluginAuths,
    Presets,
    PromptGroups,
    Prompts,
    ScheduleRuns,
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
        Self::AgentQueuedTurns,
        Self::Agents,
        Self::Assistants,
        Self::Balances,
        Self::Banners,
        Self::ConversationTags,
        Self::Conversations,
        Self::Files,
        Self::Groups,
        Self::Keys,
        Self::Messages,
        Self::PluginAuths,
        Self::Presets,
        Self::PromptGroups,
        Self::Prompts,
        Self::ScheduleRuns,
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
            Self::AgentQueuedTurns => "agentqueuedturns",
            Self::Agents => "agents",
            Self::Assistants => "assistants",
            Self::Balances => "balances",
            Self::Banners => "banners",
            Self::ConversationTags => "conversationtags",
            Self::Conversations => "conversations",
            Self::Files => "files",
            Self::Groups => "groups",
            Self::Keys => "keys",
            Self::Messages => "messages",
            Self::PluginAuths => "pluginauths",
            Self::Presets => "presets",
            Self::PromptGroups => "promptgroups",
            Self::Prompts => "prompts",
            Self::ScheduleRuns => "scheduleruns",
            Self::Sessions => "sessions",
            Self::SharedLinks => "sharedlinks",
            Self::Tokens => "tokens",
            Self::ToolCalls => "toolcalls",
            Self::Transactions => "transactions",
        }
    }

    /// What is asked for of each document, besides `_id`. Whatever is not listed never leaves the database.
    pub const fn projection(self) -> &'static [Projected] {
        match self {
            Self::Messages => &[
                Projected::Field("conversationId"),
                Projected::Field("user"),
                Projected::Field("model"),
                Projected::Field("createdAt"),
                Projected::Field("isCreatedByUser"),
                Projected::Field("tokenCount"),
                Projected::Field("error"),
                Projected::Field("unfinished"),
                Projected::Field("feedback.rating"),
                Projected::Field("feedback.tag"),
                Projected::Field("content.type"),
                Projected::Field("content.tool_call.name"),
                Projected::Field("content.tool_call.function.name"),
                Projected::HasItems("attachments"),
                Projected::IsNotNull("plugin"),
            ],
            Self::Transactions => &[
                Projected::Field("user"),
                Projected::Field("createdAt"),
                Projected::Field("conversationId"),
                Projected::Field("model"),
                Projected::Field("tokenType"),
                Projected::Field("rawAmount"),
                Projected::Field("rate"),
                Projected::Field("tokenValue"),
                Projected::Field("inputTokens"),
                Projected::Field("writeTokens"),
                Projected::Field("readTokens"),
            ],
            Self::Users => &[
                Projected::Field("createdAt"),
                Projected::Field("email"),
                Projected::Field("provider"),
                Projected::Field("role"),
                Projected::Field("emailVerified"),
                Projected::Field("idOnTheSource"),
            ],
            Self::Agents => &[Projected::Field("id"), Projected::Field("name"), Projected::Field("author")],
            Self::Conversations => &[
                Projected::Field("conversationId"),
                Projected::Field("createdAt"),
                Projected::Field("agent_id"),
            ],
            Self::Balances => &[Projected::Field("user"), Projected::Field("tokenCredits")],
            Self::Groups => &[Projected::Field("name"), Projected::Field("memberIds")],
            Self::AgentQueuedTurns => &[Projected::Field("status"), Projected::Field("createdAt")],
            Self::ScheduleRuns => &[Projected::Field("status")],
            Self::ConversationTags => &[Projected::Field("tag"), Projected::Field("count")],
            Self::Files => &[
                Projected::Field("user"),
                Projected::Field("createdAt"),
                Projected::Field("bytes"),
                Projected::Field("type"),
            ],
            Self::Sessions => &[Projected::Field("createdAt"), Projected::Field("expiration")],
            Self::Banners => &[Projected::Field("displayFrom"), Projected::Field("displayTo")],
            Self::ToolCalls => {
                &[Projected::Field("toolId"), Projected::Field("createdAt"), Projected::Field("updatedAt")]
            }
            Self::PromptGroups => &[Projected::Field("category"), Projected::Field("numberOfGenerations")],
            Self::Prompts | Self::Actions => &[Projected::Field("type")],
            Self::SharedLinks => &[Projected::Field("createdAt")],
            _ => &[],
        }
    }
}

/// A field as the server sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Projected {
    /// Its value.
    Field(&'static str),
    /// Only whether it is there and is not an empty array: attachments hold tool outputs.
    HasItems(&'static str),
    /// Only whether it is there and not null.
    IsNotNull(&'static str),
}
