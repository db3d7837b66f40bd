//! Tests of web configuration files: what is taken, and what is refused by name.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::config::{Config, Needs, VARIABLES};
use crate::tls::MinVersion;

/// What the examples of Prometheus' exporter toolkit say, in the same order, and whether it takes them. The comments say
/// where we differ: what it takes and quietly does not do, or does unsafely, is refused here by name.
const EXAMPLES: &[(&str, Result<(), &str>)] = &[
    // Taken there; but whoever emptied the file by mistake must not open the door.
    ("", Err("is empty")),
    ("# nothing yet\n", Ok(())),
    ("junk\nmore junk\n", Err("is not a YAML mapping")),
    ("tls_server_config:\n  cert_filse: server.crt", Err("cert_filse is not a key")),
    ("tls_server_config: {cert_file: '', key_file: server.key}", Err("cert_file is missing")),
    ("tls_server_config: {cert: '', key_file: server.key}", Err("cert_file is missing")),
    ("tls_server_config: {cert_file: server.crt, key_file: ''}", Err("key_file is missing")),
    ("tls_server_config: {cert_file: server.crt, key: ''}", Err("key_file is missing")),
    (
        "tls_server_config: {cert_file: '', key_file: '', client_auth_type: x}",
        Err("is no client authentication type"),
    ),
    ("tls_server_config: {cert_file: somefile, key_file: server.key}", Err("does not exist")),
    ("tls_server_config: {cert_file: server.crt, key_file: somefile}", Err("does not exist")),
    ("tls_server_config: {cert_file: somefile, key_file: somefile}", Err("does not exist")),
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: /dev/null}",
        Err("needs client_auth_type"),
    ),
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: somefile}",
        Err("needs client_auth_type"),
    ),
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.key}\nbasic_auth_users: {john: doe}",
        Err("\"john\" has a password in plain text"),
    ),
    (
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048]",
        Err("cipher_suites names an unknown cipher"),
    ),
    (
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  curve_preferences: [CurveP257]",
        Err("curve_preferences names an unknown curve"),
    ),
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.key, min_version: TLS111}",
        Err("min_version is an unknown TLS version"),
    ),
    ("tls_server_config: {cert_file: server.crt, key_file: server.key}", Ok(())),
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_auth_type: VerifyClientCertIfGiven}",
        Ok(()),
    ),
    // Taken there, and then no client gets in.
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_auth_type: RequireAndVerifyClientCert}",
        Err("client_auth_type needs client_ca_file"),
    ),
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem}",
        Ok(()),
    ),
    // Taken there: any certificate lets in.
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_auth_type: RequireAnyClientCert}",
        Err("takes certificates that nobody vouches for"),
    ),
    // Taken there: what lies in a file of its own is read again when it changes, and this one is not.
    ("tls_server_config: {cert: PEM, key: canary}", Err("cannot be given inline")),
    (
        "tls_server_config:
  cert_file: server.crt
  key_file: server.key
  cipher_suites:
  - TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
  - TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
  - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
  - TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
  - TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
  - TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
  - TLS_AES_128_GCM_SHA256
  - TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        Ok(()),
    ),
    // Taken there.
    (
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]\n  max_version: TLS12",
        Err("max_version cannot be had"),
    ),
    (
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]",
        Ok(()),
    ),
    // Taken there.
    (
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  curve_preferences: [CurveP521]",
        Err("curve_preferences names no curve that can be had"),
    ),
    (
        "http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: deny\n    Strict-Transport-Security: max-age=31536000; includeSubDomains\n    \
         X-Content-Type-Options: nosniff\n    X-XSS-Protection: 1\n    Content-Security-Policy: \"default-src 'self'\"",
        Ok(()),
    ),
    ("http_server_config: {headers: {X-Content-Type-Options: sniff}}", Err("has an invalid value")),
    ("http_server_config: {headers: {X-Frame-Options: foo}}", Err("has an invalid value")),
    ("http_server_config: {headers: {Content-Type: foo}}", Err("Content-Type cannot be configured")),
    ("rate_limit: {interval: 0, burst: 0}", Ok(())),
    ("rate_limit: {interval: 1s, burst: 0}", Ok(())),
    ("rate_limit: {interval: soon}", Err("must have an interval like 1s")),
    ("rate_limits: {}", Err("rate_limits is not a key")),
    // Taken there: what was to close the door says nothing by mistake.
    ("tls_server_config:\n", Err("tls_server_config is empty")),
    ("basic_auth_users:\n", Err("basic_auth_users is empty")),
    ("basic_auth_users: {}", Err("basic_auth_users is empty")),
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: }",
        Err("client_ca_file is blank"),
    ),
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_auth_type: ''}",
        Err("client_auth_type is blank"),
    ),
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, client_allowed_sans: []}",
        Err("client_allowed_sans is blank"),
    ),
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, client_allowed_sans: a.example}",
        Err("client_allowed_sans has a value of another type"),
    ),
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, client_allowed_sans: ['a.example,b.example']}",
        Err("client_allowed_sans has an entry that is not one name"),
    ),
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, client_allowed_sans: ['*.example']}",
        Err("names are exact in this file"),
    ),
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.key, client_allowed_sans: [a.example]}",
        Err(
            "TLS_CLIENT_ALLOWED_SANS (tls_server_config.client_allowed_sans of WEB_CONFIG_FILE) needs TLS_CLIENT_CA_FILE",
        ),
    ),
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.key, cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]}",
        Err("cipher_suites names no cipher that can be had"),
    ),
    ("tls_server_config: {cert_file: server.crt, key_file: server.key, min_version: TLS13}", Ok(())),
    (
        "basic_auth_users:\n  alice: $2y$12$1DpfPeqF9HzHJt.EWswy1exHluGfbhnn3yXhR7Xes6m3WJqFg0Wby\n  \
         bob: $2y$18$4VeFDzXIoPHKnKTU3O3GH.N.vZu06CVqczYZ8WvfzrddFU6tGqjR.",
        Ok(()),
    ),
    ("basic_auth_users: {alice: }", Err("\"alice\" has no hash")),
    ("basic_auth_users: [alice]", Err("must be a mapping")),
    ("basic_auth_users: {a: canary, a: canary}", Err("is not valid YAML at line 1")),
    ("tls_server_config: {cert_file: [canary}", Err("is not valid YAML at line 1")),
];

