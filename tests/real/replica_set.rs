//! Several mongods as one replica set: what change streams need.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use mongodb::bson::{Bson, Document, doc};
use tempfile::TempDir;

use crate::mongod::{DATABASE, Mongod};
use crate::servers::{eventually, free_port};

const NAME: &str = "rs0";

/// What a set has besides its members.
#[derive(Clone, Copy, Default)]
struct Extra {
    is_guarded: bool,
    has_arbiter: bool,
}

/// A replica set. Its members can be killed and started again one by one.
pub(crate) struct ReplicaSet {
    /// The members, in the order of the configuration.
    pub(crate) members: Vec<Mongod>,
    _key: TempDir,
}

impl ReplicaSet {
    /// A replica set of `size` members that need no credentials, with a primary elected.
    pub(crate) async fn start(size: usize) -> Self {
        Self::start_members(size, Extra::default()).await
    }

    /// The same with credentials needed; has the users of [`Mongod::start_guarded`].
    pub(crate) async fn start_guarded(size: usize) -> Self {
        let mut set = Self::start_members(size, Extra { is_guarded: true, ..Extra::default() }).await;
        let primary = set.primary().await;
        set.members[primary].create_users().await;
        set
    }

    /// A primary, a secondary that never becomes one, and an arbiter, in this order.
    pub(crate) async fn start_with_arbiter() -> Self {
        Self::start_members(3, Extra { has_arbiter: true, ..Extra::default() }).await
    }

    async fn start_members(size: usize, extra: Extra) -> Self {
        let key = TempDir::with_prefix("mongod-key").unwrap();
        let file = key.path().join("key");
        fs::write(&file, "c29tZSBrZXkgb2YgdGhlIHRlc3Q=").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o400)).unwrap();
        let mut arguments = vec!["--replSet", NAME, "--oplogSize", "64"];
        if extra.has_arbiter {
            // For `hold_back`.
            arguments.extend(["--setParameter", "enableTestCommands=1"]);
        }
        if extra.is_guarded {
            arguments.extend(["--auth", "--keyFile", file.to_str().unwrap()]);
        }
        let mut members = Vec::new();
        for _ in 0..size {
            let mut member = Mongod::prepare(free_port(), &arguments);
            member.restart().await;
            members.push(member);
        }
        let set = Self { members, _key: key };
        let configured = (0_i32..).zip(&set.members).map(|(id, member)| {
            let mut member = doc! { "_id": id, "host": format!("127.0.0.1:{}", member.port()) };
            if extra.has_arbiter && id > 0 {
                member.insert("priority", 0);
                member.insert("arbiterOnly", id == 2);
            }
            Bson::from(member)
        });
        let settings = doc! { "electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 200 };
        let configuration =
            doc! { "_id": NAME, "members": configured.collect::<Vec<_>>(), "settings": settings };
        set.command(0, doc! { "replSetInitiate": configuration }).await.unwrap();
        set.primary().await;
        set
    }

    /// The address of all members for `MONGO_URI`, without credentials.
    pub(crate) fn uri(&self) -> String {
        let hosts: Vec<_> =
            self.members.iter().map(|member| format!("127.0.0.1:{}", member.port())).collect();
        format!("mongodb://{}/{DATABASE}?replicaSet={NAME}", hosts.join(","))
    }

    /// Waits until some member says that it is the primary and takes writes; gives its index.
    pub(crate) async fn primary(&self) -> usize {
        eventually("the replica set has a primary", async || {
            for index in 0..self.members.len() {
                let hello = self.command(index, doc! { "hello": 1 }).await;
                if hello.is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap_or_default()) {
                    return Ok(index);
                }
            }
            Err("none of its members is".to_owned())
        })
        .await
    }

    /// Lets a secondary of a set with an arbiter no longer apply what is written.
    pub(crate) async fn hold_back(&self, member: usize) {
        let command = doc! { "configureFailPoint": "rsSyncApplyStop", "mode": "alwaysOn" };
        self.command(member, command).await.unwrap();
    }

    async fn command(&self, member: usize, command: Document) -> mongodb::error::Result<Document> {
        self.members[member].client().database("admin").run_command(command).await
    }
}
