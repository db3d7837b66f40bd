//! Servers that speak MongoDB's protocol and refuse parts of it, played by a proxy in front of a real mongod with their own errors:
//! the exporter reads without what they refuse.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mongodb::bson::{Document, doc};

use crate::exporter::Exporter;
use crate::exposition::value;
use crate::mongod::{DATABASE, Mongod, load};
use crate::replica_set::ReplicaSet;
use crate::servers::eventually;
use crate::wire_proxy::{Reply, WireProxy, holds, refusal};

/// A server, by what it refuses: a stage, an operator or an option, and how.
struct Profile {
    name: &'static str,
    refuses: &'static [(&'static str, i32, &'static str)],
    /// Whether it has no sessions.
    is_without_sessions: bool,
}

/// From the public documentation of each; see docs/mongodb.md.
const PROFILES: &[Profile] = &[
    Profile {
        name: "Amazon DocumentDB 4.0",
        refuses: &[
            ("$changeStream", 136, "modifyChangeStreams has not been run"),
            ("$regexFind", 304, "Aggregation stage not supported: '$regexFind'"),
            ("$unionWith", 304, "Aggregation stage not supported: '$unionWith'"),
            ("$collStats", 304, "Aggregation stage not supported: '$collStats'"),
        ],
        is_without_sessions: false,
    },
    Profile {
        name: "Amazon DocumentDB 5.0",
        refuses: &[
            ("$changeStream", 136, "modifyChangeStreams has not been run"),
            ("$unionWith", 304, "Aggregation stage not supported: '$unionWith'"),
        ],
        is_without_sessions: false,
    },
    Profile {
        name: "Amazon DocumentDB elastic",
        refuses: &[
            ("$changeStream", 303, "Feature not supported: change streams"),
            ("$regexFind", 304, "Aggregation stage not supported: '$regexFind'"),
            ("$unionWith", 304, "Aggregation stage not supported: '$unionWith'"),
            ("$collStats", 304, "Aggregation stage not supported: '$collStats'"),
        ],
        is_without_sessions: true,
    },
    Profile {
        name: "Azure Cosmos DB (RU)",
        refuses: &[
            ("$changeStream", 2, "Change stream must be followed by a match and then a project stage"),
            ("$collStats", 115, "Command $collStats not supported"),
            ("$unionWith", 40324, "Unrecognized pipeline stage name: '$unionWith'"),
        ],
        is_without_sessions: false,
    },
    Profile {
        name: "Azure Cosmos DB (vCore), FerretDB 2",
        refuses: &[
            ("$changeStream", 115, "Stage $changeStream is not supported yet in native pipeline"),
            ("hint", 115, "hint is not supported"),
        ],
        is_without_sessions: false,
    },
    Profile {
        name: "FerretDB 1",
        refuses: &[
            ("$changeStream", 238, "`aggregate` stage \"$changeStream\" is not implemented yet"),
            ("$regexFind", 238, "not implemented yet"),
            ("$cond", 238, "not implemented yet"),
            ("$unionWith", 238, "`aggregate` stage \"$unionWith\" is not implemented yet"),
            ("hint", 238, "hint is not implemented yet"),
            ("maxTimeMS", 238, "maxTimeMS is not implemented yet"),
        ],
        is_without_sessions: true,
    },
];

fn play(upstream: u16, profile: &'static Profile) -> WireProxy {
    WireProxy::start_editing(
        upstream,
        |name, command| {
            let is_query = matches!(name, "aggregate" | "count" | "listIndexes" | "getMore");
            let refused = profile.refuses.iter().find(|(what, ..)| is_query && holds(command, what));
            match refused {
                Some((_, code, text)) => Reply::Answer(refusal(*code, "NotSupported", text)),
                None => Reply::Pass,
            }
        },
        |_, reply| {
            if profile.is_without_sessions {
                reply.remove("logicalSessionTimeoutMinutes");
            }
        },
    )
}

async fn insert(mongod: &Mongod) {
    let messages = mongod.client().database(DATABASE).collection::<Document>("messages");
    messages.insert_one(doc! { "isCreatedByUser": true }).await.unwrap();
}

