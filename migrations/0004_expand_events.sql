-- The one log of what happened. Every change writes its event in its own transaction; webhooks, audit, feed and
-- analytics read it. Partitioned by the month of the UUIDv7, so that retention drops whole partitions.
-- No foreign key to tenants: the row is written in a transaction that has just written that tenant's data, and the check
-- would lock one row for every write of a tenant.
create table tenon.events (
    tenant_id      uuid not null,
    id             uuid not null,
    -- The writing transaction: the watermark of the change feed, and what tells "committed before this webhook".
    xid            xid8 not null default pg_current_xact_id(),
    type           text not null,
    object_type    text not null,
    object_id      uuid not null,
    object_version bigint not null,
    -- The webhook body, byte for byte as it is signed and sent, however often.
    body           text not null,
    -- What the audit trail needs and a receiver must not see: request id, address, session, impersonator.
    context        text not null,
    created_at     timestamptz not null default now(),
    primary key (tenant_id, id)
) partition by range (id);
select tenon.wall('tenon.events');
grant select, insert on tenon.events to tenon_app, tenon_worker;
create policy deliveries on tenon.events for select to tenon_queue using (true);
grant select on tenon.events to tenon_queue;

-- The smallest UUIDv7 of an instant: 48 bits of milliseconds, the rest zero.
create function tenon.first_event_id(instant timestamptz) returns uuid language sql immutable strict
    as $$ select rpad(lpad(to_hex(least(greatest(extract(epoch from instant) * 1000, 0), 281474976710655)::bigint), 12, '0'), 32, '0')::uuid $$;

-- Makes the partitions of this month and the months to come that are not there yet; answers how many it made. Partitions
-- are walled themselves and granted to nobody: they are reached through their parent.
create function tenon.ensure_event_partitions(months_ahead integer default 2) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    month     timestamptz;
    partition text;
    made      integer := 0;
begin
    perform pg_advisory_xact_lock(hashtext('tenon event partitions'));
    for month in
        select generate_series(date_trunc('month', now(), 'UTC'), date_trunc('month', now(), 'UTC') + make_interval(months => months_ahead),
                               interval '1 month')
    loop
        partition := 'events_' || to_char(month at time zone 'UTC', 'YYYY_MM');
        if to_regclass('tenon.' || partition) is null then
            execute format('create table tenon.%I partition of tenon.events for values from (%L) to (%L)', partition,
                           tenon.first_event_id(month), tenon.first_event_id(((month at time zone 'UTC') + interval '1 month') at time zone 'UTC'));
            perform tenon.wall(format('tenon.%I', partition)::regclass);
            execute format('revoke all on tenon.%I from tenon_maint', partition);
            made := made + 1;
        end if;
    end loop;
    return made;
end
$$;
revoke execute on function tenon.ensure_event_partitions(integer) from public;
grant execute on function tenon.first_event_id(timestamptz) to tenon_app, tenon_worker;
grant execute on function tenon.ensure_event_partitions(integer) to tenon_worker;
select tenon.ensure_event_partitions();

-- An event of a month that nobody made a partition for is kept, not refused.
create table tenon.events_default partition of tenon.events default;
select tenon.wall('tenon.events_default');
revoke all on tenon.events_default from tenon_maint;
