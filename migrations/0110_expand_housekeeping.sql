-- What is removed once it has served its time. Functions that look over all tenants answer ids and nothing else; what they find is removed
-- in transactions of its tenant, under the wall.

-- Imports: what they were made of is kept for as long as they can be reverted, or as long after they were made where they never came to
-- that. Then files, what became of rows, and what a revert takes are removed; the import itself stays.
alter table tenon.imports
    -- From here on nobody uses any of that,
    add column expired_at timestamptz,
    -- and here all of it was removed.
    add column cleared_at timestamptz;
drop index tenon.imports_expired;
-- By what does not change while rows are made, for every chunk writes the import's row.
-- Written as a case: under a policy the planner takes a coalesce for one that tells, and uses no index for it.
create index imports_expired on tenon.imports ((case when revert_until is null then created_at else revert_until end))
    where cleared_at is null;

-- Whether an import's time is over. One that ended within a day is left for its errors to be read, whenever its time was over; one that
-- waits or is at work keeps what it needs, unless nobody has ever looked at its file.
create function tenon.import_is_over(state text, finished_at timestamptz, revert_until timestamptz, created_at timestamptz,
                                     updated_at timestamptz, unfinished interval)
    returns boolean language sql stable set search_path = pg_catalog, pg_temp
as $$
    select coalesce(revert_until, created_at + unfinished) < now() and updated_at < now() - interval '1 day'
       and case state when 'running' then false when 'reverting' then false when 'ready' then finished_at is not null else true end
$$;
grant execute on function tenon.import_is_over(text, timestamptz, timestamptz, timestamptz, timestamptz, interval) to tenon_worker, tenon_queue;

-- Imports that have not ended, for whoever counts them.
create index imports_at_work on tenon.imports (state)
    where state in ('validating', 'running', 'reverting') or state = 'ready' and finished_at is null;

create policy clearing on tenon.imports for select to tenon_queue using (cleared_at is null);
grant select (tenant_id, id, state, finished_at, revert_until, created_at, updated_at, expired_at, cleared_at) on tenon.imports
    to tenon_queue;

-- Files of tenants: they are removed once the rows are, which know nothing of them any more.
alter table tenon.tenants add column files_removed_at timestamptz;
create index tenants_with_files on tenon.tenants (purged_at) where purged_at is not null and files_removed_at is null;

-- Records that were deleted long ago, whosever they are, in the order in which they were.
create index contacts_to_purge on tenon.contacts (deleted_at, id) where deleted_at is not null;
create index companies_to_purge on tenon.companies (deleted_at, id) where deleted_at is not null;
create index leads_to_purge on tenon.leads (deleted_at, id) where deleted_at is not null;
create index activities_to_purge on tenon.activities (deleted_at, id) where deleted_at is not null;
create index pipelines_to_purge on tenon.pipelines (deleted_at, id) where deleted_at is not null;
create policy purging on tenon.contacts for select to tenon_queue using (deleted_at is not null);
create policy purging on tenon.companies for select to tenon_queue using (deleted_at is not null);
create policy purging on tenon.leads for select to tenon_queue using (deleted_at is not null);
create policy purging on tenon.activities for select to tenon_queue using (deleted_at is not null);
create policy purging on tenon.pipelines for select to tenon_queue using (deleted_at is not null);
grant select (tenant_id, id, deleted_at) on tenon.contacts, tenon.companies, tenon.leads, tenon.activities, tenon.pipelines to tenon_queue;

-- Partitions of events and of the audit trail.
grant select (id) on tenon.audit_events to tenon_queue;

-- The smallest id of a job (a ULID) of an instant, or rather its time: ten digits of 5 bits.
create function tenon.first_job_id(instant timestamptz) returns text
    language sql immutable strict set search_path = pg_catalog, pg_temp
as $$
    select string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', (((extract(epoch from instant) * 1000)::bigint >> (5 * n)) & 31)::integer + 1, 1),
                      '' order by n desc)
    from generate_series(0, 9) n
$$;
grant execute on function tenon.first_job_id(timestamptz) to tenon_queue;

-- Deliveries that have ended, and their attempts.
grant delete on tenon.deliveries, tenon.delivery_attempts to tenon_queue;

set role tenon_queue;

