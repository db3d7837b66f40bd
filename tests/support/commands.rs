//! The commands of a page, run as a reader would run them: in their order, in one folder.
//!
//! A block of `sh` is run as it stands, with `bash -euo pipefail`, and has to end with 0. A comment right above it says what
//! is special: `<!-- run: background -->` goes on while the rest of the page runs, until the exporter is started again;
//! `<!-- run: repository -->` is run in the repository and reads what is there; `<!-- run: MongoDB -->` and
//! `<!-- run: Prometheus -->` need one (Prometheus brings promtool); several are separated by commas;
//! `<!-- not run: REASON -->` is left out. A block of `text` under `<!-- prints -->` is what the block before it prints,
//! `…` standing for any text within a line.
//!
//! What is changed in a command: ports and the address of MongoDB, and `cargo run --release --` is the built program.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::markdown::{Block, Page, root};

/// The longest that anything here may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// The addresses of MongoDB in the pages: within LibreChat's compose network, and on the machine itself.
const MONGODB: [&str; 2] = ["mongodb://mongodb:27017", "mongodb://localhost:27017"];

/// The ports in the pages: of the exporter, of its `/metrics` apart, of Prometheus.
const PORTS: [&str; 3] = ["9087", "9088", "9090"];

/// How a block is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) background: bool,
    pub(crate) repository: bool,
    pub(crate) mongodb: bool,
    pub(crate) prometheus: bool,
}

/// How the page wants a block of commands to be run; `None`: not at all.
pub(crate) fn way(block: &Block) -> Result<Option<Way>, String> {
    let comment = block.comment.as_deref().unwrap_or_default();
    if let Some(reason) = comment.strip_prefix("not run:") {
        let given = reason.trim().len() > 10;
        return if given { Ok(None) } else { Err(format!("{comment:?} gives no reason")) };
    }
    let mut way = Way::default();
    for word in comment.strip_prefix("run:").into_iter().flat_map(|words| words.split(',')) {
        match word.trim() {
            "background" => way.background = true,
            "repository" => way.repository = true,
            "MongoDB" => way.mongodb = true,
            "Prometheus" => way.prometheus = true,
            other => return Err(format!("nobody runs commands with {other:?}")),
        }
    }
    Ok(Some(way))
}

/// Whether these are commands.
pub(crate) fn is_of_commands(block: &Block) -> bool {
    ["sh", "bash", "shell", "console"].contains(&block.language.as_str())
}

/// A folder in which the commands of one page are run.
pub(crate) struct Session {
    folder: TempDir,
    changes: Vec<(String, String)>,
    ports: [u16; 3],
    exporter: Option<Child>,
    prometheus: Option<Child>,
}

impl Drop for Session {
    fn drop(&mut self) {
        end(self.exporter.take());
        end(self.prometheus.take());
    }
}

impl Session {
    /// `ports` stand for those of the pages, in the order of [`PORTS`].
    pub(crate) fn new(ports: [u16; 3]) -> Self {
        let folder = TempDir::with_prefix("commands").unwrap();
        std::fs::create_dir_all(folder.path().join("bin")).unwrap();
        std::fs::create_dir_all(folder.path().join("work")).unwrap();
        let mut changes = vec![("cargo run --release --".to_owned(), "librechat-exporter".to_owned())];
        changes.extend(PORTS.iter().zip(ports).map(|(from, to)| ((*from).to_owned(), to.to_string())));
        let session = Self { folder, changes, ports, exporter: None, prometheus: None };
        session.link("librechat-exporter", Path::new(env!("CARGO_BIN_EXE_librechat-exporter")));
        session
    }

    /// Has `address`, without a database, stand for the MongoDB of the pages.
    pub(crate) fn with_mongodb(mut self, address: &str) -> Self {
        self.changes.extend(MONGODB.map(|from| (from.to_owned(), address.to_owned())));
        self
    }

