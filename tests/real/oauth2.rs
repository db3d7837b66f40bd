//! Access tokens of a certified OpenID provider, fetched and sent by a real Prometheus and a real vmagent.

use crate::exporter::Exporter;
use crate::exposition;
use crate::http::{self, Response};
use crate::issuer::{AUDIENCE, Issuer, Resource, SCOPE};
use crate::prometheus::Jobs;
use crate::servers::eventually;
use crate::vmagent::Vmagent;

const STATIC: &str = "a-static-token-of-the-test";

/// An exporter that takes tokens of the issuer, and a static one.
async fn guarded(issuer: &Issuer) -> Exporter {
    Exporter::demo(&[
        ("METRICS_OAUTH2_ISSUER", &issuer.url()),
        ("METRICS_OAUTH2_AUDIENCE", AUDIENCE),
        ("METRICS_OAUTH2_REQUIRED_SCOPES", SCOPE),
        ("METRICS_BEARER_TOKEN", STATIC),
        ("RATE_LIMIT_MAX", "0"),
    ])
    .await
}

async fn ask(exporter: &Exporter, token: &str) -> Response {
    let authorization = format!("Bearer {token}");
    http::get(exporter.port, "/metrics", &[("Authorization", &authorization)]).await.unwrap()
}

/// How often requests with a token were decided in this way.
async fn decisions(exporter: &Exporter, reason: &str) -> f64 {
    let samples = exposition::parse(&ask(exporter, STATIC).await.text());
    let decided = samples.iter().find(|(series, _)| {
        series.name == "librechat_exporter_auth_requests_total"
            && series.labels["method"] == "jwt"
            && series.labels["reason"] == reason
    });
    *decided.unwrap_or_else(|| panic!("no series of {reason}")).1
}

fn challenges(response: &Response) -> Vec<&str> {
    let lines = response.headers.iter().filter(|(name, _)| name == "www-authenticate");
    lines.map(|(_, value)| value.as_str()).collect()
}

#[tokio::test]
async fn prometheus_and_vmagent_scrape_with_tokens_of_either_algorithm() {
    let issuer = Issuer::start().await;
    let exporter = guarded(&issuer).await;
    let jobs = [
        ("librechat", issuer.job(Resource::Rs256, SCOPE), true),
        ("es256", issuer.job(Resource::Es256, SCOPE), true),
        ("other-audience", issuer.job(Resource::Other, SCOPE), false),
        ("other-scope", issuer.job(Resource::Rs256, "metrics:write"), false),
    ];
    // The shipped file is the first of them.
    let mut prometheus = issuer.shipped_job(Resource::Rs256, exporter.port);
    for (name, job, _) in &jobs[1..] {
        prometheus = prometheus.add(name, exporter.port, job);
    }
    let prometheus = prometheus.start().await;
    let configured: Vec<_> = jobs.iter().map(|(name, job, _)| (*name, exporter.port, job.as_str())).collect();
    let mut vmagent = Vmagent::start(&configured);
    for (name, _, is_good) in &jobs {
        prometheus.until(&format!("up{{job='{name}'}}"), if *is_good { 1.0 } else { 0.0 }).await;
        vmagent.until(name, if *is_good { "up" } else { "down" }).await;
    }
    prometheus.until("librechat_up{job='es256'}", 1.0).await;
    assert_eq!(prometheus.query("count(librechat_up{job=~'other.*'})").await, None);
    for reason in ["authorized", "audience_mismatch", "insufficient_scope"] {
        // Each of the two scrapers at least once.
        assert!(decisions(&exporter, reason).await >= 2.0, "{reason}");
    }
}

