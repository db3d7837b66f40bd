//! Databases that real LibreChat servers wrote, with ledgers of what was done there: what `once --at` says is what a
//! program of its own has reckoned.

use std::collections::BTreeMap;
use std::fs;

use mongodb::bson::{Bson, DateTime, Document, doc, oid::ObjectId};
use serde_json::Value;

use crate::exporter::Exporter;
use crate::exposition::{Series, differences, parse};
use crate::mongod::{DATABASE, Mongod, golden};
use crate::servers::eventually;

const DATABASES: &[&str] = &["librechat-v0.8.0", "librechat-v0.8.8-rc1"];

/// The ledger's figures below `section`.
fn figures(ledger: &Value, section: &str) -> BTreeMap<Series, f64> {
    let lines = ledger.pointer(section).unwrap().as_object().unwrap().iter();
    let text: String = lines.map(|(series, value)| format!("{series} {value}\n")).collect();
    parse(&text)
}

async fn once(database: &str) -> (BTreeMap<Series, f64>, Value) {
    let mongod = Mongod::start().await;
    mongod.load(database).await;
    let read = |file: &str| fs::read_to_string(golden(database).join(file)).unwrap();
    let settings = [("MONGO_URI", mongod.uri()), ("EMIT_PER_USER_METRICS", "true".to_owned())];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let outcome = Exporter::run(&["once", "--at", read("now.txt").trim()], &settings).await;
    assert!(outcome.status.success(), "{}\n{}", outcome.status, outcome.stderr);
    (parse(&outcome.stdout), serde_json::from_str(&read("ledger.json")).unwrap())
}

#[tokio::test]
async fn once_equals_the_ledger_of_a_real_librechat() {
    for database in DATABASES {
        let (mut samples, ledger) = once(database).await;
        let mut expected = figures(&ledger, "/gauges");
        let otherwise = "/gauges_that_should_be_otherwise_than_17a64c1_says";
        let right = figures(&ledger, &format!("{otherwise}/right"));
        // The families of the Node exporter keep its rule, by which a provider's failure is no error; the ledger's
        // figures are those of the family that counts both kinds.
        let (errors, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            right.into_iter().partition(|(series, _)| series.name.contains("error"));
        expected.extend(others);
        for (series, percent) in errors {
            let Some(model) = series.labels.get("model") else { continue };
            // Those of models count copies there.
            let Some(agent) = ledger["agents"].get(model).and_then(Value::as_str) else { continue };
            let (name, labels) =
                ("librechat_failed_answer_ratio_by_agent_30d", [("agent".to_owned(), agent.to_owned())]);
            expected.insert(Series { name: name.to_owned(), labels: labels.into() }, percent / 100.0);
        }
        for series in figures(&ledger, &format!("{otherwise}/too_much")).keys() {
            assert!(!samples.contains_key(series), "{database} has {series:?}");
        }
        let skipped =
            samples.keys().find(|series| series.name == "librechat_exporter_documents_skipped_total");
        assert_eq!(skipped, None, "{database}");
        samples.retain(|series, _| expected.contains_key(series));
        let differences = differences(&expected, &samples);
        assert!(differences.is_empty(), "{database}:\n{}", differences.join("\n"));
    }
}

/// Messages that failed, and the kind of error that each must be told as.
fn failures() -> Vec<(Document, &'static str)> {
    let request = "An error occurred while processing the request: ";
    let failed = |text: &str| doc! { "content": [{ "type": "error", "error": format!("{request}{text}") }] };
    let flagged = |text: &str| doc! { "error": true, "text": text };
    vec![
        (
            failed("401 Incorrect API key provided\n\nTroubleshooting URL: x/errors/MODEL_AUTHENTICATION/\n"),
            "http_401",
        ),
        (failed("400 This model's maximum context length is 8192 tokens."), "http_400"),
        (failed("404 The model `x` does not exist"), "http_404"),
        (failed("429 Rate limit reached"), "http_429"),
        (failed("500 The server had an error"), "http_5xx"),
        (failed("503 no body"), "http_5xx"),
        (failed("418 I'm a teapot"), "http_4xx"),
        (failed("terminated"), "connection"),
        (failed("Connection error."), "connection"),
        (failed("something nobody knows"), "unknown"),
        (flagged(r#"{"type":"token_balance","balance":0}"#), "token_balance"),
        (flagged(r#"{"type": "message_limit", "limit": 429}"#), "message_limit"),
        // What was said before the error is not the error.
        (
            doc! { "text": "status 401 means unauthorized", "content": [
                { "type": "text", "text": "request: 404" }, { "type": "error", "error": "status code 502" },
            ] },
            "http_5xx",
        ),
        (doc! { "content": [{ "type": "error", "error": 7 }, Bson::Null, "x"] }, "unknown"),
        (doc! { "content": { "type": "error" }, "error": true, "text": 3 }, "unknown"),
    ]
}

/// What the server evaluates, over documents that LibreChat wrote (findings F2 and F4), and over made-up ones of the same
/// kinds: only the counters of `serve` show it.
#[tokio::test]
async fn the_server_tells_kinds_of_errors_and_tools_that_failed() {
    let mongod = Mongod::start().await;
    let exporter = Exporter::serve(&[("MONGO_URI", &mongod.uri()), ("REFRESH_INTERVAL", "1s")]).await;
    exporter.until_status("/readyz", 200).await;
    let messages = failures();
    let outputs = [
        ("Error: [MCP][x][y] tool call failed: Request timed out", "error"),
        ("Error processing tool: no such tool", "error"),
        ("API call to http://127.0.0.1:1 failed: status 500", "error"),
        ("API call to http://127.0.0.1:1 was fine", "ok"),
        ("the last Error: none", "ok"),
        ("", "ok"),
    ];
    let mut documents = Vec::new();
    let mut expected: BTreeMap<String, f64> = BTreeMap::new();
    for (message, kind) in &messages {
        *expected.entry(format!("error_type=\"{kind}\"")).or_default() += 1.0;
        documents.push(message.clone());
    }
    let calls = outputs.map(|(output, status)| {
        *expected.entry(format!("status=\"{status}\"")).or_default() += 1.0;
        let call = doc! { "name": "tool_mcp_s", "output": output, "runStepStatus": "completed" };
        Bson::Document(doc! { "type": "tool_call", "tool_call": call })
    });
    let content = [&[Bson::Document(doc! { "type": "text" })], &calls[..]].concat();
    documents.push(doc! { "content": content });
    for document in &mut documents {
        document.insert("_id", ObjectId::new());
        document.insert("createdAt", DateTime::now());
        document.insert("endpoint", "Acme");
        document.insert("model", "m");
        document.insert("isCreatedByUser", false);
    }
    mongod.client().database(DATABASE).collection("messages").insert_many(documents).await.unwrap();
    eventually("every error and every call has its kind", async || {
        let mut seen: BTreeMap<String, f64> = BTreeMap::new();
        for (series, value) in exporter.scrape().await.iter().filter(|(_, value)| **value > 0.0) {
            let label = match series.name.as_str() {
                "librechat_failed_answers_total" => "error_type",
                "librechat_tool_invocations_total" => "status",
                _ => continue,
            };
            *seen.entry(format!("{label}=\"{}\"", series.labels[label])).or_default() += value;
        }
        if seen == expected { Ok(()) } else { Err(format!("{seen:?} for {expected:?}")) }
    })
    .await;
}
