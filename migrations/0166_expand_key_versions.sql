-- The version of the API that a key's requests are of where they name none: kept with the key when it is made.
alter table tenon.api_keys add column api_version text not null default '2026-01-01' check (api_version ~ '^\d{4}-\d{2}-\d{2}$');
grant select (api_version) on tenon.api_keys to tenon_app;

set role tenon_auth;

-- find_api_key, and the version. That one stays for older servers.
create function tenon.check_api_key(wanted_public_id text)
    returns table (tenant_id uuid, id uuid, secret_hash bytea, role text, scopes text[], ip_allowlist text[],
                   expires_at timestamptz, revoked_at timestamptz, user_id uuid, plan text, tenant_deleted boolean,
                   member_active boolean, member_role text, require_if_match boolean, limit_epoch bigint, api_version text)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 1
as $$
    select k.tenant_id, k.id, k.secret_hash, k.role, k.scopes, k.ip_allowlist, k.expires_at, k.revoked_at, k.user_id, t.plan,
           t.deleted_at is not null,
           k.user_id is null or exists (
               select from tenon.memberships m join tenon.users u on u.id = m.user_id
               where m.tenant_id = k.tenant_id and m.user_id = k.user_id and m.status = 'active' and u.status = 'active'),
           (select m.role from tenon.memberships m where m.tenant_id = k.tenant_id and m.user_id = k.user_id),
           coalesce(t.settings -> 'requireIfMatch' = 'true', false), t.limit_epoch, k.api_version
    from tenon.api_keys k join tenon.tenants t on t.id = k.tenant_id
    where k.public_id = wanted_public_id
$$;
revoke execute on function tenon.check_api_key(text) from public;
grant execute on function tenon.check_api_key(text) to tenon_app;

set role tenon_owner;
