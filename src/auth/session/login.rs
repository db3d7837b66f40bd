//! Where a browser that was refused is sent to sign in.
//!
//! Invariants: only a refusal with 401 leads there, never one that signing in would not change; a client that brought
//! `Authorization`, or that is no browser, gets the plain refusal, which a scraper understands. The page is fixed at the
//! start: nothing of a request is in it but, as the value of a parameter, a way back that was checked.

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

/// `METRICS_SESSION_LOGIN_URL`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRedirect {
    location: HeaderValue,
}

impl LoginRedirect {
    /// # Errors
    /// Why a browser cannot be sent there, as a phrase that follows the variable's name.
    pub fn parse(url: &str) -> Result<Self, String> {
        // Browsers read a backslash as a slash; quotes and angle brackets stand in no URL (RFC 3986 section 2).
        if !url.bytes().all(|byte| byte.is_ascii_graphic() && !br#"\"<>^`{|}"#.contains(&byte)) {
            return Err("holds characters that no URL may hold".into());
        }
        let uri: Uri = url.parse().map_err(|_| "is not a URL")?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().unwrap_or_default().is_empty() {
            return Err("must be an http:// or https:// URL with a host".into());
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("must not hold a user name or password".into());
        }
        let location = HeaderValue::try_from(url).map_err(|_| "holds characters that no URL may hold")?;
        Ok(Self { location })
    }

    /// Whether a refusal with `status` sends whoever asked there.
    pub fn answers(&self, method: &Method, headers: &HeaderMap, status: StatusCode) -> bool {
        status == StatusCode::UNAUTHORIZED
            && [Method::GET, Method::HEAD].contains(method)
            && !headers.contains_key(header::AUTHORIZATION)
            && prefers_html(headers)
    }

    /// The page as the settings have it.
    pub fn plain(&self) -> &HeaderValue {
        &self.location
    }

    /// The page with one more parameter, whose value must be encoded already.
    pub fn with_parameter(&self, name: &str, value: &str) -> Option<HeaderValue> {
        let page = self.location.to_str().ok()?;
        let (page, fragment) = page.split_at(page.find('#').unwrap_or(page.len()));
        let sign = if page.contains('?') { '&' } else { '?' };
        HeaderValue::try_from(format!("{page}{sign}{name}={value}{fragment}")).ok()
    }

    /// Whether the page is of this origin (RFC 6454 section 4).
    pub fn is_at(&self, scheme: &str, host: &str, port: u16) -> bool {
        let uri = self.location.to_str().ok().and_then(|page| page.parse::<Uri>().ok());
        uri.is_some_and(|uri| {
            let own = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
            uri.scheme_str() == Some(scheme)
                && uri.host().is_some_and(|own| own.eq_ignore_ascii_case(host))
                && own == port
        })
    }
}

/// Whether `Accept` (RFC 9110 section 12.5.1) names `text/html` and ranks nothing above it. A wildcard doesn't name it:
/// command-line clients and scrapers send one.
fn prefers_html(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let mut html = 0;
    let mut best = 0;
    for range in lines.flat_map(|line| line.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let quality = parts.find_map(quality).unwrap_or(1000);
        if media.eq_ignore_ascii_case("text/html") {
            html = html.max(quality);
        }
        best = best.max(quality);
    }
    html > 0 && html == best
}

/// The weight in thousandths, when this parameter is one; 0 when it is none that RFC 9110 section 12.4.2 knows.
fn quality(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths = format!("{fraction:0<3}").parse().unwrap_or(0);
    Some(match whole {
        "0" if digits => thousandths,
        "1" if digits && thousandths == 0 => 1000,
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIREFOX: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    const PROMETHEUS: &str =
        "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";

    fn headers(accept: &[&str]) -> HeaderMap {
        accept.iter().map(|accept| (header::ACCEPT, HeaderValue::from_str(accept).unwrap())).collect()
    }

    #[test]
    fn tells_a_browser_from_a_scraper() {
        let cases: [(&[&str], bool); 16] = [
            (&[FIREFOX], true),
            (&["TEXT/HTML"], true),
            (&["text/html;charset=utf-8;q=1.000, */*"], true),
            (&["text/html ; Q=0.5, text/plain;q=0.50"], true),
            (&[PROMETHEUS], false),
            (&["*/*"], false),
            (&["text/*"], false),
            (&[], false),
            (&[""], false),
            (&["text/html;q=0"], false),
            (&["text/html;q=0.5, application/json"], false),
            (&["text/html;q=2"], false),
            (&["text/html;q=1.001"], false),
            (&["text/html;q=-1"], false),
            (&["text/html;q=0.9999"], false),
            (&["application/xhtml+xml"], false),
        ];
        for (accept, browser) in cases {
            assert_eq!(prefers_html(&headers(accept)), browser, "{accept:?}");
        }
    }

    #[test]
    fn sends_only_a_browser_without_credentials_to_sign_in() {
        let redirect = LoginRedirect::parse("https://chat.example.com/login?from=metrics#top").unwrap();
        let browser = headers(&[FIREFOX]);
        let mut with_credentials = browser.clone();
        with_credentials.insert(header::AUTHORIZATION, HeaderValue::from_static(""));
        let cases = [
            (Method::GET, &browser, StatusCode::UNAUTHORIZED, true),
            (Method::HEAD, &browser, StatusCode::UNAUTHORIZED, true),
            (Method::POST, &browser, StatusCode::UNAUTHORIZED, false),
            (Method::GET, &browser, StatusCode::FORBIDDEN, false),
            (Method::GET, &browser, StatusCode::SERVICE_UNAVAILABLE, false),
            (Method::GET, &with_credentials, StatusCode::UNAUTHORIZED, false),
            (Method::GET, &headers(&[PROMETHEUS]), StatusCode::UNAUTHORIZED, false),
        ];
        for (method, headers, status, sent) in cases {
            assert_eq!(redirect.answers(&method, headers, status), sent, "{method} {status} {headers:?}");
        }
        assert_eq!(redirect.plain(), "https://chat.example.com/login?from=metrics#top");
    }

    #[test]
    fn refuses_urls_that_a_browser_should_not_be_sent_to() {
        for url in ["http://localhost:3080", "https://chat.example.com/", "HTTPS://[::1]/login"] {
            assert!(LoginRedirect::parse(url).is_ok(), "{url}");
        }
        let cases = [
            "",
            "/login",
            "chat.example.com",
            "//chat.example.com/",
            "ftp://chat.example.com/",
            "javascript:alert(1)",
            "https://",
            "https:///login",
            "https://user:canary@chat.example.com/",
            "https://chat.example.com\\@evil.example/",
            "https://chat.example.com/\r\nSet-Cookie: a=b",
            "https://chat.example.com/\t",
            "https://chat.example.com/a b",
            "https://chat.example.com/\u{e4}",
            " https://chat.example.com/",
        ];
        for url in cases {
            let error = LoginRedirect::parse(url).unwrap_err();
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
