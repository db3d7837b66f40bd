//! The collections that are read, and how much of each.

/// A collection of LibreChat's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Collection {
    Users,
    AclEntries,
    Actions,
    AgentApiKeys,
    AgentQueuedTurns,
    AgentTriggerDeliveries,
    Agents,
    ArtifactApps,
    Assistants,
    AuditLogs,
    Balances,
    Banners,
    ChatProjects,
    ConversationTags,
    Conversations,
    Files,
    Groups,
    Keys,
    Logs,
    McpServers,
    MemoryEntries,
    Messages,
    Passkeys,
    PluginAuths,
    Presets,
    PromptGroups,
    Prompts,
    ScheduleRuns,
    Schedules,
    Sessions,
    SharedLinks,
    Skills,
    Tokens,
    ToolCalls,
    Transactions,
}

impl Collection {
    pub const ALL: &'static [Self] = &[
        Self::Users,
        Self::AclEntries,
        Self::Actions,
        Self::AgentApiKeys,
        Self::AgentQueuedTurns,
        Self::AgentTriggerDeliveries,
        Self::Agents,
        Self::ArtifactApps,
        Self::Assistants,
        Self::AuditLogs,
        Self::Balances,
        Self::Banners,
        Self::ChatProjects,
        Self::ConversationTags,
        Self::Conversations,
        Self::Files,
        Self::Groups,
        Self::Keys,
        Self::Logs,
        Self::McpServers,
        Self::MemoryEntries,
        Self::Messages,
        Self::Passkeys,
        Self::PluginAuths,
        Self::Presets,
        Self::PromptGroups,
        Self::Prompts,
        Self::ScheduleRuns,
        Self::Schedules,
        Self::Sessions,
        Self::SharedLinks,
        Self::Skills,
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
            Self::Logs => "logs",
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
            Self::AclEntries => "aclentries",
            Self::AgentApiKeys => "agentapikeys",
            Self::AgentTriggerDeliveries => "agenttriggerdeliveries",
            Self::ArtifactApps => "artifactapps",
            Self::AuditLogs => "auditlogs",
            Self::ChatProjects => "chatprojects",
            Self::McpServers => "mcpservers",
            Self::MemoryEntries => "memoryentries",
            Self::Passkeys => "passkeys",
            Self::Schedules => "schedules",
            Self::Skills => "skills",
            Self::Transactions => "transactions",
        }
    }

    /// What is asked for of each document, besides `_id`. Whatever is not listed never leaves the database.
    pub const fn projection(self) -> &'static [Projected] {
        match self {
            Self::Messages => MESSAGES,
            Self::Transactions => TRANSACTIONS,
            Self::Users => USERS,
            Self::Agents => &[
                Projected::Field("id"),
                Projected::Field("name"),
                Projected::Field("author"),
                Projected::Field("provider"),
                Projected::Field("model"),
                Projected::Field("category"),
                Projected::Field("is_promoted"),
                Projected::Field("mcpServerNames"),
            ],
            Self::Conversations => &[
                Projected::Field("conversationId"),
                Projected::Field("createdAt"),
                Projected::Field("endpoint"),
                Projected::Field("model"),
                Projected::Field("agent_id"),
                Projected::Field("isArchived"),
                Projected::Field("isTemporary"),
                Projected::IsNotNull("subagentThread"),
            ],
            Self::Balances => &[
                Projected::Field("user"),
                Projected::Field("tokenCredits"),
                Projected::Field("reservedCredits"),
            ],
            Self::Groups => &[Projected::Field("name"), Projected::Field("memberIds")],
            Self::AgentQueuedTurns => &[Projected::Field("status"), Projected::Field("createdAt")],
            Self::ScheduleRuns => {
                &[Projected::Field("status"), Projected::Field("durationMs"), Projected::Field("mcp.status")]
            }
            Self::ConversationTags => &[Projected::Field("tag"), Projected::Field("count")],
            Self::Files => FILES,
            Self::Sessions => &[Projected::Field("createdAt"), Projected::Field("expiration")],
            Self::Banners => &[Projected::Field("displayFrom"), Projected::Field("displayTo")],
            Self::ToolCalls => {
                &[Projected::Field("toolId"), Projected::Field("createdAt"), Projected::Field("updatedAt")]
            }
            Self::PromptGroups => &[Projected::Field("category"), Projected::Field("numberOfGenerations")],
            Self::Prompts => &[Projected::Field("type")],
            Self::Actions => &[Projected::Field("type"), Projected::Field("metadata.domain")],
            Self::SharedLinks => &[Projected::Field("createdAt")],
            Self::AclEntries => &[
                Projected::Field("principalType"),
                Projected::Field("resourceType"),
                Projected::Field("resourceId"),
            ],
            Self::AgentApiKeys => &[Projected::Field("lastUsedAt")],
            Self::AgentTriggerDeliveries => &[Projected::Field("status"), Projected::Field("createdAt")],
            Self::AuditLogs => &[Projected::Field("category"), Projected::Field("outcome")],
            // Behind the namespace stand users and addresses.
            Self::Logs => {
                &[Projected::Namespace { name: "namespace", key: "key" }, Projected::Field("expiresAt")]
            }
            Self::Passkeys => &[Projected::Field("user"), Projected::Field("userId")],
            Self::MemoryEntries => &[Projected::Field("userId"), Projected::Field("tokenCount")],
            Self::Schedules => &[Projected::Field("enabled")],
            _ => &[],
        }
    }
}

