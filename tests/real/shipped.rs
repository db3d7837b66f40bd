//! The files of `prometheus/` as they are shipped, with only addresses and paths changed: scraped with, and evaluated, by
//! a real Prometheus. (OAuth2, mTLS, Basic and the separate port are run by the tests of those.)

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::exporter::Exporter;
use crate::http::{self, get_from};
use crate::prometheus::{Jobs, promtool, repository, shipped};
use crate::servers::{command, eventually};
use crate::vmagent::Vmagent;

const TOKEN: &str = "a-token-of-at-least-sixteen-characters";
const GUARD: (&str, &str) = ("METRICS_BEARER_TOKEN", TOKEN);

/// The files of a folder, sorted.
fn files(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(repository(folder)).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.path().is_file());
    let mut names: Vec<_> = files.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A configuration that names the exporter by `librechat-exporter:9087`, for one at another address.
fn of(file: &str, exporter: &Exporter) -> Jobs {
    Jobs::shipped(file, &[("librechat-exporter:9087", &format!("127.0.0.1:{}", exporter.port))])
}

#[tokio::test]
async fn the_shipped_rules_are_evaluated_over_what_the_demo_serves() {
    let mut exporter = Exporter::demo(&[]).await;
    let prometheus = of("open.yml", &exporter).start().await;
    prometheus.until("up{job='librechat'}", 1.0).await;
    prometheus.until("count(librechat:cost_usd:30d)", 1.0).await;
    prometheus.until("librechat:budget_usd:30d", 1000.0).await;
    let groups = eventually("every rule was evaluated", async || {
        let answer =
            http::get(prometheus.port, "/api/v1/rules", &[]).await.map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        let mut rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
        match rules.find(|rule| rule["health"] != "ok") {
            Some(rule) => Err(format!("{}: {} {}", rule["name"], rule["health"], rule["lastError"])),
            None if groups.is_empty() => Err("no rules".to_owned()),
            None => Ok(groups),
        }
    })
    .await;
    assert_eq!(groups.len(), 7, "groups of rules");
    // What is down is noticed: it fires after another five minutes, for which no test waits.
    exporter.process.kill();
    prometheus.until("ALERTS{alertname='LibreChatExporterDown', alertstate='pending'}", 1.0).await;
    assert_eq!(prometheus.query("ALERTS{alertname='LibreChatExporterMissing'}").await, None);
}

