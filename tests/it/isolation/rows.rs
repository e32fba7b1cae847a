//! Every table, as the servers' own roles: without a tenant nothing is seen, with one that tenant's rows only, and nothing of
//! another one can be read, changed, deleted, added, taken or given away.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenon_tests::{Tenant, TestApp, factory};

/// insufficient_privilege: of a grant, or of row-level security.
const REFUSED: &str = "42501";

/// A table, and how its rows of a tenant are told: `$` is the tenant's id.
struct Table {
    name: String,
    of_tenant: String,
    /// The column that says whose a row is, where an insert or update can name it.
    column: &'static str,
    partition: bool,
}

/// Users are of a tenant by membership, which row-level security would hide: their ids are asked for as the administrator.
async fn users_of(admin: &mut PgConnection, tenant: &Tenant) -> String {
    sqlx::query_scalar("select coalesce(string_agg(quote_literal(user_id), ','), 'null') from tenon.memberships where tenant_id = $1")
        .bind(tenant.id.0)
        .fetch_one(admin)
        .await
        .expect("members")
}

async fn tables(admin: &mut PgConnection) -> Vec<Table> {
    let found: Vec<(String, bool)> = sqlx::query_as(
        "select c.oid::regclass::text, c.relispartition from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where (n.nspname = 'tenon' or c.oid = 'apalis.jobs'::regclass) and c.relkind in ('r', 'p') and c.relname not in ('audit_watermark', 'signing_keys')
         order by 1",
    )
    .fetch_all(admin)
    .await
    .expect("tables");
    let table = |(name, partition): (String, bool)| {
        let (of_tenant, column) = match name.as_str() {
            "tenon.tenants" => ("id = '$'", "id"),
            "tenon.users" => ("id in (@)", "id"),
            "apalis.jobs" => ("lane = '$'", "lane"),
            _ => ("tenant_id = '$'", "tenant_id"),
        };
        Table { name, of_tenant: of_tenant.to_owned(), column, partition }
    };
    found.into_iter().map(table).collect()
}

impl Table {
    async fn rows_of(&self, admin: &mut PgConnection, tenant: &Tenant) -> String {
        let users = users_of(admin, tenant).await;
        self.of_tenant.replace('$', &tenant.id.to_string()).replace('@', &users)
    }
}

