//! Secrets that lie in files: read whole, within a bound, with one phrase for each thing that can be wrong.
//!
//! The same reading serves the start and every reload, so that a file good enough for one is good enough for the other.
//! A phrase follows the variable's name in a sentence, names the path and never shows what the file holds.
//!
//! This module does not watch files and does not log.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use secrecy::{ExposeSecret, SecretBox};
use thiserror::Error;

use super::{Fingerprint, Secret, is_quoted};

/// What was read from one or more files, told apart from what was read before by its digest.
pub trait Content {
    fn fingerprint(&self) -> Fingerprint;
}

impl Content for Secret {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.expose().as_bytes())
    }
}

/// Where a secret comes from.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// The value of the variable itself: never changes while the process lives.
    Inline(Secret),
    /// The value of its `_FILE` twin.
    File(SecretFile),
}

impl SecretSource {
    /// # Errors
    /// As [`SecretFile::load`].
    pub fn load(&self) -> Result<Secret, FileError> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File(file) => file.load(),
        }
    }

    pub fn file(&self) -> Option<&SecretFile> {
        match self {
            Self::Inline(_) => None,
            Self::File(file) => Some(file),
        }
    }
}

/// A file that holds one secret text, such as a Docker or Kubernetes secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    path: PathBuf,
}

impl SecretFile {
    /// The most that a file may hold, in bytes.
    pub const LIMIT: usize = 64 * 1024;

    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text without a byte order mark at its beginning and the newlines at its end, which editors and `echo` put there.
    ///
    /// # Errors
    /// When the file is missing, unreadable, no regular file, empty or blank, larger than [`Self::LIMIT`], or not UTF-8.
    pub fn load(&self) -> Result<Secret, FileError> {
        let contents = read(&self.path, Self::LIMIT)?;
        let fail = |fault| FileError::new(&self.path, fault);
        let text = str::from_utf8(contents.expose_secret()).map_err(|_| fail(Fault::NotText))?;
        let text = text.trim_end_matches(['\r', '\n']);
        if text.trim().is_empty() {
            return Err(fail(Fault::Empty));
        }
        if is_quoted(text) {
            return Err(fail(Fault::Quoted));
        }
        Ok(Secret::new(text))
    }

    /// What deserves a warning about who may do what with the file.
    pub fn remarks(&self) -> impl Iterator<Item = &'static str> {
        remarks(&self.path, Contents::Secret)
    }
}

/// Who may know what a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    Secret,
    /// Keys of others, certificates: nobody may change them.
    Public,
}

/// What deserves a warning about who may do what with a file: not a refusal, as Docker and Kubernetes mount secrets so by
/// default.
pub fn remarks(path: &Path, contents: Contents) -> impl Iterator<Item = &'static str> + use<> {
    let is_readable = contents == Contents::Secret && is_world_readable(path);
    let readable = is_readable.then_some("names a file that everyone on this machine can read");
    let writable = is_world_writable(path).then_some("names a file that everyone on this machine can change");
    readable.into_iter().chain(writable)
}

/// The bytes of a file that holds between 1 and `limit` of them.
///
/// # Errors
/// When the file is missing, unreadable, no regular file, empty, or larger than `limit`.
pub fn read(path: &Path, limit: usize) -> Result<SecretBox<Vec<u8>>, FileError> {
    let contents = open(path).and_then(|opened| opened.read(limit));
    match contents {
        Ok(contents) if contents.expose_secret().is_empty() => Err(FileError::new(path, Fault::Empty)),
        contents => contents.map_err(|fault| FileError::new(path, fault)),
    }
}

/// A regular file that was opened, and what the file system says of it.
#[derive(Debug)]
pub struct Opened {
    file: File,
    pub metadata: Metadata,
}

/// # Errors
/// When the file is missing, may not be read, or is no regular file.
pub fn open(path: &Path) -> Result<Opened, Fault> {
    // Opening a named pipe would wait for a writer; what was opened is what is looked at, so that it cannot be exchanged.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let opened = File::options().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => Fault::Denied(Denial::of(path)),
        // A socket, say, cannot be opened at all.
        _ if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) => {
            Fault::NotAFile
        }
        _ => Fault::from(error),
    })?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(Fault::Directory);
    }
    if !metadata.is_file() {
        return Err(Fault::NotAFile);
    }
    Ok(Opened { file, metadata })
}

