//! The list of deliveries by status, type, object and time; and what is too much for a request.

use serde_json::{Value, json};
use tenon_tests::{Client, TestApp, factory};

/// A webhook whose deliveries are those of two contacts, one of them changed, and of a company.
async fn filled(app: &TestApp) -> (Client, String, Value) {
    let tenant = app.tenant("acme").await;
    let admin = tenant.admin();
    let webhook = factory::id(&factory::webhook(&admin).await).to_owned();
    let contacts = factory::contacts(&admin, 2).await;
    let changed = format!("/connection/contacts/{}", factory::id(&contacts[0]));
    let _: Value = admin.patch(&changed, json!({"title": "Countess"})).await.ok();
    factory::companies(&admin, 1).await;
    sqlx::query(
        "insert into tenon.deliveries (tenant_id, webhook_id, event_id, id, event_type, status)
         select tenant_id, $2::uuid, id, gen_random_uuid(), type, case type when 'contact.updated' then 'failed' else 'delivered' end
         from tenon.events where tenant_id = $1 and object_type in ('contact', 'company')",
    )
    .bind(tenant.id.0)
    .bind(&webhook)
    .execute(&mut app.connect().await)
    .await
    .expect("deliveries");
    let client = Client::new(&format!("{}/api/v1", app.url())).with_bearer(&admin.credential);
    (client, format!("/webhooks/{webhook}/events"), contacts[0].clone())
}

async fn types(client: &Client, list: &str) -> Vec<String> {
    let rows: Vec<Value> = client.get(list).await.ok();
    rows.iter().map(|row| row["event"].as_str().expect("a type").to_owned()).collect()
}

#[tokio::test]
async fn deliveries_are_found_by_what_happened_to_what_and_when() {
    let app = TestApp::start().await;
    let (client, list, contact) = filled(&app).await;
    let contact = factory::id(&contact);
    let updated = ["contact.updated"];
    for (query, expected) in [
        ("", &["company.created", "contact.updated", "contact.created", "contact.created"][..]),
        ("?type=contact.updated", &updated),
        ("?type=contact.*&status=failed", &updated),
        ("?type=company.created,%20contact.updated", &["company.created", "contact.updated"]),
        ("?objectType=company", &["company.created"]),
        ("?objectType=company&type=contact.*", &[]),
        (&format!("?objectId={contact}"), &["contact.updated", "contact.created"]),
        (&format!("?objectId={contact}&status=failed&since=2020-01-01T00:00:00Z"), &updated),
        ("?since=2999-01-01T00:00:00Z", &[]),
        ("?until=2020-01-01T00:00:00Z", &[]),
        ("?since=2020-01-01T00:00:00Z&until=2999-01-01T00:00:00Z&type=company.*", &["company.created"]),
    ] {
        assert_eq!(types(&client, &format!("{list}{query}")).await, expected, "{query}");
    }
    // By cursor, and counted.
    let first = client.get(&format!("{list}?objectId={contact}&limit=1")).await.status(200).json();
    let cursor = first["pagination"]["nextCursor"].as_str().expect("more follow").to_owned();
    let second = format!("{list}?objectId={contact}&limit=1&cursor={cursor}");
    assert_eq!(types(&client, &second).await, ["contact.created"]);
    client.get(&format!("{list}?limit=1&cursor={cursor}")).await.status(400);
    let counted = client.get(&format!("{list}?type=contact.*&page=1&pageSize=2")).await.status(200).json();
    assert_eq!(
        (&counted["pagination"]["total"], &counted["data"][0]["event"]),
        (&json!(3), &json!("contact.updated"))
    );
    for (query, parameter) in [
        ("type=contact.made", "type"),
        ("type=", "type"),
        ("objectType=table", "objectType"),
        ("since=today", "since"),
        ("since=2026-01-01T00:00:00Z&until=2025-01-01T00:00:00Z", "until"),
    ] {
        let refused = client.get(&format!("{list}?{query}")).await.refused(400, "VALIDATION_ERROR");
        assert!(refused.json()["details"][parameter].is_string(), "{query}: {refused}");
    }
}

#[tokio::test]
async fn more_than_a_thousand_are_for_a_replay() {
    let app = TestApp::start().await;
    let (client, list, _) = filled(&app).await;
    let many = "insert into tenon.deliveries (tenant_id, webhook_id, event_id, id, event_type, status)
                select d.tenant_id, d.webhook_id, tenon.first_event_id(now() - n * interval '1 minute'), gen_random_uuid(), d.event_type, 'failed'
                from tenon.deliveries d, generate_series(1, 1001) n where d.status = 'failed'";
    sqlx::query(many).execute(&mut app.connect().await).await.expect("deliveries");
    let refused = client.post(&format!("{list}/resend"), json!({})).await.refused(409, "STATE_CONFLICT");
    assert!(refused.json()["error"].as_str().is_some_and(|words| words.contains("replay")), "{refused}");
    // Their events are not kept: of those nothing is sent, and it is told.
    let preview = list.replace("/events", "/replay/preview");
    let preview: Value = client.post(&preview, json!({"since": "2020-01-01T00:00:00Z"})).await.ok();
    assert_eq!((&preview["selected"], &preview["gone"]), (&json!(1), &json!(1001)), "{preview}");
}
