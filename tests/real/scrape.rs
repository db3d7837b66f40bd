//! Scraped as it will be: by a real Prometheus with each kind of credentials, and read by the parsers there are.

use std::collections::BTreeSet;

use crate::exporter::Exporter;
use crate::http;
use crate::mongod::Mongod;
use crate::openmetrics::parse_openmetrics;
use crate::prometheus::{Jobs, promtool};
use crate::servers::free_port;

const TOKEN: &str = "a-token-of-at-least-sixteen-characters";
const USER: &str = "prometheus";
const PASSWORD: &str = "a password: with a colon";
const CREDENTIALS: &[(&str, &str)] = &[
    ("METRICS_BEARER_TOKEN", TOKEN),
    ("METRICS_BASIC_AUTH_USER", USER),
    ("METRICS_BASIC_AUTH_PASSWORD", PASSWORD),
];

/// What scrapers that want OpenMetrics send.
const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";

async fn golden_mongod() -> Mongod {
    let mongod = Mongod::start().await;
    mongod.load("seed1").await;
    mongod
}

/// Serves with more settings, and waits until the first fold is published.
async fn ready(mongod: &Mongod, settings: &[(&str, &str)]) -> Exporter {
    let uri = mongod.uri();
    let mut environment = vec![("MONGO_URI", uri.as_str())];
    environment.extend(settings);
    let exporter = Exporter::serve(&environment).await;
    exporter.until_status("/readyz", 200).await;
    exporter
}

/// The lines of a job that sends `token` from a file.
fn bearer(jobs: &Jobs, name: &str, token: &str) -> String {
    format!("authorization: {{credentials_file: '{}'}}", jobs.file(name, token))
}

/// The lines of a job that sends the user and the password from a file.
fn basic(jobs: &Jobs) -> String {
    let file = jobs.file("password", PASSWORD);
    format!("basic_auth: {{username: '{USER}', password_file: '{file}'}}")
}

/// Puts the files of both kinds of credentials where the shipped configurations look for them.
fn with_credentials(jobs: Jobs) -> Jobs {
    jobs.file("librechat-token", TOKEN);
    jobs.file("librechat-password", PASSWORD);
    jobs
}

#[tokio::test]
async fn prometheus_scrapes_either_port_with_either_credentials() {
    let mongod = golden_mongod().await;
    let one_port = ready(&mongod, CREDENTIALS).await;
    let metrics_port = free_port();
    let number = metrics_port.to_string();
    let mut settings = CREDENTIALS.to_vec();
    settings.push(("METRICS_PORT", &number));
    let two_ports = ready(&mongod, &settings).await;

    let address = format!("127.0.0.1:{}", one_port.port);
    for file in ["bearer.yml", "basic.yml"] {
        let jobs = with_credentials(Jobs::shipped(file, &[("librechat-exporter:9087", &address)]));
        let prometheus = jobs.start().await;
        prometheus.until("up", 1.0).await;
        prometheus.until("librechat_message_count", 3000.0).await;
    }
    let address = format!("127.0.0.1:{metrics_port}");
    let jobs = with_credentials(Jobs::shipped("separate-port.yml", &[("librechat-exporter:9088", &address)]));
    let (bearer, basic) = (bearer(&jobs, "token", TOKEN), basic(&jobs));
    let prometheus = jobs
        .add("basic-metrics-port", metrics_port, &basic)
        .add("not-there", two_ports.port, &bearer)
        .start()
        .await;
    for job in ["librechat", "basic-metrics-port"] {
        prometheus.until(&format!("up{{job='{job}'}}"), 1.0).await;
        prometheus.until(&format!("librechat_message_count{{job='{job}'}}"), 3000.0).await;
    }
    prometheus.until("up{job='not-there'}", 0.0).await;
    assert_eq!(two_ports.get("/metrics").await.status, 404);
}

#[tokio::test]
async fn prometheus_with_wrong_credentials_gets_nothing() {
    let mongod = golden_mongod().await;
    let exporter = ready(&mongod, CREDENTIALS).await;
    let jobs = Jobs::new();
    let wrong = bearer(&jobs, "wrong", "a-token-that-was-never-configured");
    let prometheus = jobs.add("wrong", exporter.port, &wrong).add("none", exporter.port, "").start().await;
    prometheus.until("up{job='wrong'}", 0.0).await;
    prometheus.until("up{job='none'}", 0.0).await;
    assert_eq!(prometheus.query("count({__name__=~'librechat_.*'})").await, None);
}

#[tokio::test]
async fn promtool_parses_the_classic_form() {
    let mongod = golden_mongod().await;
    let exporter = ready(&mongod, &[]).await;
    let response = exporter.get("/metrics").await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let checked = promtool(&["check", "metrics"], &response.text());
    let says = String::from_utf8_lossy(&checked.stderr).into_owned();
    // 1: it does not parse. 3: it parses, and promtool dislikes names, which for the names that we keep from the Node
    // exporter (`…_count` on gauges) cannot be otherwise. 0 would be as good.
    assert!(matches!(checked.status.code(), Some(0 | 3)), "{}: {says}", checked.status);
    // Names that are ours alone have no such excuse.
    let kept = ["librechat_exporter_scrape_duration_seconds", "librechat_exporter_last_successful_scrape"];
    let excused = |line: &str| kept.iter().any(|name| line.starts_with(name));
    let ours = says.lines().filter(|line| line.starts_with("librechat_exporter_") && !excused(line));
    assert_eq!(ours.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_strict_parser_parses_the_openmetrics_form() {
    let mongod = golden_mongod().await;
    let exporter = ready(&mongod, &[]).await;
    let response = http::get(exporter.port, "/metrics", &[("Accept", OPENMETRICS)]).await.unwrap();
    assert_eq!(response.status, 200);
    let kind = response.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    let samples = parse_openmetrics(&response.text()).unwrap_or_else(|error| panic!("{error}"));
    assert!(samples.iter().any(|sample| sample == "librechat_message_count gauge 3000"), "{samples:#?}");

    let names = |samples: &[String]| -> BTreeSet<String> {
        samples.iter().filter_map(|sample| sample.split(' ').next()).map(ToOwned::to_owned).collect()
    };
    let classic = exporter.scrape().await.into_keys().map(|series| format!("{} ", series.name));
    let (classic, openmetrics) = (names(&classic.collect::<Vec<_>>()), names(&samples));
    let only_one: Vec<_> = classic.symmetric_difference(&openmetrics).collect();
    assert!(only_one.is_empty(), "in one of the two forms only: {only_one:?}");
}
