//! Signature algorithms of JSON Web Tokens (RFC 7518 section 3, RFC 8037): the asymmetric ones.
//!
//! Invariant: a symmetric algorithm or `none` has no value here, so no setting, key or token can bring one in.

use std::fmt;
use std::str::FromStr;

/// An `alg` that a key set can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    /// With Ed25519 only; RFC 9864 has a name of its own for that, which is taken for the same.
    EdDsa,
}

impl Algorithm {
    pub const ALL: &'static [Self] = &[
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
    ];

    /// The registered name, which is compared with case (RFC 7515 section 4.1.1).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            return Some(Self::EdDsa);
        }
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }
}

/// The algorithms that tokens may use (`METRICS_OAUTH2_ALGORITHMS`). Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Algorithms(Vec<Algorithm>);

impl Algorithms {
    pub fn allow(&self, algorithm: Algorithm) -> bool {
        self.0.contains(&algorithm)
    }

    /// Those of any of the lists.
    pub fn of_all<'a>(lists: impl IntoIterator<Item = &'a Self>) -> Self {
        Self(lists.into_iter().flat_map(|list| list.0.iter().copied()).collect())
    }
}

impl Default for Algorithms {
    fn default() -> Self {
        Self(vec![Algorithm::Rs256, Algorithm::Es256])
    }
}

impl fmt::Display for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&names(&self.0, ","))
    }
}

impl FromStr for Algorithms {
    type Err = String;

    /// Separated by commas or blanks; a list without items is the default.
    fn from_str(text: &str) -> Result<Self, String> {
        let items = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|item| !item.is_empty());
        let listed = items.map(algorithm).collect::<Result<Vec<_>, _>>()?;
        Ok(if listed.is_empty() { Self::default() } else { Self(listed) })
    }
}

fn algorithm(item: &str) -> Result<Algorithm, String> {
    if let Some(algorithm) = Algorithm::named(item) {
        return Ok(algorithm);
    }
    if item.eq_ignore_ascii_case("none") {
        return Err(format!(
            "must not list {item:?}: an unsigned token proves nothing (RFC 8725 section 3.1)"
        ));
    }
    if item.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("HS")) {
        return Err(format!(
            "must not list {item:?}: a published key set must never serve a symmetric algorithm (RFC 8725 section \
             3.1)"
        ));
    }
    Err(format!("has {item:?}, which is not one of {}", names(Algorithm::ALL, ", ")))
}

fn names(algorithms: &[Algorithm], between: &str) -> String {
    algorithms.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_388_symmetric_algorithms_and_none_are_refused_with_a_reason() {
        for (text, phrase) in
            [("none", "unsigned"), ("RS256,None", "unsigned"), ("HS256", "symmetric"), ("hs512", "symmetric")]
        {
            let error = text.parse::<Algorithms>().unwrap_err();
            assert!(error.contains(phrase), "{error}");
        }
    }

    #[test]
    fn row_389_unknown_algorithms_are_named_beside_the_valid_ones() {
        for text in ["RS255", "rs256", "ES521", "Ed448", "H\u{e9}"] {
            let error = text.parse::<Algorithms>().unwrap_err();
            assert!(error.contains(text) && error.contains("RS256, RS384"), "{error}");
        }
    }

    #[test]
    fn row_390_an_empty_list_is_the_default() {
        for (text, listed) in [
            (",", "RS256,ES256"),
            ("", "RS256,ES256"),
            (" EdDSA , PS256,", "EdDSA,PS256"),
            ("Ed25519", "EdDSA"),
            ("ES512", "ES512"),
        ] {
            assert_eq!(text.parse::<Algorithms>().unwrap().to_string(), listed);
        }
    }
}
