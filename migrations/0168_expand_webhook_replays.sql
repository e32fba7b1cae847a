-- Replays: what a webhook did not get is sent to it again, by a job that goes on wherever it was stopped.

create table tenon.webhook_replays (
    tenant_id     uuid not null,
    id            uuid not null,
    webhook_id    uuid not null,
    -- ready: it waits for a worker. running: its deliveries are brought, or have not all ended.
    state         text not null check (state in ('ready', 'running', 'succeeded', 'partial', 'failed', 'cancelled')),
    -- What was asked for.
    since         timestamptz not null,
    until         timestamptz not null,
    events        text[],                -- as they were named; null for all; never used in a condition
    object_type   text,
    object_id     uuid,
    only_failed   boolean not null,
    include_never_attempted boolean not null,
    rate_per_second integer not null check (rate_per_second between 1 and 1000),
    -- Events that it is to bring: rows of tenon.webhook_replay_events.
    selected      bigint not null default 0,
    -- What became of them so far: they are sent; they were sent otherwise meanwhile; they are kept no longer, those too that were not
    -- when the replay was made.
    enqueued      bigint not null default 0,
    skipped       bigint not null default 0,
    gone          bigint not null default 0,
    -- What became of those that are sent; counted when the replay ends, and asked of the deliveries until then.
    delivered     bigint not null default 0,
    failed        bigint not null default 0,
    -- The last event that it has brought, and when the next one is due.
    position      uuid,
    next_at       timestamptz,
    -- Raised by every turn: of an earlier one nothing is accepted.
    fence         bigint not null default 0,
    failure       text,                  -- a code
    failure_message text,
    started_at    timestamptz,
    finished_at   timestamptz,
    version       bigint not null default 1,
    created_at    timestamptz not null,
    created_by    text not null,
    updated_at    timestamptz not null,
    updated_by    text not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, webhook_id) references tenon.webhooks (tenant_id, id)
);
-- One of a webhook at a time: an event is in one replay, and knows its former state from it.
create unique index webhook_replays_at_work on tenon.webhook_replays (tenant_id, webhook_id) where state in ('ready', 'running');
create index webhook_replays_newest on tenon.webhook_replays (tenant_id, webhook_id, id desc);
create index webhook_replays_ended on tenon.webhook_replays (finished_at) where finished_at is not null;
select tenon.wall('tenon.webhook_replays');
grant select, insert, update on tenon.webhook_replays to tenon_app, tenon_worker;

-- The events of a replay, chosen when it was made. Deliveries know nothing of it: what ordinary ones cost stays as it was.
create table tenon.webhook_replay_events (
    tenant_id uuid not null,
    replay_id uuid not null,
    event_id  uuid not null,
    -- The delivery's status when the replay was made, to which it is taken back where the replay is cancelled; none: there was no delivery.
    former    text not null check (former in ('failed', 'cancelled', 'delivered', 'none')),
    -- Null until its turn has come.
    outcome   text check (outcome in ('enqueued', 'skipped', 'gone')),
    -- No foreign key to the replay: rows are made by the hundred thousand, in the transaction that makes it.
    primary key (tenant_id, replay_id, event_id)
)
-- Every row is changed once.
with (fillfactor = 80);
select tenon.wall('tenon.webhook_replay_events');
grant select, insert, update on tenon.webhook_replay_events to tenon_app, tenon_worker;

-- What is removed once it has served its time, and what tells that a month of events is still needed.
create policy deliveries on tenon.webhook_replays to tenon_queue using (true) with check (true);
create policy deliveries on tenon.webhook_replay_events to tenon_queue using (true) with check (true);
grant select, delete on tenon.webhook_replays, tenon.webhook_replay_events to tenon_queue;

set role tenon_queue;

-- Removes the events of replays that have ended, and replays that ended so long ago, of all tenants, at most so many rows; how many.
create function tenon.remove_old_replays(older_than interval, most integer) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    with due as materialized (
        select e.tenant_id, e.replay_id, e.event_id
        from tenon.webhook_replays r
        cross join lateral (
            select o.tenant_id, o.replay_id, o.event_id from tenon.webhook_replay_events o
            where o.tenant_id = r.tenant_id and o.replay_id = r.id
            order by o.event_id limit most) as e
        -- An attempt that was under way when it was cancelled is over by then.
        where r.finished_at < now() - interval '1 hour'
        limit most
    ), events as (
        delete from tenon.webhook_replay_events e using due
        where e.tenant_id = due.tenant_id and e.replay_id = due.replay_id and e.event_id = due.event_id
        returning 1
    ), over as materialized (
        select r.tenant_id, r.id from tenon.webhook_replays r
        where r.finished_at < now() - greatest(older_than, interval '1 hour')
          and not exists (select from tenon.webhook_replay_events e where e.tenant_id = r.tenant_id and e.replay_id = r.id)
        order by r.finished_at limit most
    ), replays as (
        delete from tenon.webhook_replays r using over where r.tenant_id = over.tenant_id and r.id = over.id
        returning 1
    )
    select (select count(*) from events) + (select count(*) from replays)
$$;
revoke execute on function tenon.remove_old_replays(interval, integer) from public;
grant execute on function tenon.remove_old_replays(interval, integer) to tenon_worker;

set role tenon_owner;
