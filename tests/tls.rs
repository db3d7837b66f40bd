//! TLS over real sockets: versions, client certificates, and reloads under open connections.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use librechat_exporter::reload::metrics::Reloads;
use librechat_exporter::reload::{Reloader, Watch};
use librechat_exporter::tls::pem::Files;
use librechat_exporter::tls::{Acceptor, Policy};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const BOTH: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

/// A CA, as good for servers as for clients.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key in PEM form.
struct Identity {
    cert: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        Identity { cert: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }
}

/// An echo server over TLS, its files, and what watches them.
struct Server {
    folder: TempDir,
    authority: Authority,
    address: SocketAddr,
    reloader: Reloader,
    registry: Registry,
}

impl Server {
    async fn start(client_ca: Option<&Authority>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("first");
        let files = Files {
            cert: folder.path().join("tls.crt"),
            key: folder.path().join("tls.key"),
            client_ca: client_ca.map(|_| folder.path().join("ca.crt")),
        };
        let identity = authority.issue();
        fs::write(&files.cert, identity.cert).unwrap();
        fs::write(&files.key, identity.key).unwrap();
        if let Some(client_ca) = client_ca {
            fs::write(folder.path().join("ca.crt"), client_ca.0.pem()).unwrap();
        }

        let pem = files.read().unwrap();
        let acceptor = Acceptor::new(&pem, Policy::default()).unwrap();
        let slot = acceptor.clone();
        let watch = Watch::new("TLS_CERT_FILE", &pem, move || files.read(), move |pem| slot.replace(&pem));
        let mut registry = Registry::default();
        let reloader = Reloader::new(vec![watch], Reloads::register(&mut registry));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(echo(listener, acceptor));
        Self { folder, authority, address, reloader, registry }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// How many reloads were good and how many were not, after a check.
    fn check(&mut self) -> (u64, u64) {
        self.reloader.check();
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        let count = |result| {
            let series = format!("secret_reloads_total{{result=\"{result}\"}} ");
            text.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
        };
        (count("ok"), count("failed"))
    }

    /// Connects and has one line echoed: with TLS 1.3 a client learns only then that its certificate was refused.
    async fn connect(
        &self,
        trust: &Authority,
        identity: Option<&Identity>,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&str],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(trust.0.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(Identity { cert, key }) => {
                let chain = vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        echoed(&mut stream).await?;
        Ok(stream)
    }

    async fn greet(&self, identity: Option<&Identity>) -> std::io::Result<TlsStream<TcpStream>> {
        self.connect(&self.authority, identity, BOTH, &[]).await
    }
}

async fn echo(listener: TcpListener, acceptor: Acceptor) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let Ok(accepted) = acceptor.accept(stream).await else { return };
            let (mut reader, mut writer) = tokio::io::split(accepted.stream);
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
        });
    }
}

async fn echoed(stream: &mut TlsStream<TcpStream>) -> std::io::Result<()> {
    // A server that refused may have closed by now; why it did is still there to be read.
    let _ = stream.write_all(b"hello").await;
    let _ = stream.flush().await;
    let mut answer = [0; 5];
    let reading = tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut answer));
    reading.await.map_err(std::io::Error::other)??;
    assert_eq!(&answer, b"hello");
    Ok(())
}

/// What the server's refusal says, from the client's side.
fn refusal(outcome: std::io::Result<TlsStream<TcpStream>>) -> String {
    outcome.map(|_| ()).unwrap_err().to_string()
}

#[tokio::test]
async fn serves_tls_1_2_and_1_3() {
    let server = Server::start(None).await;
    for (offered, agreed) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let stream = server.connect(&server.authority, None, &[offered], &[]).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(agreed));
    }
}

#[tokio::test]
async fn refuses_tls_1_1() {
    let server = Server::start(None).await;
    let mut hello = vec![0x03, 0x02]; // client_version: TLS 1.1 (RFC 4346 section 7.4.1.2)
    hello.extend([7; 32]); // random
    hello.extend([0]); // session_id
    hello.extend([0, 4, 0xc0, 0x13, 0x00, 0x2f]); // cipher_suites
    hello.extend([1, 0]); // compression_methods
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 0x03, 0x01, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);

    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&record).await.unwrap();
    let mut answer = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
    let _ = reading.await.unwrap();
    assert_eq!(answer.first(), Some(&21), "an alert record");
    assert_eq!(answer.get(5..), Some([2, 40].as_slice()), "fatal handshake_failure");
}