#[tokio::test]
async fn d1_to_d8_every_server_is_read_without_what_it_refuses() {
    let set = ReplicaSet::start(1).await;
    load(&set.members[0].client(), "seed1").await;
    let mut expected = 3000.0;
    for profile in PROFILES {
        let proxy = play(set.members[0].port(), profile);
        let uri = proxy.uri();
        let outcome = Exporter::run(&["once"], &[("MONGO_URI", &uri)]).await;
        assert!(outcome.status.success(), "{}: {}", profile.name, outcome.stderr);
        let line = format!("librechat_message_count {expected}\n");
        assert!(outcome.stdout.contains(&line), "{}: {}", profile.name, outcome.stdout);
        let exporter = Exporter::serve(&[("MONGO_URI", &uri)]).await;
        let samples = exporter.until_sample("librechat_message_count", Some(expected)).await;
        assert_eq!(value(&samples, "librechat_up"), Some(1.0), "{}", profile.name);
        for (what, capability) in
            [("hint", "hint"), ("$regexFind", "regex_find"), ("$unionWith", "union_with")]
        {
            let is_refused = profile.refuses.iter().any(|(refused, ..)| *refused == what);
            let shown = samples.iter().find(|(series, _)| {
                series.name == "librechat_exporter_server_capability"
                    && series.labels["capability"] == capability
            });
            assert_eq!(
                shown.map(|(_, value)| *value),
                Some(f64::from(!is_refused)),
                "{} {what}",
                profile.name
            );
        }
        insert(&set.members[0]).await;
        expected += 1.0;
        exporter.until_sample("librechat_message_count", Some(expected)).await;
        let outcome = Exporter::run(&["check-config", "--connect"], &[("MONGO_URI", &uri)]).await;
        assert!(outcome.status.success(), "{}: {}", profile.name, outcome.stderr);
        assert!(
            outcome.stdout.contains("change_stream: no (polling)"),
            "{}: {}",
            profile.name,
            outcome.stdout
        );
    }
}

/// The wire versions of MongoDB 4.4, 5.0, 6.0, 7.0 and 8.0, by which the driver chooses how it speaks.
const WIRE_VERSIONS: [i32; 5] = [9, 13, 17, 21, 25];

#[tokio::test]
async fn every_mongodb_from_4_4_to_8_is_followed_by_its_change_stream() {
    let set = ReplicaSet::start(1).await;
    load(&set.members[0].client(), "seed1").await;
    let mut expected = 3000.0;
    for version in WIRE_VERSIONS {
        let proxy = WireProxy::start_editing(
            set.members[0].port(),
            |_, _| Reply::Pass,
            move |_, reply| {
                if reply.contains_key("maxWireVersion") {
                    reply.insert("maxWireVersion", version);
                }
            },
        );
        let exporter = Exporter::serve(&[("MONGO_URI", &proxy.uri())]).await;
        let samples = exporter.until_sample("librechat_message_count", Some(expected)).await;
        let missing: Vec<_> = samples
            .iter()
            .filter(|(series, value)| series.name == "librechat_exporter_server_capability" && **value == 0.0)
            .collect();
        assert!(missing.is_empty(), "{version}: {missing:?}");
        insert(&set.members[0]).await;
        expected += 1.0;
        exporter.until_sample("librechat_message_count", Some(expected)).await;
    }
}

#[tokio::test]
async fn d13_a_query_that_is_throttled_is_asked_again_alone() {
    let mongod = Mongod::start().await;
    mongod.load("seed1").await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let proxy = WireProxy::start(mongod.port(), move |name, _| {
        if name == "aggregate" && counted.fetch_add(1, Ordering::Relaxed) % 3 == 2 {
            let text = "Error=16500, RetryAfterMs=12, Details='Request rate is large'";
            return Reply::Answer(refusal(16_500, "RequestRateTooLarge", text));
        }
        Reply::Pass
    });
    let exporter = Exporter::serve(&[("MONGO_URI", &proxy.uri())]).await;
    exporter.until_sample("librechat_message_count", Some(3000.0)).await;
    insert(&mongod).await;
    let samples = exporter.until_sample("librechat_message_count", Some(3001.0)).await;
    let failed = samples.iter().find(|(series, _)| {
        series.name == "librechat_exporter_refreshes_total" && series.labels["result"] == "failed"
    });
    assert_eq!(failed.map(|(_, value)| *value), Some(0.0), "{}", exporter.process.output());
}

