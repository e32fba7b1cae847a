-- Exports as jobs: lists that are written into a file by a worker, for who fetches it later.

-- A worker reads for who asked for an export, and so no more than that user may see: what narrows the API's login below ADMIN narrows
-- the worker's too. Whatever else a worker does, it does as Tenon itself.
create or replace function tenon.wall_owner_scope(walled regclass, self_column text default null) returns void language plpgsql as $$
declare
    mine text := '(select tenon.rank()) >= 3 or owner_id = (select tenon.user_id())'
        || case when self_column is null then '' else format(' or %I = (select tenon.user_id())', self_column) end;
begin
    execute format('create policy owner_scope on %s as restrictive for all to tenon_app, tenon_worker using (%s) with check (%2$s)',
                   walled, mine);
end
$$;
alter policy owner_scope on tenon.contacts to tenon_app, tenon_worker;
alter policy owner_scope on tenon.companies to tenon_app, tenon_worker;
alter policy owner_scope on tenon.leads to tenon_app, tenon_worker;
alter policy owner_scope on tenon.activities to tenon_app, tenon_worker;
alter policy end_scope on tenon.activity_links to tenon_app, tenon_worker;
alter policy end_scope on tenon.associations to tenon_app, tenon_worker;

create table tenon.exports (
    tenant_id   uuid not null references tenon.tenants (id),
    id          uuid not null,
    object      text not null check (object in ('contacts', 'companies', 'leads', 'activities')),
    format      text not null check (format in ('csv', 'ndjson', 'xlsx')),
    state       text not null check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired')),
    options     jsonb not null,              -- what was asked for, checked; never used in a condition
    rows        bigint not null default 0,   -- that are written
    bytes       bigint not null default 0,   -- of the file, once it is whole
    -- Raised by every run, which begins the file anew under a name with this number: of an earlier one nothing is accepted.
    fence       bigint not null default 0,
    failure     text,                        -- a code
    failure_message text,
    -- As whom the records are read.
    role        text not null check (role in ('CLIENT', 'AGENT', 'ADMIN', 'SUPER_ADMIN', 'DEVELOPER')),
    owner_id    uuid,                        -- the user who asked, or on whose behalf a key did; an AGENT sees its own
    origin      jsonb not null,              -- the request that asked, for the audit trail
    started_at  timestamptz,
    finished_at timestamptz,
    expires_at  timestamptz,                 -- until when the file is kept
    version     bigint not null default 1,
    created_at  timestamptz not null,
    created_by  text not null,
    updated_at  timestamptz not null,
    updated_by  text not null,
    primary key (tenant_id, id)
);
create index exports_newest on tenon.exports (tenant_id, created_at desc, id desc);
create index exports_running on tenon.exports (tenant_id) where state = 'running';
create index exports_expiry on tenon.exports (expires_at) where state = 'succeeded';
select tenon.wall('tenon.exports');
select tenon.wall_owner_scope('tenon.exports');
grant select, insert, update on tenon.exports to tenon_app;
grant select, update on tenon.exports to tenon_worker;

-- Whose files are to be removed; their removal is each tenant's own transaction.
create policy expiry on tenon.exports for select to tenon_queue using (state = 'succeeded' and expires_at < now());
grant select (tenant_id, id, state, expires_at) on tenon.exports to tenon_queue;

set role tenon_queue;

create function tenon.expired_exports(most integer) returns table (tenant_id uuid, id uuid)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 100
as $$
    select e.tenant_id, e.id from tenon.exports e
    where e.state = 'succeeded' and e.expires_at < now()
    order by e.expires_at limit most
$$;

revoke execute on function tenon.expired_exports(integer) from public;
grant execute on function tenon.expired_exports(integer) to tenon_worker;

set role tenon_owner;
