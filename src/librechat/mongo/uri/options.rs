//! The options of a connection string: which count here, which are left to others, and which cannot be had.
//!
//! The string is mostly copied from LibreChat, whose driver, Node's with mongoose, knows more of them, and ignores what it does
//! not. Names are compared in lower case, as all drivers do.

use mongodb::options::ConnectionString;

/// Options that the driver has and that mean something to a reader.
const KNOWN: &[&str] = &[
    "appname",
    "authmechanism",
    "authmechanismproperties",
    "authsource",
    "connecttimeoutms",
    "directconnection",
    "heartbeatfrequencyms",
    "loadbalanced",
    "localthresholdms",
    "maxconnecting",
    "maxidletimems",
    "maxpoolsize",
    "maxstalenessseconds",
    "readpreference",
    "readpreferencetags",
    "replicaset",
    "retryreads",
    "servermonitoringmode",
    "serverselectiontimeoutms",
    "srvmaxhosts",
    "srvservicename",
    "ssl",
    "tls",
    "tlsallowinvalidcertificates",
    "tlscafile",
    "tlscertificatekeyfile",
    "tlsinsecure",
];

/// Options of writing: nothing is ever written here.
const OF_WRITES: &[&str] = &["fsync", "j", "journal", "retrywrites", "safe", "w", "wtimeout", "wtimeoutms"];

/// Options that only Node's driver, an older one of it, or mongoose knows, or that tune what is not used here.
const OF_OTHERS: &[&str] = &[
    "acceptablelatencyms",
    "adaptiveretries",
    "autocreate",
    "autoencryption",
    "autoindex",
    "autoreconnect",
    "autoselectfamily",
    "autoselectfamilyattempttimeout",
    "bsonregexp",
    "buffercommands",
    "buffermaxentries",
    "buffertimeoutms",
    "checkkeys",
    "checkserveridentity",
    "compressors",
    "compression",
    "connectwithnoprimary",
    "domainsenabled",
    "driverinfo",
    "enableutf8validation",
    "family",
    "fieldsasraw",
    "forceserverobjectid",
    "ha",
    "hainterval",
    "ignoreundefined",
    "keepalive",
    "keepaliveinitialdelay",
    "keepaliveinitialdelayms",
    "logger",
    "loggerlevel",
    "maxadaptiveretries",
    "minheartbeatfrequencyms",
    "mininternalbuffersize",
    "minpoolsize",
    "minsize",
    "mongodblogcomponentseverities",
    "mongodblogmaxdocumentlength",
    "mongodblogpath",
    "monitorcommands",
    "monitoring",
    "native_parser",
    "nodelay",
    "numberofretries",
    "pkfactory",
    "poolsize",
    "promotebuffers",
    "promotelongs",
    "promotevalues",
    "raw",
    "readconcern",
    "readconcernlevel",
    "reconnectinterval",
    "reconnecttries",
    "runtimeadapters",
    "sanitizefilter",
    "secondaryacceptablelatencyms",
    "serializefunctions",
    "serverapi",
    "slaveok",
    "sockettimeoutms",
    "sslvalidate",
    "strictquery",
    "timeoutms",
    "tlsdisablecertificaterevocationcheck",
    "tlsdisableocspendpointcheck",
    "usebigint64",
    "usecreateindex",
    "usefindandmodify",
    "usenestedstrict",
    "usenewurlparser",
    "usepushever",
    "useunifiedtopology",
    "uuidrepresentation",
    "validateoptions",
    "waitqueuemultiple",
    "waitqueuetimeoutms",
    "zlibcompressionlevel",
];

/// Options that change how a server is reached or who asks, so that they cannot be left out, and the way out.
const IMPOSSIBLE: &[(&str, &str)] = &[
    ("authdb", "it is called authSource"),
    ("dbname", "name the database in the path, or in MONGO_DATABASE"),
    ("gssapiservicename", "Kerberos is not supported here: use a user with SCRAM or X.509"),
    ("pass", "write user and password before the host: mongodb://user:password@host/"),
    ("password", "write user and password before the host: mongodb://user:password@host/"),
    ("proxyhost", "a SOCKS5 proxy is not supported here: take it out, and reach MongoDB without one"),
    ("proxypassword", "a SOCKS5 proxy is not supported here: take it out, and reach MongoDB without one"),
    ("proxyport", "a SOCKS5 proxy is not supported here: take it out, and reach MongoDB without one"),
    ("proxyusername", "a SOCKS5 proxy is not supported here: take it out, and reach MongoDB without one"),
    ("sslca", "it is called tlsCAFile"),
    ("sslcert", "the certificate and its key together are called tlsCertificateKeyFile"),
    ("sslkey", "the certificate and its key together are called tlsCertificateKeyFile"),
    ("sslpass", "write the key of tlsCertificateKeyFile without a password"),
    (
        "tlsallowinvalidhostnames",
        "give the server a certificate for the name it is reached by, or use tlsInsecure=true for a test",
    ),
    ("tlscertificatefile", "the certificate and its key together are called tlsCertificateKeyFile"),
    ("tlscertificatekeyfilepassword", "write the key of tlsCertificateKeyFile without a password"),
    ("tlscrlfile", "lists of revoked certificates are not supported here"),
    ("user", "write user and password before the host: mongodb://user:password@host/"),
    ("username", "write user and password before the host: mongodb://user:password@host/"),
];

