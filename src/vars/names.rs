//! Whose a variable is, told by its name: ours, nearly ours, or somebody else's.

use super::PREFIX;

/// Variables of LibreChat (its `.env` is often shared) and of common libraries that begin or look like ours.
pub const FOREIGN: &[&str] = &[
    "METRICS_SECRET",
    "MONGO_MAX_POOL_SIZE",
    "MONGO_MIN_POOL_SIZE",
    "MONGO_MAX_CONNECTING",
    "MONGO_MAX_IDLE_TIME_MS",
    "MONGO_WAIT_QUEUE_TIMEOUT_MS",
    "MONGO_AUTO_INDEX",
    "MONGO_AUTO_CREATE",
    "JWT_SECRET",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Variables of every program, which have two spellings. What is only near them is somebody else's.
const OF_EVERYBODY: &[&str] = &["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"];

/// Names that only LibreChat has: where one of them is, its whole `.env` is.
pub const LIBRECHAT: &[&str] = &[
    "CREDS_KEY",
    "CREDS_IV",
    "DOMAIN_CLIENT",
    "DOMAIN_SERVER",
    "MEILI_HOST",
    "MEILI_MASTER_KEY",
    "ALLOW_REGISTRATION",
    "ALLOW_SOCIAL_LOGIN",
    "REFRESH_TOKEN_EXPIRY",
];

/// Names that LibreChat has too, for something else. Where its `.env` is, they are its own.
pub const SHARED: &[&str] = &["HOST", "PORT", "TRUST_PROXY", "JWT_REFRESH_SECRET"];

/// What other programs call `MONGO_URI`.
const OTHER_NAMES_OF_MONGO_URI: &[&str] = &[
    "MONGODB_URI",
    "MONGODB_URL",
    "MONGO_URL",
    "MONGOURI",
    "MONGO_DSN",
    "MONGODB_DSN",
    "MONGO_CONNECTION_STRING",
    "MONGODB_CONNECTION_STRING",
    "MONGO_CONNECTION_URI",
    "MONGO_CONNECTION_URL",
    "MONGO_DB_URI",
    "MONGO_DATABASE_URI",
    "MONGO_DATABASE_URL",
];

/// Names that begin like ours, of which an unknown one is worth a warning.
const OUR_BEGINNINGS: &[&str] = &["METRICS_", "RATE_LIMIT_", "TLS_", "TRUST_PROXY", PREFIX];

/// How alike two names must be for one to be taken for a mistyped other: measured elsewhere as the cutoff that finds
/// slips of a letter and has no false hits on the variables that Kubernetes sets.
const NEAR: f64 = 0.85;

/// Shorter names (`HOST`, `PORT`) are near too much.
const SHORTEST_NEAR: usize = 7;

#[derive(Debug, PartialEq, Eq)]
pub enum Name {
    /// One of ours; `name` is without the prefix.
    Ours { name: String, prefixed: bool },
    /// Not one of ours, but nearly.
    Near { meant: String },
    /// What others call `MONGO_URI`.
    OtherMongoUri,
    /// Ours, with a Kubernetes service link in it, which nobody can have meant as a setting.
    ServiceLink,
    /// Begins like ours and is not.
    Unknown,
    /// Somebody else's.
    Foreign,
}

/// Tells whose `name` is. `value` is only asked whether it is a Kubernetes service link.
pub fn classify(name: &str, value: &str, known: &[String]) -> Name {
    let (bare, prefixed) = match name.strip_prefix(PREFIX) {
        Some(bare) => (bare, true),
        None => (name, false),
    };
    // A Service called `librechat-exporter` sets LIBRECHAT_EXPORTER_PORT=tcp://…, which nobody meant as a setting.
    if is_service_variable(bare) || is_service_variable(name) || (prefixed && is_service_link(value)) {
        return Name::Foreign;
    }
    if bare == "METRICS_PORT" && is_service_link(value) {
        return Name::ServiceLink;
    }
    if OTHER_NAMES_OF_MONGO_URI.contains(&bare.strip_suffix("_FILE").unwrap_or(bare)) {
        return Name::OtherMongoUri;
    }
    if known.iter().any(|known| known == bare) {
        return Name::Ours { name: bare.to_owned(), prefixed };
    }
    let upper = name.to_ascii_uppercase();
    if OF_EVERYBODY.contains(&upper.as_str()) && known.contains(&upper) && name == name.to_ascii_lowercase() {
        return Name::Ours { name: upper, prefixed: false };
    }
    if FOREIGN.contains(&name) {
        return Name::Foreign;
    }
    if let Some(meant) = nearest(name, known) {
        return Name::Near { meant };
    }
    if OUR_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
        return Name::Unknown;
    }
    Name::Foreign
}

fn nearest(name: &str, known: &[String]) -> Option<String> {
    let upper = name.to_ascii_uppercase();
    let known = known.iter().filter(|known| !OF_EVERYBODY.contains(&known.as_str()));
    let candidates = known.flat_map(|known| [known.clone(), format!("{PREFIX}{known}")]);
    likest(name, candidates.filter(|candidate| candidate.len() >= SHORTEST_NEAR || *candidate == upper), NEAR)
}

