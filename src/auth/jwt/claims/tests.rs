//! The claims, case by case.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::auth::jwt::settings::{MaxTokenAge, Scopes};

const NOW: f64 = 1_800_000_000.0;
const LEEWAY: f64 = 30.0;

fn settings() -> Settings {
    let issuer = Some("https://idp.example/".parse().unwrap());
    let mut settings = Settings::new("idp", issuer, "exporter".parse().unwrap());
    settings.required_scopes = "metrics:read".parse().unwrap();
    settings
}

fn rules(settings: &Settings) -> Rules {
    Rules::new(settings)
}

/// Good claims with some members put in place of their own; `"gone"` takes one away.
fn with(members: &Value) -> Map<String, Value> {
    let mut claims = json!({
        "iss": "https://idp.example/", "aud": "exporter", "scope": "metrics:read",
        "iat": NOW - 10.0, "exp": NOW + 300.0,
    });
    let claims = claims.as_object_mut().unwrap();
    claims.extend(members.as_object().unwrap().clone());
    claims.retain(|_, value| value != "gone");
    claims.clone()
}

fn table(rules: &Rules, cases: &[(Value, Option<Reason>)]) {
    for (members, refused) in cases {
        assert_eq!(
            rules.check(&with(members), None, NOW).err().map(|refusal| refusal.reason),
            *refused,
            "{members}"
        );
    }
}

fn all(values: &[Value], claim: &str, refused: Option<Reason>) -> Vec<(Value, Option<Reason>)> {
    values.iter().map(|value| (json!({ claim: value }), refused)).collect()
}

#[test]
fn rows_114_to_118_expiry() {
    let rules = rules(&settings());
    table(
        &rules,
        &[
            (json!({}), None),
            (json!({ "exp": NOW - LEEWAY + 1.0 }), None),
            (json!({ "exp": NOW - LEEWAY + 0.5 }), None),
            (json!({ "exp": NOW - LEEWAY }), Some(Reason::Expired)),
            (json!({ "exp": NOW - LEEWAY - 1.0 }), Some(Reason::Expired)),
            (json!({ "exp": 0 }), Some(Reason::Expired)),
        ],
    );
    let odd =
        [json!("gone"), json!("1900000000"), json!(null), json!(true), json!([NOW]), json!(-1), json!("NaN")];
    table(&rules, &all(&odd, "exp", Some(Reason::ExpiryMissing)));
}

#[test]
fn rows_120_121_an_expiry_beyond_all_measure_is_noticed_and_limited() {
    let far = [json!(1e18), json!(253_402_300_799_u64), json!(u64::MAX), json!(9_007_199_254_740_993_u64)];
    let unlimited = rules(&settings());
    for exp in &far {
        let accepted = unlimited.check(&with(&json!({ "exp": exp })), None, NOW).unwrap();
        assert!(accepted.is_far, "{exp}");
    }
    assert!(!unlimited.check(&with(&json!({})), None, NOW).unwrap().is_far);
    let age = MaxTokenAge::try_from(Duration::from_secs(3600)).unwrap();
    let limited = rules(&Settings { max_token_age: Some(age), ..settings() });
    table(&limited, &all(&far, "exp", Some(Reason::TooOld)));
    table(
        &limited,
        &[
            (json!({}), None),
            (json!({ "iat": NOW - 3600.0 - LEEWAY, "exp": NOW }), None),
            (json!({ "iat": NOW - 3601.0 - LEEWAY, "exp": NOW }), Some(Reason::TooOld)),
            (json!({ "iat": NOW, "exp": NOW + 3601.0 + LEEWAY }), Some(Reason::TooOld)),
            (json!({ "iat": "gone" }), Some(Reason::TooOld)),
        ],
    );
    let accepted =
        limited.check(&with(&json!({ "iat": NOW - 3590.0, "exp": NOW + 35.0 })), None, NOW).unwrap();
    assert_eq!(accepted.until, NOW + 10.0);
}

