//! What a request shows of who sent it.

use std::net::IpAddr;

use http::{HeaderMap, header};

use super::reason::Reason;
use super::session::Roles;

/// The SHA-256 of a certificate.
pub type CertificateDigest = [u8; 32];

/// Who asks: the address it is believed to come from, and what it presents.
#[derive(Debug)]
pub struct Caller<'r> {
    /// The client's address, as far as it is known; for budgets per client, never for deciding on its own.
    pub address: Option<IpAddr>,
    pub credentials: Credentials<'r>,
    /// The roles that a login must have for what is asked; `None` is those of the settings.
    pub roles: Option<&'r Roles>,
    /// All header lines, for authorizers that read a cookie.
    pub headers: &'r HeaderMap,
    /// Of the certificate whose key the client proved in the TLS handshake.
    pub certificate: Option<&'r CertificateDigest>,
}

/// The `Authorization` field (RFC 9110 section 11.6.2), split but not yet judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials<'r> {
    /// No field, or an empty one.
    Missing,
    /// A scheme and what follows it, both as sent; `value` is empty when the scheme stands alone.
    Sent { scheme: &'r [u8], value: &'r [u8] },
}

impl<'r> Caller<'r> {
    /// # Errors
    /// [`Reason::RepeatedAuthorization`]: two lines let a proxy and us believe two different callers.
    pub fn new(address: Option<IpAddr>, headers: &'r HeaderMap) -> Result<Self, Reason> {
        let mut lines = headers.get_all(header::AUTHORIZATION).iter();
        let credentials =
            lines.next().map_or(Credentials::Missing, |line| Credentials::parse(line.as_bytes()));
        match lines.next() {
            Some(_) => Err(Reason::RepeatedAuthorization),
            None => Ok(Self { address, credentials, roles: None, headers, certificate: None }),
        }
    }

    /// The same, for something that other roles may have than those of the settings.
    pub fn with_roles(self, roles: Option<&'r Roles>) -> Self {
        Self { roles, ..self }
    }

    /// The same caller on a connection that was made with this certificate.
    pub fn with_certificate(self, certificate: Option<&'r CertificateDigest>) -> Self {
        Self { certificate, ..self }
    }
}

impl<'r> Credentials<'r> {
    fn parse(line: &'r [u8]) -> Self {
        let line = line.trim_ascii();
        if line.is_empty() {
            return Self::Missing;
        }
        // RFC 9110 section 11.4: 1*SP after the scheme. A tab ends the scheme too, but stays in the value, where it
        // cannot match anything.
        let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
        let (scheme, rest) = line.split_at(end);
        let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
        Self::Sent { scheme, value: rest.split_at(blanks).1 }
    }

    /// What was sent under `scheme` (compared without case), or `None` when it was another scheme or no value.
    pub fn of(&self, scheme: &str) -> Option<&'r [u8]> {
        match self {
            Self::Sent { scheme: sent, value }
                if sent.eq_ignore_ascii_case(scheme.as_bytes()) && !value.is_empty() =>
            {
                Some(value)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(line: &str) -> Option<&[u8]> {
        Credentials::parse(line.as_bytes()).of("Bearer")
    }

    #[test]
    fn splits_the_scheme_from_its_value() {
        let cases: [(&str, Option<&[u8]>); 9] = [
            ("Bearer abc", Some(b"abc")),
            ("bEARER   abc", Some(b"abc")),
            ("Bearer\tabc", Some(b"\tabc")),
            ("Bearer a b", Some(b"a b")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearer=abc", None),
            ("Bearer:abc", None),
            ("Basic abc", None),
        ];
        for (line, expected) in cases {
            assert_eq!(bearer(line), expected, "{line:?}");
        }
        assert_eq!(Credentials::parse(b"  "), Credentials::Missing);
    }

    #[test]
    fn refuses_a_second_authorization_line_even_when_it_is_the_same() {
        let mut headers = HeaderMap::new();
        assert_eq!(
            Caller::new(None, &headers).map(|caller| caller.credentials).ok(),
            Some(Credentials::Missing)
        );
        headers.append(header::AUTHORIZATION, "Bearer a".parse().unwrap());
        assert!(Caller::new(None, &headers).is_ok());
        headers.append(header::AUTHORIZATION, "Bearer a".parse().unwrap());
        assert_eq!(Caller::new(None, &headers).err(), Some(Reason::RepeatedAuthorization));
    }
}
