//! What an organization can pile up is bounded by its plan.

use serde_json::{Value, json};
use tenon_api::http::limits::{Limits, Mode};
use tenon_tests::{Client, TestApp};

async fn on_plan(plan: &'static str) -> (TestApp, Client) {
    // Rate limits are not what this is about.
    let limits = Limits::new(Mode::Off, None).expect("no limits");
    let app = TestApp::start_with(limits).await;
    let acme = app.tenant("acme").await;
    sqlx::query("update tenon.tenants set plan = $2 where id = $1")
        .bind(acme.id.0)
        .bind(plan)
        .execute(&mut app.connect().await)
        .await
        .expect("a plan");
    (app, (*acme.admin()).clone())
}

/// Asks for more and more until it is refused; how often that was granted, and the refusal.
async fn until_refused(client: &Client, path: &str, body: impl Fn(i64) -> Value) -> (i64, Value) {
    for number in 0..100 {
        let answer = client.post(path, body(number)).await;
        if answer.status == 429 {
            return (number, answer.refused(429, "QUOTA_EXCEEDED").json());
        }
        assert!(answer.status.is_success(), "{answer}");
    }
    panic!("{path} is never refused");
}

#[tokio::test]
async fn what_is_piled_up_is_refused_at_the_plans_bound_and_shown_before() {
    let (_app, admin) = on_plan("free").await;
    let template = |number| json!({"name": format!("T{number}"), "options": {"object": "contacts"}});
    let (made, refused) = until_refused(&admin, "/import-templates", template).await;
    assert_eq!((made, &refused["details"]), (50, &json!({"quota": "importTemplates", "limit": "50"})));
    let (made, refused) = until_refused(&admin, "/exports", |_| json!({"object": "contacts"})).await;
    assert_eq!((made, &refused["details"]["quota"]), (20, &json!("exports")));
    let (made, refused) = until_refused(&admin, "/uploads", |_| json!({"bytes": 1_u64 << 30})).await;
    assert_eq!((made, &refused["details"]["quota"]), (2, &json!("uploadBytes")));
    let (made, refused) = until_refused(&admin, "/uploads", |_| json!({"bytes": 1})).await;
    assert_eq!(refused["details"]["quota"], if made == 0 { json!("uploadBytes") } else { json!("uploads") });
    let (made, refused) =
        until_refused(&admin, "/connection/pipelines", |number| json!({"name": format!("P{number}")})).await;
    assert_eq!((made, &refused["details"]["quota"]), (50, &json!("pipelines")));
    let (made, refused) =
        until_refused(&admin, "/webhooks", |_| json!({"url": "http://127.0.0.1:9/", "events": ["*"]})).await;
    assert_eq!((made, &refused["details"]["quota"]), (50, &json!("webhooks")));
    let limits: Value = admin.get("/limits").await.ok();
    let quota = |name: &str| {
        limits["quotas"]
            .as_array()
            .expect("quotas")
            .iter()
            .find(|quota| quota["quota"] == name)
            .cloned()
            .expect(name)
    };
    assert_eq!(quota("webhooks"), json!({"quota": "webhooks", "limit": 50, "used": 50}));
    assert_eq!(quota("importTemplates")["used"], 50);
}

#[tokio::test]
async fn no_race_goes_over_a_quota() {
    let (_app, admin) = on_plan("free").await;
    let key = |number: i64| json!({"name": format!("K{number}"), "scopes": ["contacts:read"]});
    let answers = futures::future::join_all((0..70).map(|number| admin.post("/api-keys", key(number)))).await;
    // One is the owner's own.
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 49);
    // What is revoked makes room.
    let keys: Vec<Value> = admin.get("/api-keys?pageSize=1").await.ok();
    admin.delete(&format!("/api-keys/{}", tenon_tests::factory::id(&keys[0]))).await.no_content();
    admin.post("/api-keys", key(99)).await.status(201);
    admin.post("/api-keys", key(99)).await.refused(429, "QUOTA_EXCEEDED");
}

