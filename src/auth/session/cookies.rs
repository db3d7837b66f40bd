//! The cookies in which LibreChat keeps a login (RFC 6265 section 5.4), read without guessing.
//!
//! Invariant: a cookie that is sent twice, even with one value, is refused: whoever may set a cookie for a sibling host
//! or a deeper path could otherwise choose which one counts, and LibreChat and we could believe two different users.
//! Nothing is verified here.

use std::fmt;

use http::{HeaderMap, header};

use crate::auth::reason::Reason;

/// Longest value of one cookie: browsers keep no longer ones (RFC 6265 section 6.1).
const MAX_VALUE: usize = 4096;

const PROVIDER: &str = "token_provider";
const OPENID_USER: &str = "openid_user_id";

/// The name of LibreChat's session cookie, `refreshToken` unless a proxy renames it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieName(String);

impl CookieName {
    /// # Errors
    /// Why no cookie could have this name.
    pub fn parse(name: &str) -> Result<Self, String> {
        // RFC 6265 section 4.1.1: a token (RFC 9110 section 5.6.2).
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            return Err("is not a cookie name (RFC 6265 section 4.1.1)".into());
        }
        if [PROVIDER, OPENID_USER].contains(&name) {
            return Err("is the name of a cookie that LibreChat uses for something else".into());
        }
        Ok(Self(name.to_owned()))
    }
}

impl Default for CookieName {
    fn default() -> Self {
        Self("refreshToken".into())
    }
}

/// The login that a request shows; not yet verified.
#[derive(PartialEq, Eq)]
pub(super) enum Shown<'r> {
    Nothing,
    /// LibreChat's own refresh token.
    Librechat {
        token: &'r str,
    },
    /// The identity provider's refresh token, and LibreChat's token that binds it to a user (`OPENID_REUSE_TOKENS`).
    OpenId {
        refresh_token: String,
        user_token: &'r str,
    },
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Librechat { .. } => "Librechat [redacted]",
            Self::OpenId { .. } => "OpenId [redacted]",
        })
    }
}

/// # Errors
/// [`Reason::SessionInvalid`]: the cookies contradict each other, or are none that LibreChat sets.
pub(super) fn read<'r>(headers: &'r HeaderMap, name: &CookieName) -> Result<Shown<'r>, Reason> {
    let session = single(headers, &name.0)?;
    let user = single(headers, OPENID_USER)?;
    match single(headers, PROVIDER)? {
        None | Some("librechat") => Ok(session.map_or(Shown::Nothing, |token| Shown::Librechat { token })),
        Some("openid") => match (session, user) {
            (None, None) => Ok(Shown::Nothing),
            (Some(session), Some(user_token)) => {
                let refresh_token = decoded(session).ok_or(Reason::SessionInvalid)?;
                Ok(Shown::OpenId { refresh_token, user_token })
            }
            // Without the refresh token nothing tells a login from one that was signed out of.
            _ => Err(Reason::SessionInvalid),
        },
        Some(_) => Err(Reason::SessionInvalid),
    }
}

/// The value of the one cookie called `name` (case matters) in all `Cookie` lines; an empty one is none.
fn single<'r>(headers: &'r HeaderMap, name: &str) -> Result<Option<&'r str>, Reason> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (found, value) = pair.split_at(equals);
        let value = value.strip_prefix(b"=")?.trim_ascii();
        (found.trim_ascii() == name.as_bytes()).then_some(value)
    });
    match (values.next(), values.next()) {
        (None | Some([]), None) => Ok(None),
        (Some(value), None) if value.len() <= MAX_VALUE && value.is_ascii() => {
            std::str::from_utf8(value).map(Some).map_err(|_| Reason::SessionInvalid)
        }
        _ => Err(Reason::SessionInvalid),
    }
}

/// Undoes the `encodeURIComponent` with which LibreChat's server writes a cookie: an identity provider's token may hold
/// characters that a cookie cannot.
fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => nibble(rest.next()?)? << 4 | nibble(rest.next()?)?,
            plain => plain,
        });
    }
    String::from_utf8(bytes).ok()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(lines: &[&str]) -> Result<String, Reason> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, http::HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        read(&headers, &CookieName::default()).map(|shown| match shown {
            Shown::Nothing => String::new(),
            Shown::Librechat { token } => token.to_owned(),
            Shown::OpenId { refresh_token, user_token } => format!("{refresh_token} {user_token}"),
        })
    }

    #[test]
    fn finds_the_one_cookie_in_every_way_of_sending_it() {
        let cases: [(&[&str], &str); 12] = [
            (&[], ""),
            (&["refreshToken=a"], "a"),
            (&["x=1; refreshToken=a; y=2"], "a"),
            (&["x=1;refreshToken = a ;y"], "a"),
            (&["x=1", "refreshToken=a"], "a"),
            (&["token_provider=librechat; refreshToken=a=b"], "a=b"),
            (&["RefreshToken=a; refreshToken2=b; xrefreshToken=c"], ""),
            (&["refreshToken="], ""),
            (&["openid_user_id=u"], ""),
            (&["token_provider=openid"], ""),
            (&["token_provider=openid; refreshToken=a%2Fb%3D%c3%a4+c; openid_user_id=u"], "a/b=\u{e4}+c u"),
            (&["a=1; a=2; refreshToken=a"], "a"),
        ];
        for (lines, token) in cases {
            assert_eq!(shown(lines).as_deref(), Ok(token), "{lines:?}");
        }
    }

    #[test]
    fn refuses_cookies_of_which_it_would_have_to_choose_one() {
        let long = format!("refreshToken={}", "a".repeat(MAX_VALUE + 1));
        let cases: [&[&str]; 13] = [
            &["refreshToken=a; refreshToken=b"],
            &["refreshToken=a; refreshToken=a"],
            &["refreshToken=a; refreshToken="],
            &["refreshToken=a; refreshToken =b"],
            &["refreshToken=a", "refreshToken=b"],
            &["refreshToken=a; token_provider=librechat; token_provider=openid"],
            &["refreshToken=a; token_provider=LibreChat"],
            &["refreshToken=a; token_provider=openid"],
            &["openid_user_id=u; token_provider=openid"],
            &["refreshToken=a%2; openid_user_id=u; token_provider=openid"],
            &["refreshToken=a%+1; openid_user_id=u; token_provider=openid"],
            &["refreshToken=a%ff; openid_user_id=u; token_provider=openid"],
            &[&long],
        ];
        for lines in cases {
            assert_eq!(shown(lines), Err(Reason::SessionInvalid), "{lines:?}");
        }
        assert_eq!(shown(&["refreshToken=\u{e4}"]), Err(Reason::SessionInvalid));
    }

    #[test]
    fn knows_which_names_a_cookie_may_have() {
        for name in ["refreshToken", "__Host-session"] {
            assert!(CookieName::parse(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "a=b", "a;b", "\u{e4}", "token_provider", "openid_user_id"] {
            assert!(CookieName::parse(name).is_err(), "{name}");
        }
    }
}
