//! A credential that got lost on its way never opens the door: variables that are blank, quoted, cut, or a sample; names
//! that are LibreChat's; what somebody else's file would have brought (security review 9, A6, A11, B2).

use std::fs;

use crate::program::{Outcome, Program, run, run_in};

type Settings<'a> = &'a [(&'a str, &'a str)];

const MONGO: (&str, &str) = ("MONGO_URI", "mongodb://127.0.0.1:1/LibreChat");
const GUARDED: (&str, &str) = ("METRICS_BEARER_TOKEN", "canary-0123456789abcdef");
const MAY_BE_OPEN: (&str, &str) = ("METRICS_AUTH_REQUIRED", "false");

async fn check(settings: Settings<'_>) -> Outcome {
    let outcome = run(&["check-config"], &[&[MONGO], settings].concat()).await;
    assert!(!format!("{outcome:?}").contains("canary"), "{settings:?}: {outcome:?}");
    outcome
}

/// Stops the start of every command, in one line that says these words.
async fn assert_stops(settings: Settings<'_>, words: &[&str]) {
    for command in ["check-config", "serve", "demo"] {
        let outcome = run(&[command], &[&[MONGO], settings].concat()).await;
        assert_eq!(outcome.code, Some(2), "{command} {settings:?}: {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{command} {settings:?}: {outcome:?}");
        for word in words {
            assert!(outcome.stderr.contains(word), "{command} {settings:?}: no {word:?} in {outcome:?}");
        }
    }
}

async fn assert_warns(settings: Settings<'_>, words: &[&str]) {
    let outcome = check(settings).await;
    assert_eq!(outcome.code, Some(0), "{settings:?}: {outcome:?}");
    for word in words {
        assert!(outcome.stderr.contains(word), "{settings:?}: no {word:?} in {outcome:?}");
    }
}

const CREDENTIALS: [&str; 9] = [
    "METRICS_BEARER_TOKEN",
    "METRICS_BEARER_TOKEN_FILE",
    "METRICS_BASIC_AUTH_USER",
    "METRICS_BASIC_AUTH_PASSWORD",
    "METRICS_BASIC_AUTH_PASSWORD_FILE",
    "METRICS_OAUTH2_ISSUER",
    "METRICS_OAUTH2_AUDIENCE",
    "METRICS_SESSION_SECRET",
    "METRICS_SESSION_SECRET_FILE",
];

#[tokio::test]
async fn review_9_a_blank_credential_stops_the_start_unless_something_else_guards() {
    let prefixed = "LIBRECHAT_EXPORTER_METRICS_BEARER_TOKEN";
    for name in CREDENTIALS.into_iter().chain([prefixed]) {
        let bare = name.trim_start_matches("LIBRECHAT_EXPORTER_");
        assert_stops(&[(name, "")], &[bare, "set but empty", "METRICS_AUTH_REQUIRED=false"]).await;
    }
    for blank in [" ", "\t", "\u{a0}", "\u{feff}", " \n"] {
        assert_stops(&[("METRICS_BEARER_TOKEN", blank)], &["set but empty"]).await;
    }
    for name in CREDENTIALS {
        assert_warns(&[(name, ""), MAY_BE_OPEN], &[name, "counts as absent"]).await;
        if !name.starts_with("METRICS_BEARER") {
            assert_warns(&[(name, ""), GUARDED], &[name, "counts as absent"]).await;
        }
    }
    // The prefixed name is blank, the plain one is not.
    assert_warns(&[(prefixed, ""), GUARDED], &[]).await;
    // An allow-list of everybody is no guard.
    let everybody = ("METRICS_ALLOWED_IPS", "0.0.0.0/1,128.0.0.0/1");
    assert_stops(&[("METRICS_BEARER_TOKEN", ""), everybody], &["METRICS_BEARER_TOKEN is set but empty"])
        .await;
    assert_warns(
        &[("METRICS_BEARER_TOKEN", ""), ("METRICS_ALLOWED_IPS", "10.0.0.0/8")],
        &["counts as absent"],
    )
    .await;
}

#[tokio::test]
async fn review_9_what_closes_may_never_be_blank() {
    for name in ["TLS_CLIENT_CA_FILE", "METRICS_AUTH_REQUIRED", "METRICS_ALLOWED_IPS"] {
        for settings in [&[(name, "")] as Settings<'_>, &[(name, " "), GUARDED]] {
            assert_stops(settings, &[name, "set but empty"]).await;
        }
    }
}

#[tokio::test]
async fn review_9_networks_that_together_hold_a_family_do_not_satisfy_auth_required() {
    let required = ("METRICS_AUTH_REQUIRED", "true");
    for list in
        ["0.0.0.0/0", "0.0.0.0/1,128.0.0.0/1", "::/0", "::/1,8000::/1", "2000::/3", "10.0.0.0/8,0.0.0.0/0"]
    {
        let words = ["METRICS_AUTH_REQUIRED", "METRICS_ALLOWED_IPS"];
        assert_stops(&[("METRICS_ALLOWED_IPS", list), required], &words).await;
        assert_warns(&[("METRICS_ALLOWED_IPS", list), required, GUARDED], &["allows everyone"]).await;
    }
    assert_warns(&[("METRICS_ALLOWED_IPS", "0.0.0.0/1"), required], &[]).await;
    assert_stops(
        &[("METRICS_BEARER_TOKEN", ""), required],
        &["METRICS_AUTH_REQUIRED", "METRICS_BEARER_TOKEN"],
    )
    .await;
}

