//! What the parser lets through and we do not: checks of a request's head that come before everything else.

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
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    Ok(())
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
