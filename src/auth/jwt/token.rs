//! A token as it was sent: split, decoded, and checked as far as that needs no key.
//!
//! Invariants: a `Token` has one spelling (canonical base64url, no padding), unique member names, an allowed algorithm,
//! a header without anything that would have to be understood, and a `kid` of bounded length. What a header offers as a
//! key or as a place of keys (`jku`, `jwk`, `x5u`, `x5c`) is never looked at; `x5t` names one and is only looked up.

use serde_json::{Map, Value};

use super::kind::media_type;
use super::refusal::Refusal;
use super::required::shown;
use crate::auth::excerpt::Excerpt;
use crate::auth::jose;
use crate::auth::jwa::{Algorithm, Algorithms};
use crate::auth::jwks::key_ref::{KeyRef, LONGEST_KID, Thumbprints};
use crate::auth::reason::Reason;

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// A JWS in compact serialization (RFC 7515 section 7.1), not verified yet. It cannot be printed: whoever reads it
/// could use it.
pub(super) struct Token {
    pub(super) algorithm: Algorithm,
    pub(super) key: KeyRef,
    /// `typ` of the header, as a media type in lower case.
    pub(super) typ: Option<String>,
    pub(super) claims: Map<String, Value>,
    /// Header and payload as they were sent: what the signature is over.
    pub(super) message: String,
    /// As it was sent: base64url.
    pub(super) signature: String,
}

impl Token {
    pub(super) fn read(sent: &[u8], allowed: &Algorithms) -> Result<Self, Refusal> {
        if sent.len() > LONGEST {
            let detail = format!("it has {} bytes, more than {LONGEST}", sent.len());
            return Err(Refusal::new(Reason::TokenTooLarge, detail));
        }
        let text = std::str::from_utf8(sent).map_err(|_| Reason::JwtMalformed)?;
        let (message, signature) = text.rsplit_once('.').ok_or(Reason::JwtMalformed)?;
        let (header, payload) = message.split_once('.').ok_or(Reason::JwtMalformed)?;
        // A dot more, as in the five parts of a JWE, is not base64url. The decoder refuses padding and spare bits.
        let decode = |part: &str| jose::base64url(part).filter(|octets| !octets.is_empty());
        let header = decode(header).and_then(|header| jose::object(&header)).ok_or(Reason::JwtMalformed)?;
        let payload = decode(payload).ok_or(Reason::JwtMalformed)?;
        decode(signature).ok_or(Reason::JwtMalformed)?;

        let algorithm = algorithm(&header, allowed)?;
        if ["crit", "b64"].iter().any(|name| header.contains_key(*name)) {
            return Err(Reason::CriticalHeader.into());
        }
        let typ = typ(&header)?;
        let key = key(&header)?;
        let claims = jose::object(&payload).ok_or(Reason::JwtMalformed)?;
        Ok(Self { algorithm, key, typ, claims, message: message.to_owned(), signature: signature.to_owned() })
    }
}

fn algorithm(header: &Map<String, Value>, allowed: &Algorithms) -> Result<Algorithm, Refusal> {
    let name = header.get("alg").and_then(Value::as_str).ok_or(Reason::JwtMalformed)?;
    let named = Algorithm::named(name).filter(|algorithm| allowed.allow(*algorithm));
    named.ok_or_else(|| Refusal::new(Reason::AlgorithmNotAllowed, not_allowed(name, allowed)))
}

pub(super) fn not_allowed(name: &str, allowed: &Algorithms) -> String {
    format!("its alg is \"{}\"; METRICS_OAUTH2_ALGORITHMS allows {allowed}", Excerpt(name))
}

/// Which kinds are taken is said by [`super::kind`]; a nested token (RFC 7519 section 5.2) is not unwrapped.
fn typ(header: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    match header.get("cty").and_then(Value::as_str).map(media_type) {
        Some(cty) if cty == "jwt" => {
            return Err(Refusal::new(Reason::TypeNotAllowed, "it is a token within a token".into()));
        }
        _ => {}
    }
    match header.get("typ") {
        None => Ok(None),
        Some(Value::String(typ)) => Ok(Some(media_type(typ))),
        Some(typ) => Err(Refusal::new(Reason::TypeNotAllowed, format!("its typ is {}", shown(typ)))),
    }
}

