//! Parity: what `once --at` says of the golden database is what the Node exporter said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};

use flate2::read::GzDecoder;

use crate::exporter::Exporter;
use crate::exposition::{Series, differences, parse, parse_file};
use crate::mongod::{Mongod, golden};

/// Kept families whose values must agree, series by series.
const FAMILIES: &[&str] = &[
    "librechat_action_count",
    "librechat_action_count_by_type",
    "librechat_active_banner_count",
    "librechat_active_users",
    "librechat_active_users_by_email_domain",
    "librechat_adoption_rate_30d",
    "librechat_adoption_rate_7d",
    "librechat_agent_avg_messages_per_use",
    "librechat_agent_count",
    "librechat_agent_creation_count_by_user_domain",
    "librechat_agent_last_used_age_seconds",
    "librechat_agent_unique_users_30d",
    "librechat_agent_unique_users_count",
    "librechat_agent_usage_by_email_domain_count",
    "librechat_agent_usage_count",
    "librechat_assistant_count",
    "librechat_assistant_usage_count",
    "librechat_avg_messages_per_user_30d",
    "librechat_balance_count",
    "librechat_banner_count",
    "librechat_conversation_count",
    "librechat_conversation_duration_seconds_avg",
    "librechat_conversation_length_p50",
    "librechat_conversation_length_p90",
    "librechat_conversation_length_p95",
    "librechat_conversation_message_avg",
    "librechat_conversation_tag_count",
    "librechat_conversation_tag_usage_count",
    "librechat_conversation_unfinished_count",
    "librechat_cost_per_conversation_avg",
    "librechat_deployed_model_names_count",
    "librechat_error_message_count",
    "librechat_feedback_count_by_domain_30d",
    "librechat_feedback_count_by_tag",
    "librechat_feedback_engagement_rate_30d",
    "librechat_feedback_thumbs_down_percent_by_agent_30d",
    "librechat_feedback_thumbs_down_percent_by_model_30d",
    "librechat_feedback_thumbs_up_percent_by_agent_30d",
    "librechat_feedback_thumbs_up_percent_by_model_30d",
    "librechat_file_avg_bytes",
    "librechat_file_bytes_by_user_domain",
    "librechat_file_count",
    "librechat_file_count_by_type",
    "librechat_file_size_p50_bytes",
    "librechat_file_size_p95_bytes",
    "librechat_file_total_bytes",
    "librechat_file_upload_count_24h",
    "librechat_file_upload_count_7d",
    "librechat_key_count",
    "librechat_mcp_tool_call_count_30d",
    "librechat_mcp_tool_call_count_by_tool_30d",
    "librechat_mcp_tool_call_count_by_user_domain_30d",
    "librechat_mcp_unique_users_30d",
    "librechat_mcp_unique_users_by_tool_30d",
    "librechat_mcp_utilization_percent_30d",
    "librechat_message_count",
    "librechat_message_error_rate_30d",
    "librechat_message_error_rate_by_model",
    "librechat_message_feedback_thumbs_down_count",
    "librechat_message_feedback_thumbs_down_total",
    "librechat_message_feedback_thumbs_up_count",
    "librechat_message_feedback_thumbs_up_total",
    "librechat_message_plugin_usage_percent",
    "librechat_message_token_avg",
    "librechat_message_token_sum",
    "librechat_message_with_attachments_count",
    "librechat_messages_by_hour_of_day",
    "librechat_messages_by_weekday",
    "librechat_messages_total_24h",
    "librechat_messages_total_30d",
    "librechat_messages_total_7d",
    "librechat_model_usage_count",
    "librechat_net_satisfaction_by_agent_30d",
    "librechat_net_satisfaction_by_model_30d",
    "librechat_new_conversations_24h",
    "librechat_new_conversations_30d",
    "librechat_new_conversations_7d",
    "librechat_new_users_30d",
    "librechat_periodicity_daily",
    "librechat_periodicity_monthly",
    "librechat_periodicity_weekly",
    "librechat_plugin_auth_count",
    "librechat_power_users_count_30d",
    "librechat_preset_count",
    "librechat_prompt_count",
    "librechat_prompt_count_by_type",
    "librechat_prompt_group_count",
    "librechat_prompt_group_count_by_category",
    "librechat_prompt_group_generations_avg",
    "librechat_session_active_count",
    "librechat_session_avg_duration",
    "librechat_session_count",
    "librechat_session_expired_count_24h",
    "librechat_shared_link_count",
    "librechat_shared_link_count_24h",
    "librechat_token_count",
    "librechat_tool_call_avg_latency_seconds",
    "librechat_tool_call_count",
    "librechat_tool_call_count_by_tool",
    "librechat_transaction_cost_24h",
    "librechat_transaction_cost_30d",
    "librechat_transaction_cost_7d",
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
    "librechat_unique_users_count_1d",
    "librechat_unique_users_count_1d_by_email_domain",
    "librechat_unique_users_count_30d",
    "librechat_unique_users_count_30d_by_email_domain",
    "librechat_unique_users_count_7d",
    "librechat_unique_users_count_7d_by_email_domain",
    "librechat_user_count",
    "librechat_user_count_by_email_domain",
    "librechat_user_count_by_role",
    "librechat_user_email_verified_percent",
    "librechat_user_percent_by_email_domain_30d",
    "librechat_user_provider_count",
    "librechat_user_retention_d30_percent",
    "librechat_user_retention_d7_percent",
];

