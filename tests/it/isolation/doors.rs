//! A door beside the door: what acts on records of a kind, or shows them, asks for that kind's own permission, whatever its path is.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tenon_common::role::Permission;
use tenon_tests::{Client, Tenant, TestApp, eventually};

use super::entries::{Needs, beside};
use super::operation::operations;
use super::records::{Records, key_with, records};
use crate::conventions::{ALL, Resource};

/// All permissions but these.
fn all_but(left_out: &[&str]) -> Vec<&'static str> {
    let names = Permission::ALL.into_iter().map(Permission::name);
    names.filter(|name| !left_out.contains(name)).collect()
}

#[tokio::test]
async fn what_an_operation_takes_beside_its_own_permission_is_asked_for() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let records = records(&app, &acme).await;
    let mut tried = BTreeSet::new();
    for operation in operations() {
        let Needs::Scope(own) = operation.needs else { continue };
        for lacked in beside(&operation.id).into_iter().filter(|permission| *permission != own) {
            let key = key_with(&acme, &all_but(&[lacked])).await;
            let refused = operation.call(&app, &key, &records).await.refused(403, "INSUFFICIENT_SCOPE");
            assert_eq!(refused.json()["details"], json!({"required": lacked}), "{}", operation.id);
            tried.insert(operation.id.clone());
        }
    }
    assert!(tried.len() > 15, "{tried:?}");
}

/// What is a kind's own, and nothing else's.
struct Own {
    of: Resource,
    key: String,
    text: String,
}

async fn own(acme: &Tenant, records: &Records, of: Resource) -> Own {
    let permissions = ["read", "write", "delete"].map(|verb| format!("{}:{verb}", of.records));
    let key = key_with(acme, &all_but(&permissions.each_ref().map(String::as_str))).await;
    let text = records.whole[of.records][of.text].as_str().expect("a text").to_owned();
    Own { of, key, text }
}

async fn versions(app: &TestApp, of: Resource) -> Vec<String> {
    let rows = format!(
        "select id::text || version || coalesce(deleted_at::text, '') from tenon.{} order by 1",
        of.records
    );
    let rows = sqlx::query_scalar(sqlx::AssertSqlSafe(rows));
    rows.fetch_all(&mut app.connect().await).await.expect("rows")
}

/// Derived from the document alone: with every permission but those of a kind no answer has its records, and none of them changes.
#[tokio::test]
async fn with_all_but_a_kinds_permissions_its_records_are_neither_shown_nor_changed() {
    // Each has the tenant or the key gone, for all that follow.
    const LAST: [&str; 4] = ["delete_organization", "revoke_own_api_key", "revoke_api_key", "create_login"];
    let app = TestApp::start().await;
    for of in ALL {
        let acme = app.tenant(&format!("without-{}", of.records)).await;
        let records = records(&app, &acme).await;
        let own = own(&acme, &records, of).await;
        let before = versions(&app, of).await;
        let (reads, writes): (Vec<_>, Vec<_>) =
            operations().into_iter().partition(|operation| operation.method == "GET");
        for operation in
            reads.iter().chain(&writes).filter(|operation| !LAST.contains(&operation.id.as_str()))
        {
            let answer = operation.call(&app, &own.key, &records).await;
            let shows = answer.status.is_success() && answer.text().contains(&own.text);
            assert!(!shows, "{} shows {}: {answer}", operation.id, own.of.records);
            assert_eq!(versions(&app, of).await, before, "{} changes {}", operation.id, of.records);
        }
    }
}

