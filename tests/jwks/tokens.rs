//! Tokens that are signed for real: what the tables beside the code cannot show.

use librechat_exporter::auth::Verdict;
use librechat_exporter::auth::reason::Reason;
use serde_json::{Value, json};

use super::bench::{ALLOW, BAD_SIGNATURE, Bench, SECOND, UNKNOWN};
use super::idp::{Idp, KEYS};
use super::signer::{E1, E3, ED, R1, R2, encode};

fn deny(reason: Reason) -> Verdict {
    Verdict::Deny(reason)
}

/// A bench whose issuer publishes these keys, all algorithms allowed.
async fn publishing(keys: &[Value]) -> Bench {
    let idp = Idp::start().await;
    idp.publish(keys);
    let every = "RS256,RS384,RS512,PS256,ES256,ES384,ES512,Ed25519";
    let bench = Bench::with(idp, |setup| setup.settings.algorithms = every.parse().unwrap());
    bench.ended(1, 0).await;
    bench
}

#[tokio::test(start_paused = true)]
async fn row_56_good_tokens_of_both_default_algorithms_pass() {
    let bench = Bench::ready().await;
    for signer in [&R1, &E1] {
        assert_eq!(bench.verdict(&bench.token(signer)).await, ALLOW);
    }
}

#[tokio::test(start_paused = true)]
async fn row_157_every_algorithm_that_is_listed_verifies() {
    let bench = publishing(&[R1.jwk(), E1.jwk(), E3.jwk(), ED.jwk()]).await;
    for signer in [&R1, &E1, &E3, &ED] {
        assert_eq!(bench.verdict(&bench.token(signer)).await, ALLOW, "{}", signer.header());
    }
    for alg in ["RS512", "PS256"] {
        let token = bench.token_with(&R1, &json!({ "alg": alg, "kid": "r1" }));
        assert_eq!(bench.verdict(&token).await, ALLOW, "{alg}");
    }
}

#[tokio::test(start_paused = true)]
async fn rows_57_to_64_refused_algorithms_cost_no_fetch() {
    let bench = Bench::ready().await;
    let claims = bench.claims(&json!({})).to_string();
    for alg in ["none", "nOnE", "HS256", "HS512", "RS512", "PS256", "rs256", "EdDSA"] {
        let header = json!({ "alg": alg, "kid": "new" }).to_string();
        assert_eq!(
            bench.verdict(&R1.sign(&header, &claims)).await,
            deny(Reason::AlgorithmNotAllowed),
            "{alg}"
        );
    }
    let unsigned = format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(&claims));
    assert_eq!(bench.verdict(&unsigned).await, deny(Reason::JwtMalformed));
    assert_eq!(bench.idp.requests(KEYS), 1);
}