/// Those of users, which have a switch.
const PER_USER: &[&str] = &[
    "librechat_agent_usage_by_user_count",
    "librechat_transaction_cost_by_user",
    "librechat_transaction_token_sum_by_model_user",
];

/// The families that the Node exporter gives for groups of agents, where its groups overwrite each other.
const BY_AGENT: &[&str] = &[
    "librechat_agent_avg_messages_per_use",
    "librechat_agent_last_used_age_seconds",
    "librechat_agent_unique_users_count",
    "librechat_agent_unique_users_30d",
    "librechat_agent_usage_by_email_domain_count",
    "librechat_agent_usage_by_user_count",
    "librechat_agent_usage_count",
    "librechat_transaction_cost_by_agent",
];

/// Whether a series belongs to the comparison: of our families, and the same in each run of the Node exporter (see
/// `tests/golden/README.md`). It splits an agent's name at a `|`: the rest then stands in another label.
fn compared(series: &Series, families: &[&str]) -> bool {
    let name = series.name.as_str();
    let has = |is: &dyn Fn(&str) -> bool| series.labels.values().any(|value| is(value));
    let unstable = match name {
        "librechat_prompt_group_count_by_category" => has(&|value| value == "uncategorized"),
        "librechat_conversation_tag_usage_count" => has(&|value| value == "untagged"),
        name => BY_AGENT.contains(&name) && has(&|value| value == "Research Helper" || value.contains('|')),
    };
    families.contains(&name) && !unstable
}

/// What the Node exporter said of seed1, but for what it gets wrong.
fn expected() -> BTreeMap<Series, f64> {
    let mut expected = parse_file(&golden("seed1.node-exporter.prom.gz"));
    expected.retain(|series, _| compared(series, FAMILIES));
    // It counts roles as prompts; seed1 has 31 prompts.
    expected.insert(series("librechat_prompt_count", &[]), 31.0).unwrap();
    expected.remove(&series("librechat_prompt_count_by_type", &[("type", "unknown")])).unwrap();
    expected.insert(series("librechat_prompt_count_by_type", &[("type", "text")]), 17.0);
    expected.insert(series("librechat_prompt_count_by_type", &[("type", "chat")]), 14.0);
    // It leaves out sessions without createdAt, which LibreChat's have not; their ids know when they were made.
    expected.insert(series("librechat_session_avg_duration", &[]), 281_141.139_02).unwrap();
    // A call that was never updated has no latency, which is not 0.
    expected.remove(&series("librechat_tool_call_avg_latency_seconds", &[("toolId", "google")])).unwrap();
    // It has no percentiles on this MongoDB.
    for (name, percentile) in [
        ("librechat_conversation_length_p50", 5.0),
        ("librechat_conversation_length_p90", 16.0),
        ("librechat_conversation_length_p95", 21.0),
        ("librechat_file_size_p50_bytes", 118_459.0),
        ("librechat_file_size_p95_bytes", 1_501_836.0),
    ] {
        assert_eq!(expected.insert(series(name, &[]), percentile), Some(0.0));
    }
    // It divides all active users by those registered before the window; of the old ones 18 and 21 were active.
    for (name, stayed) in
        [("librechat_user_retention_d7_percent", 18.0), ("librechat_user_retention_d30_percent", 21.0)]
    {
        expected.insert(series(name, &[]), stayed / 29.0 * 100.0).unwrap();
    }
    // It knows only assistants whose ids begin with `assistant_`, finds none of them, and takes an `asst_…` for a model.
    let (old, new) = ("assistant_writer1", "asst_a1b2c3d4e5");
    let usage = expected.remove(&series("librechat_model_usage_count", &[("model", new)])).unwrap();
    *expected.get_mut(&series("librechat_deployed_model_names_count", &[])).unwrap() -= 1.0;
    for family in [
        "librechat_feedback_thumbs_up_percent_by_model_30d",
        "librechat_feedback_thumbs_down_percent_by_model_30d",
        "librechat_net_satisfaction_by_model_30d",
    ] {
        expected.remove(&series(family, &[("model", new)])).unwrap();
    }
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
    once_with(name, &[]).await
}

/// The same with settings.
async fn once_with(name: &str, settings: &[(&str, &str)]) -> BTreeMap<Series, f64> {
    let mongod = Mongod::start().await;
    mongod.load(name).await;
    let now = fs::read_to_string(golden(name).join("now.txt")).unwrap();
    let uri = mongod.uri();
    let settings = [&[("MONGO_URI", uri.as_str())], settings].concat();
    let outcome = Exporter::run(&["once", "--at", now.trim()], &settings).await;
    assert!(outcome.status.success(), "{}\n{}", outcome.status, outcome.stderr);
    parse(&outcome.stdout)
}

