//! Tokens in the shape of the providers that people ask for, under the settings of `docs/providers.md`, and the mistake
//! that is usually made with each. The shapes are from the providers' documentation: no live service was asked.

use librechat_exporter::auth::Verdict;
use librechat_exporter::auth::jwt::settings::Settings;
use librechat_exporter::auth::reason::Reason;
use serde_json::{Value, json};

use super::bench::{ALLOW, Bench, EPOCH, Setup};
use super::idp::{Idp, KEYS};
use super::signer::{E1, R1, Signer};

struct Provider {
    name: &'static str,
    /// Exactly as it is in tokens.
    issuer: &'static str,
    settings: fn(&mut Settings),
    signer: &'static Signer,
    header: Value,
    claims: Value,
    /// Members put in place of the good ones, and what is said of them.
    mistakes: Vec<(Value, Reason)>,
}

/// `exp` and `iat` beside these, which all of them have.
fn claims(members: &Value) -> Value {
    let mut claims = json!({ "iat": EPOCH, "exp": EPOCH + 3600 });
    claims.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    claims
}

async fn check(provider: Provider) {
    let Provider { name, issuer, settings, signer, header, claims: good, mistakes } = provider;
    let idp = Idp::start().await;
    idp.publish(&[R1.jwk(), E1.jwk()]);
    let mut setup = Setup::of(issuer);
    setup.settings.required_scopes = librechat_exporter::auth::jwt::settings::Scopes::default();
    settings(&mut setup.settings);
    setup.jwks_uri = Some(idp.url(KEYS).parse().unwrap());
    let bench = Bench::of(idp, vec![setup]);
    let sign = |members: &Value| {
        let mut claims = claims(&good);
        claims["iss"] = issuer.into();
        let object = claims.as_object_mut().unwrap();
        object.extend(members.as_object().unwrap().clone());
        object.retain(|_, value| value != "gone");
        signer.sign(&header.to_string(), &claims.to_string())
    };
    assert_eq!(bench.verdict(&sign(&json!({}))).await, ALLOW, "{name}");
    for (members, reason) in mistakes {
        assert_eq!(bench.verdict(&sign(&members)).await, Verdict::Deny(reason), "{name}: {members}");
    }
}

/// A header as most have it.
fn header(signer: &Signer) -> Value {
    let mut header = signer.header();
    header["typ"] = "JWT".into();
    header
}

