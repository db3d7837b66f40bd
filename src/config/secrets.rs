//! Secrets that come inline or from a file.

use std::path::PathBuf;

use crate::secret::Secret;
use crate::secret::file::SecretFile;
use crate::vars::Vars;

/// A secret that was read and understood, and where it can be read again.
#[derive(Debug)]
pub struct Loaded<T> {
    pub value: T,
    pub secret: Secret,
    /// The file and its variable, when it came from one.
    pub file: Option<(String, SecretFile)>,
}

/// Takes `name` or its `_FILE` twin. The outer `None` is for a problem, the inner for neither being set.
pub fn load<T>(
    vars: &mut Vars,
    name: &str,
    inline: Option<Secret>,
    file: Option<PathBuf>,
    parse: impl Fn(&Secret) -> Result<T, String>,
) -> Option<Option<Loaded<T>>> {
    let twin = format!("{name}_FILE");
    let (secret, variable, file) = match (inline, file) {
        (None, None) => return Some(None),
        (Some(_), Some(_)) => {
            vars.problem(name, format!("and {twin} are mutually exclusive: set one of them"));
            return None;
        }
        (Some(secret), None) => (secret, name.to_owned(), None),
        (None, Some(path)) => {
            let file = SecretFile::new(path);
            let secret = file.load().map_err(|error| vars.problem(&twin, error)).ok()?;
            if file.is_world_readable() {
                vars.warn(&twin, "names a file that everyone on this machine can read");
            }
            (secret, twin.clone(), Some((twin, file)))
        }
    };
    let value = parse(&secret).map_err(|reason| vars.problem(&variable, reason)).ok()?;
    Some(Some(Loaded { value, secret, file }))
}
