//! `.env` files: read as LibreChat's own reader does, so that one can be shared; a line that is not ours never fails the
//! start, one of ours that cannot be read does (issue 11.2, A1, A3, B1).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use crate::program::{Outcome, run_in};

const MONGO: (&str, &str) = ("MONGO_URI", "mongodb://127.0.0.1:1/LibreChat");
const TOKEN: &str = "$uperSecretToken0123456789";

fn folder(dot_env: impl AsRef<[u8]>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), dot_env).unwrap();
    folder
}

async fn check(dot_env: impl AsRef<[u8]>, settings: &[(&str, &str)]) -> Outcome {
    let folder = folder(dot_env);
    run_in(folder.path(), &["check-config"], &[&[MONGO], settings].concat()).await
}

#[tokio::test]
async fn a1_b1_every_command_starts_with_the_lines_of_librechats_own_example() {
    let example = include_str!("../support/dotenv/librechat.env");
    assert!(example.lines().count() > 190);
    let folder = folder(example);
    let checked = run_in(folder.path(), &["check-config"], &[]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    // Nothing listens there: that they get so far is that they started.
    let nowhere = ("MONGO_URI", "mongodb://127.0.0.1:1/LibreChat?serverSelectionTimeoutMS=100");
    for command in ["once", "healthcheck"] {
        let outcome = run_in(folder.path(), &[command], &[nowhere]).await;
        assert_eq!(outcome.code, Some(1), "{command}: {outcome:?}");
    }
    // A port that cannot be bound ends them after everything was read.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for command in ["serve", "demo"] {
        let address = [("LIBRECHAT_EXPORTER_HOST", "127.0.0.1"), ("LIBRECHAT_EXPORTER_PORT", port.as_str())];
        let outcome = run_in(folder.path(), &[command], &address).await;
        assert_eq!(outcome.code, Some(1), "{command}: {outcome:?}");
        assert!(outcome.stderr.contains("cannot listen"), "{command}: {outcome:?}");
    }
}

#[tokio::test]
async fn a3_a_dollar_sign_stays_what_it_is() {
    let outcome = check(format!("METRICS_BEARER_TOKEN={TOKEN}\nTENANT_ID=a$HOME${{HOME}}b\n"), &[]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("METRICS_BEARER_TOKEN=[redacted]"), "{outcome:?}");
    assert!(outcome.stdout.contains("TENANT_ID=a$HOME${HOME}b"), "{outcome:?}");
    assert!(outcome.stdout.contains("/metrics asks, in this order: bearer"), "{outcome:?}");
}

#[tokio::test]
async fn a_line_that_is_not_ours_never_fails_the_start() {
    let lines = "A=it's\nB=\"open\nC D E\n{}\n\u{1}\u{2}\n=x\n'quoted'=1\nEMAIL_FROM_NAME=My Company\n\
                 METRIC=`x\nPORTAL is here\nTENANT_ID=mine\n";
    let mut bytes = lines.as_bytes().to_vec();
    bytes.extend(b"LATIN=caf\xe9\n");
    let outcome = check(bytes, &[]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("TENANT_ID=mine"), "{outcome:?}");
}

#[tokio::test]
async fn a_line_of_ours_that_cannot_be_read_is_named_with_its_file_and_line() {
    let rows: &[(&[u8], &str, &str)] = &[
        (
            b"# x\n\nMETRICS_BEARER_TOKEN='canary-0123456789\n",
            "METRICS_BEARER_TOKEN (.env, line 3)",
            "quotation mark",
        ),
        (
            b"METRICS_BEARER_TOKEN=\"canary\" canary-012345\n",
            "METRICS_BEARER_TOKEN (.env, line 1)",
            "quotation mark",
        ),
        (b"METRICS_BEARER_TOKEN canary-0123456789\n", "METRICS_BEARER_TOKEN (.env, line 1)", "="),
        (b"\nMETRICS_BEARER_TOKEN:canary-0123456789\n", "METRICS_BEARER_TOKEN (.env, line 2)", "="),
        (b"export METRICS_ALLOWED_IPS\n", "METRICS_ALLOWED_IPS (.env, line 1)", "="),
        (b"METRICS_BEARER_TOKEN=canary-\xe9-0123456789\n", "METRICS_BEARER_TOKEN (.env, line 1)", "UTF-8"),
        (b"METRICS_BEARER_TOKEN=c#canary-0123456789\n", "METRICS_BEARER_TOKEN (.env, line 1)", "#"),
        (
            b"A=1\nMETRICS_BEARER_TOKN=canary-0123456789\n",
            "METRICS_BEARER_TOKN (.env, line 2)",
            "did you mean",
        ),
        (b"A=1\nPORT=canary\n", "PORT (.env, line 2)", "must be a port"),
        (b"LIBRECHAT_EXPORTER_PORT=canary\n", "LIBRECHAT_EXPORTER_PORT", ".env, line 1"),
        (b"\xff\xfeA\0=\0b\0\n\0", ".env", "UTF-16"),
    ];
    for (text, subject, words) in rows {
        let outcome = check(text, &[]).await;
        let shown = String::from_utf8_lossy(text);
        assert_eq!(outcome.code, Some(2), "{shown}: {outcome:?}");
        assert!(outcome.stderr.contains(subject), "{shown}: {outcome:?}");
        assert!(outcome.stderr.contains(words), "{shown}: {outcome:?}");
        assert!(!outcome.stderr.contains("canary"), "{shown}: {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{shown}: {outcome:?}");
    }
}

#[tokio::test]
async fn files_as_windows_writes_them_are_read() {
    let outcome = check("\u{feff}TENANT_ID=mine\r\nMONGO_DATABASE: \"quoted\" # why\r\n", &[]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    for line in ["TENANT_ID=mine", "MONGO_DATABASE=quoted"] {
        assert!(outcome.stdout.contains(line), "{outcome:?}");
    }
}

#[tokio::test]
async fn another_file_is_named_by_a_variable_and_has_to_be_there() {
    let folder = folder("TENANT_ID=default\n");
    fs::write(folder.path().join("other"), "TENANT_ID=other\n").unwrap();
    let check = async |file: &str| {
        let settings = [MONGO, ("LIBRECHAT_EXPORTER_ENV_FILE", file)];
        run_in(folder.path(), &["check-config"], &settings).await
    };
    let other = check("other").await;
    assert!(other.stdout.contains("TENANT_ID=other"), "{other:?}");
    assert!(other.stdout.contains("/other"), "which file was read is said: {other:?}");
    assert!(!check("/dev/null").await.stdout.contains("TENANT_ID"));
    for (file, words) in [("missing", "does not exist"), ("", "empty")] {
        let outcome = check(file).await;
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.stderr.contains("LIBRECHAT_EXPORTER_ENV_FILE"), "{outcome:?}");
        assert!(outcome.stderr.contains(words), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_file_that_everybody_may_write_to_is_ignored_with_a_warning() {
    let folder = folder("TENANT_ID=theirs\n");
    let path = folder.path().join(".env");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let check = async |folder: &Path| run_in(folder, &["check-config"], &[MONGO]).await;
    let ignored = check(folder.path()).await;
    assert_eq!(ignored.code, Some(0), "{ignored:?}");
    assert!(!ignored.stdout.contains("TENANT_ID"), "{ignored:?}");
    assert!(ignored.stderr.contains("LIBRECHAT_EXPORTER_ENV_FILE=.env"), "{ignored:?}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(check(folder.path()).await.stdout.contains("TENANT_ID=theirs"));
}
