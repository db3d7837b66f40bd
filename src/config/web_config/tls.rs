//! `tls_server_config`.

use serde_json::{Map, Value};

use super::Reader;
use crate::tls::offer::Offer;

const INLINE: &str =
    "cannot be given inline: put the PEM into a file, which is read again when it changes, and name that";

/// What says which clients are let in: blank by mistake, it must not let in all of them.
const CLIENTS: &[&str] = &["client_auth_type", "client_ca_file", "client_allowed_sans"];

pub(super) fn read(reader: &mut Reader<'_>, section: &Map<String, Value>) -> Offer {
    let text = |key: &str| section.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut client_auth = "";
    let mut offer = Offer::default();
    for (key, value) in section {
        match (key.as_str(), value) {
            (key, value) if CLIENTS.contains(&key) && is_blank(value) => {
                fault(reader, key, "is blank: leave the key out where clients need no certificate");
            }
            (_, Value::Null) => {}
            ("cert_file", Value::String(path)) => {
                file(reader, "TLS_CERT_FILE", "tls_server_config.cert_file", path);
            }
            ("key_file", Value::String(path)) => {
                file(reader, "TLS_KEY_FILE", "tls_server_config.key_file", path);
            }
            ("client_ca_file", Value::String(path)) => {
                file(reader, "TLS_CLIENT_CA_FILE", "tls_server_config.client_ca_file", path);
            }
            ("cert" | "key" | "client_ca", Value::String(pem)) if pem.is_empty() => {}
            ("cert" | "key" | "client_ca", Value::String(_)) => fault(reader, key, INLINE),
            ("client_auth_type", Value::String(kind)) => client_auth = kind,
            ("client_allowed_sans", Value::Array(names)) => allowed_sans(reader, names),
            ("min_version" | "max_version", Value::String(version)) => versions(reader, key, version),
            ("cipher_suites", Value::Array(names)) => {
                offered(reader, key, names, |names| offer.choose_suites(names));
            }
            ("curve_preferences", Value::Array(names)) => {
                offered(reader, key, names, |names| offer.choose_groups(names));
            }
            ("prefer_server_cipher_suites", Value::Bool(true)) => {
                reader.caution(
                    "tls_server_config.prefer_server_cipher_suites",
                    "has no effect: the client's order counts",
                );
            }
            ("prefer_server_cipher_suites", Value::Bool(false)) => {}
            _ if KEYS.contains(&key.as_str()) => {
                fault(reader, key, "has a value of another type than it takes");
            }
            _ => fault(reader, key, "is not a key of a web configuration file"),
        }
    }
    if text("cert_file").is_empty() && text("cert").is_empty() {
        fault(reader, "cert_file", "is missing");
    }
    if text("key_file").is_empty() && text("key").is_empty() {
        fault(reader, "key_file", "is missing");
    }
    client_auth_type(
        reader,
        client_auth,
        !text("client_ca_file").is_empty() || !text("client_ca").is_empty(),
    );
    offer
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(names) => names.is_empty(),
        _ => false,
    }
}

const KEYS: &[&str] = &[
    "cert",
    "key",
    "client_ca",
    "cert_file",
    "key_file",
    "client_ca_file",
    "client_auth_type",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "curve_preferences",
    "prefer_server_cipher_suites",
];

fn fault(reader: &mut Reader<'_>, key: &str, text: &str) {
    reader.fault(&format!("tls_server_config.{key}"), text);
}

fn file(reader: &mut Reader<'_>, variable: &'static str, key: &'static str, path: &str) {
    if !path.is_empty() {
        let path = reader.folder.join(path);
        reader.set(variable, key, path.to_string_lossy().into_owned());
    }
}

/// A certificate that nobody vouches for proves nothing, so it lets nobody in here, and neither does none.
fn client_auth_type(reader: &mut Reader<'_>, kind: &str, has_authority: bool) {
    let key = "client_auth_type";
    match (kind, has_authority) {
        ("" | "NoClientCert", false) | ("RequireAndVerifyClientCert", true) => {}
        ("" | "NoClientCert", true) => {
            fault(reader, "client_ca_file", "needs client_auth_type: RequireAndVerifyClientCert");
        }
        ("RequireAndVerifyClientCert", false) => fault(reader, key, "needs client_ca_file"),
        ("VerifyClientCertIfGiven", false) => {
            reader.caution("tls_server_config.client_auth_type", "has no effect without client_ca_file");
        }
        ("VerifyClientCertIfGiven", true) => {
            fault(reader, key, "lets in clients without a certificate; RequireAndVerifyClientCert does not");
        }
        ("RequestClientCert" | "RequireAnyClientCert" | "RequireClientCert", _) => {
            fault(
                reader,
                key,
                "takes certificates that nobody vouches for; RequireAndVerifyClientCert does not",
            );
        }
        _ => fault(reader, key, "is no client authentication type"),
    }
}

/// Names are exact in this file, so a `*` that stands for others would let in more than it says.
fn allowed_sans(reader: &mut Reader<'_>, names: &[Value]) {
    let key = "client_allowed_sans";
    let names: Option<Vec<&str>> = names.iter().map(|name| name.as_str().map(str::trim)).collect();
    let Some(names) = names else { return fault(reader, key, "must be a list of names") };
    if names.iter().any(|name| name.is_empty() || name.contains([',', ' '])) {
        return fault(reader, key, "has an entry that is not one name");
    }
    if let Some(name) = names.iter().find(|name| name.contains('*')) {
        let text =
            format!("has {name:?}, but names are exact in this file: set TLS_CLIENT_ALLOWED_SANS instead");
        return fault(reader, key, &text);
    }
    reader.set("TLS_CLIENT_ALLOWED_SANS", "tls_server_config.client_allowed_sans", names.join(","));
}

fn versions(reader: &mut Reader<'_>, key: &str, version: &str) {
    let least = |reader: &mut Reader<'_>, version: &str| {
        reader.set("TLS_MIN_VERSION", "tls_server_config.min_version", version.to_owned());
    };
    match (key, version) {
        (_, "TLS10" | "TLS11") => fault(reader, key, "is too old: TLS 1.2 and 1.3 are spoken"),
        ("min_version", "TLS12") => least(reader, "1.2"),
        ("min_version", "TLS13") => least(reader, "1.3"),
        ("max_version", "TLS13") => {}
        ("max_version", "TLS12") => fault(reader, key, "cannot be had: TLS 1.3 is always spoken"),
        _ => fault(reader, key, "is an unknown TLS version"),
    }
}

/// Chooses some of what can be offered; an empty list chooses nothing.
fn offered(
    reader: &mut Reader<'_>,
    key: &str,
    names: &[Value],
    choose: impl FnOnce(&[&str]) -> Result<Vec<String>, String>,
) {
    let names: Vec<&str> = names.iter().map(|name| name.as_str().unwrap_or_default()).collect();
    if names.is_empty() {
        return;
    }
    match choose(&names) {
        Err(text) => fault(reader, key, &text),
        Ok(ignored) if ignored.is_empty() => {}
        Ok(ignored) => {
            let text = format!("names {}, which cannot be had and is left out", ignored.join(", "));
            reader.caution(&format!("tls_server_config.{key}"), &text);
        }
    }
}
