//! A Unix socket and its file.
//!
//! Invariants:
//! - Nothing is ever removed but a socket that refuses connections: no file, folder, link or pipe, no socket on which
//!   somebody listens, none that this user may not connect to. No symbolic link is followed.
//! - The file is removed at the end only while it is still ours.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::time::sleep;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// How often, and how long apart, another exporter that starts on the same folder is waited for.
const TURNS: (u32, Duration) = (40, Duration::from_millis(25));

/// Why a socket cannot be made.
#[derive(Debug, Error)]
pub enum SocketError {
    #[error("the folder {} does not exist", .0.display())]
    NoFolder(PathBuf),
    #[error("the folder {} may not be written to: {error}", folder.display())]
    NotAllowed { folder: PathBuf, error: io::Error },
    #[error("{0}, which is left as it is; give another path, or remove it if nobody needs it")]
    Occupied(String),
    #[error("nobody listens on the socket that is there, but it cannot be removed: {0}")]
    NotRemovable(io::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Permissions of the file, as `chmod` writes them in octal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketMode(u32);

impl FromStr for SocketMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("0o").unwrap_or(text);
        let mode = u32::from_str_radix(digits, 8).ok().filter(|_| (3..=4).contains(&digits.len()));
        match mode {
            Some(mode) if mode > 0o777 => Err(format!("has {text:?}; a socket has no bits beyond 0777")),
            Some(mode) if mode & 0o600 != 0o600 => Err(format!(
                "has {text:?}, with which the exporter's own user could not connect; 0600 is the least"
            )),
            Some(mode) => Ok(Self(mode)),
            None => Err(format!("has {text:?}; it must be three or four octal digits, as in 0660")),
        }
    }
}

impl std::fmt::Display for SocketMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

/// A listening socket; its file goes with it.
#[derive(Debug)]
pub struct Socket {
    // Dropped first: while the socket is open no other file can have its number.
    _file: SocketFile,
    pub listener: UnixListener,
}

/// Makes a socket at `path`, in the place of one on which nobody listens any more.
///
/// # Errors
/// Something else is there, or the folder does not let us.
pub async fn bind(path: &Path, mode: SocketMode) -> Result<Socket, SocketError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    // Held until the socket listens: before that it refuses connections, as one does that was left behind.
    let _turn = take_turn(folder).await;
    match listen(path, mode) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_abandoned(path).await?;
            Ok(listen(path, mode)?)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(SocketError::NoFolder(folder.into())),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(SocketError::NotAllowed { folder: folder.into(), error })
        }
        other => Ok(other?),
    }
}

fn listen(path: &Path, mode: SocketMode) -> io::Result<Socket> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    let file = SocketFile::of(path)?;
    // Before anybody can connect.
    fs::set_permissions(path, fs::Permissions::from_mode(mode.0))?;
    Ok(Socket { _file: file, listener: socket.listen(BACKLOG)? })
}

/// Locks the folder against other exporters that start. Where it cannot be locked we go on: the checks below hold for
/// every program, the lock only keeps two that start at once from taking each other for dead.
async fn take_turn(folder: &Path) -> Option<File> {
    let folder = File::open(folder).ok()?;
    for _ in 0..TURNS.0 {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(fs::TryLockError::WouldBlock) => sleep(TURNS.1).await,
            Err(fs::TryLockError::Error(_)) => return None,
        }
    }
    None
}

/// Removes the socket at `path` if it refuses connections.
///
/// It is first renamed and then looked at once more: whatever came to stand at `path` after the first look is put back
/// and not removed.
async fn remove_abandoned(path: &Path) -> Result<(), SocketError> {
    check_abandoned(path).await?;
    let aside = path.with_file_name(format!(".{:08x}", rand::random::<u32>()));
    fs::rename(path, &aside).map_err(SocketError::NotRemovable)?;
    if let Err(error) = check_abandoned(&aside).await {
        // A link and not a rename, so that nothing is overwritten.
        fs::hard_link(&aside, path)?;
        fs::remove_file(&aside)?;
        return Err(error);
    }
    fs::remove_file(&aside).map_err(SocketError::NotRemovable)
}

/// Says what is at `path` unless it is a socket that refuses connections.
async fn check_abandoned(path: &Path) -> Result<(), SocketError> {
    let kind = fs::symlink_metadata(path)?.file_type();
    let other = [
        (kind.is_symlink(), "a symbolic link is there"),
        (kind.is_file(), "a regular file is there"),
        (kind.is_dir(), "a folder is there"),
        (kind.is_fifo(), "a named pipe is there"),
        (!kind.is_socket(), "a device is there"),
    ];
    if let Some((_, text)) = other.iter().find(|(is, _)| *is) {
        return Err(SocketError::Occupied((*text).to_owned()));
    }
    let text = match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(()),
        Ok(_) => "another program listens there".to_owned(),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            "another program listens there and is busy".to_owned()
        }
        Err(error) => format!("a socket is there that does not refuse connections ({error})"),
    };
    Err(SocketError::Occupied(text))
}

/// The file of a bound socket. Dropping it removes it.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(&fs::symlink_metadata(path)?) })
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| metadata.file_type().is_socket() && identity(&metadata) == self.identity);
        if is_ours {
            // It may be gone by now, or the folder may not be written to any more: a later start copes with both.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal_and_leave_the_owner_in() {
        for (text, shown) in [("0660", "0660"), ("600", "0600"), ("0o777", "0777"), ("0666", "0666")] {
            assert_eq!(text.parse::<SocketMode>().unwrap().to_string(), shown);
        }
        let cases = [
            ("660u", "octal digits"),
            ("rw-rw----", "octal digits"),
            ("0680", "octal digits"),
            ("6", "octal digits"),
            ("-660", "octal digits"),
            ("+660", "octal digits"),
            ("", "octal digits"),
            ("1777", "0777"),
            ("0060", "own user"),
            ("000", "own user"),
        ];
        for (text, reason) in cases {
            let error = text.parse::<SocketMode>().unwrap_err();
            assert!(error.contains(reason) && error.contains(text), "{text}: {error}");
        }
    }

    #[tokio::test]
    async fn what_comes_to_stand_in_the_place_of_another_socket_is_put_back_or_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let mode = SocketMode(0o660);
        let first = bind(&path, mode).await.unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "precious").unwrap();
        // Not ours any more.
        drop(first);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        fs::remove_file(&path).unwrap();
        let first = bind(&path, mode).await.unwrap();
        fs::remove_file(&path).unwrap();
        let second = bind(&path, mode).await.unwrap();
        drop(first);
        assert!(UnixStream::connect(&path).await.is_ok(), "the successor's socket is not removed");
        drop(second);
        assert!(!path.exists());
    }
}
