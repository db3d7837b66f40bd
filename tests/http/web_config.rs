//! The web configuration file of Prometheus' own exporters, as the program takes it.

use std::fs;

use crate::authorization::basic;
use crate::program::{Program, eventually, run};

fn users(users: &[(&str, &str)]) -> String {
    let users =
        users.iter().map(|(user, password)| format!("  {user}: {}\n", bcrypt::hash(password, 4).unwrap()));
    format!("basic_auth_users:\n{}", users.collect::<String>())
}

const HEADERS: &str = "http_server_config: {headers: {X-Frame-Options: deny}}\n";

#[tokio::test]
async fn users_and_headers_of_the_file_are_in_force_and_users_change_live() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yml");
    fs::write(&file, format!("{HEADERS}{}", users(&[("alice", "alice-1"), ("bob", "bob-1")]))).unwrap();
    let settings = [
        ("WEB_CONFIG_FILE", file.to_str().unwrap()),
        ("METRICS_BEARER_TOKEN", "a-token-of-the-variables"),
        ("RATE_LIMIT_MAX", "0"),
        ("METRICS_BRUTE_FORCE_PROTECTION", "false"),
    ];
    let program = Program::demo(&settings).await;
    let status = async |line: Vec<u8>| program.get("/metrics", &[line]).await.status;
    assert_eq!(status(basic("alice:alice-1")).await, 200);
    assert_eq!(status(basic("bob:bob-1")).await, 200);
    assert_eq!(status(basic("bob:alice-1")).await, 401);
    assert_eq!(status(b"Authorization: Bearer a-token-of-the-variables".to_vec()).await, 200);
    for path in ["/metrics", "/livez", "/nowhere"] {
        let response = program.get::<&str>(path, &[]).await;
        assert_eq!(response.header("x-frame-options"), Some("deny"), "{path}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
    }

    fs::write(&file, format!("{HEADERS}{}", users(&[("alice", "alice-2")]))).unwrap();
    program.signal("HUP");
    eventually("the new password is good", async || match status(basic("alice:alice-2")).await {
        200 => Ok(()),
        other => Err(other.to_string()),
    })
    .await;
    assert_eq!(status(basic("bob:bob-1")).await, 401);
    fs::write(&file, HEADERS).unwrap();
    program.signal("HUP");
    program.until_logged("has no basic_auth_users any more").await;
    assert_eq!(status(basic("alice:alice-2")).await, 200);
}

#[tokio::test]
async fn the_option_is_the_variable_and_both_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yml");
    fs::write(&file, "tls_server_config: {cert_filse: x}\nnonsense: 1\n").unwrap();
    let option = format!("--web.config.file={}", file.display());
    let outcome = run(&["demo", &option], &[]).await;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    for said in ["cert_filse is not a key", "cert_file is missing", "nonsense is not a key"] {
        assert!(outcome.stderr.contains(said), "{said}: {outcome:?}");
    }
    let outcome = run(&["demo", &option], &[("WEB_CONFIG_FILE", "/x")]).await;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("are both set"), "{outcome:?}");
}
