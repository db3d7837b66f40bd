//! What the parser lets through and we do not: checks of a request's head that come before everything else.

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, StatusCode, Version};

/// Nothing here takes a body. A small one is passed over, so that a client that sends one by habit is served.
const MAX_BODY: u64 = 64 * 1024;

/// # Errors
/// The status to answer with; the connection is then closed.
pub fn check(version: Version, headers: &HeaderMap) -> Result<(), StatusCode> {
    // RFC 9112 section 3.2: exactly one Host in HTTP/1.1; HTTP/1.0 may have none.
    let hosts = headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && version >= Version::HTTP_11) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    type Case = (Version, &'static [(HeaderName, &'static str)], Result<(), StatusCode>);

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
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(name, value.parse().unwrap());
            }
            assert_eq!(check(version, &headers), expected, "{version:?} {lines:?}");
        }
    }
}
