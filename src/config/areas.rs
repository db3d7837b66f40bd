//! Every variable there is, by area. The documentation of a field is the documentation of its variable: `docs/configuration.md`
//! is made of it.

use std::path::PathBuf;

use crate::auth::allowlist::AllowList;
use crate::auth::jwa::Algorithms;
use crate::auth::jwks::endpoint::Endpoint;
use crate::auth::jwks::issuer::Issuer;
use crate::auth::jwks::proxy::ProxyUrl;
use crate::auth::jwt::claim_path::ClaimPath;
use crate::auth::jwt::kind::TokenTypes;
use crate::auth::jwt::required::RequiredClaims;
use crate::auth::jwt::settings::{Audiences, ScopeClaims, Scopes};
use crate::client_ip::ProxyHeader;
use crate::client_ip::trust::TrustProxy;
use crate::http::forward::way_back::ReturnHosts;
use crate::http::guard::hosts::Hosts;
use crate::http::listener::Host;
use crate::http::listener::socket::SocketMode;
use crate::http::path::MetricsPath;
use crate::librechat::calendar::Calendar;
use crate::librechat::mongo::ReadLevel;
use crate::librechat::scope::ShownUser;
use crate::secret::Secret;
use crate::telemetry::logging::{LogFormat, LogLevel};
use crate::tls::MinVersion;
use crate::tls::sans::AllowedSans;
use crate::vars::settings;
use crate::vars::values::{Flag, Port, Span, UnitSpan, Whole};

settings! {
    /// The database that is read.
    pub struct Database {
        /// LibreChat's connection string; the database is the one of its path, else `test`, as LibreChat itself has it. Absent: an
        /// error that names `demo`, which needs none.
        mongo_uri: Secret;
        /// A file that holds `MONGO_URI`. Absent: the variable itself counts.
        mongo_uri_file: PathBuf;
        /// Overrides the database that the connection string names. Absent: that one.
        mongo_database: String;
        /// The largest number of connections to MongoDB.
        mongo_pool_size: Whole<1, 100> = "4";
        /// What is read of a replica set: `majority`, which no failover can undo, or `local`, which goes on where no majority
        /// is left (a primary, an arbiter and a dead secondary) and is polled.
        read_concern: ReadLevel = "majority";
        /// Only documents of this tenant count, everywhere. Absent: all do.
        tenant_id: String;
    }
}

settings! {
    /// What is made of it.
    pub struct Collection {
        /// How often what changed is folded in.
        refresh_interval: Span = "30000";
        /// A name of the Node exporter, accepted and no longer needed: there is one tier. Absent: nothing changes.
        advanced_refresh_interval: Span;
        /// A name of the Node exporter, accepted and no longer needed: there is one tier. Absent: nothing changes.
        cardinality_refresh_interval: Span;
        /// Whether the per-user families are there.
        emit_per_user_metrics: Flag = "false";
        /// Whether the labels `id` and `user` are the user's id and not the email address.
        anonymize_email_label: Flag = "true";
        /// What the labels `id` and `user` are: `id`, `email`, `name` or `username`; users without one are shown by id.
        /// Absent: as `ANONYMIZE_EMAIL_LABEL` says.
        user_label: ShownUser;
        /// A secret under which the `id` label is a pseudonym: no id and no email address is shown, whatever
        /// `ANONYMIZE_EMAIL_LABEL` says. Read at the start only: another salt makes other series. Absent: no pseudonyms.
        metrics_user_id_salt: Secret;
        /// A file that holds `METRICS_USER_ID_SALT`. Absent: the variable itself counts.
        metrics_user_id_salt_file: PathBuf;
        /// The IANA time zone, such as `Europe/Berlin`, that decides when a day and a month begin and which hour it is.
        timezone: Calendar = "UTC";
        /// Beyond this many values of a label that users control the smallest go into `other`.
        metrics_max_label_values: Whole<1, 100_000> = "200";
        /// Beyond this many series in all the families with the most give way, into `other`.
        metrics_max_series: Whole<1_000, 10_000_000> = "50000";
        /// LibreChat's families are left out when the last good fold is older than this.
        metrics_max_staleness: Span = "10m";
        /// Where MongoDB does not tell of changes (a standalone server), all of history is verified within this time, a
        /// little at each refresh: so long a late change to an old document may go unnoticed.
        sweep_interval: Span = "24h";
    }
}

