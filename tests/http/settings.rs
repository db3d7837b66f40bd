//! Group G: settings that are wrong stop the start before anything is bound, all at once, naming variables and showing
//! no secret; settings that are odd are warned of.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::authorization::{TOKEN, good};
use crate::client::{self, Request, Target};
use crate::program::{Outcome, Program, free_port, run, run_in};
use crate::refusal::assert_refused;

type Settings<'a> = &'a [(&'a str, &'a str)];

const CANARY: &str = "canary-of-a-secret";
const MONGO: (&str, &str) = ("MONGO_URI", "mongodb://me:canary-of-a-password@127.0.0.1:1/LibreChat");

/// What the commands say of these settings: the same problems, whichever is asked.
async fn problems(settings: Settings<'_>) -> Vec<String> {
    let all = [&[MONGO], settings].concat();
    let mut said = Vec::new();
    for command in ["check-config", "serve", "demo"] {
        let outcome = run(&[command], &all).await;
        assert_eq!(outcome.code, Some(2), "{command} {settings:?}: {outcome:?}");
        assert_eq!(outcome.stdout, "", "{command} {settings:?}");
        assert!(!outcome.stderr.contains("listening"), "{command} {settings:?}: {outcome:?}");
        assert!(!outcome.stderr.contains("canary"), "row 422: {settings:?}: {outcome:?}");
        said.push(outcome.stderr);
    }
    assert!(said[0] == said[1] && said[1] == said[2], "{said:?}");
    let lines = said[0].lines().map(|line| line.strip_prefix("error: "));
    lines.map(|line| line.unwrap_or_else(|| panic!("{said:?}")).to_owned()).collect()
}

