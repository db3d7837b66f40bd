//! Where access tokens meet what the other groups are about: static tokens, Basic, the lockout. What is checked of a
//! token itself, and the life of its keys, have tests of their own.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PublicKeyData as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::authorization::{ALL, TOKEN, good};
use crate::client::Request;
use crate::program::Program;
use crate::refusal::{Answer, assert_answer};

/// One ES256 key and the server that publishes it, for as long as the test runs.
pub(crate) struct Issuer {
    key: EncodingKey,
    keys: String,
    keys_uri: String,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let pair = KeyPair::generate().unwrap();
        // An uncompressed point: 4, x, y.
        let point = pair.der_bytes();
        let coordinate = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (x, y) = (coordinate(&point[1..33]), coordinate(&point[33..65]));
        let keys =
            json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "e1", "x": x, "y": y }] }).to_string();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let keys_uri = format!("http://{}/keys", listener.local_addr().unwrap());
        let served = keys.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{served}",
                    served.len()
                );
                let _ = stream.read(&mut [0; 2048]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { key: EncodingKey::from_ec_der(pair.serialized_der()), keys, keys_uri }
    }

    /// A token that is good but for what `claims` say otherwise.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let mut all = json!({ "iss": "https://idp.example", "aud": "exporter", "exp": 4_000_000_000_u32 });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let header = Header { kid: Some("e1".into()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &all, &self.key).unwrap()
    }

    pub(crate) fn settings(&self) -> Vec<(&str, &str)> {
        vec![
            ("METRICS_OAUTH2_ISSUER", "https://idp.example"),
            ("METRICS_OAUTH2_JWKS_URI", &self.keys_uri),
            ("METRICS_OAUTH2_AUDIENCE", "exporter"),
        ]
    }
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

#[tokio::test]
async fn rows_022_and_053_a_token_has_one_door_and_a_static_one_comes_first() {
    let issuer = Issuer::start().await;
    let token = issuer.token(&json!({}));
    let settings = [ALL.to_vec(), issuer.settings()].concat();
    let program = Program::demo(&settings).await;
    assert_answer(&program.get("/metrics", &[bearer(&token)]).await, Answer::Served, "a good token");
    assert_answer(&program.get("/metrics", &[good()]).await, Answer::Served, "a static one beside it");
    for pair in [format!("x-token:{token}"), format!("{token}:"), format!("alice:{token}")] {
        let line = format!("Authorization: Basic {}", STANDARD.encode(pair));
        assert_answer(&program.get("/metrics", &[line]).await, Answer::Challenged, 22);
    }
    let query = program.get::<&str>(&format!("/metrics?access_token={token}"), &[]).await;
    assert_answer(&query, Answer::Challenged, 48);
    assert!(!program.output().contains(&token), "{}", program.output());

    // Expired, and yet let in: it is compared before anybody reads it.
    let expired = issuer.token(&json!({ "exp": 1_600_000_000 }));
    let mut settings = issuer.settings();
    settings.push(("METRICS_BEARER_TOKEN", &expired));
    let program = Program::demo(&settings).await;
    assert_eq!(program.get("/metrics", &[bearer(&expired)]).await.status, 200, "row 53");
}

#[tokio::test]
async fn row_285_a_thousand_tokens_that_have_expired_lock_nobody() {
    let issuer = Issuer::start().await;
    let mut settings = issuer.settings();
    settings.extend([("RATE_LIMIT_MAX", "0"), ("METRICS_BEARER_TOKEN", TOKEN)]);
    let program = Program::demo(&settings).await;
    let mut connection = program.connect().await;
    let stale = |claims: Value| Request::get("/metrics").line(bearer(&issuer.token(&claims))).bytes();
    let requests = [
        (stale(json!({ "exp": 1_600_000_000 })), 1000),
        (stale(json!({ "nbf": 3_900_000_000_u32 })), 20),
        (stale(json!({ "aud": "another" })), 20),
    ];
    for (request, times) in requests {
        for time in 0..times {
            connection.send(&request).await.unwrap();
            assert_eq!(connection.receive(false).await.unwrap().status, 401, "row 285: {time}");
        }
    }
    assert_eq!(program.get("/metrics", &[good()]).await.status, 200, "row 285");
}