#[test]
fn rows_122_to_128_times_that_lie_ahead() {
    let rules = rules(&settings());
    table(
        &rules,
        &[
            (json!({ "nbf": NOW + LEEWAY }), None),
            (json!({ "nbf": NOW + LEEWAY + 1.0 }), Some(Reason::NotYetValid)),
            (json!({ "nbf": "1" }), Some(Reason::NotYetValid)),
            (json!({ "nbf": null }), Some(Reason::NotYetValid)),
            (json!({ "iat": "gone" }), None),
            (json!({ "iat": NOW + 60.0 }), None),
            (json!({ "iat": NOW + 61.0 }), Some(Reason::NotYetValid)),
            (json!({ "iat": NOW + 3600.0 }), Some(Reason::NotYetValid)),
            (json!({ "iat": "1" }), Some(Reason::NotYetValid)),
            (json!({ "iat": -5 }), None),
            (json!({ "iat": NOW + 29.0, "nbf": NOW + 29.0 }), None),
        ],
    );
}

#[test]
fn rows_129_130_audience() {
    let rules = rules(&Settings { audiences: "exporter, other-exporter".parse().unwrap(), ..settings() });
    let good = [json!("exporter"), json!(["exporter"]), json!(["x", "exporter"]), json!("other-exporter")];
    table(&rules, &all(&good, "aud", None));
    let bad = [
        json!("other"),
        json!([]),
        json!(["other"]),
        json!("gone"),
        json!(null),
        json!(5),
        json!({ "a": "exporter" }),
        json!("exporter "),
        json!("EXPORTER"),
        json!("x,exporter"),
        json!("exporter, other-exporter"),
        json!([["exporter"]]),
        json!(["exporter", 5]),
    ];
    table(&rules, &all(&bad, "aud", Some(Reason::AudienceMismatch)));
}

#[test]
fn rows_132_133_134_issuer() {
    let bad = [
        json!("https://idp.example"),
        json!("https://idp.example//"),
        json!("https://idp.example/@evil"),
        json!("https://IDP.example/"),
        json!("http://idp.example/"),
        json!("https://evil.example/"),
        json!("gone"),
        json!(null),
        json!(["https://idp.example/"]),
        json!(5),
    ];
    let strict = rules(&settings());
    table(&strict, &all(&bad, "iss", Some(Reason::IssuerMismatch)));
    for iss in bad {
        assert_eq!(
            strict.screen(&with(&json!({ "iss": iss })), NOW),
            Err(Reason::IssuerMismatch.into()),
            "{iss}"
        );
    }
    let uri_only = Settings { issuer: None, ..settings() };
    table(&rules(&uri_only), &[(json!({ "iss": "gone" }), None), (json!({ "iss": 5 }), None)]);
}

#[test]
fn rows_138_to_146_scopes() {
    let lacking = Some(Reason::InsufficientScope);
    table(
        &rules(&settings()),
        &[
            (json!({ "scope": "a metrics:read b" }), None),
            (json!({ "scope": ["a", "metrics:read"] }), None),
            (json!({ "scope": "gone", "scp": "metrics:read" }), None),
            (json!({ "scope": "gone", "scp": ["metrics:read"] }), None),
            (json!({ "scope": "", "scp": ["metrics:read"] }), None),
            (json!({ "scope": 5, "scp": ["metrics:read"] }), None),
            (json!({ "scope": "gone" }), lacking),
            (json!({ "scope": "" }), lacking),
            (json!({ "scope": "metrics:readx" }), lacking),
            (json!({ "scope": "xmetrics:read" }), lacking),
            (json!({ "scope": "METRICS:READ" }), lacking),
            (json!({ "scope": "metrics:read,other" }), lacking),
            (json!({ "scope": "metrics:read\tother" }), lacking),
            (json!({ "scope": ["metrics:read other"] }), lacking),
            (json!({ "scope": [["metrics:read"]] }), lacking),
            (json!({ "scope": { "metrics:read": true } }), lacking),
            (json!({ "scope": "gone", "roles": ["metrics:read"] }), lacking),
        ],
    );
    let two = rules(&Settings { required_scopes: "a b".parse().unwrap(), ..settings() });
    table(&two, &[(json!({ "scope": "a" }), lacking), (json!({ "scope": "a", "scp": ["b"] }), None)]);
    let none = rules(&Settings { required_scopes: Scopes::default(), ..settings() });
    table(&none, &[(json!({ "scope": "gone" }), None)]);
}

