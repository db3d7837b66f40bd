//! Hosts as they are compared.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// RFC 1035 section 2.3.4.
const LONGEST: usize = 253;

/// A host name or address in one spelling, and a port where one is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// In lower case, without a dot at the end; an IPv6 address in brackets.
    pub host: String,
    pub port: Option<u16>,
}

impl FromStr for Authority {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, rest) = match text.strip_prefix('[') {
            Some(text) => {
                let (literal, rest) = text.split_once(']').ok_or("the host has a [ without a ]")?;
                let address: Ipv6Addr =
                    literal.parse().map_err(|_| "the host is no IPv6 address in its brackets")?;
                (format!("[{address}]"), rest)
            }
            None => {
                let (host, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
                (name(host)?, rest)
            }
        };
        Ok(Self { host, port: port(rest)? })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

fn name(sent: &str) -> Result<String, &'static str> {
    let bare = sent.strip_suffix('.').unwrap_or(sent);
    if bare.len() > LONGEST {
        return Err("the host is longer than 253 characters");
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if !bare.split('.').all(is_label) {
        return Err("the host is neither a name nor an address");
    }
    // What some read as an IPv4 address (127.1, 0x7f.1, 010.0.0.1) must be one (WHATWG URL section 3.5).
    let last = bare.rsplit('.').next().unwrap_or_default();
    let is_number =
        last.bytes().all(|byte| byte.is_ascii_digit()) || last.to_ascii_lowercase().starts_with("0x");
    if is_number && bare.parse::<Ipv4Addr>().is_err() {
        return Err("the host ends in a number and is no IPv4 address");
    }
    Ok(bare.to_ascii_lowercase())
}

/// What follows a host: nothing, or a colon and a port.
fn port(rest: &str) -> Result<Option<u16>, &'static str> {
    let Some(digits) = rest.strip_prefix(':') else {
        return if rest.is_empty() { Ok(None) } else { Err("the host has something behind its brackets") };
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the port is no number");
    }
    digits.parse().map(Some).map_err(|_| "the port is larger than 65535")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_has_one_spelling() {
        let cases = [
            ("chat.example.com", "chat.example.com"),
            ("CHAT.Example.com.", "chat.example.com"),
            ("chat.example.com:8443", "chat.example.com:8443"),
            ("chat.example.com.:0443", "chat.example.com:443"),
            ("127.0.0.1", "127.0.0.1"),
            ("[2001:DB8:0:0::1]:80", "[2001:db8::1]:80"),
            ("a_b-c", "a_b-c"),
        ];
        for (sent, spelt) in cases {
            assert_eq!(sent.parse::<Authority>().unwrap().to_string(), spelt, "{sent}");
        }
    }

    #[test]
    fn what_may_be_another_host_is_refused() {
        let long = "a.".repeat(200);
        for sent in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "a..",
            "a b",
            "a/b",
            "a\\b",
            "user@a",
            "a@b:80",
            "a,b",
            "a:",
            "a:b",
            "a:+80",
            "a:65536",
            "a:80:80",
            "a?b",
            "a#b",
            "a%2eb",
            "\u{e4}.example",
            "*.example.com",
            "[::1",
            "::1",
            "[::1]x",
            "[::1%25eth0]",
            "[a]",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "010.0.0.1",
            "1.2.3.4.5",
            &long,
        ] {
            assert!(sent.parse::<Authority>().is_err(), "{sent:?}");
        }
    }
}
