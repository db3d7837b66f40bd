//! Rows of bad settings: each is one problem that names its variable and shows no secret.

use super::*;

fn read(pairs: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let uri = ("MONGO_URI", "mongodb://localhost/LibreChat");
    let given =
        pairs.iter().chain(pairs.iter().all(|(name, _)| !name.starts_with("MONGO_URI")).then_some(&uri));
    let pairs = given.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let mut vars = Vars::new(pairs, VARIABLES);
    Config::read(&mut vars, Needs::Mongo)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn defaults_are_those_of_the_contract() {
    let config = read(&[]).unwrap();
    assert_eq!(config.listen.public.to_string(), "*:9087");
    assert!(config.listen.metrics.is_none() && config.guard.is_open() && config.tls.is_none());
    assert_eq!(config.refresh_interval, Duration::from_secs(30));
    assert_eq!(config.max_staleness, Duration::from_secs(600));
    assert_eq!(config.limits.metrics.map(NonZeroU32::get), Some(120));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

/// Row D78: a template whose variable is not set must not show who is who.
#[test]
fn d78_a_blank_salt_is_no_way_to_raw_ids() {
    let per_user = ("EMIT_PER_USER_METRICS", "true");
    for blank in ["", "  ", "\u{200b}"] {
        for name in ["METRICS_USER_ID_SALT", "METRICS_USER_ID_SALT_FILE"] {
            let problems = read(&[per_user, (name, blank)]).unwrap_err();
            assert!(problems.iter().any(|problem| problem.starts_with(name)), "{name}: {problems:?}");
            assert!(read(&[(name, blank)]).is_ok(), "{name}: nobody is shown");
        }
    }
    let (salt, file) = (("METRICS_USER_ID_SALT", "pepper"), ("METRICS_USER_ID_SALT_FILE", ""));
    assert!(read(&[per_user, salt, file]).is_ok());
}

#[test]
fn any_one_method_closes_metrics() {
    let basic = ("METRICS_BASIC_AUTH_PASSWORD", "a-password-of-the-test");
    let methods: [&[(&str, &str)]; 5] = [
        &[("METRICS_BEARER_TOKEN", "a-token-of-at-least-sixteen-characters")],
        &[("METRICS_BASIC_AUTH_USER", "prometheus"), basic],
        &[ISSUER, AUDIENCE],
        &[("METRICS_SESSION_SECRET", "a-refresh-secret-of-the-test-0123456789")],
        &[("METRICS_ALLOWED_IPS", "192.0.2.0/24")],
    ];
    for method in methods {
        let with = |name| [method, &[(name, "true")]].concat();
        let config = read(&with("METRICS_AUTH_REQUIRED")).unwrap();
        assert!(!config.guard.is_open(), "{method:?}");
        assert_eq!(config.guard.methods().len(), 1, "{method:?}");
        assert!(read(&with("DISABLE_AUTH")).unwrap().guard.is_open(), "{method:?}");
    }
}

#[test]
fn one_listener_when_both_ports_are_the_same() {
    assert!(read(&[("METRICS_PORT", "9087")]).unwrap().listen.metrics.is_none());
    let metrics = |pairs| read(pairs).unwrap().listen.metrics.unwrap().to_string();
    assert_eq!(metrics(&[("METRICS_PORT", "9090")]), "*:9090");
    assert_eq!(metrics(&[("METRICS_PORT", "9087"), ("METRICS_HOST", "::1")]), "[::1]:9087");
}

const ISSUER: (&str, &str) = ("METRICS_OAUTH2_ISSUER", "https://idp.example");
const AUDIENCE: (&str, &str) = ("METRICS_OAUTH2_AUDIENCE", "exporter");

/// The number in the list of attack cases, the settings, what the problem says.
type Row = (u32, &'static [(&'static str, &'static str)], &'static str);

const MISTAKES: &[Row] = &[
    (
        368,
        &[("METRICS_BASIC_AUTH_USER", "alice")],
        "METRICS_BASIC_AUTH_USER and METRICS_BASIC_AUTH_PASSWORD must both be set",
    ),
    (
        369,
        &[("METRICS_BASIC_AUTH_PASSWORD", "canary-canary-canary")],
        "METRICS_BASIC_AUTH_USER and METRICS_BASIC_AUTH_PASSWORD must both be set",
    ),
    (
        370,
        &[("METRICS_BASIC_AUTH_USER", "a:b"), ("METRICS_BASIC_AUTH_PASSWORD", "canary-canary-canary")],
        "METRICS_BASIC_AUTH_USER",
    ),
    (372, &[("METRICS_BEARER_TOKEN", " "), ("METRICS_AUTH_REQUIRED", "true")], "METRICS_AUTH_REQUIRED"),
    (374, &[("METRICS_BEARER_TOKEN", "canary canary")], "METRICS_BEARER_TOKEN"),
    (374, &[("METRICS_BEARER_TOKEN", "Bearer canary-canary")], "METRICS_BEARER_TOKEN"),
    (
        377,
        &[("METRICS_BEARER_TOKEN", "canary"), ("METRICS_BEARER_TOKEN_FILE", "/x")],
        "METRICS_BEARER_TOKEN and METRICS_BEARER_TOKEN_FILE are mutually exclusive",
    ),
    (378, &[("METRICS_BEARER_TOKEN_FILE", "/does/not/exist")], "METRICS_BEARER_TOKEN_FILE"),
    (382, &[("METRICS_OAUTH2_ISSUER", "https://idp.example")], "METRICS_OAUTH2_AUDIENCE is required"),
    (386, &[("METRICS_OAUTH2_ISSUER", "ftp://idp.example"), AUDIENCE], "METRICS_OAUTH2_ISSUER"),
    (
        386,
        &[("METRICS_OAUTH2_JWKS_URI", "https://u:p@idp.example/keys"), AUDIENCE],
        "METRICS_OAUTH2_JWKS_URI",
    ),
    (388, &[ISSUER, AUDIENCE, ("METRICS_OAUTH2_ALGORITHMS", "none")], "METRICS_OAUTH2_ALGORITHMS"),
    (388, &[ISSUER, AUDIENCE, ("METRICS_OAUTH2_ALGORITHMS", "RS256,HS256")], "METRICS_OAUTH2_ALGORITHMS"),
    (389, &[ISSUER, AUDIENCE, ("METRICS_OAUTH2_ALGORITHMS", "RS255")], "RS256"),
    (148, &[ISSUER, AUDIENCE, ("METRICS_OAUTH2_REQUIRED_SCOPES", "a\"b")], "METRICS_OAUTH2_REQUIRED_SCOPES"),
    (
        190,
        &[("METRICS_OAUTH2_ISSUER", "http://idp.example"), AUDIENCE],
        "METRICS_OAUTH2_ISSUER must be an https URL",
    ),
    (0, &[ISSUER, AUDIENCE, ("METRICS_OAUTH2_LEEWAY", "10m")], "METRICS_OAUTH2_LEEWAY must be at most 300s"),
    (
        0,
        &[ISSUER, AUDIENCE, ("METRICS_OAUTH2_CA_FILE", "/does/not/exist")],
        "METRICS_OAUTH2_CA_FILE names \"/does/not/exist\"",
    ),
    (393, &[("METRICS_ALLOWED_IPS", "10.0.0.0/8,nonsense")], "METRICS_ALLOWED_IPS has \"nonsense\""),
    (398, &[("METRICS_ALLOWED_IPS", ",")], "METRICS_ALLOWED_IPS is set but"),
    (398, &[("METRICS_ALLOWED_IPS", " ")], "METRICS_ALLOWED_IPS is set but"),
    (401, &[("TRUST_PROXY", "loopbak")], "loopback"),
    (404, &[("PORT", "0")], "PORT must be a port"),
    (405, &[("METRICS_PORT", "abc")], "METRICS_PORT must be a port"),
    (406, &[("RATE_LIMIT_MAX", "1e3")], "RATE_LIMIT_MAX must be a whole number"),
    (408, &[("METRICS_BEARER_TOKN", "canary")], "did you mean METRICS_BEARER_TOKEN?"),
    (0, &[("MONGO_URI", "mongodb://me:canary@")], "MONGO_URI"),
    (0, &[("TLS_CERT_FILE", "/x")], "TLS_CERT_FILE and TLS_KEY_FILE must both be set"),
    (0, &[("TLS_CLIENT_CA_FILE", "/x")], "TLS_CLIENT_CA_FILE needs"),
    (0, &[("METRICS_SESSION_SECRET", "canary")], "METRICS_SESSION_SECRET"),
    (0, &[("RATE_LIMIT_WINDOW_MS", "0")], "RATE_LIMIT_WINDOW_MS must not be 0"),
    (0, &[("REFRESH_INTERVAL", "0")], "REFRESH_INTERVAL must be at least"),
    (0, &[("REFRESH_INTERVAL", "30")], "30 is 30 ms; for seconds write 30s"),
    (0, &[ISSUER, AUDIENCE, ("METRICS_OAUTH2_LEEWAY", "60")], "60 would be 60 ms: write 60s or 60ms"),
    (0, &[ISSUER, AUDIENCE, ("METRICS_OAUTH2_MAX_TOKEN_AGE", "3600")], "write 3600s or 3600ms"),
    (0, &[ISSUER, AUDIENCE, ("METRICS_OAUTH2_JWKS_MAX_STALE", "3600")], "write 3600s or 3600ms"),
    (0, &[("METRICS_BEARER_TOKEN", "\"canary-0123456789\"")], "METRICS_BEARER_TOKEN has quotation marks"),
    (0, &[("HOST", "'127.0.0.1'")], "HOST has quotation marks"),
    (0, &[("MONGO_URI", "\"mongodb://me:canary@h/x\"")], "MONGO_URI has quotation marks"),
    (0, &[("METRICS_MAX_LABEL_VALUES", "0")], "METRICS_MAX_LABEL_VALUES"),
];

#[test]
fn every_mistake_is_one_problem_that_names_its_variable() {
    for (row, pairs, expected) in MISTAKES {
        let problems = read(pairs).unwrap_err();
        assert_eq!(problems.len(), 1, "row {row}: {problems:?}");
        assert!(problems[0].contains(expected), "row {row}: {problems:?}");
        assert!(!problems[0].contains("canary"), "row {row}: {problems:?}");
    }
}

#[test]
fn all_problems_come_at_once() {
    let problems = read(&[
        ("PORT", "abc"),
        ("METRICS_ALLOWED_IPS", "nonsense"),
        ("METRICS_BEARER_TOKEN", "a b"),
        ("MONGO_URI", "localhost"),
        ("LOG_LEVEL", "loud"),
        ("TRUST_PROXY", "yes"),
    ]);
    assert_eq!(problems.unwrap_err().len(), 6);
}

#[test]
fn a_missing_connection_string_names_the_demo() {
    let mut vars = Vars::new([], VARIABLES);
    let problems = Config::read(&mut vars, Needs::Mongo).unwrap_err();
    assert!(problems[0].to_string().contains("demo"), "{problems:?}");
    assert!(Config::read(&mut Vars::new([], VARIABLES), Needs::Nothing).is_ok());
}

#[test]
fn what_works_but_is_hardly_meant_is_a_warning() {
    let rows: &[(&[(&str, &str)], &str)] = &[
        (&[("METRICS_BEARER_TOKEN", ""), ("METRICS_AUTH_REQUIRED", "false")], "counts as absent"),
        (
            &[("METRICS_PORT", "tcp://10.0.0.1:9090")],
            "METRICS_PORT holds a Kubernetes service link and is ignored",
        ),
        (&[("MONGODB_URI", "mongodb://x/y")], "did you mean MONGO_URI"),
        (&[("REFRESH_INTERVAL", "300"), ("METRICS_MAX_STALENESS", "10m")], "for seconds write 300s"),
        (&[("RATE_LIMIT_WINDOW_MS", "60")], "for seconds write 60000"),
        (&[("METRICS_BEARER_TOKEN", "short")], "shorter than 16"),
        (&[("METRICS_BEARER_TOKEN", "changeme")], "placeholder"),
        (
            &[
                ("METRICS_OAUTH2_JWKS_URI", "https://idp.example/keys"),
                AUDIENCE,
                ("METRICS_OAUTH2_TOKEN_TYPES", "at+jwt"),
            ],
            "iss is not checked",
        ),
        (&[ISSUER, AUDIENCE], "whoever has it"),
        (&[ISSUER, AUDIENCE, ("METRICS_OAUTH2_REQUIRED_SCOPES", "a,b")], "separated by spaces"),
        (&[("METRICS_ALLOWED_IPS", "0.0.0.0/0")], "allows everyone"),
        (&[("TRUST_PROXY", "1")], "counts hops"),
        (&[("METRICS_UNKNOWN", "x")], "METRICS_UNKNOWN"),
        (&[("ADVANCED_REFRESH_INTERVAL", "60000")], "no longer needed"),
    ];
    for (pairs, expected) in rows {
        let mut warnings = read(pairs).unwrap().warnings;
        // Whoever is guarded by what goes by the address has that one too.
        warnings.retain(|warning| !warning.starts_with("TRUST_PROXY is not set"));
        assert!(warnings.iter().any(|warning| warning.contains(expected)), "{pairs:?}: {warnings:?}");
        assert_eq!(warnings.len(), 1, "{pairs:?}: {warnings:?}");
    }
}
