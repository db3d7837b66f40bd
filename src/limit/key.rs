//! What counts as one client.

use std::net::{IpAddr, Ipv4Addr};

/// Whom a limit counts: one IPv4 address, or one IPv6 /64, which is what one subscriber commonly has to himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(Network);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    V4(Ipv4Addr),
    /// The first four segments.
    V6([u16; 4]),
    /// All whose address is not known share one count.
    Unknown,
}

impl Key {
    /// IPv4-mapped addresses count as IPv4. Other embeddings (6to4, NAT64) do not: they are somebody else's.
    pub fn of(address: Option<IpAddr>) -> Self {
        Self(match address.map(|address| address.to_canonical()) {
            None => Network::Unknown,
            Some(IpAddr::V4(v4)) => Network::V4(v4),
            Some(IpAddr::V6(v6)) => {
                let [a, b, c, d, ..] = v6.segments();
                Network::V6([a, b, c, d])
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> Key {
        Key::of(Some(address.parse().unwrap()))
    }

    #[test]
    fn one_client_has_one_key_however_it_is_spelt() {
        let cases = [
            ("10.1.1.1", "::ffff:10.1.1.1", true),
            ("10.1.1.1", "::ffff:a01:101", true),
            ("10.1.1.1", "10.1.1.2", false),
            ("10.1.1.1", "::10.1.1.1", false),
            ("10.1.1.1", "64:ff9b::10.1.1.1", false),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("::", "0.0.0.0", false),
        ];
        for (one, other, same) in cases {
            assert_eq!(key(one) == key(other), same, "{one} and {other}");
        }
    }

    #[test]
    fn all_who_are_unknown_share_one_key() {
        assert_eq!(Key::of(None), Key::of(None));
        for address in ["0.0.0.0", "::", "127.0.0.1"] {
            assert_ne!(Key::of(None), key(address), "{address}");
        }
    }
}
