//! The exporter itself, as an operator runs it: the built binary, its environment, its ports, its output.

use std::collections::BTreeMap;
use std::process::{Command, ExitStatus};

use tempfile::TempDir;

use crate::exposition::{self, Series};
use crate::http::{self, Response};
use crate::process::Process;
use crate::servers::{eventually, free_port};

/// What a command that ran to its end said.
pub(crate) struct Outcome {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

/// A running `serve`. Dropping it kills it.
pub(crate) struct Exporter {
    /// The port of everything, or of all but `/metrics`.
    pub(crate) port: u16,
    /// The process.
    pub(crate) process: Process,
    _folder: TempDir,
}

impl Exporter {
    /// Starts `serve` on a port of 127.0.0.1, folding twice a second, and waits until `/livez` answers.
    pub(crate) async fn serve(environment: &[(&str, &str)]) -> Self {
        Self::start("serve", environment).await
    }

    /// The same for `demo`, which needs no MongoDB; waits until its first fold is published.
    pub(crate) async fn demo(environment: &[(&str, &str)]) -> Self {
        let exporter = Self::start("demo", environment).await;
        exporter.until_status("/readyz", 200).await;
        exporter
    }

    async fn start(subcommand: &str, environment: &[(&str, &str)]) -> Self {
        let mut exporter = Self::spawn(subcommand, environment);
        let port = exporter.port;
        eventually("the exporter answers on /livez", async || {
            exporter.process.expect_alive();
            match http::get(port, "/livez", &[]).await {
                Ok(response) if response.status == 200 => Ok(()),
                Ok(response) => Err(format!("status {}", response.status)),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
        exporter
    }

    /// Starts a command that serves, and waits for nothing: for one that answers in no way that this harness knows.
    pub(crate) fn spawn(subcommand: &str, environment: &[(&str, &str)]) -> Self {
        let port = free_port();
        let number = port.to_string();
        let mut settings = vec![("HOST", "127.0.0.1"), ("PORT", &number), ("REFRESH_INTERVAL", "500")];
        settings.extend(environment);
        let folder = TempDir::with_prefix("exporter").unwrap();
        let name = format!("librechat-exporter {subcommand}");
        let process = Process::start(&name, command(&[subcommand], &settings, &folder));
        Self { port, process, _folder: folder }
    }

    /// Runs a command to its end.
    pub(crate) async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Outcome {
        let folder = TempDir::with_prefix("exporter").unwrap();
        let name = format!("librechat-exporter {}", arguments.join(" "));
        let mut process = Process::start(&name, command(arguments, environment, &folder));
        let status = process.ended().await;
        Outcome { status, stdout: process.stdout(), stderr: process.stderr() }
    }

    /// `GET path` on the port of everything.
    pub(crate) async fn get(&self, path: &str) -> Response {
        http::get(self.port, path, &[]).await.unwrap_or_else(|error| self.no_answer(path, &error))
    }

    /// The samples of `/metrics` without credentials.
    pub(crate) async fn scrape(&self) -> BTreeMap<Series, f64> {
        let response = self.get("/metrics").await;
        assert_eq!(response.status, 200, "{}", self.process.output());
        exposition::parse(&response.text())
    }

    /// Waits until `GET path` answers with this status.
    pub(crate) async fn until_status(&self, path: &str, status: u16) -> Response {
        eventually(&format!("{path} answers {status}"), async || {
            let response = self.get(path).await;
            if response.status == status { Ok(response) } else { Err(format!("{response:?}")) }
        })
        .await
    }

    /// Waits until the only sample of `name` is `wanted` (`None`: until there is none); gives all samples.
    pub(crate) async fn until_sample(&self, name: &str, wanted: Option<f64>) -> BTreeMap<Series, f64> {
        eventually(&format!("{name} is {wanted:?}"), async || {
            let samples = self.scrape().await;
            let value = exposition::value(&samples, name);
            if value == wanted { Ok(samples) } else { Err(format!("it is {value:?}")) }
        })
        .await
    }

    /// Waits until a line of the log holds all of these words, in any case; gives the line.
    pub(crate) async fn until_logged(&self, words: &[&str]) -> String {
        eventually(&format!("the log says {words:?}"), async || {
            let output = self.process.output();
            let line = output.lines().find(|line| {
                let line = line.to_lowercase();
                words.iter().all(|word| line.contains(&word.to_lowercase()))
            });
            line.map(ToOwned::to_owned).ok_or(output)
        })
        .await
    }

    fn no_answer(&self, path: &str, error: &std::io::Error) -> ! {
        panic!("{path} is not answered: {error}; the exporter says:\n{}", self.process.output())
    }
}

fn command(arguments: &[&str], environment: &[(&str, &str)], folder: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_librechat-exporter"));
    // PATH alone is kept: no setting of whoever runs the tests gets in, and no `.env` lies in the folder.
    let path = crate::servers::path();
    command.args(arguments).env_clear().env("PATH", path).current_dir(folder.path());
    command.env("LOG_FORMAT", "text").envs(environment.iter().copied());
    command
}