settings! {
    /// Where it is served.
    pub struct Listen {
        /// The address to bind, without a port: a name, an IPv4 or IPv6 address, `unix:/path`, or `*`, which is every address
        /// of the machine, IPv4 and IPv6. Beside LibreChat's own settings this, `PORT` and `TRUST_PROXY` count only with the
        /// prefix.
        host: Host = "*";
        /// The port of everything, or of all but `/metrics` when `METRICS_PORT` is set.
        port: Port = "9087";
        /// The address to bind for `METRICS_PORT`. Absent: that of `HOST`.
        metrics_host: Host;
        /// `/metrics` and the landing page only here; on `PORT` it is then a plain 404. Absent: everything is on `PORT`.
        metrics_port: Port;
        /// The path of the metrics. `/metrics` itself is then a plain 404.
        metrics_path: MetricsPath = "/metrics";
        /// The permissions of a Unix socket's file, in octal: who may connect is who may write to it. Its group is the
        /// exporter's own.
        metrics_socket_mode: SocketMode = "0660";
        /// Which proxies may say where a request comes from: `false`, `true` (one), a number of hops, or a list of
        /// networks, addresses and the names `loopback`, `linklocal`, `uniquelocal`.
        trust_proxy: TrustProxy = "loopback";
        /// The header that they say it in: `x-forwarded-for` or `forwarded`.
        trust_proxy_header: ProxyHeader = "x-forwarded-for";
        /// Whether connections from the addresses of `TRUST_PROXY` begin with a header of the PROXY protocol, version 1 or 2,
        /// which then names the client; needs addresses there, not hops.
        proxy_protocol: Flag = "false";
    }
}

settings! {
    /// The file that Prometheus' own exporters take.
    pub struct Web {
        /// A web configuration file as Prometheus' own exporters have it (`--web.config.file`): certificate and key, client
        /// certificates, Basic users with bcrypt hashes, headers, a rate limit. What it says must not be said by a variable
        /// too. Absent: the variables alone count.
        web_config_file: PathBuf;
    }
}

settings! {
    /// Who is let in.
    pub struct Guard {
        /// A static token. Absent: tokens of this kind are no way in.
        metrics_bearer_token: Secret;
        /// A file of static tokens, one a line, all valid. Absent: the variable itself counts.
        metrics_bearer_token_file: PathBuf;
        /// The user of Basic authentication; needs the password. Absent: Basic is no way in.
        metrics_basic_auth_user: String;
        /// Its password, or a bcrypt or argon2id hash of it; needs the user. Absent: Basic is no way in.
        metrics_basic_auth_password: Secret;
        /// A file that holds the password or its hash. Absent: the variable itself counts.
        metrics_basic_auth_password_file: PathBuf;
        /// An htpasswd file of users, each with one or more bcrypt or argon2id hashes, one a line; read again when it changes.
        /// Absent: only the user above, if there is one.
        metrics_basic_auth_file: PathBuf;
        /// Networks and addresses that may ask at all, in addition to whichever method authorizes; separated by commas, blanks
        /// or newlines. The names `loopback`, `linklocal`, `uniquelocal` are as in `TRUST_PROXY`. Blank
        /// is an error. Absent: every address may ask.
        metrics_allowed_ips: AllowList;
        /// Whether to refuse to start with `/metrics` open; networks that together allow every address of a family do not
        /// count. Set to `false` it says in so many words that `/metrics` may be open, also where a credential is blank.
        metrics_auth_required: Flag = "false";
        /// Whether a rejection has a log line, at most about one a second for each reason.
        metrics_auth_log_rejects: Flag = "true";
        /// Whether who is let in has a log line, once a minute for each caller: method, subject (the user of Basic, `sub` of a
        /// token, LibreChat's user), the name in the client's certificate and address.
        metrics_auth_log_allows: Flag = "false";
        /// Host names and addresses by which `/metrics` may be asked for, with any port; separated by commas. Others are 421: a
        /// web page that made its own name mean our address (DNS rebinding). Absent: every one, but the names of loopback
        /// alone where `/metrics` is open and bound to loopback.
        metrics_allowed_hosts: Hosts;
        /// For development only: turns every authorizer off.
        disable_auth: Flag = "false";
    }
}

