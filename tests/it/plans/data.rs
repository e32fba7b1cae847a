//! Two tenants with so many rows that the planner's choice is the real one, and so few that its statistics are of all of them: the
//! same in every run.

use sqlx::{AssertSqlSafe, PgConnection, raw_sql};
use tenon_common::id::EventId;
use tenon_common::role::Role;
use tenon_tests::{Tenant, TestApp, factory};

/// What queries ask for.
pub(super) struct Facts {
    pub(super) admin: String,
    pub(super) agent: String,
    pub(super) agent_id: String,
    pub(super) contact: String,
    pub(super) company: String,
    pub(super) lead: String,
    pub(super) pipeline: String,
    pub(super) stage: String,
    pub(super) webhook: String,
    pub(super) event: String,
}

/// Every record's id follows from its number.
pub(super) fn id(kind: &str, number: u32) -> String {
    format!("md5('{kind} {number}')")
}

/// Of a tenant: contacts, companies, leads, and deliveries of a webhook with their events. `share` of 1 is the large tenant's.
fn statement(
    tenant: &Tenant,
    name: &str,
    owner: &str,
    stage: (&str, &str),
    webhook: &str,
    divisor: u32,
) -> String {
    let (contacts, companies, leads, deliveries) =
        (20_000 / divisor, 2_000 / divisor, 8_000 / divisor, 10_000 / divisor);
    let (tenant, (pipeline, stage)) = (tenant.id, stage);
    let head = "timestamptz '2026-01-01 00:00:00+00' - n * interval '1 minute', 'system',
                timestamptz '2026-01-01 00:00:00+00' - n * interval '1 minute', 'system'";
    format!(
        "insert into tenon.companies (tenant_id, id, name, domain, external_id, owner_id, created_at, created_by, updated_at, updated_by)
         select '{tenant}', md5('{name} company ' || n)::uuid, 'Company ' || n, 'c' || n || '.example', 'erp-' || n,
                case when n % 10 = 0 then '{owner}'::uuid end, {head}
         from generate_series(1, {companies}) n;
         insert into tenon.contacts (tenant_id, id, name, email, email_key, lifecycle, external_id, company_id, owner_id, created_at,
                                     created_by, updated_at, updated_by)
         select '{tenant}', md5('{name} contact ' || n)::uuid, 'Contact ' || n, 'c' || n || '@example.com', 'c' || n || '@example.com',
                case when n % 100 = 0 then 'client' else 'lead' end, 'crm-' || n,
                case when n % 2 = 0 then md5('{name} company ' || 1 + n % {companies})::uuid end,
                case when n % 100 = 7 then '{owner}'::uuid end, {head}
         from generate_series(1, {contacts}) n;
         insert into tenon.leads (tenant_id, id, title, status, external_id, contact_id, company_id, pipeline_id, stage_id, owner_id,
                                  created_at, created_by, updated_at, updated_by)
         select '{tenant}', md5('{name} lead ' || n)::uuid, 'Lead ' || n, 'new', 'lead-' || n, md5('{name} contact ' || n)::uuid,
                md5('{name} company ' || 1 + n % {companies})::uuid,
                case when n % 100 = 0 then '{pipeline}'::uuid end, case when n % 100 = 0 then '{stage}'::uuid end,
                case when n % 100 = 7 then '{owner}'::uuid end, {head}
         from generate_series(1, {leads}) n;
         insert into tenon.events (tenant_id, id, type, object_type, object_id, object_version, body, context)
         select '{tenant}', overlay(md5('{name} event ' || n) placing left(tenon.first_event_id(now() - n * interval '1 millisecond')::text, 8)
                                    || substr(tenon.first_event_id(now() - n * interval '1 millisecond')::text, 10, 4) from 1 for 12)::uuid,
                'contact.created', 'contact', md5('{name} contact ' || n)::uuid, 1, '{{}}', '{{}}'
         from generate_series(1, {deliveries}) n;
         insert into tenon.deliveries (tenant_id, webhook_id, event_id, id, event_type, status, attempts)
         select tenant_id, '{webhook}', id, gen_random_uuid(), type, case when object_id::text < '02' then 'failed' else 'delivered' end, 1
         from tenon.events where tenant_id = '{tenant}' and context = '{{}}';
         insert into tenon.audit_events (tenant_id, id, at, action, category, actor_kind, actor_id, resource_type, resource_id,
                                         resource_version, outcome)
         select tenant_id, id, created_at, case when object_id::text < '02' then 'contact.purged' else type end, 'records', 'user',
                case when object_id::text < '02' then '{owner}'::uuid end, object_type, object_id, 1, 'succeeded'
         from tenon.events where tenant_id = '{tenant}' and context = '{{}}';
         insert into tenon.delivery_attempts (tenant_id, webhook_id, event_id, number, started_at, duration_ms, outcome)
         select tenant_id, webhook_id, event_id, 1, now(), 1, 'success' from tenon.deliveries where tenant_id = '{tenant}';"
    )
}

