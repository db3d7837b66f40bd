//! The gate: networks from which `/metrics` may be asked for, whoever asks.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::network;

/// Networks and addresses, in one spelling: IPv4-mapped ones (RFC 4291 section 2.5.5.2) are kept as IPv4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowList(Vec<IpNet>);

impl AllowList {
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Entries that hold every address of a family, which is rarely meant.
    pub fn everyone(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter().filter(|network| network.prefix_len() == 0)
    }

    pub fn networks(&self) -> &[IpNet] {
        &self.0
    }
}

impl FromStr for AllowList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let networks = items.map(network::parse).collect::<Result<Vec<_>, _>>()?;
        if networks.is_empty() {
            return Err("is set but lists no network; leave it out to have no allow-list".into());
        }
        Ok(Self(networks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_addresses_in_every_spelling() {
        let list: AllowList = "10.0.0.0/8, 2001:db8::/32,,::ffff:192.168.0.0/112, 127.0.0.1".parse().unwrap();
        let cases = [
            ("10.1.1.1", true),
            ("::ffff:10.1.1.1", true),
            ("::ffff:a01:101", true),
            ("2001:db8::1", true),
            ("192.168.3.4", true),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("::10.1.1.1", false),
            ("64:ff9b::10.1.1.1", false),
            ("2002:a01:101::", false),
            ("11.0.0.1", false),
        ];
        for (address, held) in cases {
            assert_eq!(list.contains(address.parse().unwrap()), held, "{address}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_network_and_names_it() {
        for text in [
            "10.0.0.0/8,nonsense",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "::/129",
            "010.0.0.0/8",
            "10.1",
        ] {
            let bad = text.rsplit(',').next().unwrap();
            let error = text.parse::<AllowList>().unwrap_err();
            assert!(error.contains(bad), "{error}");
        }
        for text in ["", " ", ",", " , "] {
            assert!(text.parse::<AllowList>().is_err(), "{text:?}");
        }
    }
}
