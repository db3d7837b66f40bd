//! Where keys come from (rows E of the field reports): files, guarded and proxied issuers, other metadata, private
//! certificates.

use std::sync::Arc;

use librechat_exporter::auth::Verdict;
use librechat_exporter::auth::jwks::proxy::Proxies;
use librechat_exporter::auth::reason::Reason;
use librechat_exporter::secret::{Live, Secret};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio_rustls::TlsAcceptor;

use super::bench::{ALLOW, BAD_SIGNATURE, Bench, LIFETIME, SECOND, Setup, UNAVAILABLE, UNKNOWN};
use super::idp::{Answer, DISCOVERY, Idp, KEYS};
use super::signer::{E1, E3, E5, ED, R1, R2, Signer};

fn set(keys: &[&Signer]) -> String {
    let keys: Vec<_> = keys.iter().map(|signer| signer.jwk()).collect();
    json!({ "keys": keys }).to_string()
}

/// Keys from a file, and an issuer that must never be asked.
async fn from_file(text: String) -> Bench {
    let idp = Idp::start().await;
    idp.publish(&[R1.jwk(), R2.jwk()]);
    Bench::with(idp, |setup| {
        setup.file = Some(text);
        setup.settings.algorithms = "RS256,ES256,ES384,ES512,EdDSA".parse().unwrap();
    })
}

#[tokio::test(start_paused = true)]
async fn e3_keys_from_a_file_verify_at_once_and_never_grow_old() {
    let bench = from_file(set(&[&R1, &E1])).await;
    assert!(bench.is_judged_at_once(&bench.token(&R1)));
    assert_eq!(bench.verdict(&bench.token(&E1)).await, ALLOW);
    bench.pass(100 * LIFETIME).await;
    assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW);
    assert!(bench.is_judged_at_once(&bench.token(&R2)), "nobody is asked for a key that is not in the file");
    assert_eq!(bench.verdict(&bench.token(&R2)).await, UNKNOWN);
    assert_eq!((bench.idp.requests(DISCOVERY), bench.idp.requests(KEYS)), (0, 0));
    assert_eq!(bench.metric("jwks_keys"), 2.0);
    assert_eq!(bench.metric("jwks_stale"), 0.0);
    assert_eq!(bench.metric("jwks_last_success_timestamp_seconds"), 0.0);
}

#[tokio::test(start_paused = true)]
async fn row_208_e3_a_changed_file_replaces_the_keys_and_a_broken_one_leaves_them() {
    let bench = from_file(set(&[&R1])).await;
    let keys = bench.jwt.keys().next().unwrap();
    let token = bench.token(&R1);
    assert_eq!(bench.verdict(&token).await, ALLOW);
    for broken in
        ["", "{\"keys\":[", "{\"keys\":[]}", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----"]
    {
        assert!(keys.replace(broken.as_bytes()).is_err(), "{broken}");
        assert_eq!(bench.verdict(&token).await, ALLOW);
    }
    keys.replace(set(&[&R2]).as_bytes()).unwrap();
    assert_eq!(
        bench.verdict(&token).await,
        UNKNOWN,
        "and what was verified with the old keys is not remembered"
    );
    assert_eq!(bench.verdict(&bench.token(&R2)).await, ALLOW);
}

#[tokio::test(start_paused = true)]
async fn e3_public_keys_and_certificates_in_pem_verify_whatever_kid_a_token_has() {
    let pair = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["sts.example".into()]).unwrap().self_signed(&pair).unwrap();
    let pem = [
        "Bag Attributes\n    friendlyName: sts\n".into(),
        R1.pem("PUBLIC KEY"),
        R2.pem("RSA PUBLIC KEY").replace('\n', "\r\n"),
        E1.pem("PUBLIC KEY"),
        E3.pem("PUBLIC KEY"),
        E5.pem("PUBLIC KEY"),
        ED.pem("PUBLIC KEY"),
        certificate.pem(),
    ]
    .concat();
    let bench = from_file(format!("\u{feff}{pem}")).await;
    assert_eq!(bench.metric("jwks_keys"), 7.0);
    for signer in [&R1, &R2, &E1, &E3, &E5, &ED] {
        assert_eq!(bench.verdict(&bench.token(signer)).await, ALLOW, "{}", signer.header());
    }
    let bench = from_file(R1.pem("PUBLIC KEY")).await;
    assert_eq!(bench.verdict(&bench.token_with(&R2, &R1.header())).await, BAD_SIGNATURE);
    let bench = from_file(R1.jwk().to_string()).await;
    assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW, "one key without a list");
}