#[tokio::test]
async fn the_allow_list_lets_prometheus_in_by_its_address_alone() {
    let exporter = Exporter::demo(&[("METRICS_ALLOWED_IPS", "127.0.0.1")]).await;
    let prometheus = of("allow-list.yml", &exporter).start().await;
    prometheus.until("librechat_up{job='librechat'}", 1.0).await;
    let refused = get_from([127, 0, 0, 2], exporter.port, "/metrics", &[]).await.unwrap();
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn vmagent_scrapes_with_its_file() {
    let exporter = Exporter::demo(&[GUARD]).await;
    Vmagent::shipped(exporter.port, TOKEN).until("librechat", "up").await;
    Vmagent::shipped(exporter.port, "another-token-that-is-wrong").until("librechat", "down").await;
}

/// A configuration for Kubernetes whose targets come out of a file, with the labels that Kubernetes' discovery would give
/// them. Debian's Prometheus is built without that discovery.
fn in_kubernetes(file: &str, role: &str, targets: &Value) -> Jobs {
    let discovery = format!("kubernetes_sd_configs:\n      - role: {role}\n");
    let instead = "file_sd_configs:\n      - files: ['/etc/prometheus/targets.json']\n";
    let jobs = Jobs::shipped(file, &[(&discovery, instead)]);
    jobs.file("targets.json", &targets.to_string());
    jobs.file("librechat-token", TOKEN);
    jobs
}

/// Starts it, waits until the exporter is scraped, and gives the addresses of all targets that were kept.
async fn kept(jobs: Jobs) -> BTreeSet<String> {
    let prometheus = jobs.start().await;
    prometheus.until("librechat_up{job='librechat', namespace='chat', pod='exporter-1'}", 1.0).await;
    let targets: Value = serde_json::from_str(&prometheus.targets().await).unwrap();
    let targets = targets["data"]["activeTargets"].as_array().unwrap().clone();
    targets.iter().map(|target| target["scrapeUrl"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn annotations_of_pods_choose_the_targets() {
    let exporter = Exporter::demo(&[GUARD]).await;
    let port = exporter.port.to_string();
    let pod = |ip: &str, name: &str, phase: &str, annotations: &[(&str, &str)]| {
        let mut labels = json!({
            "__meta_kubernetes_namespace": "chat",
            "__meta_kubernetes_pod_name": "exporter-1",
            "__meta_kubernetes_pod_label_app_kubernetes_io_name": name,
            "__meta_kubernetes_pod_ip": ip,
            "__meta_kubernetes_pod_phase": phase,
        });
        for (key, value) in annotations {
            labels[format!("__meta_kubernetes_pod_annotation_prometheus_io_{key}")] = Value::from(*value);
        }
        // The address that discovery proposes: that of the first port, whatever it serves.
        json!({"targets": [format!("{ip}:1")], "labels": labels})
    };
    let on = ("scrape", "true");
    let us = "librechat-exporter";
    let targets = json!([
        pod("127.0.0.1", us, "Running", &[on, ("port", &port)]),
        // Its second port: the same target.
        pod("127.0.0.1", us, "Running", &[on, ("port", &port)]),
        pod(
            "10.0.0.2",
            us,
            "Running",
            &[on, ("port", "9443"), ("scheme", "https"), ("path", "/proxied/metrics")]
        ),
        pod("fd00::3", us, "Running", &[on, ("port", "9088")]),
        pod("10.0.0.4", us, "Running", &[("port", "9088")]),
        pod("10.0.0.5", us, "Running", &[("scrape", "false"), ("port", "9088")]),
        pod("10.0.0.6", us, "Succeeded", &[on, ("port", "9088")]),
        pod("10.0.0.7", "another", "Running", &[on, ("port", "9088")]),
    ]);
    let wanted = [
        format!("http://127.0.0.1:{port}/metrics"),
        "https://10.0.0.2:9443/proxied/metrics".to_owned(),
        "http://[fd00::3]:9088/metrics".to_owned(),
    ];
    assert_eq!(kept(in_kubernetes("kubernetes-pods.yml", "pod", &targets)).await, BTreeSet::from(wanted));
}

#[tokio::test]
async fn endpoints_of_the_service_choose_the_targets() {
    let exporter = Exporter::demo(&[GUARD]).await;
    let endpoint = |address: &str, service: &str, port: &str| {
        let labels = json!({
            "__meta_kubernetes_namespace": "chat",
            "__meta_kubernetes_pod_name": "exporter-1",
            "__meta_kubernetes_service_name": service,
            "__meta_kubernetes_service_label_app_kubernetes_io_name": service,
            "__meta_kubernetes_endpoint_port_name": port,
        });
        json!({"targets": [address], "labels": labels})
    };
    let address = format!("127.0.0.1:{}", exporter.port);
    let targets = json!([
        endpoint(&address, "librechat-exporter", "metrics"),
        endpoint("10.0.0.1:9087", "librechat-exporter", "http"),
        endpoint("10.0.0.2:9088", "another", "metrics"),
    ]);
    let wanted = BTreeSet::from([format!("http://{address}/metrics")]);
    assert_eq!(kept(in_kubernetes("kubernetes-endpoints.yml", "endpoints", &targets)).await, wanted);
}

#[test]
fn vmagent_reads_the_discovery_in_kubernetes() {
    let folder = TempDir::with_prefix("vmagent").unwrap();
    let file = folder.path().join("scrape.yml");
    let accepts = |text: &str| {
        fs::write(&file, text).unwrap();
        let mut vmagent = command("vmagent");
        vmagent.args(["-dryRun", "-remoteWrite.url=http://127.0.0.1:9/"]);
        vmagent.arg(format!("-promscrape.config={}", file.display()));
        vmagent.output().unwrap().status.success()
    };
    for (name, role) in [("kubernetes-pods.yml", "pod"), ("kubernetes-endpoints.yml", "endpoints")] {
        // Rules are not vmagent's.
        let rules = "rule_files:\n  - /etc/prometheus/librechat/*.yml\n";
        let text = shipped(&format!("prometheus/scrape/{name}"), &[(rules, "")]);
        assert!(accepts(&text), "{name}");
        assert!(!accepts(&text.replace(&format!("role: {role}"), "rolle: pod")), "{name}");
    }
}

#[test]
fn promtool_finds_every_alert_firing_and_silent_as_its_tests_say() {
    let folder = repository("prometheus/rules");
    let path = |name: &String| folder.join(name).to_str().unwrap().to_owned();
    let rules: Vec<_> = files("prometheus/rules").iter().map(path).collect();
    let mut arguments = vec!["check", "rules", "--lint=all", "--lint-fatal"];
    arguments.extend(rules.iter().map(String::as_str));
    let checked = promtool(&arguments, "");
    assert!(checked.status.success(), "{checked:?}");
    let tests: Vec<_> =
        files("prometheus/rules/tests").iter().map(|name| path(&format!("tests/{name}"))).collect();
    let mut arguments = vec!["test", "rules"];
    arguments.extend(tests.iter().map(String::as_str));
    let tested = promtool(&arguments, "");
    let said =
        String::from_utf8_lossy(&tested.stdout).into_owned() + &String::from_utf8_lossy(&tested.stderr);
    assert!(tested.status.success(), "{said}");
}

#[test]
fn vmalert_reads_the_rules() {
    let mut vmalert = command("vmalert");
    vmalert.args(["-dryRun", "-rule"]).arg(repository("prometheus/rules/*.yml"));
    let said = vmalert.output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn every_scrape_configuration_is_run_by_a_test() {
    let sources = fs::read_dir(repository("tests/real")).unwrap().map(|entry| entry.unwrap().path());
    let sources: String =
        sources.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).unwrap()).collect();
    for name in files("prometheus/scrape") {
        assert!(sources.contains(&format!("\"{name}\"")), "{name}");
    }
}
