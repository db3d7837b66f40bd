//! What `docs/mongodb.md` tells an operator to do with a standalone server, done: with its own files and commands.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use mongodb::Database;
use mongodb::bson::{Document, doc, oid::ObjectId};
use tempfile::TempDir;

use crate::exporter::Exporter;
use crate::markdown::Page;
use crate::mongod::{DATABASE, Mongod, READER};
use crate::process::Process;
use crate::replica_set::ReplicaSet;
use crate::servers::{command, eventually};

const PAGE: &str = "docs/mongodb.md";

/// The text of the block of `docs/mongodb.md` that holds `mark`.
fn block(mark: &str) -> String {
    let blocks = Page::read(PAGE).blocks().into_iter().map(|block| block.text);
    let mut found: Vec<_> = blocks.filter(|text| text.contains(mark)).collect();
    assert_eq!(found.len(), 1, "blocks of {PAGE} with {mark}");
    found.remove(0)
}

/// The one argument of a `call` of the shell, in the block that holds `mark`: its objects are YAML, too.
fn argument(call: &str, mark: &str) -> Document {
    let text = block(mark);
    let argument = text.lines().skip_while(|line| !line.contains(call)).collect::<Vec<_>>().join("\n");
    let argument = argument.split(call).nth(1).unwrap().split("})").next().unwrap();
    let argument = format!("{}}}", argument.trim_start_matches('('));
    serde_saphyr::from_str(&argument).unwrap_or_else(|error| panic!("{argument}: {error}"))
}

/// Makes the role that the block with `mark` makes; gives its name.
async fn create_role(database: &Database, mark: &str) -> String {
    let mut role = argument("createRole", mark);
    let name = role.remove("role").unwrap().as_str().unwrap().to_owned();
    let mut create = doc! { "createRole": &name };
    create.extend(role);
    database.run_command(create).await.unwrap();
    name
}

/// The page's configuration file, in a folder with its key.
fn configuration() -> (TempDir, String) {
    let folder = TempDir::with_prefix("one-member").unwrap();
    let (key, file) = (folder.path().join("key"), folder.path().join("mongod.conf"));
    fs::write(&key, "c29tZSBrZXkgb2YgdGhlIHRlc3Q=").unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o400)).unwrap();
    let text = block("replSetName");
    assert!(text.contains("/etc/mongo-keyfile"), "{text}");
    fs::write(&file, text.replace("/etc/mongo-keyfile", key.to_str().unwrap())).unwrap();
    (folder, file.to_str().unwrap().to_owned())
}

fn admin(mongod: &Mongod) -> Database {
    mongod.client().database("admin")
}

async fn insert_message(mongod: &Mongod) {
    let message = doc! { "_id": ObjectId::new(), "user": "u" };
    mongod.client().database(DATABASE).collection("messages").insert_one(message).await.unwrap();
}

async fn until_mode(exporter: &Exporter, mode: &str) {
    let name = "librechat_exporter_sync_mode";
    eventually(&format!("the mode is {mode}"), async || {
        let samples = exporter.scrape().await;
        let modes: Vec<_> = samples
            .keys()
            .filter(|series| series.name == name)
            .map(|series| &series.labels["mode"])
            .collect();
        if modes == [mode] { Ok(()) } else { Err(format!("{modes:?}")) }
    })
    .await;
}

async fn warnings(mongod: &Mongod) -> String {
    admin(mongod).run_command(doc! { "getLog": "startupWarnings" }).await.unwrap().to_string()
}

