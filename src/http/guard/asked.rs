//! What of a request is decided on, apart from its connection.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, Method, Uri};

use super::peer;
use crate::auth::excerpt::Excerpt;
use crate::auth::reason::Reason;
use crate::auth::resource::Resource;
use crate::client_ip::{Peer, ProxyHeader};
use crate::http::forward::described::{Described, Unclear};
use crate::http::forward::rules::{Access, Rules};
use crate::tls::client::ClientCertificate;

/// A request for what is guarded.
#[derive(Debug)]
pub struct Asked {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) peer: Peer,
    /// Whose key the client proved. A proxy's own certificate says nothing of whom it asks for.
    pub(super) certificate: Option<Arc<ClientCertificate>>,
    pub(super) subject: About,
}

/// What a request is about.
#[derive(Debug)]
pub(super) enum About {
    Metrics,
    /// Somebody else's request, as far as a proxy describes it, and what the rules make of it.
    Described(Result<(Described, Access), Unclear>),
}

impl Asked {
    pub fn for_metrics(parts: &Parts) -> Self {
        Self { certificate: parts.extensions.get().cloned(), ..Self::new(parts, About::Metrics) }
    }

    /// What a proxy asks. It must say whom it asks for, too: else all its clients would share limits, lockout and the
    /// proxy's own place in the allow-list.
    pub fn by_proxy(parts: &Parts, client: ProxyHeader, rules: Option<&Rules>) -> Self {
        let described = if parts.headers.contains_key(client.name()) {
            Described::read(&parts.headers)
        } else {
            Err(Unclear("the header of TRUST_PROXY_HEADER, which names the client, is missing"))
        };
        let decided = described.and_then(|described| {
            let access =
                rules.map_or_else(|| Ok(Access::Asks(Arc::default())), |rules| rules.decide(&described))?;
            Ok((described, access))
        });
        Self::new(parts, About::Described(decided))
    }

    fn new(parts: &Parts, subject: About) -> Self {
        Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            peer: peer(parts),
            certificate: None,
            subject,
        }
    }

    pub(super) fn resource(&self) -> Resource {
        match self.subject {
            About::Metrics => Resource::Metrics,
            About::Described(_) => Resource::ForwardAuth,
        }
    }

    pub(super) fn described(&self) -> Option<&Described> {
        match &self.subject {
            About::Described(Ok((described, _))) => Some(described),
            About::Described(Err(_)) | About::Metrics => None,
        }
    }

    /// What is asked of whoever wants this.
    ///
    /// # Errors
    /// That it is not clear what is wanted.
    pub(super) fn access(&self) -> Result<Access, Reason> {
        match &self.subject {
            About::Metrics => Ok(Access::Asks(Arc::default())),
            About::Described(Ok((_, access))) => Ok(access.clone()),
            About::Described(Err(_)) => Err(Reason::UnclearRequest),
        }
    }

    /// Whether a login could be the way in.
    pub(super) fn takes_logins(&self) -> bool {
        matches!(self.access(), Ok(Access::Asks(terms)) if terms.allow(crate::auth::Method::Session))
    }

    /// The method that the client used.
    pub(super) fn method(&self) -> &Method {
        self.described().map_or(&self.method, |described| &described.method)
    }

    /// The host that a described request is for.
    pub(super) fn host(&self) -> Option<impl fmt::Display + '_> {
        self.described().map(|described| &described.authority)
    }

    /// The path, without its query: some send their token there.
    pub(super) fn path(&self) -> Excerpt<'_> {
        Excerpt(self.described().map_or(self.uri.path(), |described| &described.path))
    }

    /// Why a description is none.
    pub(super) fn unclear(&self) -> Option<&'static str> {
        match self.subject {
            About::Described(Err(Unclear(reason))) => Some(reason),
            About::Described(Ok(_)) | About::Metrics => None,
        }
    }
}