/// Whatever is throttled, but for the handshake: Cosmos DB counts every command.
#[tokio::test]
async fn d13_every_command_may_be_throttled() {
    let set = ReplicaSet::start(1).await;
    load(&set.members[0].client(), "seed1").await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let proxy = WireProxy::start(set.members[0].port(), move |name, _| {
        let is_handshake = matches!(name, "hello" | "isMaster" | "ismaster");
        if !is_handshake && counted.fetch_add(1, Ordering::Relaxed) % 3 == 2 {
            let text = "Error=16500, RetryAfterMs=12, Details='Request rate is large'";
            return Reply::Answer(refusal(16_500, "RequestRateTooLarge", text));
        }
        Reply::Pass
    });
    let exporter = Exporter::serve(&[("MONGO_URI", &proxy.uri())]).await;
    exporter.until_sample("librechat_message_count", Some(3000.0)).await;
    insert(&set.members[0]).await;
    exporter.until_sample("librechat_message_count", Some(3001.0)).await;
    // A listing that is throttled is no right that is missing.
    let output = exporter.process.output();
    assert!(!output.contains("may not"), "{output}");
}

#[tokio::test]
async fn d25_d28_collections_that_may_not_be_read_are_left_out_by_name() {
    let mongod = Mongod::start_guarded().await;
    mongod.load("seed1").await;
    let hidden = ["keys", "tokens", "pluginauths", "sessions", "transactions"];
    let database = mongod.client().database(DATABASE);
    let names = database.list_collection_names().await.unwrap();
    let find =
        |name: &String| doc! { "resource": { "db": DATABASE, "collection": name }, "actions": ["find"] };
    let mut privileges: Vec<_> =
        names.iter().filter(|name| !hidden.contains(&name.as_str())).map(find).collect();
    privileges
        .push(doc! { "resource": { "db": DATABASE, "collection": "" }, "actions": ["listCollections"] });
    let create = doc! { "createRole": "some", "privileges": privileges, "roles": [] };
    database.run_command(create).await.unwrap();
    let role = doc! { "role": "some", "db": DATABASE };
    let create = doc! { "createUser": "some", "pwd": "some", "roles": [role] };
    mongod.client().database("admin").run_command(create).await.unwrap();
    let uri = mongod.uri_as(("some", "some"));
    let outcome = Exporter::run(&["once"], &[("MONGO_URI", &uri)]).await;
    assert!(outcome.status.success(), "{}", outcome.stderr);
    let exporter = Exporter::serve(&[("MONGO_URI", &uri)]).await;
    let samples = exporter.until_sample("librechat_message_count", Some(3000.0)).await;
    let absent = [
        "librechat_key_count",
        "librechat_token_count",
        "librechat_plugin_auth_count",
        "librechat_session_count",
        "librechat_transaction_count",
        // Counters of what cannot be seen are absent as well: 0 would say that nothing happens.
        "librechat_logins_total",
        "librechat_tokens_total",
        "librechat_cost_usd_total",
        "librechat_unbilled_answers_total",
    ];
    for family in absent {
        let shown = samples.keys().find(|series| series.name == family);
        assert_eq!(shown, None, "{family}");
        assert!(!outcome.stdout.contains(&format!("\n{family} ")), "{family}");
    }
    assert!(value(&samples, "librechat_copied_messages_total").is_some());
    assert_eq!(value(&samples, "librechat_user_count"), Some(30.0));
    assert_eq!(value(&samples, "librechat_up"), Some(1.0));
    for name in hidden {
        exporter.until_logged(&["may not read", name]).await;
    }
    // One that does not exist is refused by the same role, and is none of them: LibreChat has none.
    assert!(!names.contains(&"skills".to_owned()));
    assert!(!exporter.process.output().contains("skills"), "{}", exporter.process.output());
}