/// Hundreds of tenants with a webhook each, and more webhooks of the large one's that want other events.
const OTHERS: &str = "
    insert into tenon.tenants (id, name, slug)
    select md5('tenant ' || n)::uuid, 'Tenant ' || n, 'tenant-' || n from generate_series(1, 300) n;
    insert into tenon.webhooks (tenant_id, id, url, events, secret, created_at, created_by, updated_at, updated_by)
    select t.id, md5('webhook ' || n)::uuid, 'https://receiver.example/' || n, array['lead.created'], '',
           timestamptz '2026-01-01 00:00:00+00', 'system', timestamptz '2026-01-01 00:00:00+00', 'system'
    from generate_series(1, 320) n
    join tenon.tenants t on t.slug = case when n <= 300 then 'tenant-' || n else 'acme' end;";

pub(super) async fn fill(app: &TestApp) -> Facts {
    let mut connection = app.connect().await;
    let mut facts = None;
    for (slug, divisor) in [("acme", 1), ("globex", 5)] {
        let tenant = app.tenant(slug).await;
        let (owner, agent) = (tenant.person(Role::Admin).await, tenant.agent().await);
        let pipeline = factory::pipelines(&tenant.admin(), 1).await.remove(0);
        let (pipeline, stage) =
            (factory::id(&pipeline).to_owned(), factory::id(&pipeline["stages"][0]).to_owned());
        let webhook = factory::id(&factory::webhook(&tenant.admin()).await).to_owned();
        let filling = statement(&tenant, slug, &agent.id.to_string(), (&pipeline, &stage), &webhook, divisor);
        raw_sql(AssertSqlSafe(filling)).execute(&mut connection).await.expect("filled");
        let event = "select event_id from tenon.deliveries where tenant_id = $1 and status = 'failed' order by event_id limit 1";
        let event: uuid::Uuid =
            sqlx::query_scalar(event).bind(tenant.id.0).fetch_one(&mut connection).await.expect("an event");
        facts.get_or_insert(Facts {
            admin: owner.credential.clone(),
            agent: agent.credential.clone(),
            agent_id: agent.id.to_string(),
            contact: uuid(&mut connection, &id("acme contact", 7)).await,
            company: uuid(&mut connection, &id("acme company", 7)).await,
            lead: uuid(&mut connection, &id("acme lead", 7)).await,
            pipeline,
            stage,
            webhook,
            event: EventId(event).wire(),
        });
    }
    raw_sql(OTHERS).execute(&mut connection).await.expect("others");
    steady(&mut connection).await;
    facts.expect("two tenants")
}

async fn uuid(connection: &mut PgConnection, expression: &str) -> String {
    let statement = format!("select ({expression})::uuid::text");
    sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(connection).await.expect("a UUID")
}

/// Statistics of all rows, once: nobody takes them anew in the middle of a test.
pub(super) async fn steady(connection: &mut PgConnection) {
    let tables: Vec<String> = sqlx::query_scalar(
        "select oid::regclass::text from pg_class
         where (relnamespace = 'tenon'::regnamespace or oid = 'apalis.jobs'::regclass) and relkind = 'r'",
    )
    .fetch_all(&mut *connection)
    .await
    .expect("tables");
    for table in tables {
        let statement = format!("alter table {table} set (autovacuum_enabled = false)");
        raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await.expect("set");
    }
    raw_sql("vacuum (analyze)").execute(&mut *connection).await.expect("analyzed");
}
