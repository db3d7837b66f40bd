//! Every family that is served: once only, and named as Prometheus asks, but for the names of the Node exporter that
//! are kept for its dashboards.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use librechat_exporter::exposition::family::Kind;
use librechat_exporter::librechat::fold::Folds;

/// The demo, served on a Unix socket, killed when the test ends.
struct Served {
    process: Child,
    folder: tempfile::TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Served {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_librechat-exporter"))
            .arg("demo")
            .env_clear()
            .env("HOST", format!("unix:{}", folder.path().join("socket").display()))
            .current_dir(folder.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, folder }
    }

    /// The exposition, once there is one with LibreChat's figures.
    fn exposition(&self, accept: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(text) = self.get(accept).filter(|text| text.contains("librechat_user_count")) {
                return text;
            }
            assert!(Instant::now() < deadline, "the demo does not serve");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn get(&self, accept: &str) -> Option<String> {
        let mut stream = UnixStream::connect(self.folder.path().join("socket")).ok()?;
        let request =
            format!("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut response = String::new();
        stream.read_to_string(&mut response).ok()?;
        response.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    }
}

fn is_snake_case(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[test]
fn no_family_is_served_twice_and_every_one_has_help() {
    let served = Served::start();
    for accept in ["text/plain", "application/openmetrics-text"] {
        let text = served.exposition(accept);
        let of = |prefix: &str| -> Vec<String> {
            let lines = text.lines().filter_map(|line| line.strip_prefix(prefix));
            lines.map(|rest| rest.split(' ').next().unwrap_or_default().to_owned()).collect()
        };
        let types = of("# TYPE ");
        let unique: BTreeSet<_> = types.iter().collect();
        assert_eq!(unique.len(), types.len(), "a family is served twice");
        assert_eq!(of("# HELP "), types);
        assert!(types.iter().all(|name| is_snake_case(name)), "{types:?}");
        assert!(
            types.iter().all(|name| name.starts_with("librechat_") || name.starts_with("process_")),
            "{types:?}"
        );
    }
}

#[test]
fn families_of_folds_are_unique_and_say_what_they_are() {
    let families: Vec<_> = Folds::families().collect();
    let names: BTreeSet<_> = families.iter().map(|family| family.name).collect();
    assert_eq!(names.len(), families.len());
    for family in families {
        let name = family.name;
        assert!(name.starts_with("librechat_") && is_snake_case(name), "{name}");
        assert!(!family.help.is_empty() && !family.help.ends_with('.'), "{name}: {}", family.help);
        assert!(!family.help.starts_with(char::is_lowercase), "{name}: {}", family.help);
        // Only counters of ours end so; the Node exporter has gauges that do.
        assert!(family.kind != Kind::Counter || name.ends_with("_total"), "{name}");
        for label in family.labels {
            assert!(!["le", "quantile", "job", "instance"].contains(label), "{name}: {label}");
        }
    }
}
