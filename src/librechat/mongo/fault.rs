//! A failure to reach a server, in words that an operator would search for, with the way out.

use std::io;

use mongodb::error::{Error, ErrorKind};
use rustls::{AlertDescription, CertificateError};

/// Of a server of which nothing was heard.
pub(super) const SILENT: &str = "it did not answer in time (a firewall, perhaps)";

/// Why a server could not be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Goes on after the server's address and a colon.
    pub text: String,
    /// Whether trying on for some seconds is in vain.
    pub is_definite: bool,
    /// Whether its name was not found.
    pub is_name: bool,
}

impl Fault {
    fn definite(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_definite: true, is_name: false }
    }

    fn passing(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_definite: false, is_name: false }
    }

    fn name(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_definite: true, is_name: true }
    }
}

/// `is_encrypted` says whether TLS was to be spoken.
pub(super) fn fault(error: &Error, is_encrypted: bool) -> Fault {
    match error.kind.as_ref() {
        ErrorKind::Io(error) => io_fault(error, is_encrypted),
        ErrorKind::DnsResolve { .. } => Fault::name("the name cannot be resolved"),
        ErrorKind::InvalidTlsConfig { message, .. } => {
            Fault::definite(format!("TLS cannot be set up: {message}"))
        }
        ErrorKind::Command(command) => Fault::passing(format!(
            "it refuses to say what it is: {} (code {})",
            command.message, command.code
        )),
        ErrorKind::InvalidResponse { .. } => {
            Fault::definite("what answers there does not speak MongoDB's protocol")
        }
        // The driver gave up while it waited for a first answer.
        ErrorKind::Internal { .. } => Fault::passing(SILENT),
        // The others are not of the network. Their kind's text holds no answer of the server in full.
        kind => Fault::passing(kind.to_string()),
    }
}

fn io_fault(error: &io::Error, is_encrypted: bool) -> Fault {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return tls_fault(tls);
    }
    let text = error.to_string();
    if text.contains("failed to lookup address") || text.contains("resolve") {
        return Fault::name("the name cannot be resolved");
    }
    let is_closed = matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
    );
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Fault::definite("connection refused: nothing listens there"),
        io::ErrorKind::TimedOut => Fault::passing(SILENT),
        io::ErrorKind::NotFound => Fault::definite("no such socket"),
        io::ErrorKind::PermissionDenied => Fault::definite("permission denied"),
        _ if is_closed && is_encrypted => Fault::definite(
            "it closed the connection while TLS was set up: it may speak no TLS, or ask for a client certificate \
             (tlsCertificateKeyFile)",
        ),
        _ if is_closed => Fault::definite(
            "it closed the connection at once: if it speaks TLS only, add tls=true to MONGO_URI",
        ),
        _ => Fault::passing(text),
    }
}

fn tls_fault(error: &rustls::Error) -> Fault {
    Fault::definite(match error {
        rustls::Error::InvalidCertificate(invalid) => certificate_fault(invalid),
        rustls::Error::InvalidMessage(_) => "it speaks no TLS: take tls=true out of MONGO_URI".into(),
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::HandshakeFailure
            | AlertDescription::NoCertificate,
        ) => "TLS: it asks for a client certificate: name one with its key as tlsCertificateKeyFile".into(),
        rustls::Error::AlertReceived(
            alert @ (AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked),
        ) => format!("TLS: it does not accept our client certificate ({alert:?})"),
        error => format!("TLS: {error}"),
    })
}

fn certificate_fault(invalid: &CertificateError) -> String {
    let text = match invalid {
        CertificateError::UnknownIssuer => {
            "its certificate is of an authority that is not trusted: name that one's certificate as tlsCAFile"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name than the one in MONGO_URI"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; are the clocks right?"
        }
        other => {
            let other = format!("{other:?}");
            if other.contains("CaUsedAsEndEntity") {
                return "TLS: its certificate is that of an authority (CA:TRUE), which no server may show: sign one for the \
                        server with it, or make the self-signed one with basicConstraints=critical,CA:FALSE \
                        (docs/mongodb.md)"
                    .into();
            }
            return format!("TLS: its certificate is not valid ({other})");
        }
    };
    format!("TLS: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_of_the_network_has_its_own_words() {
        let of = |kind, is_encrypted| fault(&io::Error::from(kind).into(), is_encrypted).text;
        let texts = [
            of(io::ErrorKind::ConnectionRefused, false),
            of(io::ErrorKind::TimedOut, false),
            of(io::ErrorKind::UnexpectedEof, false),
            of(io::ErrorKind::UnexpectedEof, true),
            fault(&io::Error::other("failed to lookup address information: ?").into(), false).text,
            tls_fault(&rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)).text,
            tls_fault(&rustls::Error::InvalidCertificate(CertificateError::NotValidForName)).text,
            tls_fault(&rustls::Error::AlertReceived(AlertDescription::CertificateRequired)).text,
        ];
        for (index, text) in texts.iter().enumerate() {
            assert!(!texts[..index].contains(text), "{text}");
        }
    }
}
