//! Who and what occurs in the demo: names, models and their prices, all made up or generic.

/// A model, and its price in USD for a million tokens.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    pub name: &'static str,
    pub endpoint: &'static str,
    pub prompt_rate: f64,
    pub completion_rate: f64,
    /// Whether its provider caches prompts.
    pub caches: bool,
    /// Tokens in a second.
    pub speed: f64,
}

const fn model(
    name: &'static str,
    endpoint: &'static str,
    rates: (f64, f64),
    caches: bool,
    speed: f64,
) -> Model {
    Model { name, endpoint, prompt_rate: rates.0, completion_rate: rates.1, caches, speed }
}

pub const MODELS: &[Model] = &[
    model("gpt-4o", "openAI", (2.5, 10.0), true, 90.0),
    model("gpt-4o-mini", "openAI", (0.15, 0.6), true, 140.0),
    model("claude-sonnet-4", "anthropic", (3.0, 15.0), true, 70.0),
    model("gemini-2.0-flash", "google", (0.1, 0.4), false, 190.0),
    model("mistral-large", "Mistral", (2.0, 6.0), false, 60.0),
    model("llama-3.3-70b", "OpenRouter", (0.6, 0.6), false, 45.0),
];

/// What a token costs that is written to a provider's cache, or read from it, by one that is neither.
pub const CACHE_WRITE: f64 = 1.25;
pub const CACHE_READ: f64 = 0.1;

/// Id and name.
pub const AGENTS: &[(&str, &str)] = &[
    ("agent_demoResearchHelper01", "Research Helper"),
    ("agent_demoCodeReviewer0001", "Code Reviewer"),
    ("agent_demoTranslator000001", "Translator"),
    ("agent_demoMinuteTaker00001", "Minute Taker"),
];

/// Models that answered under their own id, in the days of assistants.
pub const ASSISTANTS: &[&str] = &["asst_demoArchivist0000001", "asst_demoTutor00000000001"];

/// Each with the group of its people.
pub const DOMAINS: &[(&str, &str)] = &[
    ("engineering.example.com", "Engineering"),
    ("sales.example.com", "Sales"),
    ("support.example.com", "Support"),
    ("uni.example.edu", "University"),
];

/// A group across all domains: who came first.
pub const PIONEERS: &str = "Pioneers";

pub const PROVIDERS: &[&str] = &["openid", "openid", "local", "google", "ldap"];

pub const GOOD_TAGS: &[&str] =
    &["accurate_reliable", "creative_solution", "clear_well_written", "attention_to_detail"];

pub const BAD_TAGS: &[&str] = &["not_matched", "inaccurate", "bad_style", "not_helpful"];

/// The full name of a tool, the server that the call has stored, how often in a thousand calls it fails, and the seconds
/// that it takes.
pub const TOOLS: &[(&str, Option<&str>, u32, f64)] = &[
    ("web_search", None, 30, 1.8),
    ("file_search", None, 10, 0.6),
    ("execute_code", None, 90, 3.5),
    ("search_mcp_wiki", Some("wiki"), 20, 0.4),
    ("create_issue_mcp_tracker", Some("tracker"), 60, 0.9),
    ("query_mcp_warehouse", None, 120, 6.0),
    ("getForecast_action_weather---example---com", None, 40, 0.7),
    ("lc_transfer_to_agent_demoTranslator000001", None, 5, 0.05),
];

/// Kinds of errors; no kind is an error whose text says none.
pub const ERRORS: &[Option<&str>] =
    &[Some("http_429"), Some("http_5xx"), Some("connection"), Some("INPUT_LENGTH"), Some("moderation"), None];

/// What else tokens are spent for besides answers.
pub const CHORES: &[&str] = &["summarization", "memory", "subagent"];
