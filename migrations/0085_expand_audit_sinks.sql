-- Sign-ins that name a tenant.
set role tenon_auth;
create function tenon.find_active_tenant(wanted_slug text) returns uuid
    language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select t.id from tenon.tenants t where t.slug = wanted_slug and t.deleted_at is null $$;
revoke execute on function tenon.find_active_tenant(text) from public;
grant execute on function tenon.find_active_tenant(text) to tenon_app;

set role tenon_owner;
