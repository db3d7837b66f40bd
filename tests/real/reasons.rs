//! Each way in which MongoDB cannot be reached has its own sentence, soon, with host and port and without a secret.

use std::time::{Duration, Instant};

use mongodb::bson::doc;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::certificates::Authority;
use crate::exporter::Exporter;
use crate::mongod::{DATABASE, Mongod, READER};
use crate::replica_set::ReplicaSet;
use crate::servers::{eventually, free_port};
use crate::wire_proxy::{Reply, WireProxy};

/// Runs `once` with that connection string, which fails with one line that holds the words.
async fn assert_reason(uri: &str, words: &[&str]) {
    let began = Instant::now();
    let outcome = Exporter::run(&["once"], &[("MONGO_URI", uri)]).await;
    assert_eq!(outcome.status.code(), Some(1), "{uri}: {}", outcome.stderr);
    assert_eq!(outcome.stderr.trim().lines().count(), 1, "{uri}: {}", outcome.stderr);
    for word in words {
        assert!(outcome.stderr.contains(word), "{uri}: {word:?} is not in {}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("tell-nobody"), "{}", outcome.stderr);
    // Below the 5 s that the driver would look for a server.
    assert!(began.elapsed() < Duration::from_secs(5), "{uri}: {:?}", began.elapsed());
}

#[tokio::test]
async fn d22_c1_a_name_that_is_not_found_and_a_port_where_nothing_listens() {
    let name = "mongodb://chat-mongodb:27017/LibreChat";
    assert_reason(name, &["chat-mongodb:27017", "name cannot be resolved", "Compose"]).await;
    assert_reason("mongodb://nowhere.invalid/LibreChat", &["nowhere.invalid:27017", "cannot be resolved"])
        .await;
    let port = free_port();
    let uri = format!("mongodb://somebody:tell-nobody@127.0.0.1:{port}/LibreChat");
    assert_reason(&uri, &[&format!("127.0.0.1:{port}"), "connection refused"]).await;
    assert_reason("mongodb://%2Fnonexistent%2Fm.sock/LibreChat", &["/nonexistent/m.sock", "no such socket"])
        .await;
}

/// The kind of row D22: a port where something else listens, and one that is silent.
#[tokio::test]
async fn d22_what_listens_is_no_mongodb() {
    let other = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = other.local_addr().unwrap().port();
    let answering = tokio::spawn(async move {
        while let Ok((mut client, _)) = other.accept().await {
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    assert_reason(&format!("mongodb://127.0.0.1:{port}/LibreChat"), &["does not speak MongoDB's protocol"])
        .await;
    answering.abort();
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at = silent.local_addr().unwrap();
    let outcome = Exporter::run(&["once"], &[("MONGO_URI", &format!("mongodb://{at}/LibreChat"))]).await;
    assert!(
        outcome.stderr.contains(&format!("no MongoDB answers at {at}: it did not answer in time")),
        "{}",
        outcome.stderr
    );
}

#[tokio::test]
async fn d18_a_wrong_replica_set_is_named_beside_the_right_one() {
    let set = ReplicaSet::start(1).await;
    let uri = set.uri().replace("replicaSet=rs0", "replicaSet=rs1");
    assert_reason(&uri, &["replica set rs0", "asks for rs1"]).await;
    let mongod = Mongod::start().await;
    assert_reason(&format!("{}?replicaSet=rs1", mongod.uri()), &["standalone", "rs1"]).await;
}

#[tokio::test]
async fn d15_a_server_that_is_too_old_is_said_to_be() {
    let mongod = Mongod::start().await;
    let proxy = WireProxy::start_editing(
        mongod.port(),
        |_, _| Reply::Pass,
        |_, reply| {
            if reply.contains_key("maxWireVersion") {
                reply.insert("maxWireVersion", 8);
            }
        },
    );
    assert_reason(&proxy.uri(), &["older than 4.4"]).await;
}

#[tokio::test]
async fn c1_authentication_that_fails_and_a_right_that_is_missing() {
    let mongod = Mongod::start_guarded().await;
    mongod.load("seed1").await;
    let (user, password) = READER;
    let at = format!("127.0.0.1:{}", mongod.port());
    let wrong = format!("mongodb://{user}:tell-nobody@{at}/LibreChat?authSource=admin");
    assert_reason(&wrong, &["authentication failed", &at]).await;
    // Right, but looked for in the wrong place.
    let forgotten = format!("mongodb://{user}:{password}@{at}/LibreChat");
    assert_reason(&forgotten, &["authentication failed", "authSource=admin"]).await;
    let create = doc! { "createUser": "nobody", "pwd": "tell-nobody", "roles": [] };
    mongod.client().database("admin").run_command(create).await.unwrap();
    let powerless = format!("mongodb://nobody:tell-nobody@{at}/LibreChat?authSource=admin");
    assert_reason(&powerless, &["does not authorize", "role `read`"]).await;
}

struct Certificates {
    folder: TempDir,
    ca: String,
    other_ca: String,
}

impl Certificates {
    fn new() -> Self {
        let folder = TempDir::with_prefix("tls").unwrap();
        let (authority, other) = (Authority::new("ours"), Authority::new("others"));
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let ca = write("ca.pem", authority.pem());
        let other_ca = write("other-ca.pem", other.pem());
        for (name, hosts) in
            [("server", &["127.0.0.1"][..]), ("elsewhere", &["elsewhere.example"]), ("client", &["client"])]
        {
            let paths = authority.issue_for(hosts, name, 2040).write(folder.path(), name);
            let both = paths.map(|path| std::fs::read_to_string(path).unwrap()).concat();
            write(&format!("{name}.pem"), both);
        }
        Self { folder, ca, other_ca }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }
}

/// A mongod that speaks TLS only with that certificate. It is up when the exporter says what is wrong with it.
async fn encrypted(certificates: &Certificates, server: &str, more: &[&str]) -> (Mongod, String) {
    let file = certificates.path(server);
    let arguments = [&["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", &file][..], more].concat();
    let port = free_port();
    let mut mongod = Mongod::prepare(port, &arguments);
    mongod.spawn();
    eventually("mongod listens", async || {
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.map(drop).map_err(|error| error.to_string())
    })
    .await;
    (mongod, format!("mongodb://127.0.0.1:{port}/{DATABASE}"))
}

#[tokio::test]
async fn d20_tls_that_fails_says_why() {
    let certificates = Certificates::new();
    let (ca, other_ca) = (&certificates.ca, &certificates.other_ca);
    let plain = Mongod::start().await;
    assert_reason(&format!("{}?tls=true", plain.uri()), &["no TLS"]).await;

    let any_client = ["--tlsCAFile", ca, "--tlsAllowConnectionsWithoutCertificates"];
    let (_server, uri) = encrypted(&certificates, "server.pem", &any_client).await;
    let outcome = Exporter::run(&["once"], &[("MONGO_URI", &format!("{uri}?tls=true&tlsCAFile={ca}"))]).await;
    assert!(outcome.status.success(), "{}", outcome.stderr);
    assert_reason(&uri, &["tls=true"]).await;
    assert_reason(&format!("{uri}?tls=true"), &["not trusted", "tlsCAFile"]).await;
    assert_reason(&format!("{uri}?tls=true&tlsCAFile={other_ca}"), &["not trusted", "tlsCAFile"]).await;

    let (_elsewhere, uri) = encrypted(&certificates, "elsewhere.pem", &any_client).await;
    assert_reason(&format!("{uri}?tls=true&tlsCAFile={ca}"), &["another name"]).await;

    let (_guarded, uri) = encrypted(&certificates, "server.pem", &["--tlsCAFile", ca]).await;
    assert_reason(
        &format!("{uri}?tls=true&tlsCAFile={ca}"),
        &["client certificate", "tlsCertificateKeyFile"],
    )
    .await;
    let client = certificates.path("client.pem");
    let uri = format!("{uri}?tls=true&tlsCAFile={ca}&tlsCertificateKeyFile={client}");
    let outcome = Exporter::run(&["once"], &[("MONGO_URI", &uri)]).await;
    assert!(outcome.status.success(), "{}", outcome.stderr);
}

#[tokio::test]
async fn d32_a_self_signed_certificate_is_trusted_by_itself_unless_it_is_an_authoritys() {
    let folder = TempDir::with_prefix("self-signed").unwrap();
    for (extension, words) in [("CA:FALSE", &[][..]), ("CA:TRUE", &["CA:TRUE", "CA:FALSE"])] {
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let mut openssl = std::process::Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mongo", "-days", "30"]);
        openssl.args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext"]);
        openssl.arg(format!("basicConstraints=critical,{extension}"));
        openssl.args(["-keyout", &path("key.pem"), "-out", &path("cert.pem")]);
        // Debian's own configuration asks for CA:TRUE, which would be there twice.
        let configuration = "[req]\ndistinguished_name=name\n[name]\n";
        std::fs::write(path("openssl.cnf"), configuration).unwrap();
        openssl.args(["-config", &path("openssl.cnf")]);
        let said = openssl.output().unwrap();
        assert!(said.status.success(), "{said:?}");
        let both = ["key.pem", "cert.pem"].map(|name| std::fs::read_to_string(path(name)).unwrap()).concat();
        std::fs::write(path("both.pem"), both).unwrap();
        let certificates = Certificates {
            ca: path("cert.pem"),
            other_ca: path("cert.pem"),
            folder: TempDir::new().unwrap(),
        };
        let any_client = ["--tlsCAFile", &certificates.ca, "--tlsAllowConnectionsWithoutCertificates"];
        std::fs::copy(path("both.pem"), certificates.path("server.pem")).unwrap();
        let (_mongod, uri) = encrypted(&certificates, "server.pem", &any_client).await;
        let uri = format!("{uri}?tls=true&tlsCAFile={}", certificates.ca);
        if words.is_empty() {
            let outcome = Exporter::run(&["once"], &[("MONGO_URI", &uri)]).await;
            assert!(outcome.status.success(), "{}", outcome.stderr);
        } else {
            assert_reason(&uri, words).await;
        }
    }
}

#[tokio::test]
async fn d34_d43_what_can_be_known_without_a_server_stops_the_start() {
    for (rest, words) in [
        (
            "a:1/LibreChat?tls=true&tlsCAFile=/nonexistent/ca.pem",
            ["tlsCAFile", "/nonexistent/ca.pem: no such file"],
        ),
        ("a:1,b:2/LibreChat?directConnection=true", ["directConnection", "several hosts"]),
        ("a:1/LibreChat?authMechanism=MONGODB-AWS", ["MONGODB-AWS", "not supported"]),
        ("a:1/LibreChat?foo=1", ["foo", "not known"]),
    ] {
        for command in ["check-config", "once", "serve"] {
            let outcome = Exporter::run(&[command], &[("MONGO_URI", &format!("mongodb://{rest}"))]).await;
            assert_eq!(outcome.status.code(), Some(2), "{rest}: {}", outcome.stderr);
            assert!(words.iter().all(|word| outcome.stderr.contains(word)), "{rest}: {}", outcome.stderr);
        }
    }
    let uri = "mongodb://a:1/LibreChat?useNewUrlParser=true&compressors=zlib&retryWrites=true";
    let outcome = Exporter::run(&["check-config"], &[("MONGO_URI", uri)]).await;
    assert_eq!(outcome.status.code(), Some(0), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("ignored: useNewUrlParser, compressors"), "{}", outcome.stderr);
}
