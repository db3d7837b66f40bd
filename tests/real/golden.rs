//! Parity: what `once --at` says of the golden database is what the Node exporter said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::exporter::Exporter;
use crate::exposition::{Series, differences, parse, parse_file};
use crate::mongod::{Mongod, golden};

/// Kept families whose values must agree, series by series. Those with a time window or of the smaller collections
/// join this list as they are built.
const FAMILIES: &[&str] = &[
    "librechat_action_count",
    "librechat_agent_avg_messages_per_use",
    "librechat_agent_count",
    "librechat_agent_last_used_age_seconds",
    "librechat_agent_unique_users_count",
    "librechat_agent_usage_by_email_domain_count",
    "librechat_agent_usage_count",
    "librechat_assistant_count",
    "librechat_assistant_usage_count",
    "librechat_balance_count",
    "librechat_banner_count",
    "librechat_conversation_count",
    "librechat_conversation_duration_seconds_avg",
    "librechat_conversation_tag_count",
    "librechat_conversation_unfinished_count",
    "librechat_cost_per_conversation_avg",
    "librechat_deployed_model_names_count",
    "librechat_error_message_count",
    "librechat_feedback_count_by_tag",
    "librechat_file_count",
    "librechat_key_count",
    "librechat_message_count",
    "librechat_message_feedback_thumbs_down_count",
    "librechat_message_feedback_thumbs_down_total",
    "librechat_message_feedback_thumbs_up_count",
    "librechat_message_feedback_thumbs_up_total",
    "librechat_message_plugin_usage_percent",
    "librechat_message_token_avg",
    "librechat_message_token_sum",
    "librechat_message_with_attachments_count",
    "librechat_model_usage_count",
    "librechat_plugin_auth_count",
    "librechat_preset_count",
    "librechat_prompt_count",
    "librechat_prompt_group_count",
    "librechat_session_count",
    "librechat_shared_link_count",
    "librechat_token_count",
    "librechat_tool_call_count",
    "librechat_transaction_cost_avg",
    "librechat_transaction_cost_by_agent",
    "librechat_transaction_cost_by_email_domain",
    "librechat_transaction_cost_per_model",
    "librechat_transaction_cost_per_user",
    "librechat_transaction_cost_sum",
    "librechat_transaction_cost_total_usd",
    "librechat_transaction_count",
    "librechat_transaction_prompt_completion_ratio_by_model",
    "librechat_transaction_token_avg",
    "librechat_transaction_token_avg_per_message_by_model",
    "librechat_transaction_token_sum",
    "librechat_transaction_token_sum_by_model_email_domain",
    "librechat_unique_users_count",
    "librechat_user_count",
    "librechat_user_count_by_email_domain",
    "librechat_user_count_by_role",
    "librechat_user_email_verified_percent",
    "librechat_user_provider_count",
];

/// The families that the Node exporter gives for groups of agents, where its groups overwrite each other.
const BY_AGENT: &[&str] = &[
    "librechat_agent_avg_messages_per_use",
    "librechat_agent_last_used_age_seconds",
    "librechat_agent_unique_users_count",
    "librechat_agent_usage_by_email_domain_count",
    "librechat_agent_usage_count",
    "librechat_transaction_cost_by_agent",
];

/// Whether a series belongs to the comparison: of our families, and the same in each run of the Node exporter (see
/// `tests/golden/README.md`). It splits an agent's name at a `|`: the rest then stands in another label.
fn compared(series: &Series) -> bool {
    let unstable = BY_AGENT.contains(&series.name.as_str())
        && series.labels.values().any(|value| value == "Research Helper" || value.contains('|'));
    FAMILIES.contains(&series.name.as_str()) && !unstable
}

/// What the Node exporter said of seed1, but for what it gets wrong.
fn expected() -> BTreeMap<Series, f64> {
    let mut expected = parse_file(&golden("seed1.node-exporter.prom.gz"));
    expected.retain(|series, _| compared(series));
    // It counts roles as prompts; seed1 has 31 prompts.
    expected.insert(series("librechat_prompt_count", &[]), 31.0).unwrap();
    // It knows only assistants whose ids begin with `assistant_`, finds none of them, and takes an `asst_…` for a model.
    let (old, new) = ("assistant_writer1", "asst_a1b2c3d4e5");
    let usage = expected.remove(&series("librechat_model_usage_count", &[("model", new)])).unwrap();
    *expected.get_mut(&series("librechat_deployed_model_names_count", &[])).unwrap() -= 1.0;
    expected.insert(series("librechat_assistant_usage_count", &[("assistant", new)]), usage);
    expected.insert(series("librechat_assistant_usage_count", &[("assistant", old)]), 26.0);
    expected
}

fn series(name: &str, labels: &[(&str, &str)]) -> Series {
    let labels = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
    Series { name: name.to_owned(), labels }
}

/// What `once` prints of a golden database in a real MongoDB, at the database's instant.
async fn once(name: &str) -> BTreeMap<Series, f64> {
    let mongod = Mongod::start().await;
    mongod.load(name).await;
    let now = fs::read_to_string(golden(name).join("now.txt")).unwrap();
    let outcome = Exporter::run(&["once", "--at", now.trim()], &[("MONGO_URI", &mongod.uri())]).await;
    assert!(outcome.status.success(), "{}\n{}", outcome.status, outcome.stderr);
    parse(&outcome.stdout)
}

#[tokio::test]
async fn once_says_what_the_node_exporter_said() {
    let expected = expected();
    let families: BTreeSet<_> = expected.keys().map(|series| series.name.as_str()).collect();
    assert!(families.iter().eq(FAMILIES), "the golden file lacks some of the families");

    let mut actual = once("seed1").await;
    actual.retain(|series, _| compared(series));
    let differences = differences(&expected, &actual);
    assert!(
        differences.is_empty(),
        "{} of {} series:\n{}",
        differences.len(),
        expected.len(),
        differences.join("\n")
    );
}

#[tokio::test]
async fn agents_of_one_name_are_added_up() {
    let samples = once("seed1").await;
    let usage =
        |agent: &str| samples.get(&series("librechat_agent_usage_count", &[("agent", agent)])).copied();
    let by_domain: f64 = samples
        .iter()
        .filter(|(series, _)| series.name == "librechat_agent_usage_by_email_domain_count")
        .filter(|(series, _)| series.labels.get("agent").is_some_and(|agent| agent == "Research Helper"))
        .map(|(_, value)| value)
        .sum();
    assert_eq!(usage("Research Helper"), Some(by_domain));
    assert!(usage("Pipe | Agent").is_some(), "an agent's name is kept whole");
}

#[tokio::test]
async fn odd_documents_cost_no_family() {
    let samples = once("seed1-awkward").await;
    let present: BTreeSet<_> = samples.keys().map(|series| series.name.as_str()).collect();
    let lost: Vec<_> = FAMILIES.iter().filter(|&family| !present.contains(family)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert!(samples.values().all(|value| value.is_finite()), "an absent figure is left out, never NaN");
}
