//! A Prometheus that scrapes two demos and an exporter of a real MongoDB with everything turned on: what the dashboards
//! are held against.

use serde_json::Value;
use tempfile::TempDir;

use crate::certificates::Authority;
use crate::exporter::Exporter;
use crate::http;
use crate::issuer::{AUDIENCE, Issuer};
use crate::mongod::Mongod;
use crate::prometheus::{Jobs, Prometheus};
use crate::servers::{eventually, free_port};

const TOKEN: &str = "a-static-token-of-the-test";

/// The job of the demo, whose series have no `tenant`; of a second demo with one; and of an exporter of a real MongoDB
/// with odd documents that has everything turned on.
pub(crate) const DEMO: &str = "demo";
pub(crate) const TENANT: &str = "tenant";
pub(crate) const FULL: &str = "full";

/// How far back points over time go, which is `$__range` too, and how far apart they are.
pub(crate) const RANGE_SECONDS: u32 = 300;
const STEP_SECONDS: u32 = 5;

/// A Prometheus and what it scrapes, which only lives as long.
pub(crate) struct Fleet {
    pub(crate) prometheus: Prometheus,
    exporters: [Exporter; 3],
    _mongod: Mongod,
    _issuer: Issuer,
    _folder: TempDir,
}

impl Fleet {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::with_prefix("dashboards").unwrap();
        let authority = Authority::new("authority");
        let [cert, key] = authority.issue("exporter", 2100).write(folder.path(), "exporter");
        let (mongod, issuer, port) = (Mongod::start().await, Issuer::start().await, free_port());
        mongod.load("seed1-awkward").await;
        let full = Exporter::serve(&[
            ("MONGO_URI", &mongod.uri()),
            ("METRICS_PORT", &port.to_string()),
            ("TLS_CERT_FILE", &cert),
            ("TLS_KEY_FILE", &key),
            ("TLS_HEALTH", "false"),
            ("METRICS_BEARER_TOKEN", TOKEN),
            ("METRICS_OAUTH2_ISSUER", &issuer.url()),
            ("METRICS_OAUTH2_AUDIENCE", AUDIENCE),
            ("METRICS_MAX_LABEL_VALUES", "3"),
            ("RATE_LIMIT_MAX", "0"),
        ])
        .await;
        full.until_status("/readyz", 200).await;
        let users = ("EMIT_PER_USER_METRICS", "true");
        let settings = [("METRICS_BEARER_TOKEN", TOKEN), ("RATE_LIMIT_MAX", "0"), users];
        let (demo, tenant) = (Exporter::demo(&settings).await, Exporter::demo(&settings).await);
        let jobs = Jobs::new();
        let ca = jobs.file("ca.crt", &authority.pem());
        let bearer = format!("authorization: {{credentials: {TOKEN}}}\n");
        let labelled =
            format!("{bearer}relabel_configs: [{{target_label: tenant, replacement: acme (test)}}]");
        let secure = format!("{bearer}scheme: https\ntls_config: {{ca_file: '{ca}'}}");
        let prometheus = jobs
            .add(DEMO, demo.port, &bearer)
            .add(TENANT, tenant.port, &labelled)
            .add(FULL, port, &secure)
            // Another program of the same Prometheus: nothing of it may be shown.
            .add("stranger", free_port(), "")
            .start()
            .await;
        for job in [DEMO, TENANT, FULL] {
            prometheus.until(&format!("librechat_up{{job='{job}'}}"), 1.0).await;
        }
        let exporters = [demo, tenant, full];
        let fleet = Self { prometheus, exporters, _mongod: mongod, _issuer: issuer, _folder: folder };
        fleet.refuse_somebody().await;
        fleet
    }

    /// Has the demos refuse one who brings nothing.
    pub(crate) async fn refuse_somebody(&self) {
        for exporter in &self.exporters[..2] {
            assert_eq!(exporter.get("/metrics").await.status, 401);
        }
    }

    /// How often the demos were scraped.
    pub(crate) async fn scrapes(&self) -> f64 {
        let count = format!("min(count_over_time(librechat_up{{job=~'{DEMO}|{TENANT}'}}[1h]))");
        self.prometheus.query(&count).await.unwrap()
    }

    /// Waits for some more scrapes.
    pub(crate) async fn until_scraped_again(&self) {
        let before = self.scrapes().await;
        eventually("more is scraped", async || {
            let now = self.scrapes().await;
            if now >= before + 5.0 { Ok(()) } else { Err(format!("{now} scrapes")) }
        })
        .await;
    }

    pub(crate) async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let query: Vec<_> =
            parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let path = format!("/api/v1/{path}?{}", query.join("&"));
        let answer = http::get(self.prometheus.port, &path, &[]).await.unwrap();
        assert_eq!(answer.status, 200, "{parameters:?}: {}", answer.text());
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer["warnings"], Value::Null, "{parameters:?}");
        answer["data"].clone()
    }

    /// The numbers that an expression gives, now or over the time before.
    pub(crate) async fn numbers(&self, expression: &str, is_instant: bool) -> Vec<f64> {
        let now = self.prometheus.query("vector(time())").await.unwrap();
        let (end, start) = (now.to_string(), (now - f64::from(RANGE_SECONDS)).to_string());
        let step = STEP_SECONDS.to_string();
        let data = if is_instant {
            self.ask("query", &[("query", expression), ("time", &end)]).await
        } else {
            let range = [("query", expression), ("start", &start), ("end", &end), ("step", &step)];
            self.ask("query_range", &range).await
        };
        let series = data["result"].as_array().unwrap();
        let points = series.iter().flat_map(|series| match &series["values"] {
            Value::Array(points) => points.iter().collect::<Vec<_>>(),
            _ => vec![&series["value"]],
        });
        points
            .map(|point| point[1].as_str().unwrap().parse().unwrap())
            .filter(|number: &f64| number.is_finite())
            .collect()
    }
}
