//! Purging, and what deletions are marked with.

use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_tests::{TestApp, factory};
use uuid::Uuid;

use super::CONTACTS;

fn path(contact: &Value) -> String {
    format!("{CONTACTS}/{}", factory::id(contact))
}

async fn delete_batch(behind: &mut PgConnection, contact: &Value) -> Option<Uuid> {
    sqlx::query_scalar("select delete_batch_id from tenon.contacts where id = $1::uuid")
        .bind(factory::id(contact))
        .fetch_one(behind)
        .await
        .expect("a row")
}

#[tokio::test]
async fn a_deleted_contact_is_removed_for_good() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let mut behind = app.connect().await;
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    let purge = format!("{}/purge", path(&contact));
    admin.post(&purge, json!({})).await.refused(409, "STATE_CONFLICT");
    admin.delete(&path(&contact)).await.no_content();
    let stale = admin.with_header("if-match", "\"v1\"").post(&purge, json!({})).await;
    assert_eq!(stale.refused(412, "VERSION_CONFLICT").json()["details"]["currentVersion"], "2");
    let keyed = admin.with_header("idempotency-key", "purge");
    keyed.post(&purge, json!({})).await.no_content();
    let again = keyed.post(&purge, json!({})).await.no_content();
    assert_eq!(again.header("idempotent-replayed"), "true");
    admin.post(&purge, json!({})).await.refused(404, "NOT_FOUND");
    admin.post(&format!("{}/restore", path(&contact)), json!({})).await.refused(404, "NOT_FOUND");
    let rows: i64 = sqlx::query_scalar("select count(*) from tenon.contacts")
        .fetch_one(&mut behind)
        .await
        .expect("counted");
    assert_eq!(rows, 0);
    let events = crate::log::events(&mut behind, factory::id(&contact)).await;
    let types: Vec<&str> = events.iter().map(|event| event.r#type.as_str()).collect();
    assert_eq!(types, ["contact.created", "contact.deleted", "contact.purged"]);
    let last = events[2].json();
    assert_eq!((&last["object"]["version"], &last["data"]["name"]), (&json!(3), &contact["name"]));
    assert_eq!(last["changedFields"], json!([]));
}

#[tokio::test]
async fn the_last_state_of_what_is_purged_is_shown_where_it_is_preferred() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    admin.delete(&path(&contact)).await.no_content();
    let shown = admin.with_header("prefer", "return=representation");
    let last: Value = shown.post(&format!("{}/purge", path(&contact)), json!({})).await.ok();
    assert_eq!((&last["id"], &last["version"]), (&contact["id"], &json!(3)));
}

#[tokio::test]
async fn only_those_who_may_delete_purge_and_only_what_they_see() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (admin, ada) = (acme.admin(), acme.agent().await);
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    admin.delete(&path(&contact)).await.no_content();
    let purge = format!("{}/purge", path(&contact));
    acme.key(&["contacts:write"]).await.post(&purge, json!({})).await.refused(403, "INSUFFICIENT_SCOPE");
    ada.post(&purge, json!({})).await.refused(404, "NOT_FOUND");
    admin.post(&purge, json!({})).await.no_content();
}

#[tokio::test]
async fn each_deletion_is_a_batch_that_ends_with_the_restore() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let mut behind = app.connect().await;
    let contacts = factory::contacts(&admin, 3).await;
    assert_eq!(delete_batch(&mut behind, &contacts[0]).await, None);
    admin.delete(&path(&contacts[0])).await.no_content();
    let items = json!({"items": [{"id": contacts[1]["id"]}, {"id": contacts[2]["id"]}]});
    admin.post(&format!("{CONTACTS}/batch/delete"), items).await.status(200);
    let mut batches = Vec::new();
    for contact in &contacts {
        batches.push(delete_batch(&mut behind, contact).await.expect("a batch"));
    }
    batches.dedup();
    assert_eq!(batches.len(), 3, "records of which none hangs on another");
    admin.post(&format!("{}/restore", path(&contacts[1])), json!({})).await.status(200);
    assert_eq!(delete_batch(&mut behind, &contacts[1]).await, None);
    for (at, contact) in contacts.iter().enumerate() {
        let expected = if at == 1 { 200 } else { 404 };
        admin.get(&path(contact)).await.status(expected);
    }
}
