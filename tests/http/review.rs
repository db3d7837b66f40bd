//! Findings of the security review that are about settings and what is said of decisions: 3, 13, 15, 16, 19, and the line
//! for who is let in.

use crate::authorization::{TOKEN, basic, good};
use crate::client::Request;
use crate::program::{Program, run};
use crate::refusal::assert_refused;

async fn asked_for(program: &Program, host: &str, lines: &[&str]) -> u16 {
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    program.ask(format!("{request}{lines}\r\n").as_bytes()).await.status
}

#[tokio::test]
async fn review_19_what_is_open_to_this_machine_is_not_open_to_other_names() {
    let program = Program::demo(&[]).await;
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:9087", "[::1]:9087"] {
        assert_eq!(asked_for(&program, host, &[]).await, 200, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example:9087", "10.0.0.1", "exporter"] {
        assert_eq!(asked_for(&program, host, &[]).await, 421, "{host}");
    }
    let refused =
        program.ask(b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").await;
    assert_refused(&refused, 421, 19);
    let health =
        program.ask(b"GET /health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").await;
    assert_eq!(health.status, 200, "probes show no figures");
    program.until_logged("host_not_allowed").await;

    let guarded = Program::demo(&[("METRICS_BEARER_TOKEN", TOKEN)]).await;
    assert_eq!(asked_for(&guarded, "evil.example", &[&good()]).await, 200, "off by default");

    let named = [("METRICS_BEARER_TOKEN", TOKEN), ("METRICS_ALLOWED_HOSTS", "exporter, [2001:db8::1]")];
    let named = Program::demo(&named).await;
    for (host, status) in
        [("Exporter:9087", 200), ("[2001:DB8::1]", 200), ("localhost", 421), ("evil.example", 421)]
    {
        assert_eq!(asked_for(&named, host, &[&good()]).await, status, "{host}");
    }
    let outcome = run(&["check-config"], &[("METRICS_ALLOWED_HOSTS", "https://exporter")]).await;
    assert!(outcome.stderr.contains("METRICS_ALLOWED_HOSTS has"), "{}", outcome.stderr);
}

#[tokio::test]
async fn review_3_trust_in_loopback_that_nobody_chose_is_remarked_where_addresses_count() {
    let remarked = async |settings: &[(&str, &str)]| {
        let all = [&[("HOST", "0.0.0.0")], settings].concat();
        let program = Program::demo(&all).await;
        program.output().contains("TRUST_PROXY is not set")
    };
    let list = ("METRICS_ALLOWED_IPS", "192.0.2.10");
    let token = ("METRICS_BEARER_TOKEN", TOKEN);
    assert!(remarked(&[list]).await);
    assert!(remarked(&[token]).await);
    assert!(!remarked(&[list, ("TRUST_PROXY", "loopback")]).await);
    assert!(!remarked(&[list, ("TRUST_PROXY", "false")]).await);
    assert!(!remarked(&[list, ("HOST", "127.0.0.1")]).await);
    assert!(!remarked(&[token, ("METRICS_BRUTE_FORCE_PROTECTION", "false")]).await);
    assert!(!remarked(&[]).await);
}

#[tokio::test]
async fn review_3_check_config_has_the_warning_of_the_start() {
    let checked = async |more: &[(&str, &str)]| {
        let all = [&[("MONGO_URI", "mongodb://localhost/LibreChat"), ("METRICS_BEARER_TOKEN", TOKEN)], more]
            .concat();
        let outcome = run(&["check-config"], &all).await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        outcome.stderr.contains("TRUST_PROXY is not set")
    };
    assert!(checked(&[]).await);
    assert!(checked(&[("METRICS_HOST", "0.0.0.0"), ("METRICS_PORT", "9088"), ("HOST", "127.0.0.1")]).await);
    assert!(!checked(&[("METRICS_HOST", "127.0.0.1"), ("METRICS_PORT", "9088")]).await);
    assert!(!checked(&[("TRUST_PROXY", "false")]).await);
}

#[tokio::test]
async fn who_is_let_in_has_a_line_once_a_minute_with_the_user_of_basic() {
    let settings = [
        ("METRICS_BEARER_TOKEN", TOKEN),
        ("METRICS_BASIC_AUTH_USER", "alice"),
        ("METRICS_BASIC_AUTH_PASSWORD", "p:w-0123456789abcdef"),
        ("METRICS_AUTH_LOG_ALLOWS", "true"),
    ];
    let program = Program::demo(&settings).await;
    for _ in 0..3 {
        assert_eq!(program.get("/metrics", &[basic("alice:p:w-0123456789abcdef")]).await.status, 200);
        assert_eq!(program.get("/metrics", &[good()]).await.status, 200);
    }
    assert_eq!(program.get("/metrics", &[basic("mallory:wrong")]).await.status, 401);
    let lines = program.log();
    let allows: Vec<_> = lines.iter().filter(|line| line["message"] == "let a caller in").collect();
    assert_eq!(allows.len(), 2, "{allows:?}");
    assert_eq!((&allows[0]["auth_method"], &allows[0]["subject"]), (&"basic".into(), &"alice".into()));
    assert_eq!((&allows[1]["auth_method"], allows[1].get("subject")), (&"bearer".into(), None));
    assert!(allows.iter().all(|line| line["address"] == "127.0.0.1"), "{allows:?}");
    let quiet = Program::demo(&settings[..1]).await;
    assert_eq!(quiet.get("/metrics", &[good()]).await.status, 200);
    assert!(!quiet.output().contains("let a caller in"), "off by default");
}

#[tokio::test]
async fn review_13_an_argon2_hash_of_much_memory_is_remarked() {
    let salt_and_output = "c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (memory, remarked) in [(262_144, true), (65_536, false)] {
        let hash = format!("$argon2id$v=19$m={memory},t=1,p=1${salt_and_output}");
        let settings = [
            ("MONGO_URI", "mongodb://localhost/LibreChat"),
            ("METRICS_BASIC_AUTH_USER", "alice"),
            ("METRICS_BASIC_AUTH_PASSWORD", &*hash),
        ];
        let outcome = run(&["check-config"], &settings).await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert_eq!(outcome.stderr.contains("more than 64 MiB"), remarked, "{memory}: {}", outcome.stderr);
    }
}

