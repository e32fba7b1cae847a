-- The change feed: a tenant's events in the order of their transactions. What is below the oldest transaction that is under way is
-- complete: nothing will ever be inserted before it. Comparisons of xid8 are leakproof, and so is that of the row (xid, id).
create index events_in_order on tenon.events (tenant_id, xid, id);

-- Since when all events are kept: the beginning of the oldest partition. Null where no month has one.
create function tenon.events_kept_since() returns timestamptz language sql stable set search_path = pg_catalog, pg_temp
as $$
    select min(to_date(right(c.relname, 7), 'YYYY_MM'))::timestamp at time zone 'UTC'
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'tenon.events'::regclass and c.relname ~ '^events_\d{4}_\d{2}$'
$$;
grant execute on function tenon.events_kept_since() to tenon_app, tenon_worker;
grant execute on function tenon.first_event_id(timestamptz) to tenon_queue;

set role tenon_queue;

-- For readers that wait: the newest transaction of each of their tenants that can be read, and whether there are events that cannot be
-- read yet. Tells nothing of what is in them; a reader reads in a transaction of its own tenant.
create function tenon.newest_changes(tenants uuid[]) returns table (tenant_id uuid, newest xid8, more_to_come boolean)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 100
as $$
    select t.id,
           (select e.xid from tenon.events e
            where e.tenant_id = t.id and e.xid < (select pg_snapshot_xmin(pg_current_snapshot()))
            order by e.xid desc, e.id desc limit 1),
           exists (select from tenon.events e
                   where e.tenant_id = t.id and e.xid >= (select pg_snapshot_xmin(pg_current_snapshot())))
    from unnest(tenants) as t (id)
$$;

-- The age in seconds of the oldest event that cannot be read yet, of all tenants; 0 where there is none. An index is asked once a tenant
-- and partition, and nothing at all while no transaction is under way.
create function tenon.changes_watermark_age() returns float8
    language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select coalesce(max(extract(epoch from clock_timestamp() - waiting.created_at)), 0)::float8
    from tenon.tenants t
    cross join lateral (
        select e.created_at from tenon.events e
        where e.tenant_id = t.id and e.xid >= (select pg_snapshot_xmin(pg_current_snapshot()))
          and e.id >= tenon.first_event_id(now() - interval '1 day')
        order by e.xid, e.id limit 1
    ) as waiting
    where pg_snapshot_xmin(pg_current_snapshot()) < pg_snapshot_xmax(pg_current_snapshot())
$$;

revoke execute on function tenon.newest_changes(uuid[]), tenon.changes_watermark_age() from public;
grant execute on function tenon.newest_changes(uuid[]) to tenon_app;
grant execute on function tenon.changes_watermark_age() to tenon_worker;

set role tenon_owner;
