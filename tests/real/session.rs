//! LibreChat's own login as a way in: users and sessions as LibreChat writes them into a real MongoDB, cookies signed as
//! it signs them.

use std::time::Duration;

use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};

use crate::exporter::Exporter;
use crate::http::{self, Response};
use crate::login::{SECRET, Visitor, cookie, hash, now, sign, sign_at, sign_in, sign_in_to};
use crate::mongod::{DATABASE, Mongod, READER};
use crate::replica_set::ReplicaSet;
use crate::servers::eventually;

const LOGIN: &str = "https://chat.example.com/login";
const BROWSER: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");

/// A LibreChat where people sign in, and an exporter that may only read its database.
struct Site {
    mongod: Mongod,
    exporter: Exporter,
}

impl Site {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(more: &[(&str, &str)]) -> Self {
        let mongod = Mongod::start_guarded().await;
        let uri = mongod.uri_as(READER);
        let mut settings =
            vec![("MONGO_URI", &*uri), ("JWT_REFRESH_SECRET", SECRET), ("METRICS_SESSION_LOGIN_URL", LOGIN)];
        settings.extend(more);
        let exporter = Exporter::serve(&settings).await;
        exporter.until_status("/health", 200).await;
        Self { mongod, exporter }
    }

    async fn sign_in(&self, role: Option<&str>) -> Visitor {
        sign_in(&self.mongod, role).await
    }

    fn collection(&self, name: &str) -> mongodb::Collection<Document> {
        self.mongod.client().database(DATABASE).collection(name)
    }

    async fn show(&self, cookie: &str, more: &[(&str, &str)]) -> Response {
        let mut headers = vec![("Cookie", cookie)];
        headers.extend(more);
        http::get(self.exporter.port, "/metrics", &headers).await.unwrap()
    }
}

#[tokio::test]
async fn an_administrator_gets_in_and_others_do_not() {
    let site = Site::start().await;
    let administrator = site.sign_in(Some("ADMIN")).await;
    let answer = site.show(&administrator.cookie, &[]).await;
    assert_eq!(answer.status, 200, "{}", site.exporter.process.output());
    assert!(answer.text().contains("librechat_up"));
    for role in [Some("USER"), Some("admin"), None] {
        let visitor = site.sign_in(role).await;
        let answer = site.show(&visitor.cookie, &[BROWSER]).await;
        assert_eq!(answer.status, 403, "{role:?}: signing in again would change nothing");
    }
    let forged = sign(ObjectId::new(), administrator.session, "another-secret-of-the-test-0123456789");
    assert_eq!(site.show(&cookie(&forged), &[]).await.status, 401);
    let someone_elses = sign(ObjectId::new(), administrator.session, SECRET);
    assert_eq!(site.show(&cookie(&someone_elses), &[]).await.status, 401);
    let wrong = [("Authorization", "Bearer something-that-nobody-configured")];
    assert_eq!(site.show(&administrator.cookie, &wrong).await.status, 401, "a bad credential beside it");
}

#[tokio::test]
async fn who_signed_out_or_ran_out_of_time_is_out() {
    let site = Site::start().await;
    let signed_out = site.sign_in(Some("ADMIN")).await;
    site.collection("sessions").delete_one(doc! { "_id": signed_out.session }).await.unwrap();
    assert_eq!(site.show(&signed_out.cookie, &[]).await.status, 401);

    let expired = site.sign_in(Some("ADMIN")).await;
    let passed = DateTime::from_system_time(now() - Duration::from_secs(1));
    let update = doc! { "$set": { "expiration": passed } };
    site.collection("sessions").update_one(doc! { "_id": expired.session }, update).await.unwrap();
    assert_eq!(site.show(&expired.cookie, &[]).await.status, 401);

    let leaving = site.sign_in(Some("ADMIN")).await;
    let session = site.collection("sessions").find_one(doc! { "_id": leaving.session }).await.unwrap();
    let user = session.unwrap().get_object_id("user").unwrap();
    let update = doc! { "$set": { "agentTriggerDeletionStartedAt": DateTime::now() } };
    site.collection("users").update_one(doc! { "_id": user }, update).await.unwrap();
    assert_eq!(site.show(&leaving.cookie, &[]).await.status, 401);
}

#[tokio::test]
async fn review_7_signing_out_holds_where_a_secondary_lags_and_no_majority_knows_of_it() {
    let set = ReplicaSet::start_with_arbiter().await;
    let (primary, secondary) = (&set.members[0], &set.members[1]);
    let (gone, demoted) = (sign_in(primary, Some("ADMIN")).await, sign_in(primary, Some("ADMIN")).await);
    let stays = sign_in(primary, Some("ADMIN")).await;
    let collection =
        |mongod: &Mongod, name: &str| mongod.client().database(DATABASE).collection::<Document>(name);
    eventually("the secondary has the sessions", async || {
        let count = collection(secondary, "sessions").count_documents(doc! {}).await.unwrap_or_default();
        if count == 3 { Ok(()) } else { Err(count.to_string()) }
    })
    .await;
    let uri = set.uri();
    let exporter = Exporter::serve(&[("MONGO_URI", &uri), ("JWT_REFRESH_SECRET", SECRET)]).await;
    exporter.until_status("/health", 200).await;
    set.hold_back(1).await;
    collection(primary, "sessions").delete_one(doc! { "_id": gone.session }).await.unwrap();
    let role = doc! { "$set": { "role": "USER" } };
    collection(primary, "users").update_one(doc! { "_id": demoted.user }, role).await.unwrap();
    let show = async |cookie: &str| {
        http::get(exporter.port, "/metrics", &[("Cookie", cookie)]).await.unwrap().status
    };
    // Several times: which member is asked must not be a matter of chance.
    for _ in 0..5 {
        assert_eq!(show(&gone.cookie).await, 401);
        assert_eq!(show(&demoted.cookie).await, 403);
    }
    assert_eq!(show(&stays.cookie).await, 200);
}

