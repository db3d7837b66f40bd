//! The exporter as an operator runs it: the built binary with nothing but the settings that a test gives it, an empty
//! folder to work in, its ports, its output. It never outlives its test.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::{self, Connection, Request, Response, Target};
use crate::stream::Stream;

/// The longest that anything here may take: far above what it does take, so that only a hang meets it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Ports below the range from which the kernel takes those of outgoing connections; runs that overlap begin at
/// different places.
const FIRST_PORT: u16 = 12_000;
const PORTS: u16 = 8_000;
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

/// A port of 127.0.0.1 that nothing listens on and that no other test of this run is given.
pub(crate) fn free_port() -> u16 {
    let offset = u16::try_from(u64::from(std::process::id()) * 61 % u64::from(PORTS)).unwrap();
    (0..PORTS)
        .map(|_| FIRST_PORT + (offset + NEXT_PORT.fetch_add(1, Ordering::Relaxed) % PORTS) % PORTS)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// Asks again and again until the answer is `Ok`; panics with `what` and the last `Err` after [`DEADLINE`].
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    let mut pause = Duration::from_millis(10);
    loop {
        let last = match ask().await {
            Ok(answer) => return answer,
            Err(reason) => reason,
        };
        assert!(start.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}; at last: {last}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(160));
    }
}

/// What a command that ran to its end said.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end, in an empty folder.
pub(crate) async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Outcome {
    let folder = TempDir::with_prefix("exporter").unwrap();
    run_in(folder.path(), arguments, environment).await
}

/// Runs a command to its end.
pub(crate) async fn run_in(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Outcome {
    let mut process = Process::start(command(arguments, environment, folder));
    let code = process.ended().await.code();
    Outcome { code, stdout: process.stdout.text(), stderr: process.stderr.text() }
}

/// A running `demo`. Dropping it kills it.
pub(crate) struct Program {
    pub(crate) port: u16,
    process: Process,
    _folder: TempDir,
}

impl Program {
    /// Starts `demo` on a port of 127.0.0.1 and waits until `/readyz` is 200. What `environment` says wins.
    pub(crate) async fn demo(environment: &[(&str, &str)]) -> Self {
        let program = Self::launch(environment).await;
        program.until("/readyz", 200).await;
        program
    }

    /// Starts `demo` and waits until it listens, wherever that is.
    pub(crate) async fn launch(environment: &[(&str, &str)]) -> Self {
        Self::start("demo", environment, "the demo answers").await
    }

    /// Starts `serve` on a port of 127.0.0.1 and waits until it answers.
    pub(crate) async fn serve(environment: &[(&str, &str)]) -> Self {
        let program = Self::start("serve", environment, "listening").await;
        program.until("/livez", 200).await;
        program
    }

    /// Starts `demo` from a shell that has run `setup`, and waits until `/readyz` is 200.
    pub(crate) async fn under(setup: &str, environment: &[(&str, &str)]) -> Self {
        let script = format!("{setup}; exec \"$0\" \"$@\"");
        let shell = ["/bin/sh", "-c", &script, BINARY, "demo"];
        let program = Self::start_as(&shell, environment, "the demo answers").await;
        program.until("/readyz", 200).await;
        program
    }

    async fn start(command: &str, environment: &[(&str, &str)], sign: &str) -> Self {
        Self::start_as(&[BINARY, command], environment, sign).await
    }

    async fn start_as(line: &[&str], environment: &[(&str, &str)], sign: &str) -> Self {
        let folder = TempDir::with_prefix("exporter").unwrap();
        let port = free_port();
        let number = port.to_string();
        let mut settings = vec![("HOST", "127.0.0.1"), ("PORT", &*number), ("LOG_FORMAT", "json")];
        settings.extend(environment);
        let mut process = Process::start(command_line(line, &settings, folder.path()));
        eventually("the exporter listens", async || {
            process.expect_alive();
            match process.stderr.text() {
                log if log.contains(sign) => Ok(()),
                log => Err(log),
            }
        })
        .await;
        Self { port, process, _folder: folder }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.child.id()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    pub(crate) fn target(&self) -> Target<'static> {
        Target::Tcp(self.address())
    }

    /// As a client at this address sees it.
    pub(crate) fn target_from(&self, last: u8) -> Target<'static> {
        Target::From(Ipv4Addr::new(127, 0, 0, last), self.address())
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.target()).await.unwrap()
    }

    /// The answer to these bytes, over a connection of their own.
    pub(crate) async fn ask(&self, bytes: &[u8]) -> Response {
        client::ask(self.target(), bytes).await
    }

    /// The answer to `GET path` with these header lines.
    pub(crate) async fn get<L: AsRef<[u8]>>(&self, path: &str, lines: &[L]) -> Response {
        self.ask(&Request::get(path).lines(lines).last()).await
    }

    /// Waits until `GET path` answers with this status.
    pub(crate) async fn until(&self, path: &str, status: u16) -> Response {
        eventually(&format!("{path} answers {status}"), async || {
            let response = self.get::<&str>(path, &[]).await;
            if response.status == status { Ok(response) } else { Err(format!("{response:?}")) }
        })
        .await
    }

    pub(crate) fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        self.process.ended().await
    }

    /// The lines of the log so far.
    pub(crate) fn log(&self) -> Vec<serde_json::Value> {
        let text = self.process.stderr.text();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
    }

    /// Both streams, for messages and for searching for what must be nowhere.
    pub(crate) fn output(&self) -> String {
        format!("{}{}", self.process.stdout.text(), self.process.stderr.text())
    }

    /// Waits until the log holds this text.
    pub(crate) async fn until_logged(&self, text: &str) {
        eventually(&format!("the log says {text:?}"), async || {
            let log = self.process.stderr.text();
            if log.contains(text) { Ok(()) } else { Err(log) }
        })
        .await;
    }
}

const BINARY: &str = env!("CARGO_BIN_EXE_librechat-exporter");

fn command(arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> Command {
    command_line(&[&[BINARY], arguments].concat(), environment, folder)
}

fn command_line(line: &[&str], environment: &[(&str, &str)], folder: &Path) -> Command {
    let (program, arguments) = line.split_first().unwrap();
    let mut command = Command::new(program);
    // No setting of whoever runs the tests gets in.
    command.args(arguments).env_clear().current_dir(folder).envs(environment.iter().copied());
    command
}

struct Process {
    child: Child,
    stdout: Stream,
    stderr: Stream,
}

impl Process {
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = Stream::collect(child.stdout.take().unwrap());
        let stderr = Stream::collect(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
        assert!(sent.unwrap().success(), "no process to send {signal} to");
    }

    /// Panics with its output when it has ended: waiting on would be in vain.
    fn expect_alive(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            self.finish();
            panic!("ended with {status}: {}", self.stderr.text());
        }
    }

    /// Waits until it has ended by itself and all of its output is here.
    async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let status = eventually("the process ends", async || {
            child.try_wait().unwrap().ok_or_else(|| "still running".to_owned())
        })
        .await;
        self.finish();
        status
    }

    fn finish(&mut self) {
        self.stdout.finish();
        self.stderr.finish();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails when it has ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.finish();
    }
}
