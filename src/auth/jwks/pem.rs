//! Public keys in PEM (RFC 7468), alone or in certificates: what operators without a provider at hand have in files.
//!
//! Dates and issuers of certificates are not looked at: they only carry the key, as `x5c` of a JWK does.

use x509_cert::der::asn1::{BitStringRef, ObjectIdentifier, UintRef};
use x509_cert::der::{self, Decode as _, Encode as _, Reader as _, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::encoding::octets;
use super::key::Key;
use super::material::Material;
use super::set::MOST_KEYS;

/// RFC 3279 section 2.3.1, RFC 5480 section 2.1.1, RFC 8410 section 3.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ELLIPTIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

const CURVES: [(ObjectIdentifier, &str); 3] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), "P-256"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), "P-384"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), "P-521"),
];

const DAMAGED: &str = "it cannot be decoded";

/// A key, or why it is none, with what it is called in a message.
type Named = (String, Result<Key, &'static str>);

/// Every key in `text`, each with what it is called in a message.
///
/// # Errors
/// When it is no PEM, or holds what has to stay secret.
pub(super) fn keys(text: &[u8]) -> Result<Vec<Named>, &'static str> {
    let text = str::from_utf8(text).map_err(|_| "is neither a JSON Web Key Set nor PEM")?;
    let blocks = blocks(text);
    if blocks.is_empty() {
        return Err("is neither a JSON Web Key Set nor PEM");
    }
    if blocks.iter().any(|(label, _)| label.ends_with("PRIVATE KEY")) {
        return Err("holds a private key: only public keys and certificates belong there");
    }
    let keys = blocks.into_iter().take(MOST_KEYS).enumerate();
    Ok(keys.map(|(index, (label, body))| (format!("key {index} ({label})"), key(label, body))).collect())
}

/// Label and body of each block.
fn blocks(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let Some((label, after)) = after.split_once("-----") else { break };
        let Some((body, after)) = after.split_once("-----END ") else { break };
        found.push((label, body));
        rest = after;
    }
    found
}

fn key(label: &str, body: &str) -> Result<Key, &'static str> {
    let der = octets(body).ok_or("it is not base64")?;
    match label {
        "PUBLIC KEY" => public(&der).map(|material| Key::nameless(material, None)),
        "RSA PUBLIC KEY" => rsa(&der).map(|material| Key::nameless(material, None)),
        "CERTIFICATE" => {
            let certificate = x509_cert::Certificate::from_der(&der).map_err(|_| DAMAGED)?;
            let info = certificate.tbs_certificate().subject_public_key_info().to_der();
            let material = public(&info.map_err(|_| DAMAGED)?)?;
            Ok(Key::nameless(material, Some(&der)))
        }
        _ => Err("it is neither a public key nor a certificate"),
    }
}

/// SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
fn public(der: &[u8]) -> Result<Material, &'static str> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| DAMAGED)?;
    let key: BitStringRef<'_> = info.subject_public_key;
    let key = key.as_bytes().ok_or(DAMAGED)?;
    if info.algorithm.oid == RSA {
        return rsa(key);
    }
    if info.algorithm.oid == ED25519 {
        return Material::ed25519(key);
    }
    if info.algorithm.oid != ELLIPTIC {
        return Err("its algorithm is not RSA, ECDSA or Ed25519");
    }
    let curve = info.algorithm.parameters_oid().map_err(|_| DAMAGED)?;
    let (_, name) = CURVES.iter().find(|(known, _)| *known == curve).ok_or("its curve is not known")?;
    // SEC 1 section 2.3.3: 4 and both coordinates; the compressed form has only one.
    let Some((4, coordinates)) = key.split_first() else { return Err("its point is compressed") };
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    Material::elliptic(name, x, y)
}

/// RSAPublicKey (RFC 8017 appendix A.1.1).
fn rsa(der: &[u8]) -> Result<Material, &'static str> {
    let numbers = |reader: &mut SliceReader<'_>| -> der::Result<(Vec<u8>, Vec<u8>)> {
        reader.sequence(|reader| {
            let modulus = UintRef::decode(reader)?;
            let exponent = UintRef::decode(reader)?;
            Ok((modulus.as_bytes().to_vec(), exponent.as_bytes().to_vec()))
        })
    };
    let (modulus, exponent) =
        SliceReader::new(der).and_then(|mut reader| numbers(&mut reader)).map_err(|_| DAMAGED)?;
    Material::rsa(&modulus, &exponent)
}
