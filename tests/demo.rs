//! The demo: its exposition for a fixed seed and instant, to the letter, which is what the collectors and the renderer
//! make of a known LibreChat (`UPDATE_GOLDEN=1 cargo test --test demo` writes it anew); and that it has something to
//! show of everything.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use librechat_exporter::app;
use librechat_exporter::exposition::family::Kind;
use librechat_exporter::librechat::collector::moment;
use librechat_exporter::librechat::demo::Demo;
use librechat_exporter::librechat::events::Events;
use librechat_exporter::librechat::fold::Folds;
use librechat_exporter::librechat::scope::{Options, ShownUser, UserLabel};
use librechat_exporter::librechat::source::Source as _;
use librechat_exporter::librechat::status::Status;
use librechat_exporter::librechat::sync::Sync;
use prometheus_client::registry::Registry;
use time::OffsetDateTime;

const START: u64 = 1_795_247_940;

fn instant() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(START)
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test is told by its environment to write its golden file")]
async fn a_fixed_seed_gives_the_golden_exposition() {
    let text = app::once(&Demo::new(1, instant), Options::default(), instant()).await.unwrap();
    // How long the pass took is not the demo's; the order of lines is fixed but for the exporter's own.
    let mut lines: Vec<_> = text.lines().filter(|line| !line.contains("_duration_seconds")).collect();
    lines.sort_unstable();
    let text = lines.join("\n") + "\n";
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/demo.prom");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &text).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap();
    let differing = text.lines().zip(expected.lines()).find(|(ours, golden)| ours != golden);
    assert_eq!(differing, None, "the first line that differs, ours and the golden one");
    assert_eq!(text.lines().count(), expected.lines().count());
}

static NOW: AtomicU64 = AtomicU64::new(START);

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW.load(Ordering::Relaxed))
}

/// Series and their values.
type Samples = BTreeMap<String, f64>;

/// What is served after so many more seconds.
async fn later(seconds: u64, demo: &Demo, sync: &mut Sync, status: &Status) -> Samples {
    NOW.fetch_add(seconds, Ordering::Relaxed);
    demo.prepare().await.unwrap();
    let at = moment(now());
    let folds = sync.refresh(demo, status, at).await.unwrap();
    let mut samples = folds.export(at);
    samples.extend(sync.events());
    let text = samples.render();
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    lines.map(|(series, value)| (series.to_owned(), value.parse().unwrap())).collect()
}

/// The samples of a family; a histogram's by what they count.
fn of<'a>(name: &str, kind: Kind, samples: &'a Samples) -> BTreeMap<&'a str, f64> {
    let name = if kind == Kind::Histogram { format!("{name}_count") } else { name.to_owned() };
    let is_of = |series: &str| series.split('{').next() == Some(&name);
    samples
        .iter()
        .filter(|(series, _)| is_of(series))
        .map(|(series, value)| (series.as_str(), *value))
        .collect()
}

#[tokio::test]
async fn d78_a_salt_leaves_no_id_and_no_address_in_any_family() {
    use librechat_exporter::librechat::pseudonym::Salt;
    use librechat_exporter::secret::Secret;
    let salt = Salt::new(&Secret::new("a-salt-of-some-length"));
    let with = |label| Options { per_user: Some(label), ..Options::default() };
    let text =
        |label| async move { app::once(&Demo::new(1, instant), with(label), instant()).await.unwrap() };
    let users = |text: &str| -> BTreeMap<String, usize> {
        let mut users = BTreeMap::new();
        for user in text
            .lines()
            .filter_map(|line| line.split("{id=\"").nth(1).or_else(|| line.split(",id=\"").nth(1)))
        {
            *users.entry(user.split('"').next().unwrap().to_owned()).or_default() += 1;
        }
        users
    };
    let [by_id, by_email, by_pseudonym] = [
        text(UserLabel::Shown(ShownUser::Id)).await,
        text(UserLabel::Shown(ShownUser::Email)).await,
        text(UserLabel::Pseudonym(salt)).await,
    ];
    let (ids, emails) = (users(&by_id), users(&by_email));
    assert!(ids.len() > 10 && emails.keys().any(|email| email.contains('@')));
    let expected: BTreeMap<_, _> = ids.iter().map(|(id, series)| (salt.pseudonym(id), *series)).collect();
    assert_eq!(users(&by_pseudonym), expected);
    for raw in ids.keys().chain(emails.keys()) {
        assert!(!by_pseudonym.contains(raw.as_str()), "{raw}");
    }
}

