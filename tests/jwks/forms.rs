//! Keys as issuers really publish them (rows D of the field reports), each with a token that is signed for real.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use librechat_exporter::auth::Verdict;
use librechat_exporter::auth::reason::Reason;
use serde_json::{Value, json};

use super::bench::{ALLOW, BAD_SIGNATURE, Bench, UNKNOWN};
use super::idp::{Idp, KEYS};
use super::signer::{E1, E3, E5, ED, R1, R2, Signer, short_x};

const EVERY: &str = "RS256,ES256,ES384,ES512,Ed25519";

async fn publishing(keys: &[Value]) -> Bench {
    let idp = Idp::start().await;
    idp.publish(keys);
    let bench = Bench::with(idp, |setup| setup.settings.algorithms = EVERY.parse().unwrap());
    bench.ended(1, 0).await;
    bench
}

/// The key with each of these members spelled anew.
fn respelled(signer: &Signer, members: &[&str], spell: impl Fn(Vec<u8>) -> String) -> Value {
    let mut jwk = signer.jwk();
    for member in members {
        let octets = URL_SAFE_NO_PAD.decode(jwk[*member].as_str().unwrap()).unwrap();
        jwk[*member] = spell(octets).into();
    }
    jwk
}

#[tokio::test(start_paused = true)]
async fn d1_d6_padding_the_other_alphabet_line_breaks_and_zeros_change_no_key() {
    let spellings: [fn(Vec<u8>) -> String; 5] = [
        |octets| URL_SAFE.encode(octets),
        |octets| STANDARD.encode(octets),
        |octets| STANDARD.encode([&[0], octets.as_slice()].concat()),
        |octets| format!("{}\r\n", STANDARD.encode(octets)),
        |octets| format!("{}=", URL_SAFE_NO_PAD.encode(octets)),
    ];
    for spell in spellings {
        let keys = [respelled(&R1, &["n", "e"], spell), respelled(&E1, &["x", "y"], spell)];
        let bench = publishing(&keys).await;
        for signer in [&R1, &E1] {
            assert_eq!(bench.verdict(&bench.token(signer)).await, ALLOW, "{keys:?}");
        }
        assert_eq!(bench.verdict(&bench.token_with(&R2, &R1.header())).await, BAD_SIGNATURE);
    }
}

#[tokio::test(start_paused = true)]
async fn d4_a_coordinate_without_its_leading_zero_is_the_same_coordinate() {
    let signer = short_x();
    let stripped = respelled(&signer, &["x"], |octets| URL_SAFE_NO_PAD.encode(&octets[1..]));
    assert_eq!(stripped["x"].as_str().unwrap().len(), 42);
    let bench = publishing(&[stripped]).await;
    assert_eq!(bench.verdict(&bench.token(&signer)).await, ALLOW);
    assert_eq!(bench.verdict(&bench.token_with(&E1, &signer.header())).await, BAD_SIGNATURE);
}

#[tokio::test(start_paused = true)]
async fn d10_the_algorithm_name_of_rfc_9864_is_taken_in_key_token_and_setting() {
    for of_key in ["Ed25519", "EdDSA", "gone"] {
        let bench = publishing(&[ED.jwk_with(&json!({ "alg": of_key }))]).await;
        for of_token in ["Ed25519", "EdDSA"] {
            let token = bench.token_with(&ED, &json!({ "alg": of_token, "kid": "ed" }));
            assert_eq!(bench.verdict(&token).await, ALLOW, "{of_key} {of_token}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn d11_es512_verifies_and_only_with_its_own_curve() {
    let bench = publishing(&[E5.jwk(), E3.jwk()]).await;
    assert_eq!(bench.verdict(&bench.token(&E5)).await, ALLOW);
    for (signer, header) in [
        (&E3, json!({ "alg": "ES512", "kid": "e3" })),
        (&E5, json!({ "alg": "ES384", "kid": "e5" })),
        (&E3, json!({ "alg": "ES512", "kid": "e5" })),
    ] {
        assert_eq!(bench.verdict(&bench.token_with(signer, &header)).await, BAD_SIGNATURE, "{header}");
    }
    let good = bench.token(&E5);
    let (message, _) = good.rsplit_once('.').unwrap();
    let zeros = format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 132]));
    assert_eq!(bench.verdict(&zeros).await, BAD_SIGNATURE);
}