/// Two tenants with rows in every table.
pub(crate) async fn filled() -> (TestApp, Tenant, Tenant) {
    let app = TestApp::start().await;
    let tenants = [app.tenant("acme").await, app.tenant("globex").await];
    for tenant in &tenants {
        tenant.agent().await;
        let contacts = factory::contacts(&tenant.admin(), 2).await;
        factory::companies(&tenant.admin(), 2).await;
        let [one, other] = [0, 1].map(|at| factory::id(&contacts[at]));
        let association = format!("/connection/contacts/{one}/associations/contact/{other}?label=friend");
        tenant.admin().put(&association, serde_json::Value::Null).await.status(201);
        factory::pipelines(&tenant.admin(), 2).await;
        factory::leads(&tenant.admin(), 2).await;
        factory::activities(&tenant.admin(), 1, "contact", &contacts[0]).await;
        factory::webhook(&tenant.admin()).await;
        let template = serde_json::json!({"name": "Mine", "options": {"object": "contacts"}});
        tenant.admin().post("/import-templates", template).await.status(201);
        let rows = serde_json::json!({"options": {"object": "contacts"}, "rows": [{"name": "Grace"}]});
        let sink = serde_json::json!({"name": "Mine", "kind": "file"});
        tenant.admin().post("/audit-sinks", sink).await.status(201);
        tenant.admin().post("/imports", rows).await.status(202);
        factory::upload(&tenant.admin()).await;
        tenant.admin().post("/exports", serde_json::json!({"object": "contacts"})).await.status(202);
        let keyed = tenant.admin().with_header("idempotency-key", "once");
        keyed.post("/connection/contacts", factory::contact(2)).await.status(201);
    }
    let mut admin = app.connect().await;
    for statement in [
        "insert into tenon.deliveries (tenant_id, webhook_id, event_id, id, event_type)
         select w.tenant_id, w.id, e.id, gen_random_uuid(), e.type from tenon.webhooks w join tenon.events e using (tenant_id)",
        "insert into tenon.import_chunks (tenant_id, import_id, first_row, row_count, outcomes, ids, before, versions)
         select tenant_id, id, 1, 1, 'c', '{null}', '{null}', '{null}' from tenon.imports",
        "insert into tenon.import_errors (tenant_id, import_id, row, outcome, errors, cells)
         select tenant_id, id, 1, 'failed', '[]', '[]' from tenon.imports",
        "insert into tenon.import_keys (tenant_id, import_id, field, value, row)
         select tenant_id, id, 'email', 'a@example.com', 1 from tenon.imports",
        "insert into tenon.import_tries (tenant_id, import_id, field, value, row)
         select tenant_id, id, 'email', 'a@example.com', 1 from tenon.imports",
        "insert into tenon.webhook_replays (tenant_id, id, webhook_id, state, since, until, only_failed, include_never_attempted,
                                            rate_per_second, created_at, created_by, updated_at, updated_by)
         select tenant_id, id, id, 'ready', now(), now(), true, false, 1, now(), 'system', now(), 'system' from tenon.webhooks",
        "insert into tenon.webhook_replay_events (tenant_id, replay_id, event_id, former)
         select tenant_id, webhook_id, event_id, 'failed' from tenon.deliveries",
        "insert into tenon.webhook_tests (tenant_id, id, webhook_id) select tenant_id, id, id from tenon.webhooks",
        "update tenon.webhooks set events = '{contact.created}', version = version + 1",
        "insert into tenon.delivery_attempts (tenant_id, webhook_id, event_id, number, started_at, duration_ms, outcome)
         select tenant_id, webhook_id, event_id, 1, now(), 1, 'timeout' from tenon.deliveries",
        "insert into tenon.audit_events (tenant_id, id, at, action, category, actor_kind, outcome)
         select tenant_id, id, created_at, type, 'records', 'system', 'succeeded' from tenon.events",
        "insert into tenon.audit_seals (tenant_id, position, audit_event_id, hash)
         select tenant_id, row_number() over (partition by tenant_id order by id), id, sha256('') from tenon.audit_events",
        "insert into tenon.audit_anchors (tenant_id, position, hash) select id, 1, sha256('') from tenon.tenants",
    ] {
        sqlx::query(statement).execute(&mut admin).await.expect("filled");
    }
    let [a, b] = tenants;
    (app, a, b)
}

/// A login's connection in a tenant, as an ADMIN, or in none.
async fn enter(url: &str, tenant: Option<&Tenant>) -> PgConnection {
    let mut connection = PgConnection::connect(url).await.expect("connected");
    if let Some(tenant) = tenant {
        let statement = format!("set app.tenant_id = '{}'; set app.rank = '3'", tenant.id);
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.expect("entered");
    }
    connection
}

/// How many rows; none where the login has no right to ask.
async fn count(connection: &mut PgConnection, table: &str, condition: &str) -> Option<i64> {
    let statement = format!("select count(*) from {table} where {condition}");
    match sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(connection).await {
        Ok(count) => Some(count),
        Err(error) if refused(&error) => None,
        Err(error) => panic!("{table}: {error}"),
    }
}

fn refused(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some(REFUSED)
}

/// How many rows a statement reaches; none where it is refused. Nothing of it stays.
async fn reach(connection: &mut PgConnection, statement: String) -> Option<u64> {
    let mut tx = connection.begin().await.expect("begun");
    let done = sqlx::query(AssertSqlSafe(statement.clone())).execute(&mut *tx).await;
    tx.rollback().await.expect("rolled back");
    match done {
        Ok(done) => Some(done.rows_affected()),
        Err(error) if refused(&error) => None,
        Err(error) => panic!("{statement}: {error}"),
    }
}

