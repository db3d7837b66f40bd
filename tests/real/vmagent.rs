//! A real vmagent that scrapes what a test tells it to. What it scrapes goes nowhere.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::http;
use crate::process::Process;
use crate::prometheus::shipped;
use crate::servers::{command, eventually, free_port};

/// A running vmagent. Dropping it kills it.
pub(crate) struct Vmagent {
    port: u16,
    process: Process,
    _folder: TempDir,
}

impl Vmagent {
    /// Starts it with jobs: a name, the port of 127.0.0.1 whose `/metrics` is scraped, more lines of YAML.
    pub(crate) fn start(jobs: &[(&str, u16, &str)]) -> Self {
        let mut text = "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n".to_owned();
        for (name, port, settings) in jobs {
            text.push_str(&format!(
                "- job_name: {name}\n  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
            ));
            for line in settings.lines() {
                text.push_str(&format!("  {line}\n"));
            }
        }
        Self::run(&text, TempDir::with_prefix("vmagent").unwrap())
    }

    /// Starts it with `prometheus/vmagent.yml` as it is shipped, but once a second, with this token in its file.
    pub(crate) fn shipped(port: u16, token: &str) -> Self {
        let folder = TempDir::with_prefix("vmagent").unwrap();
        fs::write(folder.path().join("librechat-token"), token).unwrap();
        let changes = [
            ("scrape_interval: 30s", "scrape_interval: 1s"),
            ("librechat-exporter:9087", &format!("127.0.0.1:{port}")),
            ("/etc/vmagent", folder.path().to_str().unwrap()),
        ];
        Self::run(&shipped("prometheus/vmagent.yml", &changes), folder)
    }

    fn run(text: &str, folder: TempDir) -> Self {
        let configuration = folder.path().join("scrape.yml");
        fs::write(&configuration, text).unwrap();
        let port = free_port();
        let mut vmagent = command("vmagent");
        vmagent.arg(format!("-promscrape.config={}", configuration.display()));
        vmagent.arg(format!("-httpListenAddr=127.0.0.1:{port}"));
        vmagent.arg(format!("-remoteWrite.tmpDataPath={}", folder.path().join("data").display()));
        vmagent.arg(format!("-remoteWrite.url=http://127.0.0.1:{}/", free_port()));
        let process = Process::start("vmagent", vmagent);
        Self { port, process, _folder: folder }
    }

    /// Waits until the target of the job is `up` or `down`.
    pub(crate) async fn until(&mut self, job: &str, health: &str) {
        eventually(&format!("vmagent says that {job} is {health}"), async || {
            self.process.expect_alive();
            let answer = http::get(self.port, "/api/v1/targets?state=active", &[]).await;
            let answer = answer.map_err(|error| error.to_string())?;
            let answer: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
            let targets = answer["data"]["activeTargets"].as_array().ok_or("no targets yet")?;
            let target = targets.iter().find(|target| target["labels"]["job"] == job);
            let scraped = target.is_some_and(|target| target["lastScrape"] != "1970-01-01T00:00:00Z");
            match target {
                Some(target) if scraped && target["health"] == health => Ok(()),
                other => Err(format!("{other:?}\n{}", self.process.output())),
            }
        })
        .await;
    }
}
