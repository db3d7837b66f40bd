//! Why a caller was refused: a closed set, each with its status, its metric label and whether it counts as a guess.
//!
//! The table below is the only place that knows these; adding a reason is one line here.

use http::StatusCode;

use super::Method;

/// What a refusal tells a bearer client (RFC 6750 section 3.1): the `error` of the `Bearer` challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerError {
    /// No bearer credential was judged: the challenge stands alone.
    None,
    InvalidToken,
    InsufficientScope,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident => $label:literal, $status:ident, $bearer:ident, guess: $guess:literal, by: [$($method:ident),+];)+) => {
        /// Why a caller was refused. Ordered: of several refusals the greatest is the most specific and wins.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* $name),+ }

        impl Reason {
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The value of the metric label `reason` and of the log field.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label),+ }
            }

            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            pub const fn bearer_error(self) -> BearerError {
                match self { $(Self::$name => BearerError::$bearer),+ }
            }

            /// Whether this is an attempt to guess a credential, which the lockout counts.
            pub const fn is_guess(self) -> bool {
                match self { $(Self::$name => $guess),+ }
            }

            /// Which methods can give this reason: the label pairs that exist from the start.
            pub const fn methods(self) -> &'static [Method] {
                match self { $(Self::$name => &[$(Method::$method),+]),+ }
            }
        }
    };
}