#[tokio::test]
async fn every_family_has_samples_and_every_counter_moves() {
    let demo = Demo::new(1, now);
    let status = Status::register(&mut Registry::default(), now);
    let options = Options { per_user: Some(UserLabel::Shown(ShownUser::Id)), ..Options::default() };
    let mut sync = Sync::new(&options, Duration::from_secs(86_400));
    let start = later(0, &demo, &mut sync, &status).await;
    let minute = later(60, &demo, &mut sync, &status).await;
    let minutes = later(240, &demo, &mut sync, &status).await;
    for family in Folds::families().chain(Events::families()) {
        assert!(!of(family.name, family.kind, &minutes).is_empty(), "{} has no sample", family.name);
    }
    for family in Events::families() {
        let [start, minute, minutes] =
            [&start, &minute, &minutes].map(|samples| of(family.name, family.kind, samples));
        // A series that is there from the start is one of which `rate()` sees the first step.
        assert!(!start.is_empty() && start.values().all(|value| *value == 0.0), "{} {start:?}", family.name);
        let sum = |samples: &BTreeMap<_, f64>| samples.values().sum::<f64>();
        assert!(sum(&minutes) > sum(&minute), "{} stands still", family.name);
        assert!(sum(&minute) > 0.0, "{} does not move within a minute", family.name);
    }
    // Within a minute each endpoint and each model moves.
    for (name, kind, label) in [
        ("librechat_messages_created_total", Kind::Counter, "endpoint"),
        ("librechat_tokens_total", Kind::Counter, "model"),
        ("librechat_answer_seconds", Kind::Histogram, "endpoint"),
    ] {
        let mut by_label: BTreeMap<String, f64> = BTreeMap::new();
        for (series, value) in of(name, kind, &minute) {
            let value_of = |label: &str| series.split(&format!("{label}=\"")).nth(1)?.split('"').next();
            *by_label.entry(value_of(label).unwrap().to_owned()).or_default() += value;
        }
        let moving = by_label.values().filter(|value| **value > 0.0).count();
        assert!(moving * 4 >= by_label.len() * 3 && moving > 4, "{name}: {by_label:?}");
    }
    let invocations = of("librechat_tool_invocations_total", Kind::Counter, &minutes);
    for part in ["mcp", "action", "builtin", "handoff"].map(|kind| format!("kind=\"{kind}\"")) {
        assert!(invocations.keys().any(|series| series.contains(&part)), "{part}");
    }
    for part in ["ok", "failed", "cancelled", "unknown"].map(|status| format!("status=\"{status}\"")) {
        assert!(invocations.keys().any(|series| series.contains(&part)), "{part}");
    }
    let ratios = of("librechat_prompt_cache_hit_ratio", Kind::Gauge, &minutes);
    assert!(ratios.values().any(|ratio| *ratio > 0.2), "{ratios:?}");
}

/// Runs `backfill --demo` in a folder of its own, with more options.
fn backfill(options: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_librechat-exporter"));
    command.args(["backfill", "--demo"]).args(options).env_clear().env("LOG_FORMAT", "text");
    command.env("TMPDIR", folder).current_dir(folder).output().unwrap()
}