impl Opened {
    /// # Errors
    /// When it cannot be read, holds more than `limit` bytes, or is UTF-16.
    pub fn read(self, limit: usize) -> Result<SecretBox<Vec<u8>>, Fault> {
        let mut file = self.file.take(u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1));
        let mut outcome = Ok(0);
        let contents = SecretBox::init_with_mut(|buffer: &mut Vec<u8>| {
            // Room for everything at once: a buffer that grows would leave copies behind that nobody zeroes.
            let length = usize::try_from(self.metadata.len()).unwrap_or(limit).min(limit);
            buffer.reserve_exact(length.saturating_add(2));
            outcome = file.read_to_end(buffer);
        });
        if outcome? > limit {
            return Err(Fault::TooLarge { limit });
        }
        let bytes = contents.expose_secret();
        if is_utf16(bytes) {
            return Err(Fault::Utf16);
        }
        match bytes.strip_prefix(BYTE_ORDER_MARK) {
            None => Ok(contents),
            Some(rest) => Ok(SecretBox::init_with_mut(|buffer: &mut Vec<u8>| {
                buffer.reserve_exact(rest.len());
                buffer.extend_from_slice(rest);
            })),
        }
    }
}

/// What Windows' editors and PowerShell put at the beginning of UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Whether it looks like UTF-16, which PowerShell's `>` writes: by its mark, or since every other byte is 0.
fn is_utf16(bytes: &[u8]) -> bool {
    let zeros = |odd: usize| bytes.iter().skip(odd).step_by(2).all(|byte| *byte == 0);
    let has_mark = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    has_mark || bytes.len() >= 4 && bytes.len().is_multiple_of(2) && (zeros(0) || zeros(1))
}

/// The user that this process acts as.
pub fn process_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Why this process may not read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    process: u32,
    /// The owner and the mode of the file; `None` when not even its folder may be looked into.
    file: Option<(u32, u32)>,
}

impl Denial {
    fn of(path: &Path) -> Self {
        let file = fs::metadata(path).ok().map(|metadata| (metadata.uid(), metadata.mode() & 0o7777));
        Self { process: process_user(), file }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "permission denied (this process is user {}; ", self.process)?;
        match self.file {
            Some((owner, mode)) => write!(f, "the file belongs to user {owner}, mode {mode:o})"),
            None => f.write_str("it may not look into the folder)"),
        }
    }
}

/// Whether every user of this machine may read what lies at `path`; `false` where nothing does.
pub fn is_world_readable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

/// Whether every user of this machine may change what lies at `path`; `false` where nothing does.
pub fn is_world_writable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o002 != 0)
}

/// A file that cannot be used, as a phrase to put behind the variable that names it.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("names {path}, which {fault}")]
pub struct FileError {
    path: String,
    fault: Fault,
}

impl FileError {
    pub fn new(path: &Path, fault: Fault) -> Self {
        Self { path: shown(path), fault }
    }
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    #[error("does not exist")]
    Missing,
    #[error("is a directory")]
    Directory,
    #[error("is not a regular file")]
    NotAFile,
    #[error("cannot be read: {0}")]
    Unreadable(ErrorKind),
    #[error("cannot be read: {0}")]
    Denied(Denial),
    #[error("is empty")]
    Empty,
    #[error("is larger than {} KiB", limit / 1024)]
    TooLarge { limit: usize },
    #[error("is not UTF-8 text")]
    NotText,
    #[error("has quotation marks around what it holds: take them out")]
    Quoted,
    #[error("is UTF-16 text, as PowerShell's > writes it; save it as UTF-8")]
    Utf16,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            kind => Self::Unreadable(kind),
        }
    }
}

