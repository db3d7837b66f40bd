//! One JSON Web Key (RFC 7517) as a key that verifies signatures, or the reason why it is not used.
//!
//! Invariants: a [`Key`] is public, asymmetric and meant for signatures; it verifies only algorithms of its own type,
//! curve and `alg` (RFC 8725 section 3.1); RSA has 2048 to 8192 bits and an odd exponent above 1. Everything is checked
//! here because the library loads keys for encryption, symmetric ones and RSA with an exponent of 1.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm as Jws, DecodingKey, crypto};
use serde_json::{Map, Value};

use crate::auth::jwa::Algorithm;

/// The longest `kid` that a token or a key may have, in bytes.
pub const LONGEST_KID: usize = 256;

const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2: members that are nobody's business but the owner's.
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// Which family a key belongs to, with its curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Kind {
    /// RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.1.
    fn serves(self, algorithm: Algorithm) -> bool {
        let kind = match algorithm {
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => Self::Rsa,
            Algorithm::Es256 => Self::P256,
            Algorithm::Es384 => Self::P384,
            Algorithm::EdDsa => Self::Ed25519,
        };
        self == kind
    }
}

/// A public key of the issuer.
pub struct Key {
    kid: Option<String>,
    kind: Kind,
    /// The only algorithm that the key may be used with, when it names one (RFC 7517 section 4.4).
    only: Option<Algorithm>,
    leaked: bool,
    public: DecodingKey,
}

impl Key {
    /// # Errors
    /// Why the key is not used, as a phrase.
    pub fn new(jwk: &Value) -> Result<Self, &'static str> {
        let jwk = jwk.as_object().ok_or("it is not an object")?;
        let kid = kid(jwk)?;
        meant_for_signatures(jwk)?;
        let (kind, public) = match text(jwk, "kty") {
            Some("RSA") => (Kind::Rsa, rsa(jwk)?),
            Some("EC") => elliptic(jwk)?,
            Some("OKP") => (Kind::Ed25519, ed25519(jwk)?),
            Some("oct") => return Err("symmetric keys are never used"),
            Some(_) => return Err("its kty is not known"),
            None => return Err("it has no kty"),
        };
        let only = match jwk.get("alg") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) => Some(
                Algorithm::named(name)
                    .filter(|algorithm| kind.serves(*algorithm))
                    .ok_or("its alg is not a signature algorithm of its kty and crv")?,
            ),
            Some(_) => return Err("its alg is not a text"),
        };
        let leaked = PRIVATE.iter().any(|member| jwk.contains_key(*member));
        Ok(Self { kid, kind, only, leaked, public })
    }

    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether the issuer published private members beside the public ones.
    pub fn is_leaked(&self) -> bool {
        self.leaked
    }

    /// Whether the key may be used with `algorithm` at all.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.only.is_none_or(|only| only == algorithm) && self.kind.serves(algorithm)
    }

    /// Whether `signature` (base64url) over `message` was made with this key.
    pub fn verifies(&self, algorithm: Algorithm, message: &str, signature: &str) -> bool {
        let algorithm = match algorithm {
            _ if !self.fits(algorithm) => return false,
            Algorithm::Rs256 => Jws::RS256,
            Algorithm::Rs384 => Jws::RS384,
            Algorithm::Rs512 => Jws::RS512,
            Algorithm::Ps256 => Jws::PS256,
            Algorithm::Ps384 => Jws::PS384,
            Algorithm::Ps512 => Jws::PS512,
            Algorithm::Es256 => Jws::ES256,
            Algorithm::Es384 => Jws::ES384,
            Algorithm::EdDsa => Jws::EdDSA,
        };
        crypto::verify(signature, message.as_bytes(), &self.public, algorithm).unwrap_or(false)
    }
}

fn kid(jwk: &Map<String, Value>) -> Result<Option<String>, &'static str> {
    match jwk.get("kid") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(kid)) if kid.is_empty() => Ok(None),
        Some(Value::String(kid)) if kid.len() > LONGEST_KID => Err("its kid is longer than 256 bytes"),
        Some(Value::String(kid)) => Ok(Some(kid.clone())),
        Some(_) => Err("its kid is not a text"),
    }
}