/// The word that was probably meant, whatever its case: the one that is most alike, if it is at least so much (1 is the same).
pub fn likest(text: &str, words: impl Iterator<Item = String>, least: f64) -> Option<String> {
    let text = text.to_lowercase();
    words
        .map(|word| (strsim::normalized_damerau_levenshtein(&text, &word.to_lowercase()), word))
        .filter(|(likeness, _)| *likeness >= least)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, word)| word)
}

/// `tcp://10.0.0.1:9090`: what Kubernetes puts into `<SERVICE>_PORT` for every Service of a namespace.
pub fn is_service_link(value: &str) -> bool {
    ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.trim_start().starts_with(scheme))
}

/// `<SERVICE>_SERVICE_HOST`, `<SERVICE>_SERVICE_PORT…`, `<SERVICE>_PORT_9090_TCP…`.
fn is_service_variable(name: &str) -> bool {
    if name.ends_with("_SERVICE_HOST") || name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") {
        return true;
    }
    name.match_indices("_PORT_").any(|(at, matched)| {
        let rest = name.get(at + matched.len()..).unwrap_or_default();
        let protocol = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        protocol.len() < rest.len()
            && ["_TCP", "_UDP", "_SCTP"].iter().any(|known| protocol.starts_with(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_whose_a_name_is() {
        let known =
            ["METRICS_BEARER_TOKEN", "METRICS_PORT", "PORT", "HOST", "TLS_CERT_FILE", "MONGO_POOL_SIZE"];
        let known: Vec<String> = known.iter().chain(OF_EVERYBODY).map(|name| (*name).to_owned()).collect();
        let ours = |name: &str, prefixed| Name::Ours { name: name.into(), prefixed };
        let near = |meant: &str| Name::Near { meant: meant.into() };
        let cases = [
            ("METRICS_BEARER_TOKEN", "x", ours("METRICS_BEARER_TOKEN", false)),
            ("LIBRECHAT_EXPORTER_PORT", "9087", ours("PORT", true)),
            ("METRICS_PORT", "tcp://10.0.0.1:9090", Name::ServiceLink),
            ("METRICS_PORT", "9090", ours("METRICS_PORT", false)),
            ("HTTPS_PROXY", "x", ours("HTTPS_PROXY", false)),
            ("https_proxy", "x", ours("HTTPS_PROXY", false)),
            ("no_proxy", "x", ours("NO_PROXY", false)),
            ("LIBRECHAT_EXPORTER_HTTP_PROXY", "x", ours("HTTP_PROXY", true)),
            ("HTTP2_PROXY", "x", Name::Foreign),
            ("Http_Proxy", "x", Name::Foreign),
            ("MONGODB_URI", "x", Name::OtherMongoUri),
            ("MONGO_URL", "x", Name::OtherMongoUri),
            ("LIBRECHAT_EXPORTER_MONGODB_URL_FILE", "x", Name::OtherMongoUri),
            ("METRICS_BEARER_TOKN", "x", near("METRICS_BEARER_TOKEN")),
            ("METRICS_BAERER_TOKEN", "x", near("METRICS_BEARER_TOKEN")),
            ("METRICS_BEARERTOKEN", "x", near("METRICS_BEARER_TOKEN")),
            ("metrics_bearer_token", "x", near("METRICS_BEARER_TOKEN")),
            ("port", "x", near("PORT")),
            ("LIBRECHAT_EXPORTER_METRICS_BEARER_TOKN", "x", near("LIBRECHAT_EXPORTER_METRICS_BEARER_TOKEN")),
            ("LIBRECHAT_EXPORTR_METRICS_BEARER_TOKEN", "x", near("LIBRECHAT_EXPORTER_METRICS_BEARER_TOKEN")),
            ("METRICS_SOMETHING", "x", Name::Unknown),
            ("LIBRECHAT_EXPORTER_SOMETHING", "x", Name::Unknown),
            ("METRICS_SECRET", "x", Name::Foreign),
            ("MONGO_MAX_POOL_SIZE", "x", Name::Foreign),
            ("SSL_CERT_FILE", "x", Name::Foreign),
            ("METRICS_SERVICE_HOST", "10.0.0.1", Name::Foreign),
            ("METRICS_SERVICE_PORT_HTTP", "80", Name::Foreign),
            ("METRICS_PORT_9090_TCP_ADDR", "10.0.0.1", Name::Foreign),
            ("LIBRECHAT_EXPORTER_PORT", "tcp://10.0.0.1:9087", Name::Foreign),
            ("LIBRECHAT_EXPORTER_PORT_9087_TCP", "tcp://10.0.0.1:9087", Name::Foreign),
            ("LIBRECHAT_EXPORTER_SERVICE_PORT", "9087", Name::Foreign),
            ("HOME", "/root", Name::Foreign),
            ("SPORT", "x", Name::Foreign),
        ];
        for (name, value, expected) in cases {
            assert_eq!(classify(name, value, &known), expected, "{name}={value}");
        }
    }
}