/// The path in quotes, unless it looks as if somebody gave the secret itself instead of a path: what is shown begins like
/// a path, or is one.
pub fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_path = text.starts_with(['/', '.', '~']) || path.exists();
    if !is_path || text.contains("-----") || text.contains(char::is_control) {
        return "something that is not a path".into();
    }
    format!("{text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trims_newlines_at_the_end_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        for (bytes, text) in [
            ("abc", "abc"),
            ("abc\n", "abc"),
            ("abc\r\n\n", "abc"),
            (" a\nb \n", " a\nb "),
            ("\n\u{e4}", "\n\u{e4}"),
        ] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(SecretFile::new(&path).load().unwrap().expose(), text, "{bytes:?}");
        }
    }

    #[test]
    fn a9_drops_the_mark_that_windows_writes_and_names_utf_16() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, "\u{feff}hunter2hunter2\r\n").unwrap();
        assert_eq!(SecretFile::new(&path).load().unwrap().expose(), "hunter2hunter2");
        let utf16 =
            |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        for bytes in [
            utf16("\u{feff}canary\n", u16::to_le_bytes),
            utf16("\u{feff}canary\n", u16::to_be_bytes),
            utf16("canary\n", u16::to_le_bytes),
            utf16("canary\n", u16::to_be_bytes),
        ] {
            fs::write(&path, bytes).unwrap();
            let error = SecretFile::new(&path).load().unwrap_err().to_string();
            assert!(error.contains("UTF-16"), "{error}");
        }
        fs::write(&path, "\u{feff}\n").unwrap();
        assert!(SecretFile::new(&path).load().unwrap_err().to_string().contains("is empty"));
    }

    #[test]
    fn a11_refuses_what_is_in_quotation_marks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "\"canary\"\n").unwrap();
        let error = SecretFile::new(&path).load().unwrap_err().to_string();
        assert!(error.contains("quotation marks") && !error.contains("canary"), "{error}");
    }

    #[test]
    fn names_the_path_and_what_is_wrong_and_never_the_contents() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("canary-path");
        let cases: [(&[u8], &str); 6] = [
            (b"", "is empty"),
            (b"\r\n\n", "is empty"),
            (b"  \t \n", "is empty"),
            (b"secret\xff", "is not UTF-8 text"),
            (&[b'x'; SecretFile::LIMIT + 1], "is larger than 64 KiB"),
            (&[b'\n'; SecretFile::LIMIT + 1], "is larger than 64 KiB"),
        ];
        for (bytes, fault) in cases {
            fs::write(&path, bytes).unwrap();
            let error = SecretFile::new(&path).load().unwrap_err().to_string();
            assert_eq!(error, format!("names {path:?}, which {fault}"));
        }
        fs::write(&path, [b'x'; SecretFile::LIMIT]).unwrap();
        assert_eq!(SecretFile::new(&path).load().unwrap().expose().len(), SecretFile::LIMIT);
    }

    #[test]
    fn tells_a_missing_file_from_a_directory_and_from_what_cannot_be_opened() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        let dangling = folder.path().join("dangling");
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &dangling).unwrap();
        let cases = [
            (folder.path().join("nowhere"), "does not exist"),
            (dangling, "does not exist"),
            (folder.path().to_owned(), "is a directory"),
            (file.join("below"), "cannot be read: not a directory"),
            (PathBuf::from("/dev/zero"), "is not a regular file"),
        ];
        for (path, fault) in cases {
            let error = SecretFile::new(&path).load().unwrap_err().to_string();
            assert_eq!(error, format!("names {path:?}, which {fault}"));
        }
    }

    #[test]
    fn a_secret_given_in_place_of_a_path_is_not_shown() {
        for text in ["-----BEGIN PRIVATE KEY-----canary", "canary\nsecond", "tok-canary-0123456789abcdef"] {
            let error = SecretFile::new(text).load().unwrap_err().to_string();
            assert_eq!(error, "names something that is not a path, which does not exist");
        }
    }

    #[test]
    fn review_15_remarks_on_who_may_read_a_secret_and_change_anything() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "x").unwrap();
        let (read, change) = (
            "names a file that everyone on this machine can read",
            "names a file that everyone on this machine can change",
        );
        for (mode, of_a_secret, of_a_public_file) in [
            (0o600, vec![], vec![]),
            (0o640, vec![], vec![]),
            (0o660, vec![], vec![]),
            (0o644, vec![read], vec![]),
            (0o604, vec![read], vec![]),
            (0o602, vec![change], vec![change]),
            (0o666, vec![read, change], vec![change]),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(remarks(&path, Contents::Secret).collect::<Vec<_>>(), of_a_secret, "{mode:o}");
            assert_eq!(remarks(&path, Contents::Public).collect::<Vec<_>>(), of_a_public_file, "{mode:o}");
        }
        assert_eq!(remarks(&folder.path().join("nowhere"), Contents::Secret).count(), 0);
    }

    #[test]
    fn a_source_loads_from_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "from-file\n").unwrap();
        let inline = SecretSource::Inline(Secret::new("inline"));
        let file = SecretSource::File(SecretFile::new(&path));
        assert_eq!(inline.load().unwrap().expose(), "inline");
        assert_eq!(file.load().unwrap().expose(), "from-file");
        assert!(inline.file().is_none());
        assert_eq!(file.file().unwrap().path(), path);
        assert!(!format!("{inline:?}").contains("inline"));
    }
}
