//! What the driver saw of each server: the reason when none can be used.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mongodb::bson::Document;
use mongodb::error::Error;
use mongodb::event::sdam::SdamEvent;
use tokio::time::sleep;

use super::fault::{Fault, SILENT, fault};
use super::uri::Uri;

/// Servers that are remembered; a set has at most 50 members.
const SERVERS: usize = 64;
/// Servers that a reason names.
const NAMED: usize = 3;
/// The oldest server that the driver speaks with is MongoDB 4.4.
const OLDEST_WIRE_VERSION: i32 = 9;
/// How long a server may take to appear before what is known of all of them counts.
const GRACE: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The last that was seen of each server, by its host and port.
#[derive(Debug, Default)]
pub struct Observed(Mutex<BTreeMap<String, Sight>>);

#[derive(Clone, Debug)]
enum Sight {
    Failed(Fault),
    Answered { set: Option<String>, wire_version: i32 },
}

impl Observed {
    /// Notes what an event of the driver says of a server.
    pub fn note(&self, event: &SdamEvent, is_encrypted: bool) {
        let (address, sight) = match event {
            SdamEvent::ServerHeartbeatFailed(event) => {
                (&event.server_address, failed(&event.failure, is_encrypted))
            }
            SdamEvent::ServerHeartbeatSucceeded(event) => (&event.server_address, answered(&event.reply)),
            _ => return,
        };
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = address.to_string();
        if seen.len() < SERVERS || seen.contains_key(&address) {
            seen.insert(address, sight);
        }
    }

    /// Waits until it is known of every server why it cannot be used; for ever where one can.
    pub async fn is_hopeless(&self, uri: &Uri) {
        sleep(GRACE).await;
        loop {
            let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if seen.len() >= uri.host_count() && seen.values().all(|sight| is_definite(sight, uri)) {
                return;
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Why no server can be used, as one line.
    pub fn reason(&self, uri: &Uri) -> String {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_empty() {
            return format!("no MongoDB answers at {}: {SILENT}", uri.hosts());
        }
        let mut reasons: Vec<String> =
            seen.iter().take(NAMED).map(|(address, sight)| sentence(address, sight, uri)).collect();
        if seen.len() > NAMED {
            reasons.push(format!("and {} more", seen.len() - NAMED));
        }
        reasons.join("; ")
    }
}

fn failed(failure: &Error, is_encrypted: bool) -> Sight {
    Sight::Failed(fault(failure, is_encrypted))
}

fn answered(reply: &Document) -> Sight {
    Sight::Answered {
        set: reply.get_str("setName").ok().map(str::to_owned),
        wire_version: reply.get_i32("maxWireVersion").unwrap_or_default(),
    }
}

/// Whether trying on for some seconds is in vain.
fn is_definite(sight: &Sight, uri: &Uri) -> bool {
    match sight {
        Sight::Failed(fault) => fault.is_definite,
        Sight::Answered { set, wire_version } => {
            *wire_version < OLDEST_WIRE_VERSION || uri.replica_set.is_some() && *set != uri.replica_set
        }
    }
}

fn sentence(address: &str, sight: &Sight, uri: &Uri) -> String {
    let (set, wire_version) = match sight {
        Sight::Failed(fault) => {
            return format!("no MongoDB answers at {address}: {}{}", fault.text, hint(address, fault));
        }
        Sight::Answered { set, wire_version } => (set.as_deref(), *wire_version),
    };
    if wire_version < OLDEST_WIRE_VERSION {
        return format!(
            "MongoDB at {address} is older than 4.4, which is the oldest that can be read (its wire version is \
             {wire_version}, of 4.4 it is {OLDEST_WIRE_VERSION})"
        );
    }
    match (uri.replica_set.as_deref(), set) {
        (Some(asked), None) => format!(
            "MongoDB at {address} is a standalone server, but MONGO_URI asks for the replica set {asked}: take \
             replicaSet out"
        ),
        (Some(asked), Some(set)) if asked != set => {
            format!(
                "MongoDB at {address} is of the replica set {set}, but MONGO_URI asks for {asked}: correct replicaSet"
            )
        }
        _ => format!("MongoDB at {address} answers, but is no member that MONGO_URI lets us read from"),
    }
}

/// A name without a dot is mostly one of Compose's network.
fn hint(address: &str, fault: &Fault) -> String {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    if !fault.is_name || host.contains(['.', ':']) || host == "localhost" {
        return String::new();
    }
    format!(
        ". `{host}` looks like a name inside Compose's network: run the exporter in that network, or publish MongoDB's \
         port and name localhost"
    )
}
