//! One hop of a chain: an address as proxies write it.
//!
//! What is not exactly an address is none: no names, no octal, no short forms, no guessing where a port begins.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The hops of one `X-Forwarded-For` line, the last first. Empty elements are none (RFC 9110 section 5.6.1.2).
pub fn from_the_right(line: &[u8]) -> impl Iterator<Item = Option<IpAddr>> {
    let elements = line.rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    elements.filter(|element| !element.is_empty()).map(|element| parse(str::from_utf8(element).ok()?))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`; IPv6 also with a zone, which is
/// dropped (RFC 4007 section 11: it means nothing on another machine). IPv4-mapped addresses become IPv4.
pub fn parse(hop: &str) -> Option<IpAddr> {
    let address = if let Some(bracketed) = hop.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        if !port.is_empty() && !is_port(port.strip_prefix(':')?) {
            return None;
        }
        IpAddr::V6(v6(address)?)
    } else if let Some((address, port)) = hop.split_once(':').filter(|(_, port)| !port.contains(':')) {
        // Exactly one colon: IPv6 without brackets has at least two, and its last part is never a port.
        IpAddr::V4(address.parse::<Ipv4Addr>().ok().filter(|_| is_port(port))?)
    } else if let Ok(v4) = hop.parse() {
        IpAddr::V4(v4)
    } else {
        IpAddr::V6(v6(hop)?)
    };
    Some(address.to_canonical())
}

fn v6(text: &str) -> Option<Ipv6Addr> {
    match text.split_once('%') {
        Some((_, "")) => None,
        Some((address, _zone)) => address.parse().ok(),
        None => text.parse().ok(),
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_address_in_every_dress() {
        let cases = [
            ("10.1.1.1", "10.1.1.1"),
            ("10.1.1.1:1", "10.1.1.1"),
            ("10.1.1.1:65535", "10.1.1.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("2001:DB8::1:443", "2001:db8::1:443"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:10.1.1.1", "10.1.1.1"),
            ("::ffff:a01:101", "10.1.1.1"),
            ("[::ffff:10.1.1.1]:80", "10.1.1.1"),
            ("fe80::1%eth0", "fe80::1"),
            ("fe80::1%25eth0", "fe80::1"),
            ("[fe80::1%eth0]:80", "fe80::1"),
            ("::10.1.1.1", "::a01:101"),
            ("64:ff9b::10.1.1.1", "64:ff9b::a01:101"),
        ];
        for (hop, expected) in cases {
            assert_eq!(parse(hop), Some(expected.parse().unwrap()), "{hop}");
        }
    }

    #[test]
    fn what_only_resembles_an_address_is_none() {
        let hops = [
            "",
            "unknown",
            "_hidden",
            "localhost",
            "-",
            "*",
            "10.1",
            "167837953",
            "0xa.1.1.1",
            "012.1.1.1",
            "10.1.1.01",
            "10.1.1.1.",
            "10.1.1.256",
            "10.1.1.1/32",
            "10.1.1.1%eth0",
            "10.1.1.1 10.1.1.2",
            "10.1.1.1:",
            "10.1.1.1:0",
            "10.1.1.1:+80",
            "10.1.1.1:x",
            "10.1.1.1:65536",
            "10.1.1.1:99999",
            "10.1.1.1:80:80",
            "[10.1.1.1]",
            "[10.1.1.1]:80",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]80",
            "[2001:db8::1]:",
            "[[2001:db8::1]]",
            "[]",
            "::ffff:10.1.1.1:80",
            "::ffff:010.1.1.1",
            "2001:db8:::1",
            "fe80::1%",
            "\"10.1.1.1\"",
            "for=10.1.1.1",
            "1\u{660}.1.1.1",
        ];
        for hop in hops {
            assert_eq!(parse(hop), None, "{hop}");
        }
    }

    #[test]
    fn a_line_is_read_from_the_right_and_blank_elements_are_none() {
        let read = |line| from_the_right(line).map(|hop| hop.map(|ip| ip.to_string())).collect::<Vec<_>>();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read(b""), []);
        assert_eq!(read(b" ,\t,, "), []);
        assert_eq!(read(b",,10.1.1.1,\t8.8.8.8 ,"), [some("8.8.8.8"), some("10.1.1.1")]);
        assert_eq!(read(b"10.1.1.1,\xe4,8.8.8.8"), [some("8.8.8.8"), None, some("10.1.1.1")]);
    }
}
