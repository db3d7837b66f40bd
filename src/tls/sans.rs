//! `TLS_CLIENT_ALLOWED_SANS`: which names a client's certificate may carry.
//!
//! Only the subject alternative names of RFC 5280 section 4.2.1.6 count; the subject's common name is no name.

use std::net::IpAddr;
use std::str::FromStr;

use x509_cert::ext::pkix::name::GeneralName;

/// Names of which a certificate must carry one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedSans(Vec<San>);

/// One name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum San {
    /// In lower case. With a leading `*.`, which stands for exactly one label.
    Dns(String),
    Ip(IpAddr),
    /// Compared byte for byte, as SPIFFE IDs are.
    Uri(String),
    /// The domain in lower case.
    Email(String),
}

impl AllowedSans {
    /// Whether one of `names` is allowed.
    pub fn allow(&self, names: &[GeneralName]) -> bool {
        names.iter().filter_map(San::of).any(|name| self.0.iter().any(|allowed| allowed.covers(&name)))
    }
}

impl San {
    /// The name as certificates carry it; `None` for kinds that cannot be allowed.
    pub(super) fn of(name: &GeneralName) -> Option<Self> {
        match name {
            GeneralName::DnsName(name) => Some(Self::Dns(host(name.as_str()))),
            GeneralName::IpAddress(octets) => ip(octets.as_bytes()).map(Self::Ip),
            GeneralName::UniformResourceIdentifier(uri) => Some(Self::Uri(uri.as_str().to_owned())),
            GeneralName::Rfc822Name(address) => Some(Self::Email(email(address.as_str()))),
            _ => None,
        }
    }

    fn covers(&self, name: &Self) -> bool {
        match (self, name) {
            (Self::Dns(allowed), Self::Dns(name)) => match (allowed.strip_prefix("*."), name.split_once('.'))
            {
                (Some(parent), Some((label, rest))) => !label.is_empty() && rest == parent,
                _ => allowed == name,
            },
            _ => self == name,
        }
    }
}

fn host(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// RFC 5321 section 2.4: the domain is compared in any case, the local part is not.
fn email(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", host(domain)),
        None => address.to_owned(),
    }
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    let address = match *octets {
        [a, b, c, d] => IpAddr::from([a, b, c, d]),
        _ => IpAddr::from(<[u8; 16]>::try_from(octets).ok()?),
    };
    Some(address.to_canonical())
}

impl FromStr for AllowedSans {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let items = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|item| !item.is_empty());
        let names = items.map(San::from_str).collect::<Result<Vec<_>, _>>()?;
        if names.is_empty() {
            return Err(
                "is set but names nobody; leave it out to let every certificate of the authorities in".into(),
            );
        }
        Ok(Self(names))
    }
}

impl FromStr for San {
    type Err = String;

    fn from_str(item: &str) -> Result<Self, String> {
        if let Ok(address) = item.parse::<IpAddr>() {
            return Ok(Self::Ip(address.to_canonical()));
        }
        let fail = |reason| Err(format!("has {item:?}, {reason}"));
        if item.contains('*') && (!item.starts_with("*.") || item.matches('*').count() > 1) {
            return fail("in which * stands elsewhere than as the first label of a DNS name");
        }
        if item.contains("://") || item.to_ascii_lowercase().starts_with("urn:") {
            return if item.is_ascii() { Ok(Self::Uri(item.to_owned())) } else { fail("which is no ASCII") };
        }
        if let Some((local, domain)) = item.split_once('@') {
            let fits = !local.is_empty() && !local.contains('*') && is_host(domain);
            return if fits { Ok(Self::Email(email(item))) } else { fail("which is no e-mail address") };
        }
        if is_host(item.strip_prefix("*.").unwrap_or(item)) {
            Ok(Self::Dns(host(item)))
        } else {
            fail("which is neither a DNS name, an IP address, a URI nor an e-mail address")
        }
    }
}

fn is_host(name: &str) -> bool {
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    // A last label of digits alone is a mistyped address.
    name.split('.').all(fits)
        && name.rsplit('.').next().is_some_and(|last| !last.bytes().all(|b| b.is_ascii_digit()))
}

impl std::fmt::Display for San {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dns(text) | Self::Uri(text) | Self::Email(text) => f.write_str(text),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_each_kind_are_compared_as_their_standards_say() {
        let cases = [
            ("prometheus.example.com", "prometheus.example.com", true),
            ("Prometheus.Example.COM.", "prometheus.example.com", true),
            ("prometheus.example.com", "a.prometheus.example.com", false),
            ("*.example.com", "prometheus.example.com", true),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("prometheus_1.monitoring.svc", "prometheus_1.monitoring.svc", true),
            ("10.1.1.1", "10.1.1.1", true),
            ("::ffff:10.1.1.1", "10.1.1.1", true),
            ("2001:DB8::1", "2001:db8::1", true),
            ("10.1.1.1", "10.1.1.2", false),
            (
                "spiffe://example.org/ns/monitoring/sa/prometheus",
                "spiffe://example.org/ns/monitoring/sa/prometheus",
                true,
            ),
            ("spiffe://example.org/ns/monitoring", "spiffe://example.org/ns/monitoring/sa/prometheus", false),
            ("spiffe://example.org/a", "spiffe://example.org/A", false),
            ("ops@Example.com", "ops@example.com", true),
            ("ops@example.com", "Ops@example.com", false),
            ("a.example, b.example\nc.example", "c.example", true),
        ];
        for (allowed, name, expected) in cases {
            let allowed: AllowedSans = allowed.parse().unwrap();
            let name: San = name.parse().unwrap_or_else(|_| San::Dns(name.to_owned()));
            assert_eq!(allowed.0.iter().any(|san| san.covers(&name)), expected, "{allowed:?} {name}");
        }
    }

    #[test]
    fn a_name_of_one_kind_never_stands_for_another() {
        let dns: AllowedSans = "prometheus.example.com".parse().unwrap();
        for name in [San::Uri("prometheus.example.com".into()), San::Email("prometheus.example.com".into())] {
            assert!(!dns.0[0].covers(&name));
        }
    }

    #[test]
    fn what_is_no_name_is_refused_and_shown() {
        for text in [
            "*",
            "a.*.example",
            "*.*.example",
            "*example.com",
            "10.1.1",
            "10.0.0.0/8",
            "b@",
            "@x",
            "a..b",
            "spiffe://example.org/*",
            "ex\u{e4}mple.com",
            "x:y",
        ] {
            let error = format!("good.example {text}").parse::<AllowedSans>().unwrap_err();
            assert!(error.starts_with(&format!("has {text:?}")), "{text:?}: {error}");
        }
        for text in ["", " , "] {
            assert!(text.parse::<AllowedSans>().unwrap_err().contains("names nobody"));
        }
    }
}
