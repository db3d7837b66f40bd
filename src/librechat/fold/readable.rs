//! Which figures are made of which collections: what may not be read must be absent, and not 0.

use crate::exposition::samples::Samples;
use crate::librechat::record::Collection;

/// How the names of the families begin that a collection feeds; a name that ends in `$` is the whole of it.
const fn feeds(collection: Collection) -> &'static [&'static str] {
    match collection {
        Collection::Users => OF_USERS,
        Collection::Actions => &["librechat_action_"],
        Collection::AgentQueuedTurns => &["librechat_queued_turns", "librechat_oldest_queued_turn_"],
        Collection::AclEntries => &["librechat_shared_agents$"],
        Collection::AgentApiKeys => &["librechat_agent_api_key"],
        Collection::AgentTriggerDeliveries => {
            &["librechat_trigger_deliveries$", "librechat_oldest_trigger_delivery_"]
        }
        Collection::ArtifactApps => &["librechat_published_artifacts$"],
        Collection::AuditLogs => &["librechat_audit_log_"],
        Collection::ChatProjects => &["librechat_chat_projects$"],
        Collection::McpServers => &["librechat_mcp_servers$"],
        Collection::MemoryEntries => &["librechat_memory_", "librechat_users_with_memories$"],
        Collection::Passkeys => &["librechat_passkeys$", "librechat_users_with_passkey$"],
        Collection::Schedules => &["librechat_schedules$"],
        Collection::Skills => &["librechat_skills$"],
        Collection::Agents => OF_AGENTS,
        Collection::Assistants => &["librechat_assistant_count$"],
        Collection::Balances => {
            &["librechat_balance_", "librechat_user_balance_", "librechat_users_without_balance$"]
        }
        Collection::Banners => &["librechat_banner_", "librechat_active_banner_"],
        Collection::ConversationTags => &["librechat_conversation_tag_"],
        Collection::Conversations => OF_CONVERSATIONS,
        Collection::Files => &["librechat_file_", "librechat_files_", "librechat_orphan_files$"],
        Collection::Groups => {
            &["librechat_active_users_by_group", "librechat_cost_usd_by_group", "librechat_group_"]
        }
        Collection::Logs => &["librechat_violations$"],
        Collection::Keys => &["librechat_key_"],
        Collection::Messages => OF_MESSAGES,
        Collection::PluginAuths => &["librechat_plugin_auth_"],
        Collection::Presets => &["librechat_preset_"],
        Collection::PromptGroups => &["librechat_prompt_group_"],
        Collection::Prompts => &["librechat_prompt_count"],
        Collection::ScheduleRuns => &["librechat_schedule_run"],
        Collection::Sessions => &["librechat_session_", "librechat_logins_total$"],
        Collection::SharedLinks => &["librechat_shared_link_"],
        Collection::Tokens => &["librechat_token_count$"],
        Collection::ToolCalls => &["librechat_tool_call_"],
        Collection::Transactions => OF_TRANSACTIONS,
    }
}

const OF_USERS: &[&str] = &[
    "librechat_user_count",
    "librechat_user_email_",
    "librechat_user_provider_",
    "librechat_user_last_",
    "librechat_user_messages$",
    "librechat_user_percent_",
    "librechat_user_retention_",
    "librechat_users_",
    "librechat_new_users_",
    "librechat_adoption_",
    "librechat_balance_count$",
];

const OF_CONVERSATIONS: &[&str] = &[
    "librechat_conversation_count$",
    "librechat_conversations_started_total$",
    "librechat_new_conversations_",
    "librechat_cost_per_conversation_",
    "librechat_cost_usd_by_endpoint$",
    "librechat_tokens_by_endpoint$",
    "librechat_archived_conversation_",
    "librechat_temporary_conversation_",
    "librechat_orphan_files$",
];

