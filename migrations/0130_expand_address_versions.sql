-- What workers have learned of a webhook's address (that it fails, that it asked for a pause, how long it takes) they keep in their memory,
-- under this number. It grows when the address changes and when the webhook is enabled: whoever reads it forgets what was before.
alter table tenon.webhooks add column address_version bigint not null default 1;

create function tenon.renew_address() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    new.address_version := old.address_version + 1;
    return new;
end
$$;
revoke execute on function tenon.renew_address() from public;
-- For older servers too, which change addresses and know nothing of this.
create trigger renew_address before update of url, active on tenon.webhooks for each row
    when (old.url is distinct from new.url or new.active and not old.active) execute function tenon.renew_address();

set role tenon_queue;

-- load_deliveries, and the number. That one stays for older workers.
create function tenon.read_deliveries(tenants uuid[], webhooks uuid[], events uuid[])
    returns table (tenant_id uuid, webhook_id uuid, event_id uuid, id uuid, event_type text, status text, attempts integer,
                   schedule_attempts integer, job_id text, url text, address_version bigint, active boolean, deleted boolean,
                   failing boolean, secret bytea, previous_secret bytea, previous_secret_expires_at timestamptz, body text,
                   event_created_at timestamptz)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 100
as $$
    select d.tenant_id, d.webhook_id, d.event_id, d.id, d.event_type, d.status, d.attempts, d.schedule_attempts, d.job_id,
           w.url, w.address_version, w.active and t.deleted_at is null, w.deleted_at is not null, w.failing_since is not null, w.secret,
           w.previous_secret, w.previous_secret_expires_at, e.body, e.created_at
    from unnest(tenants, webhooks, events) as wanted (tenant_id, webhook_id, event_id)
    join tenon.tenants t on t.id = wanted.tenant_id
    join tenon.deliveries d on d.tenant_id = wanted.tenant_id and d.webhook_id = wanted.webhook_id and d.event_id = wanted.event_id
    join tenon.webhooks w on w.tenant_id = d.tenant_id and w.id = d.webhook_id
    join tenon.events e on e.tenant_id = d.tenant_id and e.id = d.event_id
$$;

-- Makes all that waits to be sent to a webhook due now. Found by the jobs that wait: a tenant has fewer of them than deliveries. What a
-- worker holds, or another transaction is at, is left alone, so that this waits for nobody.
create function tenon.hasten_deliveries(wanted_tenant uuid, wanted_webhook uuid) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    with waiting as materialized (
        select j.id, (convert_from(j.job, 'UTF8')::jsonb ->> 'eventId')::uuid as event_id
        from apalis.jobs j
        where wanted_tenant = tenon.tenant_id() and j.kind = 'deliver-webhook' and j.lane = wanted_tenant::text and j.status = 'Pending'
          and j.lock_by is null and j.run_at > now()
          and convert_from(j.job, 'UTF8')::jsonb ->> 'webhookId' = wanted_webhook::text
        for update skip locked
    ), due as (
        update apalis.jobs j set run_at = now() from waiting where j.id = waiting.id
    ), deliveries as materialized (
        select d.event_id from waiting
        join tenon.deliveries d on d.tenant_id = wanted_tenant and d.webhook_id = wanted_webhook and d.event_id = waiting.event_id
        where d.status = 'pending' and d.job_id = waiting.id
        order by d.event_id
        for no key update of d
    ), hastened as (
        update tenon.deliveries d set next_attempt_at = now() from deliveries
        where d.tenant_id = wanted_tenant and d.webhook_id = wanted_webhook and d.event_id = deliveries.event_id
        returning 1
    )
    select count(*) from hastened
$$;

revoke execute on function tenon.read_deliveries(uuid[], uuid[], uuid[]), tenon.hasten_deliveries(uuid, uuid) from public;
grant execute on function tenon.read_deliveries(uuid[], uuid[], uuid[]) to tenon_worker;
grant execute on function tenon.hasten_deliveries(uuid, uuid) to tenon_app, tenon_worker;

set role tenon_owner;