#[tokio::test(start_paused = true)]
async fn rows_60_61_a_mac_made_with_the_public_key_is_refused() {
    let bench = Bench::ready().await;
    let message = format!(
        "{}.{}",
        encode(r#"{"alg":"HS256","kid":"r1"}"#),
        encode(bench.claims(&json!({})).to_string())
    );
    let jwk = R1.jwk().to_string();
    for key in [&R1.public()[..], jwk.as_bytes(), b"", b"static-token-0123456789"] {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
        let token = format!("{message}.{}", encode(aws_lc_rs::hmac::sign(&key, message.as_bytes())));
        assert_eq!(bench.verdict(&token).await, deny(Reason::AlgorithmNotAllowed));
    }
}

#[tokio::test(start_paused = true)]
async fn rows_66_68_69_a_key_verifies_only_what_it_is_for() {
    let bench = publishing(&[
        R1.jwk_with(&json!({ "alg": "RS512" })),
        E1.jwk(),
        R2.jwk_with(&json!({ "use": "gone" })),
    ])
    .await;
    let cases = [
        (&R1, json!({ "alg": "RS256", "kid": "r1" })),
        (&E1, json!({ "alg": "ES256", "kid": "r2" })),
        (&E3, json!({ "alg": "ES384", "kid": "e1" })),
        (&R2, json!({ "alg": "RS256", "kid": "e1" })),
        (&R2, json!({ "alg": "PS256", "kid": "r1" })),
    ];
    for (signer, header) in cases {
        assert_eq!(bench.verdict(&bench.token_with(signer, &header)).await, BAD_SIGNATURE, "{header}");
    }
    assert_eq!(bench.verdict(&bench.token_with(&R1, &json!({ "alg": "RS512", "kid": "r1" }))).await, ALLOW);
    assert_eq!(bench.idp.requests(KEYS), 1, "their keys are known");
}

#[tokio::test(start_paused = true)]
async fn rows_70_72_106_108_signatures_that_are_none() {
    let bench = Bench::ready().await;
    let good = bench.token(&E1);
    let message = good.rsplit_once('.').unwrap().0;
    for length in [63, 64, 65, 132, 1] {
        let zeros = format!("{message}.{}", encode(vec![0; length]));
        assert_eq!(bench.verdict(&zeros).await, BAD_SIGNATURE, "{length}");
    }
    // 86 characters carry four bits more than the 64 octets of a signature: 16 spellings, of which one is canonical.
    let last = good.chars().last().unwrap();
    let others =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars().filter(|c| *c != last);
    for other in others {
        let spelled = format!("{}{other}", &good[..good.len() - 1]);
        assert_ne!(bench.verdict(&spelled).await, ALLOW, "{other}");
    }
    assert_eq!(bench.verdict(&good).await, ALLOW);
    assert_eq!(bench.verdict(&format!("{message}.")).await, deny(Reason::JwtMalformed));
}

#[tokio::test(start_paused = true)]
async fn rows_77_78_d17_without_a_kid_up_to_32_keys_are_tried() {
    let other = |index: usize| R2.jwk_with(&json!({ "kid": format!("x{index}") }));
    let anonymous = json!({ "alg": "RS256" });
    for (before, verdict) in [(0, ALLOW), (9, ALLOW), (31, ALLOW), (32, BAD_SIGNATURE)] {
        let mut keys: Vec<Value> = (0..before).map(other).collect();
        keys.extend([E1.jwk(), R1.jwk()]);
        let bench = publishing(&keys).await;
        let token = bench.token_with(&R1, &anonymous);
        assert_eq!(bench.verdict(&token).await, verdict, "{before} keys before it");
        assert_eq!(bench.idp.requests(KEYS), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn rows_80_81_several_keys_of_one_name_are_told_apart() {
    let bench =
        publishing(&[E1.jwk_with(&json!({ "kid": "r1" })), R2.jwk_with(&json!({ "kid": "r1" })), R1.jwk()])
            .await;
    for signer in [&R1, &R2] {
        let token = bench.token_with(signer, &json!({ "alg": "RS256", "kid": "r1" }));
        assert_eq!(bench.verdict(&token).await, ALLOW);
    }
    assert_eq!(bench.verdict(&bench.token_with(&E1, &json!({ "alg": "ES256", "kid": "r1" }))).await, ALLOW);
}

#[tokio::test(start_paused = true)]
async fn rows_82_85_odd_names_are_only_looked_up() {
    let bench = Bench::ready().await;
    for kid in ["../../../../dev/null", "/etc/passwd", "file:///x"] {
        let token = bench.token_with(&R1, &json!({ "alg": "RS256", "kid": kid }));
        assert_eq!(bench.verdict(&token).await, UNKNOWN, "{kid}");
    }
    let asked = bench.idp.requests(KEYS);
    let token = bench.token_with(&R1, &json!({ "alg": "RS256", "kid": "k".repeat(8192) }));
    assert_eq!(bench.verdict(&token).await, deny(Reason::JwtMalformed));
    assert_eq!(bench.idp.requests(KEYS), asked);
}

#[tokio::test(start_paused = true)]
async fn rows_88_89_90_keys_that_a_token_brings_are_ignored() {
    let bench = Bench::ready().await;
    let evil = Idp::start().await;
    evil.publish(&[R2.jwk_with(&json!({ "kid": "r1" }))]);
    let header = json!({
        "alg": "RS256", "kid": "r1", "jwk": R2.jwk(), "jku": evil.url(KEYS), "x5u": evil.url("/x"), "x5c": ["AA"],
    });
    assert_eq!(bench.verdict(&bench.token_with(&R2, &header)).await, BAD_SIGNATURE);
    assert_eq!(bench.verdict(&bench.token_with(&R1, &header)).await, ALLOW);
    assert_eq!(evil.requests(KEYS), 0);
}

#[tokio::test(start_paused = true)]
async fn rows_92_94_97_a_good_signature_does_not_heal_a_bad_header() {
    let bench = Bench::ready().await;
    let cases = [
        (json!({ "alg": "RS256", "kid": "r1", "crit": ["foo"], "foo": "1" }), Reason::CriticalHeader),
        (json!({ "alg": "RS256", "kid": "r1", "crit": ["b64"], "b64": false }), Reason::CriticalHeader),
        (json!({ "alg": "RS256", "kid": "r1", "typ": "logout+jwt" }), Reason::TypeNotAllowed),
    ];
    for (header, reason) in cases {
        assert_eq!(bench.verdict(&bench.token_with(&R1, &header)).await, deny(reason), "{header}");
    }
    let mixed = json!({ "alg": "RS256", "kid": "r1", "typ": "application/AT+JWT", "number": 5 });
    assert_eq!(bench.verdict(&bench.token_with(&R1, &mixed)).await, ALLOW);
}

#[tokio::test(start_paused = true)]
async fn rows_114_to_160_claims_decide_after_the_signature() {
    let bench = Bench::ready().await;
    let cases = [
        (json!({ "exp": "gone" }), Reason::ExpiryMissing),
        (json!({ "exp": 5 }), Reason::Expired),
        (json!({ "nbf": 4_000_000_000_u64 }), Reason::NotYetValid),
        (json!({ "aud": "other" }), Reason::AudienceMismatch),
        (json!({ "iss": "https://other.example/" }), Reason::IssuerMismatch),
        (json!({ "scope": "other" }), Reason::InsufficientScope),
        (json!({ "cnf": { "jkt": "x" } }), Reason::BoundToken),
    ];
    for (members, reason) in cases {
        let claims = bench.claims(&members);
        assert_eq!(bench.verdict(&R1.token(&claims)).await, deny(reason), "{members}");
        assert!(!reason.is_guess(), "{reason:?}");
        let forged = R2.sign(&R1.header().to_string(), &claims.to_string());
        assert_ne!(bench.verdict(&forged).await, ALLOW, "{members}");
    }
    for payload in ["[]", "\"x\"", "5", "{} x", r#"{"exp":1,"exp":4000000000}"#] {
        let token = R1.sign(&R1.header().to_string(), payload);
        assert_eq!(bench.verdict(&token).await, deny(Reason::JwtMalformed), "{payload}");
    }
}

#[tokio::test(start_paused = true)]
async fn rows_152_156_158_odd_keys_neither_verify_nor_spoil_the_set() {
    let bench = publishing(&[
        json!({ "kty": "AKP", "kid": "pq", "alg": "ML-DSA-44", "pub": "AA" }),
        R2.jwk_with(&json!({ "use": "enc" })),
        E3.jwk_with(&json!({ "key_ops": ["sign"] })),
        E1.jwk_with(&json!({ "d": "AA" })),
        R1.jwk_with(&json!({ "key_ops": ["verify"] })),
    ])
    .await;
    assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW);
    assert_eq!(bench.verdict(&bench.token(&E1)).await, ALLOW);
    assert_eq!(bench.verdict(&bench.token(&R2)).await, UNKNOWN);
    assert_eq!(bench.verdict(&bench.token(&E3)).await, UNKNOWN);
    assert_eq!(bench.metric("jwks_keys"), 2.0);
    assert_eq!(bench.metric("jwks_skipped_keys"), 3.0);
    assert_eq!(bench.metric("jwks_leaked_keys"), 1.0);
}

#[tokio::test(start_paused = true)]
async fn row_162_one_signature_check_serves_a_minute_of_one_token() {
    let bench = Bench::ready().await;
    let token = bench.token(&R1);
    let checks = || bench.metric("jwt_signature_checks_total");
    for _ in 0..10_000 {
        assert_eq!(bench.verdict(&token).await, ALLOW);
    }
    assert_eq!(checks(), 1.0);
    bench.pass(60 * SECOND).await;
    assert_eq!(bench.verdict(&token).await, ALLOW);
    assert_eq!(checks(), 2.0);
}

#[tokio::test(start_paused = true)]
async fn row_164_a_remembered_token_ends_with_its_own_expiry() {
    let bench = Bench::ready().await;
    let claims = bench.claims(&json!({}));
    let exp = claims["iat"].as_u64().unwrap() + 20;
    let token = R1.token(&bench.claims(&json!({ "exp": exp })));
    assert_eq!(bench.verdict(&token).await, ALLOW);
    bench.pass(49 * SECOND).await;
    assert_eq!(bench.verdict(&token).await, ALLOW, "within the leeway");
    bench.pass(SECOND).await;
    assert_eq!(bench.verdict(&token).await, deny(Reason::Expired));
}

#[tokio::test(start_paused = true)]
async fn row_165_refusals_are_not_remembered_as_anything() {
    let bench = Bench::ready().await;
    let good = bench.token(&R1);
    let forged = bench.token_with(&R2, &R1.header());
    assert_eq!(bench.verdict(&forged).await, BAD_SIGNATURE);
    assert_eq!(bench.verdict(&good).await, ALLOW);
    assert_eq!(bench.verdict(&forged).await, BAD_SIGNATURE);
    let scopeless = R1.token(&bench.claims(&json!({ "scope": "gone" })));
    for _ in 0..2 {
        assert_eq!(bench.verdict(&scopeless).await, deny(Reason::InsufficientScope));
    }
    assert_eq!(bench.metric("jwt_signature_checks_total"), 5.0);
}

#[tokio::test(start_paused = true)]
async fn row_120_an_expiry_beyond_all_measure_is_counted() {
    let bench = Bench::ready().await;
    let token = R1.token(&bench.claims(&json!({ "exp": 253_402_300_799_u64 })));
    assert_eq!(bench.verdict(&token).await, ALLOW);
    assert_eq!(bench.metric("jwt_far_expiries_total"), 1.0);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_token_is_malformed_without_waiting_even_on_a_cold_cache() {
    let idp = Idp::start().await;
    let bench = Bench::with(idp, |_| {});
    for token in ["static-token-0123456789", "a.b.c", "x"] {
        assert!(bench.is_judged_at_once(token));
        assert_eq!(bench.verdict(token).await, deny(Reason::JwtMalformed));
    }
}
