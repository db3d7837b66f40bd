//! Mutual TLS of the built program: which certificates are let in, how long, and what is said of the others.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use librechat_exporter::app::login::Nobody;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::client::{Connection, Request, Response, Target};
use crate::connections::serve;
use crate::program::{Program, eventually, run};

pub(crate) struct Authority(pub(crate) CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// The certificate and its key, as PEM.
    pub(crate) fn issue(&self, names: &[SanType], lasts: Duration) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "prometheus");
        params.subject_alt_names = names.to_vec();
        params.not_after = time::OffsetDateTime::now_utc() + lasts;
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

pub(crate) fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

pub(crate) const LONG: Duration = Duration::from_secs(86_400);

/// A program that asks for certificates, and the files that it has them in.
pub(crate) struct Site {
    pub(crate) program: Program,
    pub(crate) files: Files,
}

/// The certificate and key of a server, its authority's certificate, and those of the clients' authorities.
pub(crate) struct Files {
    folder: TempDir,
}

impl Site {
    /// `authorities` is what is in the file of client CAs.
    pub(crate) async fn start(authorities: &str, more: &[(&str, &str)]) -> Self {
        let files = Files::new(authorities);
        let settings = files.settings();
        let mut settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        settings.extend(more);
        let program = Program::launch(&settings).await;
        Self { program, files }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path(name)
    }

    pub(crate) async fn connect(&self, identity: &(String, String)) -> Connection {
        self.files.connect(self.program.address(), identity).await
    }

    /// The status that curl gets with the certificate and key in these files, or `None` when it gets no answer.
    fn curl(&self, version: &str, identity: Option<(&Path, &Path)>) -> Option<String> {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "60"]);
        curl.arg(format!("--tlsv{version}"))
            .args(["--tls-max", version])
            .arg("--cacert")
            .arg(self.path("servers.crt"));
        if let Some((certificate, key)) = identity {
            curl.arg("--cert").arg(certificate).arg("--key").arg(key);
        }
        curl.args(["--resolve", &format!("localhost:{}:127.0.0.1", self.program.port)]);
        let output = curl.arg(format!("https://localhost:{}/metrics", self.program.port)).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    fn refusals(&self) -> Vec<serde_json::Value> {
        self.program
            .log()
            .into_iter()
            .filter(|line| line.to_string().contains("refused a TLS handshake"))
            .collect()
    }
}

impl Files {
    fn new(authorities: &str) -> Self {
        let folder = TempDir::with_prefix("certified").unwrap();
        let servers = Authority::new("servers");
        let (certificate, key) = servers.issue(&[dns("localhost")], LONG);
        let files = Self { folder };
        for (name, text) in [
            ("server.crt", certificate.as_str()),
            ("server.key", &key),
            ("servers.crt", &servers.0.pem()),
            ("clients.crt", authorities),
        ] {
            fs::write(files.path(name), text).unwrap();
        }
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn settings(&self) -> [(&'static str, String); 4] {
        let path = |name| self.path(name).to_str().unwrap().to_owned();
        [
            ("TLS_CERT_FILE", path("server.crt")),
            ("TLS_KEY_FILE", path("server.key")),
            ("TLS_CLIENT_CA_FILE", path("clients.crt")),
            ("RATE_LIMIT_MAX", "0".to_owned()),
        ]
    }

    /// An open connection with this certificate.
    async fn connect(&self, address: SocketAddr, (certificate, key): &(String, String)) -> Connection {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("servers.crt")).unwrap()).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        Connection::over(TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap())
    }
}

async fn scrape(connection: &mut Connection) -> Response {
    connection.send(&Request::get("/metrics").bytes()).await.unwrap();
    connection.receive(false).await.unwrap()
}

