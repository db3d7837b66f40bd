//! The driver's errors as one line for people: what happened and the way out, without credentials.

use mongodb::error::{Error, ErrorKind};

use super::uri::Uri;
use crate::librechat::source::SourceError;

/// Codes of the server (its `error_codes.yml`).
const UNAUTHORIZED: i32 = 13;
const AUTHENTICATION_FAILED: i32 = 18;

pub(super) fn explain(error: &Error, uri: &Uri) -> SourceError {
    let hosts = uri.hosts();
    let text = match error.kind.as_ref() {
        ErrorKind::ServerSelection { .. } => format!("no MongoDB answers at {hosts}"),
        ErrorKind::Authentication { .. } => {
            format!("MongoDB at {hosts} does not authenticate us with the credentials of MONGO_URI")
        }
        ErrorKind::Command(command) if command.code == AUTHENTICATION_FAILED => {
            format!("MongoDB at {hosts} does not authenticate us with the credentials of MONGO_URI")
        }
        ErrorKind::Command(command) if command.code == UNAUTHORIZED => format!(
            "MongoDB at {hosts} does not authorize us to read: give MONGO_URI a user with the role `read` on the database"
        ),
        ErrorKind::DnsResolve { .. } => format!("the name {hosts} of MONGO_URI cannot be resolved"),
        _ => uri.redact(&one_line(&error.to_string())),
    };
    SourceError { text }
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(300).collect()
}