const USERS: &[Projected] = &[
    Projected::Field("createdAt"),
    Projected::Field("email"),
    Projected::Field("provider"),
    Projected::Field("role"),
    Projected::Field("name"),
    Projected::Field("username"),
    Projected::Field("emailVerified"),
    Projected::Field("twoFactorEnabled"),
    Projected::Field("termsAccepted"),
    Projected::Field("idOnTheSource"),
];

const TRANSACTIONS: &[Projected] = &[
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
    Projected::Field("messageId"),
    Projected::Field("agentId"),
    Projected::Field("rootAgentId"),
];

/// The namespace of bans; their other one, `ban`, is a cache of it.
pub const BANS: &str = "BANS";

/// The namespaces in `logs` that are bans and violations.
pub const NAMESPACES: &[&str] = &[
    BANS,
    "concurrent",
    "convo_access",
    "file_upload_limit",
    "general",
    "illegal_model_request",
    "logins",
    "message_limit",
    "non_browser",
    "registrations",
    "reset_password_limit",
    "share_limit",
    "stt_limit",
    "token_balance",
    "tool_call_limit",
    "tts_limit",
    "verify_email_limit",
    "violations",
];

const FILES: &[Projected] = &[
    Projected::Field("user"),
    Projected::Field("createdAt"),
    Projected::Field("bytes"),
    Projected::Field("type"),
    Projected::Field("source"),
    Projected::Field("context"),
    Projected::Field("status"),
    Projected::Field("conversationId"),
];

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
    Projected::Field("finish_reason"),
    Projected::Field("feedback.rating"),
    Projected::Field("feedback.tag"),
    Projected::Field("content.type"),
    Projected::Field("content.tool_call.name"),
    Projected::Field("content.tool_call.function.name"),
    Projected::Field("content.tool_call.mcpServerName"),
    Projected::Field("content.tool_call.runStepStatus"),
    Projected::Field("content.tool_call.runStepDurationMs"),
    Projected::ErrorType { name: "errorType", flag: "error", text: "text", parts: "content" },
    Projected::FailedTools { name: "failedTools", parts: "content" },
    Projected::HasItems("attachments"),
    Projected::HasItems("files"),
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
    /// Only what the [pattern of errors](super::errors::pattern) finds in the text of one: the `text` of a message with
    /// `error`, and the `error` of a part of type `error`.
    ErrorType { name: &'static str, flag: &'static str, text: &'static str, parts: &'static str },
    /// Only which of the [namespaces](NAMESPACES) the text begins with.
    Namespace { name: &'static str, key: &'static str },
    /// Only of which calls of tools the output is an error text.
    FailedTools { name: &'static str, parts: &'static str },
}

impl Projected {
    /// The name of the field in what the server sends.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Field(name)
            | Self::HasItems(name)
            | Self::IsNotNull(name)
            | Self::ErrorType { name, .. }
            | Self::Namespace { name, .. }
            | Self::FailedTools { name, .. } => name,
        }
    }

    /// The fields of the document that it is made of, as far as their first dot.
    pub fn fields(self) -> impl Iterator<Item = &'static str> {
        let fields = match self {
            Self::Field(name) | Self::HasItems(name) | Self::IsNotNull(name) => [Some(name), None, None],
            Self::ErrorType { flag, text, parts, .. } => [Some(flag), Some(text), Some(parts)],
            Self::FailedTools { parts, .. } => [Some(parts), None, None],
            Self::Namespace { key, .. } => [Some(key), None, None],
        };
        fields.into_iter().flatten().map(|name| name.split_once('.').map_or(name, |(top, _)| top))
    }
}