fn openssl(folder: &Path, arguments: &str) {
    let output: Output =
        Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn review_5_an_open_connection_ends_with_its_authority() {
    let (before, after) = (Authority::new("before"), Authority::new("after"));
    let site = Site::start(&before.0.pem(), &[]).await;
    let mut open = site.connect(&before.issue(&[dns("a.example")], LONG)).await;
    assert_eq!(scrape(&mut open).await.status, 200);

    // A renewed certificate of the server, or the same authorities written once more, end nothing.
    fs::write(site.path("clients.crt"), before.0.pem()).unwrap();
    site.program.signal("HUP");
    assert_eq!(scrape(&mut open).await.status, 200);

    fs::write(site.path("clients.crt"), after.0.pem()).unwrap();
    site.program.signal("HUP");
    site.program.until_logged("applied the change").await;
    assert_eq!(open.rest().await.unwrap(), b"", "closed");
    let mut new = site.connect(&after.issue(&[dns("a.example")], LONG)).await;
    assert_eq!(scrape(&mut new).await.status, 200);
}

#[tokio::test]
async fn review_5_an_open_connection_ends_with_its_certificate() {
    let authority = Authority::new("clients");
    let site = Site::start(&authority.0.pem(), &[]).await;
    let mut short = site.connect(&authority.issue(&[dns("a.example")], Duration::from_secs(10))).await;
    let mut long = site.connect(&authority.issue(&[dns("a.example")], LONG)).await;
    assert_eq!(scrape(&mut short).await.status, 200);
    assert_eq!(
        short.rest().await.unwrap(),
        b"",
        "closed when it expired, long before it was idle for too long"
    );
    assert_eq!(scrape(&mut long).await.status, 200);
}

#[tokio::test]
async fn review_5_after_ten_minutes_the_next_answer_is_the_last() {
    let authority = Authority::new("clients");
    let files = Files::new(&authority.0.pem());
    let settings = files.settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (target, _stop) = serve(&settings, Arc::new(Nobody)).await;
    let Target::Tcp(address) = target else { panic!("{target:?}") };
    let mut open = files.connect(address, &authority.issue(&[dns("a.example")], LONG)).await;
    for minute in 0..10 {
        let response = scrape(&mut open).await;
        assert_eq!((response.status, response.header("connection")), (200, None), "minute {minute}");
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(61)).await;
        tokio::time::resume();
    }
    let last = scrape(&mut open).await;
    assert_eq!((last.status, last.header("connection")), (200, Some("close")));
    assert_eq!(open.rest().await.unwrap(), b"");
}

#[tokio::test]
async fn row_g4_only_the_names_that_are_allowed_get_in() {
    let authority = Authority::new("company");
    let allowed = "prometheus.example.com, *.scrapers.example.com spiffe://example.org/prometheus,10.1.1.1,ops@example.com";
    let site = Site::start(&authority.0.pem(), &[("TLS_CLIENT_ALLOWED_SANS", allowed)]).await;
    let cases = [
        (vec![dns("prometheus.example.com")], true),
        (vec![dns("other.example.com"), dns("a.scrapers.example.com")], true),
        (vec![SanType::URI("spiffe://example.org/prometheus".try_into().unwrap())], true),
        (vec![SanType::IpAddress([10, 1, 1, 1].into())], true),
        (vec![SanType::Rfc822Name("ops@example.com".try_into().unwrap())], true),
        (vec![dns("other.example.com")], false),
        (vec![dns("a.b.scrapers.example.com")], false),
        (vec![SanType::URI("spiffe://example.org/prometheus/2".try_into().unwrap())], false),
        (vec![SanType::IpAddress([10, 1, 1, 2].into())], false),
        // Its common name is `prometheus`, which is no name that counts.
        (vec![], false),
    ];
    let (crt, key) = (site.path("client.crt"), site.path("client.key"));
    for (names, let_in) in cases {
        let (certificate, private) = authority.issue(&names, LONG);
        fs::write(&crt, certificate).unwrap();
        fs::write(&key, private).unwrap();
        for version in ["1.2", "1.3"] {
            let status = site.curl(version, Some((&crt, &key)));
            assert_eq!(status.as_deref(), let_in.then_some("200"), "{names:?} with TLS {version}");
        }
    }
    let refusals = site.refusals();
    assert!(refusals.iter().all(|line| line["reason"] == "name_not_allowed"), "{refusals:?}");
    let first = refusals.first().expect("a line");
    assert_eq!(first["certificate"], "other.example.com");
    assert!(first["message"].to_string().contains("TLS_CLIENT_ALLOWED_SANS"), "{first}");
}

