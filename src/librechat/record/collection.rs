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
            Self::Messages => MESSAGES,
            Self::Transactions => &[
                Projected::Field("user"),
                Projected::Field("createdAt"),
                Projected::Field("conversationId"),
                Projected::Field("model"),
                Projected::Field("context"),
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
                Projected::Field("endpoint"),
                Projected::Field("agent_id"),
                Projected::IsNotNull("subagentThread"),
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

const MESSAGES: &[Projected] = &[
    Projected::Field("messageId"),
    Projected::Field("parentMessageId"),
    Projected::Field("conversationId"),
    Projected::Field("user"),
    Projected::Field("endpoint"),
    Projected::Field("model"),
    Projected::Field("createdAt"),
    Projected::Field("updatedAt"),
    Projected::Field("isCreatedByUser"),
    Projected::Field("tokenCount"),
    Projected::Field("error"),
    Projected::Field("unfinished"),
    Projected::Field("feedback.rating"),
    Projected::Field("feedback.tag"),
    Projected::Field("content.type"),
    Projected::Field("content.tool_call.name"),
    Projected::Field("content.tool_call.function.name"),
    Projected::Field("content.tool_call.mcpServerName"),
    Projected::Field("content.tool_call.runStepStatus"),
    Projected::Field("content.tool_call.runStepDurationMs"),
    Projected::ErrorType { name: "errorType", flag: "error", text: "text", parts: "content" },
    Projected::HasItems("attachments"),
    Projected::IsNotNull("plugin"),
];

/// A field as the server sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Projected {
    /// Its value.
    Field(&'static str),
    /// Only whether it is there and is not an empty array: attachments hold tool outputs.
    HasItems(&'static str),
    /// Only whether it is there and not null.
    IsNotNull(&'static str),
    /// Only which of [`ERROR_TYPES`] the text of an error names: the `text` of a message with `error`, or the `error` of
    /// a part of type `error`.
    ErrorType { name: &'static str, flag: &'static str, text: &'static str, parts: &'static str },
}

impl Projected {
    /// The name of the field in what the server sends.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Field(name)
            | Self::HasItems(name)
            | Self::IsNotNull(name)
            | Self::ErrorType { name, .. } => name,
        }
    }

    /// The fields of the document that it is made of, as far as their first dot.
    pub fn fields(self) -> impl Iterator<Item = &'static str> {
        let fields = match self {
            Self::Field(name) | Self::HasItems(name) | Self::IsNotNull(name) => [Some(name), None, None],
            Self::ErrorType { flag, text, parts, .. } => [Some(flag), Some(text), Some(parts)],
        };
        fields.into_iter().flatten().map(|name| name.split_once('.').map_or(name, |(top, _)| top))
    }
}

/// The values of `type` in the JSON that LibreChat writes as the text of an error: its own error types and violations.
pub const ERROR_TYPES: &[&str] = &[
    "INPUT_LENGTH",
    "auth_failed",
    "ban",
    "compaction_failed",
    "concurrent",
    "endpoint_models_not_loaded",
    "expired_user_key",
    "file_upload_limit",
    "final_context_overflow",
    "google_error",
    "illegal_model_request",
    "invalid_agent_provider",
    "invalid_user_key",
    "message_limit",
    "missing_model",
    "model_not_found",
    "model_rate_limit",
    "models_not_loaded",
    "moderation",
    "no_base_url",
    "no_user_key",
    "refusal",
    "stream_expired",
    "token_balance",
    "tool_call_limit",
    "upstream_model_error",
];
