//! Certificates made for one test: an authority, what it signs, and a client that trusts it and no other.

use std::fs;
use std::io::Error;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::http::{self, Response};

/// An authority, as good for servers as for clients.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key in PEM form.
pub(crate) struct Identity {
    cert: String,
    key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = common_name(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate, PEM.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for 127.0.0.1 that is good until the beginning of that year (UTC).
    pub(crate) fn issue(&self, name: &str, until_year: i32) -> Identity {
        self.issue_for(&["127.0.0.1"], name, until_year)
    }

    /// The same for other hosts.
    pub(crate) fn issue_for(&self, hosts: &[&str], name: &str, until_year: i32) -> Identity {
        let key = KeyPair::generate().unwrap();
        let hosts: Vec<_> = hosts.iter().map(|&host| host.to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name = common_name(name);
        params.not_after = date_time_ymd(until_year, 1, 1);
        Identity { cert: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }
}

impl Identity {
    /// Writes `name.crt` and `name.key` into the folder; gives their paths.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> [String; 2] {
        [("crt", &self.cert), ("key", &self.key)].map(|(kind, text)| {
            let path = folder.join(format!("{name}.{kind}"));
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        })
    }

    /// Whether this is the certificate that a server shows.
    pub(crate) fn is(&self, shown: &CertificateDer<'_>) -> bool {
        CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap() == *shown
    }
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// A handshake with 127.0.0.1 by one who trusts `authority` and has the certificate of `identity`, if any.
pub(crate) async fn connect(
    port: u16,
    authority: &Authority,
    identity: Option<&Identity>,
) -> Result<TlsStream<TcpStream>, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = vec![CertificateDer::from_pem_slice(identity.cert.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// `GET path` over TLS.
pub(crate) async fn get(
    port: u16,
    path: &str,
    authority: &Authority,
    identity: Option<&Identity>,
) -> Result<Response, Error> {
    http::ask(connect(port, authority, identity).await?, path, &[]).await
}
