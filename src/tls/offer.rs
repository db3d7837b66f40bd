//! Cipher suites and curves that are offered to clients, by the names that Go has for them.

use rustls::crypto::CryptoProvider;
use rustls::{CipherSuite, NamedGroup};

/// Suites of TLS 1.2 that can be chosen; those of 1.3 are always offered, as in Go.
const SUITES: &[(&str, CipherSuite)] = &[
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
];

const SUITES_OF_13: &[&str] =
    &["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/// Suites that Go knows and that are not spoken here: no client needs them that speaks TLS 1.2 well.
const OLD_SUITES: &[&str] = &[
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_RC4_128_SHA",
];

const GROUPS: &[(&str, NamedGroup)] = &[
    ("CurveP256", NamedGroup::secp256r1),
    ("CurveP384", NamedGroup::secp384r1),
    ("X25519", NamedGroup::X25519),
    ("X25519MLKEM768", NamedGroup::X25519MLKEM768),
];

const OTHER_GROUPS: &[&str] = &["CurveP521", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"];

/// What of the cryptography is offered; by default everything that is safe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Of TLS 1.2.
    suites: Option<Vec<CipherSuite>>,
    groups: Option<Vec<NamedGroup>>,
}

impl Offer {
    /// Offers no other suites of TLS 1.2 than these. Gives the names of those that cannot be had.
    ///
    /// # Errors
    /// A name that is no suite's, or that none of them can be had, as a phrase.
    pub fn choose_suites(&mut self, names: &[&str]) -> Result<Vec<String>, String> {
        let (suites, other) = choose(names, SUITES, &[OLD_SUITES, SUITES_OF_13].concat(), "cipher")?;
        let (of_13, ignored): (Vec<_>, Vec<_>) =
            other.into_iter().partition(|name| SUITES_OF_13.contains(&name.as_str()));
        if suites.is_empty() && of_13.is_empty() {
            let known: Vec<&str> = SUITES.iter().map(|(name, _)| *name).collect();
            return Err(format!("names no cipher that can be had, which are {}", known.join(", ")));
        }
        self.suites = Some(suites);
        Ok(ignored)
    }

    /// Offers no other curves than these. Gives the names of those that cannot be had.
    ///
    /// # Errors
    /// As [`Offer::choose_suites`].
    pub fn choose_groups(&mut self, names: &[&str]) -> Result<Vec<String>, String> {
        let (groups, ignored) = choose(names, GROUPS, OTHER_GROUPS, "curve")?;
        if groups.is_empty() {
            let known: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
            return Err(format!("names no curve that can be had, which are {}", known.join(", ")));
        }
        self.groups = Some(groups);
        Ok(ignored)
    }

    /// Takes out of `provider` what is not offered.
    pub(super) fn restrict(&self, provider: &mut CryptoProvider) {
        if let Some(suites) = &self.suites {
            let is_offered = |suite: &rustls::SupportedCipherSuite| {
                suite.tls13().is_some() || suites.contains(&suite.suite())
            };
            provider.cipher_suites.retain(is_offered);
        }
        if let Some(groups) = &self.groups {
            provider.kx_groups.retain(|group| groups.contains(&group.name()));
        }
    }
}

/// Those of `known` that are named, and the other names; all are names of something.
fn choose<T: Copy>(
    names: &[&str],
    known: &[(&str, T)],
    others: &[&str],
    what: &str,
) -> Result<(Vec<T>, Vec<String>), String> {
    let (mut chosen, mut ignored) = (Vec::new(), Vec::new());
    for name in names {
        match known.iter().find(|(known, _)| known == name) {
            Some((_, item)) => chosen.push(*item),
            None if others.contains(name) => ignored.push((*name).to_owned()),
            None => return Err(format!("names an unknown {what}")),
        }
    }
    Ok((chosen, ignored))
}

#[cfg(test)]
mod tests {
    use rustls::crypto::aws_lc_rs;

    use super::*;

    #[test]
    fn everything_that_can_be_chosen_can_be_offered() {
        let provider = aws_lc_rs::default_provider();
        for (name, suite) in SUITES {
            assert!(provider.cipher_suites.iter().any(|offered| offered.suite() == *suite), "{name}");
        }
        for (name, group) in GROUPS {
            assert!(provider.kx_groups.iter().any(|offered| offered.name() == *group), "{name}");
        }
    }

    #[test]
    fn leaves_the_suites_of_tls_1_3_as_they_are() {
        let mut offer = Offer::default();
        let ignored =
            offer.choose_suites(&["TLS_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA"]).unwrap();
        assert_eq!(ignored, ["TLS_RSA_WITH_AES_128_CBC_SHA"]);
        let mut provider = aws_lc_rs::default_provider();
        offer.restrict(&mut provider);
        assert_eq!(provider.cipher_suites.len(), SUITES_OF_13.len());
        assert!(provider.cipher_suites.iter().all(|suite| suite.tls13().is_some()));
    }
}
