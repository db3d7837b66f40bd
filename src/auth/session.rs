//! LibreChat's own login: whoever is signed in there, in a role that may look, is let in here.
//!
//! Invariants:
//! - A cookie counts only when LibreChat signed it *and* its database still knows the session; when the database cannot
//!   be asked, nobody is let in.
//! - The signature and `exp` are checked on every request; what the database said is kept for a minute at most, in a
//!   bounded table, and only when it said yes. A refusal is never kept: signing in helps at once.
//! - An explicit `Authorization` is judged by others alone: a good session never covers for a bad credential.
//!
//! How the database is asked is not known here ([`Directory`]), nor how a browser is answered
//! ([`login::LoginRedirect`] only says where it should go).

pub mod cookies;
pub mod identity;
pub mod login;
pub mod secret;
#[cfg(test)]
mod testing;
mod token;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use http::header;
use moka::sync::Cache;
use tokio::time::timeout;

use self::cookies::{CookieName, Shown};
use self::identity::{SessionKey, TokenHash, UserId};
use self::secret::SessionSecret;
use self::token::Login;
use super::caller::Caller;
use super::reason::Reason;
use super::subject::{Role, Subject};
use super::{Authorizer, Challenge, Judgement, Method, Verdict};
use crate::secret::Live;

/// How long a yes of the database is believed.
const BELIEVED: Duration = Duration::from_secs(60);
/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a cookie goes on that LibreChat has replaced: it replaces it every 15 minutes and with each page, and a tab or
/// a proxy may still have the one before.
const REPLACED: Duration = Duration::from_secs(20 * 60);
/// How many sessions are remembered; beyond that the least useful are asked for again.
const REMEMBERED: u64 = 1000;

/// Where LibreChat keeps its sessions and users.
pub trait Directory: Send + Sync {
    /// The session, if there is one that belongs to `user`, and that user. `None` when either does not exist or the
    /// session is somebody else's. Whether it has expired is decided here, by [`Found::expires_at`].
    fn session<'a>(
        &'a self,
        session: SessionKey,
        user: UserId,
    ) -> BoxFuture<'a, Result<Option<Found>, Unreachable>>;
}

/// A session and its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// `sessions.expiration`.
    pub expires_at: SystemTime,
    /// `users.role`; `None` when the document has none, which LibreChat takes for `USER`.
    pub role: Option<String>,
    /// `users.agentTriggerDeletionStartedAt` is set: the account is on its way out.
    pub is_being_deleted: bool,
    /// The session and its user are of the tenant whose figures are served; so is everybody when there is none.
    pub is_of_tenant: bool,
    /// `sessions.refreshTokenHash`: of the refresh token that LibreChat takes now.
    pub token_hash: Option<TokenHash>,
}

/// The database gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("LibreChat's database cannot be asked")]
pub struct Unreachable;

/// The roles that may look: LibreChat's names, compared exactly. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles(Vec<String>);

