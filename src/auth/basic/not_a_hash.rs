//! Texts that somebody can only have meant as the hash of a password, and that are none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(super) const MALFORMED: &str = "looks like a hash, but is not a whole one: where a shell, Compose or a template reads it, its $ \
                         have to be kept from expansion (single quotes; $$ in Compose), or it goes into a file";
pub(super) const UNSUPPORTED: &str =
    "is hashed in a way that is not understood here; use bcrypt ($2y$) or argon2id";

/// Beginnings of hashes that are understood.
const OUR_HASHES: [&str; 4] = ["$2a$", "$2b$", "$2y$", "$argon2id$"];

/// Beginnings of other hashes, as `crypt(3)`, `htpasswd` and LDAP write them.
pub(super) const OTHER_HASHES: [(&str, &str); 21] = [
    ("$1$", "MD5-crypt"),
    ("$2$", "bcrypt before its first correction"),
    ("$2x$", "bcrypt as a faulty library made it"),
    ("$5$", "SHA-256-crypt"),
    ("$6$", "SHA-512-crypt"),
    ("$7$", "scrypt"),
    ("$y$", "yescrypt"),
    ("$gy$", "gost-yescrypt"),
    ("$apr1$", "APR1 (Apache's MD5)"),
    ("$argon2i$", "argon2i"),
    ("$argon2d$", "argon2d"),
    ("$scrypt$", "scrypt"),
    ("$pbkdf2", "PBKDF2"),
    ("{SHA}", "SHA-1"),
    ("{SSHA}", "salted SHA-1"),
    ("{S", "a hash of LDAP"),
    ("{MD5}", "MD5"),
    ("{CRYPT}", "a hash of LDAP"),
    ("{BCRYPT}", "a hash of LDAP"),
    ("{ARGON2", "a hash of LDAP"),
    ("{PBKDF2", "a hash of LDAP"),
];

/// Why a text that somebody can only have meant as a hash is none; `None` for every other.
///
/// Taken for a plain password, it would let in whoever sends it: the stored hash itself, or what is left of it.
pub(super) fn not_a_hash(text: &str) -> Option<&'static str> {
    let bare = text.trim_matches(|c: char| c.is_whitespace() || "\"'`\u{feff}".contains(c));
    if bare != text && (is_hash(bare) || not_a_hash(bare).is_some()) {
        return Some(
            "is a hash with blanks, quotation marks or a byte order mark around it: leave the hash alone",
        );
    }
    if text.split_once(':').is_some_and(|(user, rest)| !user.is_empty() && is_hash(rest.trim_start())) {
        return Some("is a whole line of an htpasswd file: leave out the user and the colon");
    }
    if text.starts_with("$$") && is_hash(&text.replace("$$", "$")) {
        return Some("is a hash whose $ are doubled, as a Compose file wants them: write each of them once");
    }
    if is_hash(text) {
        return None;
    }
    if is_mangled(text) {
        return Some(MALFORMED);
    }
    if holds_hash(text) {
        return Some(
            "has a hash in it, with other characters in it or around it: give the hash alone, as it was made",
        );
    }
    is_encoded(text).then_some("is a hash in Base64: give it as it was made; Kubernetes wants Base64 under data, and none under stringData")
}

/// Whether a text begins as a hash of some kind does.
pub(in crate::auth) fn is_hash(text: &str) -> bool {
    let others = OTHER_HASHES.iter().map(|(start, _)| start);
    OUR_HASHES.iter().chain(others).any(|start| text.starts_with(start))
}

/// Whether there is a hash somewhere in it, however its `$` are written.
fn holds_hash(text: &str) -> bool {
    let plain = text.replace('\\', "").replace("%24", "$").replace("$$", "$").to_ascii_lowercase();
    let is_bcrypt = |(at, _): (usize, &str)| {
        let cost = plain.as_bytes().get(at + 4..at + 7);
        cost.is_some_and(|cost| matches!(cost, [b'0'..=b'9', b'0'..=b'9', b'$']))
    };
    let variants = ["$2a$", "$2b$", "$2x$", "$2y$"];
    variants.iter().any(|variant| plain.match_indices(variant).any(is_bcrypt)) || plain.contains("$argon2")
}

/// Whether it is a hash, or a line of an htpasswd file, in Base64.
fn is_encoded(text: &str) -> bool {
    let decoded = STANDARD.decode(text.trim()).ok().and_then(|decoded| String::from_utf8(decoded).ok());
    decoded.is_some_and(|decoded| is_hash(&decoded) && decoded.len() >= 8 || holds_hash(&decoded))
}

/// Whether it is what the expansion of `$` leaves of a hash: in `"$2y$10$N9…"` a shell sees `$2`, `$1` and `$N9…`.
fn is_mangled(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_variant = |byte: Option<&u8>| byte.is_some_and(|byte| b"abxy".contains(byte));
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let headless = ["2a$", "2b$", "2y$", "argon2id$", "y$", "b$", "a$"].iter().any(|start| {
        // Without what stood before it, a short beginning has to be followed by a cost.
        text.strip_prefix(start).is_some_and(|rest| rest.get(2..3) == Some("$") || start.len() > 3)
    });
    let bcrypt = text.starts_with("$2")
        && (bytes.len() == 2 || digit(2) || is_variant(bytes.get(2)) && (bytes.len() == 3 || digit(3)));
    let shortest = is_variant(bytes.first()) && digit(1) && bytes.len() == 2;
    let shell = is_variant(bytes.first())
        && digit(1)
        && matches!(bytes.get(2), Some(b'.' | b'/' | b'$'))
        && bytes.len() >= 8
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"./$".contains(byte));
    let argon2 =
        (text.contains("m=") || text.contains("=19")) && text.contains(",t=") && text.contains(",p=");
    headless || bcrypt || shortest || shell || argon2
}
