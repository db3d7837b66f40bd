//! LibreChat's database as the directory that the session authorizer asks: the two know nothing of each other.

use std::sync::Arc;

use futures_util::future::{BoxFuture, ready};
use tracing::warn;

use crate::auth::session::identity::{SessionKey, TokenHash, UserId};
use crate::auth::session::{Directory, Found, Unreachable};
use crate::librechat::mongo::Mongo;
use crate::librechat::mongo::login::LoginKey;

/// The sessions of a real LibreChat.
#[derive(Debug)]
pub struct LibreChat(Arc<Mongo>);

impl LibreChat {
    pub fn new(mongo: Arc<Mongo>) -> Self {
        Self(mongo)
    }
}

impl Directory for LibreChat {
    fn session<'a>(
        &'a self,
        session: SessionKey,
        user: UserId,
    ) -> BoxFuture<'a, Result<Option<Found>, Unreachable>> {
        let key = match session {
            SessionKey::Id(id) => LoginKey::Id(id.bytes()),
            SessionKey::TokenHash(hash) => LoginKey::RefreshTokenHash(hash.to_hex()),
        };
        Box::pin(async move {
            match self.0.login(key, user.bytes()).await {
                Ok(login) => Ok(login.map(|login| Found {
                    expires_at: login.expires_at,
                    role: login.role,
                    is_being_deleted: login.is_being_deleted,
                    is_of_tenant: login.is_of_tenant,
                    token_hash: login.refresh_token_hash.as_deref().and_then(TokenHash::parse),
                })),
                Err(error) => {
                    warn!("a session cannot be looked up: {error}");
                    Err(Unreachable)
                }
            }
        })
    }
}

/// The demo's: nobody is signed in there.
#[derive(Debug)]
pub struct Nobody;

impl Directory for Nobody {
    fn session<'a>(
        &'a self,
        _session: SessionKey,
        _user: UserId,
    ) -> BoxFuture<'a, Result<Option<Found>, Unreachable>> {
        Box::pin(ready(Ok(None)))
    }
}