#[tokio::test]
async fn a_token_in_an_ignored_file_does_not_quietly_open_the_door() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    fs::write(&path, "METRICS_BEARER_TOKEN=canary-0123456789abcdef\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let stopped = run_in(folder.path(), &["check-config"], &[MONGO]).await;
    assert_eq!(stopped.code, Some(2), "{stopped:?}");
    assert!(
        stopped.stderr.contains("METRICS_BEARER_TOKEN is in the .env file that is ignored"),
        "{stopped:?}"
    );
    let allowed = ("METRICS_ALLOWED_IPS", "127.0.0.1");
    let guarded = run_in(folder.path(), &["check-config"], &[MONGO, allowed]).await;
    assert_eq!(guarded.code, Some(0), "{guarded:?}");
}

#[tokio::test]
async fn a11_quotation_marks_around_a_whole_value_are_named() {
    for (name, value) in [
        ("METRICS_BEARER_TOKEN", "\"canary-0123456789abcdef\""),
        ("METRICS_BEARER_TOKEN", "\"\""),
        ("METRICS_BASIC_AUTH_USER", "'canary'"),
        ("METRICS_SESSION_SECRET", "'canary-canary-canary-canary-canary'"),
        ("METRICS_OAUTH2_ISSUER", "\"https://canary.example\""),
        ("MONGO_URI", "\"mongodb://canary:canary@127.0.0.1/x\""),
        ("HOST", "\"0.0.0.0\""),
        ("METRICS_ALLOWED_IPS", "\"10.0.0.0/8\""),
        ("TLS_CERT_FILE", "'/canary'"),
    ] {
        let outcome = run(&["check-config"], &[MONGO, (name, value)]).await;
        assert_eq!(outcome.code, Some(2), "{name}={value}: {outcome:?}");
        assert!(
            outcome.stderr.contains(&format!("{name} has quotation marks")),
            "{name}={value}: {outcome:?}"
        );
        assert!(!outcome.stderr.contains("canary"), "{name}={value}: {outcome:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "'canary-0123456789abcdef'\n").unwrap();
    assert_stops(&[("METRICS_BEARER_TOKEN_FILE", file.to_str().unwrap())], &["quotation marks"]).await;
}

#[tokio::test]
async fn a6_a_line_of_an_htpasswd_file_is_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    let hash = "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
    let path = file.to_str().unwrap().to_owned();
    let settings =
        [("METRICS_BASIC_AUTH_USER", "prometheus"), ("METRICS_BASIC_AUTH_PASSWORD_FILE", path.as_str())];
    for (text, words) in [
        (format!("prometheus:{hash}\n"), "htpasswd"),
        (hash.replace('$', "$$"), "doubled"),
        (format!("{hash} "), "blanks"),
        ("$2y$10.IjZAgcfl7p92\n".into(), "not a whole one"),
    ] {
        fs::write(&file, text).unwrap();
        assert_stops(&settings, &["METRICS_BASIC_AUTH_PASSWORD_FILE", words]).await;
    }
    fs::write(&file, format!("\u{feff}{hash}\r\n")).unwrap();
    assert_eq!(check(&settings).await.code, Some(0), "A9: the mark is dropped");
}

#[tokio::test]
async fn b2_beside_librechats_settings_names_that_both_have_are_librechats() {
    let librechats = [
        ("CREDS_KEY", "x"),
        ("HOST", "localhost"),
        ("PORT", "3080"),
        ("TRUST_PROXY", "1"),
        ("JWT_REFRESH_SECRET", "a-refresh-secret-of-the-test-0123456789"),
    ];
    let outcome = check(&librechats).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("serves everything on http *:9087"), "{outcome:?}");
    let left = "HOST, JWT_REFRESH_SECRET, PORT, TRUST_PROXY are left to LibreChat";
    assert!(outcome.stdout.contains(left), "{outcome:?}");
    assert!(outcome.stderr.contains("/metrics is open: JWT_REFRESH_SECRET is left"), "{outcome:?}");
    assert!(!outcome.stderr.contains("counts hops"), "{outcome:?}");
    let prefixed = [("LIBRECHAT_EXPORTER_PORT", "9999"), ("LIBRECHAT_EXPORTER_HOST", "127.0.0.1")];
    let outcome = check(&[&librechats, prefixed.as_slice()].concat()).await;
    assert!(outcome.stdout.contains("serves everything on http 127.0.0.1:9999"), "{outcome:?}");
    // Without LibreChat's own names they are ours.
    let outcome = check(&librechats[1..]).await;
    assert!(outcome.stdout.contains("serves everything on http localhost:3080"), "{outcome:?}");
    assert!(outcome.stdout.contains("in this order: session"), "{outcome:?}");
}

