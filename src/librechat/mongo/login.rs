//! Sessions and the roles of their users, one at a time: for whoever decides if a signed-in user may look.

use std::time::SystemTime;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};

use super::{Mongo, SourceError};

/// What names a session.
#[derive(Clone, Debug)]
pub enum LoginKey {
    /// `sessions._id`.
    Id([u8; 12]),
    /// `sessions.refreshTokenHash`: hexadecimal.
    RefreshTokenHash(String),
}

/// A session that exists and belongs to the user asked for.
#[derive(Clone, Debug)]
pub struct Login {
    /// `sessions.expiration`.
    pub expires_at: SystemTime,
    /// `users.role`.
    pub role: Option<String>,
    /// `users.agentTriggerDeletionStartedAt` is set.
    pub is_being_deleted: bool,
}

impl Mongo {
    /// The session and its user, by the indexes that LibreChat has for them.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn login(&self, key: LoginKey, user: [u8; 12]) -> Result<Option<Login>, SourceError> {
        let database = &self.connection().await?.database;
        let user = ObjectId::from_bytes(user);
        let session = match key {
            LoginKey::Id(id) => doc! { "_id": ObjectId::from_bytes(id), "user": user },
            LoginKey::RefreshTokenHash(hash) => doc! { "refreshTokenHash": hash, "user": user },
        };
        let sessions = database.collection::<Document>("sessions");
        let query = sessions.find_one(session).projection(doc! { "expiration": 1 });
        let Some(session) = self.in_time(query.into_future()).await? else { return Ok(None) };
        let users = database.collection::<Document>("users");
        let fields = doc! { "role": 1, "agentTriggerDeletionStartedAt": 1 };
        let query = users.find_one(doc! { "_id": user }).projection(fields);
        let Some(user) = self.in_time(query.into_future()).await? else { return Ok(None) };
        let Ok(expiration) = session.get_datetime("expiration") else { return Ok(None) };
        Ok(Some(Login {
            expires_at: expiration.to_system_time(),
            role: user.get_str("role").ok().map(str::to_owned),
            is_being_deleted: !matches!(user.get("agentTriggerDeletionStartedAt"), None | Some(Bson::Null)),
        }))
    }
}
