//! Who sees what of a timeline, and what reading one costs.

use serde_json::{Value, json};
use sqlx::{Executor, PgConnection};
use tenon_tests::{TestApp, factory};
use uuid::Uuid;

use super::{ACTIVITIES, CONTACTS, LEADS, link, read, timeline};

#[tokio::test]
async fn a_timeline_shows_what_the_caller_may_see() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (admin, ada, grace) = (acme.admin(), acme.agent().await, acme.agent().await);
    let contact: Value = ada.post(CONTACTS, factory::contact(1)).await.created();
    link(&ada, "contact", &contact, "of ada", "2026-01-02T00:00:00Z").await;
    link(&admin, "contact", &contact, "of the admin", "2026-01-01T00:00:00Z").await;
    assert_eq!(
        read(&admin, &timeline(CONTACTS, &contact)).await,
        ["contact.created", "of ada", "of the admin"]
    );
    assert_eq!(read(&ada, &timeline(CONTACTS, &contact)).await, ["contact.created", "of ada"]);
    grace.get(&timeline(CONTACTS, &contact)).await.refused(404, "NOT_FOUND");

    // Activities need their own permission; a CLIENT, and a key without the scope, see none.
    let key = acme.key(&["contacts:read"]).await;
    assert_eq!(read(&key, &timeline(CONTACTS, &contact)).await, ["contact.created"]);
    assert_eq!(
        read(&key, &format!("{}?types=activity", timeline(CONTACTS, &contact))).await,
        Vec::<String>::new()
    );
    let both = acme.key(&["contacts:read", "activities:read"]).await;
    assert_eq!(read(&both, &timeline(CONTACTS, &contact)).await.len(), 3);
    key.get(&timeline(LEADS, &contact)).await.refused(403, "INSUFFICIENT_SCOPE");
    let client = acme.client().await;
    admin
        .patch(&format!("{CONTACTS}/{}", factory::id(&contact)), json!({"userId": client.id}))
        .await
        .status(200);
    assert_eq!(read(&client, &timeline(CONTACTS, &contact)).await, ["contact.updated", "contact.created"]);
}

#[tokio::test]
async fn nothing_of_another_tenant_is_in_a_timeline() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let theirs: Value = globex.admin().post(CONTACTS, factory::contact(1)).await.created();
    link(&globex.admin(), "contact", &theirs, "theirs", "2026-01-01T00:00:00Z").await;
    acme.admin().get(&timeline(CONTACTS, &theirs)).await.refused(404, "NOT_FOUND");
    acme.admin().get(&timeline(CONTACTS, &json!({"id": Uuid::now_v7()}))).await.refused(404, "NOT_FOUND");
    assert_eq!(read(&globex.admin(), &timeline(CONTACTS, &theirs)).await.len(), 2);
}

/// The plan of a statement as the API's login gets it in a tenant.
async fn plan(connection: &mut PgConnection, tenant: Uuid, statement: &str) -> String {
    let enter = format!("set app.tenant_id = '{tenant}'; set app.rank = '3'");
    connection.execute(sqlx::AssertSqlSafe(enter)).await.expect("entered");
    let lines: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("explain {statement}")))
        .fetch_all(connection)
        .await
        .expect("a plan");
    lines.join("\n")
}

#[tokio::test]
async fn a_page_of_a_long_timeline_is_read_from_its_indexes() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let contacts = factory::contacts(&acme.admin(), 2).await;
    let mut connection = app.connect().await;
    for contact in &contacts {
        sqlx::query(
            "with made as (
                 insert into tenon.activities (tenant_id, id, kind, subject, occurred_at, created_at, created_by, updated_at, updated_by)
                 select $1, gen_random_uuid(), 'call', 'Call ' || n, now() - n * interval '1 minute', now(), 'system', now(), 'system'
                 from generate_series(1, 5000) n returning id, occurred_at
             )
             insert into tenon.activity_links (tenant_id, activity_id, contact_id, at) select $1, id, $2::uuid, occurred_at from made",
        )
        .bind(acme.id.0)
        .bind(factory::id(contact))
        .execute(&mut connection)
        .await
        .expect("activities");
        sqlx::query(
            "insert into tenon.events (tenant_id, id, type, object_type, object_id, object_version, body, context)
             select tenant_id, gen_random_uuid(), type, object_type, object_id, n, body, context
             from tenon.events e, generate_series(2, 5000) n where e.object_id = $1::uuid",
        )
        .bind(factory::id(contact))
        .execute(&mut connection)
        .await
        .expect("events");
    }
    connection
        .execute("vacuum analyze tenon.activities, tenon.activity_links, tenon.events")
        .await
        .expect("analyzed");
    let mut login =
        <PgConnection as sqlx::Connection>::connect(app.database().app_url()).await.expect("connected");
    let contact = factory::id(&contacts[0]);
    let activities = format!(
        "select a.id from (select l.activity_id, l.at from tenon.activity_links l
                           where l.tenant_id = '{0}' and l.contact_id = '{contact}' and l.deleted_at is null
                             and (l.at, l.activity_id) < (now(), 'ffffffff-ffff-ffff-ffff-ffffffffffff')) as linked
         join tenon.activities a on a.tenant_id = '{0}' and a.id = linked.activity_id
         where a.deleted_at is null and a.kind = any ('{{call}}')
         order by linked.at desc, linked.activity_id desc limit 21",
        acme.id
    );
    let shown = plan(&mut login, acme.id.0, &activities).await;
    assert!(shown.contains("activity_links_of_contact") && !shown.contains("Sort  ("), "{shown}");
    let events = format!(
        "select id, type, body from tenon.events where tenant_id = '{}' and object_id = '{contact}'
           and (cardinality('{{}}'::text[]) = 0 or type = any ('{{}}')) and id < 'ffffffff-ffff-ffff-ffff-ffffffffffff'
         order by id desc limit 21",
        acme.id
    );
    let shown = plan(&mut login, acme.id.0, &events).await;
    assert!(
        shown.contains("tenant_id_object_id_id") && !shown.contains("Seq Scan") && !shown.contains("Sort  ("),
        "{shown}"
    );
    let page: Vec<Value> =
        acme.admin().get(&format!("{}?limit=200", timeline(CONTACTS, &contacts[0]))).await.ok();
    assert_eq!(page.len(), 200);
    assert_eq!(acme.admin().get(&format!("{ACTIVITIES}?contactId={contact}&limit=1")).await.status(200).json()["data"].as_array().map(Vec::len), Some(1));
}
