//! `HOST=unix:…`: what may be in the way of a socket, who may connect to it, and when it goes.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::Command;

use crate::authorization::{TOKEN, good};
use crate::client::{self, Request, Target};
use crate::program::{Outcome, Program, run};

fn host(path: &Path) -> String {
    format!("unix:{}", path.display())
}

/// The start on that path, which must fail.
async fn refused(path: &Path, reason: &str) {
    let outcome: Outcome = run(&["demo"], &[("HOST", &host(path)), ("LOG_LEVEL", "error")]).await;
    assert_eq!(outcome.code, Some(1), "{reason}: {outcome:?}");
    let lines: Vec<_> = outcome.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{outcome:?}");
    assert!(lines[0].contains(reason) && lines[0].contains(&host(path)), "{reason}: {outcome:?}");
}

/// A socket that its program left behind.
fn abandon(path: &Path) {
    drop(UnixListener::bind(path).unwrap());
    assert!(path.exists());
}

#[tokio::test]
async fn row_b1_what_is_no_abandoned_socket_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);

    fs::write(path("file"), "precious").unwrap();
    refused(&path("file"), "a regular file is there").await;
    assert_eq!(fs::read_to_string(path("file")).unwrap(), "precious");

    fs::create_dir(path("folder")).unwrap();
    refused(&path("folder"), "a folder is there").await;
    assert!(path("folder").is_dir());

    assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
    refused(&path("pipe"), "a named pipe is there").await;
    assert!(fs::metadata(path("pipe")).unwrap().file_type().is_fifo());

    abandon(&path("abandoned"));
    for (link, to) in [("to-file", "file"), ("to-socket", "abandoned"), ("to-nothing", "nothing")] {
        symlink(path(to), path(link)).unwrap();
        refused(&path(link), "a symbolic link is there").await;
        assert_eq!(fs::read_link(path(link)).unwrap(), path(to), "{link}");
    }
    assert_eq!(fs::read_to_string(path("file")).unwrap(), "precious");
    assert!(path("abandoned").exists() && !path("nothing").exists());

    let live = UnixListener::bind(path("live")).unwrap();
    refused(&path("live"), "another program listens there").await;
    let datagrams = UnixDatagram::bind(path("datagrams")).unwrap();
    refused(&path("datagrams"), "does not refuse connections").await;
    assert!(path("live").exists() && path("datagrams").exists());
    drop((live, datagrams));

    refused(&path("missing/exporter.sock"), "does not exist").await;
    refused(&path("file/exporter.sock"), "Not a directory").await;
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 9, "nothing is left behind: {names:?}");
}

#[tokio::test]
async fn row_b1_a_socket_of_somebody_else_is_not_taken_over_while_he_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exporter.sock");
    let first = Program::launch(&[("HOST", &host(&path)), ("METRICS_BEARER_TOKEN", TOKEN)]).await;
    refused(&path, "another program listens there").await;
    let response = client::ask(Target::Unix(&path), &Request::get("/metrics").line(good()).last()).await;
    assert_eq!(response.status, 200, "the first goes on");
    drop(first);
}

#[tokio::test]
async fn an_abandoned_socket_is_replaced_and_a_clean_exit_leaves_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exporter.sock");
    abandon(&path);
    let mut program = Program::launch(&[("HOST", &host(&path))]).await;
    let response = client::ask(Target::Unix(&path), &Request::get("/livez").last()).await;
    assert_eq!(response.status, 200);
    program.signal("TERM");
    assert_eq!(program.ended().await.code(), Some(0));
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "neither the socket nor anything else is left"
    );

    // What has come in its place is not ours to remove.
    let mut program = Program::launch(&[("HOST", &host(&path))]).await;
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    program.signal("TERM");
    assert_eq!(program.ended().await.code(), Some(0));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn row_b4_the_mode_of_the_socket_says_who_may_connect() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exporter.sock");
    let host = host(&path);
    for (given, mode) in [(None, 0o660), (Some("0600"), 0o600), (Some("666"), 0o666)] {
        let mut settings = vec![("HOST", &*host)];
        settings.extend(given.map(|given| ("METRICS_SOCKET_MODE", given)));
        let _program = Program::launch(&settings).await;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode, "{given:?}");
    }
    for bad in ["0060", "rw-rw----", "1777", "9"] {
        let outcome = run(&["demo"], &[("HOST", &host), ("METRICS_SOCKET_MODE", bad)]).await;
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(
            outcome.stderr.contains("METRICS_SOCKET_MODE") && outcome.stderr.contains(bad),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn two_listeners_do_not_share_a_socket() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(&folder.path().join("exporter.sock"));
    let outcome = run(&["demo"], &[("HOST", &host), ("METRICS_PORT", "9100")]).await;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("METRICS_HOST must be another than HOST"), "{outcome:?}");
}
