//! What stands for a user's id where the id itself must not be shown, as the Node exporter makes it since
//! `METRICS_USER_ID_SALT`: the same user is the same series, and whoever has the database but not the salt cannot tell who.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::digest::Output;
use sha2::{Digest as _, Sha256};

use crate::secret::Secret;

/// Bytes of a block of SHA-256 (FIPS 180-4).
const BLOCK: usize = 64;

/// Bytes of the code that are shown, two hexadecimal digits each: the Node exporter's length.
const SHOWN: usize = 8;

/// A secret as the key of an HMAC (RFC 2104): hashed where it is longer than a block, and filled up with zeros.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; BLOCK]);

impl Salt {
    pub fn new(secret: &Secret) -> Self {
        let secret = secret.expose().as_bytes();
        let mut key = [0; BLOCK];
        if secret.len() > BLOCK {
            key.iter_mut().zip(Sha256::digest(secret)).for_each(|(key, byte)| *key = byte);
        } else {
            key.iter_mut().zip(secret).for_each(|(key, byte)| *key = *byte);
        }
        Self(key)
    }

    /// HMAC-SHA256 of an id: the first 16 hexadecimal digits.
    pub fn pseudonym(self, id: &str) -> String {
        let code: Output<Sha256> =
            Hmac::<Sha256>::new(&self.0.into()).chain_update(id).finalize().into_bytes();
        code.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d78_pseudonyms_are_those_of_the_node_exporter() {
        // Made by Node.js: createHmac("sha256", salt).update(id).digest("hex").slice(0, 16).
        for (salt, expected) in [
            ("a-salt-of-some-length", "d75790a33245d227"),
            ("p\u{e4}ss", "e7d531b62e83a33f"),
            (&"s".repeat(64), "ab2aad90e980ac1e"),
            (&"s".repeat(100), "8d4044e22c02cfbf"),
        ] {
            assert_eq!(Salt::new(&Secret::new(salt)).pseudonym("6ad4f0c2b3a1908877665544"), expected);
        }
        assert_eq!(format!("{:?}", Salt::new(&Secret::new("canary"))), "[redacted]");
    }
}
