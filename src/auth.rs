//! Who may read `/metrics`, and what a proxy asks about: the authorizers, and the policy that makes one decision of their verdicts.
//!
//! Invariants:
//! - [`policy::Policy::authorize`] (and `open`, for what a rule makes public) are the only makers of a [`policy::Permit`], and take the [`policy::Admission`] that
//!   only [`policy::Policy::admit`] makes: a handler that takes a `Permit` cannot be reached past a check.
//! - The first *Allow* wins, else the most specific *Deny*; the order of authorizers never changes the outcome.
//! - A refusal is a value of a closed set ([`Reason`]), never a text.
//!
//! This module knows no routes, no MongoDB and no metrics text. Rate limits and lockouts are not its business.
//!
//! ```compile_fail,E0451
//! use librechat_exporter::auth::{Method, policy::Permit};
//! let made_up = Permit { method: Method::Bearer, subject: None };
//! ```

pub mod allowlist;
pub mod basic;
pub mod bearer;
pub mod caller;
pub mod clock;
pub mod excerpt;
mod jose;
pub mod jwa;
pub mod jwks;
pub mod jwt;
pub mod metrics;
pub mod policy;
pub mod reason;
pub mod resource;
pub mod session;
pub mod subject;

use std::time::Duration;

use futures_util::future::BoxFuture;

use caller::Caller;
use reason::Reason;
use subject::{Role, Subject};

/// How a caller was let in or refused: the metric label `method`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// No authorizer judged: nothing was sent, or nothing is asked for.
    None,
    AllowList,
    Bearer,
    Basic,
    Jwt,
    Session,
}

impl Method {
    pub const ALL: &'static [Self] =
        &[Self::None, Self::AllowList, Self::Bearer, Self::Basic, Self::Jwt, Self::Session];

    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::AllowList => "allow_list",
            Self::Bearer => "bearer",
            Self::Basic => "basic",
            Self::Jwt => "jwt",
            Self::Session => "session",
        }
    }
}

/// What one authorizer says of one caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This caller shows nothing that this authorizer judges.
    Abstain,
    Allow,
    /// Allows somebody who is signed in, in this role.
    AllowAs(Role),
    Deny(Reason),
}

/// A verdict that is there at once, or one that has to be waited for (a key set, a database).
pub enum Judgement<'a> {
    Now(Verdict),
    Later(BoxFuture<'a, Verdict>),
}

/// An authorizer's part of `WWW-Authenticate` (RFC 9110 section 11.6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    Basic,
    /// `scope` lists every required scope, for `insufficient_scope` (RFC 6750 section 3).
    Bearer {
        scope: Option<String>,
    },
}

/// One way in.
///
/// To add one: write it in a file of its own below `auth/`, and add a line where `app` builds the [`policy::Policy`].
pub trait Authorizer: Send + Sync {
    fn method(&self) -> Method;

    /// What a caller without credentials is told to bring; `None` for a way in that no header opens.
    fn challenge(&self) -> Option<Challenge>;

    fn judge<'a>(&'a self, caller: &'a Caller<'a>) -> Judgement<'a>;

    /// Who the caller is, for one that this authorizer has just let in.
    fn subject(&self, _caller: &Caller<'_>) -> Option<Subject> {
        None
    }

    /// What of the cookies it judges, when there is no `Authorization`: to tell one credential from another.
    fn cookie<'r>(&self, _caller: &Caller<'r>) -> Option<&'r str> {
        None
    }

    /// When asking again may help after a refusal that is not the caller's doing, as far as that is known now.
    fn retry_after(&self) -> Duration {
        Duration::from_secs(5)
    }
}
