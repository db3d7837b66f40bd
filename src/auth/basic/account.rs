//! The one account: its user, its password, and the memory of the pair that was once found good.
//!
//! Invariants: the user and the password are always both compared, so that neither tells of the other; a hash is
//! verified for an unknown user too. What is remembered is one digest under a key of its own, gone with the account.

use std::sync::OnceLock;

use super::password::{Hash, Password};
use crate::secret::{DigestKey, Fingerprint, Secret};

/// The user and the password that are let in.
#[derive(Debug)]
pub struct Account {
    user: Fingerprint,
    password: Password,
    good: GoodPair,
}

impl Account {
    /// `password` is the password itself, or a bcrypt or argon2id hash of it.
    ///
    /// # Errors
    /// Why the password cannot be used, as a phrase that follows its variable's name; it is not in it.
    pub fn parse(user: &str, password: &Secret) -> Result<Self, String> {
        Ok(Self {
            user: Fingerprint::of(user.as_bytes()),
            password: Password::parse(password)?,
            good: GoodPair::new()?,
        })
    }

    /// Whether the password is known only by its hash, so that a first request takes a while.
    pub fn is_hashed(&self) -> bool {
        matches!(self.password, Password::Hashed(_))
    }

    /// Whether verifying the password takes so much memory that it is done alone.
    pub fn needs_much_memory(&self) -> bool {
        matches!(&self.password, Password::Hashed(hash) if hash.needs_much_memory())
    }

    /// What can be said at once; `None` when a hash has to be verified.
    pub(super) fn matches_at_once(&self, user: &str, password: &str) -> Option<bool> {
        match &self.password {
            Password::Plain(expected) => {
                let user = self.user.matches(&Fingerprint::of(user.as_bytes()));
                let password = expected.matches(&Fingerprint::of(password.as_bytes()));
                Some((user & password).into())
            }
            Password::Hashed(_) => self.good.is(user, password).then_some(true),
        }
    }

    /// Verifies the hash if there is one, which is slow: not for an async task. A good pair is remembered.
    pub(super) fn matches(&self, user: &str, password: &str) -> bool {
        match (self.matches_at_once(user, password), &self.password) {
            (Some(good), _) => good,
            (None, Password::Hashed(hash)) => self.matches_hash(hash, user, password),
            (None, Password::Plain(_)) => false,
        }
    }

    fn matches_hash(&self, hash: &Hash, user: &str, password: &str) -> bool {
        let known: bool = self.user.matches(&Fingerprint::of(user.as_bytes())).into();
        let verified = hash.verify(password);
        if known & verified {
            self.good.remember(user, password);
        }
        known & verified
    }
}

/// The pair that was verified: at most one, since one account has one user and one password.
#[derive(Debug)]
struct GoodPair {
    key: DigestKey,
    pair: OnceLock<Fingerprint>,
}

impl GoodPair {
    fn new() -> Result<Self, String> {
        let key = DigestKey::new().map_err(|reason| format!("cannot be kept safely: {reason}"))?;
        Ok(Self { key, pair: OnceLock::new() })
    }

    fn is(&self, user: &str, password: &str) -> bool {
        self.pair.get().is_some_and(|good| good.matches(&self.digest(user, password)).into())
    }

    fn remember(&self, user: &str, password: &str) {
        self.pair.get_or_init(|| self.digest(user, password));
    }

    fn digest(&self, user: &str, password: &str) -> Fingerprint {
        self.key.digest(&[user.as_bytes(), password.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_a_good_pair_only_and_no_other_split_of_it() {
        let hash = bcrypt::hash("bc", 4).unwrap();
        let account = Account::parse("a", &Secret::new(hash.clone())).unwrap();
        assert!(account.is_hashed());
        for (user, password) in [("a", "wrong"), ("b", "bc"), ("ab", "c"), ("", "abc")] {
            assert!(!account.matches(user, password), "{user}:{password}");
        }
        assert_eq!(account.matches_at_once("a", "bc"), None);
        assert!(account.matches("a", "bc"));
        assert_eq!(account.matches_at_once("a", "bc"), Some(true));
        for (user, password) in [("a", "wrong"), ("b", "bc"), ("ab", "c"), ("", "abc"), ("abc", "")] {
            assert_eq!(account.matches_at_once(user, password), None, "{user}:{password}");
            assert!(!account.matches(user, password), "{user}:{password}");
        }
        let reloaded = Account::parse("a", &Secret::new(hash)).unwrap();
        assert_eq!(reloaded.matches_at_once("a", "bc"), None);
    }

    #[test]
    fn a_plain_password_is_judged_at_once() {
        let account = Account::parse("a", &Secret::new("bc")).unwrap();
        assert!(!account.is_hashed());
        for (user, password, good) in
            [("a", "bc", true), ("a", "b", false), ("b", "bc", false), ("", "", false)]
        {
            assert_eq!(account.matches_at_once(user, password), Some(good), "{user}:{password}");
            assert_eq!(account.matches(user, password), good, "{user}:{password}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        let account = Account::parse("alice", &Secret::new(bcrypt::hash("canary", 4).unwrap())).unwrap();
        assert!(account.matches("alice", "canary"));
        let text = format!("{account:?}");
        assert!(!text.contains("$2b$") && !text.contains("canary") && !text.contains("alice"), "{text}");
    }
}
