//! The life of a watched file, step by step, and the loop around it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::sync::mpsc;

use super::*;
use crate::secret::Live;

fn refuse() -> Result<(), String> {
    Err("holds nonsense".into())
}

#[test]
fn each_transition_is_told_once() {
    let print = |text: &str| Fingerprint::of(text.as_bytes());
    let mut state = State::new(print("a"));
    let failed = |problem: &str| Change::Failed(problem.into());

    assert_eq!(state.see(print("a"), || panic!("applied what is in force")), Change::None);
    assert_eq!(state.lose("is missing".into()), failed("is missing"));
    assert_eq!(state.lose("is missing".into()), Change::None);
    assert_eq!(state.lose("is empty".into()), failed("is empty"));
    assert_eq!(state.see(print("a"), || panic!("applied what is in force")), Change::Restored);
    assert_eq!(state.see(print("a"), || panic!("applied what is in force")), Change::None);

    assert_eq!(state.see(print("b"), refuse), failed("holds nonsense"));
    assert_eq!(state.see(print("b"), || panic!("tried again what was refused")), Change::None);
    assert_eq!(state.see(print("c"), refuse), failed("holds nonsense"));
    assert_eq!(state.see(print("a"), || panic!("applied what is in force")), Change::Restored);

    assert_eq!(state.see(print("b"), || Ok(())), Change::Applied);
    assert_eq!(state.see(print("b"), || panic!("applied what is in force")), Change::None);
    assert_eq!(state.see(print("a"), || Ok(())), Change::Applied);
}

#[test]
fn a_file_that_came_back_different_is_applied() {
    let mut state = State::new(Fingerprint::of(b"a"));
    assert_eq!(state.lose("is missing".into()), Change::Failed("is missing".into()));
    assert_eq!(state.see(Fingerprint::of(b"b"), || Ok(())), Change::Applied);
}

/// A reloader over one secret file whose value must not contain "bad", with the value in force and its counters.
struct Fixture {
    reloader: Reloader,
    value: Arc<Live<String>>,
    registry: Registry,
}

impl Fixture {
    fn new(path: &Path) -> Self {
        let mut registry = Registry::default();
        let file = SecretFile::new(path);
        let loaded = file.load().unwrap();
        let value = Arc::new(Live::new(loaded.expose().to_owned()));
        let slot = Arc::clone(&value);
        let watch = Watch::secret("TOKEN_FILE", &loaded, file, move |secret| {
            if secret.expose().contains("bad") {
                return Err("holds what is bad");
            }
            slot.replace(secret.expose().to_owned());
            Ok(())
        });
        let reloads = Reloads::register(registry.sub_registry_with_prefix("librechat_exporter"));
        Self { reloader: Reloader::new(vec![watch], reloads), value, registry }
    }

    /// The value in force, and the counters of good and failed reloads, after one check.
    fn check(&mut self) -> (String, u64, u64) {
        self.reloader.check();
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        let count = |result| {
            let series = format!("librechat_exporter_secret_reloads_total{{result=\"{result}\"}} ");
            text.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
        };
        (self.value.current().as_ref().clone(), count("ok"), count("failed"))
    }
}

#[test]
fn applies_changes_and_keeps_the_old_value_through_every_failure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "one\n").unwrap();
    let mut fixture = Fixture::new(&path);
    let mut after = |change: &dyn Fn()| {
        change();
        let _ = fixture.check();
        fixture.check()
    };
    let write = |text: &str| fs::write(&path, text).unwrap();

    assert_eq!(after(&|| {}), ("one".into(), 0, 0));
    assert_eq!(after(&|| write("two")), ("two".into(), 1, 0));
    assert_eq!(after(&|| write("two\n")), ("two".into(), 1, 0), "a newline is no change");
    assert_eq!(after(&|| fs::remove_file(&path).unwrap()), ("two".into(), 1, 1));
    assert_eq!(after(&|| write("two")), ("two".into(), 1, 1));
    assert_eq!(after(&|| write("")), ("two".into(), 1, 2));
    assert_eq!(after(&|| write("bad")), ("two".into(), 1, 3));
    assert_eq!(after(&|| write("three")), ("three".into(), 2, 3));
}

#[test]
fn sees_a_symlink_swap_and_a_rewrite_of_the_same_length_and_time() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("v1", "old-token"), ("v2", "new-token")] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("token"), text).unwrap();
    }
    // As Kubernetes lays out a mounted secret: token -> ..data/token, ..data -> v1, swapped by a rename.
    symlink("v1", folder.path().join("..data")).unwrap();
    let path = folder.path().join("token");
    symlink("..data/token", &path).unwrap();
    let mut fixture = Fixture::new(&path);

    symlink("v2", folder.path().join("..tmp")).unwrap();
    fs::rename(folder.path().join("..tmp"), folder.path().join("..data")).unwrap();
    assert_eq!(fixture.check(), ("new-token".into(), 1, 0));

    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "odd-token").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    assert_eq!(fixture.check(), ("odd-token".into(), 2, 0));
}

/// A running reloader whose file reads differently each time; gives what was applied.
fn run(hangup: &Arc<Notify>) -> mpsc::UnboundedReceiver<String> {
    let (sender, applied) = mpsc::unbounded_channel();
    let mut reads = 0;
    let read = move || {
        reads += 1;
        Ok::<_, String>(Secret::new(format!("read {reads}")))
    };
    let apply = move |secret: Secret| sender.send(secret.expose().to_owned());
    let watch = Watch::new("TOKEN_FILE", &Secret::new("read 0"), read, apply);
    let reloader = Reloader::new(vec![watch], Reloads::register(&mut Registry::default()));
    tokio::spawn(reloader.run(Arc::clone(hangup)));
    applied
}

#[tokio::test(start_paused = true)]
async fn checks_every_five_seconds() {
    let start = Instant::now();
    let mut applied = run(&Arc::new(Notify::new()));
    for (text, seconds) in [("read 1", 5), ("read 2", 10), ("read 3", 15)] {
        assert_eq!(applied.recv().await.unwrap(), text);
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn checks_at_once_when_notified() {
    let start = Instant::now();
    let hangup = Arc::new(Notify::new());
    let mut applied = run(&hangup);
    for text in ["read 1", "read 2"] {
        hangup.notify_one();
        assert_eq!(applied.recv().await.unwrap(), text);
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_panics_ends_the_loop_and_nothing_else() {
    let watch = Watch::new(
        "TOKEN_FILE",
        &Secret::new("a"),
        || Ok::<_, String>(Secret::new("b")),
        |_| -> Result<(), String> { panic!("a defect") },
    );
    let reloader = Reloader::new(vec![watch], Reloads::register(&mut Registry::default()));
    tokio::spawn(reloader.run(Arc::new(Notify::new()))).await.unwrap();
}
