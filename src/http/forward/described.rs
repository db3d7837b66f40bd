//! The request that a proxy describes in header fields.
//!
//! Invariants:
//! - A description is complete and of one kind: fields of a kind that the proxy does not write come from the client, which
//!   would then choose what is decided. Where both are there, nothing is believed.
//! - Each field stands there once.

use http::{HeaderMap, HeaderName, Method};

use super::authority::Authority;

/// Caddy's `forward_auth`, Traefik's `ForwardAuth`.
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// By custom of nginx's `auth_request`, in whose configuration they are written.
const ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");
const ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");

/// Beyond that no server takes a target either.
const LONGEST_TARGET: usize = 16 * 1024;

/// The field that an answer depends on, in the order of `Vary`.
pub const VARIES: &str = "Authorization, Cookie, Accept, X-Forwarded-For, Forwarded, X-Forwarded-Method, X-Forwarded-Proto, \
     X-Forwarded-Host, X-Forwarded-Uri, X-Original-Method, X-Original-URL, X-Original-URI";

/// Why nothing can be decided of a request, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unclear(pub &'static str);

/// What somebody asks the proxy for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    pub method: Method,
    pub scheme: Scheme,
    pub authority: Authority,
    /// As it was sent: begins with a slash and holds neither blanks nor a fragment.
    pub path: String,
    pub query: Option<String>,
}

/// How the proxy was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
    /// Not said, or WebSocket's: nothing that a browser could be sent back to.
    Other,
}

impl Described {
    /// # Errors
    /// Which field is missing, there twice, or not to be understood.
    pub fn read(headers: &HeaderMap) -> Result<Self, Unclear> {
        let forwarded = one(headers, &FORWARDED_URI)?;
        let url = one(headers, &ORIGINAL_URL)?;
        let uri = one(headers, &ORIGINAL_URI)?;
        let (method, scheme, host, target) = match (forwarded, url, uri) {
            (Some(target), None, None) => (
                required(headers, &FORWARDED_METHOD)?,
                scheme(headers)?,
                required(headers, &FORWARDED_HOST)?,
                target,
            ),
            (None, Some(url), None) => {
                let (scheme, host, target) = split(url)?;
                (required(headers, &ORIGINAL_METHOD)?, scheme, host, target)
            }
            (None, None, Some(target)) => (
                required(headers, &ORIGINAL_METHOD)?,
                scheme(headers)?,
                required(headers, &FORWARDED_HOST)?,
                target,
            ),
            (None, None, None) => {
                return Err(Unclear(
                    "none of X-Forwarded-Uri, X-Original-URL and X-Original-URI says what is asked for",
                ));
            }
            _ => {
                return Err(Unclear(
                    "more than one of X-Forwarded-Uri, X-Original-URL and X-Original-URI is there",
                ));
            }
        };
        let authority = host.parse().map_err(Unclear)?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| Unclear("the method is none"))?;
        check_target(target)?;
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        Ok(Self { method, scheme, authority, path: path.to_owned(), query: query.map(str::to_owned) })
    }
}

/// An absolute URL, as `$scheme://$host:$server_port$request_uri` makes it.
fn split(url: &str) -> Result<(Scheme, &str, &str), Unclear> {
    let (scheme, rest) = match url.split_once("://") {
        Some(("http", rest)) => (Scheme::Http, rest),
        Some(("https", rest)) => (Scheme::Https, rest),
        _ => return Err(Unclear("X-Original-URL begins neither with http:// nor with https://")),
    };
    let (host, target) = rest.split_at(rest.find('/').ok_or(Unclear("X-Original-URL has no path"))?);
    Ok((scheme, host, target))
}

fn scheme(headers: &HeaderMap) -> Result<Scheme, Unclear> {
    Ok(match one(headers, &FORWARDED_PROTO)? {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        _ => Scheme::Other,
    })
}

fn check_target(target: &str) -> Result<(), Unclear> {
    if target.len() > LONGEST_TARGET {
        return Err(Unclear("what is asked for is longer than 16384 bytes"));
    }
    if !target.starts_with('/') {
        return Err(Unclear("what is asked for does not begin with /"));
    }
    if !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(Unclear("what is asked for holds blanks, control characters or #"));
    }
    Ok(())
}

fn required<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, Unclear> {
    one(headers, name)?.ok_or(Unclear(missing(name)))
}