settings! {
    /// Access tokens of an OpenID provider as a way in.
    pub struct OAuth2 {
        /// The issuer, exactly as its tokens name it; its keys are found by discovery (OpenID Connect, else RFC 8414). With
        /// `METRICS_OAUTH2_JWKS_URI` or `METRICS_OAUTH2_JWKS_FILE` it need not be a URL. Absent: any issuer that signs with
        /// those keys; without them too, access tokens are no way in.
        metrics_oauth2_issuer: Issuer;
        /// Keys straight from here; with the issuer set too, discovery is skipped and `iss` is still checked. A query in it is
        /// never shown. Absent: keys are found by discovery.
        metrics_oauth2_jwks_uri: Endpoint;
        /// Keys from a file, for networks without a way to the provider: a JSON Web Key Set, or public keys and certificates
        /// in PEM; read again when it changes. Absent: keys are fetched.
        metrics_oauth2_jwks_file: PathBuf;
        /// A file with a bearer token that the provider asks for before it shows its keys, as the Kubernetes API server does;
        /// read again when it changes. Sent over TLS (or on this machine) to the host of `METRICS_OAUTH2_JWKS_URI`, else
        /// of the issuer, and nowhere else. Absent: none is sent.
        metrics_oauth2_jwks_bearer_token_file: PathBuf;
        /// Whom tokens must be for: names separated by commas, of which one must match. Absent: an error as soon as another of
        /// these is set.
        metrics_oauth2_audience: Audiences;
        /// The claim that says whom a token is for, by name or path: `client_id` for Amazon Cognito, whose access tokens have
        /// no `aud`. Absent: `aud`.
        metrics_oauth2_audience_claim: ClaimPath;
        /// Scopes that a token must have, all of them, separated by spaces. Absent: none.
        metrics_oauth2_required_scopes: Scopes;
        /// Claims that scopes are read from besides `scope` and `scp`, by name or path (`realm_access.roles`); names with dots
        /// are quoted (`resource_access."my.client".roles`). Of an object the names of its members count. Absent: those two
        /// alone.
        metrics_oauth2_scope_claims: ScopeClaims;
        /// Claims that a token must have with these values, all of them, separated by commas or blanks:
        /// `sub=system:serviceaccount:monitoring:prometheus`, `azp=a|b` (either), `"kubernetes.io".namespace=monitoring`. Of a
        /// list one entry has to match. Never satisfied by a scope. Absent: none.
        metrics_oauth2_required_claims: RequiredClaims;
        /// Asymmetric algorithms that are accepted, separated by commas. Absent: `RS256,ES256`.
        metrics_oauth2_algorithms: Algorithms;
        /// Values of the header `typ` that are accepted, separated by commas: `at+jwt` takes nothing but access tokens of RFC
        /// 9068. Absent: none at all, `JWT`, `JOSE` and `at+jwt`, without the claims of ID, refresh and logout tokens.
        metrics_oauth2_token_types: TokenTypes;
        /// More authorities for a provider with a private certificate, or that certificate itself, PEM; read again when it
        /// changes. Absent: the public ones alone.
        metrics_oauth2_ca_file: PathBuf;
        /// How far the clocks may differ, at most `300s`. Absent: `30s`.
        metrics_oauth2_leeway: UnitSpan;
        /// How old a token may be, and for how long it may be issued. Absent: no limit.
        metrics_oauth2_max_token_age: UnitSpan;
        /// How long known keys go on while the provider cannot be reached. Absent: `1h`.
        metrics_oauth2_jwks_max_stale: UnitSpan;
        /// Whether the provider may be asked over plain http elsewhere than on this machine. Absent: `false`.
        metrics_oauth2_allow_insecure: Flag;
    }
}

settings! {
    /// Several OpenID providers, and the way to them.
    pub struct Providers {
        /// A YAML file with several issuers, each with settings of its own; instead of the variables above. Absent: those.
        metrics_oauth2_config_file: PathBuf;
        /// The proxy to providers with https, such as `http://proxy.example:3128`; credentials in it are never shown, and
        /// `https_proxy` is the same. Absent: they are asked directly.
        https_proxy: ProxyUrl;
        /// The proxy to providers with plain http; `http_proxy` is the same. Absent: they are asked directly.
        http_proxy: ProxyUrl;
        /// Hosts that are asked without a proxy: names with their subdomains, addresses and networks, separated by commas, or
        /// `*`; `no_proxy` is the same. This machine always is. Absent: only this machine.
        no_proxy: String;
    }
}