-- Records that were deleted so long ago, the longest first, from behind the one that is named. Those of deleted tenants wait with them.
create function tenon.records_to_purge(kind text, older_than interval, after_time timestamptz, after_id uuid, most integer)
    returns table (tenant_id uuid, id uuid, deleted_at timestamptz)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp rows 100
as $$
begin
    if kind <> all (array['contacts', 'companies', 'leads', 'activities', 'pipelines']) then
        raise exception 'no kind of record: %', kind;
    end if;
    -- Planned with its values, whatever the table had when it was first asked.
    return query execute format(
        'select r.tenant_id, r.id, r.deleted_at from tenon.%I r
         where r.deleted_at is not null and r.deleted_at < now() - $1 and (r.deleted_at, r.id) > ($2, $3)
           and (select t.deleted_at from tenon.tenants t where t.id = r.tenant_id) is null
         order by r.deleted_at, r.id limit $4', kind)
        using older_than, coalesce(after_time, '-infinity'), coalesce(after_id, '00000000-0000-0000-0000-000000000000'), most;
end
$$;

-- Removes deliveries that have ended of events so old, with their attempts, of all tenants; answers how many. What is pending or paused
-- stays, however old.
create function tenon.remove_old_deliveries(older_than interval, most integer) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    with due as materialized (
        select d.tenant_id, d.webhook_id, d.event_id
        from tenon.webhooks w
        cross join lateral (
            select o.tenant_id, o.webhook_id, o.event_id from tenon.deliveries o
            where o.tenant_id = w.tenant_id and o.webhook_id = w.id and o.event_id < tenon.first_event_id(now() - older_than)
              and o.status in ('delivered', 'failed', 'cancelled')
            order by o.event_id limit most for update skip locked) as d
        limit most
    ), attempts as (
        delete from tenon.delivery_attempts a using due
        where a.tenant_id = due.tenant_id and a.webhook_id = due.webhook_id and a.event_id = due.event_id
    ), removed as (
        delete from tenon.deliveries d using due
        where d.tenant_id = due.tenant_id and d.webhook_id = due.webhook_id and d.event_id = due.event_id
        returning 1
    )
    select count(*) from removed
$$;

create function tenon.imports_to_clear(unfinished interval, most integer) returns table (tenant_id uuid, id uuid)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 100
as $$
    select i.tenant_id, i.id from tenon.imports i
    where i.cleared_at is null and case when i.revert_until is null then i.created_at else i.revert_until end < now()
      and (i.expired_at is not null
           or tenon.import_is_over(i.state, i.finished_at, i.revert_until, i.created_at, i.updated_at, unfinished))
    order by case when i.revert_until is null then i.created_at else i.revert_until end limit most
$$;

-- How many imports of all tenants have not ended, by state: a dry run that was made waits for nobody.
create function tenon.imports_at_work() returns table (state text, imports bigint)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 4
as $$
    select i.state, count(*) from tenon.imports i
    where i.cleared_at is null
      and (i.state in ('validating', 'running', 'reverting') or i.state = 'ready' and i.finished_at is null)
    group by i.state
$$;

revoke execute on function tenon.imports_to_clear(interval, integer), tenon.imports_at_work(), tenon.remove_old_deliveries(interval, integer),
    tenon.records_to_purge(text, interval, timestamptz, uuid, integer) from public;
grant execute on function tenon.imports_to_clear(interval, integer), tenon.imports_at_work(), tenon.remove_old_deliveries(interval, integer),
    tenon.records_to_purge(text, interval, timestamptz, uuid, integer) to tenon_worker;

-- Whether something still needs events below an id, all of which are older than that instant: deliveries that have not ended, a fan-out
-- that has not been done, followers of changes that could not read them yet.
create function tenon.events_are_needed(below uuid, until timestamptz) returns boolean
    language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select exists (select from tenon.webhooks w
                   where exists (select from tenon.deliveries d
                                 where d.tenant_id = w.tenant_id and d.webhook_id = w.id and d.event_id < below
                                   and d.status in ('pending', 'paused')))
        -- A job is as old as its events, give or take their transaction.
        or exists (select from apalis.jobs j
                   where j.kind = 'fan-out-event' and j.status = 'Pending' and j.orphaned >= 0
                     and j.id collate "C" < tenon.first_job_id(until + interval '1 day'))
        or exists (select from apalis.jobs j
                   where j.kind = 'fan-out-event' and j.lock_by is not null and j.orphaned >= 0
                     and j.id collate "C" < tenon.first_job_id(until + interval '1 day'))
        or exists (select from apalis.jobs j
                   where j.kind = 'fan-out-event' and j.job_type = 'webhooks' and j.status = 'Killed'
                     and j.id collate "C" < tenon.first_job_id(until + interval '1 day'))
        or exists (select from tenon.tenants t
                   where exists (select from tenon.events e
                                 where e.tenant_id = t.id and e.xid >= pg_snapshot_xmin(pg_current_snapshot()) and e.id < below))
$$;

-- Whether there is an entry of the audit trail from an id on and below another one.
create function tenon.has_audit_entries(from_id uuid, below uuid) returns boolean
    language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select exists (select from tenon.audit_events e where e.id >= from_id and e.id < below)
$$;

revoke execute on function tenon.events_are_needed(uuid, timestamptz), tenon.has_audit_entries(uuid, uuid) from public;
grant execute on function tenon.events_are_needed(uuid, timestamptz), tenon.has_audit_entries(uuid, uuid) to tenon_owner;

set role tenon_maint;

-- The purged tenants whose files may still be there.
create function tenon.tenants_with_files() returns table (id uuid)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 100
as $$
    select t.id from tenon.tenants t where t.purged_at is not null and t.files_removed_at is null order by t.purged_at limit 100
$$;

-- Their files are gone.
create function tenon.tenant_files_are_gone(wanted uuid) returns void
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    update tenon.tenants t set files_removed_at = now() where t.id = wanted and t.purged_at is not null
$$;

revoke execute on function tenon.tenants_with_files(), tenon.tenant_files_are_gone(uuid) from public;
grant execute on function tenon.tenants_with_files(), tenon.tenant_files_are_gone(uuid) to tenon_worker;

set role tenon_owner;

-- The partitions of a table by month, the oldest first, with their bounds.
create function tenon.months_of(parent regclass) returns table (name text, begins timestamptz, ends timestamptz)
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select m.name, m.month at time zone 'UTC', (m.month + interval '1 month') at time zone 'UTC'
    from (select c.relname::text as name, to_date(right(c.relname, 7), 'YYYY_MM')::timestamp as month
          from pg_inherits i join pg_class c on c.oid = i.inhrelid
          where i.inhparent = parent and c.relname ~ '_\d{4}_\d{2}$') m
    order by m.name
$$;

-- Drops the oldest partition of events, if all of it is so old; answers which that is, and whether it was dropped. It is not where
-- something still needs events of it. Dropping keeps writers waiting, and is given up after a second of waiting itself.
create function tenon.drop_old_events(older_than interval, out partition text, out dropped boolean)
    language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '1s'
as $$
declare
    until timestamptz;
begin
    perform pg_advisory_xact_lock(hashtext('tenon event partitions'));
    dropped := false;
    select m.name, m.ends into partition, until from tenon.months_of('tenon.events') m limit 1;
    if until is null or until > now() - older_than then
        partition := null;
    elsif not tenon.events_are_needed(tenon.first_event_id(until), until) then
        execute format('drop table tenon.%I', partition);
        dropped := true;
    end if;
end
$$;

-- Drops the oldest partition of the audit trail that is so old and has no entry; answers which that was.
create function tenon.drop_empty_audit(older_than interval) returns text
    language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '1s'
as $$
declare
    month record;
begin
    perform pg_advisory_xact_lock(hashtext('tenon audit partitions'));
    for month in select * from tenon.months_of('tenon.audit_events') m where m.ends <= now() - older_than loop
        if not tenon.has_audit_entries(tenon.first_event_id(month.begins), tenon.first_event_id(month.ends)) then
            execute format('drop table tenon.%I', month.name);
            return month.name;
        end if;
    end loop;
    return null;
end
$$;

revoke execute on function tenon.months_of(regclass), tenon.drop_old_events(interval), tenon.drop_empty_audit(interval) from public;
grant execute on function tenon.drop_old_events(interval), tenon.drop_empty_audit(interval) to tenon_worker;
