-- Users are global (one person, one address, many tenants); a membership is the tenant's. API keys are the tenant's.
-- What must be found before a tenant is known is found by definer functions of tenon_auth, one row at a time.

create table tenon.users (
    id            uuid primary key,
    email         text not null,
    email_key     text not null unique,              -- case-folded; the login identity, so unique across tenants
    name          text not null check (char_length(name) between 1 and 100),
    password_hash text,                              -- argon2id in PHC form; null until a password is set
    status        text not null default 'active' check (status in ('active', 'suspended')),
    -- Raised by suspension, password change and revocation: ends the user's access tokens within 5 seconds.
    token_epoch   bigint not null default 0,
    version       bigint not null default 1,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now()
);

create table tenon.memberships (
    tenant_id  uuid not null references tenon.tenants (id),
    user_id    uuid not null references tenon.users (id),
    role       text not null check (role in ('CLIENT', 'AGENT', 'ADMIN', 'SUPER_ADMIN', 'DEVELOPER')),
    status     text not null default 'active' check (status in ('active', 'suspended')),
    version    bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (tenant_id, user_id)
);
create index memberships_user on tenon.memberships (user_id);
select tenon.wall('tenon.memberships');
grant select, insert, update on tenon.memberships to tenon_app;
grant select on tenon.memberships to tenon_worker;
create policy credentials on tenon.memberships for select to tenon_auth using (true);
grant select on tenon.memberships to tenon_auth;

-- A tenant sees the users who are its members; only tenon_auth sees passwords, and makes users.
alter table tenon.users enable row level security;
alter table tenon.users force row level security;
create policy members on tenon.users for select to tenon_app, tenon_worker
    using (exists (select from tenon.memberships m where m.tenant_id = (select tenon.tenant_id()) and m.user_id = users.id));
create policy credentials on tenon.users to tenon_auth using (true) with check (true);
create policy maintenance on tenon.users to tenon_maint using (true) with check (true);
grant select (id, email, name, status, version, created_at, updated_at) on tenon.users to tenon_app, tenon_worker;
grant select, insert, update on tenon.users to tenon_auth;
grant select, insert, update, delete on tenon.users to tenon_maint;

create policy credentials on tenon.tenants for select to tenon_auth using (true);
grant select on tenon.tenants to tenon_auth;

create table tenon.api_keys (
    tenant_id      uuid not null references tenon.tenants (id),
    id             uuid not null,
    -- The 12 characters that are no secret; unique across tenants because it is how the tenant is found.
    public_id      text not null unique check (public_id ~ '^[0-9A-Za-z]{12}$'),
    mode           text not null check (mode in ('live', 'test')),
    name           text not null check (char_length(name) between 1 and 100),
    secret_hash    bytea not null check (octet_length(secret_hash) = 32),   -- SHA-256 of a 190-bit secret
    last4          text not null,
    role           text not null check (role in ('CLIENT', 'AGENT', 'ADMIN', 'SUPER_ADMIN', 'DEVELOPER')),
    scopes         text[] not null,
    ip_allowlist   text[] not null default '{}',     -- networks in CIDR form; empty allows every address
    expires_at     timestamptz,
    last_used_at   timestamptz,                      -- to the minute, flushed in batches
    last_used_ip   text,
    revoked_at     timestamptz,
    revoked_reason text,
    rotated_from   uuid,
    user_id        uuid,                             -- on whose behalf it acts: the owner scope of an AGENT's key
    version        bigint not null default 1,
    created_at     timestamptz not null default now(),
    created_by     text not null,
    updated_at     timestamptz not null default now(),
    updated_by     text not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, user_id) references tenon.memberships (tenant_id, user_id),
    foreign key (tenant_id, rotated_from) references tenon.api_keys (tenant_id, id)
);
create index api_keys_newest on tenon.api_keys (tenant_id, id desc);
select tenon.wall('tenon.api_keys');
-- Not the hash: the application's role never needs to read it back.
grant select (tenant_id, id, public_id, mode, name, last4, role, scopes, ip_allowlist, expires_at, last_used_at, last_used_ip,
              revoked_at, revoked_reason, rotated_from, user_id, version, created_at, created_by, updated_at, updated_by)
    on tenon.api_keys to tenon_app;
grant insert, update on tenon.api_keys to tenon_app;
create policy credentials on tenon.api_keys to tenon_auth using (true) with check (true);
grant select, update on tenon.api_keys to tenon_auth;

-- The Ed25519 keys that sign access tokens. No tenant's: the installation's. The private half is sealed with the master key.
create table tenon.signing_keys (
    id          text primary key,                    -- the `kid`
    state       text not null check (state in ('next', 'current', 'retired')),
    public_key  bytea not null check (octet_length(public_key) = 32),
    private_key bytea not null,                      -- AES-256-GCM
    created_at  timestamptz not null default now(),
    retired_at  timestamptz
);
create unique index signing_keys_one_current on tenon.signing_keys (state) where state = 'current';
grant select, insert, update, delete on tenon.signing_keys to tenon_app;
-- Sessions and token checks are the API's: the worker has no business with them.

