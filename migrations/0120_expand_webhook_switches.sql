-- What a webhook gets is decided by what it was when the event was committed, however late the fan-out is; and what a delivery's job has
-- read is compared when it is written.

-- The state of a webhook is whether it is active, and its subscription. Each begins with a switch, of which its snapshot and its
-- transaction are kept: an event is from before the switch if the snapshot saw its transaction as committed. That is exact for
-- transactions that ran beside the switch too, and the same whoever asks, whenever.
alter table tenon.webhooks
    add column state_since pg_snapshot,
    add column state_by    xid8,
    -- No event of the state has a smaller id.
    add column state_from  uuid;

-- States that are over, until no event of their time is left that has not been fanned out or told of.
create table tenon.webhook_states (
    tenant_id  uuid not null,
    webhook_id uuid not null,
    version    bigint not null,          -- the webhook's, at the end of the state
    active     boolean not null,
    events     text[] not null,
    begun      pg_snapshot not null,
    begun_by   xid8,
    begun_from uuid not null,
    ended      pg_snapshot not null,
    ended_by   xid8 not null,
    ended_at   timestamptz not null default now(),
    primary key (tenant_id, webhook_id, version),
    foreign key (tenant_id, webhook_id) references tenon.webhooks (tenant_id, id)
);
select tenon.wall('tenon.webhook_states');
grant select, insert on tenon.webhook_states to tenon_app, tenon_worker;
create policy deliveries on tenon.webhook_states to tenon_queue using (true) with check (true);
grant select, delete on tenon.webhook_states to tenon_queue;

-- Whether a transaction was committed before a switch. One that switches is not: what it writes is of the state that it makes.
create function tenon.is_before(transaction xid8, switch pg_snapshot, switched_by xid8) returns boolean
    language sql immutable parallel safe
    as $$ select pg_visible_in_snapshot(transaction, switch) and transaction is distinct from switched_by $$;

-- The switch of a tenant's webhooks excludes fan-outs and ends of attempts, which exclude none of each other: an advisory lock of two
-- numbers, this one behind 120. Tenants share 64 of them, so that a batch of many tenants takes few.
create function tenon.switch_lock(tenant uuid) returns integer
    language sql immutable strict parallel safe
    as $$ select get_byte(uuid_send(tenant), 15) & 63 $$;

-- Ids of events are made by programs within their transactions: an hour is longer than any, and than clocks differ.
create function tenon.begin_webhook_state() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'UPDATE' then
        insert into tenon.webhook_states (tenant_id, webhook_id, version, active, events, begun, begun_by, begun_from, ended, ended_by)
        values (old.tenant_id, old.id, old.version, old.active, old.events, old.state_since, old.state_by, old.state_from,
                pg_current_snapshot(), pg_current_xact_id());
    end if;
    new.state_since := pg_current_snapshot();
    new.state_by := pg_current_xact_id();
    new.state_from := tenon.first_event_id(now() - interval '1 hour');
    return new;
end
$$;
revoke execute on function tenon.begin_webhook_state() from public;
grant execute on function tenon.is_before(xid8, pg_snapshot, xid8), tenon.switch_lock(uuid) to tenon_app, tenon_worker, tenon_queue;

grant execute on function tenon.first_event_id(timestamptz) to tenon_maint;

-- Of the webhooks that are there, what is known: since when they are active, or about when they were disabled.
set role tenon_maint;
update tenon.webhooks set state_since = active_since,
       state_from = tenon.first_event_id(case when active then created_at - interval '1 hour' else coalesce(disabled_at, updated_at) end);
set role tenon_owner;

-- For older servers too, which switch and know nothing of this.
create trigger begin_state before insert on tenon.webhooks for each row execute function tenon.begin_webhook_state();
create trigger switch_state before update of active, events on tenon.webhooks for each row
    when (old.active is distinct from new.active or old.events is distinct from new.events)
    execute function tenon.begin_webhook_state();
alter table tenon.webhooks alter column state_since set not null, alter column state_from set not null;

set role tenon_queue;

-- Removes states that nobody will ask for: all that followed has been fanned out, and what was not gathered meanwhile has been told. A
-- fan-out's job is as old as its events, give or take their transaction. Of all tenants; answers how many.
create function tenon.remove_old_webhook_states(most integer) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    with oldest as materialized (
        select least(
            (select min(j.id collate "C") from apalis.jobs j
             where j.kind = 'fan-out-event' and j.status = 'Pending' and j.orphaned >= 0),
            (select min(j.id collate "C") from apalis.jobs j
             where j.kind = 'fan-out-event' and j.lock_by is not null and j.orphaned >= 0),
            (select min(j.id collate "C") from apalis.jobs j
             where j.kind = 'fan-out-event' and j.job_type = 'webhooks' and j.status = 'Killed')) as job
    ), due as materialized (
        select s.tenant_id, s.webhook_id, s.version
        from tenon.webhook_states s join tenon.webhooks w on w.tenant_id = s.tenant_id and w.id = s.webhook_id
        where s.ended_at < now() - interval '1 day'
          and coalesce((select o.job from oldest o) collate "C" >= tenon.first_job_id(s.ended_at + interval '1 day'), true)
          and (w.active or w.deleted_at is not null
               or exists (select from tenon.webhook_states l
                          where l.tenant_id = s.tenant_id and l.webhook_id = s.webhook_id and l.version >= s.version and l.active))
        order by s.ended_at limit most
    ), removed as (
        delete from tenon.webhook_states s using due
        where s.tenant_id = due.tenant_id and s.webhook_id = due.webhook_id and s.version = due.version
        returning 1
    )
    select count(*) from removed
$$;
revoke execute on function tenon.remove_old_webhook_states(integer) from public;
grant execute on function tenon.remove_old_webhook_states(integer) to tenon_worker;

set role tenon_owner;
