//! MongoDB absent at the start, lost, and back again: the exporter serves, and says what it knows.

use crate::exporter::Exporter;
use crate::exposition::value;
use crate::mongod::{DATABASE, Mongod};
use crate::servers::{DEADLINE, eventually, free_port};

const CONNECTED: &str = r#"{"status":"ok","mongo":"connected"}"#;

/// Kills the member and waits until the exporter has noticed.
async fn lose(mongod: &mut Mongod, exporter: &Exporter) {
    mongod.kill();
    let response = exporter.until_status("/health", 503).await;
    assert!(response.text().starts_with(r#"{"status":"degraded","mongo":""#), "{}", response.text());
}

#[tokio::test]
async fn serves_without_mongodb_and_finds_it_when_it_comes() {
    let port = free_port();
    let uri = format!("mongodb://127.0.0.1:{port}/{DATABASE}");
    let exporter = Exporter::serve(&[("MONGO_URI", &uri)]).await;
    exporter.until_status("/health", 503).await;
    assert_eq!(exporter.get("/readyz").await.status, 503);
    let samples = exporter.until_sample("librechat_up", Some(0.0)).await;
    assert_eq!(value(&samples, "librechat_message_count"), None, "zero would be a claim");
    assert!(samples.keys().any(|series| series.name == "librechat_exporter_build_info"));

    let mongod = Mongod::start_on(port).await;
    mongod.load("seed1").await;
    assert_eq!(exporter.until_status("/health", 200).await.text(), CONNECTED);
    exporter.until_status("/readyz", 200).await;
    let samples = exporter.until_sample("librechat_message_count", Some(3000.0)).await;
    assert_eq!(value(&samples, "librechat_up"), Some(1.0));
}

#[tokio::test]
async fn keeps_the_last_figures_while_mongodb_is_lost_and_goes_on_when_it_is_back() {
    let mut mongod = Mongod::start().await;
    mongod.load("seed1").await;
    let exporter = Exporter::serve(&[("MONGO_URI", &mongod.uri())]).await;
    exporter.until_sample("librechat_message_count", Some(3000.0)).await;

    lose(&mut mongod, &exporter).await;
    let samples = exporter.until_sample("librechat_up", Some(0.0)).await;
    assert_eq!(value(&samples, "librechat_message_count"), Some(3000.0));
    assert_eq!(exporter.get("/livez").await.status, 200);
    assert_eq!(exporter.get("/readyz").await.status, 503);

    mongod.restart().await;
    assert_eq!(exporter.until_status("/health", 200).await.text(), CONNECTED);
    let samples = exporter.until_sample("librechat_up", Some(1.0)).await;
    assert_eq!(value(&samples, "librechat_message_count"), Some(3000.0));
}

#[tokio::test]
async fn drops_figures_that_are_too_old() {
    let mut mongod = Mongod::start().await;
    mongod.load("seed1").await;
    let settings = [("MONGO_URI", mongod.uri()), ("METRICS_MAX_STALENESS", "2s".to_owned())];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let exporter = Exporter::serve(&settings).await;
    exporter.until_sample("librechat_message_count", Some(3000.0)).await;

    lose(&mut mongod, &exporter).await;
    exporter.until_sample("librechat_message_count", None).await;
    exporter.until_sample("librechat_up", Some(0.0)).await;
    mongod.restart().await;
    exporter.until_sample("librechat_message_count", Some(3000.0)).await;
}

#[tokio::test]
async fn once_without_mongodb_fails_with_one_line() {
    let uri = format!("mongodb://somebody:tell-nobody@127.0.0.1:{}/{DATABASE}", free_port());
    let outcome = Exporter::run(&["once"], &[("MONGO_URI", &uri)]).await;
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "", "no exposition: a collector of text files would take it for the truth");
    assert_eq!(outcome.stderr.trim().lines().count(), 1, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("127.0.0.1"), "which MongoDB: {}", outcome.stderr);
    assert!(!outcome.stderr.contains("tell-nobody"), "{}", outcome.stderr);
}

#[tokio::test]
async fn healthcheck_says_by_its_exit_code_what_health_says() {
    let mut mongod = Mongod::start().await;
    let exporter = Exporter::serve(&[("MONGO_URI", &mongod.uri())]).await;
    exporter.until_status("/health", 200).await;
    let port = exporter.port.to_string();
    let settings = [("HOST", "127.0.0.1"), ("PORT", port.as_str())];
    let check = async || Exporter::run(&["healthcheck"], &settings).await.status.code();
    assert_eq!(check().await, Some(0));
    lose(&mut mongod, &exporter).await;
    assert_eq!(check().await, Some(1));
    drop(exporter);
    eventually(&format!("healthcheck fails, within {DEADLINE:?}"), async || match check().await {
        Some(1) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}