reasons! {
    /// Nothing was sent.
    NoCredentials => "no_credentials", UNAUTHORIZED, None, guess: false, by: [None];
    /// A scheme that no authorizer here understands.
    UnsupportedScheme => "unsupported_scheme", UNAUTHORIZED, None, guess: false, by: [None];
    /// More than one `Authorization` line (RFC 9110 section 5.3: a singleton field).
    RepeatedAuthorization => "repeated_authorization", BAD_REQUEST, None, guess: false, by: [None];
    /// Too many guesses came from this address.
    Locked => "locked", TOO_MANY_REQUESTS, None, guess: false, by: [None];
    /// `Host` is not a name by which this may be asked for.
    HostNotAllowed => "host_not_allowed", MISDIRECTED_REQUEST, None, guess: false, by: [None];
    /// A proxy asks about a request that it does not describe, or in a way that can be read as another.
    UnclearRequest => "unclear_request", BAD_REQUEST, None, guess: false, by: [None];
    /// The allow-list does not hold this address, or the address could not be established.
    AddressNotAllowed => "address_not_allowed", FORBIDDEN, None, guess: false, by: [AllowList];
    /// A session cookie that LibreChat did not sign, or that lacks its claims.
    SessionInvalid => "session_invalid", UNAUTHORIZED, None, guess: false, by: [Session];
    /// The session has run out.
    SessionExpired => "session_expired", UNAUTHORIZED, None, guess: false, by: [Session];
    /// LibreChat no longer knows the session, or not by this cookie: signed out, revoked, replaced a while ago, or its
    /// account is on its way out.
    SessionRevoked => "session_revoked", UNAUTHORIZED, None, guess: false, by: [Session];
    /// The signed-in user's role is not one that may look.
    RoleNotAllowed => "role_not_allowed", FORBIDDEN, None, guess: false, by: [Session];
    /// The session or its user is not of the tenant whose figures are served.
    TenantNotAllowed => "tenant_not_allowed", FORBIDDEN, None, guess: false, by: [Session];
    /// Not `Basic` credentials as RFC 7617 has them.
    BasicMalformed => "malformed", UNAUTHORIZED, None, guess: true, by: [Basic];
    /// No such user, or not this password.
    WrongPassword => "wrong_password", UNAUTHORIZED, None, guess: true, by: [Basic];
    /// The bounded pool that verifies hashed passwords is full.
    HashingBusy => "hashing_busy", SERVICE_UNAVAILABLE, None, guess: false, by: [Basic];
    /// Not a JWS compact serialization (RFC 7515 section 7.1) in canonical form.
    JwtMalformed => "malformed", UNAUTHORIZED, InvalidToken, guess: false, by: [Jwt];
    /// None of the static tokens, and no token of an issuer either.
    WrongToken => "wrong_token", UNAUTHORIZED, InvalidToken, guess: true, by: [Bearer];
    /// Longer than what is looked at: a token of an issuer that grew.
    TokenTooLarge => "too_large", UNAUTHORIZED, InvalidToken, guess: false, by: [Bearer, Jwt];
    /// `alg` is not in the allow-list.
    AlgorithmNotAllowed => "algorithm_not_allowed", UNAUTHORIZED, InvalidToken, guess: true, by: [Jwt];
    /// `crit` or `b64` in the header (RFC 7515 section 4.1.11, RFC 7797).
    CriticalHeader => "critical_header", UNAUTHORIZED, InvalidToken, guess: false, by: [Jwt];
    /// Not an access token, by its `typ` or its claims (RFC 8725 section 3.11).
    TypeNotAllowed => "type_not_allowed", UNAUTHORIZED, InvalidToken, guess: false, by: [Jwt];
    /// No key of the set has this `kid`.
    UnknownKey => "unknown_key", UNAUTHORIZED, InvalidToken, guess: false, by: [Jwt];
    /// The signature is not that of any key that fits.
    BadSignature => "bad_signature", UNAUTHORIZED, InvalidToken, guess: true, by: [Jwt];
    /// `iss` is not exactly the configured issuer.
    IssuerMismatch => "issuer_mismatch", UNAUTHORIZED, InvalidToken, guess: false, by: [Jwt];
    /// `aud` names somebody else.
    AudienceMismatch => "audience_mismatch", UNAUTHORIZED, InvalidToken, guess: false, by: [Jwt];
    /// No usable `exp`.
    ExpiryMissing => "expiry_missing", UNAUTHORIZED, InvalidToken, guess: false, by: [Jwt];
    /// `exp` has passed.
    Expired => "expired", UNAUTHORIZED, InvalidToken, guess: false, by: [Jwt];
    /// `nbf` or `iat` lies ahead, or is no date.
    NotYetValid => "not_yet_valid", UNAUTHORIZED, InvalidToken, guess: false, by: [Jwt];
    /// Older, or valid for longer, than `METRICS_OAUTH2_MAX_TOKEN_AGE`; or of unknown age while that is set.
    TooOld => "too_old", UNAUTHORIZED, InvalidToken, guess: false, by: [Jwt];
    /// Bound to a client certificate (RFC 8705) that is not the one of the connection.
    CertificateMismatch => "certificate_mismatch", UNAUTHORIZED, InvalidToken, guess: false, by: [Jwt];
    /// Bound to a key in another way (`cnf`: RFC 9449), whose proof is not looked at.
    BoundToken => "bound_token", UNAUTHORIZED, InvalidToken, guess: false, by: [Jwt];
    /// A good token that lacks a required scope.
    InsufficientScope => "insufficient_scope", FORBIDDEN, InsufficientScope, guess: false, by: [Jwt];
    /// A good token without a claim that `METRICS_OAUTH2_REQUIRED_CLAIMS` asks for.
    ClaimMismatch => "claim_mismatch", FORBIDDEN, None, guess: false, by: [Jwt];
    /// No rule of `FORWARD_AUTH_RULES_FILE` lets anybody have this.
    DeniedByRules => "denied_by_rules", FORBIDDEN, None, guess: false, by: [None];
    /// A good credential, of a kind that the rule does not take.
    MethodNotAllowed => "method_not_allowed", FORBIDDEN, None, guess: false, by: [Bearer, Basic, Jwt, Session];
    /// What the decision needs (keys of the issuer, LibreChat's database) cannot be reached.
    Unavailable => "unavailable", SERVICE_UNAVAILABLE, None, guess: false, by: [Jwt, Session];
}