fn token(text: &str) -> Arc<Live<Secret>> {
    Arc::new(Live::new(Secret::new(text)))
}

#[tokio::test(start_paused = true)]
async fn e2_an_issuer_that_asks_for_a_token_is_shown_it_and_a_new_one_when_it_changes() {
    let idp = Idp::start().await;
    idp.answer(DISCOVERY, Answer::Behind("first", Box::new(idp.discovery(KEYS))));
    idp.answer(KEYS, Answer::Behind("first", Box::new(Answer::keys(&[R1.jwk()]))));
    let secret = token("first");
    let slot = Arc::clone(&secret);
    let bench = Bench::with(idp, |setup| setup.token = Some(secret));
    assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW);
    bench.idp.answer(KEYS, Answer::Behind("second", Box::new(Answer::keys(&[R1.jwk(), R2.jwk()]))));
    slot.replace(Secret::new("second"));
    assert_eq!(bench.verdict(&bench.token(&R2)).await, ALLOW);
}

#[tokio::test(start_paused = true)]
async fn e2_the_token_goes_to_the_configured_host_and_nowhere_else() {
    let elsewhere = Idp::start().await;
    elsewhere.answer(KEYS, Answer::Behind("CANARY", Box::new(Answer::keys(&[R1.jwk()]))));
    let idp = Idp::start().await;
    idp.answer(DISCOVERY, Answer::json(&json!({ "issuer": idp.issuer(), "jwks_uri": elsewhere.url(KEYS) })));
    let bench = Bench::with(idp, |setup| setup.token = Some(token("CANARY")));
    bench.ended(0, 1).await;
    assert!(bench.idp.heads().contains("authorization: bearer canary"));
    assert!(elsewhere.requests(KEYS) == 1 && !elsewhere.heads().contains("authorization"));
    assert_eq!(bench.verdict(&bench.token(&R1)).await, UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn e9_metadata_of_rfc_8414_is_read_where_there_is_none_of_openid() {
    for (path, place) in [
        ("/", "/.well-known/oauth-authorization-server"),
        ("/realms/x", "/.well-known/oauth-authorization-server/realms/x"),
    ] {
        let idp = Idp::start().await;
        let issuer = idp.url(path);
        idp.answer(DISCOVERY, Answer::status("404 Not Found", ""));
        idp.answer(place, Answer::json(&json!({ "issuer": issuer, "jwks_uri": idp.url(KEYS) })));
        idp.publish(&[R1.jwk()]);
        let setup = Setup::of(&issuer);
        let bench = Bench::of(idp, vec![setup]);
        let token = R1.token(&bench.claims(&json!({ "iss": issuer })));
        assert_eq!(bench.verdict(&token).await, ALLOW, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn e9_only_a_404_leads_to_the_other_metadata_and_its_issuer_must_be_the_same() {
    let other = "/.well-known/oauth-authorization-server";
    let idp = Idp::start().await;
    idp.answer(DISCOVERY, Answer::status("500 Internal Server Error", ""));
    idp.answer(other, idp.discovery(KEYS));
    let bench = Bench::with(idp, |_| {});
    bench.ended(0, 1).await;
    assert_eq!(bench.idp.requests(other), 0);
    bench.idp.answer(DISCOVERY, Answer::status("404 Not Found", ""));
    let keys = bench.idp.url(KEYS);
    bench.idp.answer(other, Answer::json(&json!({ "issuer": "https://evil.example", "jwks_uri": keys })));
    bench.pass(SECOND).await;
    bench.ended(0, 2).await;
    assert_eq!((bench.idp.requests(other), bench.idp.requests(KEYS)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn e1_a_proxy_is_asked_for_a_provider_elsewhere_and_never_for_this_machine() {
    let proxy = Idp::start().await;
    let url = format!("http://user:CANARY@{}", proxy.address).parse().unwrap();
    let proxies = || Proxies::new(Some(&url), Some(&url), None).unwrap();
    let idp = Idp::start().await;
    idp.publish(&[R1.jwk()]);
    let bench = Bench::with(idp, |setup| setup.proxies = proxies());
    assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW);
    assert_eq!(proxy.heads(), "", "this machine is asked directly");

    // The proxy refuses: a name that only it could resolve is never looked up here.
    let idp = Idp::start().await;
    let bench = Bench::with(idp, |setup| {
        setup.proxies = proxies();
        setup.jwks_uri = Some("https://idp.internal.example/keys".parse().unwrap());
    });
    bench.ended(0, 1).await;
    assert_eq!(proxy.requests("idp.internal.example:443"), 1);
    assert!(proxy.heads().starts_with("connect ") && proxy.heads().contains("proxy-authorization: basic "));

    let plain = "http://idp.internal.example/keys";
    proxy.answer(plain, Answer::keys(&[R1.jwk()]));
    let idp = Idp::start().await;
    let bench = Bench::with(idp, |setup| {
        setup.proxies = proxies();
        setup.jwks_uri = Some(plain.parse().unwrap());
    });
    assert_eq!(bench.verdict(&bench.token(&R1)).await, ALLOW);
}

#[tokio::test(start_paused = true)]
async fn e1_what_no_proxy_names_is_asked_directly() {
    let through = async |except: &'static str, host: &str| {
        let proxy = Idp::start().await;
        let url = format!("http://{}", proxy.address).parse().unwrap();
        let uri = format!("http://{host}/keys");
        proxy.answer(&uri, Answer::keys(&[R1.jwk()]));
        let bench = Bench::with(Idp::start().await, |setup| {
            setup.proxies = Proxies::new(Some(&url), Some(&url), Some(except)).unwrap();
            setup.jwks_uri = Some(uri.parse().unwrap());
        });
        // Elsewhere nobody answers: names below `.invalid` are nobody's, and addresses are of this machine.
        bench.verdict(&bench.token(&R1)).await == ALLOW
    };
    for (except, host, proxied) in [
        ("", "idp.internal.invalid", true),
        ("idp.internal.invalid", "idp.internal.invalid", false),
        ("internal.invalid", "idp.internal.invalid", false),
        (".internal.invalid", "idp.internal.invalid", false),
        ("other.invalid, internal.invalid", "idp.internal.invalid", false),
        ("dp.internal.invalid", "idp.internal.invalid", true),
        ("*", "idp.internal.invalid", false),
    ] {
        assert_eq!(through(except, host).await, proxied, "{except} {host}");
    }
}

/// A server whose certificate is its own authority, as `openssl req -x509` makes it.
fn own_authority(name: &str, change: impl FnOnce(&mut CertificateParams)) -> (TlsAcceptor, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    let certificate = params.self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    (TlsAcceptor::from(Arc::new(server)), certificate.pem())
}

#[tokio::test(start_paused = true)]
async fn g1_a_self_signed_authority_given_as_it_is_may_be_the_provider_itself() {
    let (good, pem) = own_authority("127.0.0.1", |_| {});
    let (_, another) = own_authority("127.0.0.1", |_| {});
    let (elsewhere, of_elsewhere) = own_authority("idp.example", |_| {});
    let (expired, of_expired) =
        own_authority("127.0.0.1", |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let cases = [
        ("given", &good, pem.clone(), ALLOW),
        ("among others", &good, format!("{another}{pem}"), ALLOW),
        ("another of the same name", &good, another, UNAVAILABLE),
        ("for another host", &elsewhere, of_elsewhere, UNAVAILABLE),
        ("expired", &expired, of_expired, UNAVAILABLE),
    ];
    for (case, acceptor, authorities, verdict) in cases {
        let idp = Idp::serve(Some(acceptor.clone())).await;
        idp.publish(&[R1.jwk()]);
        let bench = Bench::with(idp, |setup| setup.authorities = Some(authorities));
        assert_eq!(bench.verdict(&bench.token(&R1)).await, verdict, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn e7_an_issuer_that_is_only_a_name_is_checked_all_the_same() {
    let idp = Idp::start().await;
    idp.publish(&[R1.jwk()]);
    let uri = idp.url(KEYS).parse().unwrap();
    let bench = Bench::with(idp, |setup| {
        setup.settings.issuer = Some("my-auth-service".parse().unwrap());
        setup.jwks_uri = Some(uri);
    });
    let of = |iss: &str| R1.token(&bench.claims(&json!({ "iss": iss })));
    assert_eq!(bench.verdict(&of("my-auth-service")).await, ALLOW);
    assert_eq!(bench.verdict(&of("my-auth-service/")).await, Verdict::Deny(Reason::IssuerMismatch));
}
