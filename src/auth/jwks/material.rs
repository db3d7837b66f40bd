//! The public half of a key as numbers and points, and the check of a signature with it.
//!
//! Invariants: RSA has 2048 to 8192 bits and an odd exponent above 1; coordinates have the width of their curve. All of
//! it is checked here, because the library loads RSA with an exponent of 1.

use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm as Jws, DecodingKey, crypto};

use super::encoding::{padded, without_zeros};
use crate::auth::jwa::Algorithm;

const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Which family a key belongs to, with its curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
}

impl Kind {
    /// RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.1.
    pub(super) fn serves(self, algorithm: Algorithm) -> bool {
        let kind = match algorithm {
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => Self::Rsa,
            Algorithm::Es256 => Self::P256,
            Algorithm::Es384 => Self::P384,
            Algorithm::Es512 => Self::P521,
            Algorithm::EdDsa => Self::Ed25519,
        };
        self == kind
    }

    /// The curve of this name (RFC 7518 section 6.2.1.1) and the octets of a coordinate on it.
    fn curve(name: &str) -> Option<(Self, usize)> {
        match name {
            "P-256" => Some((Self::P256, 32)),
            "P-384" => Some((Self::P384, 48)),
            "P-521" => Some((Self::P521, 66)),
            _ => None,
        }
    }
}

/// A public key that can check signatures.
pub(super) struct Material {
    pub(super) kind: Kind,
    public: Public,
}

enum Public {
    Library(DecodingKey),
    /// An uncompressed point on P-521, which the library does not know.
    P521(Vec<u8>),
}

impl Material {
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, &'static str> {
        // Some issuers write the sign octet of DER; it is no part of the number.
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        if !RSA_BITS.contains(&bits(modulus)) {
            return Err("its RSA modulus does not have 2048 to 8192 bits (RFC 7518 section 3.3)");
        }
        // With an exponent of 1 the signature is the message; an even one or an even modulus is no RSA at all.
        if !is_odd(modulus) || !is_odd(exponent) || exponent == [1] {
            return Err("its RSA modulus or exponent cannot be one");
        }
        let public = Public::Library(DecodingKey::from_rsa_raw_components(modulus, exponent));
        Ok(Self { kind: Kind::Rsa, public })
    }

    pub(super) fn elliptic(curve: &str, x: &[u8], y: &[u8]) -> Result<Self, &'static str> {
        let (kind, width) = Kind::curve(curve).ok_or("its crv is not one of P-256, P-384 and P-521")?;
        if x.is_empty() || y.is_empty() {
            return Err("its x and y are not coordinates of its crv");
        }
        // RFC 7518 section 6.2.1.2 wants the full width. A point that is none verifies nothing.
        let (Some(x), Some(y)) = (padded(x, width), padded(y, width)) else {
            return Err("its x and y are not coordinates of its crv");
        };
        let public = if kind == Kind::P521 {
            Public::P521([&[4], x.as_slice(), &y].concat())
        } else {
            let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
            let public = DecodingKey::from_ec_components(&x, &y).map_err(|_| "its x and y are no point")?;
            Public::Library(public)
        };
        Ok(Self { kind, public })
    }

    /// The octets are no number here, so none may be missing (RFC 8037 section 2).
    pub(super) fn ed25519(x: &[u8]) -> Result<Self, &'static str> {
        if x.len() != 32 {
            return Err("its x is not an Ed25519 key");
        }
        let public = DecodingKey::from_ed_components(&URL_SAFE_NO_PAD.encode(x));
        let public = public.map_err(|_| "its x is not an Ed25519 key")?;
        Ok(Self { kind: Kind::Ed25519, public: Public::Library(public) })
    }

    /// Whether `signature` (base64url) over `message` was made with this key.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &str, signature: &str) -> bool {
        let jws = match algorithm {
            _ if !self.kind.serves(algorithm) => return false,
            Algorithm::Rs256 => Jws::RS256,
            Algorithm::Rs384 => Jws::RS384,
            Algorithm::Rs512 => Jws::RS512,
            Algorithm::Ps256 => Jws::PS256,
            Algorithm::Ps384 => Jws::PS384,
            Algorithm::Ps512 => Jws::PS512,
            Algorithm::Es256 => Jws::ES256,
            Algorithm::Es384 => Jws::ES384,
            Algorithm::Es512 => return self.verifies_p521(message, signature),
            Algorithm::EdDsa => Jws::EdDSA,
        };
        let Public::Library(key) = &self.public else { return false };
        crypto::verify(signature, message.as_bytes(), key, jws).unwrap_or(false)
    }

    fn verifies_p521(&self, message: &str, signature: &str) -> bool {
        let Public::P521(point) = &self.public else { return false };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        let key = UnparsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point);
        key.verify(message.as_bytes(), &signature).is_ok()
    }
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|last| last % 2 == 1)
}
