//! A real mongod on a port of its own, in a folder of its own, that can be stopped, killed and started again.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::GzDecoder;
use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::options::{ClientOptions, Credential, ServerAddress};
use tempfile::TempDir;

use crate::process::Process;
use crate::servers::{command, eventually, free_port};

/// The database that LibreChat uses unless told otherwise.
pub(crate) const DATABASE: &str = "LibreChat";

/// The administrator of a guarded mongod.
const ADMIN: (&str, &str) = ("admin", "administrator-of-the-test");

/// The user of a guarded mongod who may only read LibreChat's database.
pub(crate) const READER: (&str, &str) = ("reader", "tell-nobody-this-password");

/// Where the golden database `name` lies.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// One mongod. Dropping it kills it and removes its data.
pub(crate) struct Mongod {
    port: u16,
    folder: TempDir,
    arguments: Vec<String>,
    guarded: bool,
    process: Option<Process>,
}

impl Mongod {
    /// A standalone mongod that needs no credentials.
    pub(crate) async fn start() -> Self {
        Self::start_on(free_port()).await
    }

    /// The same on a chosen port: for one that comes late.
    pub(crate) async fn start_on(port: u16) -> Self {
        let mut mongod = Self::prepare(port, &[]);
        mongod.restart().await;
        mongod
    }

    /// A standalone mongod that lets nobody in without credentials; has the users `admin` and [`READER`].
    pub(crate) async fn start_guarded() -> Self {
        let mut mongod = Self::prepare(free_port(), &["--auth"]);
        mongod.restart().await;
        mongod.create_users().await;
        mongod
    }

    /// One that is not started yet, with more arguments.
    pub(crate) fn prepare(port: u16, arguments: &[&str]) -> Self {
        let folder = TempDir::with_prefix("mongod").unwrap();
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self { port, folder, arguments, guarded: false, process: None }
    }

    /// Starts it on its port with its data, and waits until it answers.
    pub(crate) async fn restart(&mut self) {
        self.spawn();
        let client = self.client_as(None);
        let process = self.process.as_mut().expect("mongod was started");
        eventually(&format!("mongod answers on port {}", self.port), async || {
            process.expect_alive();
            // `hello` needs no credentials.
            let hello = client.database("admin").run_command(doc! { "hello": 1 }).await;
            hello.map(|_| ()).map_err(|error| error.to_string())
        })
        .await;
    }

    /// Starts it and waits for nothing: for one that answers in no way that this harness knows.
    pub(crate) fn spawn(&mut self) {
        let mut mongod = command("mongod");
        mongod.arg("--port").arg(self.port.to_string()).arg("--dbpath").arg(self.folder.path());
        mongod.args(["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"]);
        mongod.args(["--setParameter", "diagnosticDataCollectionEnabled=false"]).args(&self.arguments);
        self.process = Some(Process::start("mongod", mongod));
    }

    /// Starts it with other arguments and its data, as an operator who changes its kind does.
    pub(crate) async fn restart_with(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        self.restart().await;
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// SIGTERM, and waits until it has closed its files.
    pub(crate) async fn terminate(&mut self) {
        let mut process = self.process.take().expect("mongod runs");
        process.signal("TERM");
        let status = process.ended().await;
        assert!(status.success(), "mongod ended with {status}:\n{}", process.output());
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        self.process.as_ref().expect("mongod runs").signal(signal);
    }

    /// The port it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its address for `MONGO_URI`, without credentials, with LibreChat's database.
    pub(crate) fn uri(&self) -> String {
        format!("mongodb://127.0.0.1:{}/{DATABASE}", self.port)
    }

    /// Its address with the credentials of `user`, who is known to the database `admin`.
    pub(crate) fn uri_as(&self, (user, password): (&str, &str)) -> String {
        format!("mongodb://{user}:{password}@127.0.0.1:{}/{DATABASE}?authSource=admin", self.port)
    }

    /// A client with every right, of this member alone.
    pub(crate) fn client(&self) -> Client {
        self.client_as(self.guarded.then_some(ADMIN))
    }

    fn client_as(&self, who: Option<(&str, &str)>) -> Client {
        let address = ServerAddress::Tcp { host: "127.0.0.1".to_owned(), port: Some(self.port) };
        let credential = who.map(|(user, password)| {
            Credential::builder()
                .username(user.to_owned())
                .password(password.to_owned())
                .source("admin".to_owned())
                .build()
        });
        let mut options = ClientOptions::builder().hosts(vec![address]).direct_connection(true).build();
        // A member that was killed is not worth the driver's 30 seconds.
        options.server_selection_timeout = Some(Duration::from_secs(2));
        options.credential = credential;
        Client::with_options(options).unwrap()
    }

    /// Makes the users, by the exception that lets the first one be made from this machine without credentials.
    pub(crate) async fn create_users(&mut self) {
        let (admin, password) = ADMIN;
        let create = doc! { "createUser": admin, "pwd": password, "roles": ["root"] };
        self.client().database("admin").run_command(create).await.unwrap();
        self.guarded = true;
        let (reader, password) = READER;
        let role = doc! { "role": "read", "db": DATABASE };
        let create = doc! { "createUser": reader, "pwd": password, "roles": [role] };
        self.client().database("admin").run_command(create).await.unwrap();
    }

    /// Inserts the golden database `name` as LibreChat's.
    pub(crate) async fn load(&self, name: &str) {
        load(&self.client(), name).await;
    }
}

/// Inserts every `*.jsonl.gz` of the golden database `name` into the collection that the file is named after.
pub(crate) async fn load(client: &Client, name: &str) {
    let folder = golden(name);
    let mut collections = 0;
    for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        let Some(collection) = file.strip_suffix(".jsonl.gz") else { continue };
        let lines = BufReader::new(GzDecoder::new(File::open(&path).unwrap())).lines();
        let documents: Vec<Document> =
            lines.map(|line| serde_json::from_str(&line.unwrap()).expect("extended JSON")).collect();
        client.database(DATABASE).collection(collection).insert_many(documents).await.unwrap();
        collections += 1;
    }
    assert!(collections > 0, "{} holds no *.jsonl.gz", folder.display());
}
