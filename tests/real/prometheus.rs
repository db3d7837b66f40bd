//! A real Prometheus that scrapes what a test tells it to, and its tool, promtool.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::http;
use crate::process::Process;
use crate::servers::{command, eventually, free_port};

/// A running Prometheus. Dropping it kills it and removes its data.
pub(crate) struct Prometheus {
    /// The port of its own pages, API and `/metrics`.
    pub(crate) port: u16,
    process: Process,
    _folder: TempDir,
}

/// Where the files of the shipped configurations lie.
const FILES: &str = "/etc/prometheus/";

/// A place for the files of a scrape configuration.
pub(crate) struct Jobs {
    folder: TempDir,
    text: String,
}

impl Jobs {
    /// No job yet; what is added is scraped once a second.
    pub(crate) fn new() -> Self {
        let folder = TempDir::with_prefix("prometheus").unwrap();
        let text = "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n".to_owned();
        Self { folder, text }
    }

    /// The same with these rule files, evaluated once a second.
    pub(crate) fn with_rules(files: &[PathBuf]) -> Self {
        let mut jobs = Self::new();
        jobs.text = jobs.text.replace(
            "scrape_timeout: 1s}",
            &format!("scrape_timeout: 1s, evaluation_interval: 1s}}\nrule_files: {files:?}"),
        );
        jobs
    }

    /// The file of `prometheus/scrape` of this name as it is shipped, with the shipped rules beside it, but with
    /// everything done once a second and its files in this place. Each of the changes fits in one place of the file.
    pub(crate) fn shipped(file: &str, changes: &[(&str, &str)]) -> Self {
        let folder = TempDir::with_prefix("prometheus").unwrap();
        let mut text = shipped(&format!("prometheus/scrape/{file}"), changes);
        text = text.replace("scrape_interval: 30s", "scrape_interval: 1s\n  evaluation_interval: 1s");
        text = text.replace(FILES, &format!("{}/", folder.path().display()));
        let rules = folder.path().join("librechat");
        fs::create_dir(&rules).unwrap();
        for rule in fs::read_dir(repository("prometheus/rules")).unwrap().map(|entry| entry.unwrap().path()) {
            if rule.is_file() {
                // Prometheus begins with a group somewhere within its interval.
                let text = fs::read_to_string(&rule).unwrap().replace("interval: 2m", "interval: 1s");
                fs::write(rules.join(rule.file_name().unwrap()), text).unwrap();
            }
        }
        Self { folder, text }
    }

    /// The folder that stands for `/etc/prometheus`.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A job `name` that scrapes `/metrics` of 127.0.0.1 at `port`; `settings` are more lines of its YAML.
    pub(crate) fn add(mut self, name: &str, port: u16, settings: &str) -> Self {
        self.text.push_str(&format!(
            "  - job_name: {name}\n    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
        ));
        for line in settings.lines() {
            self.text.push_str(&format!("    {line}\n"));
        }
        self
    }

    /// Writes a file for a setting like `credentials_file`; gives its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Has promtool check the configuration, and starts Prometheus with it.
    pub(crate) async fn start(self) -> Prometheus {
        self.start_with(&[]).await
    }

    /// The same with more options.
    pub(crate) async fn start_with(self, options: &[&str]) -> Prometheus {
        let configuration = self.file("prometheus.yml", &self.text);
        let checked = promtool(&["check", "config", &configuration], "");
        assert!(checked.status.success(), "promtool check config: {checked:?}\n{}", self.text);
        let port = free_port();
        let mut prometheus = command("prometheus");
        prometheus.arg(format!("--config.file={configuration}"));
        prometheus.arg(format!("--storage.tsdb.path={}", self.folder.path().join("data").display()));
        prometheus.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        prometheus.args(options);
        let mut process = Process::start("prometheus", prometheus);
        eventually("Prometheus is ready", async || {
            process.expect_alive();
            let ready = http::get(port, "/-/ready", &[]).await.map_err(|error| error.to_string())?;
            if ready.status == 200 { Ok(()) } else { Err(ready.text()) }
        })
        .await;
        Prometheus { port, process, _folder: self.folder }
    }
}

impl Prometheus {
    /// The value of an instant query that gives one series; `None` when it gives none.
    pub(crate) async fn query(&self, expression: &str) -> Option<f64> {
        let result = self.result(expression).await;
        let result = result.as_array().unwrap();
        assert!(result.len() <= 1, "{expression} gives several series: {result:?}");
        result.first().map(|series| series["value"][1].as_str().unwrap().parse().unwrap())
    }

    /// The series that an instant query gives, as Prometheus writes them.
    pub(crate) async fn result(&self, expression: &str) -> Value {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = http::get(self.port, &format!("/api/v1/query?query={encoded}"), &[]).await.unwrap();
        assert_eq!(answer.status, 200, "{expression}: {}", answer.text());
        let mut answer: Value = serde_json::from_slice(&answer.body).unwrap();
        answer["data"]["result"].take()
    }

    /// Waits until the query gives `wanted`.
    pub(crate) async fn until(&self, expression: &str, wanted: f64) {
        eventually(&format!("Prometheus says that {expression} is {wanted}"), async || {
            match self.query(expression).await {
                Some(value) if value.to_bits() == wanted.to_bits() => Ok(()),
                other => {
                    Err(format!("{other:?}; targets: {}\n{}", self.targets().await, self.process.output()))
                }
            }
        })
        .await;
    }

    /// What Prometheus knows of its targets, with the errors of their last scrapes.
    pub(crate) async fn targets(&self) -> String {
        let answer = http::get(self.port, "/api/v1/targets?state=active", &[]).await;
        answer.map_or_else(|error| error.to_string(), |answer| answer.text())
    }
}

/// A path of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A file of the repository with changes, each of which fits in exactly one place outside of comments.
pub(crate) fn shipped(path: &str, changes: &[(&str, &str)]) -> String {
    let text = fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let code = |line: &&str| !line.trim_start().starts_with('#');
    let mut text: String = text.lines().filter(code).map(|line| format!("{line}\n")).collect();
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "{path}: {from}");
        text = text.replace(from, to);
    }
    text
}

/// Runs promtool with `input` on its standard input.
pub(crate) fn promtool(arguments: &[&str], input: &str) -> Output {
    let mut promtool = command("promtool");
    promtool.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = promtool.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}
