//! Several issuers: a token is judged by the one that it names, and keys never mix (rows 136 and 137, E8).

use librechat_exporter::auth::reason::Reason;
use librechat_exporter::auth::{Authorizer, Challenge, Verdict};
use serde_json::{Value, json};

use super::bench::{ALLOW, BAD_SIGNATURE, Bench, SECOND, Setup, UNAVAILABLE, UNKNOWN};
use super::idp::{Answer, Idp, KEYS};
use super::signer::{E1, R1, R2, Signer};

struct Two {
    bench: Bench,
    other: Idp,
}

impl Two {
    /// `one` and `two`, both with audience and scope of the bench, after the first fetch.
    async fn publishing(one: &[Value], two: &[Value], change: impl Fn(&mut [Setup])) -> Self {
        let (idp, other) = (Idp::start().await, Idp::start().await);
        idp.publish(one);
        other.publish(two);
        let mut setups = vec![Setup::of(&idp.issuer()), Setup::of(&other.issuer())];
        setups[0].settings.name = "one".into();
        setups[1].settings.name = "two".into();
        change(&mut setups);
        let bench = Bench::of(idp, setups);
        for name in ["one", "two"] {
            bench.shows(&format!(r#"jwks_refreshes_total{{issuer="{name}",result="ok"}}"#), 1.0).await;
        }
        Self { bench, other }
    }

    /// A token of `two`.
    fn token(&self, signer: &Signer, header: &Value, members: &Value) -> String {
        let mut claims = self.bench.claims(members);
        claims["iss"] = self.other.issuer().into();
        signer.sign(&header.to_string(), &claims.to_string())
    }
}

#[tokio::test(start_paused = true)]
async fn rows_136_137_one_kid_is_two_keys_and_the_issuer_says_which() {
    let two = Two::publishing(&[R1.jwk()], &[R2.jwk_with(&json!({ "kid": "r1" }))], |_| {}).await;
    let header = R1.header();
    assert_eq!(two.bench.verdict(&two.bench.token(&R1)).await, ALLOW);
    assert_eq!(two.bench.verdict(&two.token(&R2, &header, &json!({}))).await, ALLOW);
    assert_eq!(two.bench.verdict(&two.bench.token_with(&R2, &header)).await, BAD_SIGNATURE);
    assert_eq!(two.bench.verdict(&two.token(&R1, &header, &json!({}))).await, BAD_SIGNATURE);
    // Without a name every key of that issuer is tried, and none of the other.
    let anonymous = json!({ "alg": "RS256" });
    assert_eq!(two.bench.verdict(&two.token(&R1, &anonymous, &json!({}))).await, BAD_SIGNATURE);
    assert_eq!(two.bench.verdict(&two.token(&R2, &anonymous, &json!({}))).await, ALLOW);
    let foreign = R1.token(&two.bench.claims(&json!({ "iss": "https://third.example/" })));
    assert_eq!(two.bench.verdict(&foreign).await, Verdict::Deny(Reason::IssuerMismatch));
    let nobody = R1.token(&two.bench.claims(&json!({ "iss": "gone" })));
    assert_eq!(two.bench.verdict(&nobody).await, Verdict::Deny(Reason::IssuerMismatch));
}

#[tokio::test(start_paused = true)]
async fn e8_a_key_that_only_the_other_has_is_unknown_and_is_asked_of_the_one_named() {
    let two = Two::publishing(&[R1.jwk()], &[R2.jwk()], |_| {}).await;
    assert_eq!(two.bench.verdict(&two.token(&R1, &R1.header(), &json!({}))).await, UNKNOWN);
    assert_eq!((two.bench.idp.requests(KEYS), two.other.requests(KEYS)), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn e8_the_rules_are_those_of_the_issuer_even_where_both_have_the_key() {
    let two = Two::publishing(&[R1.jwk(), E1.jwk()], &[R1.jwk(), E1.jwk()], |setups| {
        setups[0].settings.algorithms = "RS256".parse().unwrap();
        setups[1].settings.audiences = "two".parse().unwrap();
        setups[1].settings.algorithms = "ES256".parse().unwrap();
        setups[1].settings.required_claims = "sub=prometheus".parse().unwrap();
    })
    .await;
    let good = json!({ "aud": "two", "sub": "prometheus" });
    assert_eq!(two.bench.verdict(&two.token(&E1, &E1.header(), &good)).await, ALLOW);
    let cases = [
        (two.token(&R1, &R1.header(), &good), Reason::AlgorithmNotAllowed),
        (two.token(&E1, &E1.header(), &json!({ "sub": "prometheus" })), Reason::AudienceMismatch),
        (two.token(&E1, &E1.header(), &json!({ "aud": "two" })), Reason::ClaimMismatch),
        (two.bench.token(&E1), Reason::AlgorithmNotAllowed),
    ];
    for (token, reason) in cases {
        assert_eq!(two.bench.verdict(&token).await, Verdict::Deny(reason), "{reason:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn e8_what_one_issuer_verified_ends_with_its_keys_though_the_other_has_them() {
    let two = Two::publishing(&[R1.jwk()], &[R1.jwk()], |_| {}).await;
    let token = two.bench.token(&R1);
    assert_eq!(two.bench.verdict(&token).await, ALLOW);
    two.bench.idp.publish(&[R2.jwk()]);
    assert_eq!(two.bench.verdict(&two.bench.token(&R2)).await, ALLOW, "which replaces the set of one");
    assert_eq!(two.bench.verdict(&token).await, UNKNOWN);
    assert_eq!(two.bench.verdict(&two.token(&R1, &R1.header(), &json!({}))).await, ALLOW);
}

#[tokio::test(start_paused = true)]
async fn e8_one_issuer_that_is_down_costs_the_other_nothing_and_shows_by_its_name() {
    let (idp, other) = (Idp::start().await, Idp::start().await);
    idp.publish(&[R1.jwk()]);
    other.answer(KEYS, Answer::status("500 Internal Server Error", ""));
    let mut setups = vec![Setup::of(&idp.issuer()), Setup::of(&other.issuer())];
    setups[0].settings.name = "one".into();
    setups[1].settings.name = "two".into();
    let bench = Bench::of(idp, setups);
    bench.shows(r#"jwks_refreshes_total{issuer="two",result="failed"}"#, 1.0).await;
    assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW);
    let of_other = R1.token(&bench.claims(&json!({ "iss": other.issuer() })));
    assert_eq!(bench.verdict(&of_other).await, UNAVAILABLE);
    assert!(bench.jwt.retry_after() > SECOND / 2);
    assert_eq!(bench.metric(r#"jwks_stale{issuer="one"}"#), 0.0);
    assert_eq!(bench.metric(r#"jwks_stale{issuer="two"}"#), 1.0);
    assert_eq!(bench.metric(r#"jwt_signature_checks_total{issuer="one"}"#), 1.0);
    assert_eq!(bench.metric(r#"jwt_signature_checks_total{issuer="two"}"#), 0.0);
}

#[tokio::test(start_paused = true)]
async fn e8_a_challenge_names_scopes_only_where_all_issuers_require_the_same() {
    let same = Two::publishing(&[R1.jwk()], &[R1.jwk()], |_| {}).await;
    let scope = Some("metrics:read".to_owned());
    assert_eq!(same.bench.jwt.challenge(), Some(Challenge::Bearer { scope }));
    let differing = Two::publishing(&[R1.jwk()], &[R1.jwk()], |setups| {
        setups[1].settings.required_scopes = "other".parse().unwrap();
    })
    .await;
    assert_eq!(differing.bench.jwt.challenge(), Some(Challenge::Bearer { scope: None }));
}