/// What the driver treats in a way of its own, and usual refusals.
const CODES: &[i32] = &[
    1, 2, 6, 7, 9, 13, 18, 26, 43, 50, 59, 63, 64, 72, 89, 91, 115, 133, 134, 136, 150, 189, 211, 222, 234,
    237, 238, 246, 251, 260, 262, 280, 286, 292, 303, 304, 317, 358, 384, 391, 9001, 10058, 10107, 11600,
    11602, 13388, 13435, 13436, 16500, 40324, 40415, 40573,
];

/// Drives one command of the exporter through every code, and waits until all is well again. `is_asked_often`: each refresh asks
/// it, so that each code is seen to have been answered.
async fn refuse_with_every_code(upstream: u16, refused: &'static str, is_asked_often: bool) {
    // Which of the codes is the answer; none at first.
    let turn = Arc::new(AtomicUsize::new(CODES.len()));
    let turned = Arc::clone(&turn);
    let proxy = WireProxy::start(upstream, move |name, _| match CODES.get(turned.load(Ordering::Relaxed)) {
        Some(code) if name == refused => Reply::Answer(refusal(*code, "Refused", "refused by the test")),
        _ => Reply::Pass,
    });
    let mut exporter = Exporter::serve(&[("MONGO_URI", &proxy.uri()), ("REFRESH_INTERVAL", "100")]).await;
    exporter.until_status("/readyz", 200).await;
    for (index, code) in CODES.iter().enumerate() {
        let before = proxy.count(refused);
        turn.store(index, Ordering::Relaxed);
        if is_asked_often {
            eventually(&format!("{refused} was refused with {code}"), async || {
                exporter.process.alive()?;
                if proxy.count(refused) > before { Ok(()) } else { Err("not asked".to_owned()) }
            })
            .await;
        }
        exporter.process.expect_alive();
    }
    turn.store(CODES.len(), Ordering::Relaxed);
    exporter.until_status("/readyz", 200).await;
    exporter.until_sample("librechat_up", Some(1.0)).await;
    exporter.until_sample("librechat_message_count", Some(3000.0)).await;
    exporter.process.expect_alive();
}

#[tokio::test]
async fn no_code_of_any_command_ends_the_exporter_or_keeps_it_from_recovering() {
    let mongod = Mongod::start().await;
    mongod.load("seed1").await;
    for refused in ["aggregate", "listCollections", "listIndexes"] {
        refuse_with_every_code(mongod.port(), refused, true).await;
    }
    let set = ReplicaSet::start(1).await;
    load(&set.members[0].client(), "seed1").await;
    for refused in ["aggregate", "getMore", "ping", "killCursors", "count"] {
        refuse_with_every_code(set.members[0].port(), refused, false).await;
    }
}

#[tokio::test]
async fn a_cursor_without_an_end_is_an_error_and_no_loop() {
    let mongod = Mongod::start().await;
    mongod.load("seed1").await;
    let proxy = WireProxy::start(mongod.port(), |name, command| {
        let id = mongodb::bson::oid::ObjectId::from_bytes([9; 12]);
        let again = doc! { "ok": 1.0, "cursor": {
            "id": 77_i64, "ns": "LibreChat.messages", "nextBatch": [{ "_id": id }],
        } };
        match name {
            "getMore" if command.get_i64("getMore").is_ok_and(|id| id == 77) => Reply::Answer(again),
            "aggregate" if holds(command, "isCreatedByUser") && !holds(command, "$changeStream") => {
                Reply::Answer(doc! { "ok": 1.0, "cursor": {
                    "id": 77_i64, "ns": "LibreChat.messages", "firstBatch": [{ "_id": id }],
                } })
            }
            _ => Reply::Pass,
        }
    });
    let outcome = Exporter::run(&["once"], &[("MONGO_URI", &proxy.uri())]).await;
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("again and again"), "{}", outcome.stderr);
    let exporter = Exporter::serve(&[("MONGO_URI", &proxy.uri())]).await;
    exporter.until_logged(&["refresh failed", "MongoDB sends"]).await;
    exporter.until_sample("librechat_up", Some(0.0)).await;
}
