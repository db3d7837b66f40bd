//! What counts as one client.

use std::net::IpAddr;

use crate::network::client;

/// Whom a limit counts. All whose address is not known share one count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(Option<IpAddr>);

impl Key {
    pub fn of(address: Option<IpAddr>) -> Self {
        Self(address.map(client))
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
