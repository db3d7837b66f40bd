//! Paths as they are compared: in one spelling, or not at all.
//!
//! A proxy, this exporter and the program behind the proxy each read a path in their own way. So a path that any of them
//! might read as another (RFC 3986 sections 5.2.4 and 6.2.2, and what servers do beyond them) is refused, not mended.

use std::fmt;

/// The longest path that is compared, in bytes as they were sent.
const LONGEST: usize = 4096;

/// The segments of a path, decoded. A slash at the end makes no difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NormalPath(Vec<String>);

impl NormalPath {
    /// Reads the path of a request, without its query.
    ///
    /// # Errors
    /// Why it can be read in two ways.
    pub fn parse(path: &str) -> Result<Self, &'static str> {
        let Some(rest) = path.strip_prefix('/') else { return Err("the path does not begin with /") };
        if path.len() > LONGEST {
            return Err("the path is longer than 4096 bytes");
        }
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("the path holds blanks, control characters or non-ASCII characters");
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.is_empty() {
            return if path.len() > 2 || path == "//" { Err(EMPTY) } else { Ok(Self(Vec::new())) };
        }
        rest.split('/').map(segment).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this is `other` or lies below it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.len() >= other.0.len() && self.0.iter().zip(&other.0).all(|(own, other)| own == other)
    }

    /// The same where upper and lower case are one, as they are to some servers (Express, IIS).
    pub fn is_within_in_any_case(&self, other: &Self) -> bool {
        let is_same = |(own, other): (&String, &String)| own.to_lowercase() == other.to_lowercase();
        self.0.len() >= other.0.len() && self.0.iter().zip(&other.0).all(is_same)
    }

    /// Whether they have as many segments: of two paths one of which is within the other, whether they are one.
    pub fn is_as_deep_as(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
    }
}

impl fmt::Display for NormalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0.join("/"))
    }
}

const EMPTY: &str = "the path has an empty segment (//)";

fn segment(sent: &str) -> Result<String, &'static str> {
    if sent.is_empty() {
        return Err(EMPTY);
    }
    if sent.contains(['\\', '#', '?']) {
        return Err("the path holds \\, # or ?");
    }
    let decoded = decode(sent)?;
    if decoded.chars().any(|c| matches!(c, '/' | '\\' | '%') || c.is_control()) {
        return Err("the path holds an encoded slash, backslash, percent sign or control character");
    }
    if decoded.contains(';') {
        return Err("the path holds a ; which some servers cut at");
    }
    // Trailing dots and blanks mean nothing to Windows.
    if decoded.ends_with(['.', ' ']) {
        return Err("the path has a segment that is . or .. or ends in a dot or a blank");
    }
    // Letters that a server's own normalisation (NFKC) may turn into the signs above.
    if decoded
        .chars()
        .any(|c| matches!(c, '\u{2024}'..='\u{2026}' | '\u{2044}' | '\u{2215}' | '\u{ff00}'..='\u{ff5e}'))
    {
        return Err("the path holds letters that look like others");
    }
    Ok(decoded)
}

/// RFC 3986 section 2.1, strictly.
fn decode(sent: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(sent.len());
    let mut rest = sent.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = (rest.next().and_then(digit), rest.next().and_then(digit));
        let (Some(high), Some(low)) = digits else {
            return Err("the path has a percent sign without two hexadecimal digits");
        };
        bytes.push(high * 16 + low);
    }
    // Overlong forms (%c0%ae for a dot) are no UTF-8.
    String::from_utf8(bytes).map_err(|_| "the path is no UTF-8 when it is decoded")
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_has_one_spelling() {
        let cases = [
            ("/", "/"),
            ("/admin", "/admin/"),
            ("/admin", "/%61dm%69n"),
            ("/a-b._~c", "/%61%2D%62%2e%5F%7e%63"),
            ("/caf%C3%A9", "/caf%c3%a9"),
            ("/a%20b", "/%61%20b"),
            ("/a:b@c!$&'()*+,=d", "/a%3Ab%40c%21%24%26%27%28%29%2A%2B%2C%3Dd"),
        ];
        for (one, other) in cases {
            let (one, other) = (NormalPath::parse(one).unwrap(), NormalPath::parse(other).unwrap());
            assert_eq!(one, other);
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let long = format!("/{}", "a".repeat(LONGEST));
        let cases = [
            "",
            "admin",
            "*",
            "http://chat.example.com/admin",
            "//",
            "//admin",
            "/a//b",
            "/a//",
            "///",
            "/.",
            "/..",
            "/./admin",
            "/a/../admin",
            "/a/..",
            "/a/.",
            "/%2e%2e/admin",
            "/%2E./admin",
            "/.%2e/admin",
            "/%2e/admin",
            "/...",
            "/admin.",
            "/admin%20",
            "/admin%2e",
            "/a%2fb",
            "/a%2Fb",
            "/%2fadmin",
            "/a%5cb",
            "/a\\b",
            "/\\admin",
            "/a/..;/admin",
            "/admin;x=1",
            "/admin%3bx",
            "/%00admin",
            "/admin%00",
            "/admin%0a",
            "/admin%0d%0a",
            "/admin%7f",
            "/admin%c2%85",
            "/%252e%252e/admin",
            "/a%252fb",
            "/a%25",
            "/%",
            "/%6",
            "/%6g",
            "/%+6",
            "/%u0061",
            "/%c0%ae%c0%ae/admin",
            "/%c0%af",
            "/%ff",
            "/%ed%a0%80",
            "/%ef%bc%8f",
            "/%ef%bc%8e%ef%bc%8e/admin",
            "/%e2%80%a5/admin",
            "/admin#x",
            "/admin?x",
            "/ad min",
            "/\u{e4}",
            "/a\tb",
            "/admin\r\n",
            &long,
        ];
        for path in cases {
            assert!(NormalPath::parse(path).is_err(), "{path:?} is {:?}", NormalPath::parse(path));
        }
    }

    #[test]
    fn a_prefix_ends_where_a_segment_does() {
        let cases = [
            ("/", "/", true),
            ("/a", "/", true),
            ("/admin", "/admin", true),
            ("/admin/", "/admin", true),
            ("/admin/x", "/admin/", true),
            ("/administrator", "/admin", false),
            ("/admi", "/admin", false),
            ("/x/admin", "/admin", false),
            ("/", "/admin", false),
            ("/Admin", "/admin", false),
        ];
        for (path, prefix, within) in cases {
            let [path, prefix] = [path, prefix].map(|text| NormalPath::parse(text).unwrap());
            assert_eq!(path.is_within(&prefix), within, "{path:?} {prefix:?}");
        }
        let [path, prefix] = ["/ADMIN/x", "/admin"].map(|text| NormalPath::parse(text).unwrap());
        assert!(path.is_within_in_any_case(&prefix) && !path.is_as_deep_as(&prefix));
    }
}