#[tokio::test]
async fn rows_g1_and_g2_certificates_as_openssl_makes_them_get_in_and_their_kin_does_not() {
    let folder = TempDir::with_prefix("openssl").unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, subject) in [("own", "own"), ("twin", "twin"), ("ca", "ca"), ("fake", "ca")] {
        openssl(
            folder.path(),
            &format!(
                "req -x509 -newkey rsa:2048 -nodes -subj /CN={subject} -days 2 -keyout {name}.key -out {name}.crt"
            ),
        );
    }
    let issue = |name: &str, by: &str, days: &str| {
        openssl(
            folder.path(),
            &format!("req -new -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"),
        );
        openssl(
            folder.path(),
            &format!(
                "x509 -req -in {name}.csr -CA {by}.crt -CAkey {by}.key -CAcreateserial -days {days} -out {name}.crt"
            ),
        );
    };
    issue("version1", "ca", "2");
    issue("forged", "fake", "2");
    issue("below", "version1", "2");
    let text = Command::new("openssl")
        .args(["x509", "-noout", "-text", "-in"])
        .arg(at("version1.crt"))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&text.stdout).contains("Version: 1 "), "the case that is meant");

    let authorities = ["own.crt", "ca.crt"].map(|name| fs::read_to_string(at(name)).unwrap()).concat();
    let site = Site::start(&authorities, &[]).await;
    for (name, key, let_in) in [
        // G1: self-signed with CA:TRUE, and its own authority.
        ("own", "own", true),
        ("twin", "twin", false),
        // G2: version 1, of the authority.
        ("version1", "version1", true),
        // Another authority of the same name; one of version 1 that issues.
        ("forged", "forged", false),
        ("below", "below", false),
    ] {
        for version in ["1.2", "1.3"] {
            let status = site.curl(version, Some((&at(&format!("{name}.crt")), &at(&format!("{key}.key")))));
            assert_eq!(status.as_deref(), let_in.then_some("200"), "{name} with TLS {version}");
        }
    }
}

#[tokio::test]
async fn row_g3_a_refused_handshake_leaves_a_line_and_is_counted() {
    let (authority, other) = (Authority::new("clients"), Authority::new("other"));
    let site = Site::start(&authority.0.pem(), &[]).await;
    let (crt, key) = (site.path("client.crt"), site.path("client.key"));
    assert_eq!(site.curl("1.3", None), None);
    let write = |(certificate, private): (String, String)| {
        fs::write(&crt, certificate).unwrap();
        fs::write(&key, private).unwrap();
    };
    write(other.issue(&[dns("a.example")], LONG));
    assert_eq!(site.curl("1.3", Some((&crt, &key))), None);
    for _ in 0..20 {
        assert_eq!(site.curl("1.2", None), None);
    }
    let mut plain = Connection::open(site.program.target()).await.unwrap();
    plain.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let _ = plain.rest().await;

    let mut good = site.connect(&authority.issue(&[dns("a.example")], LONG)).await;
    eventually("the failures are counted", async || {
        let text = scrape(&mut good).await.text();
        let count = |reason: &str, least: u32| {
            let series = format!("librechat_exporter_tls_handshake_failures_total{{reason=\"{reason}\"}} ");
            let value =
                text.lines().find_map(|line| line.strip_prefix(&series)).and_then(|n| n.parse::<u32>().ok());
            value.is_some_and(|value| value >= least)
        };
        let counted = count("no_certificate", 21) && count("unknown_authority", 1) && count("not_tls", 1);
        if counted && count("certificate_expired", 0) { Ok(()) } else { Err(text) }
    })
    .await;
    let lines = site.refusals();
    for reason in ["no_certificate", "unknown_authority", "not_tls"] {
        let of_it = lines.iter().filter(|line| line.to_string().contains(&format!("{reason:?}"))).count();
        assert!((1..21).contains(&of_it), "{reason}: {lines:?}");
    }
    assert!(lines.iter().all(|line| line.to_string().contains("127.0.0.1")), "{lines:?}");
    let unknown = lines.iter().find(|line| line["reason"] == "unknown_authority").unwrap();
    assert_eq!(unknown["certificate"], "a.example");
}

