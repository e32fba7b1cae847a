//! The wall proves itself: every way to take a piece out of it is reported.

use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, raw_sql};
use tenon_common::db::wall::{self, Violation};
use tenon_common::tasks::Tasks;
use tenon_common::{Db, operations, telemetry};
use tenon_tests::app::connect;
use tenon_tests::{Client, Cluster, TestDatabase};

async fn database() -> TestDatabase {
    TestDatabase::create(Cluster::shared().await).await
}

/// A fresh answer of `/readyz`: a server of its own, which has believed nothing yet.
async fn readyz(db: &Db) -> tenon_tests::Answer {
    let probes = operations::Operations::new(db.clone(), telemetry::init_metrics(), Tasks::default());
    probes.set_started();
    let listener = operations::bind("test", ([127, 0, 0, 1], 0).into()).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let serving = tokio::spawn(probes.serve(listener));
    let answer = Client::new(&format!("http://{address}")).get("/readyz").await;
    serving.abort();
    answer
}

async fn run(connection: &mut PgConnection, statement: &str) {
    let done = raw_sql(AssertSqlSafe(statement.to_owned())).execute(connection).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

#[tokio::test]
async fn a_fresh_database_is_whole() {
    let database = database().await;
    let pool = PgPool::connect(database.admin_url()).await.expect("connected");
    assert_eq!(wall::schema(&pool).await.expect("asked"), []);
    for url in [database.app_url(), database.worker_url()] {
        let db = connect(url);
        assert_eq!(wall::check(&db).await.expect("asked"), []);
        readyz(&db).await.status(200);
    }
    pool.close().await;
}

#[tokio::test]
async fn a_login_that_is_too_strong_is_reported() {
    let database = database().await;
    let found = wall::check(&connect(database.admin_url())).await.expect("asked");
    assert!(found.iter().any(|violation| violation.rule == "login_too_strong"), "{found:?}");
    readyz(&connect(database.admin_url())).await.status(503);
}

#[derive(sqlx::FromRow)]
struct Policy {
    table: String,
    name: String,
    create: String,
}

async fn policies(connection: &mut PgConnection) -> Vec<Policy> {
    sqlx::query_as(
        "select format('%I.%I', schemaname, tablename) as table, policyname::text as name,
                format('create policy %I on %I.%I as %s for %s to %s %s %s', policyname, schemaname, tablename, permissive, cmd,
                       array_to_string(roles, ', '), 'using (' || qual || ')', 'with check (' || with_check || ')') as create
         from pg_policies where schemaname = 'tenon' or (schemaname, tablename) = ('apalis', 'jobs')
         order by 1, 2",
    )
    .fetch_all(connection)
    .await
    .expect("policies")
}

#[tokio::test]
async fn no_policy_goes_missing_unnoticed() {
    let database = database().await;
    let mut admin = database.connect().await;
    let db = connect(database.app_url());
    let policies = policies(&mut admin).await;
    assert!(policies.len() >= 30, "{} policies", policies.len());
    for Policy { table, name, create } in &policies {
        run(&mut admin, &format!("drop policy {name} on {table}")).await;
        let found = wall::check(&db).await.expect("asked");
        assert!(
            found.iter().any(|violation| violation.object.starts_with(table.as_str())),
            "{name} of {table}: {found:?}"
        );
        let answer = readyz(&db).await.status(503);
        assert!(answer.text().contains(table.as_str()), "{answer}");
        run(&mut admin, create).await;
    }
    assert_eq!(wall::check(&db).await.expect("asked"), [], "every policy is back");
    readyz(&db).await.status(200);
}

/// What is done to the database, and the rule that it breaks.
const BREACHES: &[(&str, &str)] = &[
    ("table_unwalled", "alter table tenon.contacts disable row level security"),
    ("table_unwalled", "alter table tenon.contacts no force row level security"),
    ("table_unwalled", "alter table apalis.jobs disable row level security"),
    ("table_unwalled", "alter table apalis.jobs no force row level security"),
    ("table_unwalled", "alter table tenon.events_default no force row level security"),
    ("table_unwalled", "create table tenon.stray (tenant_id uuid not null)"),
    ("table_unwalled", "create table tenon.stray (id uuid primary key); select tenon.wall('tenon.stray', 'id')"),
    ("table_unwalled", "create table tenon.stray (tenant_id uuid); select tenon.wall('tenon.stray')"),
    (
        "table_unwalled",
        "create table tenon.stray partition of tenon.events
             for values from ('ff000000-0000-7000-8000-000000000000') to ('ff100000-0000-7000-8000-000000000000')",
    ),
    ("policy_differs", "create table tenon.stray (tenant_id uuid not null); select tenon.wall('tenon.stray')"),
    ("policy_differs", "create policy stray on tenon.contacts for select to tenon_app using (name = 'x')"),
    ("policy_differs", "alter policy tenant on tenon.contacts to tenon_app, tenon_worker, public"),
    ("policy_differs", "alter policy run on apalis.jobs to tenon_worker, tenon_app"),
    (
        "policy_differs",
        "drop policy owner_scope on tenon.contacts; create policy owner_scope on tenon.contacts to tenon_app using (owner_id is null)",
    ),
    ("tenant_policy_weak", "alter policy tenant on tenon.contacts using (tenant_id is not null)"),
    ("tenant_policy_weak", "alter policy tenant on tenon.contacts with check (tenant_id is not null)"),
    ("tenant_policy_weak", "alter policy tenant on tenon.contacts using (tenant_id = tenon.tenant_id() or name = 'x')"),
    ("policy_lets_all_through", "alter policy tenant on tenon.contacts using (true)"),
    ("policy_lets_all_through", "alter policy members on tenon.users using (true)"),
    ("policy_lets_all_through", "alter policy owner_scope on tenon.contacts using (true)"),
    ("policy_lets_all_through", "alter policy owner_scope on tenon.contacts with check (true)"),
    ("policy_lets_all_through", "alter policy enqueue on apalis.jobs with check (true)"),
    ("partition", "grant select on tenon.events_default to tenon_app"),
    ("view_looks_over_the_wall", "create view tenon.stray as select * from tenon.contacts"),
    ("view_looks_over_the_wall", "create view tenon.stray with (security_invoker = false) as select * from tenon.contacts"),
    ("view_looks_over_the_wall", "create materialized view tenon.stray as select * from tenon.contacts"),
    (
        "foreign_key_crosses_tenants",
        "alter table tenon.contacts add unique (id), add other_id uuid references tenon.contacts (id)",
    ),
    (
        "foreign_key_crosses_tenants",
        "alter table tenon.contacts add other_id uuid,
             add foreign key (tenant_id, other_id) references tenon.contacts (tenant_id, id) on delete cascade",
    ),
    (
        "foreign_key_crosses_tenants",
        "alter table tenon.contacts add other_id uuid,
             add foreign key (tenant_id, other_id) references tenon.contacts (tenant_id, id) on delete set null",
    ),
    ("unique_index_tells_of_others", "create unique index stray on tenon.contacts (email_key)"),
    ("unique_index_tells_of_others", "create unique index stray on tenon.contacts (email_key, tenant_id)"),
    ("unique_index_tells_of_others", "create unique index stray on tenon.contacts (lower(email))"),
    (
        "definer_function_open",
        "create function tenon.stray() returns bigint language sql security definer set search_path = pg_catalog
             as 'select count(*) from tenon.contacts'; grant execute on function tenon.stray() to public",
    ),
    (
        "definer_function_open",
        "create function tenon.stray() returns bigint language sql security definer as 'select count(*) from tenon.contacts';
         revoke execute on function tenon.stray() from public",
    ),
    ("grant_too_wide", "grant truncate on tenon.contacts to tenon_app"),
    ("grant_too_wide", "grant references on tenon.contacts to tenon_worker"),
    ("grant_too_wide", "grant select on tenon.contacts to public"),
];

#[tokio::test]
async fn every_breach_is_reported() {
    let database = database().await;
    // One connection, so that the check sees what the transaction has done, which is then rolled back.
    let pool =
        PgPoolOptions::new().max_connections(1).connect(database.admin_url()).await.expect("connected");
    for (rule, breach) in BREACHES {
        let statement = format!("begin; {breach}");
        raw_sql(AssertSqlSafe(statement))
            .execute(&pool)
            .await
            .unwrap_or_else(|error| panic!("{breach}: {error}"));
        let found = wall::schema(&pool).await.expect("asked");
        assert!(
            found.iter().any(|violation: &Violation| violation.rule == *rule),
            "{rule}: {breach}: {found:?}"
        );
        raw_sql("rollback").execute(&pool).await.expect("rolled back");
    }
    assert_eq!(wall::schema(&pool).await.expect("asked"), []);
    pool.close().await;
}

#[tokio::test]
async fn what_is_allowed_is_not_reported() {
    let database = database().await;
    let pool =
        PgPoolOptions::new().max_connections(1).connect(database.admin_url()).await.expect("connected");
    for allowed in [
        "create view tenon.fine with (security_invoker = true) as select * from tenon.contacts",
        "create unique index fine on tenon.contacts (tenant_id, phone)",
        "alter table tenon.contacts add other_id uuid,
             add foreign key (tenant_id, other_id) references tenon.contacts (tenant_id, id) on delete set null (other_id)",
        "select tenon.ensure_event_partitions(12)",
    ] {
        raw_sql(AssertSqlSafe(format!("begin; {allowed}"))).execute(&pool).await.unwrap_or_else(|error| panic!("{allowed}: {error}"));
        assert_eq!(wall::schema(&pool).await.expect("asked"), [], "{allowed}");
        raw_sql("rollback").execute(&pool).await.expect("rolled back");
    }
    pool.close().await;
}

#[tokio::test]
async fn a_pending_migration_is_reported() {
    let database = database().await;
    let mut admin = PgConnection::connect(database.admin_url()).await.expect("connected");
    run(&mut admin, "delete from public.tenon_migrations where version = (select max(version) from public.tenon_migrations)").await;
    let db = connect(database.app_url());
    let found = wall::check(&db).await.expect("asked");
    assert!(found.iter().any(|violation| violation.rule == "migration_pending"), "{found:?}");
    readyz(&db).await.status(503);
}

#[tokio::test]
async fn the_audit_trail_of_a_server_that_has_counted_further_is_reported() {
    let database = database().await;
    let mut admin = PgConnection::connect(database.admin_url()).await.expect("connected");
    run(
        &mut admin,
        "update tenon.audit_watermark set xid = (pg_current_xact_id()::text::bigint + 1000000)::text::xid8",
    )
    .await;
    for url in [database.app_url(), database.worker_url()] {
        let db = connect(url);
        let found = wall::check(&db).await.expect("asked");
        assert_eq!(found.iter().map(|violation| violation.rule).collect::<Vec<_>>(), ["transaction_counter"]);
        readyz(&db).await.status(503);
    }
}
