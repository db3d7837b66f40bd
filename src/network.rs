//! Addresses and networks as settings write them: read strictly, kept in one spelling.
//!
//! Invariants: what two tools would read differently is refused; IPv4-mapped networks (RFC 4291 section 2.5.5.2) come
//! out as IPv4; no host bits are left. What a request carries is not read here; [`client`] only says what of its address
//! counts as one client.

pub mod shares;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

/// One address, or one network as CIDR or with a netmask (`10.0.0.0/255.0.0.0`).
///
/// `ipnet` would read `010.0.0.0/8` as 10.0.0.0/8, others as octal, so the address goes through the standard library's
/// stricter parser first.
///
/// # Errors
/// A phrase that follows the name of the variable.
pub fn parse(item: &str) -> Result<IpNet, String> {
    let fail = || format!("has {item:?}, which is neither an IP address nor a CIDR network");
    let (address, prefix) = match item.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (item, None),
    };
    let address: IpAddr = address.parse().map_err(|_| fail())?;
    let prefix = match prefix {
        None if address.is_ipv4() => 32,
        None => 128,
        Some(text) => length(text, address).ok_or_else(fail)?,
    };
    let network = IpNet::new(address, prefix).map_err(|_| fail())?;
    Ok(canonical(network).trunc())
}

/// What follows the slash, as the number of leading bits.
fn length(text: &str, address: IpAddr) -> Option<u8> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let mask: Ipv4Addr = text.parse().ok().filter(|_| address.is_ipv4())?;
    ipnet::ipv4_mask_to_prefix(mask).ok()
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

/// What counts as one client: an IPv4 address, or the /64 of an IPv6 address, which is what one subscriber commonly has to
/// himself. IPv4-mapped addresses are IPv4; other embeddings (6to4, NAT64) are not: they are somebody else's.
pub fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_network_becomes_one() {
        let cases = [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("10.0.0.1", "10.0.0.1/32"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("::1", "::1/128"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ];
        for (item, expected) in cases {
            assert_eq!(parse(item).unwrap().to_string(), expected, "{item}");
        }
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways_or_not_at_all() {
        let items = [
            "",
            "10",
            "10.1",
            "010.0.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/256",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "10.0.0.0/255.0.255.0",
            "10.0.0.0/::",
            "2001:db8::/255.0.0.0",
            "::/129",
            "fe80::1%eth0",
            "localhost",
        ];
        for item in items {
            let error = parse(item).unwrap_err();
            assert!(error.starts_with(&format!("has {item:?}")), "{error}");
        }
    }
}