#[tokio::test]
async fn the_feed_leaves_out_what_one_may_not_read_and_refuses_what_one_names() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let _: Value = admin.post("/connection/contacts", json!({"name": "Ada"})).await.created();
    let _: Value = admin.post("/connection/companies", json!({"name": "Engines"})).await.created();
    let types = async |client: &Client, query: &str| {
        let events: Vec<Value> = client.get(&format!("/changes?limit=1000{query}")).await.ok();
        events.iter().map(|event| event["type"].as_str().expect("a type").to_owned()).collect::<BTreeSet<_>>()
    };
    // An event is there once all that began before it is over.
    eventually("the feed has what happened", async || {
        let all = types(&admin, "").await;
        let there =
            ["contact.created", "company.created", "api_key.created"].iter().all(|name| all.contains(*name));
        if there { Ok(()) } else { Err(format!("{all:?}")) }
    })
    .await;
    let contacts = acme.key(&["changes:read", "contacts:read"]).await;
    assert_eq!(types(&contacts, "").await, BTreeSet::from(["contact.created".to_owned()]));
    assert_eq!(types(&contacts, "&types=contact.*").await, BTreeSet::from(["contact.created".to_owned()]));
    for named in
        ["company.*", "company.created", "contact.created,lead.deleted", "api_key.created", "association.*"]
    {
        contacts.get(&format!("/changes?types={named}")).await.refused(403, "INSUFFICIENT_SCOPE");
    }
    assert_eq!(types(&acme.key(&["changes:read"]).await, "").await, BTreeSet::new());
}

#[tokio::test]
async fn leads_are_moved_by_who_may_change_leads() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let records = records(&app, &acme).await;
    let pipeline = format!("/connection/pipelines/{}", records.id("pipelines"));
    let moved = format!("moveTo={}", records.stage());
    let key = acme.key(&["pipelines:*"]).await;
    for answer in [
        key.delete(&format!("{pipeline}?{moved}")).await,
        key.delete(&format!("{pipeline}/stages/{}?{moved}", records.stage())).await,
        key.patch(&format!("{pipeline}?{moved}"), json!({"name": "B"})).await,
    ] {
        let refused = answer.refused(403, "INSUFFICIENT_SCOPE");
        assert_eq!(refused.json()["details"], json!({"required": "leads:write"}));
    }
    key.patch(&pipeline, json!({"name": "B"})).await.status(200);
}

#[tokio::test]
async fn a_webhook_is_stopped_by_who_may_not_read_what_it_sends() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let webhook = json!({"url": "http://127.0.0.1:9/hook", "events": ["contact.created"]});
    let webhook: Value = acme.admin().post("/webhooks", webhook).await.created();
    let path = format!("/webhooks/{}", tenon_tests::factory::id(&webhook));
    let key = acme.key(&["webhooks:*"]).await;
    key.patch(&path, json!({"url": "http://127.0.0.1:9/mine"})).await.refused(403, "INSUFFICIENT_SCOPE");
    key.patch(&path, json!({"active": false, "url": "http://127.0.0.1:9/mine"}))
        .await
        .refused(403, "INSUFFICIENT_SCOPE");
    key.patch(&path, json!({"active": false})).await.status(200);
    key.post(&format!("{path}/enable"), Value::Null).await.refused(403, "INSUFFICIENT_SCOPE");
    let stopped: Value = key.get(&path).await.ok();
    assert_eq!((&stopped["active"], &stopped["url"]), (&json!(false), &webhook["url"]));
}

#[tokio::test]
async fn the_audit_trail_says_what_changed_to_who_may_read_it() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let entry = "insert into tenon.audit_events
                     (tenant_id, id, at, action, category, actor_kind, outcome, resource_type, resource_id, changes)
                 values ($1, $2, now(), 'contact.created', 'records', 'system', 'succeeded', 'contact', $2,
                         '{\"before\": null, \"after\": {\"name\": \"Ada\"}}')";
    let id = uuid::Uuid::now_v7();
    let entry = sqlx::query(entry).bind(acme.id.0).bind(id);
    entry.execute(&mut app.connect().await).await.expect("an entry");
    let (blind, seeing) = (acme.key(&["audit:read"]).await, acme.key(&["audit:read", "contacts:read"]).await);
    for path in ["/audit-events".to_owned(), "/audit-events/export".to_owned(), format!("/audit-events/{id}")]
    {
        let (hidden, shown) = (blind.get(&path).await.status(200), seeing.get(&path).await.status(200));
        assert!(!hidden.text().contains("Ada") && hidden.text().contains("contact.created"), "{hidden}");
        assert!(shown.text().contains("Ada"), "{shown}");
    }
}
