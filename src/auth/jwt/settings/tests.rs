//! The settings: each alone, and together.

use super::*;

fn draft() -> Draft {
    Draft {
        issuer: Some("https://idp.example/".parse().unwrap()),
        audiences: Some("exporter".parse().unwrap()),
        ..Draft::default()
    }
}

#[test]
fn nothing_set_is_off_and_defaults_are_those_of_the_documentation() {
    assert!(Draft::default().check().unwrap().is_none());
    let settings = draft().check().unwrap().unwrap();
    assert_eq!(settings.leeway.duration(), Duration::from_secs(30));
    assert_eq!(settings.max_stale, Duration::from_secs(3600));
    assert_eq!(settings.algorithms.to_string(), "RS256,ES256");
    assert_eq!(settings.scope_claims.as_slice(), ["scope", "scp"]);
    assert_eq!(settings.required_scopes.joined(), None);
    assert!(settings.warnings().is_empty());
}

#[test]
fn row_382_one_setting_asks_for_the_others() {
    let problems = Draft { allow_insecure: Some(false), ..Draft::default() }.check().unwrap_err();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("METRICS_OAUTH2_ISSUER or METRICS_OAUTH2_JWKS_URI is required"));
    assert_eq!(problems[1], "METRICS_OAUTH2_AUDIENCE is required when any METRICS_OAUTH2_* is set");
    let problems = Draft { audiences: None, ..draft() }.check().unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn rows_384_385_issuer_and_uri_go_together_and_the_uri_alone_is_warned_of() {
    let uri: Endpoint = "https://keys.example/".parse().unwrap();
    let both = Draft { jwks_uri: Some(uri.clone()), ..draft() }.check().unwrap().unwrap();
    assert!(matches!(both.source, Source::Uri(_)) && both.issuer.is_some());
    assert!(both.warnings().is_empty());
    let alone = Draft { issuer: None, jwks_uri: Some(uri), ..draft() }.check().unwrap().unwrap();
    assert!(alone.warnings()[0].contains("iss is not checked"));
}

#[test]
fn row_190_http_beyond_this_machine_has_to_be_allowed() {
    let plain = || Draft {
        issuer: Some("http://idp.example/".parse().unwrap()),
        jwks_uri: Some("http://idp.example/keys".parse().unwrap()),
        ..draft()
    };
    let problems = plain().check().unwrap_err();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("METRICS_OAUTH2_ISSUER must be an https URL"));
    assert!(problems[1].starts_with("METRICS_OAUTH2_JWKS_URI must be an https URL"));
    let allowed = Draft { allow_insecure: Some(true), ..plain() }.check().unwrap().unwrap();
    assert!(allowed.warnings()[0].contains("METRICS_OAUTH2_ALLOW_INSECURE"));
    let local = Draft { issuer: Some("http://127.0.0.1:8080".parse().unwrap()), ..draft() };
    assert!(local.check().unwrap().unwrap().warnings().is_empty());
}

#[test]
fn rows_148_392_scopes_are_what_a_challenge_can_hold() {
    let scopes: Scopes = "  a:b\tc/d ".parse().unwrap();
    assert_eq!(scopes.joined().as_deref(), Some("a:b c/d"));
    for text in ["a\"b", "a\\b", "a\u{7f}", "a\0b", "caf\u{e9}"] {
        assert!(text.parse::<Scopes>().is_err(), "{text:?}");
    }
    let comma = Draft { required_scopes: Some("a,b".parse().unwrap()), ..draft() }.check().unwrap().unwrap();
    assert_eq!(comma.required_scopes.as_slice(), ["a,b"]);
    assert!(comma.warnings()[0].contains("separated by spaces"));
}

#[test]
fn lists_and_durations_have_their_limits() {
    assert_eq!(" a , b c,,".parse::<Audiences>().unwrap().as_slice(), ["a", "b c"]);
    assert!(" , ".parse::<Audiences>().is_err());
    let claims: ScopeClaims = "roles, realm_access.roles scp".parse().unwrap();
    assert_eq!(claims.as_slice(), ["scope", "scp", "roles", "realm_access.roles"]);
    assert!("a..b".parse::<ScopeClaims>().is_err());
    assert!(Leeway::try_from(Duration::from_secs(300)).is_ok());
    assert!(Leeway::try_from(Duration::from_millis(300_001)).is_err());
    assert!(MaxTokenAge::try_from(Duration::ZERO).is_err());
}
