//! What operators ask, as `docs/metrics.md` is ordered: the metrics to begin with, and the groups of all of them.

/// A question, the metric that answers it, and a query to begin with.
pub(crate) const FIRST: &[(&str, &str, &str)] = &[
    ("Does it work?", "librechat_up", "librechat_up == 0"),
    (
        "How old are the figures?",
        "librechat_exporter_snapshot_timestamp_seconds",
        "time() - librechat_exporter_snapshot_timestamp_seconds",
    ),
    ("How many people have an account?", "librechat_user_count", "librechat_user_count"),
    ("How many use it now?", "librechat_active_users", "max_over_time(librechat_active_users[1d])"),
    ("How many used it today?", "librechat_unique_users_count_1d", "librechat_unique_users_count_1d"),
    ("Which share of them uses it?", "librechat_adoption_rate_30d", "librechat_adoption_rate_30d"),
    ("Do new ones stay?", "librechat_user_retention_d30_percent", "librechat_user_retention_d30_percent"),
    (
        "How much is asked?",
        "librechat_messages_created_total",
        "sum(rate(librechat_messages_created_total[5m])) * 60",
    ),
    ("Which models are used?", "librechat_model_usage_count", "topk(10, librechat_model_usage_count)"),
    ("What did 30 days cost?", "librechat_transaction_cost_30d", "librechat_transaction_cost_30d"),
    (
        "What does a day cost, by model?",
        "librechat_cost_usd_total",
        "sum by (model) (increase(librechat_cost_usd_total[1d]))",
    ),
    ("What does a group cost?", "librechat_cost_usd_by_group", "sort_desc(librechat_cost_usd_by_group)"),
    ("Who has no credits left?", "librechat_users_without_balance", "librechat_users_without_balance > 0"),
    (
        "How many tokens, of which kind?",
        "librechat_tokens_total",
        "sum by (model, token_type) (increase(librechat_tokens_total[1d]))",
    ),
    (
        "Do answers fail?",
        "librechat_failed_answers_total",
        "sum by (model, error_type) (increase(librechat_failed_answers_total[1h]))",
    ),
    (
        "How long does an answer take?",
        "librechat_answer_seconds",
        "histogram_quantile(0.95, sum by (le, model) (rate(librechat_answer_seconds_bucket[15m])))",
    ),
    (
        "Which tool fails?",
        "librechat_tool_invocations_total",
        "sum by (tool, status) (increase(librechat_tool_invocations_total[1d]))",
    ),
    (
        "Are people content?",
        "librechat_net_satisfaction_by_model_30d",
        "bottomk(5, librechat_net_satisfaction_by_model_30d)",
    ),
    (
        "Which agents are used?",
        "librechat_agent_unique_users_30d",
        "topk(10, librechat_agent_unique_users_30d)",
    ),
    (
        "Who is refused at /metrics?",
        "librechat_exporter_auth_requests_total",
        "sum by (reason) (increase(librechat_exporter_auth_requests_total{endpoint=\"metrics\"}[1h]))",
    ),
];

/// The groups of LibreChat's metrics: a metric is in the first of which it has a part in its name.
const GROUPS: &[(&str, &[&str])] = &[
    ("What does it cost?", &["cost", "credits", "balance", "transaction_count", "unbilled"]),
    (
        "How many tokens?",
        &["transaction_token", "message_token", "tokens", "prompt_cache", "completion_ratio"],
    ),
    ("Are people content with the answers?", &["feedback", "satisfaction"]),
    ("Does it answer, and how fast?", &["answer", "error", "unfinished"]),
    ("Do tools and MCP servers work?", &["tool", "mcp", "plugin_usage", "web_search"]),
    (
        "What are agents and assistants used for?",
        &["agent", "assistant", "queued", "schedule", "action", "trigger", "skill"],
    ),
    (
        "What is kept in it?",
        &[
            "memory_entries",
            "artifact",
            "project",
            "file",
            "banner",
            "key",
            "plugin_auth",
            "preset",
            "prompt",
            "shared_link",
            "token_count",
        ],
    ),
    (
        "Who uses it, and who comes back?",
        &[
            "user",
            "group_members",
            "passkey",
            "audit",
            "adoption",
            "retention",
            "periodicity",
            "session",
            "login",
        ],
    ),
    ("What is it used for, and when?", &[""]),
];

/// The titles of the groups, in their order.
pub(crate) fn groups() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|(title, _)| *title)
}

/// The group of a metric.
pub(crate) fn group(name: &str) -> &'static str {
    let rest = name.trim_start_matches("librechat_");
    let found = GROUPS.iter().find(|(_, parts)| parts.iter().any(|part| rest.contains(part)));
    found.map(|(title, _)| *title).unwrap_or_default()
}
