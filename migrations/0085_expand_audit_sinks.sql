-- Sign-ins that name a tenant.
set role tenon_auth;
create function tenon.find_active_tenant(wanted_slug text) returns uuid
    language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select t.id from tenon.tenants t where t.slug = wanted_slug and t.deleted_at is null $$;
revoke execute on function tenon.find_active_tenant(text) from public;
grant execute on function tenon.find_active_tenant(text) to tenon_app;

set role tenon_owner;

-- How long entries of the audit trail are kept.
create function tenon.audit_term(plan text) returns interval
    language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case plan
        when 'free' then interval '30 days'
        when 'team' then interval '1 year'
        when 'business' then interval '3 years'
        else interval '7 years'
    end
$$;
grant execute on function tenon.audit_term(text) to tenon_maint;

-- Where a tenant's chain begins since its oldest entries were removed: the position and the hash of the last seal that went with them.
create table tenon.audit_anchors (
    tenant_id  uuid not null primary key,
    position   bigint not null check (position > 0),
    hash       bytea not null check (length(hash) = 32),
    removed_at timestamptz not null default now()
);
select tenon.wall('tenon.audit_anchors');
grant select on tenon.audit_anchors to tenon_app, tenon_worker;

-- Removing entries is the business of the maintenance role alone, by a function that removes none before its time, and none but the oldest.
set role tenon_maint;

-- The tenants whose oldest entry is older than their plan keeps it. An entry that somebody removed is as old as its seal.
create function tenon.tenants_with_expired_audit() returns table (id uuid)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 100
as $$
    select t.id from tenon.tenants t
    left join tenon.audit_anchors a on a.tenant_id = t.id
    cross join lateral (
        select s.audit_event_id, s.sealed_at from tenon.audit_seals s
        where s.tenant_id = t.id and s.position > coalesce(a.position, 0) order by s.position limit 1
    ) s
    left join tenon.audit_events e on e.tenant_id = t.id and e.id = s.audit_event_id
    where coalesce(e.at, s.sealed_at) < now() - tenon.audit_term(t.plan)
$$;

-- Removes at most so many of a tenant's oldest entries, with their seals, up to the first that is not older than the plan keeps it. Answers
-- how many; 0 also where the chain is being sealed, or somebody else is at it.
create function tenon.remove_expired_audit(wanted uuid, most integer) returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    kept_for interval := (select tenon.audit_term(t.plan) from tenon.tenants t where t.id = wanted);
    after    bigint;
    through  bigint;
    ids      uuid[];
    removed  bigint;
begin
    if kept_for is null or not pg_try_advisory_xact_lock(hashtextextended('tenon audit ' || wanted::text, 0)) then
        return 0;
    end if;
    after := coalesce((select a.position from tenon.audit_anchors a where a.tenant_id = wanted), 0);
    with oldest as (
        select s.position, s.audit_event_id as id, coalesce(e.at, s.sealed_at) < now() - kept_for as expired
        from (select * from tenon.audit_seals s where s.tenant_id = wanted and s.position > after order by s.position limit most) s
        left join tenon.audit_events e on e.tenant_id = wanted and e.id = s.audit_event_id
    )
    select max(o.position), array_agg(o.id) into through, ids from oldest o
    where not exists (select from oldest k where k.position <= o.position and not k.expired);
    if through is null then
        return 0;
    end if;
    insert into tenon.audit_anchors (tenant_id, position, hash)
    select s.tenant_id, s.position, s.hash from tenon.audit_seals s where s.tenant_id = wanted and s.position = through
    on conflict (tenant_id) do update set position = excluded.position, hash = excluded.hash, removed_at = now();
    delete from tenon.audit_seals s where s.tenant_id = wanted and s.position <= through;
    get diagnostics removed = row_count;
    delete from tenon.audit_events e
    where e.tenant_id = wanted and e.id = any (ids)
      and e.id between (select min(i::text)::uuid from unnest(ids) i) and (select max(i::text)::uuid from unnest(ids) i);
    return removed;
end
$$;

revoke execute on function tenon.tenants_with_expired_audit(), tenon.remove_expired_audit(uuid, integer) from public;
grant execute on function tenon.tenants_with_expired_audit(), tenon.remove_expired_audit(uuid, integer) to tenon_worker;

set role tenon_owner;
