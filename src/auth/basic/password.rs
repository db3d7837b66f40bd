//! The configured password: plain, or a bcrypt or argon2id hash of it.
//!
//! Invariants: what looks like a hash is never taken for a plain password, since whoever saw the hash could then send
//! it; a hash is taken only when verifying it costs bounded time and memory. Who waits for a hash, and what is
//! remembered of it, is decided elsewhere.

use std::fmt;
use std::sync::Once;

use argon2::{Argon2, Params, PasswordHash, PasswordVerifier};
use bcrypt::HashParts;
use tracing::warn;

use super::not_a_hash::{MALFORMED, OTHER_HASHES, UNSUPPORTED, not_a_hash};
use crate::secret::{Fingerprint, Secret};

/// Costs of bcrypt that are taken: 18 is half a minute, each step more doubles it.
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=18;
/// bcrypt reads no further: of a longer password only these bytes would count.
const BCRYPT_LENGTH: usize = 72;
const ARGON2_MEMORY_KIB: u32 = 256 * 1024;
/// The second choice of RFC 9106 section 4. Beyond it hashes are verified one at a time, and somebody is told: without
/// credentials anybody can make us take this memory.
const ARGON2_MUCH_MEMORY_KIB: u32 = 64 * 1024;
const ARGON2_PASSES: u32 = 16;
const ARGON2_LANES: u32 = 16;

/// Says once that a longer password was sent than bcrypt reads.
fn remark_length(password: &str) {
    static ONCE: Once = Once::new();
    if password.len() > BCRYPT_LENGTH {
        ONCE.call_once(|| {
            warn!(
                "a password of more than {BCRYPT_LENGTH} bytes was sent for a user of Basic whose password is known by its bcrypt \
                 hash: bcrypt reads no further, so longer passwords are refused; use a shorter one, or argon2id"
            );
        });
    }
}

/// A password, as far as it is known.
pub(super) enum Password {
    Plain(Fingerprint),
    Hashed(Hash),
}

impl Password {
    /// # Errors
    /// Why the text can be no password here, as a phrase that follows the variable's name; the text is not in it.
    pub(super) fn parse(text: &Secret) -> Result<Self, String> {
        let exposed = text.expose();
        if let Some(reason) = not_a_hash(exposed) {
            return Err(reason.into());
        }
        if ["$2a$", "$2b$", "$2y$"].iter().any(|start| exposed.starts_with(start)) {
            return Hash::parse(text).map(Self::Hashed);
        }
        if exposed.starts_with("$argon2id$") {
            return Hash::parse(text).map(Self::Hashed);
        }
        if OTHER_HASHES.iter().any(|(start, _)| exposed.starts_with(start)) {
            return Err(UNSUPPORTED.into());
        }
        if exposed.is_empty() {
            return Err("is empty".into());
        }
        if exposed.chars().any(char::is_control) {
            return Err("must not hold control characters (RFC 7617 section 2)".into());
        }
        Ok(Self::Plain(Fingerprint::of(exposed.as_bytes())))
    }
}

/// A hash that was checked when it was parsed.
pub(super) enum Hash {
    Bcrypt { text: Secret, cost: u32 },
    Argon2id(Box<PasswordHash>),
}

impl Hash {
    /// Takes nothing but a hash.
    ///
    /// # Errors
    /// Which kind of hash or text it is instead, as a phrase; the text is not in it.
    pub(super) fn parse(text: &Secret) -> Result<Self, String> {
        let exposed = text.expose();
        if ["$2a$", "$2b$", "$2y$"].iter().any(|start| exposed.starts_with(start)) {
            return bcrypt(exposed).map(|cost| Self::Bcrypt { text: text.clone(), cost });
        }
        if exposed.starts_with("$argon2id$") {
            return argon2id(exposed).map(|hash| Self::Argon2id(Box::new(hash)));
        }
        if exposed.trim().is_empty() {
            return Err("has no hash".into());
        }
        let kind = OTHER_HASHES.iter().find(|(start, _)| exposed.starts_with(start)).map(|(_, kind)| *kind);
        Err(match kind {
            Some(kind) => format!("is hashed with {kind}; use bcrypt (htpasswd -B) or argon2id"),
            None if is_like_crypt(exposed) => {
                "is hashed with crypt (DES), or is plain text; use bcrypt (htpasswd -B) or argon2id".into()
            }
            None => "has a password in plain text; use bcrypt (htpasswd -B) or argon2id".into(),
        })
    }

