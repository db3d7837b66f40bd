//! `METRICS_PATH`.

use std::fmt;
use std::str::FromStr;

use super::health;

/// Where the metrics are: a path that no router, proxy or browser reads in two ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsPath(String);

impl MetricsPath {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for MetricsPath {
    fn default() -> Self {
        Self("/metrics".to_owned())
    }
}

impl FromStr for MetricsPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fail = |reason: &str| Err(format!("has {text:?}, {reason}"));
        let Some(rest) = text.strip_prefix('/') else { return fail("which does not begin with /") };
        if text.len() > 256 {
            return fail("which is longer than 256 bytes");
        }
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        if !rest.bytes().all(|b| is_plain(b) || b == b'/') {
            return fail("in which only letters, digits, -, ., _, ~ and / may stand");
        }
        if rest.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return fail("which has an empty segment, . or .., or ends in /");
        }
        if health::PATHS.contains(&text) {
            return fail("where a health endpoint is");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for MetricsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_plain_paths_alone() {
        for text in ["/metrics", "/librechat/metrics", "/-/metrics", "/a.b_c~d/1", "/health/metrics"] {
            assert_eq!(text.parse::<MetricsPath>().unwrap().as_str(), text);
        }
        let long = format!("/{}", "x".repeat(256));
        for text in [
            "",
            "/",
            "metrics",
            "//metrics",
            "/metrics/",
            "/a//b",
            "/./metrics",
            "/../x",
            "/a/..",
            "/metrics?x",
            "/m#x",
            "/{x}",
            "/*x",
            "/:x",
            "/a b",
            "/%6detrics",
            "/metr\u{ef}cs",
            "/health",
            "/livez",
            "/readyz",
            "http://x/metrics",
            &long,
        ] {
            let error = text.parse::<MetricsPath>().unwrap_err();
            assert!(error.starts_with(&format!("has {text:?}")), "{error}");
        }
    }
}