const OF_TRANSACTIONS: &[&str] = &[
    "librechat_transaction_",
    "librechat_model_cost_",
    "librechat_model_tokens$",
    "librechat_agent_cost_",
    "librechat_agent_tokens$",
    "librechat_email_domain_cost_",
    "librechat_email_domain_tokens$",
    "librechat_group_cost_",
    "librechat_group_tokens$",
    "librechat_user_cost_",
    "librechat_user_tokens$",
    "librechat_cost_",
    "librechat_prompt_cache_",
    "librechat_tokens_by_endpoint$",
    "librechat_tokens_total$",
    "librechat_credits_granted_",
    "librechat_agent_api_cost_",
    "librechat_agent_api_requests_",
    "librechat_unbilled_answers_",
];

const OF_AGENTS: &[&str] = &[
    "librechat_agent_count$",
    "librechat_agent_creation_",
    "librechat_agent_info$",
    "librechat_agents_by_",
    "librechat_promoted_agents$",
];

const OF_MESSAGES: &[&str] = &[
    "librechat_active_users",
    "librechat_adoption_",
    "librechat_agent_avg_",
    "librechat_agent_last_",
    "librechat_agent_messages$",
    "librechat_agent_unique_",
    "librechat_agent_usage_",
    "librechat_assistant_usage_",
    "librechat_avg_messages_",
    "librechat_conversation_duration_",
    "librechat_conversation_length_",
    "librechat_conversation_message_",
    "librechat_conversation_unfinished_",
    "librechat_deployed_",
    "librechat_answer_",
    "librechat_answers_by_finish_reason$",
    "librechat_copied_messages_",
    "librechat_email_domain_messages$",
    "librechat_error_",
    "librechat_failed_answer",
    "librechat_group_messages$",
    "librechat_feedback_",
    "librechat_mcp_tool_",
    "librechat_mcp_unique_",
    "librechat_mcp_utilization_",
    "librechat_message",
    "librechat_model_messages$",
    "librechat_model_usage_",
    "librechat_net_satisfaction_",
    "librechat_new_conversations_",
    "librechat_periodicity_",
    "librechat_power_users_",
    "librechat_tool_invocation",
    "librechat_unbilled_answers_",
    "librechat_unique_users_",
    "librechat_user_last_",
    "librechat_user_messages$",
    "librechat_user_percent_",
    "librechat_user_retention_",
    "librechat_web_search_",
];

/// Whether a family is made of what a collection holds.
fn is_fed_by(family: &str, collection: Collection) -> bool {
    feeds(collection).iter().any(|beginning| match beginning.strip_suffix('$') {
        Some(name) => family == name,
        None => family.starts_with(beginning),
    })
}

/// Takes out the figures that depend on collections which may not be read.
pub fn leave_out(samples: &mut Samples, unreadable: &[Collection]) {
    if !unreadable.is_empty() {
        samples.clear(|family| unreadable.iter().any(|collection| is_fed_by(family, *collection)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::events::Events;
    use crate::librechat::fold::Folds;

    #[test]
    fn d28_every_beginning_is_of_a_family_and_every_collection_feeds_one() {
        let families: Vec<_> =
            Folds::families().chain(Events::families()).map(|family| family.name).collect();
        for collection in Collection::ALL {
            assert!(families.iter().any(|family| is_fed_by(family, *collection)), "{collection:?}");
            for beginning in feeds(*collection) {
                let name = beginning.trim_end_matches('$');
                assert!(families.iter().any(|family| family.starts_with(name)), "{beginning}");
            }
        }
        let of_keys: Vec<_> = families.iter().filter(|family| is_fed_by(family, Collection::Keys)).collect();
        assert_eq!(of_keys, [&"librechat_key_count"]);
    }

    #[test]
    fn d28_a_family_without_a_collection_is_declared_or_fed_by_one() {
        for family in Folds::families().chain(Events::families()) {
            let is_fed = Collection::ALL.iter().any(|collection| is_fed_by(family.name, *collection));
            assert!(is_fed, "{} is fed by no collection of the table", family.name);
        }
    }
}