#[tokio::test(start_paused = true)]
async fn keycloak() {
    check(Provider {
        name: "Keycloak",
        issuer: "https://keycloak.example.com/realms/main",
        settings: |settings| {
            settings.audiences = "librechat-exporter".parse().unwrap();
            settings.scope_claims = r#"resource_access."librechat-exporter".roles"#.parse().unwrap();
            settings.required_scopes = "metrics-reader".parse().unwrap();
        },
        signer: &R1,
        header: header(&R1),
        claims: json!({
            "jti": "trrtcc:1", "aud": ["librechat-exporter", "account"], "sub": "0b5f", "typ": "Bearer",
            "azp": "prometheus", "acr": "1", "realm_access": { "roles": ["offline_access"] },
            "resource_access": { "librechat-exporter": { "roles": ["metrics-reader"] } },
            "scope": "profile email", "clientHost": "192.0.2.1", "client_id": "prometheus",
        }),
        mistakes: vec![
            (json!({ "aud": "account" }), Reason::AudienceMismatch),
            (json!({ "resource_access": {} }), Reason::InsufficientScope),
            (json!({ "typ": "ID" }), Reason::TypeNotAllowed),
            (json!({ "typ": "Refresh" }), Reason::TypeNotAllowed),
        ],
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn entra_id_v2_and_v1() {
    let tenant = "5fc1a5a2-0000-4000-8000-000000000000";
    let of = |name, issuer, settings: fn(&mut Settings), claims| Provider {
        name,
        issuer,
        settings,
        signer: &R1,
        header: json!({ "typ": "JWT", "alg": "RS256", "x5t": "AAECAwQFBgcICQoLDA0ODxAREhM", "kid": "r1", "nonce": "n" }),
        claims,
        mistakes: vec![
            (json!({ "roles": "gone" }), Reason::InsufficientScope),
            (json!({ "aud": "00000003-0000-0000-c000-000000000000" }), Reason::AudienceMismatch),
            (json!({ "iss": "https://sts.windows.net/other/" }), Reason::IssuerMismatch),
        ],
    };
    check(of(
        "Entra ID, version 2",
        "https://login.microsoftonline.com/5fc1a5a2-0000-4000-8000-000000000000/v2.0",
        |settings| {
            settings.audiences = "9c2e5a2f-0000-4000-8000-000000000000".parse().unwrap();
            settings.scope_claims = "roles".parse().unwrap();
            settings.required_scopes = "Metrics.Read".parse().unwrap();
        },
        json!({
            "aud": "9c2e5a2f-0000-4000-8000-000000000000", "aio": "E2Y", "azp": "prometheus-app", "azpacr": "1",
            "oid": "1", "rh": "0.A", "roles": ["Metrics.Read"], "sub": "1", "tid": tenant, "uti": "u", "ver": "2.0",
        }),
    ))
    .await;
    check(of(
        "Entra ID, version 1",
        "https://sts.windows.net/5fc1a5a2-0000-4000-8000-000000000000/",
        |settings| {
            settings.audiences = "api://librechat-exporter".parse().unwrap();
            settings.scope_claims = "roles".parse().unwrap();
            settings.required_scopes = "Metrics.Read".parse().unwrap();
        },
        json!({
            "aud": "api://librechat-exporter", "appid": "prometheus-app", "appidacr": "1",
            "idp": "https://sts.windows.net/5fc1a5a2-0000-4000-8000-000000000000/", "oid": "1",
            "roles": ["Metrics.Read"], "sub": "1", "tid": tenant, "ver": "1.0",
        }),
    ))
    .await;
}

#[tokio::test(start_paused = true)]
async fn okta() {
    check(Provider {
        name: "Okta",
        issuer: "https://example.okta.com/oauth2/default",
        settings: |settings| {
            settings.audiences = "https://librechat-exporter.example.com".parse().unwrap();
            settings.required_scopes = "metrics_read".parse().unwrap();
        },
        signer: &R1,
        header: R1.header(),
        claims: json!({
            "ver": 1, "jti": "AT.1", "aud": "https://librechat-exporter.example.com", "cid": "0oa1",
            "scp": ["metrics_read"], "sub": "0oa1",
        }),
        mistakes: vec![
            (json!({ "iss": "https://example.okta.com" }), Reason::IssuerMismatch),
            (json!({ "aud": "api://default" }), Reason::AudienceMismatch),
            (json!({ "scp": ["openid"] }), Reason::InsufficientScope),
        ],
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn auth0() {
    check(Provider {
        name: "Auth0",
        issuer: "https://example.eu.auth0.com/",
        settings: |settings| {
            settings.audiences = "https://librechat-exporter.example.com".parse().unwrap();
            settings.required_scopes = "read:metrics".parse().unwrap();
        },
        signer: &R1,
        header: header(&R1),
        claims: json!({
            "sub": "abc@clients", "aud": "https://librechat-exporter.example.com", "azp": "abc",
            "scope": "read:metrics", "gty": "client-credentials", "permissions": ["read:metrics"],
        }),
        mistakes: vec![
            (json!({ "iss": "https://example.eu.auth0.com" }), Reason::IssuerMismatch),
            (json!({ "scope": "gone" }), Reason::InsufficientScope),
        ],
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn f1_cognito() {
    check(Provider {
        name: "Amazon Cognito",
        issuer: "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE",
        settings: |settings| {
            settings.audience_claim = "client_id".parse().unwrap();
            settings.audiences = "5example0client".parse().unwrap();
            settings.required_scopes = "librechat-exporter/metrics.read".parse().unwrap();
        },
        signer: &R1,
        header: R1.header(),
        claims: json!({
            "sub": "5example0client", "token_use": "access", "scope": "librechat-exporter/metrics.read",
            "auth_time": EPOCH, "version": 2, "jti": "1", "client_id": "5example0client",
        }),
        mistakes: vec![
            (json!({ "client_id": "another" }), Reason::AudienceMismatch),
            (json!({ "client_id": "gone", "aud": "5example0client" }), Reason::AudienceMismatch),
            (
                json!({ "client_id": "gone", "aud": "5example0client", "token_use": "id" }),
                Reason::TypeNotAllowed,
            ),
        ],
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn google_service_accounts() {
    check(Provider {
        name: "Google",
        issuer: "https://accounts.google.com",
        settings: |settings| {
            settings.audiences = "https://librechat-exporter.example.com".parse().unwrap();
            settings.required_claims =
                "email=prometheus@project.iam.gserviceaccount.com email_verified=true".parse().unwrap();
        },
        signer: &R1,
        header: header(&R1),
        claims: json!({
            "aud": "https://librechat-exporter.example.com", "azp": "1044", "sub": "1044", "email_verified": true,
            "email": "prometheus@project.iam.gserviceaccount.com",
        }),
        mistakes: vec![
            (json!({ "email": "another@project.iam.gserviceaccount.com" }), Reason::ClaimMismatch),
            (json!({ "email": "gone" }), Reason::ClaimMismatch),
            (json!({ "at_hash": "h" }), Reason::TypeNotAllowed),
        ],
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn f2_zitadel() {
    check(Provider {
        name: "Zitadel",
        issuer: "https://example.zitadel.cloud",
        settings: |settings| {
            settings.audiences = "278912345678901234".parse().unwrap();
            settings.scope_claims = "urn:zitadel:iam:org:project:roles".parse().unwrap();
            settings.required_scopes = "metrics-reader".parse().unwrap();
        },
        signer: &R1,
        header: header(&R1),
        claims: json!({
            "aud": ["278900000000000000", "278912345678901234"], "client_id": "prometheus", "jti": "V2_1",
            "nbf": EPOCH, "sub": "278900000000000001",
            "urn:zitadel:iam:org:project:roles": { "metrics-reader": { "2789": "org.example" } },
        }),
        mistakes: vec![
            (json!({ "urn:zitadel:iam:org:project:roles": { "other": {} } }), Reason::InsufficientScope),
            (json!({ "aud": ["278900000000000000"] }), Reason::AudienceMismatch),
        ],
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn authentik() {
    check(Provider {
        name: "Authentik",
        issuer: "https://authentik.example.com/application/o/librechat-exporter/",
        settings: |settings| {
            settings.audiences = "client-id-of-the-provider".parse().unwrap();
            settings.scope_claims = "groups".parse().unwrap();
            settings.required_scopes = "metrics-readers".parse().unwrap();
        },
        signer: &R1,
        header: header(&R1),
        claims: json!({
            "sub": "hashed", "aud": "client-id-of-the-provider", "auth_time": EPOCH, "acr": "goauthentik.io/providers/oauth2/default",
            "azp": "client-id-of-the-provider", "uid": "u", "scope": "profile", "groups": ["metrics-readers"],
        }),
        mistakes: vec![
            (json!({ "iss": "https://authentik.example.com/application/o/librechat-exporter" }), Reason::IssuerMismatch),
            (json!({ "groups": [] }), Reason::InsufficientScope),
            (json!({ "nonce": "n" }), Reason::TypeNotAllowed),
        ],
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn f5_kubernetes_service_accounts() {
    check(Provider {
        name: "Kubernetes",
        issuer: "https://kubernetes.default.svc.cluster.local",
        settings: |settings| {
            settings.audiences = "librechat-exporter".parse().unwrap();
            settings.required_claims =
                r#"sub=system:serviceaccount:monitoring:prometheus "kubernetes.io".namespace=monitoring"#.parse().unwrap();
        },
        signer: &R1,
        header: R1.header(),
        claims: json!({
            "aud": ["librechat-exporter"], "jti": "1", "nbf": EPOCH,
            "kubernetes.io": { "namespace": "monitoring", "serviceaccount": { "name": "prometheus", "uid": "u" } },
            "sub": "system:serviceaccount:monitoring:prometheus",
        }),
        mistakes: vec![
            (json!({ "sub": "system:serviceaccount:default:default" }), Reason::ClaimMismatch),
            (
                json!({ "sub": "x", "scope": "system:serviceaccount:monitoring:prometheus" }),
                Reason::ClaimMismatch,
            ),
            (json!({ "aud": ["https://kubernetes.default.svc.cluster.local"] }), Reason::AudienceMismatch),
        ],
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn github_actions_and_gitlab_ci() {
    check(Provider {
        name: "GitHub Actions",
        issuer: "https://token.actions.githubusercontent.com",
        settings: |settings| {
            settings.audiences = "librechat-exporter".parse().unwrap();
            settings.required_claims = "repository=example/ops ref=refs/heads/main".parse().unwrap();
        },
        signer: &R1,
        header: header(&R1),
        claims: json!({
            "jti": "1", "sub": "repo:example/ops:ref:refs/heads/main", "aud": "librechat-exporter", "nbf": EPOCH,
            "ref": "refs/heads/main", "repository": "example/ops", "repository_owner": "example",
            "run_id": "1", "job_workflow_ref": "example/ops/.github/workflows/check.yml@refs/heads/main",
        }),
        mistakes: vec![
            (json!({ "repository": "fork/ops" }), Reason::ClaimMismatch),
            (json!({ "ref": "refs/pull/1/merge" }), Reason::ClaimMismatch),
            (json!({ "aud": "https://github.com/example" }), Reason::AudienceMismatch),
        ],
    })
    .await;
    check(Provider {
        name: "GitLab CI",
        issuer: "https://gitlab.com",
        settings: |settings| {
            settings.audiences = "librechat-exporter".parse().unwrap();
            settings.required_claims = "project_path=example/ops ref_protected=true".parse().unwrap();
        },
        signer: &R1,
        header: header(&R1),
        claims: json!({
            "namespace_path": "example", "project_path": "example/ops", "ref": "main", "ref_protected": "true",
            "sub": "project_path:example/ops:ref_type:branch:ref:main", "aud": "librechat-exporter", "nbf": EPOCH,
        }),
        mistakes: vec![
            (json!({ "ref_protected": "false" }), Reason::ClaimMismatch),
            (json!({ "project_path": "other/ops" }), Reason::ClaimMismatch),
        ],
    })
    .await;
}