#[tokio::test]
async fn tls_min_version_refuses_what_is_older() {
    let authority = Authority::new("clients");
    let site = Site::start(&authority.0.pem(), &[("TLS_MIN_VERSION", "1.3")]).await;
    let (crt, key) = (site.path("client.crt"), site.path("client.key"));
    let (certificate, private) = authority.issue(&[dns("a.example")], LONG);
    fs::write(&crt, certificate).unwrap();
    fs::write(&key, private).unwrap();
    assert_eq!(site.curl("1.2", Some((&crt, &key))), None);
    assert_eq!(site.curl("1.3", Some((&crt, &key))).as_deref(), Some("200"));
}

#[tokio::test]
async fn settings_of_tls_that_cannot_be_meant_stop_the_start() {
    for (settings, reason) in [
        (&[("TLS_MIN_VERSION", "1.1")][..], "TLS_MIN_VERSION has \"1.1\""),
        (&[("TLS_MIN_VERSION", "TLSv1.3")], "it must be 1.2 or 1.3"),
        (&[("TLS_CLIENT_ALLOWED_SANS", "a.example")], "TLS_CLIENT_ALLOWED_SANS needs"),
        (&[("TLS_CLIENT_ALLOWED_SANS", "")], "TLS_CLIENT_ALLOWED_SANS is set but empty"),
        (&[("TLS_CLIENT_ALLOWED_SANS", " , ")], "TLS_CLIENT_ALLOWED_SANS is set but names nobody"),
        (&[("TLS_CLIENT_ALLOWED_SANS", "*")], "TLS_CLIENT_ALLOWED_SANS has \"*\""),
        (&[("TLS_CLIENT_ALLOWED_SAN", "a.example")], "did you mean TLS_CLIENT_ALLOWED_SANS?"),
    ] {
        let outcome = run(&["demo"], settings).await;
        assert_eq!(outcome.code, Some(2), "{settings:?}: {outcome:?}");
        assert!(outcome.stderr.contains(reason), "{settings:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn the_web_configuration_file_says_which_certificates_versions_and_suites() {
    let authority = Authority::new("company");
    let files = Files::new(&authority.0.pem());
    let text = |more: &str| {
        format!(
            "tls_server_config: {{cert_file: server.crt, key_file: server.key, client_ca_file: clients.crt, \
             client_auth_type: RequireAndVerifyClientCert, client_allowed_sans: [prometheus.example], {more}}}\n"
        )
    };
    let (crt, key) = (files.path("client.crt"), files.path("client.key"));
    let put = |name: &str| {
        let (certificate, private) = authority.issue(&[dns(name)], LONG);
        fs::write(&crt, certificate).unwrap();
        fs::write(&key, private).unwrap();
    };
    fs::write(files.path("web.yml"), text("min_version: TLS13")).unwrap();
    let file = files.path("web.yml").to_str().unwrap().to_owned();
    let settings = [("WEB_CONFIG_FILE", file.as_str()), ("RATE_LIMIT_MAX", "0")];
    let site = Site { program: Program::launch(&settings).await, files };
    put("prometheus.example");
    assert_eq!(site.curl("1.3", Some((&crt, &key))).as_deref(), Some("200"));
    assert_eq!(site.curl("1.2", Some((&crt, &key))), None, "min_version");
    put("other.example");
    assert_eq!(site.curl("1.3", Some((&crt, &key))), None, "client_allowed_sans");

    let Site { program, files } = site;
    drop(program);
    fs::write(&file, text("cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]")).unwrap();
    let site = Site { program: Program::launch(&settings).await, files };
    put("prometheus.example");
    for (suite, spoken) in [("ECDHE-ECDSA-AES256-GCM-SHA384", true), ("ECDHE-ECDSA-AES128-GCM-SHA256", false)]
    {
        let output = Command::new("openssl")
            .args(["s_client", "-tls1_2", "-cipher", suite, "-connect", &site.program.address().to_string()])
            .arg("-cert")
            .arg(&crt)
            .arg("-key")
            .arg(&key)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.success(), spoken, "{suite}: {output:?}");
    }
}
