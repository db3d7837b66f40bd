//! Where settings come from: the process' environment and, where it does not say otherwise, one `.env` file.
//!
//! Invariants:
//! - Nothing else reads the environment. A variable that the environment has is never taken from the file, even when blank.
//! - The file of the working folder is read only when it belongs to root or to this process' user and nobody else may
//!   write to it (CWE-426): whoever can write there could turn authentication off. Names in an ignored one are kept, so
//!   that a token that is left out with it cannot quietly leave `/metrics` open.
//! - A file that was asked for by name is read whoever owns it, and has to be there.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;

use super::Problem;
use super::dotenv::{self, Oddity, Stray};
use crate::secret::file::{self, Fault, FileError};

/// Names another file than the `.env` of the working folder; `/dev/null` for none.
pub const ENV_FILE: &str = "LIBRECHAT_EXPORTER_ENV_FILE";

const DEFAULT_FILE: &str = ".env";
const LARGEST_FILE: usize = 1024 * 1024;
const WRITABLE_BY_OTHERS: u32 = 0o002;

/// Where one value was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Environment,
    File { line: usize },
}

/// One variable, whoever it belongs to.
pub struct Pair {
    pub name: String,
    pub value: String,
    pub origin: Origin,
    pub oddity: Option<Oddity>,
}

/// Everything that was found.
#[derive(Default)]
pub struct Environment {
    /// Each name once.
    pub pairs: Vec<Pair>,
    /// Lines of the file that are no assignment.
    pub strays: Vec<Stray>,
    /// The file that was read, as it is shown.
    pub file: Option<String>,
    pub ignored: Option<Ignored>,
}

/// A file of the working folder that is not read.
pub struct Ignored {
    pub reason: String,
    /// The variables that it has a value for.
    pub names: Vec<String>,
}

impl Environment {
    /// # Errors
    /// A file that is there, or was asked for, and cannot be read: leaving it out could leave out a token.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn read(folder: &Path) -> Result<Self, Problem> {
        Self::gather(std::env::vars_os(), folder)
    }

    fn gather(variables: impl Iterator<Item = (OsString, OsString)>, folder: &Path) -> Result<Self, Problem> {
        let mut pairs: BTreeMap<String, Pair> = BTreeMap::new();
        for (name, value) in variables {
            let oddity = value.to_str().is_none().then_some(Oddity::NotText);
            let name = name.to_string_lossy().into_owned();
            let value = value.to_string_lossy().into_owned();
            pairs.insert(name.clone(), Pair { name, value, origin: Origin::Environment, oddity });
        }
        let mut environment = match pairs.remove(ENV_FILE).map(|pair| pair.value) {
            Some(path) => Self::of_named_file(&path, folder)?,
            None => Self::of_working_folder(folder)?,
        };
        for pair in environment.pairs.drain(..) {
            match pairs.get(&pair.name).map(|known| known.origin) {
                Some(Origin::Environment) => {}
                _ => drop(pairs.insert(pair.name.clone(), pair)),
            }
        }
        environment.pairs = pairs.into_values().collect();
        Ok(environment)
    }

    fn of_named_file(text: &str, folder: &Path) -> Result<Self, Problem> {
        let problem = |text: String| Problem(format!("{ENV_FILE} {text}"));
        if text.trim().is_empty() {
            return Err(problem("is set but empty; leave it out to read .env".into()));
        }
        let path = Path::new(text.trim());
        if path == Path::new("/dev/null") {
            return Ok(Self::default());
        }
        let path = folder.join(path);
        let (parsed, _) = parse(&path).map_err(|fault| problem(FileError::new(&path, fault).to_string()))?;
        Ok(Self::of_lines(parsed, path.display().to_string()))
    }

    fn of_working_folder(folder: &Path) -> Result<Self, Problem> {
        let path = folder.join(DEFAULT_FILE);
        let (parsed, metadata) = match parse(&path) {
            Ok(found) => found,
            Err(Fault::Missing) => return Ok(Self::default()),
            Err(fault) => {
                return Err(Problem(format!(
                    ".env is in the working folder, but {fault}; mend it, or name another file with {ENV_FILE} \
                     (/dev/null for none)"
                )));
            }
        };
        let link = path.symlink_metadata().ok();
        if let Some(reason) = distrust(&metadata, link.as_ref()) {
            let names = parsed.entries.into_iter().filter(|entry| !entry.value.trim().is_empty());
            let names = names.map(|entry| entry.name).collect();
            return Ok(Self { ignored: Some(Ignored { reason, names }), ..Self::default() });
        }
        let whole: PathBuf = path.canonicalize().unwrap_or(path);
        Ok(Self::of_lines(parsed, whole.display().to_string()))
    }

    fn of_lines(parsed: dotenv::Parsed, file: String) -> Self {
        let pair = |entry: dotenv::Entry| Pair {
            name: entry.name,
            value: entry.value,
            origin: Origin::File { line: entry.line },
            oddity: entry.oddity,
        };
        let pairs = parsed.entries.into_iter().map(pair).collect();
        Self { pairs, strays: parsed.strays, file: Some(file), ignored: None }
    }
}

