-- The audit trail: who changed what, when and from where. An entry of a change is written by the fan-out from the change's event, and
-- has its id, so that a repeated fan-out adds nothing. Append-only for both servers, and chained: each entry gets a seal, whose hash
-- covers the entry and the seal before it. Partitioned by the month of the UUIDv7, as events are.
create table tenon.audit_events (
    tenant_id        uuid not null,
    id               uuid not null,
    at               timestamptz not null,
    -- The writing transaction: entries are sealed in this order, once no earlier one can come.
    xid              xid8 not null default pg_current_xact_id(),
    action           text not null,
    category         text not null,
    actor_kind       text not null,
    actor_id         uuid,
    resource_type    text,
    resource_id      uuid,
    resource_version bigint,
    outcome          text not null check (outcome in ('succeeded', 'refused', 'failed')),
    -- {"before": …, "after": …}; text, so that a seal covers it byte for byte.
    changes          text,
    request_id       text,
    ip               text,
    user_agent       text,
    -- How often it happened: repeated refusals are one entry.
    count            integer not null default 1 check (count > 0),
    -- Of sign-ins, refusals and uses of keys, which have no event: what was asked for, why not, and as whom.
    operation        text,
    reason           text,
    account          text,
    primary key (tenant_id, id)
) partition by range (id);
create index audit_events_action on tenon.audit_events (tenant_id, action, id desc);
create index audit_events_actor on tenon.audit_events (tenant_id, actor_id, id desc);
create index audit_events_resource on tenon.audit_events (tenant_id, resource_id, id desc);
-- The order of a tenant's seals; and whose entries came since the sealer looked last.
create index audit_events_order on tenon.audit_events (tenant_id, xid, id);
create index audit_events_news on tenon.audit_events (xid);
select tenon.wall('tenon.audit_events');
grant select, insert on tenon.audit_events to tenon_app, tenon_worker;
create policy sealing on tenon.audit_events for select to tenon_queue using (true);
grant select (tenant_id, xid) on tenon.audit_events to tenon_queue;

-- Makes the partitions of this month and the months to come that are not there yet; answers how many it made. See
-- tenon.ensure_event_partitions.
create function tenon.ensure_audit_partitions(months_ahead integer default 2) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    month     timestamptz;
    partition text;
    made      integer := 0;
begin
    perform pg_advisory_xact_lock(hashtext('tenon audit partitions'));
    for month in
        select generate_series(date_trunc('month', now(), 'UTC'), date_trunc('month', now(), 'UTC') + make_interval(months => months_ahead),
                               interval '1 month')
    loop
        partition := 'audit_events_' || to_char(month at time zone 'UTC', 'YYYY_MM');
        if to_regclass('tenon.' || partition) is null then
            execute format('create table tenon.%I partition of tenon.audit_events for values from (%L) to (%L)', partition,
                           tenon.first_event_id(month), tenon.first_event_id(((month at time zone 'UTC') + interval '1 month') at time zone 'UTC'));
            perform tenon.wall(format('tenon.%I', partition)::regclass);
            execute format('revoke all on tenon.%I from tenon_maint', partition);
            made := made + 1;
        end if;
    end loop;
    return made;
end
$$;
revoke execute on function tenon.ensure_audit_partitions(integer) from public;
grant execute on function tenon.ensure_audit_partitions(integer) to tenon_worker;
select tenon.ensure_audit_partitions();

-- An entry of a month that nobody made a partition for is kept, not refused.
create table tenon.audit_events_default partition of tenon.audit_events default;
select tenon.wall('tenon.audit_events_default');
revoke all on tenon.audit_events_default from tenon_maint;

-- Hides what must be in no trail, however deep it stands: the values of fields of these names.
create function tenon.masked(value jsonb) returns jsonb
    language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    case jsonb_typeof(value)
        when 'object' then
            return (select coalesce(jsonb_object_agg(f.name, case
                        when f.inner_value = 'null' then f.inner_value
                        when f.name in ('secret', 'secrets', 'password', 'passwordHash', 'key', 'token') then '"***"'
                        else tenon.masked(f.inner_value) end), '{}')
                    from jsonb_each(value) as f (name, inner_value));
        when 'array' then
            return (select coalesce(jsonb_agg(tenon.masked(e.inner_value) order by e.number), '[]')
                    from jsonb_array_elements(value) with ordinality as e (inner_value, number));
        else
            return value;
    end case;
