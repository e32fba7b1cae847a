//! The organization's setting `requireIfMatch`: no change without the version that it is made to.

use serde_json::{Value, json};
use tenon_tests::{Tenant, TestApp, eventually};

use super::ALL;

async fn require(tenant: &Tenant, required: Value) {
    let path = format!("/organizations/{}", tenant.id);
    let any = tenant.admin().with_header("if-match", "*");
    any.patch(&path, json!({"settings": {"requireIfMatch": required}})).await.status(200);
}

/// Within the 5 seconds for which a credential is believed.
async fn takes_effect(client: &tenon_tests::Client, status: u16) {
    let path = format!("/connection/contacts/{}", uuid::Uuid::now_v7());
    eventually("the setting takes effect", async || {
        let answer = client.patch(&path, json!({})).await;
        if answer.status == status { Ok(()) } else { Err(answer.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn where_it_is_required_no_change_is_made_without_a_version() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (admin, ada) = (acme.admin(), acme.agent().await);
    let mut records = Vec::new();
    for of in ALL {
        records.push((of, of.create(&admin, 1).await));
    }
    require(&acme, json!(true)).await;
    // An API key, and an access token.
    takes_effect(&admin, 428).await;
    takes_effect(&ada, 428).await;
    for (of, record) in &records {
        let (path, by) = (of.of(record), of.by(record));
        let body = of.short(1, "Changed");
        for answer in [
            admin.put(&path, body.clone()).await,
            admin.patch(&path, json!({of.text: "Changed"})).await,
            admin.delete(&path).await,
            admin.put(&by, body.clone()).await,
            admin.patch(&by, json!({of.text: "Changed"})).await,
            admin.delete(&by).await,
            // It says what must not be there, and not which version is to be changed.
            admin.with_header("if-none-match", "*").patch(&path, json!({of.text: "Changed"})).await,
            admin.with_header("if-none-match", "*").put(&path, body.clone()).await,
        ] {
            answer.refused(428, "PRECONDITION_REQUIRED");
        }
        assert_eq!(admin.get(&path).await.ok::<Value>(), *record, "{of:?}: reading needs none");
        admin
            .with_header("if-match", "\"v7\"")
            .put(&path, body.clone())
            .await
            .refused(412, "VERSION_CONFLICT");
        admin.with_header("if-match", "\"v1\"").put(&path, body.clone()).await.status(200);
        admin.with_header("if-match", "*").patch(&by, json!({of.text: "Again"})).await.status(200);
        // What may only create overwrites nothing.
        let new = of.short(2, "New");
        admin.with_header("if-none-match", "*").put(&of.by(&new), new.clone()).await.status(201);
        of.create(&admin, 3).await;
        admin.with_header("if-match", "*").delete(&path).await.no_content();
        admin.post(&of.act(record, "restore"), json!({})).await.status(200);
    }
    // Without the permission that is the answer, whatever else is missing.
    let clientele = acme.client().await;
    clientele.patch(&format!("/organizations/{}", acme.id), json!({})).await.refused(403, "ROLE_TOO_LOW");
    // It is the organization's own affair, and can be undone.
    globex
        .admin()
        .patch(&format!("/organizations/{}", globex.id), json!({"name": "Globex"}))
        .await
        .status(200);
    require(&acme, Value::Null).await;
    takes_effect(&admin, 404).await;
    takes_effect(&ada, 404).await;
}

#[tokio::test]
async fn the_setting_is_true_or_false() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let path = format!("/organizations/{}", acme.id);
    for wrong in [json!("true"), json!(1), json!({})] {
        let body = json!({"settings": {"requireIfMatch": wrong}});
        let refused = acme.admin().patch(&path, body).await.refused(400, "VALIDATION_ERROR").json();
        assert!(refused["details"]["settings.requireIfMatch"].is_string(), "{refused}");
    }
    require(&acme, json!(false)).await;
    let shown: Value = acme.admin().get(&path).await.ok();
    assert_eq!(shown["settings"], json!({"requireIfMatch": false}));
    acme.admin().patch(&path, json!({"name": "Acme"})).await.status(200);
}
