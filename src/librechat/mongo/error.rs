//! The driver's errors as one line for people: what happened and the way out, without credentials.

use mongodb::error::{Error, ErrorKind};

use super::fault::fault;
use super::observed::Observed;
use super::uri::Uri;
use crate::librechat::source::SourceError;

/// Codes of the server (its `error_codes.yml`).
const UNAUTHORIZED: i32 = 13;
const AUTHENTICATION_FAILED: i32 = 18;

/// The longest line, in characters.
const LONGEST: usize = 600;

pub(super) fn explain(error: &Error, uri: &Uri, observed: &Observed) -> SourceError {
    let hosts = uri.hosts();
    let text = match error.kind.as_ref() {
        ErrorKind::ServerSelection { .. } => observed.reason(uri),
        ErrorKind::Authentication { .. } => unauthenticated(uri),
        ErrorKind::Command(command) if command.code == AUTHENTICATION_FAILED => unauthenticated(uri),
        ErrorKind::Command(command) if command.code == UNAUTHORIZED => format!(
            "MongoDB at {hosts} does not authorize us to read: give MONGO_URI a user with the role `read` on the \
             database ({})",
            command.message
        ),
        ErrorKind::Command(command) => {
            let name =
                if command.code_name.is_empty() { String::new() } else { format!(" {}", command.code_name) };
            format!("MongoDB at {hosts} says: {} (code {}{name})", command.message, command.code)
        }
        ErrorKind::DnsResolve { .. } => format!("the name {hosts} of MONGO_URI cannot be resolved"),
        ErrorKind::Io(_) => {
            format!("the connection to MongoDB at {hosts} failed: {}", fault(error, uri.is_encrypted).text)
        }
        // The kind alone: the error itself prints the server's answer as bytes.
        kind => kind.to_string(),
    };
    SourceError { text: uri.redact(&printable(&text)) }
}

fn unauthenticated(uri: &Uri) -> String {
    let hint = match uri.authenticates_in.as_deref() {
        Some(database) if database != "admin" => format!(
            ". The user is looked up in the database {database}: if it was made in admin, add authSource=admin to MONGO_URI"
        ),
        _ => String::new(),
    };
    format!(
        "authentication failed: MongoDB at {} does not accept the user and password of MONGO_URI{hint}",
        uri.hosts()
    )
}

fn printable(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