impl Roles {
    /// Names between commas; blanks around them and empty items do not count.
    ///
    /// # Errors
    /// That there is no name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        Self::of(names).map_err(|_| "is set but names no role".into())
    }

    /// # Errors
    /// That there is no name, or one without a character.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, String> {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        if names.is_empty() || names.iter().any(String::is_empty) {
            return Err("has no name".into());
        }
        Ok(Self(names))
    }

    fn contain(&self, role: &str) -> bool {
        self.0.iter().any(|name| name == role)
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl Default for Roles {
    fn default() -> Self {
        Self(vec!["ADMIN".into()])
    }
}

/// A yes of the database.
#[derive(Clone, Debug)]
struct Believed {
    until: SystemTime,
    role: Role,
}

/// Lets in whoever is signed in to LibreChat in one of the roles.
pub struct Session {
    secret: Arc<Live<SessionSecret>>,
    cookie: CookieName,
    roles: Roles,
    directory: Arc<dyn Directory>,
    now: Box<dyn Fn() -> SystemTime + Send + Sync>,
    patience: Duration,
    /// What the database said yes to. The cache drops an entry by its own, monotonic clock as well, so that turning the
    /// wall clock back revives nothing.
    ///
    /// Kept for one refresh token, since the one that replaces it says nothing of it. The tenant is that of the process.
    believed: Cache<(SessionKey, UserId, TokenHash), Believed>,
}

impl Session {
    pub fn new(
        secret: Arc<Live<SessionSecret>>,
        cookie: CookieName,
        roles: Roles,
        directory: Arc<dyn Directory>,
        now: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Self {
        let believed = Cache::builder().max_capacity(REMEMBERED).time_to_live(BELIEVED).build();
        Self { secret, cookie, roles, directory, now: Box::new(now), patience: PATIENCE, believed }
    }

    /// The login that a request shows, with LibreChat's signature verified; `None` when it shows none.
    fn login(&self, caller: &Caller<'_>, now: SystemTime) -> Result<Option<Login>, Reason> {
        if caller.headers.contains_key(header::AUTHORIZATION) {
            return Ok(None);
        }
        let secret = self.secret.current();
        match cookies::read(caller.headers, &self.cookie)? {
            Shown::Nothing => Ok(None),
            Shown::Librechat { token } => token::librechat(token, &secret, now).map(Some),
            Shown::OpenId { refresh_token, user_token } => {
                token::openid(user_token, &refresh_token, &secret, now).map(Some)
            }
        }
    }

    /// The role of somebody whom the database knew a moment ago.
    fn believed(&self, login: &Login, now: SystemTime) -> Option<Role> {
        let believed = self.believed.get(&login.key())?;
        (now < believed.until).then_some(believed.role)
    }

    async fn ask(&self, login: Login, roles: &Roles) -> Verdict {
        match timeout(self.patience, self.directory.session(login.session, login.user)).await {
            Ok(Ok(Some(found))) => self.decide(&login, &found, roles),
            Ok(Ok(None)) => Verdict::Deny(Reason::SessionRevoked),
            Ok(Err(Unreachable)) | Err(_) => Verdict::Deny(Reason::Unavailable),
        }
    }

    fn decide(&self, login: &Login, found: &Found, roles: &Roles) -> Verdict {
        // Asking took a while: the clock is read again.
        let now = (self.now)();
        let mut until = login.expires_at.min(found.expires_at);
        if until <= now {
            return Verdict::Deny(Reason::SessionExpired);
        }
        if found.token_hash != Some(login.hash) {
            until = until.min(login.issued_at.and_then(|at| at.checked_add(REPLACED)).unwrap_or(UNIX_EPOCH));
        }
        if found.is_being_deleted || until <= now {
            return Verdict::Deny(Reason::SessionRevoked);
        }
        if !found.is_of_tenant {
            return Verdict::Deny(Reason::TenantNotAllowed);
        }
        let role = Role::new(found.role.as_deref().unwrap_or("USER"));
        if !roles.contain(role.name()) {
            return Verdict::Deny(Reason::RoleNotAllowed);
        }
        let until = now.checked_add(BELIEVED).map_or(until, |limit| limit.min(until));
        self.believed.insert(login.key(), Believed { until, role: role.clone() });
        Verdict::AllowAs(role)
    }
}

impl Authorizer for Session {
    fn method(&self) -> Method {
        Method::Session
    }

    fn challenge(&self) -> Option<Challenge> {
        None
    }

    fn subject(&self, caller: &Caller<'_>) -> Option<Subject> {
        let login = self.login(caller, (self.now)()).ok()??;
        Some(Subject::new(&login.user.to_hex()))
    }

    fn cookie<'r>(&self, caller: &Caller<'r>) -> Option<&'r str> {
        match cookies::read(caller.headers, &self.cookie).ok()? {
            Shown::Nothing => None,
            // The second is bound to the refresh token beside it.
            Shown::Librechat { token } | Shown::OpenId { user_token: token, .. } => Some(token),
        }
    }

    fn judge<'a>(&'a self, caller: &'a Caller<'a>) -> Judgement<'a> {
        let now = (self.now)();
        let roles = caller.roles.unwrap_or(&self.roles);
        match self.login(caller, now) {
            Ok(None) => Judgement::Now(Verdict::Abstain),
            Ok(Some(login)) => match self.believed(&login, now) {
                Some(role) if roles.contain(role.name()) => Judgement::Now(Verdict::AllowAs(role)),
                // Who was let in to something else may have been given the role since.
                _ => Judgement::Later(Box::pin(self.ask(login, roles))),
            },
            Err(reason) => Judgement::Now(Verdict::Deny(reason)),
        }
    }
}

#[cfg(test)]
mod tests;