/// Whether nobody objects to colors (<https://no-color.org>): not a setting of ours, so the file has no say.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn wants_colors() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn parse(path: &Path) -> Result<(dotenv::Parsed, Metadata), Fault> {
    let opened = file::open(path)?;
    let metadata = opened.metadata.clone();
    let contents = opened.read(LARGEST_FILE)?;
    // A line that is not ours may hold anything; in one that is ours what is not UTF-8 is found by its replacement.
    let text = String::from_utf8_lossy(contents.expose_secret());
    Ok((dotenv::parse(&text), metadata))
}

/// Why a file that nobody asked for is not to be trusted. The owner of a symbolic link counts as well: in a folder that
/// everybody may write to, a link can name a file that was never meant for this program.
fn distrust(file: &Metadata, link: Option<&Metadata>) -> Option<String> {
    let own = file::process_user();
    let stranger = [Some(file), link].into_iter().flatten().map(Metadata::uid);
    if let Some(owner) = stranger.into_iter().find(|owner| *owner != own && *owner != 0) {
        return Some(format!("belongs to user {owner}, who is neither root nor this process' user ({own})"));
    }
    (file.mode() & WRITABLE_BY_OTHERS != 0)
        .then(|| format!("can be written to by everybody (mode {:o})", file.mode() & 0o777))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn gather(variables: &[(&str, &str)], folder: &Path) -> Result<Environment, Problem> {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        Environment::gather(variables, folder)
    }

    fn values(environment: &Environment) -> Vec<(&str, &str, Origin)> {
        let shown = |pair: &'_ Pair| (pair.origin, pair.name.len());
        let mut pairs: Vec<_> = environment.pairs.iter().collect();
        pairs.sort_by_key(|pair| shown(pair).1);
        pairs.into_iter().map(|pair| (pair.name.as_str(), pair.value.as_str(), pair.origin)).collect()
    }

    #[test]
    fn the_environment_wins_over_the_file_even_when_blank() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".env"), "# x\nA=file\nAB=file\nABC=first\nABC=last\n").unwrap();
        let environment = gather(&[("A", "real"), ("AB", "")], folder.path()).unwrap();
        assert_eq!(
            values(&environment),
            [
                ("A", "real", Origin::Environment),
                ("AB", "", Origin::Environment),
                ("ABC", "last", Origin::File { line: 5 })
            ]
        );
        assert!(environment.file.unwrap().ends_with("/.env"));
    }

    #[test]
    fn another_file_can_be_named_and_has_to_be_there() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".env"), "A=default").unwrap();
        fs::write(folder.path().join("other"), "A=named").unwrap();
        let named = |path: &str| gather(&[(ENV_FILE, path)], folder.path());
        assert_eq!(values(&named("other").unwrap())[0].1, "named");
        assert!(named("/dev/null").unwrap().pairs.is_empty());
        for (path, words) in [("missing", "does not exist"), (" ", "empty"), ("/", "directory")] {
            let problem = named(path).err().unwrap().0;
            assert!(problem.starts_with(ENV_FILE) && problem.contains(words), "{problem}");
        }
    }

    #[test]
    fn a_file_that_everybody_may_write_to_is_ignored_but_its_names_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, "METRICS_BEARER_TOKEN=canary\nBLANK=\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let environment = gather(&[], folder.path()).unwrap();
        assert!(environment.pairs.is_empty() && environment.file.is_none());
        let ignored = environment.ignored.unwrap();
        assert_eq!(ignored.names, ["METRICS_BEARER_TOKEN"]);
        assert!(ignored.reason.contains("everybody"), "{}", ignored.reason);
        let named = gather(&[(ENV_FILE, ".env")], folder.path()).unwrap();
        assert_eq!(named.pairs.len(), 2);
    }

    #[test]
    fn what_is_no_text_file_is_refused_by_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        let utf16: Vec<u8> = "\u{feff}A=b\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs::write(&path, utf16).unwrap();
        assert!(gather(&[], folder.path()).err().unwrap().0.contains("UTF-16"));
        fs::write(&path, b"A=\xff\nB=c").unwrap();
        let environment = gather(&[], folder.path()).unwrap();
        let oddities: Vec<_> = environment.pairs.iter().map(|pair| pair.oddity).collect();
        assert_eq!(oddities, [Some(Oddity::NotText), None]);
        fs::write(&path, "").unwrap();
        assert!(gather(&[], folder.path()).unwrap().pairs.is_empty());
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(gather(&[], folder.path()).err().unwrap().0.contains("directory"));
    }
}
