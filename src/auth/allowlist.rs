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

    /// The family of which every address that a stranger can have is held, by one network or by several together. What
    /// nobody calls from is not asked for: 0.0.0.0/8, loopback and multicast, and all of IPv6 but its unicast 2000::/3.
    pub fn whole_family(&self) -> Option<&'static str> {
        let nobody = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"].map(|network| network.parse().ok());
        let networks: Vec<IpNet> = self.0.iter().copied().chain(nobody.into_iter().flatten()).collect();
        let together = IpNet::aggregate(&networks);
        let unicast = "2000::/3".parse::<IpNet>().ok();
        if together.iter().any(|network| matches!(network, IpNet::V4(v4) if v4.prefix_len() == 0)) {
            return Some("IPv4");
        }
        let holds_unicast = |network: &IpNet| unicast.is_some_and(|unicast| network.contains(&unicast));
        together.iter().any(holds_unicast).then_some("IPv6")
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
    fn knows_when_networks_together_hold_a_family() {
        let cases = [
            ("0.0.0.0/0", Some("IPv4")),
            ("0.0.0.0/1,128.0.0.0/1", Some("IPv4")),
            ("128.0.0.0/1, 64.0.0.0/2, 0.0.0.0/2", Some("IPv4")),
            ("0.0.0.0/1,128.0.0.0/2,192.0.0.0/3", Some("IPv4")),
            ("::ffff:0:0/96", Some("IPv4")),
            ("::/0", Some("IPv6")),
            ("::/1,8000::/1", Some("IPv6")),
            ("2000::/3", Some("IPv6")),
            ("10.0.0.0/8,::/0", Some("IPv6")),
            ("0.0.0.0/1", None),
            ("128.0.0.0/1,0.0.0.0/2", None),
            ("10.0.0.0/8,2001:db8::/32", None),
        ];
        for (list, family) in cases {
            assert_eq!(list.parse::<AllowList>().unwrap().whole_family(), family, "{list}");
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
