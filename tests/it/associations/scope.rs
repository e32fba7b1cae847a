//! Who sees and makes associations: below ADMIN who sees an end, and nobody of another tenant.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tenon_tests::{TestApp, factory};

use super::{COMPANIES, CONTACTS, LEADS, list, path, records, seen, to};

#[tokio::test]
async fn an_agent_sees_what_hangs_on_its_own_records() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (admin, ada, grace) = (acme.admin(), acme.agent().await, acme.agent().await);
    let of_ada = records(&ada).await;
    let of_grace = records(&grace).await;
    // Both must be seen.
    for refused in [
        ada.put(&to(CONTACTS, &of_ada.contact, "company", &of_grace.company), Value::Null).await,
        ada.put(&to(COMPANIES, &of_grace.company, "contact", &of_ada.contact), Value::Null).await,
    ] {
        assert_eq!(refused.refused(404, "NOT_FOUND").json()["error"], "Company not found");
    }
    ada.put(&to(CONTACTS, &of_ada.contact, "company", &of_ada.company), Value::Null).await.status(201);
    admin.put(&to(CONTACTS, &of_ada.contact, "company", &of_grace.company), Value::Null).await.status(201);
    admin.put(&to(CONTACTS, &of_grace.contact, "lead", &of_grace.lead), Value::Null).await.status(201);

    // Of a record that it does not see an AGENT is told that there is one, and no more.
    let of_contact = list(&ada, CONTACTS, &of_ada.contact).await;
    let expected = [
        json!(["company", of_grace.company["id"], null, null, null]),
        json!(["company", of_ada.company["id"], "ACME Corp", null, null]),
    ];
    assert_eq!(of_contact.iter().map(seen).collect::<Vec<_>>(), expected);
    ada.get(&path(CONTACTS, &of_grace.contact)).await.refused(404, "NOT_FOUND");
    ada.get(&path(COMPANIES, &of_grace.company)).await.refused(404, "NOT_FOUND");
    assert_eq!(list(&admin, CONTACTS, &of_grace.contact).await.len(), 1);

    // What it sees from its own record it may end, what it does not see it may not.
    let hidden = ada.delete(&to(CONTACTS, &of_grace.contact, "lead", &of_grace.lead)).await;
    hidden.refused(404, "NOT_FOUND");
    ada.delete(&to(CONTACTS, &of_ada.contact, "company", &of_grace.company)).await.no_content();
    assert_eq!(list(&grace, COMPANIES, &of_grace.company).await, Vec::<Value>::new());
    assert_eq!(list(&grace, LEADS, &of_grace.lead).await.len(), 1);
}

#[tokio::test]
async fn the_database_hides_what_is_between_records_that_an_agent_does_not_see() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (ada, grace) = (acme.agent().await, acme.agent().await);
    let (of_ada, of_grace) = (records(&ada).await, records(&grace).await);
    ada.put(&to(CONTACTS, &of_ada.contact, "company", &of_ada.company), Value::Null).await.status(201);
    grace.put(&to(LEADS, &of_grace.lead, "company", &of_grace.company), Value::Null).await.status(201);
    let mut connection = PgConnection::connect(app.database().app_url()).await.expect("connected");
    for (user, rank, expected) in [(ada.id, 2, 1), (grace.id, 2, 1), (acme.admin().id, 2, 0), (ada.id, 3, 2)]
    {
        let enter =
            format!("set app.tenant_id = '{}'; set app.user_id = '{user}'; set app.rank = '{rank}'", acme.id);
        sqlx::raw_sql(sqlx::AssertSqlSafe(enter)).execute(&mut connection).await.expect("entered");
        let seen: i64 = sqlx::query_scalar("select count(*) from tenon.associations")
            .fetch_one(&mut connection)
            .await
            .expect("counted");
        assert_eq!(seen, expected, "{user} {rank}");
    }
}

#[tokio::test]
async fn a_key_is_told_the_names_that_its_scopes_cover() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let all = records(&admin).await;
    admin.put(&to(CONTACTS, &all.contact, "company", &all.company), Value::Null).await.status(201);
    admin.put(&to(CONTACTS, &all.contact, "lead", &all.lead), Value::Null).await.status(201);
    let key = acme.key(&["contacts:read", "leads:read"]).await;
    let names: Vec<Value> =
        list(&key, CONTACTS, &all.contact).await.iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, [json!("New website"), Value::Null]);
    key.put(&to(CONTACTS, &all.contact, "company", &all.company), Value::Null)
        .await
        .refused(403, "INSUFFICIENT_SCOPE");
    key.delete(&to(CONTACTS, &all.contact, "company", &all.company)).await.refused(403, "INSUFFICIENT_SCOPE");
    key.get(&path(COMPANIES, &all.company)).await.refused(403, "INSUFFICIENT_SCOPE");
}

#[tokio::test]
async fn nothing_is_associated_across_tenants() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (ours, theirs) = (records(&acme.admin()).await, records(&globex.admin()).await);
    globex
        .admin()
        .put(&to(CONTACTS, &theirs.contact, "company", &theirs.company), Value::Null)
        .await
        .status(201);
    for (kind, other) in [("contact", &theirs.contact), ("company", &theirs.company), ("lead", &theirs.lead)]
    {
        for (of, record) in [(CONTACTS, &ours.contact), (COMPANIES, &ours.company), (LEADS, &ours.lead)] {
            acme.admin().put(&to(of, record, kind, other), Value::Null).await.refused(404, "NOT_FOUND");
            acme.admin().delete(&to(of, record, kind, other)).await.refused(404, "NOT_FOUND");
        }
    }
    acme.admin().get(&path(CONTACTS, &theirs.contact)).await.refused(404, "NOT_FOUND");
    // Nor by a row: the foreign keys have the tenant in them.
    let crossed = sqlx::query(
        "insert into tenon.associations (tenant_id, id, first_contact_id, second_company_id, first_label, second_label, created_at,
                                         created_by)
         values ($1, gen_random_uuid(), $2::uuid, $3::uuid, '', '', now(), 'system')",
    )
    .bind(acme.id.0)
    .bind(factory::id(&ours.contact))
    .bind(factory::id(&theirs.company))
    .execute(&mut app.connect().await)
    .await;
    let constraint = crossed
        .as_ref()
        .err()
        .and_then(|error| error.as_database_error())
        .and_then(|error| error.constraint());
    assert_eq!(constraint, Some("associations_second_company"));
}