fn missing(name: &HeaderName) -> &'static str {
    match name.as_str() {
        "x-forwarded-method" => "X-Forwarded-Method is missing",
        "x-forwarded-host" => "X-Forwarded-Host is missing",
        _ => "X-Original-Method is missing",
    }
}

fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Unclear> {
    let mut lines = headers.get_all(name).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(Unclear("a field that describes the request is there twice"));
    }
    line.to_str().map(Some).map_err(|_| Unclear("a field that describes the request is not ASCII"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(lines: &[(&'static str, &str)]) -> Result<Described, Unclear> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Described::read(&headers)
    }

    const TRAEFIK: [(&str, &str); 4] = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "Chat.example.com:8443"),
        ("x-forwarded-uri", "/a/b?c=d?e"),
    ];
    const NGINX: [(&str, &str); 2] =
        [("x-original-method", "GET"), ("x-original-url", "https://Chat.example.com:8443/a/b?c=d?e")];
    const PATH_ONLY: [(&str, &str); 4] = [
        ("x-original-method", "GET"),
        ("x-original-uri", "/a/b?c=d?e"),
        ("x-forwarded-host", "chat.example.com.:8443"),
        ("x-forwarded-proto", "https"),
    ];

    #[test]
    fn each_proxy_describes_the_same_in_its_own_way() {
        let expected = Described {
            method: Method::GET,
            scheme: Scheme::Https,
            authority: "chat.example.com:8443".parse().unwrap(),
            path: "/a/b".to_owned(),
            query: Some("c=d?e".to_owned()),
        };
        assert_eq!(read(&TRAEFIK), Ok(expected.clone()));
        assert_eq!(read(&NGINX), Ok(expected.clone()));
        assert_eq!(read(&PATH_ONLY), Ok(expected));
    }

    #[test]
    fn a_field_of_the_client_beside_those_of_the_proxy_is_never_believed() {
        for (proxy, client) in [
            (&NGINX[..], ("x-forwarded-uri", "/public")),
            (&NGINX[..], ("x-original-uri", "/public")),
            (&TRAEFIK[..], ("x-original-url", "https://chat.example.com/public")),
            (&TRAEFIK[..], ("x-original-uri", "")),
            (&PATH_ONLY[..], ("x-forwarded-uri", "/public")),
            (&PATH_ONLY[..], ("x-forwarded-host", "public.example.com")),
            (&TRAEFIK[..], ("x-forwarded-uri", "/a/b?c=d?e")),
            (&TRAEFIK[..], ("x-forwarded-method", "GET")),
        ] {
            assert!(read(&[proxy, &[client]].concat()).is_err(), "{client:?}");
        }
        // Of no kind that is read beside it.
        let beside =
            [&NGINX[..], &[("x-forwarded-host", "public.example.com"), ("x-forwarded-method", "PUT")]]
                .concat();
        assert_eq!(read(&beside), read(&NGINX));
    }

    #[test]
    fn a_description_with_a_hole_is_none() {
        for whole in [&TRAEFIK[..], &NGINX[..], &PATH_ONLY[..]] {
            for hole in whole.iter().filter(|(name, _)| *name != "x-forwarded-proto") {
                let rest: Vec<_> = whole.iter().filter(|line| *line != hole).copied().collect();
                assert!(read(&rest).is_err(), "{hole:?}");
            }
        }
        for (name, value) in [
            ("x-forwarded-uri", "a"),
            ("x-forwarded-uri", "http://chat.example.com/a"),
            ("x-forwarded-uri", "/a b"),
            ("x-forwarded-uri", "/a#b"),
            ("x-forwarded-uri", "/\u{e4}"),
            ("x-forwarded-host", "a, b"),
            ("x-forwarded-host", ""),
            ("x-forwarded-method", ""),
            ("x-forwarded-method", "GET, POST"),
        ] {
            let bad: Vec<_> =
                TRAEFIK.iter().map(|line| if line.0 == name { (name, value) } else { *line }).collect();
            assert!(read(&bad).is_err(), "{name} {value}");
        }
        for url in [
            "/a",
            "https://chat.example.com",
            "ftp://chat.example.com/",
            "https:///a",
            "https://u@chat.example.com/a",
            "https://a?b/c",
        ] {
            assert!(read(&[NGINX[0], ("x-original-url", url)]).is_err(), "{url}");
        }
    }
}
