//! Who somebody is, as far as a good credential says so: for the log, never for deciding.

use std::fmt;
use std::sync::Arc;

use super::excerpt::Excerpt;

/// The user of Basic, `sub` of a token, LibreChat's user. Shown escaped and cut, since an issuer may write anything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject(Arc<str>);

impl Subject {
    pub fn new(text: &str) -> Self {
        Self(Excerpt(text).to_string().into())
    }

    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
