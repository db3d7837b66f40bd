//! Users and their passwords, and the memory of the pairs that were once found good.
//!
//! Invariants: every user is compared, whoever was named; who is not let in costs as much as the user whose hashes are the
//! costliest, so that the time tells neither which users there are nor which of the two was wrong. What is remembered is
//! one digest for each hash, under a key of its own, gone with the accounts.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::check_user;
use super::password::{Hash, Password, spend_bcrypt};
use crate::secret::{DigestKey, Fingerprint, Secret};

/// Hashes of one user that count at a time: a rotation needs two.
const MAX_HASHES: usize = 4;

/// Verifying takes about a second; each step more doubles it.
const USUAL_BCRYPT_COST: u32 = 14;

/// Faults of a file that are told of at once.
const MAX_FAULTS: usize = 20;

/// Users that are let in. A user may have several passwords, during a rotation.
#[derive(Debug)]
pub struct Accounts {
    accounts: Vec<Account>,
    key: DigestKey,
    dearest: Work,
}

#[derive(Debug)]
struct Account {
    user: Fingerprint,
    password: Password,
    /// The pair that was verified.
    good: OnceLock<Fingerprint>,
}

/// What verifying all hashes of a user takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Work {
    /// Rounds of bcrypt.
    bcrypt: u64,
    /// Blocks of memory, as often as they are passed over.
    argon2: u64,
}

impl Accounts {
    /// One user; `password` is the password itself, or a bcrypt or argon2id hash of it.
    ///
    /// # Errors
    /// Why the password cannot be used, as a phrase that follows its variable's name; it is not in it.
    pub fn one(user: &str, password: &Secret) -> Result<Self, String> {
        Self::new(vec![(user.to_owned(), Password::parse(password)?)])
    }

    /// The lines of an htpasswd file: a user, a colon, a hash. Blank lines and those that begin with `#` do not count.
    ///
    /// # Errors
    /// What is wrong with which lines, as a phrase that follows the variable's name; nothing of a hash is in it.
    pub fn htpasswd(text: &Secret) -> Result<Self, String> {
        let lines = (1..).zip(text.expose().lines());
        let lines = lines.map(|(number, line)| (number, line.trim_end()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let read = lines.map(|(number, line)| {
            let fault = |fault: String| format!("line {number} {fault}");
            let (user, hash) = line.split_once(':').ok_or_else(|| fault("is not user:hash".into()))?;
            Self::pair(user, hash).map_err(fault)
        });
        Self::all(read, "holds no user")
    }

    /// Users by name with their bcrypt hashes, as `basic_auth_users` of a web configuration file has them.
    ///
    /// # Errors
    /// What is wrong with which user; nothing of a hash is in it.
    pub fn bcrypt_users<'a>(users: impl IntoIterator<Item = (&'a str, &'a Secret)>) -> Result<Self, String> {
        let read = users.into_iter().map(|(user, hash)| {
            let fault = |fault: String| format!("{user:?} {fault}");
            match Self::pair(user, hash.expose()).map_err(fault)? {
                (user, Password::Hashed(Hash::Argon2id(_))) => {
                    Err(format!("{user:?} is hashed with argon2id; this file has bcrypt only"))
                }
                pair => Ok(pair),
            }
        });
        Self::all(read, "names no user")
    }

    fn pair(user: &str, hash: &str) -> Result<(String, Password), String> {
        if user.is_empty() {
            return Err("names no user".into());
        }
        check_user(user).map_err(|fault| format!("names a user that {fault}"))?;
        Ok((user.to_owned(), Password::Hashed(Hash::parse(&Secret::new(hash))?)))
    }

    /// Every fault at once.
    fn all(
        read: impl Iterator<Item = Result<(String, Password), String>>,
        none: &str,
    ) -> Result<Self, String> {
        let (mut users, mut faults) = (Vec::new(), Vec::new());
        for pair in read {
            match pair {
                Ok(pair) => users.push(pair),
                Err(fault) => faults.push(fault),
            }
        }
        let mut hashes: BTreeMap<&str, usize> = BTreeMap::new();
        users.iter().for_each(|(user, _)| *hashes.entry(user).or_default() += 1);
        let many = hashes.into_iter().filter(|(_, hashes)| *hashes > MAX_HASHES);
        faults.extend(
            many.map(|(user, hashes)| format!("gives {user:?} {hashes} hashes, more than {MAX_HASHES}")),
        );
        if !faults.is_empty() {
            faults.truncate(MAX_FAULTS);
            return Err(faults.join("; "));
        }
        if users.is_empty() {
            return Err(none.into());
        }
        Self::new(users)
    }

    fn new(users: Vec<(String, Password)>) -> Result<Self, String> {
        let key = DigestKey::new().map_err(|reason| format!("cannot be kept safely: {reason}"))?;
        let mut work: BTreeMap<&str, Work> = BTreeMap::new();
        for (user, password) in &users {
            work.entry(user).or_default().add(password);
        }
        let dearest = work.values().fold(Work::default(), |most, work| most.max(*work));
        let account = |(user, password): (String, _)| Account {
            user: Fingerprint::of(user.as_bytes()),
            password,
            good: OnceLock::new(),
        };
        Ok(Self { accounts: users.into_iter().map(account).collect(), key, dearest })
    }

    /// Whether a password is known only by its hash, so that a first request takes a while.
    pub fn is_hashed(&self) -> bool {
        self.accounts.iter().any(|account| matches!(account.password, Password::Hashed(_)))
    }

    /// Whether verifying some password takes so much memory that it is done alone.
    pub fn needs_much_memory(&self) -> bool {
        let mut passwords = self.accounts.iter().map(|account| &account.password);
        passwords.any(|password| matches!(password, Password::Hashed(hash) if hash.needs_much_memory()))
    }

    /// What deserves a warning about the hashes, as phrases that follow the variable's name.
    pub fn cautions(&self) -> Vec<String> {
        let mut cautions = Vec::new();
        if self.needs_much_memory() {
            cautions.push(
                "has an argon2id hash that takes more than 64 MiB to verify, which anybody can ask for: such hashes are \
                 verified one at a time; make one with m=65536 or less"
                    .to_owned(),
            );
        }
        let costs = self.accounts.iter().filter_map(|account| match account.password {
            Password::Hashed(Hash::Bcrypt { cost, .. }) => Some(cost),
            _ => None,
        });
        if let Some(cost) = costs.max().filter(|cost| *cost > USUAL_BCRYPT_COST) {
            cautions.push(format!(
                "has a bcrypt hash of cost {cost}, which takes seconds to verify: a scrape may time out meanwhile, and anybody \
                 can ask for it; 10 to 12 are usual (htpasswd -B -C 12)"
            ));
        }
        cautions
    }

    /// Whether a user is in both.
    pub fn shares_a_user(&self, other: &Self) -> bool {
        let is_in = |user: &Fingerprint| self.accounts.iter().any(|account| account.user == *user);
        other.accounts.iter().any(|account| is_in(&account.user))
    }

    /// Whether the pair is good, as far as that can be said without verifying a hash.
    fn is_good_at_once(&self, user: &str, password: &str) -> bool {
        let (digest, pair) = (self.digest(user, password), (Fingerprint::of(user.as_bytes()), password));
        let mut good = false;
        for account in &self.accounts {
            good |= match &account.password {
                Password::Plain(expected) => {
                    let password = expected.matches(&Fingerprint::of(pair.1.as_bytes()));
                    bool::from(account.user.matches(&pair.0) & password)
                }
                Password::Hashed(_) => account.good.get().is_some_and(|known| known.matches(&digest).into()),
            };
        }
        good
    }

    /// The hashes of a user.
    fn of<'a>(&'a self, user: &Fingerprint) -> impl Iterator<Item = (&'a Account, &'a Hash)> {
        let of_user = self.accounts.iter().filter(|account| account.user.matches(user).into());
        of_user.filter_map(|account| match &account.password {
            Password::Hashed(hash) => Some((account, hash)),
            Password::Plain(_) => None,
        })
    }

