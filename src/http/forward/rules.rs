//! `FORWARD_AUTH_RULES_FILE`: who may have what, by host and path.
//!
//! Invariants:
//! - The first rule that fits decides; where none does, nobody may.
//! - What fits a rule only for a server that takes upper and lower case for one fits no rule and is refused: the server
//!   behind the proxy may be such a one, or not.

use std::fmt;
use std::sync::Arc;

use super::described::{Described, Unclear};
use super::path::NormalPath;
use crate::auth::Method;
use crate::auth::policy::Denial;
use crate::auth::reason::Reason;
use crate::auth::session::Roles;

/// The rules, in their order.
#[derive(Debug, Default)]
pub struct Rules(Vec<Rule>);

/// One line of the table.
#[derive(Debug)]
pub struct Rule {
    pub host: HostPattern,
    pub path: PathPattern,
    pub access: Access,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    Any,
    /// As an `Authority` has it.
    Named(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPattern {
    Exactly(NormalPath),
    /// This path and what is below it.
    Within(NormalPath),
}

/// What is decided for what a rule fits.
#[derive(Clone, Debug)]
pub enum Access {
    /// Everybody may whom the allow-list lets ask; no credential is looked at.
    Public,
    Nobody,
    Asks(Arc<Terms>),
}

/// What a permit must be like. The default is any that there is.
#[derive(Debug, Default)]
pub struct Terms {
    pub methods: Option<Vec<Method>>,
    /// Of LibreChat's logins, in place of `METRICS_SESSION_ROLES`.
    pub roles: Option<Roles>,
}

impl Rules {
    /// # Errors
    /// The numbers, from 1, of a rule that can never decide and of the one that always does before it.
    pub fn new(rules: Vec<Rule>) -> Result<Self, (usize, usize)> {
        for (index, rule) in rules.iter().enumerate() {
            if let Some(earlier) = rules.iter().take(index).position(|earlier| earlier.covers(rule)) {
                return Err((index + 1, earlier + 1));
            }
        }
        Ok(Self(rules))
    }

    /// # Errors
    /// Why the path can be read as another.
    pub fn decide(&self, described: &Described) -> Result<Access, Unclear> {
        let path = NormalPath::parse(&described.path).map_err(Unclear)?;
        for rule in self.0.iter().filter(|rule| rule.host.fits(&described.authority.host)) {
            if rule.path.fits(&path) {
                return Ok(rule.access.clone());
            }
            if rule.path.fits_in_any_case(&path) {
                return Err(Unclear("the path differs from that of a rule in upper and lower case alone"));
            }
        }
        Ok(Access::Nobody)
    }
}

impl Rule {
    fn covers(&self, later: &Self) -> bool {
        let host = self.host == HostPattern::Any || self.host == later.host;
        host && match (&self.path, &later.path) {
            (PathPattern::Within(own), PathPattern::Within(path) | PathPattern::Exactly(path)) => {
                path.is_within(own)
            }
            (PathPattern::Exactly(own), PathPattern::Exactly(path)) => path == own,
            (PathPattern::Exactly(_), PathPattern::Within(_)) => false,
        }
    }
}

impl HostPattern {
    fn fits(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Named(name) => name == host,
        }
    }
}

impl PathPattern {
    fn fits(&self, path: &NormalPath) -> bool {
        match self {
            Self::Exactly(own) => path == own,
            Self::Within(own) => path.is_within(own),
        }
    }

    fn fits_in_any_case(&self, path: &NormalPath) -> bool {
        match self {
            Self::Exactly(own) => path.is_as_deep_as(own) && path.is_within_in_any_case(own),
            Self::Within(own) => path.is_within_in_any_case(own),
        }
    }
}

impl Terms {
    /// # Errors
    /// That the credential is good, and not of a kind that may.
    pub fn check(&self, method: Method) -> Result<(), Denial> {
        if self.allow(method) { Ok(()) } else { Err(Denial::new(method, Reason::MethodNotAllowed)) }
    }

