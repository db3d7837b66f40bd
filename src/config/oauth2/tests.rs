//! The variables of one issuer together, and a file of several.

use super::*;
use crate::auth::jwks::key_ref::KeyRef;
use crate::vars::Problem;

const TABLES: &[&[Variable]] = &[OAuth2::VARIABLES, Providers::VARIABLES];

const GOOD: [(&str, &str); 2] =
    [("METRICS_OAUTH2_ISSUER", "https://idp.example/"), ("METRICS_OAUTH2_AUDIENCE", "exporter")];

type Read = (Option<OAuth2Settings>, Vec<String>, Vec<String>);

fn read_pairs<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> Read {
    let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut vars = Vars::new(pairs, TABLES);
    let settings = read(&mut vars).flatten();
    let (problems, warnings) = vars.take_findings();
    (settings, problems.iter().map(Problem::to_string).collect(), warnings)
}

/// The good ones with some put in place of their own; a blank one is taken away.
fn with(pairs: &[(&'static str, &str)]) -> Read {
    let given = |name: &str| pairs.iter().any(|(other, _)| *other == name);
    let good = GOOD.into_iter().filter(|(name, _)| !given(name));
    read_pairs(good.chain(pairs.iter().copied().filter(|(_, value)| !value.is_empty())))
}

fn problem(pairs: &[(&'static str, &str)]) -> String {
    let (settings, problems, _) = with(pairs);
    assert!(settings.is_none());
    problems.join("\n")
}

fn written(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// An Ed25519 key set of one key.
fn keys(kid: &str) -> String {
    let x = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
    format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{x}"}}]}}"#)
}

#[test]
fn nothing_set_is_off_and_one_setting_asks_for_the_others() {
    assert!(read_pairs([]).0.is_none() && read_pairs([]).1.is_empty());
    let (settings, problems, _) = read_pairs([("METRICS_OAUTH2_ALLOW_INSECURE", "false")]);
    assert!(settings.is_none());
    assert_eq!(problems.len(), 2, "row 382: {problems:?}");
    assert!(problems[0].starts_with("METRICS_OAUTH2_ISSUER, METRICS_OAUTH2_JWKS_URI or"), "{problems:?}");
    assert_eq!(problems[1], "METRICS_OAUTH2_AUDIENCE is required when any METRICS_OAUTH2_* is set");
    let (settings, problems, _) = with(&[]);
    let settings = settings.unwrap_or_else(|| panic!("{problems:?}"));
    assert_eq!(settings.issuers[0].settings.name, "default");
}

#[test]
fn row_190_http_beyond_this_machine_has_to_be_allowed_where_something_is_fetched() {
    let issuer = ("METRICS_OAUTH2_ISSUER", "http://idp.example/");
    let uri = ("METRICS_OAUTH2_JWKS_URI", "http://idp.example/keys");
    let allowed = ("METRICS_OAUTH2_ALLOW_INSECURE", "true");
    assert!(problem(&[issuer]).starts_with("METRICS_OAUTH2_ISSUER must be an https URL"));
    assert!(problem(&[uri]).starts_with("METRICS_OAUTH2_JWKS_URI must be an https URL"));
    let (settings, _, warnings) = with(&[issuer, allowed]);
    assert!(settings.is_some() && warnings.iter().any(|w| w.starts_with("METRICS_OAUTH2_ALLOW_INSECURE")));
    assert!(with(&[("METRICS_OAUTH2_ISSUER", "http://127.0.0.1:8080")]).0.is_some());
    assert!(
        with(&[issuer, ("METRICS_OAUTH2_JWKS_URI", "https://inside.example/keys")]).0.is_some(),
        "a name"
    );
    let (_folder, token) = written("a-token\n");
    let token = ("METRICS_OAUTH2_JWKS_BEARER_TOKEN_FILE", token.as_str());
    assert!(problem(&[issuer, allowed, token]).contains("anybody could read it"), "e2");
    assert!(with(&[token]).0.is_some());
}

#[test]
fn e3_keys_from_a_file_are_read_at_the_start() {
    let (_folder, path) = written(&format!("\u{feff}{}\n", keys("k1")));
    let file = ("METRICS_OAUTH2_JWKS_FILE", path.as_str());
    for issuer in ["https://idp.example/", "my-auth-service"] {
        let (settings, problems, _) = with(&[("METRICS_OAUTH2_ISSUER", issuer), file]);
        let settings = settings.unwrap_or_else(|| panic!("{problems:?}"));
        let Supply::File(keys, _) = &settings.issuers[0].supply else { panic!("{issuer}") };
        assert!(keys.knows(&KeyRef::Kid("k1".into())), "e7");
    }
    assert!(
        problem(&[file, ("METRICS_OAUTH2_JWKS_URI", "https://idp.example/")]).contains("mutually exclusive")
    );
    let absent = problem(&[("METRICS_OAUTH2_JWKS_FILE", "/nonexistent/keys.json")]);
    assert!(
        absent.contains("METRICS_OAUTH2_JWKS_FILE names \"/nonexistent/keys.json\", which does not exist")
    );
    for (text, phrase) in [
        ("hello", "neither a JSON Web Key Set nor PEM"),
        (r#"{"keys":[{"kty":"oct","k":"CANARY","kid":"s"}]}"#, "symmetric keys are never used"),
        ("-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----\n", "holds a private key"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "cannot be decoded"),
    ] {
        let (_folder, path) = written(text);
        let problem = problem(&[("METRICS_OAUTH2_JWKS_FILE", path.as_str())]);
        assert!(problem.contains(phrase) && !problem.contains("CANARY"), "{problem}");
    }
}

#[test]
fn e7_a_name_that_is_no_url_needs_keys_from_elsewhere() {
    let name = ("METRICS_OAUTH2_ISSUER", "foo.example.com");
    assert!(problem(&[name]).contains("METRICS_OAUTH2_JWKS_FILE"));
    assert!(with(&[name, ("METRICS_OAUTH2_JWKS_URI", "https://idp.example/keys")]).0.is_some());
    assert!(
        problem(&[("METRICS_OAUTH2_ISSUER", "https://a.example/,https://b.example/")]).contains(CONFIG_FILE)
    );
}

#[test]
fn e1_a_proxy_is_judged_only_where_a_provider_is_asked() {
    let odd = ("HTTPS_PROXY", "socks5://user:CANARY@proxy.example");
    let (settings, problems, _) = read_pairs([odd]);
    assert!(settings.is_none() && problems.is_empty());
    let problem = problem(&[odd]);
    assert!(problem.starts_with("HTTPS_PROXY names a proxy of the kind \"socks5\""), "{problem}");
    assert!(!problem.contains("CANARY"));
    assert!(with(&[("https_proxy", "http://proxy.example:3128"), ("no_proxy", "*")]).0.is_some());
}

#[test]
fn row_189_an_authority_that_cannot_be_used_is_named_at_the_start() {
    for (path, phrase) in [("/nonexistent/ca.pem", "does not exist"), ("/etc/hostname", "no certificate")] {
        let problem = problem(&[("METRICS_OAUTH2_CA_FILE", path)]);
        assert!(problem.starts_with("METRICS_OAUTH2_CA_FILE ") && problem.contains(phrase), "{problem}");
    }
}

fn file(text: &str) -> Read {
    let (_folder, path) = written(text);
    read_pairs([(CONFIG_FILE, path.as_str())])
}

#[test]
fn e8_a_file_lists_issuers_each_with_settings_of_its_own() {
    let (_folder, path) = written(&keys("k1"));
    let (settings, problems, warnings) = file(&format!(
        r#"
issuers:
  - name: people
    issuer: https://login.example/tenant/v2.0
    audience: [exporter, other]
    required_scopes: [metrics:read, metrics:write]
    algorithms: RS256
    leeway: 10s
    allow_insecure: false
  - name: machines
    issuer: my-sts
    jwks_file: {path}
    audience: exporter
    required_claims:
      - '"kubernetes.io".namespace=monitoring'
      - sub=a|b
    token_types: [at+jwt]
"#
    ));
    let settings = settings.unwrap_or_else(|| panic!("{problems:?}"));
    assert_eq!(warnings, Vec::<String>::new());
    let [people, machines] = settings.issuers.as_slice() else { panic!() };
    assert_eq!(people.settings.audiences.as_slice(), ["exporter", "other"]);
    assert_eq!(people.settings.required_scopes.as_slice(), ["metrics:read", "metrics:write"]);
    assert_eq!(people.settings.leeway.duration(), Duration::from_secs(10));
    assert!(machines.settings.token_types.is_listed() && !machines.settings.required_claims.is_empty());
    assert!(matches!(machines.supply, Supply::File(..)));
    let (settings, _, warnings) = file("issuers:\n- {issuer: 'https://a.example', audience: x}\n");
    assert_eq!(settings.unwrap().issuers[0].settings.name, "default");
    assert!(warnings[0].starts_with("METRICS_OAUTH2_CONFIG_FILE issuer 1: required_scopes"), "{warnings:?}");
}

#[test]
fn e8_every_mistake_in_the_file_is_told_at_once_by_its_name() {
    let (settings, problems, _) = file(
        r#"
issuers:
  - name: a
    issuer: https://a.example/
    audience: exporter
    required_scope: x
    leeway: soon
  - name: "b b"
    audience: exporter
    algorithms: [HS256]
  - issuer: https://c.example/
    jwks_uri: https://c.example/keys
    jwks_file: /keys
  - just a text
  - name: e
    issuer: https://e.example/
    audience: ""
    scope_claims: [5]
"#,
    );
    assert!(settings.is_none());
    let all = problems.join("\n");
    for expected in [
        "METRICS_OAUTH2_CONFIG_FILE issuer 1 (\"a\"): has the unknown key \"required_scope\"; did you mean required_scopes?",
        "issuer 1 (\"a\"): leeway must be a duration",
        "issuer 2 (\"b b\"): has a name that is not",
        "issuer 2 (\"b b\"): algorithms must not list \"HS256\"",
        "issuer 2 (\"b b\"): issuer is missing",
        "issuer 3: has no name",
        "issuer 3: jwks_file and jwks_uri are mutually exclusive",
        "issuer 3: audience is required",
        "issuer 4: is no mapping",
        "issuer 5 (\"e\"): audience has no value",
        "issuer 5 (\"e\"): scope_claims is a list of something other than texts",
    ] {
        assert!(all.contains(expected), "{expected} is not in\n{all}");
    }
}

#[test]
fn e8_what_is_no_such_file_is_refused() {
    for (text, phrase) in [
        ("- a\n", "is not a mapping"),
        ("issuers: {}\n", "has no list"),
        ("issuers: []\n", "lists no issuer"),
        ("issuer: x\n", "unknown key \"issuer\""),
        ("issuers:\n- {audience: x, audience: y}\n", "line 2"),
        ("issuers: [\n", "YAML"),
        ("issuers:\n- {name: a, issuer: x, jwks_uri: 'https://x/?CANARY', audience: [\n", "YAML"),
        ("\n", "has no list"),
    ] {
        let (settings, problems, _) = file(text);
        let all = problems.join("\n");
        assert!(settings.is_none() && all.contains(phrase) && !all.contains("CANARY"), "{text}: {all}");
    }
    let entry = |name: &str, issuer: &str| {
        format!("- {{name: {name}, issuer: 'https://{issuer}.example/', audience: x}}\n")
    };
    let (_, problems, _) = file(&format!("issuers:\n{}{}", entry("a", "x"), entry("b", "x")));
    assert!(problems[0].contains("two issuers with issuer: https://x.example/"), "{problems:?}");
    let (_, problems, _) = file(&format!("issuers:\n{}{}", entry("a", "x"), entry("a", "y")));
    assert!(problems[0].contains("two issuers with name: a"), "{problems:?}");
    let many: String = (0..33).map(|index| entry(&format!("n{index}"), &format!("h{index}"))).collect();
    assert!(file(&format!("issuers:\n{many}")).1[0].contains("more than 32"));
}

#[test]
fn a_file_and_variables_together_are_refused() {
    let (_folder, path) = written("issuers: []\n");
    let (settings, problems, _) = with(&[(CONFIG_FILE, path.as_str())]);
    assert!(settings.is_none());
    assert!(problems[0].contains("mutually exclusive"), "{problems:?}");
}
