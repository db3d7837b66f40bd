//! Sessions and the roles of their users, one at a time: for whoever decides if a signed-in user may look.

use std::time::SystemTime;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::{ReadConcern, ReadPreference, SelectionCriteria};

use super::{Mongo, SourceError};

/// The field that names the tenant of a document.
const TENANT: &str = "tenantId";

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
    /// `sessions.refreshTokenHash`: of the token that LibreChat takes now.
    pub refresh_token_hash: Option<String>,
    /// `users.role`.
    pub role: Option<String>,
    /// `users.agentTriggerDeletionStartedAt` is set.
    pub is_being_deleted: bool,
    /// Both documents are of `TENANT_ID`, or there is none.
    pub is_of_tenant: bool,
}

impl Mongo {
    /// The session and its user, by the indexes that LibreChat has for them. Asked of the primary while there is one: a
    /// secondary that lags would let in who signed out. And what it has now, as LibreChat itself reads: what a majority
    /// has stands still while members are down.
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
        let find = async |name, filter, fields| {
            let collection = database.collection::<Document>(name);
            let query = collection.find_one(filter).projection(fields).read_concern(ReadConcern::local());
            self.in_time(query.selection_criteria(primary_preferred()).into_future()).await
        };
        let fields = doc! { "expiration": 1, "refreshTokenHash": 1, TENANT: 1 };
        let Some(session) = find("sessions", session, fields).await? else { return Ok(None) };
        let fields = doc! { "role": 1, "agentTriggerDeletionStartedAt": 1, TENANT: 1 };
        let Some(user) = find("users", doc! { "_id": user }, fields).await? else { return Ok(None) };
        let Ok(expiration) = session.get_datetime("expiration") else { return Ok(None) };
        Ok(Some(Login {
            expires_at: expiration.to_system_time(),
            refresh_token_hash: session.get_str("refreshTokenHash").ok().map(str::to_owned),
            role: user.get_str("role").ok().map(str::to_owned),
            is_being_deleted: !matches!(user.get("agentTriggerDeletionStartedAt"), None | Some(Bson::Null)),
            is_of_tenant: self.is_of_tenant(&session) && self.is_of_tenant(&user),
        }))
    }

    fn is_of_tenant(&self, document: &Document) -> bool {
        let tenant = self.settings.tenant.as_deref();
        tenant.is_none_or(|tenant| document.get_str(TENANT).is_ok_and(|own| own == tenant))
    }
}

fn primary_preferred() -> SelectionCriteria {
    SelectionCriteria::ReadPreference(ReadPreference::PrimaryPreferred { options: None })
}
