-- The ground that every table stands on: the schema, the settings that say who is asking, and the helpers that put a
-- table behind the wall. Runs as tenon_owner.
create schema tenon;
grant usage on schema tenon to tenon_app, tenon_worker, tenon_queue, tenon_auth, tenon_search, tenon_maint, tenon_metrics;
-- Owners of definer functions need it while the functions are handed to them.
grant create on schema tenon to tenon_queue, tenon_auth, tenon_search;
-- A function is nobody's until it is granted (pitfall: PUBLIC may execute by default).
alter default privileges in schema tenon revoke execute on functions from public;
alter default privileges revoke execute on functions from public;

-- Who is asking. After a transaction the settings are '' on the connection, which is no tenant, not an error.
create function tenon.tenant_id() returns uuid language sql stable parallel safe
    as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;
create function tenon.user_id() returns uuid language sql stable parallel safe
    as $$ select nullif(current_setting('app.user_id', true), '')::uuid $$;
-- CLIENT 1, AGENT 2, ADMIN 3, SUPER_ADMIN 4, DEVELOPER 5; nothing set is 0 and sees what a CLIENT without a contact sees.
create function tenon.rank() returns integer language sql stable parallel safe
    as $$ select coalesce(nullif(current_setting('app.rank', true), '')::integer, 0) $$;
grant execute on function tenon.tenant_id(), tenon.user_id(), tenon.rank() to public;

-- Puts a table behind the wall: forced row-level security, the tenant policy for both servers, and the backfill role's.
-- The column is tenant_id, or id for the table of tenants itself. Grants are each table's own business.
create function tenon.wall(walled regclass, tenant_column text default 'tenant_id') returns void language plpgsql as $$
begin
    execute format('alter table %s enable row level security', walled);
    execute format('alter table %s force row level security', walled);
    execute format('create policy tenant on %s to tenon_app, tenon_worker
                        using (%2$I = (select tenon.tenant_id())) with check (%2$I = (select tenon.tenant_id()))',
                   walled, tenant_column);
    execute format('create policy maintenance on %s to tenon_maint using (true) with check (true)', walled);
    execute format('grant select, insert, update, delete on %s to tenon_maint', walled);
end
$$;

-- Narrows what an AGENT or a CLIENT sees and changes to records that it owns, or that are its own (restrictive: on top of
-- the tenant policy). `self_column` names the user whom the record describes, where there is such a column.
create function tenon.wall_owner_scope(walled regclass, self_column text default null) returns void language plpgsql as $$
declare
    mine text := '(select tenon.rank()) >= 3 or owner_id = (select tenon.user_id())'
        || coalesce(format(' or %I = (select tenon.user_id())', self_column), '');
begin
    execute format('create policy owner_scope on %s as restrictive for all to tenon_app using (%s) with check (%2$s)', walled, mine);
end
$$;

create table tenon.tenants (
    id          uuid primary key,
    name        text not null check (char_length(name) between 1 and 100),
    -- DNS-safe, never re-issued: a deleted tenant keeps its row and so its slug.
    slug        text not null unique check (slug ~ '^[a-z]([a-z0-9-]{1,61}[a-z0-9])$' and slug !~ '--'),
    plan        text not null default 'free' check (plan in ('free', 'team', 'business', 'unlimited')),
    settings    jsonb not null default '{}',
    -- Raised to end every access token of the tenant within 5 seconds.
    token_epoch bigint not null default 0,
    -- Raised by the operator to let the tenant's rate limits begin anew.
    limit_epoch bigint not null default 0,
    version     bigint not null default 1,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    deleted_at  timestamptz
);
select tenon.wall('tenon.tenants', 'id');
grant select, insert, update on tenon.tenants to tenon_app;
grant select on tenon.tenants to tenon_worker;
