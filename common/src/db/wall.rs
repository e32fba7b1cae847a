//! The wall proves itself. These checks read the catalogue, need no rights on the tables, and run at start-up, behind
//! `/readyz`, in `tenon-api doctor` and in the tests: a table that lacks a piece, a policy that is gone, a login that could
//! look over the wall.

use sqlx::PgPool;

use crate::db::{Db, migrate};

/// One thing that is wrong, in words that say where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule that is broken.
    pub rule: &'static str,
    /// The table, policy, function or role.
    pub object: String,
    /// What is wrong with it.
    pub detail: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}", self.rule, self.object, self.detail)
    }
}

/// Every policy there must be: table, policy, `p`ermissive or `r`estrictive, roles. A partition has its parent's `tenant` and
/// `maintenance`. A new table adds its lines here; what is here and not in the database, or there and not here, is a
/// violation.
const POLICIES: &[(&str, &str, char, &str)] = &[
    ("apalis.jobs", "enqueue", 'p', "tenon_app"),
    ("apalis.jobs", "maintenance", 'p', "tenon_maint"),
    ("apalis.jobs", "queue", 'p', "tenon_queue"),
    ("apalis.jobs", "run", 'p', "tenon_worker"),
    ("tenon.activities", "maintenance", 'p', "tenon_maint"),
    ("tenon.activities", "owner_scope", 'r', "tenon_app,tenon_worker"),
    ("tenon.activities", "purging", 'p', "tenon_queue"),
    ("tenon.activities", "search", 'p', "tenon_search"),
    ("tenon.activities", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.activity_links", "end_scope", 'r', "tenon_app,tenon_worker"),
    ("tenon.activity_links", "maintenance", 'p', "tenon_maint"),
    ("tenon.activity_links", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.api_keys", "credentials", 'p', "tenon_auth"),
    ("tenon.api_keys", "maintenance", 'p', "tenon_maint"),
    ("tenon.api_keys", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.associations", "end_scope", 'r', "tenon_app,tenon_worker"),
    ("tenon.associations", "maintenance", 'p', "tenon_maint"),
    ("tenon.associations", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.audit_anchors", "maintenance", 'p', "tenon_maint"),
    ("tenon.audit_anchors", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.audit_events", "maintenance", 'p', "tenon_maint"),
    ("tenon.audit_events", "sealing", 'p', "tenon_queue"),
    ("tenon.audit_events", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.audit_seals", "maintenance", 'p', "tenon_maint"),
    ("tenon.audit_seals", "streaming", 'p', "tenon_queue"),
    ("tenon.audit_seals", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.audit_sinks", "maintenance", 'p', "tenon_maint"),
    ("tenon.audit_sinks", "streaming", 'p', "tenon_queue"),
    ("tenon.audit_sinks", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.companies", "maintenance", 'p', "tenon_maint"),
    ("tenon.companies", "owner_scope", 'r', "tenon_app,tenon_worker"),
    ("tenon.companies", "purging", 'p', "tenon_queue"),
    ("tenon.companies", "search", 'p', "tenon_search"),
    ("tenon.companies", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.contacts", "maintenance", 'p', "tenon_maint"),
    ("tenon.contacts", "owner_scope", 'r', "tenon_app,tenon_worker"),
    ("tenon.contacts", "purging", 'p', "tenon_queue"),
    ("tenon.contacts", "search", 'p', "tenon_search"),
    ("tenon.contacts", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.deliveries", "deliveries", 'p', "tenon_queue"),
    ("tenon.deliveries", "maintenance", 'p', "tenon_maint"),
    ("tenon.deliveries", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.delivery_attempts", "deliveries", 'p', "tenon_queue"),
    ("tenon.delivery_attempts", "maintenance", 'p', "tenon_maint"),
    ("tenon.delivery_attempts", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.events", "deliveries", 'p', "tenon_queue"),
    ("tenon.events", "maintenance", 'p', "tenon_maint"),
    ("tenon.events", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.exports", "expiry", 'p', "tenon_queue"),
    ("tenon.exports", "maintenance", 'p', "tenon_maint"),
    ("tenon.exports", "owner_scope", 'r', "tenon_app,tenon_worker"),
    ("tenon.exports", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.idempotency_keys", "expiry", 'p', "tenon_queue"),
    ("tenon.idempotency_keys", "maintenance", 'p', "tenon_maint"),
    ("tenon.idempotency_keys", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.import_chunks", "maintenance", 'p', "tenon_maint"),
    ("tenon.import_chunks", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.import_errors", "maintenance", 'p', "tenon_maint"),
    ("tenon.import_errors", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.import_keys", "maintenance", 'p', "tenon_maint"),
    ("tenon.import_keys", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.import_templates", "maintenance", 'p', "tenon_maint"),
    ("tenon.import_templates", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.import_tries", "maintenance", 'p', "tenon_maint"),
    ("tenon.import_tries", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.imports", "clearing", 'p', "tenon_queue"),
    ("tenon.imports", "maintenance", 'p', "tenon_maint"),
    ("tenon.imports", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.industries", "maintenance", 'p', "tenon_maint"),
    ("tenon.industries", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.leads", "maintenance", 'p', "tenon_maint"),
    ("tenon.leads", "owner_scope", 'r', "tenon_app,tenon_worker"),
    ("tenon.leads", "purging", 'p', "tenon_queue"),
    ("tenon.leads", "search", 'p', "tenon_search"),
    ("tenon.leads", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.memberships", "credentials", 'p', "tenon_auth"),
    ("tenon.memberships", "maintenance", 'p', "tenon_maint"),
    ("tenon.memberships", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.pipeline_stages", "maintenance", 'p', "tenon_maint"),
    ("tenon.pipeline_stages", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.pipelines", "maintenance", 'p', "tenon_maint"),
    ("tenon.pipelines", "purging", 'p', "tenon_queue"),
    ("tenon.pipelines", "search", 'p', "tenon_search"),
    ("tenon.pipelines", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.tenant_slugs", "maintenance", 'p', "tenon_maint"),
    ("tenon.tenant_slugs", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.tenants", "credentials", 'p', "tenon_auth"),
    ("tenon.tenants", "deliveries", 'p', "tenon_queue"),
    ("tenon.tenants", "maintenance", 'p', "tenon_maint"),
    ("tenon.tenants", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.upload_pieces", "maintenance", 'p', "tenon_maint"),
    ("tenon.upload_pieces", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.uploads", "maintenance", 'p', "tenon_maint"),
    ("tenon.uploads", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.users", "credentials", 'p', "tenon_auth"),
    ("tenon.users", "maintenance", 'p', "tenon_maint"),
    ("tenon.users", "members", 'p', "tenon_app,tenon_worker"),
    ("tenon.webhook_replay_events", "deliveries", 'p', "tenon_queue"),
    ("tenon.webhook_replay_events", "maintenance", 'p', "tenon_maint"),
    ("tenon.webhook_replay_events", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.webhook_replays", "deliveries", 'p', "tenon_queue"),
    ("tenon.webhook_replays", "maintenance", 'p', "tenon_maint"),
    ("tenon.webhook_replays", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.webhook_states", "deliveries", 'p', "tenon_queue"),
    ("tenon.webhook_states", "maintenance", 'p', "tenon_maint"),
    ("tenon.webhook_states", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.webhook_tests", "maintenance", 'p', "tenon_maint"),
    ("tenon.webhook_tests", "tenant", 'p', "tenon_app,tenon_worker"),
    ("tenon.webhooks", "deliveries", 'p', "tenon_queue"),
    ("tenon.webhooks", "failing", 'p', "tenon_queue"),
    ("tenon.webhooks", "maintenance", 'p', "tenon_maint"),
    ("tenon.webhooks", "tenant", 'p', "tenon_app,tenon_worker"),
];

/// Tables of the schema that are no tenant's: who may read them is a matter of grants.
const GLOBAL_TABLES: &[&str] = &["tenon.audit_watermark", "tenon.signing_keys"];

/// Unique indexes that may span tenants, because they are how a tenant is found: §4.6.5, rule 5.
const GLOBAL_UNIQUE: &[&str] = &[
    "tenants_pkey",
    "tenants_slug_key",
    "tenant_slugs_pkey",
    "users_pkey",
    "users_email_key_key",
    "api_keys_public_id_key",
];

/// Everything that is wrong with the schema and with this login. Empty: a server may serve.
pub async fn check(db: &Db) -> Result<Vec<Violation>, sqlx::Error> {
    let mut violations = Vec::new();
    for migration in migrate::pending(db).await? {
        let detail = "is not applied; run tenon-api migrate".to_owned();
        violations.push(Violation { rule: "migration_pending", object: migration, detail });
    }
    if violations.is_empty() {
        violations.extend(login(db.pool()).await?);
        violations.extend(schema(db.pool()).await?);
        violations.extend(counter(db.pool()).await?);
    }
    Ok(violations)
}

/// Events and audit entries are in the order of their transactions. On a server that has counted fewer than the one whose dump it got, all
/// that is new would come before all that is old: nothing is sealed then, and followers of changes miss it.
async fn counter(pool: &PgPool) -> Result<Option<Violation>, sqlx::Error> {
    let sealed: Option<String> =
        sqlx::query_scalar("select tenon.sealed_ahead_of_server()").fetch_one(pool).await?;
    Ok(sealed.map(|xid| Violation {
        rule: "transaction_counter",
        object: "tenon.audit_watermark".to_owned(),
        detail: format!(
            "the audit trail is sealed up to transaction {xid} of another server, which this one has not reached; raise its counter as \
             migrations/README.md says"
        ),
    }))
}

/// What is wrong with the schema, whoever asks.
pub async fn schema(pool: &PgPool) -> Result<Vec<Violation>, sqlx::Error> {
    let mut violations = Vec::new();
    for (rule, statement) in RULES {
        let rows: Vec<(String, String)> =
            sqlx::query_as(*statement).bind(GLOBAL_TABLES).bind(GLOBAL_UNIQUE).fetch_all(pool).await?;
        violations.extend(rows.into_iter().map(|(object, detail)| Violation { rule, object, detail }));
    }
    violations.extend(policies(pool).await?);
    Ok(violations)
}

/// Rule 2 of §4.6.5: the login is no superuser, bypasses nothing, owns nothing, and is no member of a role that sees more.
async fn login(pool: &PgPool) -> Result<Vec<Violation>, sqlx::Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select me.rolname::text, problem.detail
         from pg_roles me
         cross join lateral (
             select 'is a superuser' as detail where me.rolsuper
             union all
             select 'bypasses row-level security' where me.rolbypassrls
             union all
             select 'is a member of ' || wide.rolname
             from pg_roles wide
             where wide.rolname in ('tenon_owner', 'tenon_queue', 'tenon_auth', 'tenon_search', 'tenon_maint')
               and pg_has_role(me.oid, wide.oid, 'member')
         ) as problem
         where me.rolname = session_user and not (me.rolsuper and problem.detail like 'is a member%')",
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(object, detail)| Violation { rule: "login_too_strong", object, detail })
        .collect())
}

async fn policies(pool: &PgPool) -> Result<Vec<Violation>, sqlx::Error> {
    // Partitions are compared with `tenant` and `maintenance` by rule `partition`.
    let found: Vec<(String, String, String, String)> = sqlx::query_as(
        "select p.schemaname || '.' || p.tablename, p.policyname::text, lower(left(p.permissive, 1)),
                (select string_agg(role::text, ',' order by role::text) from unnest(p.roles) role)
         from pg_policies p
         join pg_class c on c.oid = format('%I.%I', p.schemaname, p.tablename)::regclass
         where (p.schemaname = 'tenon' or (p.schemaname, p.tablename) = ('apalis', 'jobs')) and not c.relispartition",
    )
    .fetch_all(pool)
    .await?;
    let wanted = |table: &str, policy: &str| POLICIES.iter().find(|p| p.0 == table && p.1 == policy);
    let mut violations = Vec::new();
    for (table, policy, kind, roles) in &found {
        let detail = match wanted(table, policy) {
            None => "is a policy that nobody declared".to_owned(),
            Some((_, _, wanted_kind, wanted_roles))
                if !kind.starts_with(*wanted_kind) || roles != wanted_roles =>
            {
                format!("is {kind} for {roles}, and should be {wanted_kind} for {wanted_roles}")
            }
            Some(_) => continue,
        };
        violations.push(Violation { rule: "policy_differs", object: format!("{table} {policy}"), detail });
    }
    for (table, policy, ..) in POLICIES {
        if !found.iter().any(|(t, p, ..)| t == table && p == policy) {
            let detail = "the policy is missing".to_owned();
            violations.push(Violation {
                rule: "policy_missing",
                object: format!("{table} {policy}"),
                detail,
            });
        }
    }
    Ok(violations)
}

/// Each answers (object, detail) of what breaks it. $1: global tables; $2: unique indexes that may span tenants.
const RULES: &[(&str, &str)] = &[
    (
        // Tables with a tenant, without the wall. Every table of the schema has a tenant or is named as global.
        "table_unwalled",
        "select c.oid::regclass::text,
                case when not c.relrowsecurity then 'row-level security is not enabled'
                     when not c.relforcerowsecurity then 'row-level security is not forced'
                     else 'has neither tenant_id nor a place among the global tables' end
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where ((n.nspname = 'tenon' and c.oid::regclass::text <> all ($1)) or c.oid::regclass::text = 'apalis.jobs')
           and c.relkind in ('r', 'p') and cardinality($2::text[]) > 0
           and (not c.relrowsecurity or not c.relforcerowsecurity
                or not (c.relname in ('tenants', 'users', 'jobs')
                        or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and a.attnotnull)))",
    ),
    (
        "tenant_policy_weak",
        "select p.schemaname || '.' || p.tablename, 'the tenant policy says ' || coalesce(p.qual, 'nothing') || ' / ' || coalesce(p.with_check, 'nothing')
         from pg_policies p
         where p.schemaname = 'tenon' and p.policyname = 'tenant' and cardinality($1::text[]) >= 0 and cardinality($2::text[]) >= 0
           and (coalesce(p.qual, '') !~ '^\\((tenant_id|id) = \\( SELECT tenon\\.tenant_id\\(\\) AS tenant_id\\)\\)$'
                or p.with_check is distinct from p.qual)",
    ),
    (
        // A restrictive policy that lets all through narrows nothing. The worker runs the jobs of all tenants: `run`.
        "policy_lets_all_through",
        "select p.schemaname || '.' || p.tablename || ' ' || p.policyname, 'true for a role that serves requests'
         from pg_policies p
         where (p.schemaname = 'tenon' or ((p.schemaname, p.tablename) = ('apalis', 'jobs') and p.policyname <> 'run'))
           and (p.qual = 'true' or p.with_check = 'true')
           and p.roles && array['tenon_app', 'tenon_worker', 'public']::name[]
           and cardinality($1::text[]) >= 0 and cardinality($2::text[]) >= 0",
    ),
    (
        "partition",
        "select c.oid::regclass::text, 'the partition lacks ' || wanted.policy
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         cross join (values ('tenant'), ('maintenance')) as wanted (policy)
         where n.nspname = 'tenon' and c.relispartition and c.relkind = 'r'
           and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = wanted.policy)
           and cardinality($1::text[]) >= 0 and cardinality($2::text[]) >= 0
         union all
         select c.oid::regclass::text, 'the partition is granted to ' || g.grantee
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         join information_schema.role_table_grants g on g.table_schema = n.nspname and g.table_name = c.relname
         where n.nspname = 'tenon' and c.relispartition and g.grantee <> 'tenon_owner'",
    ),
    (
        "view_looks_over_the_wall",
        "select c.oid::regclass::text, case c.relkind when 'm' then 'materialized views cannot have row-level security'
                                            else 'lacks security_invoker = true' end
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'tenon' and cardinality($1::text[]) >= 0 and cardinality($2::text[]) >= 0
           and (c.relkind = 'm' or (c.relkind = 'v' and not coalesce(c.reloptions, '{}') && array['security_invoker=true', 'security_invoker=on']))",
    ),
    (
        // References between tenants' tables carry the tenant on both sides; references to the global tables of tenants and
        // users cannot.
        "foreign_key_crosses_tenants",
        "select f.conrelid::regclass::text || ' ' || f.conname,
                case when f.confdeltype in ('c', 'n', 'd') then 'acts on delete' else 'does not carry tenant_id on both sides' end
         from pg_constraint f join pg_namespace n on n.oid = f.connamespace
         where f.contype = 'f' and n.nspname = 'tenon' and cardinality($1::text[]) >= 0 and cardinality($2::text[]) >= 0
           and f.confrelid::regclass::text not in ('tenon.tenants', 'tenon.users')
           and (not exists (select from unnest(f.conkey, f.confkey) as k (ours, theirs)
                            join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.ours and a.attname = 'tenant_id'
                            join pg_attribute b on b.attrelid = f.confrelid and b.attnum = k.theirs and b.attname = 'tenant_id')
                or f.confdeltype in ('c', 'd') or (f.confdeltype = 'n' and f.confdelsetcols is null))",
    ),
    (
        "unique_index_tells_of_others",
        "select i.indexrelid::regclass::text, 'is unique and does not begin with tenant_id'
         from pg_index i join pg_class c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
         join pg_namespace n on n.oid = c.relnamespace
         left join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
         where n.nspname = 'tenon' and i.indisunique and a.attname is distinct from 'tenant_id'
           and c.oid::regclass::text <> all ($1) and x.relname <> all ($2)",
    ),
    (
        "definer_function_open",
        "select p.oid::regprocedure::text,
                case when not coalesce(array_to_string(p.proconfig, ',') like '%search_path=%', false)
                     then 'is security definer without its own search_path' else 'may be executed by PUBLIC' end
         from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where n.nspname = 'tenon' and p.prosecdef and cardinality($1::text[]) >= 0 and cardinality($2::text[]) >= 0
           and (not coalesce(array_to_string(p.proconfig, ',') like '%search_path=%', false)
                or p.proacl is null or exists (select from aclexplode(p.proacl) a where a.grantee = 0 and a.privilege_type = 'EXECUTE'))",
    ),
    (
        "grant_too_wide",
        "select g.table_schema || '.' || g.table_name, g.grantee || ' may ' || g.privilege_type
         from information_schema.role_table_grants g
         where g.table_schema = 'tenon' and g.grantee in ('tenon_app', 'tenon_worker', 'PUBLIC')
           and (g.privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER') or g.grantee = 'PUBLIC')
           and cardinality($1::text[]) >= 0 and cardinality($2::text[]) >= 0",
    ),
];
