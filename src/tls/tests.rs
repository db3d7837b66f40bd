//! Files, good and bad: what is accepted, what is said of the rest. Handshakes are in `tests/tls.rs`.

use std::fs;
use std::path::Path;

use prometheus_client::encoding::text::encode;
use rcgen::{
    CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, date_time_ymd,
};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use x509_cert::der::asn1::OctetStringRef;
use x509_cert::der::{Decode, Reader, SliceReader};

use super::pem::Files;
use super::*;
use crate::secret::file::Content;

/// 2040-01-01T00:00:00Z
const YEAR_2040: i64 = 2_208_988_800;

/// A self-signed certificate of `key` that expires at the start of `year`.
fn certificate(key: &KeyPair, year: i32) -> String {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(year, 1, 1);
    params.self_signed(key).unwrap().pem()
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;

    let body = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

/// The older form that PKCS#8 wraps (RFC 5208 section 5): PKCS#1 for RSA, SEC1 for elliptic curves.
fn unwrapped(key: &KeyPair) -> Vec<u8> {
    let mut reader = SliceReader::new(key.serialized_der()).unwrap();
    let inner = reader.sequence(|fields| {
        let _version = fields.tlv_bytes()?;
        let _algorithm = fields.tlv_bytes()?;
        let inner = <&OctetStringRef>::decode(fields)?.as_bytes().to_vec();
        while !fields.is_finished() {
            fields.tlv_bytes()?;
        }
        Ok::<_, x509_cert::der::Error>(inner)
    });
    inner.unwrap()
}

struct Folder {
    folder: TempDir,
    files: Files,
}

impl Folder {
    fn new(cert: &str, key: &str, client_ca: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let files = Files {
            cert: write("tls.crt", cert),
            key: write("tls.key", key),
            client_ca: client_ca.map(|text| write("ca.crt", text)),
        };
        Self { folder, files }
    }

    fn load(&self) -> Result<Acceptor, TlsError> {
        Acceptor::new(&self.files.read()?, Policy::default())
    }

    /// The refusal, with the folder's name left out.
    fn refusal(&self) -> String {
        let message = self.load().err().unwrap().to_string();
        message.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

#[test]
fn takes_keys_in_every_common_form() {
    let rsa = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let ec = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let ed = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let cases = [
        ("PKCS#8 RSA", &rsa, rsa.serialize_pem()),
        ("PKCS#8 EC", &ec, ec.serialize_pem()),
        ("PKCS#8 Ed25519", &ed, ed.serialize_pem()),
        ("PKCS#1", &rsa, pem("RSA PRIVATE KEY", &unwrapped(&rsa))),
        ("SEC1", &ec, pem("EC PRIVATE KEY", &unwrapped(&ec))),
        ("certificate and key in one", &ec, certificate(&ec, 2040) + &ec.serialize_pem()),
    ];
    for (form, key, text) in cases {
        let folder = Folder::new(&certificate(key, 2040), &text, None);
        assert!(folder.load().is_ok(), "{form}: {}", folder.refusal());
    }
}

#[test]
fn names_the_file_and_what_is_wrong_and_never_the_contents() {
    let key = KeyPair::generate().unwrap();
    let (cert, key, other) =
        (certificate(&key, 2040), key.serialize_pem(), KeyPair::generate().unwrap().serialize_pem());
    let damaged = cert.replace("END CERTIFICATE", "END");
    let nonsense = pem("CERTIFICATE", b"canary");
    let encrypted = pem("ENCRYPTED PRIVATE KEY", b"canary");
    let cases = [
        (("", &*key, None), r#"TLS_CERT_FILE names "tls.crt", which is empty"#),
        ((&key, &key, None), r#"TLS_CERT_FILE names "tls.crt", which holds no certificate in PEM form"#),
        (
            (&damaged, &key, None),
            r#"TLS_CERT_FILE names "tls.crt", which holds a PEM section that is damaged"#,
        ),
        (
            (&nonsense, &key, None),
            r#"TLS_CERT_FILE names "tls.crt", which holds a certificate that cannot be decoded"#,
        ),
        ((&cert, "", None), r#"TLS_KEY_FILE names "tls.key", which is empty"#),
        (
            (&cert, &cert, None),
            r#"TLS_KEY_FILE names "tls.key", which holds no private key in PEM form (PKCS#8, PKCS#1 or SEC1)"#,
        ),
        (
            (&cert, &encrypted, None),
            r#"TLS_KEY_FILE names "tls.key", which holds a private key that is encrypted; give it without a passphrase"#,
        ),
        (
            (&cert, &pem("PRIVATE KEY", b"canary"), None),
            r#"TLS_KEY_FILE names "tls.key", which holds a private key of a kind that is not supported, or a damaged one"#,
        ),
        (
            (&cert, "-----BEGIN PRIVATE KEY-----\ncanary!\n-----END PRIVATE KEY-----\n", None),
            r#"TLS_KEY_FILE names "tls.key", which holds a PEM section that is damaged"#,
        ),
        (
            (&cert, &other, None),
            r#"TLS_KEY_FILE names "tls.key", which holds a private key that does not fit the first certificate in "tls.crt""#,
        ),
        (
            (&cert, &key, Some("canary")),
            r#"TLS_CLIENT_CA_FILE names "ca.crt", which holds no certificate in PEM form"#,
        ),
        (
            (&cert, &key, Some(&*nonsense)),
            r#"TLS_CLIENT_CA_FILE names "ca.crt", which holds a certificate that cannot be used: invalid peer certificate: BadEncoding"#,
        ),
    ];
    for ((cert, key, client_ca), message) in cases {
        assert_eq!(Folder::new(cert, key, client_ca).refusal(), message);
    }
}

#[test]
fn names_each_missing_file() {
    let key = KeyPair::generate().unwrap();
    let cert = certificate(&key, 2040);
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    let folder = Folder::new(&cert, &key.serialize_pem(), Some(&cert));
    remove(folder.files.client_ca.as_deref().unwrap());
    assert_eq!(folder.refusal(), r#"TLS_CLIENT_CA_FILE names "ca.crt", which does not exist"#);
    remove(&folder.files.key);
    assert_eq!(folder.refusal(), r#"TLS_KEY_FILE names "tls.key", which does not exist"#);
    remove(&folder.files.cert);
    assert_eq!(folder.refusal(), r#"TLS_CERT_FILE names "tls.crt", which does not exist"#);
}

#[test]
fn tells_when_the_first_certificate_of_the_chain_expires() {
    let key = KeyPair::generate().unwrap();
    let chain = certificate(&key, 2060) + &certificate(&KeyPair::generate().unwrap(), 2040);
    let folder = Folder::new(&chain, &key.serialize_pem(), None);
    let acceptor = folder.load().unwrap();
    let mut registry = Registry::default();
    acceptor.register(registry.sub_registry_with_prefix("librechat_exporter"));
    let series = |registry: &Registry| {
        let mut text = String::new();
        encode(&mut text, registry).unwrap();
        let name = "librechat_exporter_tls_certificate_expiry_timestamp_seconds ";
        text.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned()
    };
    assert_eq!(series(&registry), YEAR_2040.to_string());

    fs::write(&folder.files.cert, certificate(&key, 2001)).unwrap();
    acceptor.replace(&folder.files.read().unwrap()).unwrap();
    assert_eq!(series(&registry), "978307200");
}

#[test]
fn an_expired_certificate_is_known_and_served_all_the_same() {
    let key = KeyPair::generate().unwrap();
    let acceptor = Folder::new(&certificate(&key, 2040), &key.serialize_pem(), None).load().unwrap();
    let end = UNIX_EPOCH + Duration::from_secs(YEAR_2040.unsigned_abs());
    assert!(!acceptor.has_expired(end));
    assert!(acceptor.has_expired(end + Duration::from_secs(1)));
}

#[test]
fn the_digest_of_the_files_tells_a_change_of_any_and_debug_shows_none() {
    let folder = Folder::new("certificate-canary", "key-canary", Some("ca-canary"));
    let before = folder.files.read().unwrap();
    assert_eq!(before.fingerprint(), folder.files.read().unwrap().fingerprint());
    for path in [&folder.files.cert, &folder.files.key, folder.files.client_ca.as_ref().unwrap()] {
        let text = fs::read_to_string(path).unwrap();
        fs::write(path, "changed").unwrap();
        assert_ne!(before.fingerprint(), folder.files.read().unwrap().fingerprint(), "{path:?}");
        fs::write(path, text).unwrap();
    }
    assert!(!format!("{before:?}").contains("key-canary"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_drips_its_handshake_is_cut_at_the_deadline() {
    let key = KeyPair::generate().unwrap();
    let acceptor = Folder::new(&certificate(&key, 2040), &key.serialize_pem(), None).load().unwrap();
    let (mut client, server) = tokio::io::duplex(64);
    let dripping = tokio::spawn(async move {
        // The head of a record that announces 255 bytes, then one of them each second.
        client.write_all(&[22, 3, 1, 0, 255, 1, 0, 0, 251]).await.unwrap();
        while client.write_all(&[3]).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let start = Instant::now();
    let error = acceptor.accept(server).await.err().unwrap();
    assert!(matches!(error, HandshakeError::TimedOut), "{error}");
    assert_eq!(start.elapsed(), HANDSHAKE_TIMEOUT);
    dripping.await.unwrap();
}