    fn digest(&self, user: &str, password: &str) -> Fingerprint {
        self.key.digest(&[user.as_bytes(), password.as_bytes()])
    }
}

impl Work {
    fn add(&mut self, password: &Password) {
        match password {
            Password::Plain(_) => {}
            Password::Hashed(hash @ Hash::Bcrypt { .. }) => self.bcrypt += hash.work(),
            Password::Hashed(hash @ Hash::Argon2id(_)) => self.argon2 += hash.work(),
        }
    }

    fn max(self, other: Self) -> Self {
        Self { bcrypt: self.bcrypt.max(other.bcrypt), argon2: self.argon2.max(other.argon2) }
    }
}

/// Whether a pair is good in any of them, without verifying a hash; `None` when one has to be verified.
pub(super) fn matches_at_once(all: &[impl AsRef<Accounts>], user: &str, password: &str) -> Option<bool> {
    let good =
        all.iter().fold(false, |good, accounts| good | accounts.as_ref().is_good_at_once(user, password));
    if good {
        return Some(true);
    }
    let is_plain = all.iter().all(|accounts| !accounts.as_ref().is_hashed());
    is_plain.then_some(false)
}

/// Verifies hashes, which is slow: not for an async task. A good pair is remembered.
pub(super) fn matches(all: &[impl AsRef<Accounts>], user: &str, password: &str) -> bool {
    if let Some(good) = matches_at_once(all, user, password) {
        return good;
    }
    let (fingerprint, mut done) = (Fingerprint::of(user.as_bytes()), Work::default());
    for accounts in all.iter().map(AsRef::as_ref) {
        for (account, hash) in accounts.of(&fingerprint) {
            done.add(&account.password);
            if hash.verify(password) {
                account.good.get_or_init(|| accounts.digest(user, password));
                return true;
            }
        }
    }
    let dearest = all.iter().fold(Work::default(), |most, accounts| most.max(accounts.as_ref().dearest));
    spend_bcrypt(dearest.bcrypt.saturating_sub(done.bcrypt));
    if done.argon2 < dearest.argon2 {
        let hashes = all.iter().flat_map(|accounts| &accounts.as_ref().accounts);
        let dear = hashes.filter_map(|account| match &account.password {
            Password::Hashed(hash @ Hash::Argon2id(_)) => Some(hash),
            _ => None,
        });
        let dear = dear.max_by_key(|hash| hash.work());
        // Whatever it says: it is another user's.
        std::hint::black_box(dear.is_some_and(|hash| hash.verify(password)));
    }
    false
}

#[cfg(test)]
mod tests;
