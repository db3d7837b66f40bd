//! TLS of the listeners: the files are read at once, so that what does not fit stops the start.

use std::path::PathBuf;

use super::TlsSettings;
use super::areas::Tls;
use crate::telemetry::clock;
use crate::tls::offer::Offer;
use crate::tls::pem::{CERTIFICATE, Files};
use crate::tls::{Acceptor, HAS_EXPIRED, Policy};
use crate::vars::Vars;

/// The outer `None` is for a problem, the inner for no TLS.
pub(super) fn read(vars: &mut Vars, offer: Offer) -> Option<Option<TlsSettings>> {
    let area = Tls::read(vars);
    let (cert, key): (PathBuf, PathBuf) = match (area.tls_cert_file, area.tls_key_file) {
        (Some(cert), Some(key)) => (cert, key),
        (None, None) if area.tls_client_ca_file.is_some() => {
            vars.problem("TLS_CLIENT_CA_FILE", "needs TLS_CERT_FILE and TLS_KEY_FILE");
            return None;
        }
        (None, None) if area.tls_client_allowed_sans.is_some() => {
            vars.problem(
                "TLS_CLIENT_ALLOWED_SANS",
                "needs TLS_CERT_FILE, TLS_KEY_FILE and TLS_CLIENT_CA_FILE",
            );
            return None;
        }
        (None, None) => return Some(None),
        // What is missing is wrong in that file.
        _ if vars.has_problem("WEB_CONFIG_FILE") => return None,
        _ => {
            vars.problem("TLS_CERT_FILE and TLS_KEY_FILE", "must both be set or both unset");
            return None;
        }
    };
    if area.tls_client_allowed_sans.is_some() && area.tls_client_ca_file.is_none() {
        vars.problem(
            "TLS_CLIENT_ALLOWED_SANS",
            "needs TLS_CLIENT_CA_FILE: without it no client is asked for a certificate",
        );
        return None;
    }
    let files = Files { cert, key, client_ca: area.tls_client_ca_file };
    let policy =
        Policy { min_version: area.tls_min_version, allowed_sans: area.tls_client_allowed_sans, offer };
    let loaded = files.read().and_then(|pem| Acceptor::new(&pem, policy).map(|acceptor| (pem, acceptor)));
    // The error begins with its variable.
    let (pem, acceptor) = loaded.map_err(|error| vars.report(error.to_string())).ok()?;
    files.remarks().into_iter().for_each(|(variable, remark)| vars.warn(variable, remark));
    if acceptor.has_expired(clock::now()) {
        vars.warn(CERTIFICATE, HAS_EXPIRED);
    }
    Some(Some(TlsSettings { files, pem, acceptor, on_public: area.tls_health.0 }))
}
