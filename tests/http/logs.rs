//! What the log of a start says, and what `LOG_LEVEL=debug` adds (issue 14.4, C3, C5).

use std::net::TcpListener;
use std::process::Command;

use crate::authorization::{TOKEN, good};
use crate::program::{Program, free_port};

fn messages(program: &Program) -> Vec<String> {
    let text = |line: &serde_json::Value| line["message"].as_str().unwrap_or_default().to_owned();
    program.log().iter().map(text).collect()
}

#[tokio::test]
async fn c3_the_log_of_a_start_says_what_runs_where_and_what_was_found() {
    let port = free_port().to_string();
    let settings =
        [("METRICS_BEARER_TOKEN", TOKEN), ("METRICS_PORT", &*port), ("METRICS_ALLOWED_IPS", "127.0.0.1")];
    let program = Program::launch(&settings).await;
    program.until("/readyz", 200).await;
    program.until_logged("/metrics is ready").await;
    let said = messages(&program);
    let version = concat!("librechat-exporter ", env!("CARGO_PKG_VERSION"), " (");
    assert!(said[0].starts_with(version), "{said:?}");
    for line in [
        "listening: /health, /livez and /readyz, but not /metrics",
        "listening: /metrics",
        "/metrics asks, in this order: allow_list, bearer",
    ] {
        assert!(said.iter().any(|message| message == line), "{line}: {said:?}");
    }
    let found = said.iter().find(|message| message.starts_with("the initial read took")).unwrap();
    assert!(found.contains(" messages, ") && !found.contains(" 0 messages"), "{found}");
    assert!(found.contains(" users and ") && found.contains("the oldest of 20"), "{found}");
    let listening = program.log().into_iter().find(|line| line["message"] == "listening: /metrics").unwrap();
    assert_eq!(listening["scheme"], "http");
    assert_eq!(listening["address"], format!("127.0.0.1:{port}"));
}

#[tokio::test]
async fn c3_debug_has_a_line_for_each_refresh_and_each_scrape() {
    let program = Program::demo(&[
        ("METRICS_BEARER_TOKEN", TOKEN),
        ("LOG_LEVEL", "debug"),
        ("REFRESH_INTERVAL", "200ms"),
        ("HOST", "127.0.0.1"),
    ])
    .await;
    assert_eq!(program.get("/metrics", &[good()]).await.status, 200);
    program.until_logged("answers a scrape").await;
    program.until_logged("refreshed in").await;
    let said = messages(&program);
    let refresh = said.iter().find(|message| message.starts_with("refreshed in")).unwrap();
    assert!(refresh.contains("documents read: "), "{refresh}");
}

#[test]
fn c5_no_color_is_respected_on_a_terminal() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let on_a_terminal = |no_color: &str| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("script");
        command.args([
            "--quiet",
            "--command",
            concat!(env!("CARGO_BIN_EXE_librechat-exporter"), " demo"),
            "/dev/null",
        ]);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("NO_COLOR", no_color).current_dir(folder.path());
        let output = command.envs([("HOST", "127.0.0.1"), ("PORT", &*port)]).output();
        String::from_utf8_lossy(&output.expect("script (Debian: bsdutils)").stdout).into_owned()
    };
    let colored = on_a_terminal("");
    assert!(colored.contains("\u{1b}[") && colored.contains("librechat-exporter"), "{colored}");
    let plain = on_a_terminal("1");
    assert!(!plain.contains("\u{1b}[") && plain.contains("librechat-exporter"), "{plain}");
}