/// The date of so many days ago.
#[expect(clippy::disallowed_methods, reason = "what is built reads the clock, too")]
fn days_ago(days: u64) -> String {
    let at = OffsetDateTime::from(SystemTime::now() - Duration::from_secs(days * 86_400));
    at.date().to_string()
}

#[test]
fn issue_15_what_backfill_cannot_do_is_said_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (week, today) = (days_ago(7), days_ago(0));
    let from = ["--from", &week];
    let cases: [(&[&str], &[&str]); 16] = [
        (&[], &["--from"]),
        (&from, &["--step"]),
        (&["--from", &week, "--to", &days_ago(8), "--step", "1h"], &["--to", "is before --from"]),
        (&["--from", "2999-01-01", "--step", "1h"], &["--from 2999", "future"]),
        (&["--from", &week, "--to", "2999-01-01", "--step", "1h"], &["--to 2999", "future"]),
        (&["--from", &week, "--step", "30s"], &["--step", "points", "11000", "at least"]),
        (&["--from", &week, "--step", "0"], &["--step"]),
        (&["--from", &week, "--step", "1h500ms"], &["--step", "whole seconds"]),
        (&["--from", &week, "--step", "60"], &["--step", "needs a unit"]),
        (&["--from", &week, "--step", "daily"], &["--step", "1h"]),
        (&["--from", "yesterday", "--step", "1h"], &["--from", "2026-01-31"]),
        (&["--from", &week, "--step", "1d", "--label", "job"], &["--label", "job=librechat"]),
        (&["--from", &week, "--step", "1d", "--label", "a-b=c"], &["--label", "a-b"]),
        (&["--from", &week, "--step", "1d", "--label", "model=c"], &["--label", "model"]),
        (&["--from", &week, "--step", "1d", "--label", "le=c"], &["--label", "le"]),
        (&["--from", &week, "--step", "1d", "--format", "csv"], &["--format"]),
    ];
    for (options, words) in cases {
        for output in [&[][..], &["--output", "history.om"]] {
            let outcome = backfill(&[options, output].concat(), folder.path());
            let said = String::from_utf8(outcome.stderr).unwrap();
            assert_eq!(outcome.status.code(), Some(2), "{options:?}: {said}");
            assert!(words.iter().all(|word| said.contains(word)), "{options:?}: {said}");
            assert!(outcome.stdout.is_empty(), "{options:?}");
        }
    }
    let unwritable = ["--from", &today, "--step", "1d", "--output"];
    for output in [".", "gone/history.om", "/proc/history.om"] {
        let outcome = backfill(&[&unwritable[..], &[output]].concat(), folder.path());
        let said = String::from_utf8(outcome.stderr).unwrap();
        assert_eq!(outcome.status.code(), Some(1), "{output}: {said}");
        assert!(said.contains("--output"), "{output}: {said}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something was written");
}

#[test]
fn issue_15_backfill_replaces_a_file_as_a_whole_and_writes_to_what_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.om");
    let link = folder.path().join("link.om");
    fs::write(&file, "what was there").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let week = days_ago(7);
    let options = ["--from", &week, "--step", "2d", "--label", "job=demo"];
    let printed = backfill(&options, folder.path());
    assert!(printed.status.success(), "{printed:?}");
    let replaced = backfill(&[&options[..], &["--output", "link.om"]].concat(), folder.path());
    assert!(replaced.status.success() && replaced.stdout.is_empty(), "{replaced:?}");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    for text in [String::from_utf8(printed.stdout).unwrap(), fs::read_to_string(&file).unwrap()] {
        assert!(text.ends_with("\n# EOF\n"));
        assert_eq!(text.matches("librechat_message_count{job=\"demo\"} ").count(), 4);
    }
    let device = backfill(&[&options[..], &["--output", "/dev/stdout"]].concat(), folder.path());
    assert!(device.status.success() && device.stdout.ends_with(b"# EOF\n"), "{:?}", device.status);
    let mut left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["history.om", "link.om"]);
}
