//! `TRUST_PROXY`: which hops are proxies whose word is taken.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::network;

/// The largest number of hops.
const MAX_COUNT: u8 = 32;

/// Which hops are trusted proxies. The default is `loopback`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustProxy {
    /// `false`, `0`: none; the socket's peer is the client.
    Nobody,
    /// `true` (one), `1` to `32`: so many hops, whoever they are. Only safe where nothing but these proxies can reach
    /// the port.
    Hops(u8),
    /// The proxies at these addresses.
    Listed(Vec<Proxies>),
}

/// Addresses at which proxies stand: a network, or one of the names that Express has for several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxies {
    /// 127.0.0.0/8 and ::1.
    Loopback,
    /// 169.254.0.0/16 and fe80::/10.
    LinkLocal,
    /// 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 (RFC 1918) and fc00::/7 (RFC 4193).
    UniqueLocal,
    Network(IpNet),
}

impl TrustProxy {
    /// Whether the hop at `address`, between which and us lie `passed` others, is a trusted proxy.
    pub fn trusts(&self, address: Option<IpAddr>, passed: usize) -> bool {
        match self {
            Self::Nobody => false,
            Self::Hops(count) => passed < usize::from(*count),
            Self::Listed(_) => address.is_some_and(|address| self.lists(address)),
        }
    }

    /// Whether `address` is trusted for what it is, not for how near it stands.
    pub fn lists(&self, address: IpAddr) -> bool {
        match self {
            Self::Listed(proxies) => proxies.iter().any(|proxies| proxies.contain(address.to_canonical())),
            Self::Nobody | Self::Hops(_) => false,
        }
    }

    /// Whether proxies are named by their addresses.
    pub fn is_list(&self) -> bool {
        matches!(self, Self::Listed(_))
    }

    /// Whether hops are counted: then whoever reaches the port directly can choose an address, which deserves a note
    /// at start.
    pub fn counts_hops(&self) -> bool {
        matches!(self, Self::Hops(_))
    }
}

impl Default for TrustProxy {
    fn default() -> Self {
        Self::Listed(vec![Proxies::Loopback])
    }
}

impl FromStr for TrustProxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let items: Vec<&str> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
        match *items.as_slice() {
            [] => Err("is set but names no proxy; write false to trust none".into()),
            [item] if item.eq_ignore_ascii_case("false") => Ok(Self::Nobody),
            // Express takes `true` for "trust everybody", which lets anyone choose an address.
            [item] if item.eq_ignore_ascii_case("true") => Ok(Self::Hops(1)),
            [item] if item.bytes().all(|byte| byte.is_ascii_digit()) => match item.parse() {
                Ok(0) => Ok(Self::Nobody),
                Ok(count @ 1..=MAX_COUNT) => Ok(Self::Hops(count)),
                _ => Err(format!("has {item:?}; a number of hops is at most {MAX_COUNT}")),
            },
            _ => items.into_iter().map(str::parse).collect::<Result<_, _>>().map(Self::Listed),
        }
    }
}

impl fmt::Display for TrustProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("false"),
            Self::Hops(count) => count.fmt(f),
            Self::Listed(proxies) => {
                for (index, proxies) in proxies.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { "," })?;
                    proxies.fmt(f)?;
                }
                Ok(())
            }
        }
    }
}

impl Proxies {
    const NAMED: [(&'static str, Self); 3] =
        [("loopback", Self::Loopback), ("linklocal", Self::LinkLocal), ("uniquelocal", Self::UniqueLocal)];

    fn contain(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::Network(network), address) => network.contains(&address),
            (Self::Loopback, address) => address.is_loopback(),
            (Self::LinkLocal, IpAddr::V4(v4)) => v4.is_link_local(),
            (Self::LinkLocal, IpAddr::V6(v6)) => v6.is_unicast_link_local(),
            (Self::UniqueLocal, IpAddr::V4(v4)) => v4.is_private(),
            (Self::UniqueLocal, IpAddr::V6(v6)) => v6.is_unique_local(),
        }
    }
}

impl FromStr for Proxies {
    type Err = String;

    fn from_str(item: &str) -> Result<Self, String> {
        if let Some((_, named)) = Self::NAMED.iter().find(|(name, _)| item.eq_ignore_ascii_case(name)) {
            return Ok(*named);
        }
        match network::parse(item) {
            Ok(network) if network.prefix_len() == 0 => {
                Err(format!("has {item:?}, which would take everyone's word for who they are"))
            }
            Ok(network) => Ok(Self::Network(network)),
            Err(_) => Err(format!(
                "has {item:?}, which is neither an address, a network, a number of hops nor one of true, false, \
                 loopback, linklocal, uniquelocal{}",
                nearest(item).map(|name| format!("; did you mean {name:?}?")).unwrap_or_default()
            )),
        }
    }
}