#[tokio::test]
async fn another_audience_is_401_and_a_missing_scope_403() {
    let issuer = Issuer::start().await;
    let exporter = guarded(&issuer).await;
    for resource in [Resource::Rs256, Resource::Es256] {
        let token = issuer.token(resource, "metrics:write%20metrics:read").await;
        assert_eq!(ask(&exporter, &token).await.status, 200, "{resource:?}");
    }
    let refused = ask(&exporter, &issuer.token(Resource::Other, SCOPE).await).await;
    assert_eq!(refused.status, 401);
    assert_eq!(challenges(&refused), [r#"Bearer realm="metrics", error="invalid_token""#]);
    let refused = ask(&exporter, &issuer.token(Resource::Rs256, "metrics:write").await).await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        challenges(&refused),
        [r#"Bearer realm="metrics", error="insufficient_scope", scope="metrics:read""#]
    );
    // Neither is a guess: a scraper sends its token again and again, and is not locked out for it.
    let short = issuer.token(Resource::Rs256, "metrics:write").await;
    for _ in 0..10 {
        assert_eq!(ask(&exporter, &short).await.status, 403);
    }
    assert_eq!(ask(&exporter, STATIC).await.status, 200);
}

#[tokio::test]
async fn an_issuer_that_is_down_at_the_start_costs_503_and_nothing_else() {
    let mut issuer = Issuer::start().await;
    let token = issuer.token(Resource::Rs256, SCOPE).await;
    issuer.kill();
    let exporter = guarded(&issuer).await;
    let refused = ask(&exporter, &token).await;
    assert_eq!(refused.status, 503);
    let seconds = refused.header("retry-after").and_then(|value| value.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| seconds >= 1), "{refused:?}");
    assert_eq!(challenges(&refused), Vec::<&str>::new());
    assert_eq!(ask(&exporter, STATIC).await.status, 200, "other methods go on");
    assert_eq!(exporter.get("/metrics").await.status, 401);
    assert_eq!(exporter.get("/health").await.status, 200, "an issuer is no matter of the probes");

    issuer.restart().await;
    eventually("a token is good once the issuer is back", async || {
        let answer = ask(&exporter, &issuer.token(Resource::Rs256, SCOPE).await).await;
        if answer.status == 200 { Ok(()) } else { Err(format!("{}", answer.status)) }
    })
    .await;
    issuer.kill();
    assert_eq!(ask(&exporter, STATIC).await.status, 200);
}

#[tokio::test]
async fn keys_that_are_known_go_on_while_the_issuer_is_down() {
    let mut issuer = Issuer::start().await;
    let exporter = guarded(&issuer).await;
    let tokens = [issuer.token(Resource::Rs256, SCOPE).await, issuer.token(Resource::Es256, SCOPE).await];
    let first = eventually("the keys are there", async || {
        let answer = ask(&exporter, &tokens[0]).await;
        if answer.status == 200 { Ok(answer) } else { Err(format!("{answer:?}")) }
    })
    .await;
    assert!(first.text().contains("librechat_exporter_jwks_keys{issuer=\"default\"} 2"), "{}", first.text());
    issuer.kill();
    // One that was verified before and one that was not.
    for token in &tokens {
        assert_eq!(ask(&exporter, token).await.status, 200);
    }
}

#[tokio::test]
async fn a_scrape_with_a_key_that_was_just_rotated_in_succeeds() {
    let mut issuer = Issuer::start().await;
    let exporter = guarded(&issuer).await;
    let job = issuer.job(Resource::Rs256, SCOPE);
    let prometheus = Jobs::new().add("rotated", exporter.port, &job).start().await;
    prometheus.until("up", 1.0).await;
    let old = issuer.token(Resource::Es256, SCOPE).await;
    assert_eq!(ask(&exporter, &old).await.status, 200);

    issuer.rotate().await;
    let new = issuer.token(Resource::Es256, SCOPE).await;
    assert_eq!(ask(&exporter, &new).await.status, 200, "the first token under the new key");
    let refused = ask(&exporter, &old).await;
    assert_eq!(refused.status, 401, "the old key is gone, and its tokens with it");
    // Its own tokens are short-lived, so it goes on with one under the new key.
    prometheus.until("librechat_exporter_jwks_refreshes_total{result='ok'} >= bool 2", 1.0).await;
    prometheus.until("up", 1.0).await;
}
