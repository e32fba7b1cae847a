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

-- Where a tenant's entries are streamed to, once they are sealed, in the order of their positions.
create table tenon.audit_sinks (
    tenant_id         uuid not null,
    id                uuid not null,
    name              text not null check (char_length(name) between 1 and 100),
    kind              text not null check (kind in ('http', 'syslog', 'file')),
    -- https://… of http, tls://host:port or tcp://host:port of syslog.
    url               text check (char_length(url) <= 2048),
    -- Of file: what its objects' keys begin with, behind the tenant's own folder.
    prefix            text check (char_length(prefix) <= 200),
    -- Of http; AES-256-GCM.
    secret            bytea,
    active            boolean not null default true,
    -- Everything up to this position is delivered.
    position          bigint not null check (position >= 0),
    -- Failed in a row, and when it is tried again; all of it null or 0 after a success.
    attempts          integer not null default 0,
    next_attempt_at   timestamptz,
    failing_since     timestamptz,
    last_error        text,
    last_delivered_at timestamptz,
    -- The worker that is at it, and until when it is taken to be.
    lease             uuid,
    leased_until      timestamptz,
    version           bigint not null default 1,
    created_at        timestamptz not null,
    created_by        text not null,
    updated_at        timestamptz not null,
    updated_by        text not null,
    deleted_at        timestamptz,
    primary key (tenant_id, id),
    check ((kind = 'file') = (url is null) and (kind = 'file') = (prefix is not null) and (kind = 'http') = (secret is not null))
);
create index audit_sinks_newest on tenon.audit_sinks (tenant_id, created_at desc, id desc) where deleted_at is null;
select tenon.wall('tenon.audit_sinks');
grant select, insert, update on tenon.audit_sinks to tenon_app;
grant select, update on tenon.audit_sinks to tenon_worker;
create policy streaming on tenon.audit_sinks for select to tenon_queue using (true);
grant select on tenon.audit_sinks to tenon_queue;
create policy streaming on tenon.audit_seals for select to tenon_queue using (true);
grant select (tenant_id, position, sealed_at) on tenon.audit_seals to tenon_queue;

set role tenon_queue;

-- The sinks that have something to send now and that nobody is at, those first that have waited longest; a few of a tenant, so that slow
-- ones are not all that workers are at.
create function tenon.audit_sinks_due(most integer) returns table (tenant_id uuid, id uuid)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 100
as $$
    select d.tenant_id, d.id from (
        select s.tenant_id, s.id, s.since, row_number() over (partition by s.tenant_id order by s.since, s.id) as turn
        from (select *, coalesce(last_delivered_at, created_at) as since from tenon.audit_sinks) s
        where s.active and s.deleted_at is null
          and (s.next_attempt_at is null or s.next_attempt_at <= now()) and (s.leased_until is null or s.leased_until < now())
          and exists (select from tenon.audit_seals c where c.tenant_id = s.tenant_id and c.position > s.position)
          and not exists (select from tenon.tenants t where t.id = s.tenant_id and t.deleted_at is not null)
    ) d
    where d.turn <= 3
    order by d.since limit most
$$;

-- How long the oldest entry that a sink of a kind has not got has had its seal, in seconds.
create function tenon.audit_sink_lags() returns table (kind text, seconds double precision)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 3
as $$
    select s.kind, max(extract(epoch from now() - c.sealed_at))::double precision
    from tenon.audit_sinks s
    cross join lateral (
        select c.sealed_at from tenon.audit_seals c where c.tenant_id = s.tenant_id and c.position > s.position order by c.position limit 1
    ) c
    where s.active and s.deleted_at is null
      and not exists (select from tenon.tenants t where t.id = s.tenant_id and t.deleted_at is not null)
    group by s.kind
$$;

revoke execute on function tenon.audit_sinks_due(integer), tenon.audit_sink_lags() from public;
grant execute on function tenon.audit_sinks_due(integer), tenon.audit_sink_lags() to tenon_worker;

set role tenon_owner;
