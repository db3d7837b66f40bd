//! Answers of the issuer, good and odd, over real sockets.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio_rustls::TlsAcceptor;

use super::bench::{ALLOW, Bench, SECOND, UNAVAILABLE, UNKNOWN};
use super::idp::{Answer, DISCOVERY, Idp, KEYS};
use super::signer::{E1, R1, R2};

/// The keys of the bench and `r2`, in a document of at least this size.
fn document(size: usize) -> Vec<u8> {
    let keys = [R1.jwk(), E1.jwk(), R2.jwk()];
    json!({ "keys": keys, "padding": " ".repeat(size) }).to_string().into_bytes()
}

/// What becomes of a token with a new key when the issuer answers like this.
async fn rotate(answer: Answer) -> (Bench, bool) {
    let bench = Bench::ready().await;
    bench.idp.answer(KEYS, answer);
    let verdict = bench.verdict(&bench.token(&R2)).await;
    let taken = verdict == ALLOW;
    assert!(taken || verdict == UNKNOWN, "{verdict:?}");
    bench.ended(if taken { 2 } else { 1 }, u32::from(!taken)).await;
    assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW, "the old set is kept");
    (bench, taken)
}

fn ok(headers: &str, body: impl Into<Vec<u8>>) -> Answer {
    Answer::Whole("200 OK", headers.into(), body.into())
}

#[tokio::test(start_paused = true)]
async fn row_181_what_is_no_key_set_leaves_the_old_one() {
    let whole = document(0);
    for body in [
        b"<html><body>Sign in</body></html>".to_vec(),
        whole[..whole.len() / 2].to_vec(),
        br#"{"keys":{}}"#.to_vec(),
        b"[]".to_vec(),
        b"".to_vec(),
        br#"{"keys":[]}"#.to_vec(),
        br#"{"keys":[{"kty":"oct","k":"AA","kid":"r2"}]}"#.to_vec(),
    ] {
        assert!(!rotate(ok("content-type: application/json\r\n", body.clone())).await.1, "{body:?}");
    }
    assert!(rotate(ok("", [b"\xef\xbb\xbf".to_vec(), whole].concat())).await.1, "d7");
    assert!(!rotate(Answer::status("204 No Content", "")).await.1);
    assert!(!rotate(Answer::Whole("206 Partial Content", String::new(), document(0))).await.1);
}

#[tokio::test(start_paused = true)]
async fn row_182_any_content_type_will_do() {
    for headers in ["content-type: text/plain\r\n", "content-type: text/html; charset=x\r\n", ""] {
        assert!(rotate(ok(headers, document(0))).await.1, "{headers}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_184_a_body_is_measured_after_decompression() {
    assert!(rotate(Answer::gzip(&document(0))).await.1);
    assert!(rotate(Answer::gzip(&document(1000 * 1000))).await.1);
    assert!(!rotate(Answer::gzip(&document(1024 * 1024))).await.1);
    assert!(!rotate(Answer::gzip(&document(64 * 1024 * 1024))).await.1);
    assert!(!rotate(ok("", document(1024 * 1024))).await.1);
}

#[tokio::test(start_paused = true)]
async fn rows_185_186_a_drip_and_a_silence_end_after_five_seconds_in_all() {
    for answer in [Answer::Drip, Answer::Hang] {
        let bench = Bench::ready().await;
        bench.idp.answer(KEYS, answer);
        let token = bench.token(&R2);
        let time = async {
            bench.idp.asked(KEYS, 2).await;
            for _ in 0..4 {
                bench.pass(SECOND).await;
                assert!(bench.is_judged_at_once(&bench.token(&R1)), "known keys do not wait");
            }
            assert_eq!(bench.metric(r#"jwks_refreshes_total{result="failed"}"#), 0.0);
            bench.pass(SECOND).await;
        };
        let (verdict, ()) = tokio::join!(bench.verdict(&token), time);
        assert_eq!(verdict, UNKNOWN);
        bench.ended(1, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn row_185_discovery_and_keys_share_the_five_seconds() {
    let idp = Idp::start().await;
    idp.answer(DISCOVERY, Answer::Drip);
    let bench = Bench::with(idp, |_| {});
    bench.idp.asked(DISCOVERY, 1).await;
    bench.pass(5 * SECOND).await;
    bench.ended(0, 1).await;
    assert_eq!(bench.verdict(&bench.token(&R1)).await, UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn row_188_redirects_are_not_followed() {
    let elsewhere = Idp::start().await;
    elsewhere.answer(KEYS, Answer::Whole("200 OK", String::new(), document(0)));
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let target = format!("location: {}\r\n", elsewhere.url(KEYS));
        assert!(!rotate(Answer::status(status, &target)).await.1, "{status}");
    }
    assert_eq!(elsewhere.requests(KEYS), 0);
}

#[tokio::test(start_paused = true)]
async fn row_192_the_keys_may_lie_elsewhere() {
    let elsewhere = Idp::start().await;
    elsewhere.publish(&[R1.jwk()]);
    let idp = Idp::start().await;
    idp.answer(DISCOVERY, Answer::json(&json!({ "issuer": idp.issuer(), "jwks_uri": elsewhere.url(KEYS) })));
    let bench = Bench::with(idp, |_| {});
    assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW);
    assert_eq!(elsewhere.requests(KEYS), 1);
}

#[tokio::test(start_paused = true)]
async fn rows_132_193_a_wrong_discovery_document_is_a_failed_fetch_and_is_asked_for_again() {
    let idp = Idp::start().await;
    let issuer = idp.issuer();
    let (keys, plain) = (idp.url(KEYS), "http://idp.example/keys");
    let wrong = [
        json!({ "issuer": issuer }),
        json!({ "issuer": issuer, "jwks_uri": 5 }),
        json!({ "issuer": issuer.trim_end_matches('/'), "jwks_uri": keys }),
        json!({ "issuer": issuer, "jwks_uri": plain }),
    ];
    idp.publish(&[R1.jwk()]);
    idp.answer(DISCOVERY, Answer::json(&json!({ "jwks_uri": keys })));
    let bench = Bench::with(idp, |_| {});
    for (failed, document) in (1..).zip(&wrong) {
        bench.ended(0, failed).await;
        assert_eq!(bench.verdict(&bench.token(&R1)).await, UNAVAILABLE);
        bench.idp.answer(DISCOVERY, Answer::json(document));
        bench.pass(60 * SECOND).await;
    }
    bench.ended(0, 5).await;
    bench.idp.answer(DISCOVERY, bench.idp.discovery(KEYS));
    bench.pass(60 * SECOND).await;
    bench.ended(1, 5).await;
    assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW);
    assert_eq!(bench.idp.requests(DISCOVERY), 6);
}

#[tokio::test(start_paused = true)]
async fn row_189_a_private_authority_is_trusted_when_it_is_given() {
    let authority_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::new(params, authority_key);
    let leaf = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    for (authorities, verdict) in [(Some(authority.pem()), ALLOW), (None, UNAVAILABLE)] {
        let idp = Idp::serve(Some(acceptor.clone())).await;
        idp.publish(&[R1.jwk()]);
        let bench = Bench::with(idp, |setup| setup.authorities = authorities);
        assert_eq!(bench.verdict(&bench.token(&R1)).await, verdict);
    }
}
