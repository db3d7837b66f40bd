//! A child process whose output is kept, and which never outlives its test.

use std::process::{Child, Command, ExitStatus, Stdio};

use crate::servers::eventually;
use crate::stream::Stream;

/// A running (or ended) child. Dropping it kills it.
pub(crate) struct Process {
    name: String,
    child: Child,
    stdout: Stream,
    stderr: Stream,
}

impl Process {
    /// Starts `command`; `name` is for messages.
    pub(crate) fn start(name: &str, mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error} ({command:?})"));
        let stdout = Stream::collect(child.stdout.take().unwrap());
        let stderr = Stream::collect(child.stderr.take().unwrap());
        Self { name: name.to_owned(), child, stdout, stderr }
    }

    /// Everything it has written to standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Everything it has written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Both streams, for messages and for searching for what must be nowhere.
    pub(crate) fn output(&self) -> String {
        format!("{}{}", self.stdout(), self.stderr())
    }

    /// Sends the signal of this name (`TERM`, `HUP` …).
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
        assert!(sent.unwrap().success(), "{}: no process to send {signal} to", self.name);
    }

    /// `Err` once it has ended: for loops that wait for it to answer.
    pub(crate) fn alive(&mut self) -> Result<(), String> {
        match self.child.try_wait().unwrap() {
            None => Ok(()),
            Some(status) => Err(format!("{} ended with {status}", self.name)),
        }
    }

    /// Panics with its output when it has ended: waiting on would be in vain.
    pub(crate) fn expect_alive(&mut self) {
        if let Err(reason) = self.alive() {
            self.finish();
            panic!("{reason}:\n{}", self.output());
        }
    }

    /// Waits until it has ended by itself and all of its output is here.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let name = self.name.clone();
        let child = &mut self.child;
        let status = eventually(&format!("{name} ends"), async || {
            child.try_wait().unwrap().ok_or_else(|| "still running".to_owned())
        })
        .await;
        self.finish();
        status
    }

    /// `kill -9`, and waits for the end.
    pub(crate) fn kill(&mut self) {
        // Fails when it has ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.finish();
    }

    fn finish(&mut self) {
        self.stdout.finish();
        self.stderr.finish();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
