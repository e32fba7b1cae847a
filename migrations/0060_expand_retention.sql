-- What becomes of a deleted tenant: its deliveries wait until it is restored, and after a while all that it had is removed for good.
-- Its row stays, and so does the reservation of every slug that it had.
alter table tenon.tenants
    -- From here on there is no way back.
    add column purging_since timestamptz,
    add column purged_at     timestamptz;
create index tenants_to_purge on tenon.tenants (deleted_at) where deleted_at is not null and purged_at is null;

-- Webhooks of a deleted tenant are hidden with it: what is pending for them is paused, and none is called failing meanwhile.
set role tenon_owner;
create policy deliveries on tenon.tenants for select to tenon_queue using (true);
grant select (id, deleted_at) on tenon.tenants to tenon_queue;

set role tenon_queue;

create or replace function tenon.load_deliveries(tenants uuid[], webhooks uuid[], events uuid[])
    returns table (tenant_id uuid, webhook_id uuid, event_id uuid, id uuid, event_type text, status text, attempts integer,
                   schedule_attempts integer, job_id text, url text, active boolean, deleted boolean, failing boolean, secret bytea,
                   previous_secret bytea, previous_secret_expires_at timestamptz, body text, event_created_at timestamptz)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 100
as $$
    select d.tenant_id, d.webhook_id, d.event_id, d.id, d.event_type, d.status, d.attempts, d.schedule_attempts, d.job_id,
           w.url, w.active and t.deleted_at is null, w.deleted_at is not null, w.failing_since is not null, w.secret, w.previous_secret,
           w.previous_secret_expires_at, e.body, e.created_at
    from unnest(tenants, webhooks, events) as wanted (tenant_id, webhook_id, event_id)
    join tenon.tenants t on t.id = wanted.tenant_id
    join tenon.deliveries d on d.tenant_id = wanted.tenant_id and d.webhook_id = wanted.webhook_id and d.event_id = wanted.event_id
    join tenon.webhooks w on w.tenant_id = d.tenant_id and w.id = d.webhook_id
    join tenon.events e on e.tenant_id = d.tenant_id and e.id = d.event_id
$$;

create or replace function tenon.failing_webhooks(failing_for interval, at_least integer)
    returns table (tenant_id uuid, id uuid)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 100
as $$
    select w.tenant_id, w.id from tenon.webhooks w
    where w.active and w.deleted_at is null and w.failing_since < now() - failing_for and w.failures >= at_least
      and not exists (select from tenon.tenants t where t.id = w.tenant_id and t.deleted_at is not null)
    order by w.failing_since limit 1000
$$;

-- Removing a tenant for good is the business of the maintenance role alone, by functions that look at nothing but tenants that were
-- deleted long enough ago. Any row of theirs goes, also of tables that come after this file.
set role tenon_owner;
grant create on schema tenon to tenon_maint;
grant usage on schema apalis to tenon_maint;
grant select, delete on apalis.jobs to tenon_maint;
create policy maintenance on apalis.jobs to tenon_maint using (true) with check (true);

set role tenon_maint;

-- The tables that hold rows of tenants, those first to whose rows nobody else's refer; read from the catalogue, so that a new table is
-- purged too. `leaves` is for rows that refer to rows of the same table: those go first to which none does. Slugs stay.
create function tenon.tables_in_order_of_removal() returns table (name text, leaves text)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    remaining oid[] := array(
        select c.oid from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
        where c.relnamespace = 'tenon'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> 'tenant_slugs'
        order by c.relname);
    free      oid[];
begin
    while cardinality(remaining) > 0 loop
        free := array(
            select r from unnest(remaining) r
            where not exists (select from pg_constraint f
                              where f.contype = 'f' and f.confrelid = r and f.conrelid <> r and f.conrelid = any (remaining)));
        if cardinality(free) = 0 then
            raise exception 'tables refer to each other in a circle: %', remaining::regclass[];
        end if;
        return query
            select r::regclass::text,
                   coalesce((select string_agg(format(' and not exists (select from %s other where %s)', r::regclass, joined.pairs), '')
                             from pg_constraint f
                             cross join lateral (
                                 select string_agg(format('other.%I = one.%I', ours.attname, theirs.attname), ' and ') as pairs
                                 from unnest(f.conkey, f.confkey) as k (ours, theirs)
                                 join pg_attribute ours on ours.attrelid = r and ours.attnum = k.ours
                                 join pg_attribute theirs on theirs.attrelid = r and theirs.attnum = k.theirs
                             ) joined
                             where f.contype = 'f' and f.conrelid = r and f.confrelid = r), '')
            from unnest(free) r;
        remaining := array(select unnest(remaining) except select unnest(free));
    end loop;
end
$$;

-- The tenants that were deleted so long ago and are not purged yet.
create function tenon.tenants_to_purge(older_than interval) returns table (id uuid)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 100
as $$
    select t.id from tenon.tenants t
    where t.deleted_at <= now() - older_than and t.purged_at is null
    order by t.deleted_at limit 100
$$;

-- Removes at most so many rows of a tenant that was deleted so long ago; answers how many. 0: nothing is left, it is purged. Null: it is
-- not to be purged, it is purged already, or somebody else is at it. Called until it answers 0 or null; whoever calls next goes on.
create function tenon.purge_tenant(wanted uuid, older_than interval, most integer) returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    tables  record;
    people  uuid[];
    removed bigint;
begin
    perform from tenon.tenants t where t.id = wanted and t.purged_at is null and t.deleted_at <= now() - older_than
        for no key update skip locked;
    if not found then
        return null;
    end if;
    update tenon.tenants t set purging_since = now() where t.id = wanted and t.purging_since is null;
    for tables in select * from tenon.tables_in_order_of_removal() loop
        if tables.name = 'tenon.memberships' then
            -- Who is a member of nothing any more goes too: nobody else knows of the address.
            with gone as (
                delete from tenon.memberships m
                where m.tenant_id = wanted
                  and m.user_id = any (array(select x.user_id from tenon.memberships x where x.tenant_id = wanted limit most))
                returning m.user_id
            )
            select count(*), array_agg(gone.user_id) into removed, people from gone;
            delete from tenon.users u
            where u.id = any (people) and not exists (select from tenon.memberships m where m.user_id = u.id);
        else
            execute format('delete from %1$s one where one.tenant_id = $1
                                and one.ctid = any (array(select one.ctid from %1$s one where one.tenant_id = $1 %2$s limit $2))',
                           tables.name, tables.leaves) using wanted, most;
            get diagnostics removed = row_count;
        end if;
        if removed > 0 then
            return removed;
        end if;
    end loop;
    delete from apalis.jobs j where j.lane = wanted::text;
    get diagnostics removed = row_count;
    if removed > 0 then
        return removed;
    end if;
    update tenon.tenants t set purged_at = now(), name = 'Purged', settings = '{}', deleted_by = null where t.id = wanted;
    return 0;
end
$$;

revoke execute on function tenon.tables_in_order_of_removal(), tenon.tenants_to_purge(interval), tenon.purge_tenant(uuid, interval, integer)
    from public;
grant execute on function tenon.tenants_to_purge(interval), tenon.purge_tenant(uuid, interval, integer) to tenon_worker;

set role tenon_owner;