impl fmt::Display for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // An address is shown as one.
            Self::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                network.addr().fmt(f)
            }
            Self::Network(network) => network.fmt(f),
            named => f.write_str(Self::NAMED.iter().find(|(_, of)| of == named).map_or("", |(name, _)| name)),
        }
    }
}

/// The word that was probably meant: at most two slips away.
fn nearest(item: &str) -> Option<&'static str> {
    let item = item.to_ascii_lowercase();
    let words = Proxies::NAMED.iter().map(|(name, _)| *name).chain(["true", "false"]);
    let near = words.map(|word| (strsim::damerau_levenshtein(&item, word), word));
    near.filter(|(slips, word)| *slips <= 2 && *slips < word.len() / 2).min().map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_shown_in_one_spelling() {
        // Rows 236, 242, 400.
        let cases = [
            ("false", "false"),
            ("FALSE", "false"),
            ("0", "false"),
            ("true", "1"),
            (" True ", "1"),
            ("1", "1"),
            ("32", "32"),
            ("loopback", "loopback"),
            ("Loopback,", "loopback"),
            (" ,LOOPBACK,, 10.1.2.3/8 ,", "loopback,10.0.0.0/8"),
            ("10.0.0.0/8,uniquelocal", "10.0.0.0/8,uniquelocal"),
            ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
            ("linklocal, 192.0.2.1, 2001:DB8::/32", "linklocal,192.0.2.1,2001:db8::/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("0.0.0.1", "0.0.0.1"),
        ];
        for (text, shown) in cases {
            let trust: TrustProxy = text.parse().unwrap();
            assert_eq!(trust.to_string(), shown, "{text}");
            assert_eq!(shown.parse(), Ok(trust), "{text}");
        }
        assert_eq!(TrustProxy::default().to_string(), "loopback");
    }

    #[test]
    fn only_a_number_of_hops_deserves_a_note() {
        for (text, counts) in
            [("true", true), ("3", true), ("0", false), ("false", false), ("loopback", false)]
        {
            assert_eq!(text.parse::<TrustProxy>().unwrap().counts_hops(), counts, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_form_and_names_the_item() {
        // Rows 401, 402. The second part is what must be named.
        let cases = [
            ("yes", "\"yes\""),
            ("-1", "\"-1\""),
            ("+1", "\"+1\""),
            ("1.5", "\"1.5\""),
            ("33", "32"),
            ("999", "32"),
            ("99999999999999999999", "32"),
            ("loopbak", "did you mean \"loopback\"?"),
            ("10.0.0.0/8, Uniqlocal", "did you mean \"uniquelocal\"?"),
            ("flase", "did you mean \"false\"?"),
            ("10.0.0.0/0", "everyone"),
            ("loopback,::/0", "\"::/0\""),
            ("0.0.0.0/0.0.0.0", "everyone"),
            ("::ffff:0:0/96", "everyone"),
            ("1,loopback", "\"1\""),
            ("true,loopback", "\"true\""),
            ("010.0.0.0/8", "\"010.0.0.0/8\""),
            ("10.0.0.0/255.0.255.0", "\"10.0.0.0/255.0.255.0\""),
            ("proxy.example.org", "\"proxy.example.org\""),
            ("", "no proxy"),
            (" , ", "no proxy"),
        ];
        for (text, named) in cases {
            let error = text.parse::<TrustProxy>().unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
        assert!(!"yes".parse::<TrustProxy>().unwrap_err().contains("mean"));
    }

    #[test]
    fn names_hold_the_networks_that_the_standards_give_them() {
        // Rows 240, 241.
        let cases = [
            ("loopback", "127.8.9.10", true),
            ("loopback", "::1", true),
            ("loopback", "::ffff:127.0.0.1", true),
            ("loopback", "128.0.0.1", false),
            ("loopback", "::2", false),
            ("loopback", "::127.0.0.1", false),
            ("linklocal", "169.254.1.1", true),
            ("linklocal", "169.253.1.1", false),
            ("linklocal", "febf::1", true),
            ("linklocal", "fec0::1", false),
            ("uniquelocal", "10.255.0.1", true),
            ("uniquelocal", "172.31.0.1", true),
            ("uniquelocal", "172.32.0.1", false),
            ("uniquelocal", "192.168.0.1", true),
            ("uniquelocal", "fdff::1", true),
            ("uniquelocal", "fe00::1", false),
            ("10.0.0.0/8", "::ffff:a01:101", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("1", "192.0.2.1", false),
            ("false", "127.0.0.1", false),
        ];
        for (text, address, listed) in cases {
            let trust: TrustProxy = text.parse().unwrap();
            assert_eq!(trust.lists(address.parse().unwrap()), listed, "{text}: {address}");
        }
    }
}