    /// Puts a program on the path of the commands.
    pub(crate) fn link(&self, name: &str, program: &Path) {
        std::os::unix::fs::symlink(program, self.folder.path().join("bin").join(name)).unwrap();
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn command(&self, text: &str) -> Command {
        let changed = self.changes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
        // A command that waits for what never comes fails its test instead of holding up the run.
        let mut command = Command::new("timeout");
        command
            .args([&DEADLINE.as_secs().to_string(), "bash", "-euo", "pipefail", "-c", &changed])
            .env_clear();
        let path = format!("{}/bin:/usr/local/bin:/usr/bin:/bin", self.folder.path().display());
        command.env("PATH", path).env("HOME", self.work()).current_dir(self.work());
        command.env("HOST", "127.0.0.1").env("PORT", self.ports[0].to_string());
        command.stdin(Stdio::null());
        command
    }

    /// Runs every block that `wanted` wants; gives how many there were.
    pub(crate) fn run(&mut self, page: &Page, wanted: impl Fn(Way) -> bool) -> usize {
        let mut run = 0;
        let mut printed: Option<String> = None;
        for block in page.blocks() {
            if is_of_commands(&block) {
                let way = way(&block).unwrap_or_else(|error| panic!("{}: {error}", page.path.display()));
                let way = way.filter(|way| wanted(*way));
                printed = way.and_then(|way| self.run_block(page, &block.text, way));
                run += usize::from(way.is_some());
            } else if block.comment.as_deref() == Some("prints")
                && let Some(printed) = printed.take()
            {
                assert_printed(page, &block.text, &printed);
            }
        }
        run
    }

    fn run_block(&mut self, page: &Page, text: &str, way: Way) -> Option<String> {
        if way.background {
            let mut command = self.command(text);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let (slot, url) = if way.prometheus {
                (&mut self.prometheus, format!("http://127.0.0.1:{}/-/ready", self.ports[2]))
            } else {
                (&mut self.exporter, format!("http://127.0.0.1:{}/readyz", self.ports[0]))
            };
            end(slot.take());
            until_ready(page, slot.insert(command.spawn().unwrap()), &url);
            return None;
        }
        let mut command = self.command(text);
        if way.repository {
            command.current_dir(root());
        }
        let output = command.output().unwrap();
        let (said, wrong) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}: {}\n{text}{said}{wrong}", page.path.display(), output.status);
        Some(said.into_owned())
    }
}

/// Waits until what was started in the background is ready.
fn until_ready(page: &Page, child: &mut Child, url: &str) {
    let start = Instant::now();
    loop {
        let asked = Command::new("curl").args(["--silent", "--fail", url]).output().unwrap();
        if asked.status.success() {
            return;
        }
        let ended = child.try_wait().unwrap();
        assert_eq!(ended, None, "{}: ended before {url} answered", page.path.display());
        assert!(start.elapsed() < DEADLINE, "{}: {url} does not answer", page.path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Ends a command and all that it started: `timeout` makes a group of its own.
fn end(child: Option<Child>) {
    if let Some(mut child) = child {
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status();
        let _ = child.wait();
    }
}

/// Holds what was printed against what the page says, line by line.
fn assert_printed(page: &Page, wanted: &str, printed: &str) {
    let same = wanted.lines().count() == printed.lines().count();
    let same = same && wanted.lines().zip(printed.lines()).all(|(wanted, printed)| fits(wanted, printed));
    assert!(same, "{} says that this is printed:\n{wanted}but it is:\n{printed}", page.path.display());
}

/// Whether a line is what is wanted, in which `…` stands for any text.
fn fits(wanted: &str, printed: &str) -> bool {
    match wanted.split_once('…') {
        None => wanted == printed,
        Some((beginning, wanted)) => printed.strip_prefix(beginning).is_some_and(|printed| {
            let rests = printed.char_indices().map(|(at, _)| &printed[at..]).chain([""]);
            rests.into_iter().any(|rest| fits(wanted, rest))
        }),
    }
}
