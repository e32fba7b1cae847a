//! Purging: all that the organization had, and nothing else; begun by one and finished by another; never too early.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenon_common::Db;
use tenon_common::account::tenant::{self, Purged, RETENTION};
use tenon_common::role::Role;
use tenon_tests::app::connect;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Cluster, Tenant, TestApp, TestDatabase, eventually};

use super::operate;
use crate::isolation::records::snapshot;
use crate::isolation::rows::filled;

fn worker(app: &TestApp) -> Db {
    connect(app.database().worker_url())
}

/// Deleted so long ago.
async fn delete(database: &TestDatabase, tenant: &Tenant, ago: &str) {
    let done = sqlx::query("update tenon.tenants set deleted_at = now() - $2::interval where id = $1");
    let done =
        done.bind(tenant.id.0).bind(ago).execute(&mut database.connect().await).await.expect("deleted");
    assert_eq!(done.rows_affected(), 1);
}

async fn count(connection: &mut PgConnection, statement: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(statement.to_owned())).fetch_one(connection).await.expect("a number")
}

/// How many rows there are of a tenant, in all tables but those of its slugs.
async fn rows(connection: &mut PgConnection, tenant: &Tenant) -> i64 {
    let all = snapshot(connection, tenant).await;
    let mut rows =
        count(connection, &format!("select count(*) from apalis.jobs where lane = '{}'", tenant.id)).await;
    for (table, _) in all.iter().filter(|(table, _)| table != "tenant_slugs") {
        rows += count(
            connection,
            &format!("select count(*) from tenon.{table} where tenant_id = '{}'", tenant.id),
        )
        .await;
    }
    rows
}

/// A table that came after the function: its rows refer to contacts, and to each other in a row.
const NEW_TABLE: &str = "
    set role tenon_owner;
    create table tenon.notes (
        tenant_id uuid not null, id integer not null, contact_id uuid not null, parent_id integer,
        primary key (tenant_id, id),
        foreign key (tenant_id, contact_id) references tenon.contacts (tenant_id, id),
        foreign key (tenant_id, parent_id) references tenon.notes (tenant_id, id)
    );
    select tenon.wall('tenon.notes');
    reset role;
    insert into tenon.notes
    select c.tenant_id, n, c.id, nullif(n - 1, 0)
    from (select distinct on (tenant_id) tenant_id, id from tenon.contacts order by tenant_id, id) c, generate_series(1, 7) n;";

#[tokio::test]
async fn all_that_the_organization_had_goes_and_nothing_else() {
    let (app, acme, globex) = filled().await;
    let mut admin = app.connect().await;
    sqlx::raw_sql(NEW_TABLE).execute(&mut admin).await.expect("a new table");
    // A key that was rotated refers to the one before it; a person is a member of both.
    let key: Value = acme.admin().post("/api-keys", json!({"name": "A", "scopes": ["*"]})).await.created();
    let rotate = format!("/api-keys/{}/rotate", tenon_tests::factory::id(&key));
    acme.admin().post(&rotate, json!({})).await.status(201);
    let both = acme.agent().await;
    globex.member(&both.email, Role::Client).await;
    let theirs = snapshot(&mut admin, &globex).await;
    let before = rows(&mut admin, &acme).await;
    assert!(before > 50, "{before} rows");
    let people = "select count(*) from tenon.users";
    let members = "select count(*) from tenon.memberships where tenant_id = ";
    let (users, of_acme) =
        (count(&mut admin, people).await, count(&mut admin, &format!("{members}'{}'", acme.id)).await);

    let db = worker(&app);
    delete(app.database(), &acme, "29 days 23 hours").await;
    assert_eq!(
        tenant::purge_due(&db, RETENTION).await.expect("asked"),
        Purged::default(),
        "its time is not over"
    );
    delete(app.database(), &acme, "30 days 1 minute").await;
    // Of two workers one does it.
    let purged = tokio::join!(tenant::purge_due(&db, RETENTION), tenant::purge_due(&db, RETENTION));
    let purged = [purged.0.expect("purged"), purged.1.expect("purged")];
    assert_eq!(purged.iter().map(|purged| purged.tenants).sum::<u32>(), 1, "{purged:?}");

    assert_eq!(rows(&mut admin, &acme).await, 0);
    assert_eq!(snapshot(&mut admin, &globex).await, theirs);
    assert_eq!(count(&mut admin, people).await, users - of_acme + 1, "who is a member elsewhere stays");
    let left: (String, Value, bool) =
        sqlx::query_as("select name, settings, purged_at is not null from tenon.tenants where id = $1")
            .bind(acme.id.0)
            .fetch_one(&mut admin)
            .await
            .expect("its row");
    assert_eq!(left, ("Purged".to_owned(), json!({}), true));
    assert_eq!(tenant::purge_due(&db, RETENTION).await.expect("asked"), Purged::default(), "once");

    // Its slug is nobody's for ever, and there is no way back.
    let take = globex.admin().patch(&format!("/organizations/{}", globex.id), json!({"slug": "acme"})).await;
    take.refused(409, "SLUG_TAKEN");
    delete(app.database(), &acme, "1 hour").await;
    let id = acme.id.to_string();
    let error =
        operate(app.database(), &["admin", "tenant", "restore", "--tenant", &id]).await.expect_err("gone");
    assert!(error.contains("Organization not found"), "{error}");
}

