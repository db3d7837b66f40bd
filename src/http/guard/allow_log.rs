//! Who was let in: `METRICS_AUTH_LOG_ALLOWS`. One line for each caller and endpoint, once a minute.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;
use tracing::info;

use crate::auth::Method;
use crate::auth::policy::Permit;
use crate::auth::resource::Resource;
use crate::auth::subject::Subject;
use crate::tls::client::ClientCertificate;

const QUIET: Duration = Duration::from_secs(60);
/// How many callers are told apart; beyond that the one that asked longest ago has another line too soon.
const CALLERS: NonZeroUsize = NonZeroUsize::new(1000).unwrap();

/// Endpoint, method, subject, name of the client certificate, address.
type Caller = (Resource, Method, Option<Subject>, Option<Arc<str>>, Option<IpAddr>);

/// The callers that had a line within the last minute.
#[derive(Debug)]
pub struct AllowLog {
    enabled: bool,
    callers: Mutex<LruCache<Caller, Instant>>,
}

impl AllowLog {
    pub fn new(enabled: bool) -> Self {
        Self { enabled, callers: Mutex::new(LruCache::sparse(CALLERS)) }
    }

    pub fn log(
        &self,
        resource: Resource,
        permit: &Permit,
        certificate: Option<&ClientCertificate>,
        address: Option<IpAddr>,
    ) {
        if !self.enabled {
            return;
        }
        let name = certificate.map(|certificate| Arc::from(certificate.name()));
        let caller = (resource, permit.method(), permit.subject().cloned(), name, address);
        if !self.is_due(caller, Instant::now()) {
            return;
        }
        let endpoint = resource.label();
        let auth_method = permit.method().label();
        let subject = permit.subject().map(tracing::field::display);
        let certificate = certificate.map(ClientCertificate::name);
        let address = address.map(tracing::field::display);
        info!(endpoint, auth_method, subject, certificate, address, "let a caller in");
    }

    fn is_due(&self, caller: Caller, now: Instant) -> bool {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.get(&caller).is_some_and(|at| now.saturating_duration_since(*at) < QUIET) {
            return false;
        }
        callers.put(caller, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_a_line_once_a_minute() {
        let (log, start) = (AllowLog::new(true), Instant::now());
        let caller =
            |subject: &str| (Resource::Metrics, Method::Basic, Some(Subject::new(subject)), None, None);
        for (subject, second, due) in [
            ("alice", 0, true),
            ("alice", 59, false),
            ("bob", 59, true),
            ("alice", 60, true),
            ("bob", 60, false),
        ] {
            assert_eq!(
                log.is_due(caller(subject), start + Duration::from_secs(second)),
                due,
                "{subject} {second}"
            );
        }
        for number in 0..CALLERS.get() * 2 {
            assert!(log.is_due(caller(&number.to_string()), start));
        }
        assert_eq!(log.callers.lock().unwrap().len(), CALLERS.get());
    }
}
