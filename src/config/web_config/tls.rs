//! `tls_server_config`.

use serde_json::{Map, Value};

use super::Reader;

/// Names of Go that are no suites of ours, and that no client needs which speaks TLS 1.2 well.
const OLD_SUITES: &[&str] = &[
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
];

/// What is offered, with Go's names.
const SUITES: &[&str] = &[
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// Suites of TLS 1.3, which Go cannot choose either.
const SUITES_OF_13: &[&str] =
    &["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

const CURVES: &[&str] = &["CurveP256", "CurveP384", "X25519"];
const MORE_CURVES: &[&str] = &["CurveP521", "X25519MLKEM768"];

const INLINE: &str =
    "cannot be given inline: put the PEM into a file, which is read again when it changes, and name that";

pub(super) fn read(reader: &mut Reader<'_>, section: &Map<String, Value>) {
    let text = |key: &str| section.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut client_auth = "";
    for (key, value) in section {
        match (key.as_str(), value) {
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
            ("client_allowed_sans", _) => {
                fault(reader, key, "is not read from this file: set TLS_CLIENT_ALLOWED_SANS");
            }
            ("min_version" | "max_version", Value::String(version)) => versions(reader, key, version),
            ("cipher_suites", Value::Array(names)) => {
                whole(reader, key, names, SUITES, &[OLD_SUITES, SUITES_OF_13].concat(), "cipher");
            }
            ("curve_preferences", Value::Array(names)) => {
                whole(reader, key, names, CURVES, MORE_CURVES, "curve");
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
}

const KEYS: &[&str] = &[
    "cert",
    "key",
    "client_ca",
    "cert_file",
    "key_file",
    "client_ca_file",
    "client_auth_type",
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

fn versions(reader: &mut Reader<'_>, key: &str, version: &str) {
    match (key, version) {
        (_, "TLS10" | "TLS11") => fault(reader, key, "is too old: TLS 1.2 and 1.3 are spoken"),
        ("min_version", "TLS12") | ("max_version", "TLS13") => {}
        ("min_version", "TLS13") => fault(reader, key, "is not read from this file: set TLS_MIN_VERSION=1.3"),
        ("max_version", "TLS12") => fault(reader, key, "cannot be had: TLS 1.3 is always spoken"),
        _ => fault(reader, key, "is an unknown TLS version"),
    }
}

/// A list that leaves out none of what is offered; which of it cannot be chosen.
fn whole(reader: &mut Reader<'_>, key: &str, names: &[Value], offered: &[&str], more: &[&str], what: &str) {
    let names: Vec<&str> = names.iter().map(|name| name.as_str().unwrap_or_default()).collect();
    let known = |name: &&str| offered.contains(name) || more.contains(name);
    if !names.iter().all(known) {
        fault(reader, key, &format!("names an unknown {what}"));
    } else if !names.is_empty() && !offered.iter().all(|name| names.contains(name)) {
        let offered = offered.join(", ");
        fault(reader, key, &format!("cannot leave any out: {offered} are always offered"));
    }
}