fn folder() -> TempDir {
    let folder = TempDir::with_prefix("web-config").unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.path().join("server.crt"), made.cert.pem()).unwrap();
    fs::write(folder.path().join("ca.pem"), made.cert.pem()).unwrap();
    fs::write(folder.path().join("server.key"), made.signing_key.serialize_pem()).unwrap();
    folder
}

fn config(folder: &TempDir, text: &str, more: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let path = folder.path().join("web.yml");
    fs::write(&path, text).unwrap();
    let mut pairs = vec![(FILE.to_owned(), path.to_str().unwrap().to_owned())];
    pairs.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let mut vars = Vars::new(pairs, VARIABLES);
    let read = Config::read(&mut vars, Needs::Nothing);
    read.map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn the_examples_of_the_exporter_toolkit_are_taken_or_refused_as_there() {
    let folder = folder();
    let mut wrong = Vec::new();
    for (text, expected) in EXAMPLES {
        let found = config(&folder, text, &[]).map(|_| ());
        let fits = match (&found, expected) {
            (Ok(()), Ok(())) => true,
            (Err(problems), Err(said)) => {
                assert!(problems.iter().all(|problem| !problem.contains("canary")), "{problems:?}");
                problems.iter().any(|problem| problem.contains(said))
            }
            _ => false,
        };
        if !fits {
            wrong.push((text, found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_the_file_says_is_what_the_variables_would_say() {
    let folder = folder();
    let text = "tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  client_allowed_sans: [prometheus.example, 'spiffe://example.org/prometheus']
  min_version: TLS13
rate_limit: {interval: 2s, burst: 5}
http_server_config: {headers: {X-Frame-Options: DENY, X-XSS-Protection: ''}}
basic_auth_users: {alice: $2y$12$1DpfPeqF9HzHJt.EWswy1exHluGfbhnn3yXhR7Xes6m3WJqFg0Wby}";
    let config = config(&folder, text, &[]).unwrap();
    assert_eq!(config.tls.as_ref().unwrap().files.cert, folder.path().join("server.crt"));
    let policy = config.tls.as_ref().unwrap().acceptor.policy();
    assert_eq!(policy.min_version, MinVersion::Tls13);
    assert_eq!(
        policy.allowed_sans,
        Some("prometheus.example spiffe://example.org/prometheus".parse().unwrap())
    );
    assert_eq!(config.limits.window, std::time::Duration::from_secs(10));
    assert_eq!(config.limits.metrics.unwrap().get(), 5);
    assert_eq!(config.guard.methods(), ["client_certificate", "basic"]);
    assert_eq!(config.headers.len(), 1);
    assert_eq!(config.headers["x-frame-options"], "DENY");
}

#[test]
fn what_is_set_twice_is_an_error_and_all_errors_come_at_once() {
    let folder = folder();
    let text = "tls_server_config: {cert_file: server.crt, key_file: server.key, min_version: TLS12}
rate_limit: {interval: 1s, burst: 5}
basic_auth_users: {alice: $2y$12$1DpfPeqF9HzHJt.EWswy1exHluGfbhnn3yXhR7Xes6m3WJqFg0Wby}
unknown: 1";
    let more =
        [("TLS_CERT_FILE", "/x"), ("TLS_MIN_VERSION", "1.3"), ("RATE_LIMIT_MAX", "7"), ("PORT", "abc")];
    let problems = config(&folder, text, &more).unwrap_err();
    for said in [
        "tls_server_config.cert_file and TLS_CERT_FILE are both set",
        "tls_server_config.min_version and TLS_MIN_VERSION are both set",
        "rate_limit.burst and RATE_LIMIT_MAX are both set",
        "unknown is not a key",
        "PORT",
    ] {
        assert!(problems.iter().any(|problem| problem.contains(said)), "{said}: {problems:?}");
    }
    let users = [("METRICS_BASIC_AUTH_USER", "alice"), ("METRICS_BASIC_AUTH_PASSWORD", "0123456789abcdef")];
    let problems = config(
        &folder,
        "basic_auth_users: {alice: $2y$12$1DpfPeqF9HzHJt.EWswy1exHluGfbhnn3yXhR7Xes6m3WJqFg0Wby}",
        &users,
    );
    let problems = problems.unwrap_err();
    assert!(
        problems[0].contains("basic_auth_users") && problems[0].contains("METRICS_BASIC_AUTH_USER"),
        "{problems:?}"
    );
}

#[test]
fn only_users_change_while_it_runs_and_never_to_none() {
    const HASH: &str = "$2y$12$1DpfPeqF9HzHJt.EWswy1exHluGfbhnn3yXhR7Xes6m3WJqFg0Wby";
    let rest = "http_server_config: {http2: false}";
    let before = format!("{rest}\nbasic_auth_users: {{alice: {HASH}}}");
    for (now, good) in [
        (format!("{rest}\n# another\nbasic_auth_users: {{alice: {HASH}, bob: {HASH}}}"), true),
        (format!("basic_auth_users: {{bob: {HASH}}}\n{rest}"), true),
        (rest.to_owned(), false),
        (format!("{rest}\nbasic_auth_users: {{}}"), false),
        (format!("{rest}\nbasic_auth_users: {{alice: plain}}"), false),
        (format!("basic_auth_users: {{bob: {HASH}}}"), false),
        (format!("{before}\nrate_limit: {{interval: 0}}"), false),
        (String::new(), false),
        ("[".to_owned(), false),
    ] {
        assert_eq!(users_again(&before, &Secret::new(now.as_str())).is_ok(), good, "{now}");
    }
}