#[tokio::test]
async fn speaks_http_1_1_only() {
    let server = Server::start(None).await;
    let stream = server.connect(&server.authority, None, BOTH, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    let outcome = server.connect(&server.authority, None, BOTH, &["h2"]).await;
    assert!(refusal(outcome).contains("NoApplicationProtocol"));
}

#[tokio::test]
async fn mutual_tls_lets_in_only_who_has_a_certificate_of_the_ca() {
    let (good, other) = (Authority::new("one"), Authority::new("two"));
    let server = Server::start(Some(&good)).await;
    let (insider, outsider) = (good.issue(), other.issue());
    for version in BOTH {
        let connect = async |identity| server.connect(&server.authority, identity, &[version], &[]).await;
        assert!(refusal(connect(None).await).contains("CertificateRequired"), "{version:?}");
        assert!(refusal(connect(Some(&outsider)).await).contains("UnknownCA"), "{version:?}");
        assert!(connect(Some(&insider)).await.is_ok(), "{version:?}");
    }
}

#[tokio::test]
async fn resumes_no_session() {
    let server = Server::start(None).await;
    for version in BOTH {
        let mut roots = RootCertStore::empty();
        roots.add(server.authority.0.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        for _ in 0..2 {
            let stream = TcpStream::connect(server.address).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let mut stream = connector.connect(name, stream).await.unwrap();
            echoed(&mut stream).await.unwrap();
            assert_ne!(
                stream.get_ref().1.handshake_kind(),
                Some(rustls::HandshakeKind::Resumed),
                "{version:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_new_certificate_serves_new_connections_while_open_ones_go_on() {
    let mut server = Server::start(None).await;
    let mut open = server.greet(None).await.unwrap();
    let next = Authority::new("next");
    let identity = next.issue();
    server.write("tls.crt", &identity.cert);
    server.write("tls.key", &identity.key);
    assert_eq!(server.check(), (1, 0));

    echoed(&mut open).await.unwrap();
    assert!(server.connect(&next, None, BOTH, &[]).await.is_ok());
    assert!(refusal(server.greet(None).await).contains("invalid peer certificate"));
}

#[tokio::test]
async fn a_bad_new_file_keeps_the_old_certificate_until_it_is_repaired() {
    let mut server = Server::start(None).await;
    let next = Authority::new("next");
    let identity = next.issue();

    // The certificate is written before its key: between the two nothing fits.
    server.write("tls.crt", &identity.cert);
    assert_eq!(server.check(), (0, 1));
    assert_eq!(server.check(), (0, 1), "the same files are not reported twice");
    assert!(server.greet(None).await.is_ok());

    server.write("tls.key", "garbage");
    assert_eq!(server.check(), (0, 2));
    fs::remove_file(server.folder.path().join("tls.key")).unwrap();
    assert_eq!(server.check(), (0, 3));
    assert!(server.greet(None).await.is_ok());

    server.write("tls.key", &identity.key);
    assert_eq!(server.check(), (1, 3));
    assert!(server.connect(&next, None, BOTH, &[]).await.is_ok());
}

#[tokio::test]
async fn a_new_client_ca_shuts_out_the_old_one_for_new_connections() {
    let (before, after) = (Authority::new("one"), Authority::new("two"));
    let mut server = Server::start(Some(&before)).await;
    let (old, new) = (before.issue(), after.issue());
    let mut open = server.greet(Some(&old)).await.unwrap();

    server.write("ca.crt", &format!("{}{}", before.0.pem(), after.0.pem()));
    assert_eq!(server.check(), (1, 0));
    assert!(server.greet(Some(&old)).await.is_ok());
    assert!(server.greet(Some(&new)).await.is_ok());

    server.write("ca.crt", &after.0.pem());
    assert_eq!(server.check(), (2, 0));
    assert!(refusal(server.greet(Some(&old)).await).contains("UnknownCA"));
    assert!(server.greet(Some(&new)).await.is_ok());
    echoed(&mut open).await.unwrap();

    server.write("ca.crt", "");
    assert_eq!(server.check(), (2, 1));
    assert!(server.greet(None).await.is_err(), "an empty client CA opens nothing");
    assert!(server.greet(Some(&new)).await.is_ok());
}

#[tokio::test]
async fn what_is_not_tls_is_refused_and_harms_nobody() {
    let server = Server::start(None).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
    let _ = reading.await.unwrap();
    assert!(!answer.starts_with(b"HTTP"));
    assert!(server.greet(None).await.is_ok());
}