end
$$;

-- What a change changed, from its event's body: of an update the changed fields before and after, of a creation what is there now, of a
-- removal what was there.
create function tenon.audited_changes(type text, body jsonb) returns jsonb
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case
        when type ~ '\.(deleted|purged)$' then jsonb_build_object('before', body -> 'data')
        when jsonb_typeof(body -> 'previous') is distinct from 'object' then jsonb_build_object('after', body -> 'data')
        else jsonb_build_object('before', body -> 'previous', 'after',
                                (select coalesce(jsonb_object_agg(f.name, body -> 'data' -> f.name), '{}')
                                 from jsonb_array_elements_text(body -> 'changedFields') as f (name)))
    end
$$;
grant execute on function tenon.masked(jsonb), tenon.audited_changes(text, jsonb) to tenon_app, tenon_worker;

-- The chain: position 1 is the tenant's oldest entry. hash = SHA-256(the hash before, or 32 zero bytes ‖ the entry).
create table tenon.audit_seals (
    tenant_id      uuid not null,
    position       bigint not null check (position > 0),
    audit_event_id uuid not null,
    hash           bytea not null check (length(hash) = 32),
    sealed_at      timestamptz not null default now(),
    primary key (tenant_id, position),
    unique (tenant_id, audit_event_id)
);
select tenon.wall('tenon.audit_seals');
grant select on tenon.audit_seals to tenon_app;
grant select, insert on tenon.audit_seals to tenon_worker;

-- Entries of transactions before this one are sealed, whosever they are.
create table tenon.audit_watermark (
    only_row boolean primary key default true check (only_row),
    xid      xid8 not null
);
insert into tenon.audit_watermark (xid) values ('0');
grant select, update on tenon.audit_watermark to tenon_queue;

set role tenon_queue;

-- Whose entries wait for their seals, by the oldest so many of them; and up to where that goes. To be told to
-- tenon.audit_sealed_through once they are sealed.
create function tenon.tenants_to_seal(most integer) returns table (tenants uuid[], through text)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 1
as $$
    with waiting as materialized (
        select e.tenant_id, e.xid from tenon.audit_events e
        where e.xid >= (select w.xid from tenon.audit_watermark w) and e.xid < pg_snapshot_xmin(pg_current_snapshot())
        order by e.xid limit most
    )
    select coalesce(array_agg(distinct w.tenant_id), '{}'),
           (case when count(*) < most then pg_snapshot_xmin(pg_current_snapshot()) else max(w.xid) end)::text
    from waiting w
$$;

create function tenon.audit_sealed_through(through text) returns void
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    update tenon.audit_watermark w set xid = through::xid8 where w.xid < through::xid8
$$;

-- Up to which transaction entries are sealed, where that one is still to come: then the trail is another server's, and nothing is sealed
-- until this server's counter is raised.
create function tenon.sealed_ahead_of_server() returns text
    language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select w.xid::text from tenon.audit_watermark w where w.xid > pg_snapshot_xmax(pg_current_snapshot())
$$;
revoke execute on function tenon.sealed_ahead_of_server() from public;
grant execute on function tenon.sealed_ahead_of_server() to tenon_app, tenon_worker;

revoke execute on function tenon.tenants_to_seal(integer), tenon.audit_sealed_through(text) from public;
grant execute on function tenon.tenants_to_seal(integer), tenon.audit_sealed_through(text) to tenon_worker;

-- For an operator who knows the slug.
set role tenon_auth;
create function tenon.find_tenant(wanted_slug text) returns uuid
    language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select t.id from tenon.tenants t where t.slug = wanted_slug $$;
revoke execute on function tenon.find_tenant(text) from public;
grant execute on function tenon.find_tenant(text) to tenon_app;

set role tenon_owner;