set role tenon_auth;

create function tenon.find_login(wanted_email_key text)
    returns table (user_id uuid, password_hash text, user_status text, token_epoch bigint,
                   memberships jsonb)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 1
as $$
    select u.id, u.password_hash, u.status, u.token_epoch,
           coalesce((select jsonb_agg(jsonb_build_object('tenantId', t.id, 'slug', t.slug, 'name', t.name, 'role', m.role,
                                                         'tokenEpoch', t.token_epoch)
                                      order by t.slug)
                     from tenon.memberships m join tenon.tenants t on t.id = m.tenant_id
                     where m.user_id = u.id and m.status = 'active' and t.deleted_at is null), '[]')
    from tenon.users u where u.email_key = wanted_email_key
$$;

create function tenon.find_api_key(wanted_public_id text)
    returns table (tenant_id uuid, id uuid, secret_hash bytea, role text, scopes text[], ip_allowlist text[],
                   expires_at timestamptz, revoked_at timestamptz, user_id uuid, plan text, tenant_deleted boolean,
                   member_active boolean, member_role text, require_if_match boolean, limit_epoch bigint)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 1
as $$
    select k.tenant_id, k.id, k.secret_hash, k.role, k.scopes, k.ip_allowlist, k.expires_at, k.revoked_at, k.user_id, t.plan,
           t.deleted_at is not null,
           k.user_id is null or exists (
               select from tenon.memberships m join tenon.users u on u.id = m.user_id
               where m.tenant_id = k.tenant_id and m.user_id = k.user_id and m.status = 'active' and u.status = 'active'),
           (select m.role from tenon.memberships m where m.tenant_id = k.tenant_id and m.user_id = k.user_id),
           coalesce(t.settings -> 'requireIfMatch' = 'true', false), t.limit_epoch
    from tenon.api_keys k join tenon.tenants t on t.id = k.tenant_id
    where k.public_id = wanted_public_id
$$;

-- Whether a token that was good when it was issued still is: asked at most every 5 seconds for each user and tenant.
create function tenon.find_access(wanted_user uuid, wanted_tenant uuid)
    returns table (user_status text, member_status text, role text, plan text, user_epoch bigint, tenant_epoch bigint,
                   tenant_deleted boolean, require_if_match boolean, limit_epoch bigint)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 1
as $$
    select u.status, m.status, m.role, t.plan, u.token_epoch, t.token_epoch, t.deleted_at is not null,
           coalesce(t.settings -> 'requireIfMatch' = 'true', false), t.limit_epoch
    from tenon.memberships m
    join tenon.users u on u.id = m.user_id
    join tenon.tenants t on t.id = m.tenant_id
    where m.user_id = wanted_user and m.tenant_id = wanted_tenant
$$;

create function tenon.set_password_hash(wanted_user uuid, old_hash text, new_hash text) returns boolean
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    with changed as (
        update tenon.users set password_hash = new_hash, updated_at = now()
        where id = wanted_user and password_hash is not distinct from old_hash
        returning 1)
    select exists (select from changed)
$$;

-- Makes the user, or finds the one who has the address already (whose name and password stay).
create function tenon.create_user(new_id uuid, new_email text, new_email_key text, new_name text, new_hash text)
    returns table (id uuid, created boolean)
    language sql security definer set search_path = pg_catalog, pg_temp rows 1
as $$
    with made as (
        insert into tenon.users (id, email, email_key, name, password_hash)
        values (new_id, new_email, new_email_key, new_name, new_hash)
        on conflict (email_key) do nothing
        returning users.id)
    select made.id, true from made
    union all
    select u.id, false from tenon.users u where u.email_key = new_email_key and not exists (select from made)
$$;

-- Last use of many keys of many tenants, written together. Never goes back in time.
create function tenon.touch_api_keys(tenants uuid[], keys uuid[], used_at timestamptz[], used_ip text[]) returns void
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    update tenon.api_keys k set last_used_at = used.at, last_used_ip = used.ip
    from unnest(tenants, keys, used_at, used_ip) as used (tenant_id, id, at, ip)
    where k.tenant_id = used.tenant_id and k.id = used.id and (k.last_used_at is null or k.last_used_at < used.at)
$$;

revoke execute on function tenon.find_login(text), tenon.find_api_key(text), tenon.find_access(uuid, uuid),
    tenon.set_password_hash(uuid, text, text), tenon.create_user(uuid, text, text, text, text),
    tenon.touch_api_keys(uuid[], uuid[], timestamptz[], text[]) from public;
grant execute on function tenon.find_login(text), tenon.find_api_key(text), tenon.find_access(uuid, uuid),
    tenon.set_password_hash(uuid, text, text), tenon.create_user(uuid, text, text, text, text),
    tenon.touch_api_keys(uuid[], uuid[], timestamptz[], text[]) to tenon_app;

set role tenon_owner;
grant execute on function tenon.tenant_id(), tenon.user_id(), tenon.rank() to public;
