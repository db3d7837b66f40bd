//! Who and what occurs in the demo: names, models and their prices, all made up or generic.

/// A model and its price in USD for a million tokens.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    pub name: &'static str,
    pub prompt_rate: f64,
    pub completion_rate: f64,
}

const fn model(name: &'static str, prompt_rate: f64, completion_rate: f64) -> Model {
    Model { name, prompt_rate, completion_rate }
}

pub const MODELS: &[Model] = &[
    model("gpt-4o", 2.5, 10.0),
    model("gpt-4o-mini", 0.15, 0.6),
    model("claude-sonnet-4", 3.0, 15.0),
    model("gemini-2.0-flash", 0.1, 0.4),
    model("mistral-large", 2.0, 6.0),
    model("llama-3.3-70b", 0.6, 0.6),
];

/// Id and name.
pub const AGENTS: &[(&str, &str)] = &[
    ("agent_demoResearchHelper01", "Research Helper"),
    ("agent_demoCodeReviewer0001", "Code Reviewer"),
    ("agent_demoTranslator000001", "Translator"),
    ("agent_demoMinuteTaker00001", "Minute Taker"),
];

pub const DOMAINS: &[&str] =
    &["engineering.example.com", "sales.example.com", "support.example.com", "uni.example.edu"];

pub const PROVIDERS: &[&str] = &["openid", "openid", "local", "google", "ldap"];

pub const GOOD_TAGS: &[&str] =
    &["accurate_reliable", "creative_solution", "clear_well_written", "attention_to_detail"];

pub const BAD_TAGS: &[&str] = &["not_matched", "inaccurate", "bad_style", "not_helpful"];

pub const TOOLS: &[&str] = &[
    "web_search",
    "file_search",
    "execute_code",
    "search_mcp_wiki",
    "create_issue_mcp_tracker",
    "query_mcp_warehouse",
];
