//! `MONGO_URI`: checked when the program starts, kept secret, since it holds a password.

use mongodb::options::{ConnectionString, HostInfo};

use crate::secret::Secret;

/// A MongoDB connection string that the driver understands.
#[derive(Clone, Debug)]
pub struct Uri {
    text: Secret,
    database: Option<String>,
    hosts: Vec<String>,
}

impl Uri {
    /// # Errors
    /// What is wrong with it, without any part of it: where the mistake is, the password may be.
    pub fn parse(secret: &Secret) -> Result<Self, String> {
        let text = secret.expose().trim();
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("must begin with mongodb:// or mongodb+srv://".into());
        };
        if !matches!(scheme, "mongodb" | "mongodb+srv") {
            return Err("must begin with mongodb:// or mongodb+srv://".into());
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.is_empty() {
            return Err("names no host: mongodb://[user:password@]host[:port]/[database]".into());
        }
        let connection = ConnectionString::parse(text).map_err(|error| reason(&error, rest))?;
        let hosts = match &connection.host_info {
            HostInfo::HostIdentifiers(hosts) => hosts.iter().map(ToString::to_string).collect(),
            HostInfo::DnsRecord(name) => vec![name.clone()],
            _ => Vec::new(),
        };
        let database = connection.default_database.filter(|name| !name.is_empty());
        Ok(Self { text: Secret::new(text), database, hosts })
    }

    /// For the driver only.
    pub(super) fn expose(&self) -> &str {
        self.text.expose()
    }

    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// Where the servers are, without credentials.
    pub fn hosts(&self) -> String {
        self.hosts.join(",")
    }

    /// `message` with whatever it holds of the credentials taken out.
    pub(super) fn redact(&self, message: &str) -> String {
        secrets(self.text.expose())
            .fold(message.to_owned(), |text, secret| text.replace(secret, "[redacted]"))
    }
}

/// The parts of a connection string that may be, or hold, a secret: user, password and values of options.
fn secrets(text: &str) -> impl Iterator<Item = &str> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let user_info = rest.rsplit_once('@').map_or("", |(user_info, _)| user_info);
    let options = rest.split_once('?').map_or("", |(_, options)| options);
    let values = options.split('&').filter_map(|option| Some(option.split_once('=')?.1));
    user_info.split([':', '/']).chain(values).filter(|part| part.len() > 2)
}

/// The driver's message often quotes what it stumbled over; it is passed on only when it quotes nothing.
fn reason(error: &mongodb::error::Error, rest: &str) -> String {
    if rest.matches('@').count() > 1 || rest.split('@').next().is_some_and(|part| part.contains('/')) {
        return "has a user or password with special characters; write them percent-encoded (@ as %40, / as %2F, \
                : as %3A)"
            .into();
    }
    let message = match error.kind.as_ref() {
        mongodb::error::ErrorKind::InvalidArgument { message, .. } => message.as_str(),
        _ => "",
    };
    let quotes =
        rest.split(|c: char| !c.is_alphanumeric()).any(|word| word.len() > 2 && message.contains(word));
    if message.is_empty() || quotes {
        "is not a MongoDB connection string: mongodb://[user:password@]host[:port][,…]/[database][?options]"
            .into()
    } else {
        format!("is not a MongoDB connection string: {message}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_database_and_the_hosts_but_never_the_credentials() {
        let uri = Uri::parse(&Secret::new("mongodb://me:canary@a:27018,b/Chat?authSource=admin")).unwrap();
        assert_eq!((uri.database(), uri.hosts().as_str()), (Some("Chat"), "a:27018,b:27017"));
        assert!(!format!("{uri:?}").contains("canary"));
        assert_eq!(uri.redact("bad auth of me with canary"), "bad auth of me with [redacted]");
        assert_eq!(Uri::parse(&Secret::new("mongodb://a")).unwrap().database(), None);
    }

    #[test]
    fn a_mistake_is_named_without_showing_any_of_it() {
        for text in [
            "mongo://me:xyzzy@host/db",
            "me:xyzzy@host/db",
            "mongodb:/me:xyzzy@host/db",
            "mongodb://me:xy@zzy@host/db",
            "mongodb://me:xy/zzy@host/db",
            "mongodb://me:xyzzy@host:port/db",
            "mongodb://me:xyzzy@host:99999/db",
            "mongodb://me:xyzzy@host/db?readPreference=xyzzy",
            "mongodb://me:xyzzy@host/db?maxPoolSize=xyzzy",
            "mongodb://me:xyzzy@",
            "mongodb://",
            "mongodb://me:xy%zzy@host/db",
        ] {
            let error = Uri::parse(&Secret::new(text)).unwrap_err();
            assert!(!error.contains("xy") && !error.contains("zzy"), "{text}: {error}");
        }
    }
}
