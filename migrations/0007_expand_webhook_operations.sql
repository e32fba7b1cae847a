-- What keeps webhooks healthy: failing ones are noticed, warned of and disabled; secrets rotate; a test says what happened.

create index webhooks_failing on tenon.webhooks (tenant_id, failing_since) where failing_since is not null and active;
grant update (failing_since, failures, warned) on tenon.webhooks to tenon_queue;
create policy failing on tenon.webhooks for update to tenon_queue using (true) with check (true);

-- The answer to a test, from the worker that sent it to the API that waits for it. Deleted when it has been read.
create table tenon.webhook_tests (
    tenant_id  uuid not null,
    id         uuid not null,
    webhook_id uuid not null,
    result     jsonb,
    created_at timestamptz not null default now(),
    primary key (tenant_id, id),
    foreign key (tenant_id, webhook_id) references tenon.webhooks (tenant_id, id)
);
select tenon.wall('tenon.webhook_tests');
grant select, insert, update, delete on tenon.webhook_tests to tenon_app, tenon_worker;

set role tenon_queue;

-- Counts what a batch of ended attempts says of their webhooks: a success ends the row of failures, and costs nothing where
-- there is none. Called with every acknowledgement.
create function tenon.note_webhook_health(tenants uuid[], webhooks uuid[], succeeded boolean[]) returns void
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    with said as (
        select tenant_id, webhook_id, bool_or(succeeded) as succeeded, count(*) filter (where not succeeded) as failures
        from unnest(tenants, webhooks, succeeded) as s (tenant_id, webhook_id, succeeded)
        group by tenant_id, webhook_id
    ), due as materialized (
        select w.tenant_id, w.id, s.succeeded, s.failures
        from said s join tenon.webhooks w on w.tenant_id = s.tenant_id and w.id = s.webhook_id
        where not s.succeeded or w.failing_since is not null
        order by w.tenant_id, w.id
        for no key update of w
    )
    update tenon.webhooks w set
        failing_since = case when due.succeeded then null else coalesce(w.failing_since, now()) end,
        failures = case when due.succeeded then 0 else w.failures + due.failures end,
        warned = case when due.succeeded then 0 else w.warned end
    from due where w.tenant_id = due.tenant_id and w.id = due.id
$$;

-- The webhooks of all tenants that have failed without a success for so long and so often.
create function tenon.failing_webhooks(failing_for interval, at_least integer)
    returns table (tenant_id uuid, id uuid)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 100
as $$
    select w.tenant_id, w.id from tenon.webhooks w
    where w.active and w.deleted_at is null and w.failing_since < now() - failing_for and w.failures >= at_least
    order by w.failing_since limit 1000
$$;

revoke execute on function tenon.note_webhook_health(uuid[], uuid[], boolean[]), tenon.failing_webhooks(interval, integer) from public;
grant execute on function tenon.note_webhook_health(uuid[], uuid[], boolean[]), tenon.failing_webhooks(interval, integer) to tenon_worker;

set role tenon_owner;
