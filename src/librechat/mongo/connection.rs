//! One connection string's connection: the driver's client, and the session in which everything is read.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mongodb::bson::{Document, Timestamp, doc};
use mongodb::change_stream::event::ResumeToken;
use mongodb::event::EventHandler;
use mongodb::event::sdam::SdamEvent;
use mongodb::options::{ClientOptions, DatabaseOptions, ReadConcern, ReadPreference, SelectionCriteria};
use mongodb::{Client, ClientSession, Database};
use tokio::sync::{MutexGuard, Notify};
use tokio::time::Instant;
use tracing::info;

use super::capabilities::{Capabilities, Capability};
use super::observed::Observed;
use super::uri::Uri;
use super::{CONNECT, ReadLevel, Settings};

/// A database that answers, or did when it was first asked.
#[derive(Debug)]
pub struct Connection {
    pub database: Database,
    /// What it was when it was first asked.
    pub is_replicated: bool,
    pub opened: Instant,
    pub capabilities: Capabilities,
    session: tokio::sync::Mutex<Option<ClientSession>>,
    told: Mutex<Told>,
}

/// How far the change stream has come.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// What it can be taken up again with.
    pub resume: Option<ResumeToken>,
    /// When the last change was made that it told of, on the servers' clock.
    pub until: Option<Timestamp>,
}

impl Connection {
    /// Lets `noticed` know when the driver finds that a server came, went, or became another kind, and `observed` what it
    /// saw of each.
    ///
    /// # Errors
    /// The driver's: the look-up of a `mongodb+srv` name, or no server that answers.
    pub async fn open(
        uri: &Uri,
        settings: &Settings,
        observed: &Arc<Observed>,
        noticed: Arc<Notify>,
    ) -> mongodb::error::Result<Self> {
        let mut options = ClientOptions::parse(uri.expose()).await?;
        options.app_name.get_or_insert_with(|| "librechat-exporter".into());
        options.max_pool_size = Some(settings.pool_size);
        options.server_selection_timeout.get_or_insert(CONNECT);
        options.connect_timeout.get_or_insert(CONNECT);
        options.selection_criteria.get_or_insert(anyone());
        let (observed, is_encrypted) = (Arc::clone(observed), uri.is_encrypted);
        options.sdam_event_handler = Some(EventHandler::callback(move |event| {
            observed.note(&event, is_encrypted);
            if let SdamEvent::ServerDescriptionChanged(change) = event
                && change.previous_description.server_type() != change.new_description.server_type()
            {
                noticed.notify_one();
            }
        }));
        let client = Client::with_options(options)?;
        let name = settings.database_name();
        let hello = hello(&client.database(name)).await?;
        let (capabilities, session) = Capabilities::ask(&client.database(name), hello.is_replicated).await?;
        let missing = capabilities.missing();
        if !missing.is_empty() {
            info!("MongoDB refuses, and is read without: {}", missing.join(", "));
        }
        let is_majority = hello.is_replicated
            && settings.read_concern == ReadLevel::Majority
            && capabilities.has(Capability::MajorityReads);
        let database = if is_majority {
            let majority = DatabaseOptions::builder().read_concern(ReadConcern::majority()).build();
            client.database_with_options(name, majority)
        } else {
            client.database(name)
        };
        Ok(Self {
            database,
            is_replicated: hello.is_replicated,
            opened: Instant::now(),
            capabilities,
            session: session.into(),
            told: Mutex::default(),
        })
    }

    /// The session, which has seen all that the change stream told of, where there are sessions. One reading at a time.
    pub async fn session(&self) -> MutexGuard<'_, Option<ClientSession>> {
        let mut session = self.session.lock().await;
        if let (Some(session), Some(until)) = (session.as_mut(), self.told().until) {
            session.advance_operation_time(until);
        }
        session
    }

    pub fn told(&self) -> Told {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes how far the change stream has come.
    pub fn tell(&self, resume: Option<ResumeToken>, until: Option<Timestamp>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.resume = resume;
        told.until = told.until.max(until);
    }
}

/// Any member of a replica set, the primary only when there is no other.
pub fn anyone() -> SelectionCriteria {
    SelectionCriteria::ReadPreference(ReadPreference::SecondaryPreferred { options: None })
}

/// What a server says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hello {
    /// Whether it is a replica set or a cluster of them: only there the concern `majority` means something, and is known.
    pub is_replicated: bool,
    /// How far the newest write that a majority has is behind the newest one.
    pub majority_lag: Option<Duration>,
}

/// Asks the primary where there is one, since it has the newest write.
pub async fn hello(database: &Database) -> mongodb::error::Result<Hello> {
    let primary = ReadPreference::PrimaryPreferred { options: None };
    let primary = SelectionCriteria::ReadPreference(primary);
    match database.run_command(doc! { "hello": 1 }).selection_criteria(primary).await {
        Ok(hello) => {
            Ok(Hello { is_replicated: tells_of_replication(&hello), majority_lag: majority_lag(&hello) })
        }
        // An old server without this command: none of the newer ones that we tell apart.
        Err(error) if matches!(*error.kind, mongodb::error::ErrorKind::Command(_)) => Ok(Hello::default()),
        Err(error) => Err(error),
    }
}

fn majority_lag(hello: &Document) -> Option<Duration> {
    let write = hello.get_document("lastWrite").ok()?;
    let millis = |field: &str| write.get_datetime(field).ok().map(|date| date.timestamp_millis());
    let behind = millis("lastWriteDate")?.saturating_sub(millis("majorityWriteDate")?);
    Some(Duration::from_millis(u64::try_from(behind).unwrap_or_default()))
}

fn tells_of_replication(hello: &Document) -> bool {
    // A member says `isreplicaset` until it has read its configuration.
    hello.contains_key("setName")
        || hello.get_bool("isreplicaset").unwrap_or(false)
        || hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid")
}

#[cfg(test)]
mod tests {
    use mongodb::bson::DateTime;

    use super::*;

    #[test]
    fn d12_the_majority_is_behind_by_the_distance_of_the_newest_writes() {
        let at = DateTime::from_millis;
        let hello = |last, majority| doc! { "lastWrite": { "lastWriteDate": at(last), "majorityWriteDate": at(majority) } };
        assert_eq!(majority_lag(&hello(95_000, 20_000)), Some(Duration::from_secs(75)));
        assert_eq!(majority_lag(&hello(20_000, 21_000)), Some(Duration::ZERO));
        assert_eq!(majority_lag(&doc! { "lastWrite": { "lastWriteDate": at(1) } }), None);
        assert_eq!(majority_lag(&doc! {}), None);
    }

    #[test]
    fn replicated_are_members_of_a_set_also_before_they_know_it_and_routers_of_a_cluster() {
        let cases = [
            (doc! { "isWritablePrimary": true }, false),
            (doc! { "isWritablePrimary": true, "setName": "rs0" }, true),
            (doc! { "isWritablePrimary": false, "isreplicaset": true }, true),
            (doc! { "isWritablePrimary": true, "msg": "isdbgrid" }, true),
        ];
        for (hello, expected) in cases {
            assert_eq!(tells_of_replication(&hello), expected, "{hello}");
        }
    }
}