#[tokio::test]
async fn once_says_what_the_node_exporter_said() {
    let expected = expected();
    let families: BTreeSet<_> = expected.keys().map(|series| series.name.as_str()).collect();
    assert!(families.iter().eq(FAMILIES), "the golden file lacks some of the families");

    let mut actual = once("seed1").await;
    actual.retain(|series, _| compared(series, FAMILIES));
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
async fn users_are_shown_only_when_asked_for_and_by_id_unless_told_otherwise() {
    let mut expected = parse_file(&golden("seed1.node-exporter.per-user.prom.gz"));
    // Here it has prices for rows without a model, too: bought credits are no cost.
    let is_priced = |series: &Series| {
        let label = |name: &str, values: &[&str]| {
            series.labels.get(name).is_some_and(|value| values.contains(&value.as_str()))
        };
        series.name != "librechat_transaction_cost_by_user"
            && !label("model", &["unknown", "UNKNOWN", "null", "undefined"])
            && !label("tokenType", &["null", "unknown"])
    };
    expected.retain(|series, _| compared(series, PER_USER) && is_priced(series));
    let on = ("EMIT_PER_USER_METRICS", "true");
    let mut actual = once_with("seed1", &[on]).await;
    let cost = |name: &str| -> f64 {
        actual.iter().filter(|(series, _)| series.name == name).map(|(_, value)| value).sum()
    };
    let difference =
        cost("librechat_transaction_cost_by_user") - cost("librechat_transaction_cost_total_usd");
    assert!(difference.abs() < 1e-9, "{difference}");
    actual.retain(|series, _| compared(series, PER_USER) && is_priced(series));
    let differences = differences(&expected, &actual);
    assert!(differences.is_empty(), "{}", differences.join("\n"));

    let shown = once_with("seed1", &[on, ("ANONYMIZE_EMAIL_LABEL", "false")]).await;
    let mut ids = shown.keys().filter_map(|series| series.labels.get("id"));
    assert!(ids.any(|id| id.contains('@')));
    let without = once("seed1").await;
    assert!(without.keys().all(|series| !series.labels.contains_key("id")));
}

#[tokio::test]
async fn too_many_models_go_into_other() {
    let samples = once_with("seed1", &[("METRICS_MAX_LABEL_VALUES", "3")]).await;
    let family = |name: &str| -> BTreeMap<String, f64> {
        let of = samples.iter().filter(|(series, _)| series.name == name);
        of.map(|(series, value)| (series.labels["model"].clone(), *value)).collect()
    };
    let usage = family("librechat_model_usage_count");
    assert_eq!(usage.len(), 4);
    let before = expected();
    let before = before.iter().filter(|(series, _)| series.name == "librechat_model_usage_count");
    let (all, count) = before.fold((0.0, 0.0), |(all, count), (_, value)| (all + value, count + 1.0));
    assert_eq!(usage.values().sum::<f64>(), all, "{usage:?}");
    assert!(usage.contains_key("other"));
    let dropped = [("family", "librechat_model_usage_count")];
    let dropped = samples.get(&series("librechat_exporter_label_values_dropped", &dropped));
    assert_eq!(dropped, Some(&(count - 3.0)));
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

/// How many documents have a value of another type than the field's own in the golden files.
fn odd_values(name: &str, collection: &str, field: &str) -> f64 {
    let file = fs::File::open(golden(name).join(format!("{collection}.jsonl.gz"))).unwrap();
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    let is_fine = |value: &serde_json::Value| match field {
        "createdAt" | "expiration" => value.get("$date").is_some(),
        "model" => value.is_string(),
        // Infinity and NaN are numbers that no sum survives.
        _ => value.as_object().is_some_and(|object| {
            object.iter().all(|(kind, text)| {
                kind.starts_with("$number") && text.as_str().is_some_and(|text| !text.contains(['N', 'y']))
            })
        }),
    };
    let odd = lines.filter(|line| {
        let document: serde_json::Value = serde_json::from_str(line.as_ref().unwrap()).unwrap();
        document.get(field).is_some_and(|value| !value.is_null() && !is_fine(value))
    });
    f64::from(u32::try_from(odd.count()).unwrap())
}

#[tokio::test]
async fn odd_documents_cost_no_family() {
    let samples = once("seed1-awkward").await;
    let present: BTreeSet<_> = samples.keys().map(|series| series.name.as_str()).collect();
    let lost: Vec<_> = FAMILIES.iter().filter(|&family| !present.contains(family)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert!(samples.values().all(|value| value.is_finite()), "an absent figure is left out, never NaN");
    let skipped = |collection: &str, reason: &str| {
        let labels = [("collection", collection), ("reason", reason)];
        let series = series("librechat_exporter_documents_skipped_total", &labels);
        samples.get(&series).copied().unwrap_or_default()
    };
    for (collection, field) in [
        ("messages", "createdAt"),
        ("messages", "model"),
        ("messages", "tokenCount"),
        ("transactions", "rawAmount"),
        ("sessions", "expiration"),
    ] {
        let odd = odd_values("seed1-awkward", collection, field);
        assert!(odd > 0.0, "{collection}.{field} has nothing odd");
        assert_eq!(skipped(collection, field), odd, "{collection}.{field}");
    }
}
