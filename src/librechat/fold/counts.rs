//! How many documents each collection has.

use std::collections::BTreeMap;

use super::Fold;
use crate::exposition::family::{Description, Family};
use crate::exposition::samples::Samples;
use crate::librechat::record::{Collection, Record};
use crate::librechat::scope::Names;

macro_rules! counted {
    ($($collection:ident => $family:ident, $name:literal, $what:literal $(, $momentary:ident)?;)+) => {
        $(
            static $family: Family<0> =
                Family::gauge($name, [], concat!("Number of ", $what))$(.$momentary())?;
        )+

        const FAMILIES: &[Description] = &[$($family.describe()),+];

        const COUNTED: &[(Collection, &Family<0>)] = &[$((Collection::$collection, &$family)),+];
    };
}

counted! {
    Users => USERS, "librechat_user_count", "registered users";
    Actions => ACTIONS, "librechat_action_count", "actions";
    Agents => AGENTS, "librechat_agent_count", "agents";
    Assistants => ASSISTANTS, "librechat_assistant_count", "assistants";
    Balances => BALANCES, "librechat_balance_count", "balance records";
    Banners => BANNERS, "librechat_banner_count", "banners";
    ConversationTags => CONVERSATION_TAGS, "librechat_conversation_tag_count", "conversation tags";
    Conversations => CONVERSATIONS, "librechat_conversation_count", "conversations";
    Files => FILES, "librechat_file_count", "files";
    Keys => KEYS, "librechat_key_count", "API keys that users have stored", momentary;
    Messages => MESSAGES, "librechat_message_count", "messages";
    PluginAuths => PLUGIN_AUTHS, "librechat_plugin_auth_count", "plugin credentials";
    Presets => PRESETS, "librechat_preset_count", "presets";
    PromptGroups => PROMPT_GROUPS, "librechat_prompt_group_count", "prompt groups";
    Prompts => PROMPTS, "librechat_prompt_count", "prompts";
    Sessions => SESSIONS, "librechat_session_count", "login sessions", momentary;
    SharedLinks => SHARED_LINKS, "librechat_shared_link_count", "shared links";
    Tokens => TOKENS, "librechat_token_count", "one-time tokens", momentary;
    ToolCalls => TOOL_CALLS, "librechat_tool_call_count", "directly invoked tool calls";
    Transactions => TRANSACTIONS, "librechat_transaction_count", "transactions";
}

#[derive(Clone, Debug, Default)]
pub struct Counts(BTreeMap<Collection, u64>);

impl Fold for Counts {
    const FAMILIES: &'static [Description] = FAMILIES;

    fn absorb(&mut self, record: &Record<'_>) {
        *self.0.entry(record.collection()).or_default() += 1;
    }

    fn merge(&mut self, other: &Self) {
        for (collection, count) in &other.0 {
            *self.0.entry(*collection).or_default() += count;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    fn export_totals(&self, _names: &Names<'_>, samples: &mut Samples) {
        for (collection, family) in COUNTED {
            let count = self.0.get(collection).copied().unwrap_or_default();
            samples.push(family, [], count as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::librechat::fold::testing::lines;

    #[test]
    fn counts_documents_and_says_zero_of_empty_collections() {
        let records = [
            Record::Document(Collection::Prompts),
            Record::Document(Collection::Prompts),
            Record::Message(Default::default()),
        ];
        let lines = lines::<Counts>(&records, &[], 0);
        assert_eq!(lines.len(), COUNTED.len());
        for line in ["librechat_prompt_count 2", "librechat_message_count 1", "librechat_file_count 0"] {
            assert!(lines.iter().any(|other| other == line), "{line}");
        }
    }
}
