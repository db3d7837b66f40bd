//! One JSON Web Key (RFC 7517) as a key that verifies signatures, or the reason why it is not used.
//!
//! Invariants: a [`Key`] is public, asymmetric and meant for signatures; it verifies only algorithms of its own type,
//! curve and `alg` (RFC 8725 section 3.1).

use serde_json::{Map, Value};

use super::encoding::octets;
use super::key_ref::{KeyRef, LONGEST_KID, Thumbprints};
use super::material::Material;
use crate::auth::jwa::Algorithm;

/// RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2: members that are nobody's business but the owner's.
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// Values of `use` for keys whose signatures are those of tokens: the registered one (RFC 7517 section 4.2), and that of
/// SPIFFE bundles (SPIFFE Trust Domain and Bundle, section 4.2.2), where `x509-svid` is the other.
const PURPOSES: [&str; 2] = ["sig", "jwt-svid"];

/// A public key of the issuer.
pub struct Key {
    name: Name,
    thumbprints: Thumbprints,
    /// The only algorithm that the key may be used with, when it names one (RFC 7517 section 4.4).
    only: Option<Algorithm>,
    leaked: bool,
    material: Material,
}

enum Name {
    Kid(String),
    None,
    /// The format has no place for a name, so that any will do: PEM.
    Any,
}

impl Key {
    /// # Errors
    /// Why the key is not used, as a phrase.
    pub fn new(jwk: &Value) -> Result<Self, &'static str> {
        let jwk = jwk.as_object().ok_or("it is not an object")?;
        let name = name(jwk)?;
        meant_for_signatures(jwk)?;
        let material = match text(jwk, "kty") {
            Some("RSA") => Material::rsa(&number(jwk, "n")?, &number(jwk, "e")?)?,
            Some("EC") => {
                let curve = text(jwk, "crv").unwrap_or_default();
                Material::elliptic(curve, &number(jwk, "x")?, &number(jwk, "y")?)?
            }
            Some("OKP") if text(jwk, "crv") == Some("Ed25519") => Material::ed25519(&number(jwk, "x")?)?,
            Some("OKP") => return Err("its crv is not Ed25519"),
            Some("oct") => return Err("symmetric keys are never used"),
            Some(_) => return Err("its kty is not known"),
            None => return Err("it has no kty"),
        };
        let only = match jwk.get("alg") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) if name.is_empty() => None,
            Some(Value::String(name)) => Some(
                Algorithm::named(name)
                    .filter(|algorithm| material.kind.serves(*algorithm))
                    .ok_or("its alg is not a signature algorithm of its kty and crv")?,
            ),
            Some(_) => return Err("its alg is not a text"),
        };
        let leaked = PRIVATE.iter().any(|member| jwk.contains_key(*member));
        Ok(Self { name, thumbprints: thumbprints(jwk), only, leaked, material })
    }

    /// A key that came without a name, and the certificate that it is in.
    pub(super) fn nameless(material: Material, certificate: Option<&[u8]>) -> Self {
        let thumbprints = certificate.map(Thumbprints::of_certificate).unwrap_or_default();
        Self { name: Name::Any, thumbprints, only: None, leaked: false, material }
    }

    /// Whether a token may mean this key.
    pub(super) fn answers_to(&self, key: &KeyRef) -> bool {
        match (key, &self.name) {
            (KeyRef::Kid(kid), Name::Kid(own)) => kid == own,
            (KeyRef::Kid(_), name) => matches!(name, Name::Any),
            (KeyRef::Certificate(thumbprints), _) => thumbprints.agree(&self.thumbprints),
            (KeyRef::Unnamed, _) => true,
        }
    }

    /// Whether a token names a certificate of which this key says nothing.
    pub(super) fn is_silent_on(&self, key: &KeyRef) -> bool {
        match key {
            KeyRef::Certificate(thumbprints) => !thumbprints.are_comparable(&self.thumbprints),
            KeyRef::Kid(_) | KeyRef::Unnamed => false,
        }
    }

    /// Whether the issuer published private members beside the public ones.
    pub fn is_leaked(&self) -> bool {
        self.leaked
    }

    /// Whether the key may be used with `algorithm` at all.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.only.is_none_or(|only| only == algorithm) && self.material.kind.serves(algorithm)
    }

    /// Whether `signature` (base64url) over `message` was made with this key.
    pub fn verifies(&self, algorithm: Algorithm, message: &str, signature: &str) -> bool {
        self.fits(algorithm) && self.material.verifies(algorithm, message, signature)
    }
}

fn name(jwk: &Map<String, Value>) -> Result<Name, &'static str> {
    match jwk.get("kid") {
        None | Some(Value::Null) => Ok(Name::None),
        Some(Value::String(kid)) if kid.is_empty() => Ok(Name::None),
        Some(Value::String(kid)) if kid.len() > LONGEST_KID => Err("its kid is longer than 256 bytes"),
        Some(Value::String(kid)) => Ok(Name::Kid(kid.clone())),
        Some(_) => Err("its kid is not a text"),
    }
}

/// RFC 7517 sections 4.2 and 4.3: when both members are there, both must say so.
fn meant_for_signatures(jwk: &Map<String, Value>) -> Result<(), &'static str> {
    match jwk.get("use") {
        None | Some(Value::Null) => {}
        Some(Value::String(purpose)) if purpose.is_empty() || PURPOSES.contains(&purpose.as_str()) => {}
        Some(_) => return Err("its use is not sig"),
    }
    match jwk.get("key_ops") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => Ok(()),
        Some(_) => Err("its key_ops do not hold verify"),
    }
}

/// As published, else those of the certificate that is published with the key (RFC 7517 section 4.7).
fn thumbprints(jwk: &Map<String, Value>) -> Thumbprints {
    let published = Thumbprints::of_members(jwk);
    if !published.is_empty() {
        return published;
    }
    let certificate = jwk.get("x5c").and_then(|chain| chain.get(0)).and_then(Value::as_str).and_then(octets);
    certificate.map(|der| Thumbprints::of_certificate(&der)).unwrap_or_default()
}

fn text<'j>(jwk: &'j Map<String, Value>, name: &str) -> Option<&'j str> {
    jwk.get(name).and_then(Value::as_str)
}

fn number(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, &'static str> {
    text(jwk, name).and_then(octets).ok_or(match name {
        "n" => "its n is not base64url",
        "e" => "its e is not base64url",
        "x" => "its x is not base64url",
        _ => "its y is not base64url",
    })
}

#[cfg(test)]
mod tests;