#[tokio::test]
async fn b2_names_in_librechats_file_do_not_take_those_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), "CREDS_IV=x\nHOST=localhost\nPORT=3080\n").unwrap();
    let outcome = run_in(folder.path(), &["check-config"], &[MONGO, ("PORT", "9999")]).await;
    assert!(outcome.stdout.contains("serves everything on http *:9999"), "{outcome:?}");
    assert!(outcome.stdout.contains("HOST is left to LibreChat"), "{outcome:?}");
}

#[tokio::test]
async fn b2_a_sample_of_librechats_turns_its_login_off() {
    let sample = "eaa5191f2914e30b9387fd84e254e4ba6fc51b4654968a9b0803b456a54b8418";
    let outcome = check(&[("JWT_REFRESH_SECRET", sample), GUARDED]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("JWT_REFRESH_SECRET is a sample value"), "{outcome:?}");
    assert!(outcome.stdout.contains("in this order: bearer\n"), "{outcome:?}");
    assert_stops(&[("METRICS_SESSION_SECRET", sample)], &["METRICS_SESSION_SECRET is a sample value"]).await;
}

#[tokio::test]
async fn c5_other_names_of_mongo_uri_are_told_from_it() {
    for name in ["MONGODB_URI", "MONGO_URL", "MONGODB_URL", "MONGO_CONNECTION_STRING"] {
        let uri = (name, "mongodb://canary:canary@127.0.0.1/x");
        let alone = run(&["check-config"], &[uri]).await;
        assert_eq!(alone.code, Some(2), "{alone:?}");
        assert!(alone.stderr.contains(name) && alone.stderr.contains("did you mean MONGO_URI?"), "{alone:?}");
        assert!(!alone.stderr.contains("canary"), "{alone:?}");
        assert_warns(&[uri], &[name, "did you mean MONGO_URI"]).await;
    }
}

#[tokio::test]
async fn c5_healthcheck_says_one_thing() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    drop(taken);
    let refused = run(&["healthcheck"], &[("HOST", "127.0.0.1"), ("PORT", &port)]).await;
    let expected = format!("error: http://127.0.0.1:{port}/health: connection refused\n");
    assert_eq!((refused.code, refused.stderr), (Some(1), expected));
    let url = run(&["healthcheck", "--url", "foo"], &[]).await;
    assert!(url.code == Some(1) && url.stderr.contains("--url: foo is not an address"), "{url:?}");
}

#[tokio::test]
async fn help_and_settings_are_made_of_the_table() {
    for command in [&["serve"][..], &["demo"], &["once"], &["check-config"], &["healthcheck"], &[]] {
        let help = run(&[command, &["--help"]].concat(), &[]).await.stdout;
        for words in ["Environment:", "Example:", "docs/configuration.md"] {
            assert!(help.contains(words), "{command:?}: {help}");
        }
    }
    let settings = run(&["settings"], &[("PORT", "nonsense")]).await;
    assert_eq!(settings.code, Some(0), "{settings:?}");
    assert!(settings.stdout.contains("  PORT [default: 9087]\n"), "{settings:?}");
}

#[tokio::test]
async fn b5_a_file_that_may_not_be_read_says_whose_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("exporter");
    fs::copy(env!("CARGO_BIN_EXE_librechat-exporter"), &program).unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "canary-0123456789abcdef").unwrap();
    let all = std::os::unix::fs::PermissionsExt::from_mode;
    fs::set_permissions(folder.path(), all(0o755)).unwrap();
    fs::set_permissions(&file, all(0o600)).unwrap();
    let mut command = std::process::Command::new(&program);
    command.arg("check-config").env_clear().current_dir(folder.path());
    command.envs([MONGO, ("METRICS_BEARER_TOKEN_FILE", file.to_str().unwrap())]);
    // Only root can become somebody else; anybody else may read his own file.
    std::os::unix::process::CommandExt::uid(&mut command, 65_532);
    let Ok(output) = command.output() else { return };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("permission denied (this process is user 65532; the file belongs to user 0, mode 600)"),
        "{said}"
    );
}

#[tokio::test]
async fn a3_a_dollar_sign_in_a_token_guards() {
    let program = Program::demo(&[("METRICS_BEARER_TOKEN", "$uperSecretToken0123456789")]).await;
    assert_eq!(program.get::<&str>("/metrics", &[]).await.status, 401);
    let good = ["Authorization: Bearer $uperSecretToken0123456789"];
    assert_eq!(program.get("/metrics", &good).await.status, 200);
}

#[tokio::test]
async fn review_9_a_blank_restriction_stops_the_start_whatever_else_guards() {
    for name in [
        "METRICS_ALLOWED_HOSTS",
        "METRICS_OAUTH2_REQUIRED_CLAIMS",
        "METRICS_OAUTH2_REQUIRED_SCOPES",
        "METRICS_OAUTH2_TOKEN_TYPES",
    ] {
        assert_stops(&[(name, ""), GUARDED], &[name, "set but empty", "leave it out"]).await;
    }
}