#[tokio::test]
async fn review_15_a_reload_is_remarked_on_as_the_start_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o602)).unwrap();
    let program = Program::demo(&[("METRICS_BEARER_TOKEN_FILE", file.to_str().unwrap())]).await;
    program.until_logged("everyone on this machine can change").await;
    std::fs::write(&file, "changeme").unwrap();
    program.signal("HUP");
    program.until_logged("looks like a placeholder").await;
}

#[tokio::test]
async fn review_15_files_of_tls_and_hashes_are_remarked_at_the_start_and_at_a_reload() {
    use std::os::unix::fs::PermissionsExt as _;
    const DEAR: &str = "alice:$2y$16$4VeFDzXIoPHKnKTU3O3GH.N.vZu06CVqczYZ8WvfzrddFU6tGqjR.";
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, text: &str, mode: u32| {
        std::fs::write(path(name), text).unwrap();
        std::fs::set_permissions(path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let pair = || {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    };
    let (certificate, key) = pair();
    write("server.crt", &certificate, 0o644);
    write("server.key", &key, 0o600);
    write("clients.crt", &certificate, 0o646);
    write("users", "alice:$2y$12$1DpfPeqF9HzHJt.EWswy1exHluGfbhnn3yXhR7Xes6m3WJqFg0Wby", 0o600);
    let (crt, key, clients, users) =
        (path("server.crt"), path("server.key"), path("clients.crt"), path("users"));
    let settings = [
        ("TLS_CERT_FILE", &*crt),
        ("TLS_KEY_FILE", &key),
        ("TLS_CLIENT_CA_FILE", &clients),
        ("METRICS_BASIC_AUTH_FILE", &users),
    ];
    let program = Program::launch(&settings).await;
    program.until_logged("TLS_CLIENT_CA_FILE names a file that everyone on this machine can change").await;
    assert!(!program.output().contains("TLS_KEY_FILE names"), "{}", program.output());
    let (certificate, key) = pair();
    write("server.crt", &certificate, 0o644);
    write("server.key", &key, 0o604);
    write("users", DEAR, 0o600);
    program.signal("HUP");
    program.until_logged("TLS_KEY_FILE names a file that everyone on this machine can read").await;
    program.until_logged("METRICS_BASIC_AUTH_FILE has a bcrypt hash of cost 16").await;
}

#[tokio::test]
async fn review_16_a_secret_in_the_wrong_place_is_not_shown() {
    let uri = "https://idp.example/keys?key=CANARYKEY";
    let settings = [
        ("MONGO_URI", "mongodb://localhost/LibreChat"),
        ("METRICS_OAUTH2_ISSUER", "https://idp.example"),
        ("METRICS_OAUTH2_JWKS_URI", uri),
        ("METRICS_OAUTH2_AUDIENCE", "exporter"),
    ];
    let outcome = run(&["check-config"], &settings).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("https://idp.example/keys"), "{}", outcome.stdout);
    assert!(!format!("{outcome:?}").contains("CANARYKEY"), "{outcome:?}");
    for variable in ["METRICS_BEARER_TOKEN_FILE", "TLS_CERT_FILE", "METRICS_SESSION_SECRET_FILE"] {
        let settings = [settings[0], (variable, "tok-CANARY-0123456789abcdef")];
        let outcome = run(&["check-config"], &settings).await;
        assert_ne!(outcome.code, Some(0), "{variable}");
        assert!(!format!("{outcome:?}").contains("CANARY"), "{variable}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_host_is_looked_at_before_credentials_and_is_no_guess() {
    let program =
        Program::demo(&[("METRICS_BEARER_TOKEN", TOKEN), ("METRICS_ALLOWED_HOSTS", "exporter")]).await;
    for number in 0..6 {
        let line = format!("Authorization: Bearer wrong-{number}");
        assert_eq!(asked_for(&program, "evil.example", &[&line]).await, 421, "{number}");
    }
    assert_eq!(asked_for(&program, "exporter", &[&good()]).await, 200);
    let absolute = Request::new("GET http://exporter/metrics HTTP/1.1").line(good()).last();
    assert_eq!(program.ask(&absolute).await.status, 200, "the target counts, not the header line");
}