settings! {
    /// LibreChat's own login as a way in.
    pub struct Session {
        /// LibreChat's `JWT_REFRESH_SECRET`: turns the authorizer on. Absent: `JWT_REFRESH_SECRET` counts.
        metrics_session_secret: Secret;
        /// A file that holds `METRICS_SESSION_SECRET`. Absent: the variable itself counts.
        metrics_session_secret_file: PathBuf;
        /// LibreChat's own name for it, used without `METRICS_SESSION_SECRET`; beside LibreChat's other settings only with the
        /// prefix. Absent: LibreChat's login is no way in.
        jwt_refresh_secret: Secret;
        /// A file that holds `JWT_REFRESH_SECRET`. Absent: the variable itself counts.
        jwt_refresh_secret_file: PathBuf;
        /// The cookie that LibreChat keeps the login in.
        metrics_session_cookie: String = "refreshToken";
        /// The roles that may look, separated by commas.
        metrics_session_roles: String = "ADMIN";
        /// Where a browser without a login is sent. Absent: it gets the 401.
        metrics_session_login_url: String;
    }
}

settings! {
    /// Deciding for a reverse proxy about what stands beside LibreChat.
    pub struct Forward {
        /// Whether `/auth`, where `/metrics` is, decides about requests that a proxy describes (nginx `auth_request`, Caddy
        /// `forward_auth`, Traefik `ForwardAuth`); for whoever is not in `TRUST_PROXY` it is a 404. Needs a token, Basic, OAuth2
        /// or LibreChat's login.
        forward_auth: Flag = "false";
        /// A YAML file of rules: host and path, and which methods and roles may, or everybody; read again when it changes. What
        /// no rule fits is refused. Absent: everything asks for a credential, whichever.
        forward_auth_rules_file: PathBuf;
        /// Hosts to which LibreChat's login page may lead back, with their ports where those are not the usual ones; separated
        /// by commas. Needs `METRICS_SESSION_LOGIN_URL`. Absent: it leads back nowhere.
        forward_auth_hosts: ReturnHosts;
        /// Requests that `/auth` lets in, in the time of `RATE_LIMIT_WINDOW_MS` for each client address; 0 is no limit. Those that
        /// are refused count as those for `/metrics` do.
        forward_auth_rate_limit_max: Whole<0, 10_000_000> = "1200";
    }
}

settings! {
    /// How much one client may ask and try.
    pub struct Limits {
        /// The time over which requests are counted.
        rate_limit_window_ms: Whole<0, 86_400_000> = "60000";
        /// Requests for `/metrics` in that time for each client address, and as many that are refused; 0 is no limit.
        rate_limit_max: Whole<0, 1_000_000> = "120";
        /// Requests for `/health` in that time for each client address; 0 is no limit. `/livez` and `/readyz` have none.
        health_rate_limit_max: Whole<0, 1_000_000> = "600";
        /// Whether an address that guesses credentials is locked.
        metrics_brute_force_protection: Flag = "true";
        /// Guesses that lock it.
        metrics_brute_force_max_failed_attempts: Whole<1, 32> = "5";
        /// Seconds within which they count, and for which it is locked.
        metrics_brute_force_ttl_seconds: Whole<1, 604_800> = "900";
    }
}

settings! {
    /// TLS.
    pub struct Tls {
        /// The certificate chain, PEM; needs the key. Absent: plain HTTP.
        tls_cert_file: PathBuf;
        /// Its private key, PEM; needs the chain. Absent: plain HTTP.
        tls_key_file: PathBuf;
        /// Authorities of clients, PEM: clients without a certificate of theirs are refused. Absent: no client is asked for
        /// one.
        tls_client_ca_file: PathBuf;
        /// Names of which a client's certificate must carry one as a subject alternative name: DNS names (`*.` in front
        /// stands for one label), IP addresses, URIs (SPIFFE IDs), e-mail addresses; separated by commas. Blank is an
        /// error. Absent: every certificate of the authorities is let in.
        tls_client_allowed_sans: AllowedSans;
        /// The oldest version of TLS that is spoken: `1.2` or `1.3`.
        tls_min_version: MinVersion = "1.2";
        /// Whether `PORT` speaks TLS too when `METRICS_PORT` is another port.
        tls_health: Flag = "true";
    }
}

settings! {
    /// What is logged.
    pub struct Log {
        /// `error`, `warn`, `info`, `debug` or `trace`.
        log_level: LogLevel = "info";
        /// `text` or `json`. Absent: text on a terminal, else JSON.
        log_format: LogFormat;
    }
}
