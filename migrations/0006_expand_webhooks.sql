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
    -- When it was disabled; what happened since is what a replay would bring.
    disabled_at     timestamptz,
    -- Since when every attempt has failed; null after a success. The state of auto-disable is here, in no process's memory.
    failing_since   timestamptz,
    failures        integer not null default 0,
    -- The share of the way to being disabled that was warned of: 0, 50 or 90 percent.
    warned          smallint not null default 0,
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
)
-- Every row is changed once, soon after it was inserted: room for both on one page keeps that change out of all indexes.
with (fillfactor = 45, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1);
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
    -- No foreign key to deliveries: only finish_deliveries writes here, from the delivery's row that it has just changed, and
    -- looking that row up once more would double what an attempt costs.
    primary key (tenant_id, webhook_id, event_id, number)
) with (autovacuum_vacuum_insert_scale_factor = 0.1);
select tenon.wall('tenon.delivery_attempts');
grant select on tenon.delivery_attempts to tenon_app, tenon_worker;
create policy deliveries on tenon.delivery_attempts to tenon_queue using (true) with check (true);
grant select, insert on tenon.delivery_attempts to tenon_queue;

set role tenon_queue;

-- Both in SQL, which plans anew with every call: a plan that was made while a table was empty and kept would walk all of it later.

-- Everything that sending a claim's deliveries takes, of as many tenants as the claim has, in one statement.
create function tenon.load_deliveries(tenants uuid[], webhooks uuid[], events uuid[])
    returns table (tenant_id uuid, webhook_id uuid, event_id uuid, id uuid, event_type text, status text, attempts integer,
                   schedule_attempts integer, job_id text, url text, active boolean, deleted boolean, failing boolean, secret bytea,
                   previous_secret bytea, previous_secret_expires_at timestamptz, body text, event_created_at timestamptz)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 100
as $$
    select d.tenant_id, d.webhook_id, d.event_id, d.id, d.event_type, d.status, d.attempts, d.schedule_attempts, d.job_id,
           w.url, w.active, w.deleted_at is not null, w.failing_since is not null, w.secret, w.previous_secret, w.previous_secret_expires_at, e.body, e.created_at
    from unnest(tenants, webhooks, events) as wanted (tenant_id, webhook_id, event_id)
    join tenon.deliveries d on d.tenant_id = wanted.tenant_id and d.webhook_id = wanted.webhook_id and d.event_id = wanted.event_id
    join tenon.webhooks w on w.tenant_id = d.tenant_id and w.id = d.webhook_id
    join tenon.events e on e.tenant_id = d.tenant_id and e.id = d.event_id
$$;

-- The end of many attempts: attempt rows, the deliveries' state and the jobs' acknowledgement in one statement. Fenced: of a
-- job that another worker holds by now nothing is written. `next_run_in` (seconds) null ends the job, else it is run again then;
-- `killed` keeps it for a person to look at. `attempted` false (snoozed, cancelled, paused) counts nothing. Answers how many of the
-- jobs were still held.
create function tenon.finish_deliveries(
        worker text, job_ids text[], tenants uuid[], webhooks uuid[], events uuid[], attempted boolean[], started_at timestamptz[],
        duration_ms integer[], outcomes text[], status_codes integer[], errors text[], responses text[], statuses text[],
        next_run_in float8[], killed boolean[])
    returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    with input as (
        select * from unnest(job_ids, tenants, webhooks, events, attempted, started_at, duration_ms, outcomes, status_codes, errors,
                             responses, statuses, next_run_in, killed)
            as i (job_id, tenant_id, webhook_id, event_id, attempted, started_at, duration_ms, outcome, status_code, error, response,
                  status, next_run_in, killed)
    ),
    -- Nothing is looked up first: whether a job is still held is asked by the write itself.
    ended as (
        delete from apalis.jobs j using input i
        where j.id = i.job_id and j.lock_by = worker and i.next_run_in is null and not i.killed
        returning i.*
    ),
    again as (
        update apalis.jobs j set
               status = case when i.killed then 'Killed' else 'Pending' end,
               run_at = coalesce(now() + make_interval(secs => i.next_run_in), j.run_at), lock_by = null, lock_at = null,
               done_at = case when i.killed then now() end,
               attempts = j.attempts + i.attempted::integer,
               last_result = case when i.error is null then j.last_result else jsonb_build_object('Err', i.error) end
        from input i
        where j.id = i.job_id and j.lock_by = worker and (i.next_run_in is not null or i.killed)
        returning i.*
    ),
    held as (
        select * from ended union all select * from again
    ),
    counted as (
        update tenon.deliveries d set
            -- Paused or cancelled while the attempt was under way: what it did is counted, what it decided is not.
            status = case when d.status = 'pending' then h.status else d.status end,
            attempts = d.attempts + h.attempted::integer,
            schedule_attempts = d.schedule_attempts + h.attempted::integer,
            next_attempt_at = case when d.status = 'pending' then now() + make_interval(secs => h.next_run_in) end,
            delivered_at = case when h.status = 'delivered' then now() else d.delivered_at end,
            last_status_code = case when h.attempted then h.status_code else d.last_status_code end,
            last_error = case when h.attempted then h.error else d.last_error end
        from held h
        where d.tenant_id = h.tenant_id and d.webhook_id = h.webhook_id and d.event_id = h.event_id and d.job_id = h.job_id
        -- With what the attempt's row is made of: joining the two again would compare each with each.
        returning d.tenant_id, d.webhook_id, d.event_id, d.attempts as number, h.attempted, h.started_at, h.duration_ms, h.outcome,
                  h.status_code, h.error, h.response
    ),
    attempts as (
        insert into tenon.delivery_attempts
        select c.tenant_id, c.webhook_id, c.event_id, c.number, c.started_at, c.duration_ms, c.outcome, c.status_code, c.error, c.response
        from counted c
        where c.attempted
    )
    select count(*) from held
$$;

revoke execute on function tenon.load_deliveries(uuid[], uuid[], uuid[]),
    tenon.finish_deliveries(text, text[], uuid[], uuid[], uuid[], boolean[], timestamptz[], integer[], text[], integer[], text[], text[], text[], float8[], boolean[])
    from public;
grant execute on function tenon.load_deliveries(uuid[], uuid[], uuid[]),
    tenon.finish_deliveries(text, text[], uuid[], uuid[], uuid[], boolean[], timestamptz[], integer[], text[], integer[], text[], text[], text[], float8[], boolean[])
    to tenon_worker;

set role tenon_owner;
