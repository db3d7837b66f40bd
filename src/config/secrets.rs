//! Secrets that come inline or from a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::warn;

use crate::reload::Watch;
use crate::secret::file::{Contents, SecretFile, remarks};
use crate::secret::{Live, Secret};
use crate::vars::Vars;

/// A secret that was read and understood, and where it can be read again.
#[derive(Debug)]
pub struct Loaded<T> {
    pub value: T,
    pub secret: Secret,
    /// The file and its variable, when it came from one.
    pub file: Option<(&'static str, SecretFile)>,
}

/// Takes a variable or its `_FILE` twin. The outer `None` is for a problem, the inner for neither being set.
pub fn load<T>(
    vars: &mut Vars,
    [name, twin]: [&'static str; 2],
    inline: Option<Secret>,
    file: Option<PathBuf>,
    parse: impl Fn(&Secret) -> Result<T, String>,
) -> Option<Option<Loaded<T>>> {
    match (inline, file) {
        (None, file) => load_file(vars, twin, file, parse),
        (Some(_), Some(_)) => {
            vars.problem(name, format!("and {twin} are mutually exclusive: set one of them"));
            None
        }
        (Some(secret), None) => {
            let value = parse(&secret).map_err(|reason| vars.problem(name, reason)).ok()?;
            Some(Some(Loaded { value, secret, file: None }))
        }
    }
}

/// Takes what a variable names a file of. The outer `None` is for a problem, the inner for its not being set.
pub fn load_file<T>(
    vars: &mut Vars,
    variable: &'static str,
    file: Option<PathBuf>,
    parse: impl Fn(&Secret) -> Result<T, String>,
) -> Option<Option<Loaded<T>>> {
    let Some(file) = file.map(SecretFile::new) else { return Some(None) };
    let secret = file.load().map_err(|error| vars.problem(variable, error)).ok()?;
    file.remarks().for_each(|remark| vars.warn(variable, remark));
    let value = parse(&secret).map_err(|reason| vars.problem(variable, reason)).ok()?;
    Some(Some(Loaded { value, secret, file: Some((variable, file)) }))
}

/// Says at a reload what was said at the start about who may do what with a file.
pub fn tell_remarks(variable: &str, path: &Path, contents: Contents) {
    remarks(path, contents).for_each(|remark| warn!("{variable} {remark}"));
}

impl<T: Send + Sync + 'static> Loaded<T> {
    /// The value in a slot that readers take it from and, when it came from a file, what keeps it current.
    pub fn live(
        self,
        parse: impl Fn(&Secret) -> Result<T, String> + Send + 'static,
    ) -> (Arc<Live<T>>, Option<Watch>) {
        let slot = Arc::new(Live::new(self.value));
        let watched = Arc::clone(&slot);
        let watch = self.file.map(|(variable, file)| {
            let path = file.path().to_owned();
            Watch::secret(variable, &self.secret, file, move |secret| {
                watched.replace(parse(&secret)?);
                tell_remarks(variable, &path, Contents::Secret);
                Ok::<(), String>(())
            })
        });
        (slot, watch)
    }
}

impl<T> Loaded<T> {
    /// Hands each new content of the file to `apply`, when there is a file.
    pub fn watch(self, apply: impl FnMut(Secret) -> Result<(), String> + Send + 'static) -> Option<Watch> {
        self.file.map(|(variable, file)| Watch::secret(variable, &self.secret, file, apply))
    }
}