/// Mechanisms of authentication that the driver here has.
const MECHANISMS: &[&str] = &["MONGODB-X509", "PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"];

/// Options whose values are no secrets: they may be shown in a message.
const SHOWN: &[&str] = &[
    "appname",
    "authmechanism",
    "authsource",
    "directconnection",
    "loadbalanced",
    "readpreference",
    "replicaset",
    "ssl",
    "tls",
    "tlsallowinvalidcertificates",
    "tlscafile",
    "tlscertificatekeyfile",
    "tlsinsecure",
];

/// The options that count.
#[derive(Debug, Default)]
pub(super) struct Sorted<'a> {
    pub kept: Vec<&'a str>,
    /// The names, as they were written, of those that are left out and that somebody may wonder about.
    pub ignored: Vec<&'a str>,
}

/// # Errors
/// An option that is unknown, is not supported, or has a wrong value; by its name.
pub(super) fn sort(options: &str) -> Result<Sorted<'_>, String> {
    let mut sorted = Sorted::default();
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let Some((name, value)) = option.split_once('=') else {
            return Err(match shown(option) {
                Some(name) => format!("has the option {name} without a value: options are written name=value"),
                None => "has something after its ? that is no option: options are written name=value, with & between them".into(),
            });
        };
        let lower = name.to_ascii_lowercase();
        let lower = lower.as_str();
        if OF_WRITES.contains(&lower) {
            continue;
        }
        if OF_OTHERS.contains(&lower) {
            sorted.ignored.push(name);
        } else if let Some((_, way_out)) = IMPOSSIBLE.iter().find(|(impossible, _)| *impossible == lower) {
            return Err(format!("has the option {name}, which is not supported here: {way_out}"));
        } else if !KNOWN.contains(&lower) {
            return Err(unknown(name));
        } else if lower != "authmechanism" || mechanism(value)? {
            check(name, option)?;
            sorted.kept.push(option);
        }
    }
    Ok(sorted)
}

/// Whether the mechanism is to be passed on: the default one is what the driver takes by itself.
fn mechanism(value: &str) -> Result<bool, String> {
    let upper = value.to_ascii_uppercase();
    if upper == "DEFAULT" {
        return Ok(false);
    }
    if MECHANISMS.contains(&upper.as_str()) {
        return Ok(true);
    }
    let known = MECHANISMS.join(", ");
    Err(match upper.as_str() {
        "MONGODB-AWS" | "MONGODB-OIDC" | "GSSAPI" | "MONGODB-CR" => {
            format!(
                "has authMechanism={upper}, which is not supported here: give the exporter a user with one of {known}"
            )
        }
        _ => format!("has an authMechanism that is not known: it is one of {known}"),
    })
}

/// Lets the driver look at one option alone, so that a mistake has a name.
fn check(name: &str, option: &str) -> Result<(), String> {
    // What needs another beside it is looked at with the whole.
    let is_alone = !matches!(
        name.to_ascii_lowercase().as_str(),
        "authmechanism"
            | "authmechanismproperties"
            | "maxstalenessseconds"
            | "readpreferencetags"
            | "srvmaxhosts"
            | "srvservicename"
            | "loadbalanced"
    );
    if is_alone && ConnectionString::parse(format!("mongodb://localhost/?{option}")).is_err() {
        return Err(format!("has a value of the option {name} that is not valid"));
    }
    Ok(())
}

/// The options that the rest of the string does not allow, each of which is good alone: those without which it is understood.
pub(super) fn conflict(base: &str, kept: &[&str]) -> Option<String> {
    let slash = if base.split_once("://").is_some_and(|(_, rest)| rest.contains('/')) { "" } else { "/" };
    let is_good =
        |options: &[&str]| ConnectionString::parse(format!("{base}{slash}?{}", options.join("&"))).is_ok();
    let mut named: Vec<&str> = (0..kept.len())
        .filter(|left_out| {
            let rest: Vec<&str> = kept
                .iter()
                .enumerate()
                .filter(|(index, _)| index != left_out)
                .map(|(_, option)| *option)
                .collect();
            is_good(&rest)
        })
        .filter_map(|index| kept.get(index)?.split_once('='))
        .map(|(name, _)| name)
        .collect();
    named.dedup();
    match named.as_slice() {
        [] => None,
        [one] => Some(format!(
            "has the option {one}, which does not go with the rest of it, or stands there twice"
        )),
        several => Some(format!("has options that do not go together: {}", several.join(", "))),
    }
}

fn unknown(name: &str) -> String {
    let Some(name) = shown(name) else {
        return "has an option that is not known: options are written ?name=value&name=value".into();
    };
    let lower = name.to_ascii_lowercase();
    let near = KNOWN.iter().find(|known| strsim::damerau_levenshtein(known, &lower) <= 2);
    match near {
        Some(near) => format!("has the option {name}, which is not known: did you mean {near}?"),
        None => format!("has the option {name}, which is not known: take it out"),
    }
}

/// A name as it may be shown: what has other signs in it may be a part of a password.
fn shown(name: &str) -> Option<&str> {
    let is_name = name.len() <= 40 && name.starts_with(|c: char| c.is_ascii_alphabetic());
    (is_name && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(name)
}

/// Whether the value of an option may be a secret.
pub(super) fn is_secret(name: &str) -> bool {
    !SHOWN.contains(&name.to_ascii_lowercase().as_str())
}
