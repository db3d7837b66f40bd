//! What of a request is decided on, apart from its connection.

use std::fmt;

use http::request::Parts;
use http::{HeaderMap, Method, Uri};

use super::peer;
use crate::auth::excerpt::Excerpt;
use crate::auth::resource::Resource;
use crate::client_ip::{Peer, ProxyHeader};
use crate::http::forward::described::{Described, Unclear};

/// A request for what is guarded.
#[derive(Debug)]
pub struct Asked {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) peer: Peer,
    pub(super) subject: About,
}

/// What a request is about.
#[derive(Debug)]
pub(super) enum About {
    Metrics,
    /// Somebody else's request, as far as a proxy describes it.
    Described(Result<Described, Unclear>),
}

impl Asked {
    pub fn for_metrics(parts: &Parts) -> Self {
        Self::new(parts, About::Metrics)
    }

    /// What a proxy asks. It must say whom it asks for, too: else all its clients would share limits, lockout and the
    /// proxy's own place in the allow-list.
    pub fn by_proxy(parts: &Parts, client: ProxyHeader) -> Self {
        let described = if parts.headers.contains_key(client.name()) {
            Described::read(&parts.headers)
        } else {
            Err(Unclear("the header of TRUST_PROXY_HEADER, which names the client, is missing"))
        };
        Self::new(parts, About::Described(described))
    }

    fn new(parts: &Parts, subject: About) -> Self {
        Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            peer: peer(parts),
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
            About::Described(Ok(described)) => Some(described),
            About::Described(Err(_)) | About::Metrics => None,
        }
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