/// RFC 7517 sections 4.2 and 4.3: when both members are there, both must say so.
fn meant_for_signatures(jwk: &Map<String, Value>) -> Result<(), &'static str> {
    match jwk.get("use") {
        None | Some(Value::Null) => {}
        Some(Value::String(purpose)) if purpose == "sig" => {}
        Some(_) => return Err("its use is not sig"),
    }
    match jwk.get("key_ops") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => Ok(()),
        Some(_) => Err("its key_ops do not hold verify"),
    }
}

fn rsa(jwk: &Map<String, Value>) -> Result<DecodingKey, &'static str> {
    let modulus = octets(jwk, "n").ok_or("its n is not base64url")?;
    let exponent = octets(jwk, "e").ok_or("its e is not base64url")?;
    // Some issuers write the sign octet of DER; it is no part of the number.
    let (modulus, exponent) = (without_zeros(&modulus), without_zeros(&exponent));
    if !RSA_BITS.contains(&bits(modulus)) {
        return Err("its RSA modulus does not have 2048 to 8192 bits (RFC 7518 section 3.3)");
    }
    // With an exponent of 1 the signature is the message; an even one or an even modulus is no RSA at all.
    if !is_odd(modulus) || !is_odd(exponent) || exponent == [1] {
        return Err("its RSA modulus or exponent cannot be one");
    }
    Ok(DecodingKey::from_rsa_raw_components(modulus, exponent))
}

fn elliptic(jwk: &Map<String, Value>) -> Result<(Kind, DecodingKey), &'static str> {
    let (kind, width) = match text(jwk, "crv") {
        Some("P-256") => (Kind::P256, 32),
        Some("P-384") => (Kind::P384, 48),
        _ => return Err("its crv is not one of P-256 and P-384"),
    };
    // RFC 7518 section 6.2.1.2: coordinates have the full width of the field.
    let coordinate = |name| text(jwk, name).filter(|_| octets(jwk, name).is_some_and(|o| o.len() == width));
    let (Some(x), Some(y)) = (coordinate("x"), coordinate("y")) else {
        return Err("its x and y are not coordinates of its crv");
    };
    let public = DecodingKey::from_ec_components(x, y).map_err(|_| "its x and y are no point")?;
    Ok((kind, public))
}

fn ed25519(jwk: &Map<String, Value>) -> Result<DecodingKey, &'static str> {
    if text(jwk, "crv") != Some("Ed25519") {
        return Err("its crv is not Ed25519");
    }
    text(jwk, "x")
        .filter(|_| octets(jwk, "x").is_some_and(|octets| octets.len() == 32))
        .and_then(|x| DecodingKey::from_ed_components(x).ok())
        .ok_or("its x is not an Ed25519 key")
}

fn text<'j>(jwk: &'j Map<String, Value>, name: &str) -> Option<&'j str> {
    jwk.get(name).and_then(Value::as_str)
}