/// What each login has no right to read at all. Partitions are reached through their parent.
const UNREADABLE: [(&str, &[&str]); 2] = [
    ("app", &["apalis.jobs"]),
    ("worker", &["tenon.api_keys", "tenon.idempotency_keys", "tenon.tenant_slugs"]),
];

fn logins(app: &TestApp) -> [(&'static str, String); 2] {
    [("app", app.database().app_url().to_owned()), ("worker", app.database().worker_url().to_owned())]
}

/// The worker runs jobs of all tenants; what a job touches, it touches in the tenant's transaction.
fn is_the_workers(login: &str, table: &Table) -> bool {
    login == "worker" && table.name == "apalis.jobs"
}

#[tokio::test]
async fn without_a_tenant_nothing_is_seen() {
    let (app, acme, _) = filled().await;
    let mut admin = app.connect().await;
    for (login, url) in logins(&app) {
        let mut nobody = enter(&url, None).await;
        let mut after = enter(&url, None).await;
        let statement = format!("begin; set local app.tenant_id = '{}'; commit", acme.id);
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut after).await.expect("entered and left");
        for table in tables(&mut admin).await.iter().filter(|table| !is_the_workers(login, table)) {
            for connection in [&mut nobody, &mut after] {
                assert_eq!(
                    count(connection, &table.name, "true").await.unwrap_or(0),
                    0,
                    "{login}: {}",
                    table.name
                );
                let emptied = reach(connection, format!("delete from {}", table.name)).await;
                assert_eq!(emptied.unwrap_or(0), 0, "{login}: {}", table.name);
            }
        }
    }
}

#[tokio::test]
async fn a_tenant_sees_its_own_rows_only() {
    let (app, acme, globex) = filled().await;
    let mut admin = app.connect().await;
    for (login, url) in logins(&app) {
        let mut inside = enter(&url, Some(&acme)).await;
        let mut unreadable = Vec::new();
        for table in tables(&mut admin).await.iter().filter(|table| !is_the_workers(login, table)) {
            let (ours, theirs) =
                (table.rows_of(&mut admin, &acme).await, table.rows_of(&mut admin, &globex).await);
            let there_are = count(&mut admin, &table.name, &ours).await;
            let seen = count(&mut inside, &table.name, "true").await;
            match seen {
                Some(_) => assert_eq!(seen, there_are, "{login}: {}", table.name),
                None if table.partition => continue,
                None => unreadable.push(table.name.clone()),
            }
            assert_eq!(
                count(&mut inside, &table.name, &theirs).await.unwrap_or(0),
                0,
                "{login}: {}",
                table.name
            );
            // A test of an empty table would prove nothing.
            for condition in [&ours, &theirs] {
                assert_ne!(
                    count(&mut admin, &table.name, condition).await,
                    Some(0),
                    "nothing to see in {}",
                    table.name
                );
            }
        }
        let expected = UNREADABLE.iter().find(|(name, _)| *name == login).map(|(_, tables)| tables.to_vec());
        assert_eq!(Some(unreadable.iter().map(String::as_str).collect()), expected, "{login}");
    }
}

