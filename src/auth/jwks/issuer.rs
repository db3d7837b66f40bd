//! Who signs the tokens: a text that is compared, and where it is a URL, the places that it publishes itself at.

use std::str::FromStr;

use super::endpoint::Endpoint;

/// The issuer as it was configured (`METRICS_OAUTH2_ISSUER`): compared with `iss` byte for byte. It need not be a URL (RFC
/// 7519 section 4.1.1) where the keys come from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer(String);

impl Issuer {
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Where the issuer publishes its metadata.
    ///
    /// # Errors
    /// Why there is no such place.
    pub fn discovery(&self) -> Result<Discovery, String> {
        let endpoint: Endpoint = self.0.parse()?;
        if endpoint.url().query().is_some() {
            return Err("must not have a query (OpenID Connect Discovery section 3)".into());
        }
        let openid = format!("{}/.well-known/openid-configuration", self.0.trim_end_matches('/')).parse()?;
        let mut oauth = endpoint.url().clone();
        let path = oauth.path().trim_end_matches('/').to_owned();
        oauth.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
        let oauth = oauth.as_str().parse()?;
        Ok(Discovery { issuer: self.clone(), endpoint, openid, oauth })
    }

    /// What to tell of another issuer that is nearly this one.
    pub fn hint(&self, other: &str) -> &'static str {
        if other != self.0 && other.trim_end_matches('/') == self.0.trim_end_matches('/') {
            "; they differ by the trailing slash only: set METRICS_OAUTH2_ISSUER exactly as the issuer publishes it"
        } else {
            ""
        }
    }
}

impl FromStr for Issuer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_list(text) {
            return Err(
                "names one issuer; several, each with its own keys, go into METRICS_OAUTH2_CONFIG_FILE"
                    .into(),
            );
        }
        if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return Err("must be one name or URL without blanks".into());
        }
        if text.contains("/.well-known/") {
            return Err("must be the issuer itself, without /.well-known/ and what follows: that is where its metadata is".into());
        }
        // RFC 7519 section 2: what has a colon is a URI, and one that begins like this is meant to be asked.
        if text.starts_with("http:") || text.starts_with("https:") {
            text.parse::<Endpoint>()?;
        }
        Ok(Self(text.to_owned()))
    }
}

/// Commas are rare in names and legal in URIs (`tag:idp.example,2026:x`); a list shows by what follows them.
fn is_list(text: &str) -> bool {
    let mut items = text.split(',').map(str::trim);
    let is_uri = items.next().is_some_and(|first| first.contains(':'));
    items.any(|item| !is_uri || item.is_empty() || item.starts_with("http:") || item.starts_with("https:"))
}

/// The places where an issuer publishes its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    pub issuer: Issuer,
    /// The issuer itself.
    pub endpoint: Endpoint,
    /// OpenID Connect Discovery 1.0 section 4.1: below the issuer.
    pub openid: Endpoint,
    /// RFC 8414 section 3.1: between the host and the path.
    pub oauth: Endpoint,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_386_e7_a_url_has_to_be_a_plain_one_and_other_names_are_only_names() {
        let refused = [
            "https://user:canary@idp.example/",
            "https://idp.example/#canary",
            "https://idp.example/ canary",
            "https://idp.example/\ncanary",
            "https://",
            "my issuer",
            "https://idp.example/.well-known/openid-configuration",
            "https://idp.example/realms/x/.well-known/jwks.json",
        ];
        for text in refused {
            let error = text.parse::<Issuer>().unwrap_err();
            assert!(error.starts_with("must ") && !error.contains("canary"), "{error}");
        }
        for text in [
            "my-auth-service",
            "foo.example.com",
            "urn:idp",
            "spiffe://example.org",
            "tag:idp.example,2026:x",
        ] {
            let issuer: Issuer = text.parse().unwrap();
            assert!(issuer.discovery().unwrap_err().starts_with("must be an https URL"), "{text}");
            assert_eq!(issuer.text(), text);
        }
        let with_query: Issuer = "https://idp.example/?p=x".parse().unwrap();
        assert!(with_query.discovery().is_err());
    }

    #[test]
    fn e8_a_list_is_refused_with_the_way_out() {
        for text in [
            "https://a.example/,https://b.example/",
            "https://a.example/, https://b.example/",
            "https://a.example/,",
            "a,b",
            "a.example,https://b.example",
        ] {
            let error = text.parse::<Issuer>().unwrap_err();
            assert!(error.contains("METRICS_OAUTH2_CONFIG_FILE"), "{text}: {error}");
        }
    }

    #[test]
    fn e9_the_documents_lie_below_the_issuer_and_between_host_and_path() {
        for text in ["https://idp.example/realms/x", "https://idp.example/realms/x/"] {
            let issuer: Issuer = text.parse().unwrap();
            let discovery = issuer.discovery().unwrap();
            assert_eq!(
                discovery.openid.url().as_str(),
                "https://idp.example/realms/x/.well-known/openid-configuration"
            );
            assert_eq!(
                discovery.oauth.url().as_str(),
                "https://idp.example/.well-known/oauth-authorization-server/realms/x"
            );
        }
        let issuer: Issuer = "https://idp.example".parse().unwrap();
        assert_eq!(
            issuer.discovery().unwrap().oauth.url().as_str(),
            "https://idp.example/.well-known/oauth-authorization-server"
        );
        assert!(issuer.hint("https://idp.example/").contains("trailing slash"));
        assert_eq!(issuer.hint("https://other.example/"), "");
    }
}
