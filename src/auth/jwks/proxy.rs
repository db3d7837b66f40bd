//! The proxies that the network wants: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, for the documents of the issuer.
//!
//! Invariants: credentials in a proxy's URL are never shown; this machine is never asked through a proxy.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use reqwest::{NoProxy, Proxy, Url};

/// What is asked directly whatever `NO_PROXY` says: what [`super::endpoint`] takes for this machine.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1,::ffff:127.0.0.0/104";

/// The URL of a proxy as the environment has it, for all programs and not only for us: it is judged when it is needed.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(String);

impl ProxyUrl {
    fn url(&self) -> Result<Url, String> {
        let has_scheme = self.0.contains("://");
        let text = if has_scheme { self.0.clone() } else { format!("http://{}", self.0) };
        let url = Url::parse(&text).ok().filter(|url| url.host_str().is_some_and(|host| !host.is_empty()));
        let url = url.ok_or("must be the URL of a proxy, such as http://proxy.example:3128")?;
        match url.scheme() {
            "http" | "https" => Ok(url),
            // A scheme is no secret, and one is named.
            other => Err(format!("names a proxy of the kind {other:?}; http and https are supported")),
        }
    }
}

impl FromStr for ProxyUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Which requests go through which proxy.
#[derive(Clone, Default)]
pub struct Proxies {
    https: Option<Proxy>,
    http: Option<Proxy>,
}

impl Proxies {
    /// `except` is a list as `NO_PROXY` has it.
    ///
    /// # Errors
    /// What is wrong with which variable.
    pub fn new(
        https: Option<&ProxyUrl>,
        http: Option<&ProxyUrl>,
        except: Option<&str>,
    ) -> Result<Self, (&'static str, String)> {
        let except = NoProxy::from_string(&format!("{LOOPBACK},{}", except.unwrap_or_default()));
        let unusable = |_| "cannot be used as a proxy".to_owned();
        let https = https.map(|proxy| proxy.url().and_then(|url| Proxy::https(url).map_err(unusable)));
        let http = http.map(|proxy| proxy.url().and_then(|url| Proxy::http(url).map_err(unusable)));
        let https = https.transpose().map_err(|problem| ("HTTPS_PROXY", problem))?;
        let http = http.transpose().map_err(|problem| ("HTTP_PROXY", problem))?;
        Ok(Self {
            https: https.map(|proxy| proxy.no_proxy(except.clone())),
            http: http.map(|proxy| proxy.no_proxy(except)),
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Proxy> {
        self.https.iter().chain(&self.http).cloned()
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e1_a_proxy_is_a_url_with_or_without_scheme_and_is_never_shown() {
        for (text, good) in [
            ("http://proxy.example:3128", true),
            ("https://user:canary@proxy.example", true),
            ("proxy.example:3128", true),
            ("user:canary@proxy.example:3128", true),
            ("socks5://user:canary@proxy.example", false),
            ("http://", false),
            ("http://user:canary@", false),
        ] {
            let proxy: ProxyUrl = text.parse().unwrap();
            let proxies = Proxies::new(Some(&proxy), Some(&proxy), None);
            assert_eq!(proxies.is_ok(), good, "{text}");
            assert!(!format!("{proxy:?} {proxies:?}").contains("canary"), "{proxies:?}");
        }
    }
}
