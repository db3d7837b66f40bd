//! The session authorizer before a database that is made up.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use http::{HeaderMap, HeaderValue};
use serde_json::json;

use super::identity::{SessionId, TokenHash};
use super::testing::{NOW, SECRET, SESSION, USER, at, signed};
use super::*;

const REFRESH: &str = "idp/refresh=token";

/// LibreChat's database, as far as it is asked; `None` for one that is down.
#[derive(Default)]
struct Fake {
    sessions: Mutex<Option<HashMap<(SessionKey, UserId), Found>>>,
    asked: AtomicUsize,
    hangs: bool,
}

impl Directory for Fake {
    fn session<'a>(
        &'a self,
        session: SessionKey,
        user: UserId,
    ) -> BoxFuture<'a, Result<Option<Found>, Unreachable>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if self.hangs {
                std::future::pending::<()>().await;
            }
            let sessions = self.sessions.lock().unwrap();
            sessions.as_ref().map(|sessions| sessions.get(&(session, user)).cloned()).ok_or(Unreachable)
        })
    }
}

struct Scene {
    directory: Arc<Fake>,
    secret: Arc<Live<SessionSecret>>,
    elapsed: Arc<AtomicU64>,
    session: Session,
}

impl Scene {
    fn new(directory: Fake) -> Self {
        let directory = Arc::new(directory);
        let secret = Arc::new(Live::new(SessionSecret::parse(SECRET).unwrap()));
        let elapsed = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&elapsed);
        let session = Session::new(
            Arc::clone(&secret),
            CookieName::default(),
            Roles::parse(" ADMIN, Auditor ,").unwrap(),
            Arc::clone(&directory) as Arc<dyn Directory>,
            move || at(clock.load(Ordering::SeqCst)),
        );
        Self { directory, secret, elapsed, session }
    }

    /// Everybody whom `found` describes is signed in, both ways.
    fn with(found: &Found) -> Self {
        let keys = [
            SessionKey::Id(SessionId::parse(SESSION).unwrap()),
            SessionKey::TokenHash(TokenHash::of(REFRESH)),
        ];
        let user = UserId::parse(USER).unwrap();
        let as_found = |key| match key {
            SessionKey::Id(_) => found.clone(),
            SessionKey::TokenHash(hash) => Found { token_hash: Some(hash), ..found.clone() },
        };
        let sessions = keys.into_iter().map(|key| ((key, user), as_found(key))).collect();
        Self::new(Fake { sessions: Mutex::new(Some(sessions)), ..Fake::default() })
    }

    async fn judge(&self, lines: &[(&'static str, &str)]) -> Verdict {
        let headers: HeaderMap = lines
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect();
        let caller = Caller::new(None, &headers).unwrap();
        let verdict = match self.session.judge(&caller) {
            Judgement::Now(verdict) => verdict,
            Judgement::Later(pending) => pending.await,
        };
        // Most tests do not ask for the role.
        if let Verdict::AllowAs(_) = verdict { Verdict::Allow } else { verdict }
    }

    async fn judge_cookie(&self) -> Verdict {
        self.judge(&[("cookie", &cookie())]).await
    }

    fn asked(&self) -> usize {
        self.directory.asked.load(Ordering::SeqCst)
    }

    fn sign_out_everybody(&self) {
        *self.directory.sessions.lock().unwrap() = Some(HashMap::new());
    }
}

fn found(role: Option<&str>) -> Found {
    Found {
        expires_at: at(3600),
        role: role.map(str::to_owned),
        is_being_deleted: false,
        is_of_tenant: true,
        token_hash: Some(TokenHash::of(&token())),
    }
}

fn token() -> String {
    signed(&json!({"id": USER, "sessionId": SESSION, "exp": NOW + 600}))
}

fn cookie() -> String {
    format!("refreshToken={}", token())
}

#[tokio::test]
async fn lets_in_by_the_session_and_the_role_that_the_database_knows() {
    let deleted = Found { is_being_deleted: true, ..found(Some("ADMIN")) };
    let expired = Found { expires_at: at(0), ..found(Some("ADMIN")) };
    let other_tenant = Found { is_of_tenant: false, ..found(Some("ADMIN")) };
    let replaced = Found { token_hash: Some(TokenHash::of("another")), ..found(Some("ADMIN")) };
    let cases = [
        (found(Some("ADMIN")), Verdict::Allow),
        (found(Some("Auditor")), Verdict::Allow),
        (found(Some("admin")), Verdict::Deny(Reason::RoleNotAllowed)),
        (found(Some("ADMIN ")), Verdict::Deny(Reason::RoleNotAllowed)),
        (found(Some("")), Verdict::Deny(Reason::RoleNotAllowed)),
        (found(None), Verdict::Deny(Reason::RoleNotAllowed)),
        (deleted, Verdict::Deny(Reason::SessionRevoked)),
        (expired, Verdict::Deny(Reason::SessionExpired)),
        (other_tenant, Verdict::Deny(Reason::TenantNotAllowed)),
        (replaced, Verdict::Deny(Reason::SessionRevoked)),
    ];
    for (found, verdict) in cases {
        assert_eq!(Scene::with(&found).judge_cookie().await, verdict, "{found:?}");
    }
    let signed_out = Scene::with(&found(Some("ADMIN")));
    signed_out.sign_out_everybody();
    assert_eq!(signed_out.judge_cookie().await, Verdict::Deny(Reason::SessionRevoked));
}

#[tokio::test]
async fn abstains_beside_an_authorization_and_without_a_cookie() {
    let scene = Scene::with(&found(Some("ADMIN")));
    let cookie = cookie();
    let cases: [(&[(&'static str, &str)], Verdict); 6] = [
        (&[("cookie", &cookie)], Verdict::Allow),
        (&[], Verdict::Abstain),
        (&[("cookie", "other=1")], Verdict::Abstain),
        (&[("cookie", &cookie), ("authorization", "Bearer wrong")], Verdict::Abstain),
        (&[("cookie", &cookie), ("authorization", "")], Verdict::Abstain),
        (&[("cookie", "refreshToken=a.b.c")], Verdict::Deny(Reason::SessionInvalid)),
    ];
    for (lines, verdict) in cases {
        assert_eq!(scene.judge(lines).await, verdict, "{lines:?}");
    }
    assert_eq!(scene.asked(), 1);
    assert_eq!(scene.session.challenge(), None);
}

#[tokio::test]
async fn lets_in_a_reused_openid_login_only_when_it_is_bound_and_not_signed_out() {
    let bound = "jHg05kvo8FLzhjc6CHIJc9PMj0lTAYOYdJFIBcZUXPo";
    let token = |hash: Option<&str>| signed(&json!({"id": USER, "exp": NOW + 60, "refreshTokenHash": hash}));
    let lines = |refresh: &str, token: &str| {
        format!("refreshToken={refresh}; token_provider=openid; openid_user_id={token}")
    };
    let scene = Scene::with(&found(Some("ADMIN")));
    let invalid = || Verdict::Deny(Reason::SessionInvalid);
    let real = {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(TokenHash::of(REFRESH).bytes())
    };
    let cases = [
        (lines("idp%2Frefresh%3Dtoken", &token(Some(&real))), Verdict::Allow),
        (lines("another", &token(Some(&real))), invalid()),
        (lines("idp%2Frefresh%3Dtoken", &token(Some(bound))), invalid()),
        (lines("idp%2Frefresh%3Dtoken", &token(None)), invalid()),
    ];
    for (cookies, verdict) in &cases {
        assert_eq!(scene.judge(&[("cookie", cookies)]).await, *verdict, "{cookies}");
    }
    let signed_out = Scene::with(&found(Some("ADMIN")));
    signed_out.sign_out_everybody();
    let verdict = signed_out.judge(&[("cookie", &cases[0].0)]).await;
    assert_eq!(verdict, Verdict::Deny(Reason::SessionRevoked));
}

#[tokio::test]
async fn a_database_that_does_not_answer_lets_nobody_in_and_nothing_is_kept_of_it() {
    let scene = Scene::new(Fake::default());
    assert_eq!(scene.judge_cookie().await, Verdict::Deny(Reason::Unavailable));
    scene.sign_out_everybody();
    assert_eq!(scene.judge_cookie().await, Verdict::Deny(Reason::SessionRevoked));

    let mut hanging = Scene::new(Fake { hangs: true, ..Fake::default() });
    hanging.session.patience = Duration::ZERO;
    assert_eq!(hanging.judge_cookie().await, Verdict::Deny(Reason::Unavailable));
}

#[tokio::test]
async fn believes_a_yes_for_a_minute_and_a_no_never() {
    let scene = Scene::with(&found(Some("ADMIN")));
    assert_eq!(scene.judge_cookie().await, Verdict::Allow);
    scene.sign_out_everybody();
    for (elapsed, verdict, asked) in [
        (0, Verdict::Allow, 1),
        (59, Verdict::Allow, 1),
        (60, Verdict::Deny(Reason::SessionRevoked), 2),
        (61, Verdict::Deny(Reason::SessionRevoked), 3),
    ] {
        scene.elapsed.store(elapsed, Ordering::SeqCst);
        assert_eq!((scene.judge_cookie().await, scene.asked()), (verdict, asked), "after {elapsed} s");
    }
}

#[tokio::test]
async fn believes_nothing_beyond_the_end_of_the_token_or_of_the_session() {
    let short = Found { expires_at: at(10), ..found(Some("ADMIN")) };
    for (found, life) in [(found(Some("ADMIN")), 10), (short, 3600)] {
        let claims = json!({"id": USER, "sessionId": SESSION, "exp": NOW + life});
        let token = signed(&claims);
        let scene = Scene::with(&Found { token_hash: Some(TokenHash::of(&token)), ..found });
        let cookie = format!("refreshToken={token}");
        for (elapsed, verdict) in [
            (0, Verdict::Allow),
            (9, Verdict::Allow),
            (10, Verdict::Deny(Reason::SessionExpired)),
            (11, Verdict::Deny(Reason::SessionExpired)),
        ] {
            scene.elapsed.store(elapsed, Ordering::SeqCst);
            assert_eq!(scene.judge(&[("cookie", &cookie)]).await, verdict, "after {elapsed} s");
        }
    }
}

#[tokio::test]
async fn a_new_secret_ends_what_the_old_one_signed_at_once() {
    let scene = Scene::with(&found(Some("ADMIN")));
    assert_eq!(scene.judge_cookie().await, Verdict::Allow);
    scene.secret.replace(SessionSecret::parse("another-secret-of-librechat-0123").unwrap());
    assert_eq!(scene.judge_cookie().await, Verdict::Deny(Reason::SessionInvalid));
}

#[test]
fn refuses_a_list_without_roles() {
    for text in ["", " ", ",", " , "] {
        assert!(Roles::parse(text).is_err(), "{text:?}");
    }
}

#[tokio::test]
async fn a_replaced_cookie_goes_on_for_twenty_minutes_after_it_was_made() {
    // Security review 12.
    let replaced =
        Found { token_hash: Some(TokenHash::of("the one that came after")), ..found(Some("ADMIN")) };
    let scene = Scene::with(&replaced);
    let claims = json!({"id": USER, "sessionId": SESSION, "iat": NOW, "exp": NOW + 7200});
    let cookie = format!("refreshToken={}", signed(&claims));
    for (elapsed, verdict) in [
        (0, Verdict::Allow),
        (1199, Verdict::Allow),
        (1200, Verdict::Deny(Reason::SessionRevoked)),
        (1201, Verdict::Deny(Reason::SessionRevoked)),
    ] {
        scene.elapsed.store(elapsed, Ordering::SeqCst);
        assert_eq!(scene.judge(&[("cookie", &cookie)]).await, verdict, "after {elapsed} s");
    }
}

#[tokio::test]
async fn what_is_asked_for_may_take_other_roles_and_the_role_is_told() {
    let scene = Scene::with(&found(None));
    let headers = HeaderMap::from_iter([(header::COOKIE, cookie().parse().unwrap())]);
    let roles = Roles::of(["USER"]).unwrap();
    let judge = async |roles| {
        let caller = Caller::new(None, &headers).unwrap().with_roles(roles);
        match scene.session.judge(&caller) {
            Judgement::Now(verdict) => (verdict, "at once"),
            Judgement::Later(pending) => (pending.await, "asked"),
        }
    };
    let user = || Verdict::AllowAs(Role::new("USER"));
    assert_eq!(judge(Some(&roles)).await, (user(), "asked"));
    assert_eq!(judge(Some(&roles)).await, (user(), "at once"));
    // What was believed for one thing opens nothing else.
    assert_eq!(judge(None).await, (Verdict::Deny(Reason::RoleNotAllowed), "asked"));
}