#[tokio::test]
async fn a_standalone_server_with_data_becomes_a_replica_set_of_one_and_goes_back() {
    let mut mongod = Mongod::start_guarded().await;
    mongod.load("seed1").await;
    let uri = mongod.uri_as(READER);
    let polling = Exporter::serve(&[("MONGO_URI", &uri)]).await;
    polling.until_sample("librechat_message_count", Some(3000.0)).await;
    until_mode(&polling, "polling").await;

    mongod.terminate().await;
    let (_folder, file) = configuration();
    mongod.restart_with(&["--config", &file]).await;
    let mut initiate = argument("rs.initiate", "rs.initiate(");
    let text = initiate.to_string();
    assert!(text.contains("mongodb:27017"), "{text}");
    initiate.get_array_mut("members").unwrap()[0] =
        doc! { "_id": 0, "host": format!("127.0.0.1:{}", mongod.port()) }.into();
    admin(&mongod).run_command(doc! { "replSetInitiate": initiate }).await.unwrap();
    eventually("it takes writes", async || {
        let hello =
            admin(&mongod).run_command(doc! { "hello": 1 }).await.map_err(|error| error.to_string())?;
        if hello.get_bool("isWritablePrimary").unwrap_or_default() { Ok(()) } else { Err(hello.to_string()) }
    })
    .await;
    insert_message(&mongod).await;
    // What ran all the time goes on as it did.
    polling.until_sample("librechat_message_count", Some(3001.0)).await;

    for options in ["", "&replicaSet=rs0", "&directConnection=true"] {
        let uri = format!("{uri}{options}");
        let told = Exporter::serve(&[("MONGO_URI", &uri), ("REFRESH_INTERVAL", "1h")]).await;
        told.until_status("/readyz", 200).await;
        until_mode(&told, "change_stream").await;
    }
    let told = Exporter::serve(&[("MONGO_URI", &uri), ("REFRESH_INTERVAL", "1h")]).await;
    told.until_sample("librechat_message_count", Some(3001.0)).await;
    insert_message(&mongod).await;
    // Nothing but the change stream tells of it within the hour.
    told.until_sample("librechat_message_count", Some(3002.0)).await;
    drop(told);
    let through = Exporter::serve(&[("MONGO_URI", &uri), ("REFRESH_INTERVAL", "1s")]).await;
    through.until_sample("librechat_message_count", Some(3002.0)).await;
    until_mode(&through, "change_stream").await;

    mongod.terminate().await;
    mongod.restart_with(&["--auth"]).await;
    let is_idle = "TTL collection monitor will not start";
    assert!(warnings(&mongod).await.contains(is_idle));
    let role = create_role(&admin(&mongod), "dropsLocal").await;
    assert!(block("dropsLocal").contains("getSiblingDB('local').dropDatabase()"));
    let local = mongod.client().database("local");
    local.drop().await.unwrap_err();
    admin(&mongod).run_command(doc! { "grantRolesToUser": "admin", "roles": [role] }).await.unwrap();
    local.drop().await.unwrap();
    mongod.terminate().await;
    mongod.restart_with(&["--auth"]).await;
    assert!(!warnings(&mongod).await.contains(is_idle));
    insert_message(&mongod).await;
    let again = Exporter::serve(&[("MONGO_URI", &uri)]).await;
    again.until_sample("librechat_message_count", Some(3003.0)).await;
    until_mode(&again, "polling").await;
    // Nor does what ran all the time need to be started again.
    through.until_sample("librechat_message_count", Some(3003.0)).await;
    until_mode(&through, "polling").await;
}

#[tokio::test]
async fn a_guarded_member_needs_the_key_file() {
    let (folder, file) = configuration();
    let text = fs::read_to_string(&file).unwrap();
    let without: Vec<_> = text.lines().filter(|line| !line.contains("keyFile")).collect();
    assert_eq!(without.len() + 1, text.lines().count());
    fs::write(&file, without.join("\n")).unwrap();
    let mut mongod = command("mongod");
    mongod.args(["--config", &file, "--dbpath"]).arg(folder.path());
    let mut process = Process::start("mongod", mongod);
    assert!(!process.ended().await.success());
    assert!(process.output().contains("keyFile is required"), "{}", process.output());
}

#[tokio::test]
async fn the_narrowest_role_is_enough_for_following_changes() {
    let set = ReplicaSet::start_guarded(1).await;
    let mongod = &set.members[0];
    mongod.load("seed1").await;
    let database = mongod.client().database(DATABASE);
    let name = create_role(&database, "exporterReads").await;
    let roles = [doc! { "role": &name, "db": DATABASE }];
    let user = ("narrow", "password-of-the-narrow-user");
    let create = doc! { "createUser": user.0, "pwd": user.1, "roles": roles.to_vec() };
    admin(mongod).run_command(create).await.unwrap();
    let exporter = Exporter::serve(&[("MONGO_URI", &mongod.uri_as(user))]).await;
    exporter.until_sample("librechat_message_count", Some(3000.0)).await;
    exporter.until_sample("librechat_up", Some(1.0)).await;
    until_mode(&exporter, "change_stream").await;
    insert_message(mongod).await;
    exporter.until_sample("librechat_message_count", Some(3001.0)).await;
    let revoke = async |action: &str| {
        let privileges = [doc! { "resource": { "db": DATABASE, "collection": "" }, "actions": [action] }];
        let revoke = doc! { "revokePrivilegesFromRole": &name, "privileges": privileges.to_vec() };
        database.run_command(revoke).await.unwrap();
    };
    // Without the right to them changes are looked for.
    revoke("changeStream").await;
    let exporter = Exporter::serve(&[("MONGO_URI", &mongod.uri_as(user))]).await;
    exporter.until_sample("librechat_message_count", Some(3001.0)).await;
    until_mode(&exporter, "polling").await;
    insert_message(mongod).await;
    exporter.until_sample("librechat_message_count", Some(3002.0)).await;
    // Without the right to statistics each collection is asked by itself.
    revoke("collStats").await;
    insert_message(mongod).await;
    exporter.until_sample("librechat_message_count", Some(3003.0)).await;
    exporter.until_sample("librechat_up", Some(1.0)).await;
}