#[tokio::test(start_paused = true)]
async fn d12_the_keys_of_a_spiffe_bundle_for_tokens_are_used_and_those_for_certificates_are_not() {
    let bench = publishing(&[
        R1.jwk_with(&json!({ "use": "jwt-svid" })),
        R2.jwk_with(&json!({ "use": "x509-svid", "kid": "gone" })),
    ])
    .await;
    assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW);
    assert_eq!(bench.metric("jwks_keys"), 1.0);
}

/// `x5t` of a certificate that does not exist.
fn thumbprint(index: u8) -> String {
    URL_SAFE_NO_PAD.encode([index; 20])
}

#[tokio::test(start_paused = true)]
async fn d17_a_thumbprint_finds_the_key_of_a_token_without_a_kid_among_many() {
    let others = (0..40).map(|index| R2.jwk_with(&json!({ "kid": "gone", "x5t": thumbprint(index) })));
    let mut keys: Vec<Value> = others.collect();
    keys.push(R1.jwk_with(&json!({ "kid": "gone", "x5t": thumbprint(99) })));
    let bench = publishing(&keys).await;
    let sign = |x5t: String| bench.token_with(&R1, &json!({ "alg": "RS256", "x5t": x5t }));
    assert_eq!(bench.verdict(&sign(thumbprint(99))).await, ALLOW);
    assert_eq!(bench.verdict(&sign(thumbprint(3))).await, BAD_SIGNATURE, "the key of another");
    assert_eq!(bench.idp.requests(KEYS), 1);
    // One that was rotated in, as with a kid.
    assert_eq!(bench.verdict(&sign(thumbprint(100))).await, UNKNOWN);
    assert_eq!(bench.idp.requests(KEYS), 2);
    bench.idp.publish(&[R2.jwk_with(&json!({ "kid": "gone", "x5t": thumbprint(101) }))]);
    let rotated = bench.token_with(&R2, &json!({ "alg": "RS256", "x5t": thumbprint(101) }));
    assert_eq!(bench.verdict(&rotated).await, ALLOW);
}

#[tokio::test(start_paused = true)]
async fn d17_a_thumbprint_that_no_key_knows_of_leaves_all_that_fit() {
    let bench =
        publishing(&[R2.jwk_with(&json!({ "kid": "gone" })), R1.jwk_with(&json!({ "kid": "gone" }))]).await;
    for x5t in [json!(thumbprint(1)), json!("odd"), json!(5)] {
        let token = bench.token_with(&R1, &json!({ "alg": "RS256", "x5t": x5t }));
        assert_eq!(bench.verdict(&token).await, ALLOW, "{x5t}");
    }
}

#[tokio::test(start_paused = true)]
async fn f8_jose_is_a_form_and_not_another_kind_of_token() {
    let bench = Bench::ready().await;
    for typ in ["JOSE", "jose", "application/jose", "JWT", "application/jwt", "at+jwt", "application/at+jwt"]
    {
        let token = bench.token_with(&R1, &json!({ "alg": "RS256", "kid": "r1", "typ": typ }));
        assert_eq!(bench.verdict(&token).await, ALLOW, "{typ}");
    }
}

#[tokio::test(start_paused = true)]
async fn review_8_tokens_of_other_kinds_are_refused_before_a_key_is_looked_up_and_are_no_guess() {
    let bench = Bench::ready().await;
    let others = [
        json!({ "nonce": "n", "at_hash": "h", "auth_time": 5, "azp": "prometheus" }),
        json!({ "c_hash": "h" }),
        json!({ "typ": "ID" }),
        json!({ "typ": "Refresh" }),
        json!({ "typ": "OFFLINE" }),
        json!({ "token_use": "id" }),
        json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} }, "sid": "s" }),
    ];
    let refused = Verdict::Deny(Reason::TypeNotAllowed);
    for members in others {
        let claims = bench.claims(&members).to_string();
        for header in [
            json!({ "alg": "RS256", "kid": "r1" }),
            json!({ "alg": "RS256", "kid": "r1", "typ": "JWT" }),
            json!({ "alg": "RS256", "kid": "new", "typ": "JWT" }),
        ] {
            assert_eq!(
                bench.verdict(&R1.sign(&header.to_string(), &claims)).await,
                refused,
                "{members} {header}"
            );
        }
    }
    assert!(!Reason::TypeNotAllowed.is_guess() && !Reason::UnknownKey.is_guess(), "review 14");
    assert_eq!(bench.idp.requests(KEYS), 1);
    // Entra ID has a nonce in the header of tokens for its own services.
    let header = json!({ "alg": "RS256", "kid": "r1", "typ": "JWT", "nonce": "n" });
    assert_eq!(bench.verdict(&bench.token_with(&R1, &header)).await, ALLOW);
}
