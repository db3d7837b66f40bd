//! `METRICS_ALLOWED_HOSTS`: by which names `/metrics` may be asked for.
//!
//! A page in somebody's browser can make its own name mean our address (DNS rebinding) and then read what no credential
//! guards; its requests still carry its own name in `Host`.

use std::net::IpAddr;
use std::str::FromStr;

use http::uri::Authority;
use http::{HeaderMap, Uri, header};

/// Names and addresses, in lower case, without ports and brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    Named(Vec<String>),
    /// `localhost` and the addresses of loopback.
    Loopback,
}

impl Hosts {
    /// Whether a request with this target and these headers may ask. Any port will do.
    pub fn allow(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        // RFC 9112 section 3.2.2: an absolute target counts instead of the header line.
        let authority = uri.authority().cloned().or_else(|| {
            let line = headers.get(header::HOST)?;
            line.to_str().ok()?.trim().parse().ok()
        });
        authority.is_some_and(|authority| self.hold(&name(&authority)))
    }

    fn hold(&self, name: &str) -> bool {
        match self {
            Self::Named(names) => names.iter().any(|known| known == name),
            Self::Loopback => {
                name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }
}

impl FromStr for Hosts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let items = text.split([',', ' ', '\n', '\r', '\t']).filter(|item| !item.is_empty());
        let names = items.map(parse).collect::<Result<Vec<_>, _>>()?;
        if names.is_empty() {
            return Err("is set but names no host; leave it out to take every one".into());
        }
        Ok(Self::Named(names))
    }
}

/// A name, or an address with or without brackets; a port is left out, since any will do.
fn parse(item: &str) -> Result<String, String> {
    if item.parse::<IpAddr>().is_ok() {
        return Ok(item.to_ascii_lowercase());
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    let authority: Option<Authority> = item.parse().ok().filter(|_| item.chars().all(fits));
    let name = authority.as_ref().map(name).filter(|name| !name.is_empty());
    name.ok_or_else(|| format!("has {item:?}, which is not a host name or an address"))
}

/// Without the port, brackets and a dot at the end.
fn name(authority: &Authority) -> String {
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(hosts: &Hosts, host: &str) -> bool {
        let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
        hosts.allow(&Uri::from_static("/metrics"), &headers)
    }

    #[test]
    fn takes_the_names_in_any_case_and_with_any_port() {
        let hosts: Hosts = "exporter, Metrics.Example.com:9087\n[2001:db8::1] ::1".parse().unwrap();
        let cases = [
            ("exporter", true),
            ("EXPORTER:9087", true),
            ("metrics.example.com.", true),
            ("metrics.example.com:1", true),
            ("[2001:db8::1]:9087", true),
            ("[::1]", true),
            ("evil.example", false),
            ("metrics.example.com.evil.example", false),
            ("localhost", false),
            ("", false),
        ];
        for (host, allowed) in cases {
            assert_eq!(allows(&hosts, host), allowed, "{host}");
        }
        assert!(!hosts.allow(&Uri::from_static("/metrics"), &HeaderMap::new()));
        let headers = HeaderMap::from_iter([(header::HOST, "exporter".parse().unwrap())]);
        assert!(!hosts.allow(&Uri::from_static("http://evil.example/metrics"), &headers));
    }

    #[test]
    fn knows_the_names_of_loopback() {
        let cases = [
            ("localhost:9087", true),
            ("LocalHost", true),
            ("127.0.0.1:9087", true),
            ("127.9.9.9", true),
            ("[::1]:9087", true),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("10.0.0.1", false),
        ];
        for (host, allowed) in cases {
            assert_eq!(allows(&Hosts::Loopback, host), allowed, "{host}");
        }
    }

    #[test]
    fn refuses_what_is_no_host() {
        for text in ["", " , ", "https://exporter", "a/b", "user@host", "*.example.com", "exporter,b\u{e4}r"]
        {
            assert!(text.parse::<Hosts>().is_err(), "{text}");
        }
    }
}
