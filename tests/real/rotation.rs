//! Settings that concern the database and change, or narrow, what is read of it.

use std::fs;

use mongodb::bson::{Document, doc};

use crate::exporter::Exporter;
use crate::mongod::{DATABASE, Mongod, READER};

#[tokio::test]
async fn a_new_connection_string_in_its_file_is_taken_without_a_restart() {
    let mongod = Mongod::start_guarded().await;
    mongod.load("seed1").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("uri");
    fs::write(&file, mongod.uri_as(("reader", "not-the-password"))).unwrap();
    let exporter = Exporter::serve(&[("MONGO_URI_FILE", file.to_str().unwrap())]).await;
    exporter.until_logged(&["auth"]).await;

    // With the newline that editors and `kubectl create secret` leave behind.
    fs::write(&file, format!("{}\n", mongod.uri_as(READER))).unwrap();
    exporter.process.signal("HUP");
    exporter.until_sample("librechat_message_count", Some(3000.0)).await;

    // What cannot be used is not taken: the old one stays in force.
    fs::write(&file, "not a connection string").unwrap();
    exporter.process.signal("HUP");
    exporter.until_logged(&["MONGO_URI_FILE", "stays in force"]).await;
    exporter.until_sample("librechat_up", Some(1.0)).await;
}

#[tokio::test]
async fn only_the_documents_of_the_tenant_count() {
    let mongod = Mongod::start().await;
    let database = mongod.client().database(DATABASE);
    let of = |tenant: &str| doc! { "tenantId": tenant, "tokenCount": 5 };
    let messages = database.collection::<Document>("messages");
    messages.insert_many([of("a"), of("a"), of("b"), doc! { "tokenCount": 5 }]).await.unwrap();
    database.collection("prompts").insert_many([of("a"), of("b")]).await.unwrap();
    let exporter = Exporter::serve(&[("MONGO_URI", &mongod.uri()), ("TENANT_ID", "a")]).await;
    exporter.until_sample("librechat_message_count", Some(2.0)).await;
    exporter.until_sample("librechat_message_token_sum", Some(10.0)).await;
    exporter.until_sample("librechat_prompt_count", Some(1.0)).await;
    exporter.until_sample("librechat_file_count", Some(0.0)).await;
}
