//! Applies what changes in files while the process runs: secrets and certificates.
//!
//! Invariants:
//! - Contents are compared, not times: a Kubernetes symlink swap and two writes in one second are both seen.
//! - Whatever cannot be read or used leaves the old value in force; it is logged and counted once, not at each check.
//!
//! This module knows neither what the files hold nor where the values go: a [`Watch`] brings both as closures. Signals
//! are wired by `app`.

pub mod metrics;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::{error, info};

use crate::secret::Fingerprint;
use crate::secret::Secret;
use crate::secret::file::{Content, SecretFile};
use metrics::Reloads;

/// How long a changed file may go unnoticed.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Everything that is watched: as many watches as there are `_FILE` variables set, so bounded by the configuration.
pub struct Reloader {
    watches: Vec<Watch>,
    reloads: Reloads,
}

impl Reloader {
    pub fn new(watches: Vec<Watch>, reloads: Reloads) -> Self {
        Self { watches, reloads }
    }

    /// Reads every file and applies what changed. Blocks on the file system.
    pub fn check(&mut self) {
        for watch in &mut self.watches {
            let variable = watch.variable;
            match (watch.check)() {
                Change::None => {}
                Change::Restored => info!(variable, "what is in force can be read again"),
                Change::Applied => {
                    self.reloads.count_ok();
                    info!(variable, "applied the change");
                }
                Change::Failed(problem) => {
                    self.reloads.count_failed();
                    error!(variable, problem, "cannot apply the change; the old value stays in force");
                }
            }
        }
    }

    /// Checks every 5 s, and at once when notified: on SIGHUP. Never ends by itself.
    pub async fn run(mut self, hangup: Arc<Notify>) {
        let mut ticks = interval_at(Instant::now() + CHECK_INTERVAL, CHECK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = hangup.notified() => {}
            }
            // Off the runtime's threads: a network file system that hangs must not hold up scrapes.
            let checked = spawn_blocking(move || {
                self.check();
                self
            });
            self = match checked.await {
                Ok(reloader) => reloader,
                // A defect, or the runtime is shutting down. The message of a panic is not logged: it might quote a value.
                Err(_) => {
                    error!("files are no longer watched; restart to apply changes");
                    return;
                }
            };
        }
    }
}

/// One value that comes from files: how to read it, and how to put a new one in force.
pub struct Watch {
    variable: &'static str,
    check: Box<dyn FnMut() -> Change + Send>,
}

impl Watch {
    /// `loaded` is what `read` gave when the value now in force was made; `apply` parses and swaps. Both say what is
    /// wrong in a phrase that shows nothing of the contents.
    pub fn new<C, E, F>(
        variable: &'static str,
        loaded: &C,
        mut read: impl FnMut() -> Result<C, E> + Send + 'static,
        mut apply: impl FnMut(C) -> Result<(), F> + Send + 'static,
    ) -> Self
    where
        C: Content,
        E: Display,
        F: Display,
    {
        let mut state = State::new(loaded.fingerprint());
        let check = move || match read() {
            Ok(content) => {
                state.see(content.fingerprint(), || apply(content).map_err(|error| error.to_string()))
            }
            Err(error) => state.lose(error.to_string()),
        };
        Self { variable, check: Box::new(check) }
    }

    /// Watches a file with one secret in it.
    pub fn secret<F: Display>(
        variable: &'static str,
        loaded: &Secret,
        file: SecretFile,
        apply: impl FnMut(Secret) -> Result<(), F> + Send + 'static,
    ) -> Self {
        Self::new(variable, loaded, move || file.load(), apply)
    }
}

/// What one check found.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    /// Nothing that was not known before.
    None,
    /// New contents are in force.
    Applied,
    /// The files could not be used for a while and hold again what is in force.
    Restored,
    Failed(String),
}

/// What is in force, and how the files stand to it.
struct State {
    applied: Fingerprint,
    files: Files,
}

enum Files {
    /// They hold what is in force.
    Current,
    /// They hold something that cannot be used; not tried again until it changes.
    Refused(Fingerprint),
    /// They cannot be read, for this reason.
    Lost(String),
}

impl State {
    fn new(applied: Fingerprint) -> Self {
        Self { applied, files: Files::Current }
    }

    fn see(&mut self, seen: Fingerprint, apply: impl FnOnce() -> Result<(), String>) -> Change {
        match self.files {
            Files::Current if seen == self.applied => return Change::None,
            Files::Refused(refused) if seen == refused => return Change::None,
            _ if seen == self.applied => {
                self.files = Files::Current;
                return Change::Restored;
            }
            _ => {}
        }
        match apply() {
            Ok(()) => {
                *self = Self::new(seen);
                Change::Applied
            }
            Err(problem) => {
                self.files = Files::Refused(seen);
                Change::Failed(problem)
            }
        }
    }

    fn lose(&mut self, problem: String) -> Change {
        if matches!(&self.files, Files::Lost(known) if *known == problem) {
            return Change::None;
        }
        self.files = Files::Lost(problem.clone());
        Change::Failed(problem)
    }
}

#[cfg(test)]
mod tests;