#[tokio::test]
async fn row_286_five_tokens_that_are_badly_signed_lock_their_address() {
    let issuer = Issuer::start().await;
    let another = Issuer::start().await;
    let forged = |time: u32| another.token(&json!({ "jti": time.to_string() }));
    let unsigned = |time| format!("{}.", forged(time).rsplit_once('.').unwrap().0);
    let refused = |time| {
        let (header, claims) = (r#"{"alg":"none"}"#, format!(r#"{{"jti":"{time}"}}"#));
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    };
    let unknown = |time| forged(time).replacen(&header_of("e1"), &header_of("e2"), 1);
    let opaque = |time: u32| format!("opaque-token-{time}");
    type Case<'a> = (&'a str, &'a dyn Fn(u32) -> String, u16);
    let cases: [Case<'_>; 5] = [
        ("badly signed", &forged, 429),
        ("an algorithm that is refused", &refused, 429),
        ("row E10: a key that is not published yet", &unknown, 200),
        ("no JWT at all", &opaque, 200),
        ("without a signature", &unsigned, 200),
    ];
    for (what, token, status) in cases {
        let program = Program::demo(&issuer.settings()).await;
        for time in 0..5 {
            let response = program.get("/metrics", &[bearer(&token(time))]).await;
            assert_eq!(response.status, 401, "row 286: {what}, {time}");
        }
        let good = bearer(&issuer.token(&json!({})));
        assert_eq!(program.get("/metrics", &[good]).await.status, status, "row 286: {what}");
    }
    // Where static tokens are a way in, what is no JWT is a guess at one of them.
    let mut settings = issuer.settings();
    settings.push(("METRICS_BEARER_TOKEN", TOKEN));
    let program = Program::demo(&settings).await;
    for time in 0..5 {
        assert_eq!(program.get("/metrics", &[bearer(&opaque(time))]).await.status, 401, "{time}");
    }
    assert_eq!(program.get("/metrics", &[good()]).await.status, 429);
}

fn header_of(kid: &str) -> String {
    let header = Header { kid: Some(kid.into()), ..Header::new(Algorithm::ES256) };
    URL_SAFE_NO_PAD.encode(serde_json::to_string(&header).unwrap())
}

/// The settings of an issuer whose tokens are good for anybody, in a file.
fn entry(name: &str, iss: &str, issuer: &Issuer, rest: &str) -> String {
    let uri = &issuer.keys_uri;
    format!("  - {{name: {name}, issuer: '{iss}', jwks_uri: '{uri}', audience: exporter{rest}}}\n")
}

#[tokio::test]
async fn e8_two_issuers_of_a_file_are_kept_apart_and_f5_a_claim_is_required_of_one() {
    let (one, two) = (Issuer::start().await, Issuer::start().await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("issuers.yaml");
    let claims = r#", required_claims: ['"kubernetes.io".namespace=monitoring']"#;
    let text = [
        "issuers:\n".into(),
        entry("one", "https://one.example", &one, ""),
        entry("two", "https://two.example", &two, claims),
    ];
    std::fs::write(&path, text.concat()).unwrap();
    let settings = [
        ("METRICS_OAUTH2_CONFIG_FILE", path.to_str().unwrap()),
        ("METRICS_BEARER_TOKEN", TOKEN),
        ("METRICS_BRUTE_FORCE_PROTECTION", "false"),
    ];
    let program = Program::demo(&settings).await;
    let of = |iss: &str, namespace: &str| json!({ "iss": iss, "kubernetes.io": { "namespace": namespace } });
    let cases = [
        (one.token(&of("https://one.example", "x")), 200, "authorized"),
        (two.token(&of("https://two.example", "monitoring")), 200, "authorized"),
        (two.token(&of("https://two.example", "x")), 403, "claim_mismatch"),
        (two.token(&of("https://one.example", "monitoring")), 401, "bad_signature"),
        (one.token(&of("https://two.example", "monitoring")), 401, "bad_signature"),
        (one.token(&of("https://three.example", "monitoring")), 401, "issuer_mismatch"),
        (one.token(&json!({ "iss": "https://one.example", "nonce": "n" })), 401, "type_not_allowed"),
    ];
    for (token, status, reason) in cases {
        let response = program.get("/metrics", &[bearer(&token)]).await;
        assert_eq!(response.status, status, "{reason}");
        let line = format!("reason=\"{reason}\"");
        let served = program.get("/metrics", &[good()]).await;
        let text = String::from_utf8_lossy(&served.body).into_owned();
        let counted = text.lines().any(|shown| {
            shown.contains("auth_requests_total{endpoint=\"metrics\",method=\"jwt\"")
                && shown.contains(&line)
                && !shown.ends_with(" 0")
        });
        assert!(counted, "{reason}: {text}");
        assert!(text.contains("librechat_exporter_jwks_keys{issuer=\"two\"} 1"), "{text}");
    }
    assert!(program.output().contains("not \\\"monitoring\\\""), "{}", program.output());
}

#[tokio::test]
async fn row_208_e3_a_key_file_is_read_again_when_it_changes() {
    let issuer = Issuer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    std::fs::write(&path, &Issuer::start().await.keys).unwrap();
    let settings = [
        ("METRICS_OAUTH2_ISSUER", "my-sts"),
        ("METRICS_OAUTH2_JWKS_FILE", path.to_str().unwrap()),
        ("METRICS_OAUTH2_AUDIENCE", "exporter"),
    ];
    let program = Program::demo(&settings).await;
    let token = bearer(&issuer.token(&json!({ "iss": "my-sts" })));
    assert_eq!(program.get("/metrics", &[&token]).await.status, 401);
    std::fs::write(&path, &issuer.keys).unwrap();
    program.signal("HUP");
    program.until_logged("applied the change").await;
    assert_eq!(program.get("/metrics", &[&token]).await.status, 200);
}
