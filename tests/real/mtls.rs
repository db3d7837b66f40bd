//! TLS with certificates on both sides, and a real Prometheus with its `tls_config`.

use rcgen::date_time_ymd;
use tempfile::TempDir;

use crate::certificates::{Authority, Identity, connect, get};
use crate::exporter::Exporter;
use crate::http;
use crate::prometheus::Jobs;
use crate::servers::{eventually, free_port};

const EXPIRY: &str = "librechat_exporter_tls_certificate_expiry_timestamp_seconds";

/// The exporter with its certificate on `METRICS_PORT`, clients' certificates asked for, and `PORT` plain.
struct Site {
    exporter: Exporter,
    metrics_port: u16,
    servers: Authority,
    clients: Authority,
    folder: TempDir,
}

impl Site {
    async fn start(first: impl FnOnce(&Authority) -> Identity) -> Self {
        let folder = TempDir::with_prefix("certificates").unwrap();
        let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
        let [cert, key] = first(&servers).write(folder.path(), "server");
        let client_ca = write(&folder, "clients.crt", &clients.pem());
        let metrics_port = free_port();
        let exporter = Exporter::demo(&[
            ("METRICS_PORT", &metrics_port.to_string()),
            ("TLS_CERT_FILE", &cert),
            ("TLS_KEY_FILE", &key),
            ("TLS_CLIENT_CA_FILE", &client_ca),
            ("TLS_HEALTH", "false"),
            ("METRICS_AUTH_REQUIRED", "true"),
        ])
        .await;
        Self { exporter, metrics_port, servers, clients, folder }
    }

    /// The lines of a job that trusts `authority` and, maybe, shows the certificate of `identity`.
    fn job(&self, name: &str, authority: &Authority, identity: Option<Identity>) -> String {
        let ca = write(&self.folder, &format!("{name}-ca.crt"), &authority.pem());
        let own = identity.map_or_else(String::new, |identity| {
            let [cert, key] = identity.write(self.folder.path(), name);
            format!(", cert_file: '{cert}', key_file: '{key}'")
        });
        format!("scheme: https\ntls_config: {{ca_file: '{ca}'{own}}}")
    }
}

/// The beginning of a year (UTC) in Unix time.
fn new_year(year: i32) -> f64 {
    date_time_ymd(year, 1, 1).unix_timestamp() as f64
}

