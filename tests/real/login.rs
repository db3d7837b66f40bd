//! What LibreChat writes into its database when somebody signs in, and the token that it hands out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, encode};
use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::mongod::{DATABASE, Mongod};

/// `JWT_REFRESH_SECRET`.
pub(crate) const SECRET: &str = "a-refresh-secret-of-the-test-0123456789";

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// Somebody who is signed in.
pub(crate) struct Visitor {
    /// The user's `_id`.
    pub(crate) user: ObjectId,
    /// The session's `_id`.
    pub(crate) session: ObjectId,
    /// The refresh token.
    pub(crate) token: String,
    /// The browser's line `Cookie`.
    pub(crate) cookie: String,
}

/// Signs in somebody of this role.
pub(crate) async fn sign_in(mongod: &Mongod, role: Option<&str>) -> Visitor {
    sign_in_to(mongod, role, None).await
}

/// Signs in somebody of this role and tenant.
pub(crate) async fn sign_in_to(mongod: &Mongod, role: Option<&str>, tenant: Option<&str>) -> Visitor {
    let (user, session) = (ObjectId::new(), ObjectId::new());
    let mut account = doc! { "_id": user, "email": "someone@example.com", "provider": "local" };
    if let Some(role) = role {
        account.insert("role", role);
    }
    let token = sign(user, session, SECRET);
    let mut login = doc! {
        "_id": session,
        "user": user,
        "expiration": DateTime::from_system_time(now() + WEEK),
        "refreshTokenHash": hash(&token),
    };
    if let Some(tenant) = tenant {
        account.insert("tenantId", tenant);
        login.insert("tenantId", tenant);
    }
    let database = mongod.client().database(DATABASE);
    database.collection::<Document>("users").insert_one(account).await.unwrap();
    database.collection::<Document>("sessions").insert_one(login).await.unwrap();
    Visitor { user, session, cookie: cookie(&token), token }
}

#[expect(clippy::disallowed_methods, reason = "tokens are made now")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// A refresh token as LibreChat signs it.
pub(crate) fn sign(user: ObjectId, session: ObjectId, secret: &str) -> String {
    sign_at(now(), user, session, secret)
}

/// The same, at another time.
pub(crate) fn sign_at(at: SystemTime, user: ObjectId, session: ObjectId, secret: &str) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "id": user.to_hex(),
        "sessionId": session.to_hex(),
        "iat": seconds,
        "exp": seconds + WEEK.as_secs(),
    });
    // The default is HS256, as LibreChat's library has it.
    encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

/// The line `Cookie` of a browser with this refresh token.
pub(crate) fn cookie(token: &str) -> String {
    format!("lang=en-US; refreshToken={token}; token_provider=librechat")
}

/// `sessions.refreshTokenHash` of a token.
pub(crate) fn hash(token: &str) -> String {
    hex(&Sha256::digest(token))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