/// Each row is one problem, which says these words.
async fn assert_problems(rows: &[(u32, Settings<'_>, &[&str])]) {
    for (row, settings, words) in rows {
        let problems = problems(settings).await;
        assert_eq!(problems.len(), 1, "row {row}: {settings:?}: {problems:?}");
        for word in *words {
            assert!(problems[0].contains(word), "row {row}: {settings:?}: {word:?} is not in {problems:?}");
        }
    }
}

async fn check(settings: Settings<'_>) -> Outcome {
    let outcome = run(&["check-config"], &[&[MONGO], settings].concat()).await;
    assert_eq!(outcome.code, Some(0), "{settings:?}: {outcome:?}");
    assert!(!format!("{outcome:?}").contains("canary"), "row 422: {settings:?}: {outcome:?}");
    outcome
}

/// Each row is accepted with one warning, which says this; or with none.
async fn assert_warnings(rows: &[(u32, Settings<'_>, Option<&str>)]) {
    for (row, settings, words) in rows {
        let outcome = check(settings).await;
        // Of every setting that goes by the address, and on a default host; it has a test of its own.
        let of_trust = |line: &&str| line.contains("TRUST_PROXY is not set");
        let warnings: Vec<_> = outcome.stderr.lines().filter(|line| !of_trust(line)).collect();
        assert_eq!(warnings.len(), usize::from(words.is_some()), "row {row}: {settings:?}: {warnings:?}");
        for (warning, words) in warnings.iter().zip(words) {
            assert!(warning.contains(words), "row {row}: {settings:?}: {warnings:?}");
        }
    }
}

#[tokio::test]
async fn rows_368_to_377_credentials_that_could_not_work_are_refused() {
    let both = "METRICS_BASIC_AUTH_USER and METRICS_BASIC_AUTH_PASSWORD must both be set or both unset";
    assert_problems(&[
        (368, &[("METRICS_BASIC_AUTH_USER", "alice")], &[both]),
        (369, &[("METRICS_BASIC_AUTH_PASSWORD", CANARY)], &[both]),
        (
            370,
            &[("METRICS_BASIC_AUTH_USER", "a:b"), ("METRICS_BASIC_AUTH_PASSWORD", CANARY)],
            &["METRICS_BASIC_AUTH_USER", "colon"],
        ),
        (372, &[("METRICS_BEARER_TOKEN", ""), ("METRICS_AUTH_REQUIRED", "true")], &["METRICS_AUTH_REQUIRED"]),
        (
            372,
            &[("METRICS_BEARER_TOKEN", "  "), ("METRICS_AUTH_REQUIRED", "TRUE")],
            &["METRICS_AUTH_REQUIRED"],
        ),
        (374, &[("METRICS_BEARER_TOKEN", "canary of a secret")], &["METRICS_BEARER_TOKEN"]),
        (374, &[("METRICS_BEARER_TOKEN", "canary-of-\x01a-secret")], &["METRICS_BEARER_TOKEN"]),
        (374, &[("METRICS_BEARER_TOKEN", "canary-of-\u{e4}-secret")], &["METRICS_BEARER_TOKEN"]),
        (374, &[("METRICS_BEARER_TOKEN", "Bearer canary-of-a-secret")], &["METRICS_BEARER_TOKEN", "Bearer"]),
        (
            377,
            &[("METRICS_BEARER_TOKEN", CANARY), ("METRICS_BEARER_TOKEN_FILE", "/x")],
            &["METRICS_BEARER_TOKEN and METRICS_BEARER_TOKEN_FILE are mutually exclusive"],
        ),
        (0, &[("METRICS_SESSION_SECRET", "canary")], &["METRICS_SESSION_SECRET", "shorter"]),
        (
            0,
            &[
                ("METRICS_AUTH_REQUIRED", "true"),
                ("DISABLE_AUTH", "true"),
                ("METRICS_BEARER_TOKEN", "canary-0123456789"),
            ],
            &["METRICS_AUTH_REQUIRED", "DISABLE_AUTH=true"],
        ),
        (0, &[("METRICS_AUTH_REQUIRED", "canary")], &["METRICS_AUTH_REQUIRED must be true or false"]),
        (0, &[("DISABLE_AUTH", "2")], &["DISABLE_AUTH must be true or false"]),
    ])
    .await;
}

#[tokio::test]
async fn row_378_a_file_that_cannot_be_used_is_named_with_its_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("empty"), "").unwrap();
    fs::write(path("blank"), " \n\n").unwrap();
    fs::write(path("large"), "canary".repeat(11_000)).unwrap();
    fs::write(path("bytes"), b"canary-\xff\xfe-of-a-secret").unwrap();
    let missing = "does not exist";
    for variable in ["METRICS_BEARER_TOKEN_FILE", "METRICS_SESSION_SECRET_FILE"] {
        for (name, words) in [
            ("missing", missing),
            ("", "directory"),
            ("empty", "empty"),
            ("blank", "empty"),
            ("large", "64 KiB"),
            ("bytes", "UTF-8"),
        ] {
            assert_problems(&[(378, &[(variable, &path(name))], &[variable, &path(name), words])]).await;
        }
    }
}

#[tokio::test]
async fn rows_382_to_392_an_issuer_is_checked_in_full_or_not_taken() {
    let issuer = ("METRICS_OAUTH2_ISSUER", "https://idp.example");
    let audience = ("METRICS_OAUTH2_AUDIENCE", "exporter");
    let keys = ("METRICS_OAUTH2_JWKS_URI", "https://idp.example/keys");
    let algorithms = |list| [issuer, audience, ("METRICS_OAUTH2_ALGORITHMS", list)];
    let required = "METRICS_OAUTH2_AUDIENCE is required";
    assert_problems(&[
        (382, &[issuer], &[required]),
        (382, &[keys], &[required]),
        (386, &[("METRICS_OAUTH2_ISSUER", "idp.example"), audience], &["METRICS_OAUTH2_ISSUER"]),
        (386, &[("METRICS_OAUTH2_ISSUER", "ftp://idp.example"), audience], &["METRICS_OAUTH2_ISSUER"]),
        (
            386,
            &[("METRICS_OAUTH2_ISSUER", "https://me:canary@idp.example"), audience],
            &["METRICS_OAUTH2_ISSUER"],
        ),
        (
            386,
            &[("METRICS_OAUTH2_JWKS_URI", "https://idp.example/#x"), audience],
            &["METRICS_OAUTH2_JWKS_URI"],
        ),
        (388, &algorithms("none"), &["METRICS_OAUTH2_ALGORITHMS"]),
        (388, &algorithms("HS256"), &["METRICS_OAUTH2_ALGORITHMS"]),
        (388, &algorithms("RS256,HS512"), &["METRICS_OAUTH2_ALGORITHMS"]),
        (389, &algorithms("RS255"), &["METRICS_OAUTH2_ALGORITHMS", "RS256", "ES256"]),
        (389, &algorithms("rs256"), &["METRICS_OAUTH2_ALGORITHMS", "RS256"]),
    ])
    .await;
    let scopes = ("METRICS_OAUTH2_REQUIRED_SCOPES", "a,b");
    let types = ("METRICS_OAUTH2_TOKEN_TYPES", "at+jwt");
    assert_warnings(&[
        (384, &[issuer, audience, keys, types], None),
        (384, &[issuer, audience, keys], Some("whoever has it")),
        (385, &[audience, keys, types], Some("iss is not checked")),
        (390, &algorithms(","), Some("whoever has it")),
        (392, &[issuer, audience, scopes], Some("separated by spaces")),
    ])
    .await;
}

#[tokio::test]
async fn rows_393_to_402_lists_of_addresses_and_proxies_are_read_strictly() {
    let allowed = |item: &'static str| [("METRICS_ALLOWED_IPS", item)];
    for (row, item) in [
        (393, "10.0.0.0/8,nonsense"),
        (394, "10.0.0.0/33"),
        (394, "10.0.0.0/-1"),
        (394, "::/129"),
        (396, "010.0.0.0/8"),
    ] {
        let bad = item.rsplit(',').next().unwrap();
        assert_problems(&[(row, &allowed(item), &["METRICS_ALLOWED_IPS", bad])]).await;
    }
    for blank in [",", "", "  ", " , "] {
        let settings = [("METRICS_ALLOWED_IPS", blank)];
        assert_problems(&[(398, &settings, &["METRICS_ALLOWED_IPS is set but"])]).await;
    }
    for (row, trust, words) in [
        (401, "yes", "yes"),
        (401, "-1", "-1"),
        (401, "1.5", "1.5"),
        (401, "loopbak", "loopback"),
        (401, "10.0.0.0/0", "10.0.0.0/0"),
        (402, "999", "999"),
        (402, "33", "33"),
    ] {
        assert_problems(&[(row, &[("TRUST_PROXY", trust)], &["TRUST_PROXY", words])]).await;
    }
    let hops = Some("counts hops");
    for (trust, warning) in [
        ("true", hops),
        ("false", None),
        ("1", hops),
        ("loopback", None),
        ("10.0.0.0/8,uniquelocal", None),
        ("10.0.0.0/255.0.0.0", None),
    ] {
        let outcome = check(&[("TRUST_PROXY", trust)]).await;
        assert_eq!(
            outcome.stderr.contains("counts hops"),
            warning.is_some(),
            "row 400: {trust}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn rows_404_to_409_numbers_names_and_ports_are_read_strictly() {
    for port in ["0", "70000", "abc", "-1", "+80", "80.5"] {
        assert_problems(&[
            (404, &[("PORT", port)], &["PORT must be a port"]),
            (405, &[("METRICS_PORT", port)], &["METRICS_PORT must be a port"]),
        ])
        .await;
    }
    for number in ["-1", "1e3", "many", "1.5"] {
        assert_problems(&[(406, &[("RATE_LIMIT_MAX", number)], &["RATE_LIMIT_MAX must be a whole number"])])
            .await;
    }
    assert_warnings(&[(406, &[("RATE_LIMIT_MAX", "10 ")], None), (406, &[("RATE_LIMIT_MAX", "0")], None)])
        .await;
    let meant = |meant| [meant];
    assert_problems(&[
        (408, &[("METRICS_BEARER_TOKN", CANARY)], &meant("did you mean METRICS_BEARER_TOKEN?")),
        (408, &[("METRICS_BEARER_TOKEN_FIL", CANARY)], &meant("did you mean METRICS_BEARER_TOKEN_FILE?")),
        (408, &[("metrics_bearer_token", CANARY)], &meant("did you mean METRICS_BEARER_TOKEN?")),
        (408, &[("METRICS_ALOWED_IPS", "10.0.0.0/8")], &meant("did you mean METRICS_ALLOWED_IPS?")),
        (408, &[("METRICS_AUTH_REQUIERD", "true")], &meant("did you mean METRICS_AUTH_REQUIRED?")),
    ])
    .await;
    assert_warnings(&[
        (409, &[("METRICS_PORT", "tcp://10.0.0.1:9090")], Some("Kubernetes service link and is ignored")),
        (0, &[("METRICS_PORT_9090_TCP", "tcp://10.0.0.1:9090"), ("METRICS_SERVICE_HOST", "10.0.0.1")], None),
        (0, &[("METRICS_SECRET", CANARY), ("MONGO_MAX_POOL_SIZE", "7"), ("MONGO_AUTO_INDEX", "true")], None),
        (0, &[("METRICS_SOMETHING_ELSE", CANARY)], Some("METRICS_SOMETHING_ELSE")),
    ])
    .await;
}

#[tokio::test]
async fn row_410_and_412_all_problems_come_at_once_and_show_no_value() {
    let problems = problems(&[
        ("PORT", "abc"),
        ("METRICS_ALLOWED_IPS", "nonsense"),
        ("METRICS_BEARER_TOKEN", "canary of a secret"),
        ("METRICS_BASIC_AUTH_PASSWORD", CANARY),
        ("MONGO_POOL_SIZE", "none"),
        ("LOG_LEVEL", "loud"),
        ("TRUST_PROXY", "yes"),
        ("TLS_CERT_FILE", "/x"),
    ])
    .await;
    assert_eq!(problems.len(), 8, "row 410: {problems:?}");
}

#[tokio::test]
async fn rows_372_to_397_what_is_hardly_meant_is_warned_of_and_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "canary-of-a-secret\n").unwrap();
    let path = file.to_str().unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert_warnings(&[
        (373, &[("METRICS_BEARER_TOKEN", "canary")], Some("METRICS_BEARER_TOKEN is shorter than 16")),
        (376, &[("METRICS_BEARER_TOKEN", "changeme")], Some("placeholder")),
        (376, &[("METRICS_BEARER_TOKEN", "secret")], Some("placeholder")),
        (376, &[("METRICS_BEARER_TOKEN", "<token>")], Some("placeholder")),
        (380, &[("METRICS_BEARER_TOKEN_FILE", path)], Some("METRICS_BEARER_TOKEN_FILE")),
        (397, &[("METRICS_ALLOWED_IPS", "0.0.0.0/0")], Some("allows everyone")),
        (397, &[("METRICS_ALLOWED_IPS", "::/0")], Some("allows everyone")),
    ])
    .await;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_warnings(&[(380, &[("METRICS_BEARER_TOKEN_FILE", path)], None)]).await;
}

#[tokio::test]
async fn check_config_prints_what_is_in_force_and_the_authorizers_in_their_order() {
    let settings = &[
        ("METRICS_BEARER_TOKEN", CANARY),
        ("METRICS_BASIC_AUTH_USER", "alice"),
        ("METRICS_BASIC_AUTH_PASSWORD", "canary-of-another-one"),
        ("METRICS_SESSION_SECRET", "canary-of-a-session-secret-of-32-bytes"),
        ("METRICS_ALLOWED_IPS", "10.0.0.0/8"),
        ("LIBRECHAT_EXPORTER_PORT", "9999"),
        ("PORT", "3080"),
        ("METRICS_PORT", "9998"),
        ("LOG_LEVEL", "info"),
        ("SWEEP_INTERVAL", "3600000"),
    ];
    let outcome = check(settings).await;
    let all = run(&["check-config", "--all"], &[&[MONGO], settings.as_slice()].concat()).await;
    let given = [
        "MONGO_URI=[redacted] (environment)",
        "METRICS_BEARER_TOKEN=[redacted] (environment)",
        "METRICS_BASIC_AUTH_USER=alice (environment)",
        "METRICS_BASIC_AUTH_PASSWORD=[redacted] (environment)",
        "PORT=9999 (environment, LIBRECHAT_EXPORTER_PORT)",
        "SWEEP_INTERVAL=1h (environment)",
        "/metrics asks, in this order: allow_list, bearer, basic, session",
    ];
    let defaults = [
        "HOST=* (default)",
        "REFRESH_INTERVAL=30s (default)",
        "LOG_LEVEL=info (environment)",
        "TENANT_ID is not set",
    ];
    for line in given {
        assert!(outcome.stdout.lines().any(|found| found == line), "{line}: {}", outcome.stdout);
    }
    for line in defaults {
        assert!(!outcome.stdout.lines().any(|found| found == line), "{line}: {}", outcome.stdout);
    }
    for line in given.into_iter().chain(defaults) {
        assert!(all.stdout.lines().any(|found| found == line), "{line}: {}", all.stdout);
    }
    let first = outcome.stdout.lines().next().unwrap();
    assert!(first.starts_with("MONGO_URI"), "what differs comes first: {first}");
    assert!(check(&[]).await.stdout.contains("/metrics is open"));
    let disabled = check(&[("METRICS_BEARER_TOKEN", CANARY), ("DISABLE_AUTH", "true")]).await;
    assert!(disabled.stdout.contains("/metrics is open"), "{disabled:?}");
}

#[tokio::test]
async fn a_dot_env_file_fills_in_and_never_overrides_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let dot_env = folder.path().join(".env");
    fs::write(&dot_env, "METRICS_BEARER_TOKEN=canary-of-the-file\nTENANT_ID=file\nMONGO_DATABASE=file\n")
        .unwrap();
    let settings = [MONGO, ("TENANT_ID", "environment")];
    let outcome = run_in(folder.path(), &["check-config"], &settings).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    for line in [
        "TENANT_ID=environment (environment)",
        "MONGO_DATABASE=file (.env, line 3)",
        "METRICS_BEARER_TOKEN=[redacted] (.env, line 1)",
    ] {
        assert!(outcome.stdout.lines().any(|found| found == line), "{line}: {outcome:?}");
    }
    fs::write(&dot_env, "METRICS_BEARER_TOKEN='canary-of-an-open-quote\n").unwrap();
    let broken = run_in(folder.path(), &["check-config"], &settings).await;
    assert_eq!(broken.code, Some(2), "{broken:?}");
    assert!(broken.stderr.contains(".env") && !broken.stderr.contains("canary"), "{broken:?}");
}

#[tokio::test]
async fn the_prefix_wins_over_the_plain_name() {
    let port = free_port().to_string();
    let settings = [
        ("METRICS_BEARER_TOKEN", "another-0123456789"),
        ("LIBRECHAT_EXPORTER_METRICS_BEARER_TOKEN", TOKEN),
        ("LIBRECHAT_EXPORTER_PORT", &port),
    ];
    let _program = Program::launch(&settings).await;
    let target = Target::Tcp(([127, 0, 0, 1], port.parse().unwrap()).into());
    let ask = async |line: &str| client::ask(target, &Request::get("/metrics").line(line).last()).await;
    assert_eq!(ask(&good()).await.status, 200);
    assert_refused(&ask("Authorization: Bearer another-0123456789").await, 401, "the plain name");
}

#[tokio::test]
async fn without_a_method_metrics_is_open_and_that_is_said() {
    let gauge = "\nlibrechat_exporter_auth_enabled ";
    let program = Program::demo(&[("HOST", "0.0.0.0")]).await;
    let scrape = program.get::<&str>("/metrics", &[]).await;
    assert!(scrape.status == 200 && scrape.text().contains(&format!("{gauge}0\n")), "{scrape:?}");
    assert!(program.output().contains("/metrics is open"), "{}", program.output());

    let on_loopback = Program::demo(&[]).await;
    assert_eq!(on_loopback.get::<&str>("/metrics", &[]).await.status, 200);
    assert!(!on_loopback.output().contains("/metrics is open"), "{}", on_loopback.output());

    let disabled = Program::demo(&[("METRICS_BEARER_TOKEN", TOKEN), ("DISABLE_AUTH", "TRUE")]).await;
    let scrape = disabled.get("/metrics", &["Authorization: Bearer wrong"]).await;
    assert!(scrape.status == 200 && scrape.text().contains(&format!("{gauge}0\n")), "{scrape:?}");
    assert!(disabled.output().contains("DISABLE_AUTH is on"), "{}", disabled.output());

    let required = Program::demo(&[("METRICS_BEARER_TOKEN", TOKEN), ("METRICS_AUTH_REQUIRED", "true")]).await;
    assert_refused(&required.get::<&str>("/metrics", &[]).await, 401, "METRICS_AUTH_REQUIRED");
    assert!(required.get("/metrics", &[good()]).await.text().contains(&format!("{gauge}1\n")));
}

#[tokio::test]
async fn review_16_and_e1_check_config_shows_neither_the_query_nor_the_credentials_of_a_url() {
    let shown = check(&[
        ("METRICS_OAUTH2_ISSUER", "my-sts"),
        ("METRICS_OAUTH2_JWKS_URI", "https://idp.example/keys?key=canary"),
        ("METRICS_OAUTH2_AUDIENCE", "exporter"),
        ("METRICS_OAUTH2_REQUIRED_CLAIMS", r#""kubernetes.io".namespace=monitoring"#),
        ("https_proxy", "http://me:canary@proxy.example:3128"),
        ("NO_PROXY", "10.0.0.0/8"),
    ])
    .await
    .stdout;
    for line in [
        "METRICS_OAUTH2_JWKS_URI=https://idp.example/keys?[redacted]",
        "HTTPS_PROXY=http://[redacted]@proxy.example:3128",
        "METRICS_OAUTH2_ISSUER=my-sts",
        "NO_PROXY=10.0.0.0/8",
    ] {
        assert!(shown.lines().any(|shown| shown.starts_with(line)), "{line} is not in {shown}");
    }
}
