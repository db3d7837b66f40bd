//! What names a session and its user in LibreChat's database, in the only forms it writes.

use std::fmt;

use sha2::{Digest, Sha256};

/// `users._id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UserId([u8; 12]);

impl UserId {
    /// Of the 24 hexadecimal digits of an ObjectId; anything else is none.
    pub fn parse(text: &str) -> Option<Self> {
        hex(text).map(Self)
    }

    pub const fn bytes(self) -> [u8; 12] {
        self.0
    }
}

/// `sessions._id`: stays the same while LibreChat renews the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId([u8; 12]);

impl SessionId {
    /// Of the 24 hexadecimal digits of an ObjectId; anything else is none.
    pub fn parse(text: &str) -> Option<Self> {
        hex(text).map(Self)
    }

    pub const fn bytes(self) -> [u8; 12] {
        self.0
    }
}

/// SHA-256 of a refresh token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    pub fn of(refresh_token: &str) -> Self {
        Self(Sha256::digest(refresh_token).into())
    }

    /// Of `sessions.refreshTokenHash`: 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        hex(text).map(Self)
    }

    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As `sessions.refreshTokenHash` has it: lower-case hexadecimal.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[token hash]")
    }
}

/// How a document of the `sessions` collection is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionKey {
    /// By `_id`: LibreChat's own refresh token names it.
    Id(SessionId),
    /// By `refreshTokenHash`: the refresh token is the identity provider's (`OPENID_REUSE_TOKENS`).
    TokenHash(TokenHash),
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    // `from_str_radix` takes a sign, so the digits are checked first.
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_object_ids_and_nothing_near_them() {
        assert_eq!(
            UserId::parse("0123456789abcdef01234567").map(UserId::bytes),
            Some([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67])
        );
        for text in
            ["", "0123456789abcdef0123456", "0123456789abcdef012345678", "+123456789abcdef01234567", "zz"]
        {
            assert_eq!(SessionId::parse(text), None, "{text}");
        }
        assert_eq!(UserId::parse("0123456789abcdef0123456\u{e4}"), None);
    }

    #[test]
    fn a_token_hash_is_written_as_librechat_writes_it_and_never_printed() {
        let hash = TokenHash::of("abc");
        assert_eq!(hash.to_hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(TokenHash::parse(&hash.to_hex()), Some(hash));
        assert_eq!(format!("{:?}", SessionKey::TokenHash(hash)), "TokenHash([token hash])");
    }
}