/// One batch, as a worker that is stopped after it.
async fn one_batch(app: &TestApp, tenant: &Tenant, most: i32) -> Option<i64> {
    let mut connection = PgConnection::connect(app.database().worker_url()).await.expect("connected");
    sqlx::query_scalar("select tenon.purge_tenant($1, interval '1 hour', $2)")
        .bind(tenant.id.0)
        .bind(most)
        .fetch_one(&mut connection)
        .await
        .expect("a batch")
}

#[tokio::test]
async fn a_purge_that_was_stopped_is_gone_on_with_and_cannot_be_turned_back() {
    let (app, acme, globex) = filled().await;
    assert_eq!(one_batch(&app, &acme, 1).await, None, "it is not deleted");
    delete(app.database(), &acme, "2 hours").await;
    let mut admin = app.connect().await;
    let before = rows(&mut admin, &acme).await;
    for batch in 1..=5 {
        assert_eq!(one_batch(&app, &acme, 1).await, Some(1));
        assert_eq!(rows(&mut admin, &acme).await, before - batch);
    }
    // Half of it is gone: nobody gets the other half back.
    let id = acme.id.to_string();
    let error =
        operate(app.database(), &["admin", "tenant", "restore", "--tenant", &id]).await.expect_err("begun");
    assert!(error.contains("Organization not found"), "{error}");
    let theirs = snapshot(&mut admin, &globex).await;
    while one_batch(&app, &acme, 3).await.is_some_and(|removed| removed > 0) {}
    assert_eq!(rows(&mut admin, &acme).await, 0);
    assert_eq!(one_batch(&app, &acme, 1).await, None, "it is purged");
    assert_eq!(snapshot(&mut admin, &globex).await, theirs);
}

#[tokio::test]
async fn the_apis_login_cannot_purge() {
    let app = TestApp::start().await;
    let mut api = PgConnection::connect(app.database().app_url()).await.expect("connected");
    for statement in [
        "select tenon.purge_tenant('00000000-0000-7000-8000-000000000000', interval '0', 1)",
        "select tenon.tenants_to_purge(interval '0')",
    ] {
        let error = sqlx::query(statement).execute(&mut api).await.expect_err("refused");
        let code = error.as_database_error().and_then(|error| error.code()).map(String::from);
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn an_operator_purges_what_is_deleted_and_named_right() {
    let (app, acme, globex) = filled().await;
    let id = acme.id.to_string();
    let purge = async |slug: &str, more: &[&str]| {
        let arguments = ["admin", "tenant", "purge", "--tenant", &id, "--slug", slug];
        operate(app.database(), &[&arguments, more].concat()).await
    };
    let refused = async |slug: &str, more: &[&str], why: &str| {
        let error = purge(slug, more).await.expect_err("refused");
        assert!(error.contains(why), "{error}");
    };
    refused("acme", &["--now"], "is not deleted").await;
    delete(app.database(), &acme, "1 minute").await;
    refused("globex", &["--now"], "Organization not found").await;
    refused("acme", &[], "can still be restored").await;
    let mut admin = app.connect().await;
    let (before, theirs) = (rows(&mut admin, &acme).await, snapshot(&mut admin, &globex).await);
    let done = purge("acme", &["--now"]).await.expect("purged");
    assert_eq!(done, json!({"tenantId": id, "slug": "acme", "rows": before}));
    assert_eq!(rows(&mut admin, &acme).await, 0);
    assert_eq!(snapshot(&mut admin, &globex).await, theirs);
    refused("acme", &["--now"], "purged already").await;
}

#[tokio::test]
async fn a_worker_purges_by_itself_after_the_days_that_the_operator_set() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let tenant = Stack::tenant(&database, "Acme").await;
    let age = "update tenon.tenants set deleted_at = now() - interval '3 days'";
    sqlx::raw_sql(age).execute(&mut database.connect().await).await.expect("aged");
    let worker = |days: &str| {
        Stack::worker(&database, "0")
            .env("TENON_TENANT_RETENTION_DAYS", days)
            .env("TENON_TENANT_PURGE_EVERY", "0.2")
    };
    let mut running = worker("4").start().await;
    let purged = async || {
        count(&mut database.connect().await, "select count(*) from tenon.tenants where purged_at is not null")
            .await
    };
    eventually("it has looked", async || running.log().contains("listening")).await;
    assert_eq!(purged().await, 0);
    running.kill9().await;
    let running = worker("2").start().await;
    eventually("it is purged", async || purged().await == 1).await;
    eventually("it says so", async || running.log().contains(text(&tenant, "tenantId"))).await;
    assert_eq!(count(&mut database.connect().await, "select count(*) from tenon.users").await, 0);
}
