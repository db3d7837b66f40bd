//! Where somebody is led back to after signing in.
//!
//! Invariant: only to a host of `FORWARD_AUTH_HOSTS`, and there only to a path that everybody reads as the same. Whoever
//! makes somebody follow a link must not choose where the sign-in page sends them (CWE-601).

use std::str::FromStr;

use http::HeaderValue;

use super::authority::Authority;
use super::described::{Described, Scheme};
use super::path::NormalPath;
use super::percent;
use crate::auth::session::login::LoginRedirect;

/// The parameter that LibreChat's sign-in page reads: a path of its own host.
const PARAMETER: &str = "redirect_to";

/// The longest way back, encoded: what does not fit is left out, a `Location` that no browser takes would be worse.
const LONGEST: usize = 2048;

/// `FORWARD_AUTH_HOSTS`. A host without a port has the port of its scheme.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReturnHosts(Vec<Authority>);

impl ReturnHosts {
    fn hold(&self, authority: &Authority, usual_port: u16) -> bool {
        let port = |authority: &Authority| authority.port.unwrap_or(usual_port);
        self.0.iter().any(|own| own.host == authority.host && port(own) == port(authority))
    }
}

impl FromStr for ReturnHosts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let items = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|item| !item.is_empty());
        let parse = |item: &str| item.parse().map_err(|reason| format!("has {item:?}: {reason}"));
        let hosts = items.map(parse).collect::<Result<Vec<_>, _>>()?;
        if hosts.is_empty() { Err("is set but names no host".to_owned()) } else { Ok(Self(hosts)) }
    }
}

/// The sign-in page with the way back, or without where there is none to give.
pub fn location(login: &LoginRedirect, described: &Described, hosts: &ReturnHosts) -> HeaderValue {
    let with_way_back =
        way_back(login, described, hosts).and_then(|back| login.with_parameter(PARAMETER, &back));
    with_way_back.unwrap_or_else(|| login.plain().clone())
}

fn way_back(login: &LoginRedirect, described: &Described, hosts: &ReturnHosts) -> Option<String> {
    let (scheme, usual_port) = match described.scheme {
        Scheme::Http => ("http", 80),
        Scheme::Https => ("https", 443),
        Scheme::Other => return None,
    };
    let authority = &described.authority;
    if !hosts.hold(authority, usual_port) {
        return None;
    }
    NormalPath::parse(&described.path).ok()?;
    // LibreChat takes nothing but a path of its own host; a page that takes more gets the whole address.
    let is_here = login.is_at(scheme, &authority.host, authority.port.unwrap_or(usual_port));
    let path = &described.path;
    let start = if is_here { path } else { &format!("{scheme}://{authority}{path}") };
    let query = described.query.as_ref().map(|query| format!("{start}?{query}"));
    let encoded = query.iter().chain([start]).map(|back| percent::encode(back));
    encoded.into_iter().find(|back| back.len() <= LONGEST)
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    const LOGIN: &str = "https://chat.example.com/login";

    fn described(scheme: Scheme, authority: &str, path: &str, query: Option<&str>) -> Described {
        Described {
            method: Method::GET,
            scheme,
            authority: authority.parse().unwrap(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
        }
    }

    fn sent(login: &str, described: &Described) -> String {
        let hosts = "chat.example.com, Grafana.example.com:8443".parse().unwrap();
        location(&LoginRedirect::parse(login).unwrap(), described, &hosts).to_str().unwrap().to_owned()
    }

    #[test]
    fn the_way_back_is_a_path_at_the_login_and_an_address_elsewhere() {
        let here = |authority, query| described(Scheme::Https, authority, "/companion/a%20b", query);
        for (login, described, expected) in [
            (
                LOGIN,
                here("chat.example.com", None),
                "https://chat.example.com/login?redirect_to=%2Fcompanion%2Fa%2520b",
            ),
            (
                LOGIN,
                here("chat.example.com:443", None),
                "https://chat.example.com/login?redirect_to=%2Fcompanion%2Fa%2520b",
            ),
            (
                "https://chat.example.com/login?from=x#top",
                here("chat.example.com", Some("c=d&e")),
                "https://chat.example.com/login?from=x&redirect_to=%2Fcompanion%2Fa%2520b%3Fc%3Dd%26e#top",
            ),
            (
                LOGIN,
                here("grafana.example.com:8443", None),
                "https://chat.example.com/login?redirect_to=https%3A%2F%2Fgrafana.example.com%3A8443%2Fcompanion%2Fa%2520b",
            ),
        ] {
            assert_eq!(sent(login, &described), expected);
        }
        let long = "x".repeat(LONGEST);
        assert_eq!(
            sent(LOGIN, &described(Scheme::Https, "chat.example.com", "/companion", Some(&long))),
            "https://chat.example.com/login?redirect_to=%2Fcompanion",
            "a query that is too long is left out"
        );
    }

    #[test]
    fn no_request_chooses_another_host_or_a_path_with_two_readings() {
        let long = format!("/{}", "x".repeat(LONGEST));
        for described in [
            described(Scheme::Https, "evil.example", "/", None),
            described(Scheme::Https, "chat.example.com.evil.example", "/", None),
            described(Scheme::Https, "chat.example.com:8443", "/", None),
            described(Scheme::Http, "chat.example.com:443", "/", None),
            described(Scheme::Https, "grafana.example.com", "/", None),
            described(Scheme::Other, "chat.example.com", "/", None),
            described(Scheme::Https, "chat.example.com", "//evil.example", None),
            described(Scheme::Https, "chat.example.com", "/\\evil.example", None),
            described(Scheme::Https, "chat.example.com", "/%5cevil.example", None),
            described(Scheme::Https, "chat.example.com", "/%2fevil.example", None),
            described(Scheme::Https, "chat.example.com", "/%252fevil.example", None),
            described(Scheme::Https, "chat.example.com", &long, None),
        ] {
            assert_eq!(sent(LOGIN, &described), LOGIN, "{described:?}");
        }
    }

    #[test]
    fn hosts_are_names_with_or_without_a_port() {
        for text in ["", " , ", "https://chat.example.com", "*.example.com", "chat.example.com/x", "a b:c"] {
            assert!(text.parse::<ReturnHosts>().is_err(), "{text:?}");
        }
    }
}
