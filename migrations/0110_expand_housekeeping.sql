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
create index imports_expired on tenon.imports ((coalesce(revert_until, created_at))) where cleared_at is null;

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

create policy clearing on tenon.imports for select to tenon_queue using (cleared_at is null);
grant select (tenant_id, id, state, finished_at, revert_until, created_at, updated_at, expired_at, cleared_at) on tenon.imports
    to tenon_queue;

-- Files of tenants: they are removed once the rows are, which know nothing of them any more.
alter table tenon.tenants add column files_removed_at timestamptz;
create index tenants_with_files on tenon.tenants (purged_at) where purged_at is not null and files_removed_at is null;

set role tenon_queue;

create function tenon.imports_to_clear(unfinished interval, most integer) returns table (tenant_id uuid, id uuid)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 100
as $$
    select i.tenant_id, i.id from tenon.imports i
    where i.cleared_at is null and coalesce(i.revert_until, i.created_at) < now()
      and (i.expired_at is not null
           or tenon.import_is_over(i.state, i.finished_at, i.revert_until, i.created_at, i.updated_at, unfinished))
    order by coalesce(i.revert_until, i.created_at) limit most
$$;

revoke execute on function tenon.imports_to_clear(interval, integer) from public;
grant execute on function tenon.imports_to_clear(interval, integer) to tenon_worker;

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