#[test]
fn row_142_f2_f3_other_claims_may_hold_scopes() {
    let claims = "roles realm_access.roles,https://example.com/roles,resource_access.'a.b'.roles";
    let rules = rules(&Settings { scope_claims: claims.parse().unwrap(), ..settings() });
    let lacking = Some(Reason::InsufficientScope);
    let cases = [
        (json!({ "roles": ["metrics:read"] }), None),
        (json!({ "realm_access": { "roles": ["x", "metrics:read"] } }), None),
        (json!({ "realm_access.roles": "metrics:read" }), None),
        (json!({ "https://example.com/roles": ["metrics:read"] }), None),
        (json!({ "scp": "metrics:read" }), None),
        (json!({ "realm_access": { "roles": { "metrics:read": 1 } } }), None),
        (json!({ "roles": { "metrics:read": { "1": "org.example" } } }), None),
        (json!({ "resource_access": { "a.b": { "roles": ["metrics:read"] } } }), None),
        (json!({ "roles": { "metrics:read": false } }), lacking),
        (json!({ "roles": { "metrics:read": null } }), lacking),
        (json!({ "roles": { "x": "metrics:read" } }), lacking),
        (json!({ "roles": { "x": { "metrics:read": 1 } } }), lacking),
        (json!({ "scope": { "metrics:read": {} } }), lacking),
        (json!({ "resource_access": { "a": { "b": { "roles": ["metrics:read"] } } } }), lacking),
        (json!({ "realm_access": ["roles"] }), lacking),
        (json!({ "realm_access": "roles" }), lacking),
        (json!({ "groups": ["metrics:read"] }), lacking),
    ];
    for (members, refused) in cases {
        let mut claims = with(&json!({ "scope": "gone" }));
        claims.extend(members.as_object().unwrap().clone());
        assert_eq!(rules.check(&claims, None, NOW).err().map(|refusal| refusal.reason), refused, "{members}");
    }
}

#[test]
fn rows_160_161_bound_tokens_are_no_bearers() {
    let bound = [json!({ "jkt": "x" }), json!({ "x5t#S256": "x" }), json!({}), json!(null)];
    table(&rules(&settings()), &all(&bound, "cnf", Some(Reason::BoundToken)));
}

#[test]
fn f1_the_audience_may_be_another_claim_and_is_never_both() {
    let cognito = rules(&Settings { audience_claim: "client_id".parse().unwrap(), ..settings() });
    let lacking = Some(Reason::AudienceMismatch);
    table(
        &cognito,
        &[
            (json!({ "aud": "gone", "client_id": "exporter" }), None),
            (json!({ "client_id": "gone" }), lacking),
            (json!({ "client_id": "other" }), lacking),
            (json!({ "client_id": "other", "aud": "exporter" }), lacking),
        ],
    );
    table(&rules(&settings()), &[(json!({ "aud": "gone", "client_id": "exporter" }), lacking)]);
}

#[test]
fn f5_required_claims_have_a_reason_of_their_own_and_come_last() {
    let required_claims = "sub=prometheus".parse().unwrap();
    let rules = rules(&Settings { required_claims, ..settings() });
    let mismatch = Some(Reason::ClaimMismatch);
    table(
        &rules,
        &[
            (json!({ "sub": "prometheus" }), None),
            (json!({}), mismatch),
            (json!({ "sub": "x", "scope": "metrics:read prometheus sub=prometheus" }), mismatch),
            (json!({ "sub": "x", "aud": "other" }), Some(Reason::AudienceMismatch)),
            (json!({ "sub": "x", "scope": "" }), Some(Reason::InsufficientScope)),
        ],
    );
}

#[test]
fn a_refusal_says_what_was_expected_and_what_came() {
    let rules = rules(&settings());
    let detail = |members: Value| rules.check(&with(&members), None, NOW).unwrap_err().detail;
    assert_eq!(detail(json!({ "aud": "account" })), "its aud is \"account\", not \"exporter\"");
    assert_eq!(detail(json!({ "aud": "gone" })), "it has no aud; \"exporter\" is expected");
    assert_eq!(
        detail(json!({ "scope": "a\nb", "scp": ["c"] })),
        "it lacks the scope \"metrics:read\"; scope has \"a\\nb\", scp has \"[\\\"c\\\"]\""
    );
}
