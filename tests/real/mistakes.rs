//! What people get wrong about `MONGO_URI`: each gives one clear line, and no part of a password is ever shown.

use mongodb::bson::doc;

use crate::exporter::{Exporter, Outcome};
use crate::mongod::{DATABASE, Mongod, READER};

/// Part of every password here: looked for in all that is printed.
const SECRET: &str = "tell-nobody";

fn assert_no_secret(text: &str) {
    assert!(!text.contains(SECRET), "shows the password:\n{text}");
}

fn assert_one_line(outcome: &Outcome, code: i32, words: &[&str]) {
    assert_no_secret(&outcome.stdout);
    assert_no_secret(&outcome.stderr);
    assert_eq!(outcome.status.code(), Some(code), "{}", outcome.stderr);
    let lines: Vec<_> = outcome.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(lines.len(), 1, "{}", outcome.stderr);
    let line = lines[0].to_lowercase();
    for word in words {
        assert!(line.contains(&word.to_lowercase()), "{word:?} is not in {line:?}");
    }
}

#[tokio::test]
async fn a_uri_with_a_typing_mistake_stops_the_start_without_showing_its_password() {
    let wrong = [
        format!("mongo://somebody:{SECRET}@127.0.0.1:27017/{DATABASE}"),
        format!("mongodb:/somebody:{SECRET}@127.0.0.1:27017/{DATABASE}"),
        format!("mongodb//somebody:{SECRET}@127.0.0.1:27017/{DATABASE}"),
        format!("mongodb://somebody:{SECRET}@127.0.0.1:twenty/{DATABASE}"),
        format!("mongodb://somebody:{SECRET}@127.0.0.1:99999/{DATABASE}"),
        format!("mongodb://somebody:{SECRET}@with@at@127.0.0.1/{DATABASE}"),
        format!("mongodb://somebody:{SECRET}/with-slash@127.0.0.1/{DATABASE}"),
        format!("mongodb://somebody:{SECRET}%zz@127.0.0.1/{DATABASE}"),
        format!("mongodb://somebody:{SECRET}@/{DATABASE}"),
        // Without the `@` the password is where a port should be.
        format!("mongodb://somebody:{SECRET}127.0.0.1/{DATABASE}"),
        format!("mongodb://somebody:{SECRET}@127.0.0.1/{DATABASE}?authMechanism=NONSENSE"),
        format!("mongodb://somebody:{SECRET}@127.0.0.1/{DATABASE}?maxPoolSize=many"),
        format!("mongodb://somebody:{SECRET}@127.0.0.1/{DATABASE}?tls=true&tls=false"),
    ];
    for uri in &wrong {
        for command in ["serve", "once", "check-config"] {
            let outcome = Exporter::run(&[command], &[("MONGO_URI", uri)]).await;
            assert_one_line(&outcome, 2, &["MONGO_URI"]);
        }
    }
}

#[tokio::test]
async fn without_a_uri_it_says_so_and_names_demo() {
    for (name, value) in [("UNRELATED", "1"), ("MONGO_URI", ""), ("MONGO_URI", "  ")] {
        let outcome = Exporter::run(&["serve"], &[(name, value)]).await;
        assert_one_line(&outcome, 2, &["MONGO_URI", "demo"]);
    }
}

#[tokio::test]
async fn a_mongodb_that_needs_credentials_and_gets_none_or_wrong_ones_is_named_in_one_line() {
    let mongod = Mongod::start_guarded().await;
    mongod.load("seed1").await;
    for uri in [mongod.uri(), mongod.uri_as(("reader", "tell-nobody-but-wrong"))] {
        let outcome = Exporter::run(&["once"], &[("MONGO_URI", &uri)]).await;
        assert_one_line(&outcome, 1, &["auth"]);
        assert_eq!(outcome.stdout, "");

        let exporter = Exporter::serve(&[("MONGO_URI", &uri)]).await;
        exporter.until_logged(&["auth"]).await;
        exporter.until_sample("librechat_up", Some(0.0)).await;
        assert_eq!(exporter.get("/readyz").await.status, 503);
        assert_no_secret(&exporter.process.output());
    }
}

#[tokio::test]
async fn a_user_who_may_only_read_is_enough() {
    let mongod = Mongod::start_guarded().await;
    mongod.load("seed1").await;
    let settings = [("MONGO_URI", mongod.uri_as(READER)), ("LOG_LEVEL", "trace".to_owned())];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let exporter = Exporter::serve(&settings).await;
    exporter.until_sample("librechat_message_count", Some(3000.0)).await;
    exporter.until_status("/health", 200).await;
    assert_no_secret(&exporter.get("/metrics").await.text());
    assert_no_secret(&exporter.process.output());

    let outcome = Exporter::run(&["check-config"], &settings).await;
    assert_eq!(outcome.status.code(), Some(0), "{}", outcome.stderr);
    assert_no_secret(&outcome.stdout);
    assert_no_secret(&outcome.stderr);
}

#[tokio::test]
async fn a_database_without_librechat_is_warned_of_and_watched() {
    let mongod = Mongod::start().await;
    mongod.client().database("Other").collection("things").insert_one(doc! { "a": 1 }).await.unwrap();
    let uri = mongod.uri();
    let wrong = [("MONGO_URI", uri.as_str()), ("MONGO_DATABASE", "Other")];
    let exporter = Exporter::serve(&wrong).await;
    exporter.until_logged(&["warn", "no LibreChat collections", "Other"]).await;
    exporter.until_status("/health", 200).await;

    // A new LibreChat is empty too: it is found once it is there.
    let empty = Exporter::serve(&[("MONGO_URI", &uri)]).await;
    empty.until_logged(&["warn", "no LibreChat collections", DATABASE]).await;
    mongod.load("seed1").await;
    empty.until_sample("librechat_message_count", Some(3000.0)).await;
}
