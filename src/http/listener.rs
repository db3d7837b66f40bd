//! Where to listen: a TCP address or a Unix socket.

pub mod socket;

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::str::FromStr;

use tokio::net::TcpListener;

use self::socket::{Socket, SocketError, SocketMode};

/// The longest path of a socket (`sun_path` of unix(7), less its NUL).
const MAX_PATH: usize = 107;

/// `HOST`: a name or address, or `unix:/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// Without the brackets of an IPv6 address.
    Name(String),
    Unix(PathBuf),
}

impl FromStr for Host {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return match path.as_os_str().as_bytes() {
                _ if !path.is_absolute() => Err("must be unix: and an absolute path"),
                bytes if bytes.len() > MAX_PATH => Err("names a socket whose path is longer than 107 bytes"),
                bytes if bytes.ends_with(b"/") => Err("must name a socket, and names a folder"),
                _ => Ok(Self::Unix(path)),
            };
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c);
        if bare.is_empty() || !bare.chars().all(fits) {
            return Err("must be a name or an address to listen on, or unix:/path");
        }
        Ok(Self::Name(bare.to_owned()))
    }
}

/// Where one listener is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub host: Host,
    pub port: u16,
}

impl Address {
    /// Whether only this machine can reach it: a name that is not an address is taken for one that others can.
    pub fn is_local(&self) -> bool {
        match &self.host {
            Host::Unix(_) => true,
            Host::Name(name) => {
                name == "localhost"
                    || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }

    /// Listens there; `mode` is what a socket's file gets.
    ///
    /// # Errors
    /// Those of the operating system: in use, not ours, not allowed. For a socket also what else is in its place.
    pub async fn bind(&self, mode: SocketMode) -> Result<Listener, SocketError> {
        match &self.host {
            Host::Name(name) => Ok(Listener::Tcp(TcpListener::bind((name.as_str(), self.port)).await?)),
            Host::Unix(path) => socket::bind(path, mode).await.map(Listener::Unix),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.host {
            Host::Unix(path) => write!(f, "unix:{}", path.display()),
            Host::Name(name) if name.contains(':') => write!(f, "[{name}]:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

/// A bound socket.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    Unix(Socket),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_names_addresses_and_sockets() {
        let name = |text: &str| Ok(Host::Name(text.into()));
        let cases = [
            ("0.0.0.0", name("0.0.0.0")),
            ("::", name("::")),
            ("[::1]", name("::1")),
            ("localhost", name("localhost")),
            ("unix:/run/exporter.sock", Ok(Host::Unix("/run/exporter.sock".into()))),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Host>(), expected, "{text}");
        }
        let long = format!("unix:/{}", "x".repeat(MAX_PATH));
        for text in ["unix:relative", "unix:", "unix:/", "unix:/run/", &long, "http://x", "a b", "[]"] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
        assert!(long[..long.len() - 1].parse::<Host>().is_ok());
    }

    #[test]
    fn knows_what_only_this_machine_can_reach() {
        let local = |host: &str| Address { host: host.parse().unwrap(), port: 1 }.is_local();
        assert!(local("127.0.0.1") && local("::1") && local("localhost") && local("unix:/x"));
        assert!(!local("0.0.0.0") && !local("::") && !local("10.0.0.1") && !local("host.example"));
    }
}