    /// Whether credentials of this kind may.
    pub fn allow(&self, method: Method) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.contains(&method))
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rule) in self.0.iter().enumerate() {
            writeln!(f, "  {}. {rule}", index + 1)?;
        }
        writeln!(f, "  everything else: nobody")
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            HostPattern::Any => f.write_str("*")?,
            HostPattern::Named(name) => f.write_str(name)?,
        }
        match &self.path {
            PathPattern::Exactly(path) => write!(f, "{path}: ")?,
            PathPattern::Within(path) => write!(f, "{path} and below: ")?,
        }
        match &self.access {
            Access::Public => f.write_str("public"),
            Access::Nobody => f.write_str("nobody"),
            Access::Asks(terms) => terms.fmt(f),
        }
    }
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.methods {
            None => f.write_str("every method")?,
            Some(methods) => {
                f.write_str(&methods.iter().map(|method| method.label()).collect::<Vec<_>>().join(", "))?;
            }
        }
        match &self.roles {
            Some(roles) => write!(f, "; of logins the roles {roles}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method as HttpMethod;

    use super::super::described::Scheme;
    use super::*;

    fn rule(host: &str, path: PathPattern, access: Access) -> Rule {
        let host = if host == "*" { HostPattern::Any } else { HostPattern::Named(host.to_owned()) };
        Rule { host, path, access }
    }

    fn within(path: &str) -> PathPattern {
        PathPattern::Within(NormalPath::parse(path).unwrap())
    }

    fn exactly(path: &str) -> PathPattern {
        PathPattern::Exactly(NormalPath::parse(path).unwrap())
    }

    fn decide(rules: &Rules, authority: &str, path: &str) -> &'static str {
        let described = Described {
            method: HttpMethod::GET,
            scheme: Scheme::Https,
            authority: authority.parse().unwrap(),
            path: path.to_owned(),
            query: None,
        };
        match rules.decide(&described) {
            Ok(Access::Public) => "public",
            Ok(Access::Nobody) => "nobody",
            Ok(Access::Asks(_)) => "asks",
            Err(Unclear(_)) => "unclear",
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_no_spelling_leads_around_it() {
        let asks = || Access::Asks(Arc::default());
        let rules = Rules::new(vec![
            rule("a.example", exactly("/health"), Access::Public),
            rule("a.example", within("/admin"), Access::Nobody),
            rule("a.example", within("/"), asks()),
            rule("*", within("/static"), Access::Public),
        ])
        .unwrap();
        let cases = [
            ("a.example", "/health", "public"),
            ("a.example", "/health/", "public"),
            ("A.EXAMPLE.:8443", "/%68ealth", "public"),
            ("a.example", "/health/x", "asks"),
            ("a.example", "/healthy", "asks"),
            ("a.example", "/", "asks"),
            ("a.example", "/administrator", "asks"),
            ("a.example", "/admin", "nobody"),
            ("a.example", "/admin/x", "nobody"),
            ("a.example", "/%61dmin/x", "nobody"),
            ("a.example", "/ADMIN/x", "unclear"),
            ("a.example", "/Health", "unclear"),
            ("a.example", "/%41dmin", "unclear"),
            ("a.example", "//admin", "unclear"),
            ("a.example", "/health/../admin", "unclear"),
            ("a.example", "/health/%2e%2e/admin", "unclear"),
            ("a.example", "/health%2f..%2fadmin", "unclear"),
            ("a.example", "/x/..;/admin", "unclear"),
            ("a.example", "/admin;x", "unclear"),
            ("a.example", "/admin.", "unclear"),
            ("a.example", "/\\admin", "unclear"),
            ("a.example", "/%5cadmin", "unclear"),
            ("a.example", "/admin%00", "unclear"),
            ("a.example", "/%2561dmin", "unclear"),
            ("b.example", "/static/x", "public"),
            ("b.example", "/static/../x", "unclear"),
            ("b.example", "/", "nobody"),
            ("b.example", "/health", "nobody"),
            ("xa.example", "/health", "nobody"),
            ("a.example.b", "/health", "nobody"),
        ];
        for (authority, path, expected) in cases {
            assert_eq!(decide(&rules, authority, path), expected, "{authority}{path}");
        }
        assert_eq!(decide(&Rules::default(), "a.example", "/"), "nobody");
    }

    #[test]
    fn a_rule_that_never_decides_is_found() {
        let cases = [
            (vec![("a", within("/")), ("a", within("/admin"))], Some((2, 1))),
            (vec![("*", within("/x")), ("a", exactly("/y")), ("a", exactly("/x/z"))], Some((3, 1))),
            (vec![("a", exactly("/x")), ("a", exactly("/x/"))], Some((2, 1))),
            (vec![("a", exactly("/x")), ("a", within("/x")), ("*", within("/"))], None),
            (vec![("a", within("/")), ("b", within("/")), ("*", within("/"))], None),
        ];
        for (table, found) in cases {
            let rules = table.into_iter().map(|(host, path)| rule(host, path, Access::Nobody)).collect();
            assert_eq!(Rules::new(rules).err(), found);
        }
    }
}
