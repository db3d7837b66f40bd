//! Which address a request comes from, when proxies may stand between.
//!
//! Invariants:
//! - The chain is read from the right, the socket's peer first, and only what a trusted hop says is believed: no header
//!   of a client that is not a trusted proxy ever counts.
//! - A hop that is no address ends the walk. Nothing left of it is believed, and the address found so far serves for
//!   limits and logs but not for an allow-list.
//! - Of `X-Forwarded-For` and `Forwarded` only the configured one is read; other headers (`X-Real-IP`,
//!   `CF-Connecting-IP` …) never.
//!
//! This module knows no allow-list and no limits; it does not resolve names.

pub mod forwarded;
pub mod hop;
pub mod trust;

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use http::{HeaderMap, HeaderValue, header};

use trust::TrustProxy;

/// The most forwarded hops that are believed.
const MAX_HOPS: usize = 256;

/// The other end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Tcp(IpAddr),
    /// A Unix socket has no address. Where loopback is trusted it counts as loopback.
    Unix,
}

/// Which header the trusted proxies write (`TRUST_PROXY_HEADER`, default `x-forwarded-for`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyHeader {
    #[default]
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

impl ProxyHeader {
    pub const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

impl FromStr for ProxyHeader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::XForwardedFor, Self::Forwarded]
            .into_iter()
            .find(|header| text.trim().eq_ignore_ascii_case(header.name()))
            .ok_or_else(|| format!("has {text:?}, which is neither x-forwarded-for nor forwarded"))
    }
}

/// Where a request comes from, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress {
    /// For limits and logs. IPv4-mapped addresses are IPv4. `None` only behind a Unix socket that tells nothing.
    pub ip: Option<IpAddr>,
    /// Whether `ip` is the client itself; else it is the last known address on the way there.
    pub established: bool,
}

impl ClientAddress {
    /// The address that an allow-list may believe.
    pub fn for_allow_list(&self) -> Option<IpAddr> {
        self.ip.filter(|_| self.established)
    }
}

/// The first address that is not a trusted proxy's, walking from the peer towards the client.
pub fn client_address(
    peer: Peer,
    headers: &HeaderMap,
    trust: &TrustProxy,
    header: ProxyHeader,
) -> ClientAddress {
    let peer = address_of(peer, trust);
    // Lines and hops both in reverse: RFC 9110 section 5.3 joins the lines in order.
    match header {
        ProxyHeader::XForwardedFor => {
            let lines = headers.get_all("x-forwarded-for").iter().rev().map(HeaderValue::as_bytes);
            walk(peer, trust, lines.flat_map(hop::from_the_right))
        }
        ProxyHeader::Forwarded => {
            let lines = headers.get_all(header::FORWARDED).iter().rev().map(HeaderValue::as_bytes);
            walk(peer, trust, lines.flat_map(forwarded::from_the_right))
        }
    }
}

/// Whether the other end of the connection is itself a trusted proxy.
pub fn is_proxy(peer: Peer, trust: &TrustProxy) -> bool {
    trust.trusts(address_of(peer, trust), 0)
}

fn address_of(peer: Peer, trust: &TrustProxy) -> Option<IpAddr> {
    match peer {
        Peer::Tcp(address) => Some(address.to_canonical()),
        Peer::Unix => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)).filter(|address| trust.lists(*address)),
    }
}

