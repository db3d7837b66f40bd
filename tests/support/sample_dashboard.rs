//! What the sample dashboard of the Node exporter asks for (librechat-exporter-dashboard.json of
//! rubentalstra/librechat-prom-exporter, made with Grafana 11.6): names of families, by how they are asked for.

/// Shown as they are, or summed up by a label.
pub(crate) const SHOWN: &[&str] = &[
    "librechat_action_count",
    "librechat_active_banner_count",
    "librechat_active_users",
    "librechat_agent_count",
    "librechat_agent_usage_count",
    "librechat_assistant_count",
    "librechat_assistant_usage_count",
    "librechat_banner_count",
    "librechat_conversation_count",
    "librechat_conversation_message_avg",
    "librechat_deployed_model_names_count",
    "librechat_error_message_count",
    "librechat_file_avg_bytes",
    "librechat_file_count",
    "librechat_file_total_bytes",
    "librechat_key_count",
    "librechat_message_count",
    "librechat_message_plugin_usage_percent",
    "librechat_message_token_avg",
    "librechat_message_token_sum",
    "librechat_message_with_attachments_count",
    "librechat_model_usage_count",
    "librechat_plugin_auth_count",
    "librechat_preset_count",
    "librechat_prompt_count",
    "librechat_prompt_group_count",
    "librechat_prompt_group_generations_avg",
    "librechat_session_avg_duration",
    "librechat_tool_call_count",
    "librechat_transaction_cost_per_user",
    "librechat_transaction_cost_total_usd",
    "librechat_transaction_count",
    "librechat_transaction_token_avg",
    "librechat_transaction_token_sum",
    "librechat_unique_users_count",
    "librechat_unique_users_count_30d",
    "librechat_unique_users_count_7d",
    "librechat_user_count",
    "librechat_user_count_by_email_domain",
];

/// Asked for by `increase()` over the time shown.
pub(crate) const INCREASES: &[&str] = &[
    "librechat_action_count_by_type",
    "librechat_conversation_tag_count",
    "librechat_prompt_count_by_type",
    "librechat_session_count",
    "librechat_shared_link_count",
    "librechat_tool_call_count_by_tool",
    "librechat_transaction_cost_avg",
    "librechat_transaction_cost_per_model",
    "librechat_transaction_cost_per_user",
    "librechat_transaction_cost_sum",
    "librechat_transaction_cost_total_usd",
    "librechat_user_provider_count",
];

/// Asked for by it, or by the one of an earlier release, and no longer served by the Node exporter 0.10.0 itself.
pub(crate) const GONE: &[&str] = &[
    "librechat_agent_model_count",
    "librechat_deployed_model_usage_count",
    "librechat_project_count",
    "librechat_role_count",
];
