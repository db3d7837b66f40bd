//! Where the servers are, ports for them, and the one way in which tests wait.

use std::env::consts::ARCH;
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// The longest that anything here may take: far above what it does take, so that only a hang meets it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Tests bind ports from here up, below the range from which the kernel takes ports for outgoing connections, so
/// that nobody else gets one between choosing and binding it.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 12_000;
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

/// The folder into which `tests/run` fetches: `REAL_SERVERS_DIR`, else `.servers` in the repository.
#[expect(clippy::disallowed_methods, reason = "the environment of the tests, not the program's settings")]
pub(crate) fn folder() -> PathBuf {
    std::env::var_os("REAL_SERVERS_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".servers"), PathBuf::from)
}

/// The `PATH` of whoever runs the tests.
#[expect(clippy::disallowed_methods, reason = "the environment of the tests, not the program's settings")]
pub(crate) fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// A file below [`folder`]; panics, saying how to get it, when it is not there.
pub(crate) fn fetched(path: &str) -> PathBuf {
    let file = folder().join(path);
    assert!(
        file.exists(),
        "{path} is not in {}: run `tests/run --fetch-only` once, which fetches it",
        folder().display()
    );
    file
}

/// A command that runs the server program `name`, with the shared libraries that were fetched beside it.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(fetched(&format!("bin/{name}")));
    let libraries = folder().join(format!("debian/usr/lib/{ARCH}-linux-gnu"));
    command.env("LD_LIBRARY_PATH", libraries);
    command
}

/// A port of 127.0.0.1 that nothing listens on and that no other test of this run is given.
pub(crate) fn free_port() -> u16 {
    // Runs that overlap begin at different places.
    let offset = u16::try_from(std::process::id() % u32::from(PORTS)).unwrap();
    for _ in 0..PORTS {
        let port = FIRST_PORT + (offset + NEXT_PORT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST_PORT} and {}", FIRST_PORT + PORTS);
}

/// The shortest and the longest pause between two questions: soon at first, then not so often that a limit on
/// requests of the exporter is met.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(640));

/// Asks again and again until the answer is `Ok`; panics with `what` and the last `Err` after [`DEADLINE`].
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    let (mut pause, longest) = PAUSES;
    loop {
        let last = match ask().await {
            Ok(answer) => return answer,
            Err(reason) => reason,
        };
        assert!(start.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}; at last: {last}");
        tokio::time::sleep(pause).await;
        pause = longest.min(pause * 2);
    }
}
