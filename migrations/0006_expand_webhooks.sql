create table tenon.webhooks (
    tenant_id       uuid not null references tenon.tenants (id),
    id              uuid not null,
    url             text not null check (char_length(url) <= 2048),
    events          text[] not null,         -- names of the catalogue, or '*' for all of it
    description     text check (char_length(description) <= 500),
    active          boolean not null default true,
    disabled_reason text,
    -- AES-256-GCM; the decoded bytes of whsec_… are the key of both signatures.
    secret          bytea not null,
    -- Signs beside the new one until the overlap of a rotation ends.
    previous_secret            bytea,
    previous_secret_expires_at timestamptz,
    -- Taken when the webhook was made or enabled: an event whose transaction it saw as committed is not this webhook's.
    active_since    pg_snapshot not null default pg_current_snapshot(),
    version         bigint not null default 1,
    created_at      timestamptz not null,
    created_by      text not null,
    updated_at      timestamptz not null,
    updated_by      text not null,
    deleted_at      timestamptz,
    primary key (tenant_id, id)
);
create index webhooks_newest on tenon.webhooks (tenant_id, created_at desc, id desc) where deleted_at is null;
select tenon.wall('tenon.webhooks');
grant select, insert, update on tenon.webhooks to tenon_app;
grant select, update on tenon.webhooks to tenon_worker;
create policy deliveries on tenon.webhooks for select to tenon_queue using (true);
grant select on tenon.webhooks to tenon_queue;

