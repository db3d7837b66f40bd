//! The files that a connection string names, looked at before a server is asked.

use std::fs;
use std::path::Path;

use mongodb::options::{ConnectionString, Tls};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// # Errors
/// A file that cannot be read, or does not hold what it is for; by its option and path.
pub(super) fn check(connection: &ConnectionString) -> Result<(), String> {
    let Some(Tls::Enabled(options)) = &connection.tls else { return Ok(()) };
    if let Some(path) = &options.ca_file_path {
        let pem = read("tlsCAFile", path)?;
        if certificates(&pem) == 0 {
            return Err(format!("names a tlsCAFile that holds no certificate (PEM): {}", path.display()));
        }
    }
    if let Some(path) = &options.cert_key_file_path {
        let pem = read("tlsCertificateKeyFile", path)?;
        if certificates(&pem) == 0 {
            return Err(format!(
                "names a tlsCertificateKeyFile that holds no certificate (PEM): {}",
                path.display()
            ));
        }
        if PrivateKeyDer::from_pem_slice(&pem).is_err() {
            let path = path.display();
            return Err(format!(
                "names a tlsCertificateKeyFile that holds no private key without a password (PEM): {path}"
            ));
        }
    }
    Ok(())
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| {
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => "no such file".to_owned(),
            std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ => error.to_string(),
        };
        format!("names a {option} that cannot be read: {}: {reason}", path.display())
    })
}

fn certificates(pem: &[u8]) -> usize {
    CertificateDer::pem_slice_iter(pem).flatten().count()
}
