//! The gate: networks from which `/metrics` may be asked for, whoever asks.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

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
        let networks = items.map(network).collect::<Result<Vec<_>, _>>()?;
        if networks.is_empty() {
            return Err("is set but lists no network; leave it out to have no allow-list".into());
        }
        Ok(Self(networks))
    }
}

/// One address or CIDR, written as the standards write them: `ipnet` would read `010.0.0.0/8` as 10.0.0.0/8, others as
/// octal, so the address goes through the standard library's stricter parser first.
pub fn network(item: &str) -> Result<IpNet, String> {
    let fail = || format!("has {item:?}, which is neither an IP address nor a CIDR network");
    let (address, prefix) = match item.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (item, None),
    };
    let address: IpAddr = address.parse().map_err(|_| fail())?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => width,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().map_err(|_| fail())?
        }
        Some(_) => return Err(fail()),
    };
    let network = IpNet::new(address, prefix).map_err(|_| fail())?;
    Ok(canonical(network).trunc())
}

fn canonical(network: IpNet) -> IpNet {
    match network {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => v6
            .addr()
            .to_ipv4_mapped()
            .and_then(|v4| Ipv4Net::new(v4, v6.prefix_len() - 96).ok())
            .map_or(network, IpNet::V4),
        other => other,
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
