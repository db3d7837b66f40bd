//! Where to listen: a TCP address or a Unix socket.

pub mod socket;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::str::FromStr;

use rustix::io::Errno;
use rustix::net::sockopt::set_ipv6_v6only;
use tokio::net::{TcpListener, TcpSocket};

use self::socket::{Socket, SocketError, SocketMode};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// The longest path of a socket (`sun_path` of unix(7), less its NUL).
const MAX_PATH: usize = 107;

/// `HOST`: a name or address, `*`, or `unix:/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// Every address of the machine, of both families as far as it has them.
    Every,
    /// Without the brackets of an IPv6 address.
    Name(String),
    Unix(PathBuf),
}

impl FromStr for Host {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            return Ok(Self::Every);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return match path.as_os_str().as_bytes() {
                _ if !path.is_absolute() => Err("must be unix: and an absolute path"),
                bytes if bytes.len() > MAX_PATH => Err("names a socket whose path is longer than 107 bytes"),
                bytes if bytes.ends_with(b"/") => Err("must name a socket, and names a folder"),
                _ => Ok(Self::Unix(path)),
            };
        }
        if has_port(text) {
            return Err("takes no port: write the address alone, and the port into PORT (or METRICS_PORT)");
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c);
        if bare.is_empty() || !bare.chars().all(fits) {
            return Err("must be a name or an address to listen on, or unix:/path");
        }
        Ok(Self::Name(bare.to_owned()))
    }
}

/// Whether it is an address or name with a port behind it; an IPv6 address has colons of its own.
fn has_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    is_port && (!host.contains(':') || host.ends_with(']'))
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
            Host::Every => false,
            Host::Name(name) => {
                name == "localhost"
                    || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }

    /// The address, and what is not plain from it.
    pub fn explained(&self) -> String {
        match self.host {
            Host::Every => format!("{self} (every address, IPv4 and IPv6)"),
            Host::Name(_) | Host::Unix(_) => self.to_string(),
        }
    }

    /// Whether it is an address of loopback.
    pub fn is_loopback(&self) -> bool {
        !matches!(self.host, Host::Unix(_)) && self.is_local()
    }

    /// Listens there; `mode` is what a socket's file gets.
    ///
    /// # Errors
    /// Those of the operating system: in use, not ours, not allowed. For a socket also what else is in its place.
    pub async fn bind(&self, mode: SocketMode) -> Result<Listener, SocketError> {
        match &self.host {
            Host::Every => Ok(Listener::Tcp(bind_every(self.port)?)),
            Host::Name(name) if name == "::" => Ok(Listener::Tcp(bind_both(self.port)?)),
            Host::Name(name) => Ok(Listener::Tcp(TcpListener::bind((name.as_str(), self.port)).await?)),
            Host::Unix(path) => socket::bind(path, mode).await.map(Listener::Unix),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.host {
            Host::Unix(path) => write!(f, "unix:{}", path.display()),
            Host::Every => write!(f, "*:{}", self.port),
            Host::Name(name) if name.contains(':') => write!(f, "[{name}]:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

/// Both families, or IPv4 alone on a machine without IPv6.
fn bind_every(port: u16) -> io::Result<TcpListener> {
    match bind_both(port) {
        Err(error) if lacks_ipv6(&error) => {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind((Ipv4Addr::UNSPECIFIED, port).into())?;
            socket.listen(BACKLOG)
        }
        other => other,
    }
}

/// One socket for IPv6 and IPv4, whatever the machine's default for such sockets is.
fn bind_both(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v6()?;
    set_ipv6_v6only(&socket, false)?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv6Addr::UNSPECIFIED, port).into())?;
    socket.listen(BACKLOG)
}

fn lacks_ipv6(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL | Errno::PROTONOSUPPORT)
    )
}

/// A bound socket.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    Unix(Socket),
}

impl Listener {
    /// Which families it serves, where that is not plain from its address.
    pub fn families(&self) -> Option<&'static str> {
        let Self::Tcp(listener) = self else { return None };
        match listener.local_addr().ok()?.ip() {
            IpAddr::V6(address) if address.is_unspecified() => Some("IPv4 and IPv6"),
            IpAddr::V4(address) if address.is_unspecified() => Some("IPv4 only"),
            _ => None,
        }
    }
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
            ("*", Ok(Host::Every)),
            ("::ffff:10.0.0.1", name("::ffff:10.0.0.1")),
            ("fe80::1%eth0", name("fe80::1%eth0")),
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
    fn row_12_8_a_port_is_told_to_go_where_ports_go() {
        for text in ["0.0.0.0:9087", "localhost:1", "[::]:9087", "exporter.example:80", ":9087", "*:9087"] {
            assert!(text.parse::<Host>().unwrap_err().contains("takes no port"), "{text}");
        }
    }

    #[test]
    fn knows_what_only_this_machine_can_reach() {
        let local = |host: &str| Address { host: host.parse().unwrap(), port: 1 }.is_local();
        assert!(local("127.0.0.1") && local("::1") && local("localhost") && local("unix:/x"));
        assert!(!local("0.0.0.0") && !local("::") && !local("10.0.0.1") && !local("host.example"));
    }
}
