//! A file that is read whole and told apart from what it held before: key sets, certificates, settings.

use std::fmt;
use std::path::Path;

use secrecy::{ExposeSecret, SecretBox};

use super::Fingerprint;
use super::file::{self, Content, FileError};

/// The bytes of a file. It may hold more than it should (a private key by mistake), so it is not printed.
pub struct Document(SecretBox<Vec<u8>>);

impl Document {
    /// # Errors
    /// As [`file::read`].
    pub fn read(path: &Path, limit: usize) -> Result<Self, FileError> {
        file::read(path, limit).map(Self)
    }

    pub fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl Content for Document {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.bytes())
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