/// `hops` are those that the header names, the nearest first; `None` is one that is no address.
fn walk(
    peer: Option<IpAddr>,
    trust: &TrustProxy,
    hops: impl Iterator<Item = Option<IpAddr>>,
) -> ClientAddress {
    let mut ip = peer;
    for (passed, hop) in hops.enumerate() {
        if !trust.trusts(ip, passed) {
            break;
        }
        match hop {
            Some(address) if passed < MAX_HOPS => ip = Some(address),
            _ => return ClientAddress { ip, established: false },
        }
    }
    ClientAddress { ip, established: ip.is_some() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `lines` is what the header says, line by line.
    fn find(peer: &str, trust: &str, header: ProxyHeader, lines: &str) -> ClientAddress {
        let peer = if peer == "unix" { Peer::Unix } else { Peer::Tcp(peer.parse().unwrap()) };
        let mut headers = HeaderMap::new();
        for line in lines.lines() {
            headers.append(header.name(), HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        client_address(peer, &headers, &trust.parse().unwrap(), header)
    }

    /// The client's own address.
    fn known(ip: &str) -> ClientAddress {
        ClientAddress { ip: Some(ip.parse().unwrap()), established: true }
    }

    /// The last address before the walk was ended.
    fn ended(ip: &str) -> ClientAddress {
        ClientAddress { ip: Some(ip.parse().unwrap()), established: false }
    }

    const NOBODY: ClientAddress = ClientAddress { ip: None, established: false };

    #[test]
    fn finds_the_first_address_that_is_no_trusted_proxy() {
        let cases = [
            (209, "false", "203.0.113.7", "10.1.1.1", known("203.0.113.7")),
            (209, "0", "127.0.0.1", "10.1.1.1", known("127.0.0.1")),
            (210, "loopback", "127.0.0.1", "10.1.1.1", known("10.1.1.1")),
            (212, "loopback", "127.0.0.1", "", known("127.0.0.1")),
            (213, "loopback", "203.0.113.7", "127.0.0.1", known("203.0.113.7")),
            (213, "loopback", "203.0.113.7", "unknown", known("203.0.113.7")),
            (214, "loopback", "127.0.0.1", "10.1.1.1\n8.8.8.8", known("8.8.8.8")),
            (214, "loopback", "127.0.0.1", "10.1.1.1\n8.8.8.8, 127.0.0.2", known("8.8.8.8")),
            (214, "loopback", "127.0.0.1", "10.1.1.1\n\n127.0.0.2", known("10.1.1.1")),
            (216, "loopback", "127.0.0.1", "\n", known("127.0.0.1")),
            (216, "loopback", "127.0.0.1", ",", known("127.0.0.1")),
            (216, "loopback", "127.0.0.1", ",,10.1.1.1,", known("10.1.1.1")),
            (217, "loopback", "127.0.0.1", "10.1.1.1,\t8.8.8.8", known("8.8.8.8")),
            (222, "false", "::ffff:10.1.1.1", "", known("10.1.1.1")),
            (229, "10.0.0.0/8", "10.0.0.1", "10.9.9.9, garbage, 10.0.0.2", ended("10.0.0.2")),
            (229, "10.0.0.0/8", "10.0.0.1", "10.9.9.9, garbage, 8.8.8.8", known("8.8.8.8")),
            (230, "10.0.0.0/8", "10.0.0.1", "1.1.1.1, 10.0.0.3, 10.0.0.2", known("1.1.1.1")),
            (230, "10.0.0.0/8", "10.0.0.1", "10.0.0.3, 10.0.0.2", known("10.0.0.3")),
            (232, "1", "203.0.113.7", "1.1.1.1, 2.2.2.2", known("2.2.2.2")),
            (232, "1", "203.0.113.7", "garbage, 2.2.2.2", known("2.2.2.2")),
            (233, "2", "203.0.113.7", "1.1.1.1, 2.2.2.2", known("1.1.1.1")),
            (233, "2", "203.0.113.7", "garbage, 2.2.2.2", ended("2.2.2.2")),
            (234, "5", "203.0.113.7", "1.1.1.1, 2.2.2.2", known("1.1.1.1")),
            (236, "1", "0.0.0.1", "", known("0.0.0.1")),
            (237, "1", "203.0.113.7", "10.1.1.1", known("10.1.1.1")),
            (238, "true", "203.0.113.7", "10.1.1.1, 8.8.8.8", known("8.8.8.8")),
            (240, "linklocal", "febf::1", "10.1.1.1", known("10.1.1.1")),
            (240, "linklocal", "fec0::1", "10.1.1.1", known("fec0::1")),
            (241, "loopback", "127.8.9.10", "10.1.1.1", known("10.1.1.1")),
            (241, "loopback", "::1", "10.1.1.1", known("10.1.1.1")),
            (241, "loopback", "::ffff:127.0.0.1", "10.1.1.1", known("10.1.1.1")),
            (242, "Loopback, 10.0.0.0/8,", "127.0.0.1", "8.8.8.8, 10.0.0.1", known("8.8.8.8")),
            (261, "false", "unix", "10.1.1.1", NOBODY),
            (261, "10.0.0.0/8", "unix", "10.1.1.1", NOBODY),
            (261, "loopback", "unix", "10.1.1.1", known("10.1.1.1")),
            (261, "loopback", "unix", "", known("127.0.0.1")),
            (261, "loopback", "unix", "unknown", ended("127.0.0.1")),
            (261, "1", "unix", "10.1.1.1", known("10.1.1.1")),
            (261, "1", "unix", "unknown", NOBODY),
            (261, "1", "unix", "", NOBODY),
        ];
        for (row, trust, peer, lines, expected) in cases {
            let found = find(peer, trust, ProxyHeader::XForwardedFor, lines);
            assert_eq!(found, expected, "row {row}: {lines:?}");
        }
    }

    #[test]
    fn believes_a_hop_only_when_it_is_exactly_an_address() {
        let cases = [
            (218, "10.1.1.1:4711", known("10.1.1.1")),
            (218, "[2001:db8::1]:4711", known("2001:db8::1")),
            (220, "2001:db8::1:443", known("2001:db8::1:443")),
            (221, "10.1.1.1:99999", ended("127.0.0.1")),
            (221, "10.1.1.1:", ended("127.0.0.1")),
            (221, "10.1.1.1:x", ended("127.0.0.1")),
            (222, "::ffff:10.1.1.1", known("10.1.1.1")),
            (222, "::ffff:a01:101", known("10.1.1.1")),
            (224, "::10.1.1.1", known("::10.1.1.1")),
            (224, "64:ff9b::10.1.1.1", known("64:ff9b::10.1.1.1")),
            (224, "2002:0a01:0101::", known("2002:a01:101::")),
            (226, "fe80::1%eth0", known("fe80::1")),
            (226, "fe80::1%25eth0", known("fe80::1")),
            (228, "unknown", ended("127.0.0.1")),
            (228, "_hidden", ended("127.0.0.1")),
            (228, "localhost", ended("127.0.0.1")),
            (228, "myrouter", ended("127.0.0.1")),
            (228, "-", ended("127.0.0.1")),
            (245, "10.1.1.1, \u{e4}", ended("127.0.0.1")),
            (245, "\u{e4}, 10.1.1.1", known("10.1.1.1")),
            (246, "10.1", ended("127.0.0.1")),
            (246, "167837953", ended("127.0.0.1")),
            (246, "0xa.1.1.1", ended("127.0.0.1")),
            (246, "012.1.1.1", ended("127.0.0.1")),
            (246, "10.1.1.1.", ended("127.0.0.1")),
            (246, "10.1.1.01", ended("127.0.0.1")),
        ];
        for (row, hop, expected) in cases {
            let found = find("127.0.0.1", "loopback", ProxyHeader::XForwardedFor, hop);
            assert_eq!(found, expected, "row {row}: {hop}");
            assert_eq!(
                found.for_allow_list(),
                expected.ip.filter(|_| expected.established),
                "row {row}: {hop}"
            );
        }
    }

    #[test]
    fn forwarded_is_read_in_its_place_when_asked_for() {
        // Row 250.
        let two = r#"for="[2001:db8::1]:4711";proto=https, for=8.8.8.8"#;
        let cases = [
            ("1", two, known("8.8.8.8")),
            ("2", two, known("2001:db8::1")),
            ("2", "for=\"[2001:db8::1]:4711\"\nfor=8.8.8.8", known("2001:db8::1")),
            ("loopback", "for=10.1.1.1", known("10.1.1.1")),
            ("loopback", "", known("127.0.0.1")),
            ("loopback", "for=unknown", ended("127.0.0.1")),
            ("loopback", "for=10.1.1.1, proto=https", ended("127.0.0.1")),
            ("loopback", "for=\"\nfor=8.8.8.8", known("8.8.8.8")),
            ("loopback", "for=\", for=8.8.8.8", known("8.8.8.8")),
        ];
        for (trust, lines, expected) in cases {
            assert_eq!(find("127.0.0.1", trust, ProxyHeader::Forwarded, lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn only_the_configured_header_is_read() {
        // Rows 248, 249, 252.
        let others = ["x-real-ip", "cf-connecting-ip", "true-client-ip", "x-client-ip", "x-forwarded"];
        let mut headers = HeaderMap::new();
        for name in others {
            headers.append(name, HeaderValue::from_static("10.1.1.1"));
        }
        let peer = Peer::Tcp(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let trust = TrustProxy::default();
        for header in [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
            assert_eq!(client_address(peer, &headers, &trust, header), known("127.0.0.1"), "{header:?}");
        }
        headers.append("forwarded", HeaderValue::from_static("for=10.1.1.1"));
        headers.append("x-forwarded-for", HeaderValue::from_static("10.2.2.2"));
        headers.append("connection", HeaderValue::from_static("x-forwarded-for, forwarded"));
        for (header, found) in
            [(ProxyHeader::XForwardedFor, "10.2.2.2"), (ProxyHeader::Forwarded, "10.1.1.1")]
        {
            assert_eq!(client_address(peer, &headers, &trust, header), known(found), "{header:?}");
        }
    }

    #[test]
    fn believes_256_hops_and_none_beyond() {
        // Row 244 too: what is blank is no hop, however much of it there is.
        let chain = |hops: usize| format!("8.8.8.8{}", ",127.0.0.2".repeat(hops - 1));
        let find = |line: &str| find("127.0.0.1", "loopback", ProxyHeader::XForwardedFor, line);
        assert_eq!(find(&chain(256)), known("8.8.8.8"));
        assert_eq!(find(&chain(257)), ended("127.0.0.2"));
        assert_eq!(find(&",".repeat(30_720)), known("127.0.0.1"));
    }

    #[test]
    fn the_header_is_named_in_any_case() {
        for (text, header) in [
            ("x-forwarded-for", ProxyHeader::XForwardedFor),
            (" X-Forwarded-For ", ProxyHeader::XForwardedFor),
            ("Forwarded", ProxyHeader::Forwarded),
        ] {
            assert_eq!(text.parse(), Ok(header));
        }
        for text in ["", "x-real-ip", "forwarded-for", "both"] {
            assert!(text.parse::<ProxyHeader>().unwrap_err().contains(text));
        }
    }
}
