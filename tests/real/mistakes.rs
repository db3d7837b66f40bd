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

    exporter.until_sample("librechat_exporter_collections_found", Some(0.0)).await;

    // A new LibreChat is empty too: it is found once it is there.
    let empty = Exporter::serve(&[("MONGO_URI", &uri)]).await;
    empty.until_logged(&["warn", "no LibreChat collections", DATABASE]).await;
    mongod.load("seed1").await;
    empty.until_sample("librechat_message_count", Some(3000.0)).await;
}

#[tokio::test]
async fn d35_a_database_that_is_not_named_is_test() {
    let mongod = Mongod::start().await;
    let test = mongod.client().database("test");
    test.collection("messages").insert_one(doc! { "isCreatedByUser": true }).await.unwrap();
    for rest in ["", "/", "/?retryWrites=true&w=majority"] {
        let uri = format!("mongodb://127.0.0.1:{}{rest}", mongod.port());
        let outcome = Exporter::run(&["once"], &[("MONGO_URI", &uri)]).await;
        assert!(outcome.stdout.contains("librechat_message_count 1\n"), "{rest}: {}", outcome.stdout);
        assert!(
            outcome.stdout.contains("librechat_exporter_collections_found 1"),
            "{rest}: {}",
            outcome.stdout
        );
        let outcome = Exporter::run(&["check-config"], &[("MONGO_URI", &uri)]).await;
        assert!(outcome.stdout.contains("reads the database test at"), "{}", outcome.stdout);
    }
}

#[tokio::test]
async fn d35_where_librechat_is_in_another_database_the_warning_names_it() {
    for name in ["LibreChat", "librechat"] {
        let mongod = Mongod::start().await;
        let database = mongod.client().database(name);
        database.collection("messages").insert_one(doc! { "isCreatedByUser": true }).await.unwrap();
        // Another application's, and a database of the server itself: no LibreChat.
        mongod.client().database("Shop").collection("users").insert_one(doc! { "a": 1 }).await.unwrap();
        let uri = format!("mongodb://127.0.0.1:{}", mongod.port());
        let exporter = Exporter::serve(&[("MONGO_URI", &uri)]).await;
        let line = exporter.until_logged(&["warn", "no LibreChat collections in the database test"]).await;
        assert!(line.contains(&format!("some in {name}:")) && line.contains("MONGO_DATABASE"), "{line}");
        exporter.until_sample("librechat_exporter_collections_found", Some(0.0)).await;
        exporter.until_sample("librechat_up", Some(1.0)).await;
    }
}

#[tokio::test]
async fn d35_who_may_not_list_databases_is_warned_all_the_same() {
    let mongod = Mongod::start_guarded().await;
    mongod.load("seed1").await;
    let role = doc! { "role": "read", "db": "test" };
    let create = doc! { "createUser": "narrow", "pwd": "narrow", "roles": [role] };
    mongod.client().database("admin").run_command(create).await.unwrap();
    let uri = format!("mongodb://narrow:narrow@127.0.0.1:{}/?authSource=admin", mongod.port());
    let exporter = Exporter::serve(&[("MONGO_URI", &uri)]).await;
    exporter.until_logged(&["warn", "no LibreChat collections", "test"]).await;
    exporter.until_sample("librechat_up", Some(1.0)).await;
}
