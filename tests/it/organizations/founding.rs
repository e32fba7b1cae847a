//! Who is ADMIN of one organization founds another.

use serde_json::{Value, json};
use tenon_common::account::tenant::Founders;
use tenon_common::role::Role;
use tenon_tests::app::PASSWORD;
use tenon_tests::{TestApp, factory};

const PATH: &str = "/organizations";

#[tokio::test]
async fn who_founds_an_organization_is_its_admin_at_once() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person(Role::Admin).await;
    let body = json!({"name": "Ada & Sons", "settings": {"timeZone": "Europe/Vienna"}});
    let answer = ada.post(PATH, body).await.status(201);
    let founded: Value = answer.data();
    assert_eq!((&founded["slug"], &founded["plan"]), (&json!("ada-sons"), &json!("free")));
    assert_eq!(founded["settings"], json!({"timeZone": "Europe/Vienna"}));
    assert_eq!(answer.header("location"), format!("/api/v1/organizations/{}", factory::id(&founded)));
    // The token goes on being the other organization's.
    ada.get(&format!("{PATH}/{}", factory::id(&founded))).await.refused(404, "NOT_FOUND");
    let login = json!({"email": ada.email, "password": PASSWORD, "organization": "ada-sons"});
    let login: Value = app.anonymous().post("/auth/login", login).await.ok();
    let there = app.with(login["accessToken"].as_str().expect("a token"));
    let seen: Value = there.get(&format!("{PATH}/{}", factory::id(&founded))).await.ok();
    assert_eq!(seen["name"], "Ada & Sons");
    let _: Value = there.post("/connection/contacts", json!({"name": "Grace"})).await.created();
    assert_eq!(ada.get("/connection/contacts").await.status(200).json()["data"], json!([]));
    let events: Vec<String> =
        sqlx::query_scalar("select type from tenon.events where tenant_id = $1::uuid order by id")
            .bind(factory::id(&founded))
            .fetch_all(&mut app.connect().await)
            .await
            .expect("events");
    assert_eq!(events, ["tenant.created", "user.joined", "contact.created"]);
    let limits: Value = there.get("/limits").await.ok();
    assert_eq!(limits["plan"], "free");
}

#[tokio::test]
async fn a_user_founds_five_and_no_race_makes_a_sixth() {
    let app = TestApp::start().await;
    let ada = app.tenant("acme").await.person(Role::Admin).await;
    let founded = futures::future::join_all(
        (0..8).map(|number| ada.post(PATH, json!({"name": format!("Org {number}")}))),
    )
    .await;
    let made = founded.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 5, "{founded:?}");
    let refused = ada.post(PATH, json!({"name": "One more"})).await.refused(429, "QUOTA_EXCEEDED").json();
    assert_eq!(refused["details"], json!({"quota": "foundedOrganizations", "limit": "5"}));
}

#[tokio::test]
async fn neither_keys_nor_who_is_admin_nowhere_found_one() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let body = json!({"name": "New"});
    for client in [&*acme.admin(), &*acme.agent().await, &*acme.client().await] {
        let refused = client.post(PATH, body.clone()).await.refused(403, "FORBIDDEN").json();
        assert!(refused["details"]["reason"].is_string(), "{refused}");
    }
    // An AGENT here who is ADMIN elsewhere may.
    let elsewhere = app.tenant("globex").await.member("ada@example.com", Role::Admin).await;
    let here = acme.member("ada@example.com", Role::Agent).await;
    assert_eq!(elsewhere.id, here.id);
    here.post(PATH, body).await.status(201);

    let closed = TestApp::start_as(|app| app.founders = Founders::Nobody).await;
    let ada = closed.tenant("acme").await.person(Role::Admin).await;
    ada.post(PATH, json!({"name": "New"})).await.refused(403, "FORBIDDEN");
}

#[tokio::test]
async fn slugs_and_repeated_requests_are_as_everywhere() {
    let app = TestApp::start().await;
    let ada = app.tenant("acme").await.person(Role::Admin).await;
    for (slug, status, code) in
        [("acme", 409, "SLUG_TAKEN"), ("api", 400, "VALIDATION_ERROR"), ("A b", 400, "VALIDATION_ERROR")]
    {
        ada.post(PATH, json!({"name": "New", "slug": slug})).await.refused(status, code);
    }
    ada.post(PATH, json!({"name": " "})).await.refused(400, "VALIDATION_ERROR");
    let once = ada.with_header("idempotency-key", "found");
    let (first, again) = (
        once.post(PATH, json!({"name": "New"})).await.status(201),
        once.post(PATH, json!({"name": "New"})).await.status(201),
    );
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(first.data::<Value>(), again.data::<Value>());
    once.post(PATH, json!({"name": "Another"})).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
}