#[tokio::test]
async fn nobody_gets_in_while_mongodb_is_down() {
    let mut site = Site::start().await;
    let visitor = site.sign_in(Some("ADMIN")).await;
    // Not killed: a killed MongoDB may forget a session of a moment ago.
    site.mongod.terminate().await;
    let answer = site.show(&visitor.cookie, &[BROWSER]).await;
    assert_eq!(answer.status, 503);
    assert!(answer.headers.iter().all(|(name, _)| name != "www-authenticate" && name != "location"));
    site.mongod.restart().await;
    site.exporter.until_status("/health", 200).await;
    assert_eq!(site.show(&visitor.cookie, &[]).await.status, 200, "{}", site.exporter.process.output());
}

#[tokio::test]
async fn a_browser_is_sent_to_sign_in_and_a_scraper_is_not() {
    let site = Site::start().await;
    let signed_out = site.sign_in(Some("ADMIN")).await;
    site.collection("sessions").delete_one(doc! { "_id": signed_out.session }).await.unwrap();
    for cookie in ["lang=en-US", &signed_out.cookie] {
        let sent = site.show(cookie, &[BROWSER]).await;
        assert_eq!((sent.status, sent.header("location")), (302, Some(LOGIN)));
        let refused = site.show(cookie, &[("Accept", "text/plain;version=0.0.4")]).await;
        assert_eq!((refused.status, refused.header("location")), (401, None));
        let refused = site.show(cookie, &[BROWSER, ("Authorization", "Bearer unknown-to-all")]).await;
        assert_eq!((refused.status, refused.header("location")), (401, None));
    }
}

#[tokio::test]
async fn the_administrator_of_another_tenant_does_not_get_in() {
    // Security review 2.
    let site = Site::start_with(&[("TENANT_ID", "tenant-a")]).await;
    let admin = Some("ADMIN");
    let cases = [(Some("tenant-a"), 200), (Some("tenant-b"), 403), (Some("Tenant-A"), 403), (None, 403)];
    for (tenant, status) in cases {
        let visitor = sign_in_to(&site.mongod, admin, tenant).await;
        assert_eq!(site.show(&visitor.cookie, &[]).await.status, status, "{tenant:?}");
        assert_eq!(site.show(&visitor.cookie, &[]).await.status, status, "{tenant:?}, again");
    }
    // The user alone, or the session alone, is not enough.
    for collection in ["users", "sessions"] {
        let visitor = sign_in_to(&site.mongod, admin, Some("tenant-a")).await;
        let id = if collection == "users" { visitor.user } else { visitor.session };
        let moved = doc! { "$set": { "tenantId": "tenant-b" } };
        site.collection(collection).update_one(doc! { "_id": id }, moved).await.unwrap();
        assert_eq!(site.show(&visitor.cookie, &[]).await.status, 403, "{collection}");
    }
    site.exporter.until_logged(&["tenant_not_allowed"]).await;
}

#[tokio::test]
async fn a_cookie_that_librechat_replaced_goes_on_only_while_it_is_young() {
    // Security review 12, F6.
    let site = Site::start().await;
    let minutes = |minutes: u64| now() - Duration::from_secs(60 * minutes);
    for (age, replaced, status) in [(60, false, 200), (0, true, 200), (18, true, 200), (21, true, 401)] {
        let visitor = site.sign_in(Some("ADMIN")).await;
        let token = sign_at(minutes(age), visitor.user, visitor.session, SECRET);
        let current = if replaced { "the one that came after" } else { &token };
        let update = doc! { "$set": { "refreshTokenHash": hash(current) } };
        site.collection("sessions").update_one(doc! { "_id": visitor.session }, update).await.unwrap();
        let answer = site.show(&cookie(&token), &[]).await;
        assert_eq!(answer.status, status, "{age} minutes, replaced: {replaced}");
    }
}

#[tokio::test]
async fn a_login_that_hangs_up_while_mongodb_is_asked_is_decided_all_the_same() {
    // Security review 1.
    let token = "a-token-of-at-least-sixteen-characters";
    let site = Site::start_with(&[("METRICS_BEARER_TOKEN", token)]).await;
    let visitor = site.sign_in(Some("ADMIN")).await;
    site.mongod.signal("STOP");
    let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n", visitor.cookie);
    http::send_and_leave(site.exporter.port, &request).await;
    site.exporter.until_logged(&["refused a request", "session", "unavailable"]).await;
    site.mongod.signal("CONT");
}