#[tokio::test]
async fn keys_that_work_no_longer_are_bounded_and_go_after_a_month() {
    let (app, admin) = on_plan("free").await;
    let mut database = app.connect().await;
    let key = |number: i64| json!({"name": format!("K{number}"), "scopes": ["contacts:read"]});
    let first: Value = admin.post("/api-keys", key(0)).await.created();
    let path = format!("/api-keys/{}", tenon_tests::factory::id(&first));
    let rotated: Value = admin.post(&format!("{path}/rotate"), json!({})).await.created();
    admin.delete(&path).await.no_content();
    // As many as may be, with that one.
    let retired = "insert into tenon.api_keys (tenant_id, id, public_id, mode, name, secret_hash, last4, role, scopes, revoked_at,
                                               created_by, updated_by)
                   select k.tenant_id, gen_random_uuid(), lpad(n::text, 12, '0'), k.mode, k.name, k.secret_hash, k.last4, k.role, k.scopes,
                          now(), k.created_by, k.updated_by
                   from tenon.api_keys k cross join generate_series(1, 499) n where k.name = 'K0' and k.revoked_at is not null";
    sqlx::query(retired).execute(&mut database).await.expect("retired keys");
    let refused = admin.post("/api-keys", key(1)).await.refused(429, "QUOTA_EXCEEDED").json();
    assert_eq!(refused["details"], json!({"quota": "retiredApiKeys", "limit": "500"}));
    // What works can still be taken back, though nothing can be made.
    admin.delete(&format!("/api-keys/{}", tenon_tests::factory::id(&rotated))).await.no_content();

    sqlx::query("update tenon.api_keys set revoked_at = now() - interval '31 days' where id <> $1 and revoked_at is not null")
        .bind(tenon_tests::factory::id(&rotated).parse::<uuid::Uuid>().expect("an id"))
        .execute(&mut database)
        .await
        .expect("a month later");
    admin.post("/api-keys", key(2)).await.status(201);
    let left = "select count(*) from tenon.api_keys where revoked_at is not null";
    let left: i64 = sqlx::query_scalar(left).fetch_one(&mut database).await.expect("a number");
    assert_eq!(left, 1, "the one that was revoked just now, whose predecessor is gone");
}

#[tokio::test]
async fn slugs_are_not_changed_in_a_row() {
    let (app, admin) = on_plan("free").await;
    let organizations: Vec<Value> = admin.get("/organizations").await.ok();
    let path = format!("/organizations/{}", tenon_tests::factory::id(&organizations[0]));
    let mut taken = 0;
    let refused = loop {
        let answer = admin.patch(&path, json!({"slug": format!("acme-{taken}")})).await;
        if answer.status != 200 {
            break answer.refused(429, "QUOTA_EXCEEDED").json();
        }
        taken += 1;
    };
    // Its first one was taken today too.
    assert_eq!((taken, &refused["details"]["quota"]), (4, &json!("slugsOfDay")));
    admin.patch(&path, json!({"name": "Another name"})).await.status(200);
    drop(app);
}

#[tokio::test]
async fn the_plan_unlimited_and_lower_roles() {
    let (app, admin) = on_plan("unlimited").await;
    let limits: Value = admin.get("/limits").await.ok();
    assert_eq!(limits["quotas"][0], json!({"quota": "apiKeys", "limit": null, "used": 1}));
    drop(app);
    let app = TestApp::start().await;
    let limits: Value = app.tenant("acme").await.agent().await.get("/limits").await.ok();
    assert!(limits["quotas"].as_array().expect("quotas").iter().all(|quota| quota["used"].is_null()));
}

#[tokio::test]
async fn what_comes_back_is_counted_too() {
    let (app, admin) = on_plan("free").await;
    let pipeline = |number: i64| json!({"name": format!("P{number}")});
    let first: Value = admin.post("/connection/pipelines", pipeline(-1)).await.created();
    let first = format!("/connection/pipelines/{}", tenon_tests::factory::id(&first));
    admin.delete(&first).await.no_content();
    until_refused(&admin, "/connection/pipelines", pipeline).await;
    let refused = admin.post(&format!("{first}/restore"), json!({})).await.refused(429, "QUOTA_EXCEEDED");
    assert_eq!(refused.json()["details"], json!({"quota": "pipelines", "limit": "50"}));

    let key = |number: i64| json!({"name": format!("K{number}"), "scopes": ["contacts:read"]});
    let over = admin.post("/api-keys", key(-1)).await.status(201).json();
    let over = format!("/api-keys/{}", tenon_tests::factory::id(&over["data"]));
    let expire = "update tenon.api_keys set expires_at = now() - interval '1 minute' where name = 'K-1'";
    sqlx::query(expire).execute(&mut app.connect().await).await.expect("it expires");
    until_refused(&admin, "/api-keys", key).await;
    let refused = admin.patch(&over, json!({"expiresAt": null})).await.refused(429, "QUOTA_EXCEEDED");
    assert_eq!(refused.json()["details"]["quota"], "apiKeys");
    // What is over stays so, whatever else is changed.
    admin.patch(&over, json!({"name": "Over"})).await.status(200);
}

#[tokio::test]
async fn a_list_of_names_has_no_more_of_them_than_there_are() {
    let (_app, admin) = on_plan("unlimited").await;
    let many: Vec<String> = (0..50_000).map(|number| format!("contacts:{number}")).collect();
    let key = json!({"name": "K", "scopes": many});
    let refused = admin.post("/api-keys", key).await.refused(400, "VALIDATION_ERROR").json();
    assert_eq!(refused["errors"], json!([too_long("/scopes")]));
    let webhook = |events: Value| json!({"url": "http://127.0.0.1:9/", "events": events});
    let refused = admin.post("/webhooks", webhook(json!(many))).await.refused(400, "VALIDATION_ERROR").json();
    assert_eq!(refused["errors"], json!([too_long("/events")]));
}

fn too_long(pointer: &str) -> Value {
    json!({"pointer": pointer, "code": "TOO_LONG", "message": "Must have at most 100 items"})
}