#[tokio::test]
async fn nothing_of_another_tenant_can_be_written() {
    let (app, acme, globex) = filled().await;
    let mut admin = app.connect().await;
    for (login, url) in logins(&app) {
        let mut inside = enter(&url, Some(&acme)).await;
        for table in tables(&mut admin).await.iter().filter(|table| !is_the_workers(login, table)) {
            let Table { name, column, .. } = table;
            let (ours, theirs) =
                (table.rows_of(&mut admin, &acme).await, table.rows_of(&mut admin, &globex).await);
            let changed =
                reach(&mut inside, format!("update {name} set {column} = default where {theirs}")).await;
            assert_eq!(changed.unwrap_or(0), 0, "{login} changes {name}");
            let deleted = reach(&mut inside, format!("delete from {name} where {theirs}")).await;
            assert_eq!(deleted.unwrap_or(0), 0, "{login} deletes from {name}");
            if *column == "lane" {
                continue;
            }
            let taken =
                reach(&mut inside, format!("update {name} set {column} = '{}' where {theirs}", acme.id))
                    .await;
            assert_eq!(taken.unwrap_or(0), 0, "{login} takes from {name}");
            let given =
                reach(&mut inside, format!("update {name} set {column} = '{}' where {ours}", globex.id))
                    .await;
            assert!(
                matches!(given, None | Some(0)) && (given.is_none() || table.partition),
                "{login} gives away from {name}"
            );
        }
    }
}

/// The columns that the database does not make itself.
async fn written_columns(admin: &mut PgConnection, table: &str) -> String {
    sqlx::query_scalar(
        "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
         where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''",
    )
    .bind(table)
    .fetch_one(admin)
    .await
    .expect("columns")
}

#[tokio::test]
async fn nothing_can_be_added_to_another_tenant() {
    let (app, acme, globex) = filled().await;
    let mut admin = app.connect().await;
    for (login, url) in logins(&app) {
        let mut inside = enter(&url, Some(&acme)).await;
        let tables = tables(&mut admin).await;
        for table in tables.iter().filter(|table| table.column != "lane" && !table.partition) {
            let theirs = table.rows_of(&mut admin, &globex).await;
            // A row that is theirs already: what refuses it is the wall, which comes before any other constraint.
            let statement = format!("select to_jsonb(t)::text from {} t where {theirs} limit 1", table.name);
            let row: String =
                sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&mut admin).await.expect("a row");
            let row = row.replace('\'', "''");
            let columns = written_columns(&mut admin, &table.name).await;
            let insert = format!(
                "insert into {0} ({columns}) select {columns} from jsonb_populate_record(null::{0}, '{row}')",
                table.name
            );
            assert_eq!(reach(&mut inside, insert).await, None, "{login} adds to {}", table.name);
        }
        if login == "app" {
            let job = |tenant: &Tenant| {
                format!(
                    "insert into apalis.jobs (id, job_type, job, max_attempts, metadata)
                     values ('01JCF0Q6M8R2W9Z4T7K3N5P1XV', 'webhooks', '', 1, 'lane=>{},kind=>x')",
                    tenant.id
                )
            };
            assert_eq!(reach(&mut inside, job(&acme)).await, Some(1));
            assert_eq!(reach(&mut inside, job(&globex)).await, None);
        }
    }
}

#[tokio::test]
async fn a_server_cannot_become_more_than_it_is() {
    let app = TestApp::start().await;
    for (login, url) in logins(&app) {
        let mut connection = enter(&url, None).await;
        for role in ["tenon_owner", "tenon_queue", "tenon_auth", "tenon_search", "tenon_maint", "postgres"] {
            assert_eq!(
                reach(&mut connection, format!("set role {role}")).await,
                None,
                "{login} becomes {role}"
            );
        }
        for statement in [
            "create table tenon.mine ()",
            "alter table tenon.contacts disable row level security",
            "alter table tenon.contacts no force row level security",
            "drop policy tenant on tenon.contacts",
            "truncate tenon.contacts",
            "create function tenon.mine() returns integer language sql as 'select 1'",
        ] {
            assert_eq!(reach(&mut connection, statement.to_owned()).await, None, "{login}: {statement}");
        }
        let passwords = count(&mut connection, "tenon.users", "password_hash is not null").await;
        assert_eq!(passwords, None, "{login} reads no password's hash");
        assert_eq!(
            count(&mut connection, "tenon.api_keys", "secret_hash is not null").await,
            None,
            "{login} reads no key's hash"
        );
    }
}
