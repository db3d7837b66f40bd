//! What the parser lets through and we do not: checks of a request's head that come before everything else.

use std::net::Ipv6Addr;

use http::header::{CONTENT_LENGTH, HOST};
use http::{Request, StatusCode, Version};

/// Nothing here takes a body. A small one is passed over, so that a client that sends one by habit is served.
const MAX_BODY: u64 = 64 * 1024;

/// All lines together, with their ends. The parser's own bound is that of its buffer, which a head that comes in one
/// piece may exceed.
pub const MAX_HEAD: usize = 32 * 1024;

/// # Errors
/// The status to answer with; the connection is then closed.
pub fn check<B>(request: &Request<B>) -> Result<(), StatusCode> {
    let headers = request.headers();
    if size(request) > MAX_HEAD {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    // RFC 9112 section 3.2: exactly one Host in HTTP/1.1; HTTP/1.0 may have none.
    let hosts = headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() >= Version::HTTP_11) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let named = headers.get(HOST).map(http::HeaderValue::as_bytes);
    let targeted = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    if !named.into_iter().chain(targeted).all(is_host) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    Ok(())
}

/// A host and, after a colon, a port (RFC 9112 section 3.2, RFC 3986 section 3.2.2). Of what the standard has in names,
/// the characters that no name has are left out: a list of two hosts is no name.
fn is_host(value: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(value) else { return false };
    let (is_good, rest) = match text.strip_prefix('[').map(|text| text.split_once(']')) {
        Some(Some((literal, rest))) => (is_ipv6(literal), rest),
        Some(None) => return false,
        None => {
            let (name, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
            (is_name(name), rest)
        }
    };
    is_good && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
}

fn is_ipv6(literal: &str) -> bool {
    let (address, zone) =
        literal.split_once('%').map_or((literal, None), |(address, zone)| (address, Some(zone)));
    address.parse::<Ipv6Addr>().is_ok() && zone.is_none_or(is_name)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b))
}

/// A port may be left out behind its colon.
fn is_port(text: &str) -> bool {
    text.is_empty() || (text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok())
}

/// In bytes, without blanks that the parser has dropped.
fn size<B>(request: &Request<B>) -> usize {
    let uri = request.uri();
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    let target = authority + uri.path().len() + uri.query().map_or(0, str::len);
    let lines: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    request.method().as_str().len() + target + " HTTP/1.1 \r\n\r\n".len() + lines
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use http::header::ACCEPT;

    use super::*;

    type Case = (Version, &'static [(HeaderName, &'static str)], Result<(), StatusCode>);

    fn request(target: &str, version: Version, lines: &[(HeaderName, &str)]) -> Request<()> {
        let mut request = Request::builder().uri(target).version(version);
        for (name, value) in lines {
            request = request.header(name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn wants_exactly_one_host_and_no_large_body() {
        let cases: [Case; 7] = [
            (Version::HTTP_11, &[(HOST, "a")], Ok(())),
            (Version::HTTP_11, &[], Err(StatusCode::BAD_REQUEST)),
            (Version::HTTP_11, &[(HOST, "a"), (HOST, "a")], Err(StatusCode::BAD_REQUEST)),
            (Version::HTTP_10, &[], Ok(())),
            (Version::HTTP_10, &[(HOST, "a"), (HOST, "b")], Err(StatusCode::BAD_REQUEST)),
            (Version::HTTP_11, &[(HOST, "a"), (CONTENT_LENGTH, "10")], Ok(())),
            (
                Version::HTTP_11,
                &[(HOST, "a"), (CONTENT_LENGTH, "10737418240")],
                Err(StatusCode::PAYLOAD_TOO_LARGE),
            ),
        ];
        for (version, lines, expected) in cases {
            assert_eq!(check(&request("/", version, lines)), expected, "{version:?} {lines:?}");
        }
    }

    #[test]
    fn row_c2_a_host_is_a_host_and_a_port() {
        let good = [
            "exporter",
            "exporter:9087",
            "exporter:",
            "librechat_exporter:9087",
            "exporter.",
            "Exporter.Example.COM.",
            "127.0.0.1",
            "127.0.0.1:65535",
            "[::1]",
            "[::1]:9087",
            "[fe80::1%eth0]",
            "[fe80::1%25eth0]:1",
            "xn--bcher-kva.example",
            "1",
            "a:0",
        ];
        let bad = [
            "",
            "a b",
            "user@host",
            "a,b",
            "exporter:99999",
            "exporter:65536",
            "exporter:x",
            "exporter:+1",
            "a:1:2",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]:x",
            "[1.2.3.4]",
            "[]",
            "[fe80::1%]",
            ":80",
            "http://a",
            "a/b",
            "a?b",
            "a#b",
            "a\\b",
            "\u{e4}",
            "<a>",
            "a;b",
        ];
        for (hosts, expected) in [(&good[..], Ok(())), (&bad[..], Err(StatusCode::BAD_REQUEST))] {
            for host in hosts {
                let request = request("/", Version::HTTP_11, &[(HOST, host)]);
                assert_eq!(check(&request), expected, "{host:?}");
            }
        }
    }

    #[test]
    fn counts_every_byte_of_the_head() {
        let whole = |target: &str, value: &str| {
            format!("GET {target} HTTP/1.1\r\nhost: a\r\naccept: {value}\r\n\r\n").len()
        };
        let room = MAX_HEAD - whole("/", "");
        let too_large = Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        for (extra, expected) in [(0, Ok(())), (1, too_large)] {
            let value = "a".repeat(room + extra);
            let in_a_line = request("/", Version::HTTP_11, &[(HOST, "a"), (ACCEPT, &value)]);
            assert_eq!(check(&in_a_line), expected, "{extra} in a line");
            let target = format!("/{value}");
            let in_the_target = request(&target, Version::HTTP_11, &[(HOST, "a"), (ACCEPT, "")]);
            assert_eq!(check(&in_the_target), expected, "{extra} in the target");
        }
    }
}
