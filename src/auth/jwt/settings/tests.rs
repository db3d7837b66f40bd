//! The settings, each alone.

use super::*;

fn settings() -> Settings {
    let issuer = Some("https://idp.example/".parse().unwrap());
    Settings::new(Settings::DEFAULT_NAME, issuer, "exporter".parse().unwrap())
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let settings = settings();
    assert_eq!(settings.leeway.duration(), Duration::from_secs(30));
    assert_eq!(settings.algorithms.to_string(), "RS256,ES256");
    assert_eq!(settings.audience_claim.to_string(), "aud");
    assert_eq!(settings.required_scopes.joined(), None);
}

#[test]
fn review_8_an_issuer_whose_every_token_gets_in_is_warned_of() {
    let warns = |change: fn(&mut Settings)| {
        let mut settings = settings();
        change(&mut settings);
        settings.warnings().iter().any(|warning| warning.contains("whoever has it"))
    };
    assert!(warns(|_| {}));
    assert!(!warns(|settings| settings.required_scopes = "metrics:read".parse().unwrap()));
    assert!(!warns(|settings| settings.required_claims = "sub=x".parse().unwrap()));
    assert!(!warns(|settings| settings.token_types = "at+jwt".parse().unwrap()));
}

#[test]
fn row_385_a_missing_issuer_is_warned_of() {
    let settings = Settings { issuer: None, ..settings() };
    assert!(settings.warnings()[0].contains("iss is not checked"));
}

#[test]
fn rows_148_392_scopes_are_what_a_challenge_can_hold() {
    let scopes: Scopes = "  a:b\tc/d ".parse().unwrap();
    assert_eq!(scopes.joined().as_deref(), Some("a:b c/d"));
    for text in ["a\"b", "a\\b", "a\u{7f}", "a\0b", "caf\u{e9}"] {
        assert!(text.parse::<Scopes>().is_err(), "{text:?}");
    }
    let comma = Settings { required_scopes: "a,b".parse().unwrap(), ..settings() };
    assert_eq!(comma.required_scopes.as_slice(), ["a,b"]);
    assert!(comma.warnings()[0].contains("separated by spaces"));
}

#[test]
fn lists_and_durations_have_their_limits() {
    assert_eq!(" a , b c,,".parse::<Audiences>().unwrap().as_slice(), ["a", "b c"]);
    assert!(" , ".parse::<Audiences>().is_err());
    let claims: ScopeClaims = "roles, realm_access.roles scp".parse().unwrap();
    assert_eq!(claims.as_slice().len(), 3);
    for text in ["a..b", "a=b", "\"a"] {
        assert!(text.parse::<ScopeClaims>().is_err(), "{text}");
    }
    assert!(Leeway::try_from(Duration::from_secs(300)).is_ok());
    assert!(Leeway::try_from(Duration::from_millis(300_001)).is_err());
    assert!(MaxTokenAge::try_from(Duration::ZERO).is_err());
}