-- One row for a webhook and an event. Its key is the list's order: event ids sort by time.
create table tenon.deliveries (
    tenant_id         uuid not null,
    webhook_id        uuid not null,
    event_id          uuid not null,
    id                uuid not null,         -- X-Webhook-Delivery
    event_type        text not null,
    status            text not null default 'pending'
                      check (status in ('pending', 'delivered', 'failed', 'cancelled', 'paused')),
    attempts          integer not null default 0,      -- finished ones, all rounds
    schedule_attempts integer not null default 0,      -- finished ones since the schedule began; a resend begins it again
    next_attempt_at   timestamptz,                     -- while pending
    created_at        timestamptz not null default now(),
    delivered_at      timestamptz,
    last_status_code  integer,
    last_error        text,
    -- The one job that may send it now: a job that a resend or a pause has left behind finds another id, and ends.
    job_id            text collate "C",
    primary key (tenant_id, webhook_id, event_id),
    foreign key (tenant_id, webhook_id) references tenon.webhooks (tenant_id, id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1);
-- What an operator looks for; what is delivered stays out, so that the usual row's update touches no index.
create index deliveries_failed on tenon.deliveries (tenant_id, webhook_id, event_id desc) where status = 'failed';
select tenon.wall('tenon.deliveries');
grant select, insert, update on tenon.deliveries to tenon_app, tenon_worker;
create policy deliveries on tenon.deliveries to tenon_queue using (true) with check (true);
grant select, insert, update on tenon.deliveries to tenon_queue;

create table tenon.delivery_attempts (
    tenant_id   uuid not null,
    webhook_id  uuid not null,
    event_id    uuid not null,
    number      integer not null,            -- counts from 1 over all rounds
    started_at  timestamptz not null,
    duration_ms integer not null,
    outcome     text not null,               -- success, http_3xx, http_4xx, http_5xx, timeout, connect, dns, tls, ssrf_blocked, interrupted
    status_code integer,
    error       text,
    response    text,                        -- the first 1 KiB of the answer
    primary key (tenant_id, webhook_id, event_id, number),
    foreign key (tenant_id, webhook_id, event_id) references tenon.deliveries (tenant_id, webhook_id, event_id)
) with (autovacuum_vacuum_insert_scale_factor = 0.1);
select tenon.wall('tenon.delivery_attempts');
grant select on tenon.delivery_attempts to tenon_app, tenon_worker;
create policy deliveries on tenon.delivery_attempts to tenon_queue using (true) with check (true);
grant select, insert on tenon.delivery_attempts to tenon_queue;

set role tenon_queue;

-- Everything that sending a claim's deliveries takes, of as many tenants as the claim has, in one statement.
create function tenon.load_deliveries(tenants uuid[], webhooks uuid[], events uuid[])
    returns table (tenant_id uuid, webhook_id uuid, event_id uuid, id uuid, event_type text, status text, attempts integer,
                   schedule_attempts integer, job_id text, url text, active boolean, deleted boolean, secret bytea,
                   previous_secret bytea, previous_secret_expires_at timestamptz, body text, event_created_at timestamptz)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 100
as $$
    select d.tenant_id, d.webhook_id, d.event_id, d.id, d.event_type, d.status, d.attempts, d.schedule_attempts, d.job_id,
           w.url, w.active, w.deleted_at is not null, w.secret, w.previous_secret, w.previous_secret_expires_at, e.body, e.created_at
    from unnest(tenants, webhooks, events) as wanted (tenant_id, webhook_id, event_id)
    join tenon.deliveries d on d.tenant_id = wanted.tenant_id and d.webhook_id = wanted.webhook_id and d.event_id = wanted.event_id
    join tenon.webhooks w on w.tenant_id = d.tenant_id and w.id = d.webhook_id
    join tenon.events e on e.tenant_id = d.tenant_id and e.id = d.event_id
$$;

-- The end of many attempts: attempt rows, the deliveries' state and the jobs' acknowledgement in one statement. Fenced: of a
-- job that another worker holds by now nothing is written. `next_run_in` (seconds) null ends the job, else it is run again then;
-- `killed` keeps it for a person to
-- look at. `attempted` false (snoozed, cancelled, paused) counts nothing. Answers the ids of the jobs that were still held.
create function tenon.finish_deliveries(
        worker text, job_ids text[], tenants uuid[], webhooks uuid[], events uuid[], attempted boolean[], started_at timestamptz[],
        duration_ms integer[], outcomes text[], status_codes integer[], errors text[], responses text[], statuses text[],
        next_run_in float8[], killed boolean[])
    returns setof text
    language sql security definer set search_path = pg_catalog, pg_temp rows 100
as $$
    with input as (
        select * from unnest(job_ids, tenants, webhooks, events, attempted, started_at, duration_ms, outcomes, status_codes, errors,
                             responses, statuses, next_run_in, killed)
            as i (job_id, tenant_id, webhook_id, event_id, attempted, started_at, duration_ms, outcome, status_code, error, response,
                  status, next_run_in, killed)
    ),
    held as materialized (
        select i.*, now() + make_interval(secs => i.next_run_in) as next_run_at
        from input i join apalis.jobs j on j.id = i.job_id
        where j.lock_by = worker
        order by j.id for update of j
    ),
    finished as (
        delete from apalis.jobs j using held h where j.id = h.job_id and h.next_run_at is null and not h.killed
    ),
    again as (
        update apalis.jobs j set
               status = case when h.killed then 'Killed' else 'Pending' end,
               run_at = coalesce(h.next_run_at, j.run_at), lock_by = null, lock_at = null,
               done_at = case when h.killed then now() end,
               attempts = j.attempts + h.attempted::integer,
               last_result = case when h.error is null then j.last_result else jsonb_build_object('Err', h.error) end
        from held h where j.id = h.job_id and (h.next_run_at is not null or h.killed)
    ),
    counted as (
        update tenon.deliveries d set
            -- Paused or cancelled while the attempt was under way: what it did is counted, what it decided is not.
            status = case when d.status = 'pending' then h.status else d.status end,
            attempts = d.attempts + h.attempted::integer,
            schedule_attempts = d.schedule_attempts + h.attempted::integer,
            next_attempt_at = case when d.status = 'pending' then h.next_run_at end,
            delivered_at = case when h.status = 'delivered' then now() else d.delivered_at end,
            last_status_code = case when h.attempted then h.status_code else d.last_status_code end,
            last_error = case when h.attempted then h.error else d.last_error end
        from held h
        where d.tenant_id = h.tenant_id and d.webhook_id = h.webhook_id and d.event_id = h.event_id and d.job_id = h.job_id
        returning d.tenant_id, d.webhook_id, d.event_id, d.attempts
    ),
    attempts as (
        insert into tenon.delivery_attempts
        select h.tenant_id, h.webhook_id, h.event_id, c.attempts, h.started_at, h.duration_ms, h.outcome, h.status_code, h.error, h.response
        from held h join counted c using (tenant_id, webhook_id, event_id)
        where h.attempted
    )
    select job_id from held
$$;

revoke execute on function tenon.load_deliveries(uuid[], uuid[], uuid[]),
    tenon.finish_deliveries(text, text[], uuid[], uuid[], uuid[], boolean[], timestamptz[], integer[], text[], integer[], text[], text[], text[], float8[], boolean[])
    from public;
grant execute on function tenon.load_deliveries(uuid[], uuid[], uuid[]),
    tenon.finish_deliveries(text, text[], uuid[], uuid[], uuid[], boolean[], timestamptz[], integer[], text[], integer[], text[], text[], text[], float8[], boolean[])
    to tenon_worker;

set role tenon_owner;
