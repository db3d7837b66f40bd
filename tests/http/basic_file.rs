//! `METRICS_BASIC_AUTH_FILE`: an htpasswd file of several users, read again while the exporter runs.

use std::fs;

use crate::authorization::basic;
use crate::program::{Program, eventually, run};
use crate::refusal::{Answer, assert_answer};

fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

#[tokio::test]
async fn the_users_of_a_file_are_let_in_and_a_rotation_leaves_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("htpasswd");
    let before = format!("\u{feff}# scrapers\r\n\r\nalice:{}\r\nbob:{}\r\n", hash("alice-1"), hash("bob:1"));
    fs::write(&file, before).unwrap();
    let settings = [
        ("METRICS_BASIC_AUTH_FILE", file.to_str().unwrap()),
        ("METRICS_BASIC_AUTH_USER", "prometheus"),
        ("METRICS_BASIC_AUTH_PASSWORD", "a-password-of-the-variables"),
        ("RATE_LIMIT_MAX", "0"),
        ("METRICS_BRUTE_FORCE_PROTECTION", "false"),
    ];
    let program = Program::demo(&settings).await;
    let status = async |pair: &str| program.get("/metrics", &[basic(pair)]).await.status;
    for pair in ["alice:alice-1", "bob:bob:1", "prometheus:a-password-of-the-variables"] {
        assert_eq!([status(pair).await, status(pair).await], [200, 200], "{pair}");
    }
    for pair in
        ["alice:bob:1", "bob:alice-1", "carol:alice-1", "alice:", "prometheus:alice-1", "alice:alice-2"]
    {
        let response = program.get("/metrics", &[basic(pair)]).await;
        assert_answer(&response, Answer::Challenged, (0, pair));
    }

    let both = format!("alice:{}\nalice:{}\n", hash("alice-1"), hash("alice-2"));
    fs::write(&file, &both).unwrap();
    program.signal("HUP");
    eventually("the new password is good", async || match status("alice:alice-2").await {
        200 => Ok(()),
        other => Err(other.to_string()),
    })
    .await;
    assert_eq!([status("alice:alice-1").await, status("bob:bob:1").await], [200, 401]);

    for broken in ["alice:{SHA}0123456789\n", "", "# nobody\n", "alice\n"] {
        fs::write(&file, broken).unwrap();
        program.signal("HUP");
        program.until_logged("cannot apply the change").await;
        assert_eq!([status("alice:alice-1").await, status("alice:alice-2").await], [200, 200], "{broken:?}");
    }
    assert!(!program.output().contains("0123456789"));
}

#[tokio::test]
async fn a_bad_file_stops_the_start_with_every_line_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("htpasswd");
    let path = file.to_str().unwrap();
    let good = hash("x");
    for (text, said) in [
        (
            format!("a:{good}\nb:$apr1$canary$canary\nc:canary\n"),
            &["line 2", "APR1", "line 3", "plain text"][..],
        ),
        ("#\n".into(), &["holds no user"]),
    ] {
        fs::write(&file, text).unwrap();
        let settings = [("METRICS_BASIC_AUTH_FILE", path), ("MONGO_URI", "mongodb://127.0.0.1:1/LibreChat")];
        let outcome = run(&["check-config"], &settings).await;
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        for words in said.iter().chain(&["METRICS_BASIC_AUTH_FILE"]) {
            assert!(outcome.stderr.contains(words), "{words}: {outcome:?}");
        }
        assert!(!outcome.stderr.contains("canary"), "{outcome:?}");
    }
    fs::write(&file, format!("alice:{good}\n")).unwrap();
    let twice = [
        ("METRICS_BASIC_AUTH_FILE", path),
        ("METRICS_BASIC_AUTH_USER", "alice"),
        ("METRICS_BASIC_AUTH_PASSWORD", "a-password-of-the-variables"),
        ("MONGO_URI", "mongodb://127.0.0.1:1/LibreChat"),
    ];
    let outcome = run(&["check-config"], &twice).await;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(
        outcome.stderr.contains("METRICS_BASIC_AUTH_FILE has the user of METRICS_BASIC_AUTH_USER too"),
        "{outcome:?}"
    );
}
