//! Keys made on the spot, and tokens signed with them: any header, any claims.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding,
    RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(super) enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

pub(super) struct Signer {
    pub(super) kid: &'static str,
    alg: &'static str,
    pair: Pair,
}

/// `r1` of the fixture, and others; each made once, because RSA keys take a while.
pub(super) static R1: LazyLock<Signer> = LazyLock::new(|| rsa("r1"));
pub(super) static R2: LazyLock<Signer> = LazyLock::new(|| rsa("r2"));
pub(super) static E1: LazyLock<Signer> = LazyLock::new(|| {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    Signer { kid: "e1", alg: "ES256", pair: Pair::Ec(pair) }
});
pub(super) static E3: LazyLock<Signer> = LazyLock::new(|| {
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    Signer { kid: "e3", alg: "ES384", pair: Pair::Ec(pair) }
});
pub(super) static E5: LazyLock<Signer> = LazyLock::new(|| {
    let pair = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap();
    Signer { kid: "e5", alg: "ES512", pair: Pair::Ec(pair) }
});
pub(super) static ED: LazyLock<Signer> =
    LazyLock::new(|| Signer { kid: "ed", alg: "EdDSA", pair: Pair::Ed(Ed25519KeyPair::generate().unwrap()) });

/// A key for ES256 whose x begins with a zero octet, as one in 256 does.
pub(super) fn short_x() -> Signer {
    loop {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        if pair.public_key().as_ref()[1] == 0 {
            return Signer { kid: "short", alg: "ES256", pair: Pair::Ec(pair) };
        }
    }
}

fn rsa(kid: &'static str) -> Signer {
    Signer { kid, alg: "RS256", pair: Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()) }
}

pub(super) fn encode(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

impl Signer {
    pub(super) fn public(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ec(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// SubjectPublicKeyInfo and, for RSA, RSAPublicKey: in PEM.
    pub(super) fn pem(&self, label: &str) -> String {
        let der = match &self.pair {
            _ if label == "RSA PUBLIC KEY" => self.public(),
            Pair::Rsa(pair) => {
                AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap().as_ref().to_vec()
            }
            Pair::Ec(pair) => {
                AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap().as_ref().to_vec()
            }
            Pair::Ed(pair) => {
                AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap().as_ref().to_vec()
            }
        };
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    }

    /// The public key as the issuer publishes it.
    pub(super) fn jwk(&self) -> Value {
        match &self.pair {
            Pair::Rsa(pair) => {
                let key = pair.public_key();
                let (n, e) = (key.modulus(), key.exponent());
                json!({
                    "kty": "RSA", "kid": self.kid, "use": "sig",
                    "n": encode(n.big_endian_without_leading_zero()),
                    "e": encode(e.big_endian_without_leading_zero()),
                })
            }
            Pair::Ec(_) => {
                let public = self.public();
                let (x, y) = public[1..].split_at(public.len() / 2);
                let crv = match self.alg {
                    "ES256" => "P-256",
                    "ES384" => "P-384",
                    _ => "P-521",
                };
                json!({ "kty": "EC", "kid": self.kid, "crv": crv, "x": encode(x), "y": encode(y) })
            }
            Pair::Ed(_) => {
                json!({ "kty": "OKP", "kid": self.kid, "crv": "Ed25519", "x": encode(self.public()) })
            }
        }
    }

    /// The same key with some members put in place of its own; `"gone"` takes one away.
    pub(super) fn jwk_with(&self, members: &Value) -> Value {
        let mut jwk = self.jwk();
        let object = jwk.as_object_mut().unwrap();
        object.extend(members.as_object().unwrap().clone());
        object.retain(|_, value| value != "gone");
        jwk
    }

    pub(super) fn header(&self) -> Value {
        json!({ "alg": self.alg, "kid": self.kid })
    }

    /// A token with this signer's own header.
    pub(super) fn token(&self, claims: &Value) -> String {
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    /// A token with this header, which also says how the signature is made.
    pub(super) fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = self.signature(header, message.as_bytes());
        format!("{message}.{}", encode(signature))
    }

    fn signature(&self, header: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let encoding: &'static dyn RsaEncoding = match header {
                    _ if header.contains("RS512") => &RSA_PKCS1_SHA512,
                    _ if header.contains("PS256") => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}
