//! `MONGO_URI`: checked when the program starts, kept secret, since it holds a password.

mod files;
mod options;

use mongodb::options::{ConnectionString, HostInfo, ServerAddress};

use crate::secret::Secret;

/// A MongoDB connection string that the driver understands.
#[derive(Clone, Debug)]
pub struct Uri {
    /// Without the options that have no meaning here.
    text: Secret,
    database: Option<String>,
    hosts: Vec<String>,
    ignored: Vec<String>,
    /// The replica set that the servers must be of.
    pub(super) replica_set: Option<String>,
    pub(super) is_encrypted: bool,
    /// Whose password it has, and by which database that user is looked up, when nothing says so.
    pub(super) authenticates_in: Option<String>,
}

impl Uri {
    /// # Errors
    /// What is wrong with it, without any part of it that may be secret: where the mistake is, the password may be.
    pub fn parse(secret: &Secret) -> Result<Self, String> {
        let text = secret.expose().trim();
        if text.starts_with(['"', '\'']) {
            return Err(
                "begins with a quotation mark, which is taken as a part of it: take the quotes out".into()
            );
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("must begin with mongodb:// or mongodb+srv://".into());
        };
        if !matches!(scheme, "mongodb" | "mongodb+srv") {
            return Err("must begin with mongodb:// or mongodb+srv://".into());
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.is_empty() {
            return Err(
                "names no host: mongodb://[user:password@]host[:port]/[database], where a Unix socket is \
                        written with %2F for each slash: mongodb://%2Ftmp%2Fmongodb-27017.sock/"
                    .into(),
            );
        }
        check_user_info(rest)?;
        check_ports(authority)?;
        let (base, options) = rest.split_once('?').unwrap_or((rest, ""));
        let sorted = options::sort(options)?;
        let mut cleaned = format!("{scheme}://{base}");
        if !sorted.kept.is_empty() {
            // Without a database there may be no slash yet, and options need one.
            let slash = if base.contains('/') { "" } else { "/" };
            cleaned = format!("{cleaned}{slash}?{}", sorted.kept.join("&"));
        }
        let connection = ConnectionString::parse(&cleaned).map_err(|error| {
            options::conflict(&format!("{scheme}://{base}"), &sorted.kept)
                .unwrap_or_else(|| reason(&error, rest))
        })?;
        check_together(&connection)?;
        files::check(&connection)?;
        let database = connection.default_database.clone().filter(|name| !name.is_empty());
        let has_source =
            sorted.kept.iter().any(|option| option.to_ascii_lowercase().starts_with("authsource="));
        let has_password = connection.credential.as_ref().is_some_and(|user| user.password.is_some());
        Ok(Self {
            text: Secret::new(cleaned),
            hosts: hosts(&connection),
            ignored: sorted.ignored.iter().map(|name| (*name).to_owned()).collect(),
            replica_set: connection.replica_set.clone(),
            is_encrypted: matches!(connection.tls, Some(mongodb::options::Tls::Enabled(_))),
            authenticates_in: if has_password && !has_source { database.clone() } else { None },
            database,
        })
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

    /// How many servers it names; of a `mongodb+srv` name that is not known before it is looked up.
    pub(super) const fn host_count(&self) -> usize {
        self.hosts.len()
    }

    /// The names of options that have no effect here, as a sentence that goes on after the variable's name.
    pub fn warning(&self) -> Option<String> {
        if self.ignored.is_empty() {
            return None;
        }
        let (one, is_left) =
            if let [_] = self.ignored.as_slice() { ("an option", "is") } else { ("options", "are") };
        Some(format!("has {one} without effect here, which {is_left} ignored: {}", self.ignored.join(", ")))
    }

    /// `message` with whatever it holds of the credentials taken out.
    pub(super) fn redact(&self, message: &str) -> String {
        secrets(self.text.expose())
            .fold(message.to_owned(), |text, secret| text.replace(secret, "[redacted]"))
    }
}

fn hosts(connection: &ConnectionString) -> Vec<String> {
    match &connection.host_info {
        HostInfo::HostIdentifiers(hosts) => hosts.iter().map(ServerAddress::to_string).collect(),
        HostInfo::DnsRecord(name) => vec![name.clone()],
        _ => Vec::new(),
    }
}

/// The parts of a connection string that may be, or hold, a secret: user, password and values of most options.
fn secrets(text: &str) -> impl Iterator<Item = &str> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let user_info = rest.rsplit_once('@').map_or("", |(user_info, _)| user_info);
    let options = rest.split_once('?').map_or("", |(_, options)| options);
    let values = options.split('&').filter_map(|option| {
        let (name, value) = option.split_once('=')?;
        options::is_secret(name).then_some(value)
    });
    user_info.split([':', '/']).chain(values).filter(|part| part.len() > 2)
}

/// # Errors
/// A user or a password with signs that end them too soon.
fn check_user_info(rest: &str) -> Result<(), String> {
    let before_options = rest.split_once('?').map_or(rest, |(before, _)| before);
    let is_cut = before_options.rsplit_once('@').is_some_and(|(user_info, _)| user_info.contains(['@', '/']))
        || rest.split_once('@').is_some_and(|(user_info, _)| user_info.contains('?'));
    if is_cut {
        return Err("has a user or password with special characters; write them percent-encoded (@ as %40, / as %2F, \
                    : as %3A, ? as %3F)"
            .into());
    }
    Ok(())
}

/// # Errors
/// A port that is none. It is not shown: without its @ a password stands there.
fn check_ports(authority: &str) -> Result<(), String> {
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    // An IPv6 address has colons of its own.
    let port = |host: &str| {
        let behind = host.rsplit_once(']').map_or(host, |(_, behind)| behind).to_owned();
        behind.split_once(':').map(|(_, port)| port.to_owned())
    };
    if hosts.split(',').filter_map(port).all(|port| is_port(&port)) {
        return Ok(());
    }
    Err("names a host whose port is no number from 1 to 65535".into())
}

/// # Errors
/// Options that exclude each other: the driver would say so only when it connects.
fn check_together(connection: &ConnectionString) -> Result<(), String> {
    let hosts = match &connection.host_info {
        HostInfo::HostIdentifiers(hosts) => hosts.len(),
        _ => 0,
    };
    let is_direct = connection.direct_connection == Some(true);
    if is_direct && hosts > 1 {
        return Err(
            "has directConnection=true and several hosts: a direct connection is one to a single host".into(),
        );
    }
    if is_direct && hosts == 0 {
        return Err("has directConnection=true and mongodb+srv://, which names several hosts: write mongodb:// and one host"
            .into());
    }
    if connection.load_balanced == Some(true) && (hosts > 1 || is_direct || connection.replica_set.is_some())
    {
        return Err(
            "has loadBalanced=true beside several hosts, replicaSet or directConnection: it stands alone"
                .into(),
        );
    }
    Ok(())
}

/// The driver's message often quotes what it stumbled over; it is passed on only when it quotes nothing.
fn reason(error: &mongodb::error::Error, rest: &str) -> String {
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

    fn parse(text: &str) -> Result<Uri, String> {
        Uri::parse(&Secret::new(text))
    }

    #[test]
    fn c2_options_of_other_drivers_are_ignored_by_name_and_those_of_writes_without_a_word() {
        for option in [
            "useNewUrlParser=true",
            "useUnifiedTopology=true",
            "family=4",
            "keepAlive=true",
            "autoIndex=false",
            "compressors=snappy,zlib,zstd",
            "zlibCompressionLevel=9",
            "socketTimeoutMS=0",
            "readConcernLevel=available",
            "readConcernLevel=linearizable",
            "bufferCommands=false",
            "minPoolSize=50",
        ] {
            let uri = parse(&format!("mongodb://h/LibreChat?{option}")).unwrap();
            let name = option.split_once('=').unwrap().0;
            assert!(uri.warning().is_some_and(|warning| warning.ends_with(&format!(": {name}"))), "{option}");
            assert_eq!((uri.expose(), uri.database()), ("mongodb://h/LibreChat", Some("LibreChat")));
        }
        for option in ["retryWrites=true&w=majority", "w=0&journal=true", "authMechanism=DEFAULT", ""] {
            let uri = parse(&format!("mongodb://u:p@h?{option}")).unwrap();
            assert_eq!((uri.warning(), uri.database()), (None, None), "{option}");
        }
        let uri = parse("mongodb://h?useNewUrlParser=1&REPLICASET=rs0&w=1&family=4").unwrap();
        assert_eq!(uri.expose(), "mongodb://h/?REPLICASET=rs0");
        assert!(uri.warning().unwrap().ends_with("are ignored: useNewUrlParser, family"));
    }

    #[test]
    fn c2_d39_d43_an_option_that_cannot_be_had_is_named_and_the_password_is_not_blamed() {
        for (options, words) in [
            ("foo=1", &["foo", "not known"][..]),
            ("replcaSet=rs0", &["replcaSet", "did you mean replicaset?"]),
            ("authMechanism=MONGODB-AWS&authSource=%24external", &["MONGODB-AWS", "SCRAM-SHA-256"]),
            ("authMechanism=GSSAPI", &["GSSAPI", "not supported"]),
            ("authMechanism=NONSENSE", &["authMechanism", "not known"]),
            ("proxyHost=p", &["proxyHost", "SOCKS5"]),
            ("tlsAllowInvalidHostnames=true", &["tlsAllowInvalidHostnames"]),
            ("tlsCertificateKeyFilePassword=x", &["tlsCertificateKeyFilePassword"]),
            ("readPreference=fastest", &["readPreference", "not valid"]),
            ("maxPoolSize=many", &["maxPoolSize", "not valid"]),
            ("directConnection", &["directConnection", "name=value"]),
            ("dbName=LibreChat", &["dbName", "MONGO_DATABASE"]),
            ("tls=true&tlsCAFile=/nonexistent/ca.pem", &["tlsCAFile", "/nonexistent/ca.pem: no such file"]),
            (
                "tls=true&tlsCertificateKeyFile=/nonexistent/c.pem",
                &["tlsCertificateKeyFile", "/nonexistent/c.pem"],
            ),
            ("tls=true&tlsCAFile=/dev/null", &["tlsCAFile", "/dev/null", "no certificate"]),
        ] {
            for user in ["", "me:canary@"] {
                let error = parse(&format!("mongodb://{user}h/LibreChat?{options}")).unwrap_err();
                assert!(words.iter().all(|word| error.contains(word)), "{options}: {error}");
                assert!(
                    !error.contains("special characters") && !error.contains("canary"),
                    "{options}: {error}"
                );
            }
        }
        let error = parse("mongodb://a:1,b:2/LibreChat?directConnection=true").unwrap_err();
        assert!(error.contains("directConnection") && error.contains("several hosts"), "{error}");
        let error = parse("mongodb:///tmp/mongodb-27017.sock/LibreChat").unwrap_err();
        assert!(error.contains("%2Ftmp%2Fmongodb-27017.sock"), "{error}");
        assert!(parse("\"mongodb://h/\"").unwrap_err().contains("quot"));
    }

    /// Rows D41 and D43: what is refused is named.
    #[test]
    fn d41_d43_options_that_do_not_go_together_and_ports_that_are_none_are_named() {
        for (text, words) in [
            (
                "mongodb://h/L?tls=true&tlsInsecure=true&tlsAllowInvalidCertificates=true",
                &["tlsInsecure", "tlsAllowInvalidCertificates"][..],
            ),
            ("mongodb://h/L?ssl=true&tls=false", &["ssl", "tls"]),
            ("mongodb://h/L?srvServiceName=x", &["srvServiceName"]),
            ("mongodb://h/L?srvMaxHosts=2", &["srvMaxHosts"]),
            ("mongodb+srv://a.b.c/L?directConnection=true", &["directConnection"]),
            ("mongodb://h/L?readPreference=primary&maxStalenessSeconds=120", &["maxStalenessSeconds"]),
            ("mongodb://me:canary@h/L?authMechanism=MONGODB-X509&tls=true", &["authMechanism"]),
            ("mongodb://h/L?authMechanism=SCRAM-SHA-256", &["authMechanism"]),
            ("mongodb://h/L?appName=canary&appName=b", &["appName"]),
            ("mongodb://h:99999/L", &["port", "65535"]),
            ("mongodb://me:canary@h:/L", &["port"]),
            ("mongodb://me:canary/L", &["port"]),
            ("mongodb://a:1,[::1]:x/L", &["port"]),
        ] {
            let error = parse(text).unwrap_err();
            assert!(words.iter().all(|word| error.contains(word)), "{text}: {error}");
            assert!(!error.contains("canary"), "{text}: {error}");
        }
        for text in ["mongodb://[::1]/L", "mongodb://[::1]:27017/L", "mongodb://a:1,b/L"] {
            assert!(parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn usual_strings_are_taken_as_they_are() {
        for text in [
            "mongodb://h/LibreChat",
            "mongodb://me:a%40b@h:27018,i/LibreChat?replicaSet=rs0&authSource=admin&readPreference=secondary",
            "mongodb://%2Ftmp%2Fmongodb-27017.sock/LibreChat",
            "mongodb://acct:a2V5+a2V5==@acct.mongo.cosmos.azure.com:10255/LibreChat?ssl=true&replicaSet=globaldb&\
             maxIdleTimeMS=120000&appName=@acct@",
            "mongodb+srv://me:secret@cluster0.example.net/?appName=Cluster0",
            "mongodb://me@h/LibreChat?authMechanism=MONGODB-X509&tls=true",
            "mongodb://h/LibreChat?readPreference=secondary&maxStalenessSeconds=120&readPreferenceTags=dc:ny",
        ] {
            let uri = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(uri.expose(), text);
        }
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