fn octets(jwk: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    text(jwk, name).and_then(|encoded| URL_SAFE_NO_PAD.decode(encoded).ok())
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|octet| **octet == 0).count();
    number.split_at(zeros).1
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|last| last % 2 == 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn number(bits: usize) -> String {
        let mut octets = vec![0xff; bits.div_ceil(8)];
        if !bits.is_multiple_of(8) {
            octets[0] = (1 << (bits % 8)) - 1;
        }
        URL_SAFE_NO_PAD.encode(octets)
    }

    /// A valid RSA key with some members put in place of its own; `null` members stay.
    fn with(members: &Value) -> Value {
        let mut jwk = json!({ "kty": "RSA", "n": number(2048), "e": "AQAB", "kid": "r1" });
        jwk.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        jwk
    }

    fn fits(jwk: &Value) -> Vec<&'static str> {
        let key = Key::new(jwk).unwrap_or_else(|reason| panic!("{jwk}: {reason}"));
        Algorithm::ALL.iter().filter(|a| key.fits(**a)).map(|a| a.name()).collect()
    }

    #[test]
    fn rows_73_74_weak_rsa_keys_are_skipped() {
        let sizes = [(1024, false), (2047, false), (2048, true), (4096, true), (8192, true), (8193, false)];
        for (bits, used) in sizes {
            assert_eq!(Key::new(&with(&json!({ "n": number(bits) }))).is_ok(), used, "{bits}");
        }
        for (exponent, used) in [
            ("AQ", false),
            ("AAE", false),
            ("Ag", false),
            ("AQAA", false),
            ("", false),
            ("Aw", true),
            ("AAEAAQ", true),
        ] {
            assert_eq!(Key::new(&with(&json!({ "e": exponent }))).is_ok(), used, "{exponent}");
        }
        let even = URL_SAFE_NO_PAD.encode([0xfe; 256]);
        assert!(Key::new(&with(&json!({ "n": even }))).is_err());
        let signed = URL_SAFE_NO_PAD.encode([&[0][..], &[0xff; 256]].concat());
        assert!(Key::new(&with(&json!({ "n": signed }))).is_ok());
    }

    #[test]
    fn rows_152_153_154_only_keys_for_signatures_are_used() {
        let cases = [
            (json!({ "use": "enc" }), false),
            (json!({ "use": 5 }), false),
            (json!({ "use": null, "key_ops": null, "alg": null, "kid": null }), true),
            (json!({ "key_ops": ["encrypt"] }), false),
            (json!({ "key_ops": [] }), false),
            (json!({ "key_ops": "verify" }), false),
            (json!({ "use": "enc", "key_ops": ["verify"] }), false),
            (json!({ "use": "sig", "key_ops": ["verify"] }), true),
        ];
        for (members, used) in cases {
            assert_eq!(Key::new(&with(&members)).is_ok(), used, "{members}");
        }
    }

    #[test]
    fn rows_66_69_a_key_serves_its_own_algorithms_only() {
        assert_eq!(fits(&with(&json!({}))), ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]);
        assert_eq!(fits(&with(&json!({ "alg": "RS512" }))), ["RS512"]);
        let point = |crv: &str, width: usize| {
            let coordinate = URL_SAFE_NO_PAD.encode(vec![7; width]);
            json!({ "kty": "EC", "crv": crv, "x": coordinate, "y": coordinate })
        };
        assert_eq!(fits(&point("P-256", 32)), ["ES256"]);
        assert_eq!(fits(&point("P-384", 48)), ["ES384"]);
        let edwards = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([7; 32]) });
        assert_eq!(fits(&edwards), ["EdDSA"]);
        for crossed in [point("P-256", 31), point("P-256", 48), point("P-384", 32), point("secp256k1", 32)] {
            assert!(Key::new(&crossed).is_err(), "{crossed}");
        }
    }

    #[test]
    fn row_158_what_is_not_understood_is_refused_with_a_phrase() {
        let secret = URL_SAFE_NO_PAD.encode([7; 32]);
        let cases = [
            json!({ "kty": "oct", "k": secret, "alg": "HS256" }),
            json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA" }),
            json!({ "kty": "OKP", "crv": "X25519", "x": secret }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "AA" }),
            json!({ "kty": "rsa" }),
            json!({}),
            json!([]),
            json!("key"),
            json!(null),
            with(&json!({ "kid": 5 })),
            with(&json!({ "kid": "k".repeat(257) })),
            with(&json!({ "alg": "HS256" })),
            with(&json!({ "alg": "ES256" })),
            with(&json!({ "alg": "RSA-OAEP" })),
            with(&json!({ "alg": ["RS256"] })),
            with(&json!({ "n": 5 })),
            with(&json!({ "n": "====" })),
            with(&json!({ "e": null })),
        ];
        for jwk in cases {
            assert!(Key::new(&jwk).is_err(), "{jwk}");
        }
    }

    #[test]
    fn row_156_private_members_are_noticed_and_not_used() {
        let key = Key::new(&with(&json!({ "d": "AQAB", "p": "AQAB" }))).unwrap();
        assert!(key.is_leaked());
        assert!(!Key::new(&with(&json!({ "kid": "" }))).unwrap().is_leaked());
    }
}
