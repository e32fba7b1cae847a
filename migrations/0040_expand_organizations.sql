-- Slugs are never re-issued: each that a tenant has or had is kept here, and nobody else can take it. Deleting a tenant hides it;
-- deleted_by says who did.
alter table tenon.tenants add column deleted_by text;

create table tenon.tenant_slugs (
    slug      text primary key,                      -- unique across tenants because it is how a tenant is found
    tenant_id uuid not null references tenon.tenants (id),
    taken_at  timestamptz not null default now()
);
create index tenant_slugs_tenant on tenon.tenant_slugs (tenant_id);
select tenon.wall('tenon.tenant_slugs');
grant select, insert on tenon.tenant_slugs to tenon_app;

set role tenon_maint;
insert into tenon.tenant_slugs (slug, tenant_id, taken_at) select slug, id, created_at from tenon.tenants;
set role tenon_owner;

-- As the tenant itself: another's row is not seen, and the slug is refused under the name of the unique index that the slugs of today
-- have, since both mean the same.
create function tenon.take_slug() returns trigger language plpgsql as $$
begin
    insert into tenon.tenant_slugs (slug, tenant_id) values (new.slug, new.id) on conflict do nothing;
    if not exists (select from tenon.tenant_slugs s where s.slug = new.slug and s.tenant_id = new.id) then
        raise unique_violation using message = 'another tenant had this slug', constraint = 'tenants_slug_key';
    end if;
    return null;
end
$$;
create trigger take_slug after insert or update of slug on tenon.tenants
    for each row execute function tenon.take_slug();

-- The organizations that a user may enter: for a list before one of them is chosen.
set role tenon_auth;
create function tenon.find_organizations(wanted_user uuid)
    returns table (id uuid, name text, slug text, plan text, role text)
    language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select t.id, t.name, t.slug, t.plan, m.role
    from tenon.memberships m join tenon.tenants t on t.id = m.tenant_id
    where m.user_id = wanted_user and m.status = 'active' and t.deleted_at is null
    order by t.slug
$$;
revoke execute on function tenon.find_organizations(uuid) from public;
grant execute on function tenon.find_organizations(uuid) to tenon_app;
set role tenon_owner;