fn key(header: &Map<String, Value>) -> Result<KeyRef, Reason> {
    match header.get("kid") {
        Some(Value::String(kid)) if kid.len() <= LONGEST_KID && !kid.is_empty() => {
            Ok(KeyRef::Kid(kid.clone()))
        }
        None | Some(Value::Null) => Ok(by_certificate(header)),
        Some(Value::String(kid)) if kid.is_empty() => Ok(by_certificate(header)),
        Some(_) => Err(Reason::JwtMalformed),
    }
}

fn by_certificate(header: &Map<String, Value>) -> KeyRef {
    let thumbprints = Thumbprints::of_members(header);
    if thumbprints.is_empty() { KeyRef::Unnamed } else { KeyRef::Certificate(thumbprints) }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn encode(text: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    /// What is said of a token with this header, `{}` as claims and some signature.
    fn header(header: &str) -> Result<Option<String>, Reason> {
        let sent = format!("{}.{}.{}", encode(header), encode("{}"), encode("signature"));
        match Token::read(sent.as_bytes(), &Algorithms::default()) {
            Ok(Token { key: KeyRef::Kid(kid), .. }) => Ok(Some(kid)),
            Ok(_) => Ok(None),
            Err(refusal) => Err(refusal.reason),
        }
    }

    fn table(cases: &[(&str, Result<Option<&str>, Reason>)]) {
        for (text, expected) in cases {
            assert_eq!(header(text), expected.map(|kid| kid.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn rows_57_to_65_algorithms() {
        let refused = Err(Reason::AlgorithmNotAllowed);
        let malformed = Err(Reason::JwtMalformed);
        table(&[
            (r#"{"alg":"RS256"}"#, Ok(None)),
            (r#"{"alg":"ES256"}"#, Ok(None)),
            (r#"{"alg":"none"}"#, refused),
            (r#"{"alg":"nOnE"}"#, refused),
            (r#"{"alg":"HS256"}"#, refused),
            (r#"{"alg":"RS512"}"#, refused),
            (r#"{"alg":"rs256"}"#, refused),
            (r#"{"alg":"RS256 "}"#, refused),
            (r#"{"alg":""}"#, refused),
            (r"{}", malformed),
            (r#"{"alg":null}"#, malformed),
            (r#"{"alg":256}"#, malformed),
            (r#"{"alg":["RS256"]}"#, malformed),
        ]);
    }

    #[test]
    fn rows_82_to_86_key_names() {
        let malformed = Err(Reason::JwtMalformed);
        let longest = "k".repeat(LONGEST_KID);
        table(&[
            (r#"{"alg":"RS256","kid":"../../../../dev/null"}"#, Ok(Some("../../../../dev/null"))),
            (r#"{"alg":"RS256","kid":""}"#, Ok(None)),
            (r#"{"alg":"RS256","kid":null}"#, Ok(None)),
            (r#"{"alg":"RS256","kid":5}"#, malformed),
            (r#"{"alg":"RS256","kid":[]}"#, malformed),
            (r#"{"alg":"RS256","kid":{}}"#, malformed),
            (&format!(r#"{{"alg":"RS256","kid":"{longest}"}}"#), Ok(Some(&longest))),
            (&format!(r#"{{"alg":"RS256","kid":"{longest}x"}}"#), malformed),
            (&format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "k".repeat(8192)), malformed),
        ]);
    }

    #[test]
    fn rows_88_89_90_offered_keys_are_not_looked_at() {
        table(&[
            (r#"{"alg":"RS256","jku":"https://evil.example/","x5t":"AA","foo":{"n":[1,2.5]}}"#, Ok(None)),
            (r#"{"alg":"RS256","jwk":{"kty":"oct","k":"AA"},"x5c":["AA"],"x5u":5}"#, Ok(None)),
        ]);
    }

    #[test]
    fn rows_92_93_94_nothing_critical_is_understood() {
        let critical = Err(Reason::CriticalHeader);
        table(&[
            (r#"{"alg":"RS256","crit":["foo"],"foo":"1"}"#, critical),
            (r#"{"alg":"RS256","crit":[]}"#, critical),
            (r#"{"alg":"RS256","crit":["exp"]}"#, critical),
            (r#"{"alg":"RS256","crit":["absent"]}"#, critical),
            (r#"{"alg":"RS256","crit":"foo"}"#, critical),
            (r#"{"alg":"RS256","crit":null}"#, critical),
            (r#"{"alg":"RS256","crit":["foo","foo"],"foo":1}"#, critical),
            (r#"{"alg":"RS256","crit":["b64"],"b64":false}"#, critical),
            (r#"{"alg":"RS256","b64":false}"#, critical),
        ]);
    }

    #[test]
    fn rows_96_97_100_kinds_of_token() {
        let header_of = |member: &str| header(&format!(r#"{{"alg":"RS256",{member}}}"#));
        for typ in ["null", "5", r#"["JWT"]"#] {
            assert_eq!(header_of(&format!(r#""typ":{typ}"#)), Err(Reason::TypeNotAllowed), "{typ}");
        }
        assert_eq!(header_of(r#""cty":"JWT""#), Err(Reason::TypeNotAllowed));
        assert_eq!(header_of(r#""cty":"application/jwt""#), Err(Reason::TypeNotAllowed));
        assert_eq!(header_of(r#""cty":"json""#), Ok(None));
    }

    #[test]
    fn rows_101_to_108_only_three_canonical_parts_are_a_token() {
        let (head, body, tail) = (encode(r#"{"alg":"RS256"}"#), encode("{}"), encode("signature"));
        let read = |sent: &str| {
            Token::read(sent.as_bytes(), &Algorithms::default()).map(|_| ()).map_err(|refusal| refusal.reason)
        };
        assert_eq!(read(&format!("{head}.{body}.{tail}")), Ok(()));
        // "signature" has nine octets and ends on a boundary; "sig1" has four and leaves four spare bits in "MQ".
        assert_eq!(read(&format!("{head}.{body}.{}", encode("sig1"))), Ok(()));
        let cases = [
            String::new(),
            head.clone(),
            "opaque-token".into(),
            "..".into(),
            ".".into(),
            format!("{head}.{body}"),
            format!("{head}.{body}."),
            format!("{head}..{tail}"),
            format!(".{body}.{tail}"),
            format!(".{head}.{body}.{tail}"),
            format!("{head}.{body}.{tail}."),
            format!("{head}.{body}.{tail}.{tail}"),
            format!("{head}.{body}.{tail}.{tail}.{tail}"),
            format!("{head}.{body}.{tail}.{tail}.{tail}.{tail}"),
            format!("{head}.{body}=.{tail}"),
            format!("{head}.{body}.{tail}="),
            format!("{head}.{body}.{tail}=="),
            format!("{head}=.{body}.{tail}"),
            format!("{head}.{body}.ab+/"),
            format!("{head}.{body}.ab cd"),
            format!("{head}.{body}.ab%0a"),
            format!("{head}.{body}.ab\ncd"),
            format!("{head}.{body}. {tail}"),
            format!("{head}.{body}.c2lnMR"),
            format!("{head}.{body}.a"),
        ];
        for sent in cases {
            assert_eq!(read(&sent), Err(Reason::JwtMalformed), "{sent:.120}");
        }
        let large = format!("{head}.{body}.{}", "A".repeat(LONGEST));
        assert_eq!(read(&large), Err(Reason::TokenTooLarge));
        assert!(Token::read(b"\xff.\xff.\xff", &Algorithms::default()).is_err());
    }

    #[test]
    fn rows_109_110_113_149_equal_names_and_other_payloads() {
        let malformed = Err(Reason::JwtMalformed);
        table(&[
            (r#"{"alg":"none","alg":"RS256"}"#, malformed),
            (r#"{"alg":"RS256","alg":"none"}"#, malformed),
            (r#"{"alg":"RS256","kid":"a","kid":"a"}"#, malformed),
        ]);
        let payloads: [&[u8]; 8] = [
            b"[]",
            b"\"x\"",
            b"5",
            b"\xff",
            b"\xef\xbb\xbf{}",
            b"{} x",
            br#"{"scope":"a","scope":"b"}"#,
            br#"{"exp":1,"exp":9}"#,
        ];
        for payload in payloads {
            let sent = format!("{}.{}.{}", encode(r#"{"alg":"RS256"}"#), encode(payload), encode("s"));
            let refused = Token::read(sent.as_bytes(), &Algorithms::default()).err();
            assert_eq!(refused, Some(Reason::JwtMalformed.into()), "{}", String::from_utf8_lossy(payload));
        }
    }
}