    /// How much verifying it takes, next to others of its kind.
    pub(super) fn work(&self) -> u64 {
        match self {
            Self::Bcrypt { cost, .. } => 1 << cost,
            Self::Argon2id(hash) => Params::try_from(&**hash)
                .map_or(0, |params| u64::from(params.m_cost()) * u64::from(params.t_cost())),
        }
    }

    /// Whether verifying it takes more memory than should be taken twice at a time.
    pub(super) fn needs_much_memory(&self) -> bool {
        match self {
            Self::Bcrypt { .. } => false,
            Self::Argon2id(hash) => {
                Params::try_from(hash.as_ref()).is_ok_and(|params| params.m_cost() > ARGON2_MUCH_MEMORY_KIB)
            }
        }
    }

    /// Whether `candidate` is the password: slow, and equally slow for any candidate. Not for an async task.
    pub(super) fn verify(&self, candidate: &str) -> bool {
        let verified = match self {
            // bcrypt repeats the password and a NUL: with NULs of its own, another password could give the same bytes.
            Self::Bcrypt { text, .. } => {
                remark_length(candidate);
                bcrypt::verify(candidate, text.expose()).unwrap_or(false) && candidate.len() <= BCRYPT_LENGTH
            }
            Self::Argon2id(hash) => {
                Argon2::default().verify_password(candidate.as_bytes(), hash.as_ref()).is_ok()
            }
        };
        verified && !candidate.is_empty() && !candidate.chars().any(char::is_control)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Takes as long as verifying hashes of so many rounds in all does.
pub(super) fn spend_bcrypt(rounds: u64) {
    for cost in BCRYPT_COSTS.chain(BCRYPT_COSTS.end() + 1..=BCRYPT_COSTS.end() + 2) {
        if rounds & 1 << cost != 0 {
            std::hint::black_box(bcrypt::bcrypt(cost, [0; 16], b"nobody's"));
        }
    }
}

/// 13 characters of the alphabet of `crypt(3)`.
fn is_like_crypt(text: &str) -> bool {
    text.len() == 13 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/'))
}

fn bcrypt(text: &str) -> Result<u32, String> {
    let parts: HashParts = text.parse().map_err(|_| MALFORMED)?;
    // The library would also read "+4".
    if !text.get(4..6).is_some_and(|cost| cost.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(MALFORMED.into());
    }
    if !BCRYPT_COSTS.contains(&parts.get_cost()) {
        let (low, high) = (BCRYPT_COSTS.start(), BCRYPT_COSTS.end());
        return Err(format!("has the bcrypt cost {}; it must be {low} to {high}", parts.get_cost()));
    }
    Ok(parts.get_cost())
}

fn argon2id(text: &str) -> Result<PasswordHash, String> {
    let hash = PasswordHash::new(text).map_err(|_| MALFORMED)?;
    let params = Params::try_from(&hash).map_err(|_| MALFORMED)?;
    let complete = hash.salt.is_some()
        && hash.hash.as_ref().is_some_and(|output| output.len() >= 16)
        && ["m", "t", "p"].iter().all(|name| hash.params.get(*name).is_some());
    // Version 1.0 is weaker, and is what a hash without a version means.
    if !complete || hash.version != Some(u32::from(argon2::Version::V0x13)) {
        return Err(MALFORMED.into());
    }
    let limits = [
        ("m", params.m_cost(), ARGON2_MEMORY_KIB),
        ("t", params.t_cost(), ARGON2_PASSES),
        ("p", params.p_cost(), ARGON2_LANES),
    ];
    match limits.iter().find(|(_, value, most)| value > most) {
        Some((name, value, most)) => {
            Err(format!("has the argon2id parameter {name}={value}; it must be at most {most}"))
        }
        None => Ok(hash),
    }
}

#[cfg(test)]
mod tests {
    use argon2::CustomizedPasswordHasher;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn bcrypt_of(password: &str) -> String {
        bcrypt::hash(password, 4).unwrap()
    }

    fn argon2id_of(password: &str) -> String {
        let params = Params::new(8, 1, 1, None).unwrap();
        let salt = b"0123456789abcdef";
        Argon2::default().hash_password_with_params(password.as_bytes(), salt, params).unwrap().to_string()
    }

    fn hash(text: &str) -> Hash {
        match Password::parse(&Secret::new(text)) {
            Ok(Password::Hashed(hash)) => hash,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn verifies_the_password_that_was_hashed_and_nothing_near_it() {
        let password = "p:w\u{ff}";
        let bcrypt_b = bcrypt_of(password);
        let texts = [
            bcrypt_b.replacen("$2b$", "$2a$", 1),
            bcrypt_b.replacen("$2b$", "$2y$", 1),
            bcrypt_b,
            argon2id_of(password),
        ];
        for text in texts {
            let hash = hash(&text);
            assert!(hash.verify(password), "{text}");
            let repeated = format!("{password}\0{password}");
            for candidate in ["", "p:w", "P:w\u{ff}", "p:w\u{ff}\0", "p:w\u{ff} ", &repeated, &text] {
                assert!(!hash.verify(candidate), "{text} {candidate:?}");
            }
        }
    }

    #[test]
    fn verifies_hashes_of_other_makers() {
        let cases = [
            // crypt_blowfish's test vector, and the reference implementation's of Argon2.
            ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
            (
                "password",
                "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            ),
        ];
        for (password, text) in cases {
            assert!(hash(text).verify(password), "{text}");
        }
    }

    #[test]
    fn an_empty_password_never_fits_even_when_it_was_hashed() {
        assert!(!hash(&bcrypt_of("")).verify(""));
        assert!(!hash(&argon2id_of("")).verify(""));
    }

    #[test]
    fn bcrypt_takes_no_password_of_which_it_would_read_only_a_part() {
        let full = "a".repeat(BCRYPT_LENGTH);
        let hash = hash(&bcrypt_of(&full));
        assert!(hash.verify(&full));
        assert!(!hash.verify(&format!("{full}b")));
        assert!(!hash.verify(&full[1..]));
    }

    #[test]
    fn refuses_hashes_that_are_broken_unknown_or_too_dear_without_showing_them() {
        let bcrypt = bcrypt_of("canary");
        let argon2id = argon2id_of("canary");
        let (_, digest) = argon2id.split_once("p=1$").unwrap();
        let texts = [
            bcrypt.replacen("$04$", "$03$", 1),
            bcrypt.replacen("$04$", "$19$", 1),
            bcrypt.replacen("$04$", "$31$", 1),
            bcrypt.replacen("$04$", "$+4$", 1),
            bcrypt.replacen("$04$", "$4$", 1),
            bcrypt.replacen("$2b$", "$2x$", 1),
            bcrypt[..59].to_owned(),
            format!("{bcrypt}\n"),
            "$2y$hunter2-hunter2".into(),
            format!("$argon2id$v=19$m=4294967295,t=1,p=1${digest}"),
            format!("$argon2id$v=19$m=262145,t=1,p=1${digest}"),
            format!("$argon2id$v=19$m=8,t=17,p=1${digest}"),
            format!("$argon2id$v=19$m=1024,t=1,p=17${digest}"),
            format!("$argon2id$v=19$m=8,t=1,p=16777215${digest}"),
            format!("$argon2id$v=19$m=8,t=0,p=1${digest}"),
            format!("$argon2id$v=19$m=8,t=1${digest}"),
            format!("$argon2id$v=16$m=8,t=1,p=1${digest}"),
            format!("$argon2id$m=8,t=1,p=1${digest}"),
            format!("$argon2id$v=19${digest}"),
            argon2id[..argon2id.len() - 25].to_owned(),
            argon2id.rsplit_once('$').unwrap().0.to_owned(),
            argon2id.replacen("argon2id", "argon2i", 1),
            "$argon2id$".into(),
            "$6$salt$hunter2hunter2".into(),
            "$apr1$salt$hunter2hunter2".into(),
            "{SHA}hunter2hunter2".into(),
            "{SSHA}hunter2hunter2".into(),
            String::new(),
            "p\u{1}w-hunter2".into(),
        ];
        for text in texts {
            let error = Password::parse(&Secret::new(text.as_str())).unwrap_err();
            assert!(text.is_empty() || !error.contains(&text) && !error.contains("hunter2"), "{error}");
        }
    }

    /// Row A6 and its kind: none of these is a password, though each could be sent as one.
    #[test]
    fn a6_refuses_what_was_meant_as_a_hash_with_the_mend() {
        let hash = "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
        let argon2id = argon2id_of("canary");
        let rows = [
            (format!("prometheus:{hash}"), "htpasswd"),
            (format!("prometheus:{argon2id}"), "htpasswd"),
            ("prometheus:$apr1$salt$hunter2hunter2".into(), "htpasswd"),
            ("prometheus:{SHA}hunter2hunter2".into(), "htpasswd"),
            (hash.replace('$', "$$"), "doubled"),
            (argon2id.replace('$', "$$"), "doubled"),
            (format!("\"{hash}\""), "quotation marks"),
            (format!("'{hash}'"), "quotation marks"),
            (format!(" {hash}"), "blanks"),
            (format!("{hash} "), "blanks"),
            (format!("\u{feff}{hash}"), "byte order mark"),
            (format!("'prometheus:{hash}'"), "quotation marks"),
            ("$2y$10".into(), "whole"),
            ("$2y$10.IjZAgcfl7p92".into(), "whole"),
            ("$2y10$N9qo8uLOickgx2".into(), "whole"),
            ("$210.IjZAgcfl7p92".into(), "whole"),
            ("2y$10$N9qo8uLOickgx2ZMRZoMye".into(), "whole"),
            ("y$10$N9qo8uLOickgx2ZMRZoMye".into(), "whole"),
            ("y0.IjZAgcfl7p92ldGxad68".into(), "whole"),
            (argon2id[..argon2id.len() - 25].to_owned(), "whole"),
            (argon2id.trim_start_matches('$').into(), "whole"),
            ("=19=65536,t=3,p=4".into(), "whole"),
            ("{CRYPT}$2y$10$hunter2hunter2".into(), "hashed in a way"),
            ("$2".into(), "whole"),
            ("$2y".into(), "whole"),
            ("y0".into(), "whole"),
            (hash.to_uppercase(), "alone"),
            (hash.replacen("$2y", "$2Y", 1), "alone"),
            (hash.replace('$', "\\$"), "alone"),
            (hash.replace('$', "%24"), "alone"),
            (format!("prometheus::{hash}"), "alone"),
            (format!("password={hash}"), "alone"),
            (format!("{{\"password\":\"{hash}\"}}"), "alone"),
            (format!("{{bcrypt}}{hash}"), "alone"),
            (format!("argon2:{argon2id}"), "htpasswd"),
            (format!("password = {argon2id}"), "whole"),
            ("$argon2id=19=65536,t=3,p=4".into(), "whole"),
            (STANDARD.encode(hash), "Base64"),
            (STANDARD.encode(&argon2id), "Base64"),
            (STANDARD.encode(format!("prometheus:{hash}\n")), "Base64"),
        ];
        for (text, words) in rows {
            let error = Password::parse(&Secret::new(text.as_str())).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
            assert!(!error.contains("hunter2") && !error.contains("N9qo"), "{error}");
        }
    }

    #[test]
    fn takes_other_texts_as_they_are() {
        let texts = [
            "p:w",
            "$ecret",
            "$2 bill",
            "{x}",
            "changeme",
            "a:b$c",
            "y0ung-and-free",
            "2b or not",
            "it's $$$",
            "$2Million-and-more",
            "y0!",
            "cGxhaW4tcGFzc3dvcmQtaW4tYmFzZTY0",
        ];
        for text in texts {
            assert!(matches!(Password::parse(&Secret::new(text)), Ok(Password::Plain(_))), "{text}");
        }
    }
}