fn write(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn prometheus_gets_in_with_a_certificate_of_the_right_authority_only() {
    let site = Site::start(|servers| servers.issue("exporter", 2100)).await;
    let strangers = Authority::new("strangers");
    let port = site.metrics_port;
    let jobs = Jobs::shipped("mtls.yml", &[("librechat-exporter:9088", &format!("127.0.0.1:{port}"))]);
    site.clients.issue("prometheus", 2100).write(jobs.folder(), "prometheus");
    jobs.file("librechat-ca.crt", &site.servers.pem());
    let prometheus = jobs
        .add("none", port, &site.job("none", &site.servers, None))
        .add("foreign", port, &site.job("foreign", &site.servers, Some(strangers.issue("prometheus", 2100))))
        .add(
            "expired",
            port,
            &site.job("expired", &site.servers, Some(site.clients.issue("prometheus", 2020))),
        )
        .add("distrusting", port, &site.job("distrusting", &strangers, Some(site.clients.issue("it", 2100))))
        .add("plain", port, "")
        .start()
        .await;
    prometheus.until("up{job='librechat'}", 1.0).await;
    for job in ["none", "foreign", "expired", "distrusting", "plain"] {
        prometheus.until(&format!("up{{job='{job}'}}"), 0.0).await;
    }
    assert_eq!(prometheus.query("count(librechat_up{job!='librechat'})").await, None);
    let expiry = new_year(2100);
    assert_eq!(prometheus.query(EXPIRY).await, Some(expiry));
    // A certificate is what guards here: alerts and warnings of an open exporter would be wrong.
    assert_eq!(prometheus.query("librechat_exporter_auth_enabled").await, Some(1.0));
    let [cert, key] = ["server.crt", "server.key"].map(|name| site.folder.path().join(name));
    let ca = site.folder.path().join("clients.crt");
    let settings = [
        ("MONGO_URI", "mongodb://localhost"),
        ("TLS_CERT_FILE", cert.to_str().unwrap()),
        ("TLS_KEY_FILE", key.to_str().unwrap()),
        ("TLS_CLIENT_CA_FILE", ca.to_str().unwrap()),
    ];
    let said = Exporter::run(&["check-config"], &settings).await.stdout;
    assert!(said.ends_with("/metrics asks, in this order: client_certificate\n"), "{said}");
}

#[tokio::test]
async fn probes_stay_plain_on_port_with_tls_health_off() {
    let site = Site::start(|servers| servers.issue("exporter", 2100)).await;
    for path in ["/health", "/livez", "/readyz"] {
        assert_eq!(site.exporter.get(path).await.status, 200, "{path}");
    }
    assert_eq!(site.exporter.get("/metrics").await.status, 404);
    let number = site.exporter.port.to_string();
    let settings = [("HOST", "127.0.0.1"), ("PORT", number.as_str())];
    assert_eq!(Exporter::run(&["healthcheck"], &settings).await.status.code(), Some(0));
    // No plain text on the port of /metrics: the handshake fails and nothing is answered.
    http::get(site.metrics_port, "/metrics", &[]).await.unwrap_err();
    let client = site.clients.issue("somebody", 2100);
    let answer = get(site.metrics_port, "/metrics", &site.servers, Some(&client)).await.unwrap();
    assert_eq!(answer.status, 200);
    // With TLS 1.3 a client learns only when it reads that its handshake was refused.
    get(site.metrics_port, "/metrics", &site.servers, None).await.unwrap_err();
}

#[tokio::test]
async fn a_renewed_certificate_is_served_while_scrapes_go_on() {
    let site = Site::start(|servers| servers.issue("exporter", 2090)).await;
    let client = site.clients.issue("somebody", 2100);
    let job = site.job("scraper", &site.servers, Some(site.clients.issue("prometheus", 2100)));
    let prometheus = Jobs::new().add("scraper", site.metrics_port, &job).start().await;
    prometheus.until("up", 1.0).await;
    prometheus.until(EXPIRY, new_year(2090)).await;

    let renewed = site.servers.issue("exporter", 2095);
    renewed.write(site.folder.path(), "server");
    site.exporter.process.signal("HUP");
    eventually("new connections get the renewed certificate", async || {
        let stream = connect(site.metrics_port, &site.servers, Some(&client)).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let (_, session) = stream.get_ref();
        let is_renewed = session.peer_certificates().is_some_and(|chain| renewed.is(&chain[0]));
        is_renewed.then_some(()).ok_or_else(|| "the old one".to_owned())
    })
    .await;
    prometheus.until(EXPIRY, new_year(2095)).await;
    assert_eq!(prometheus.query("min_over_time(up[5m])").await, Some(1.0), "no scrape was lost");

    // A key that does not fit: the old certificate stays in force, and the exporter says so.
    let [_, key] = site.servers.issue("another", 2099).write(site.folder.path(), "other");
    std::fs::copy(key, site.folder.path().join("server.key")).unwrap();
    site.exporter.process.signal("HUP");
    site.exporter.until_logged(&["TLS_CERT_FILE", "stays in force"]).await;
    let stream = connect(site.metrics_port, &site.servers, Some(&client)).await.unwrap();
    assert!(renewed.is(&stream.get_ref().1.peer_certificates().unwrap()[0]));
}

#[tokio::test]
async fn tls_on_the_one_port_covers_the_probes_and_healthcheck_knows() {
    let folder = TempDir::with_prefix("certificates").unwrap();
    let authority = Authority::new("servers");
    let [cert, key] = authority.issue("exporter", 2100).write(folder.path(), "server");
    let settings = [("TLS_CERT_FILE", cert.as_str()), ("TLS_KEY_FILE", key.as_str())];
    let exporter = Exporter::spawn("demo", &settings);
    let port = exporter.port;
    eventually("/readyz answers over TLS", async || match get(port, "/readyz", &authority, None).await {
        Ok(answer) if answer.status == 200 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    assert_eq!(get(port, "/metrics", &authority, None).await.unwrap().status, 200);
    http::get(port, "/health", &[]).await.unwrap_err();
    let number = port.to_string();
    let mut settings = settings.to_vec();
    settings.extend([("HOST", "127.0.0.1"), ("PORT", &number)]);
    let checked = Exporter::run(&["healthcheck"], &settings).await;
    assert_eq!(checked.status.code(), Some(0), "{}", checked.stderr);
}
