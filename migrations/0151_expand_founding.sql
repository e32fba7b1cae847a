-- Organizations that people found by the API: who founded which, so that nobody founds any number of them.
alter table tenon.tenants add column founded_by uuid;
create index tenants_founded_by on tenon.tenants (founded_by) where founded_by is not null;

-- Whether a user is ADMIN somewhere, and how many organizations the user has founded that are there, or were until lately. The second
-- transaction of a user waits for the first: both cannot found the last one.
set role tenon_auth;
create function tenon.may_found(wanted_user uuid) returns table (is_admin boolean, founded bigint)
    language plpgsql security definer set search_path = pg_catalog, pg_temp rows 1
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('founding ' || wanted_user::text, 0));
    return query
        select exists (select from tenon.memberships m join tenon.tenants t on t.id = m.tenant_id
                       where m.user_id = wanted_user and m.status = 'active' and m.role in ('ADMIN', 'SUPER_ADMIN', 'DEVELOPER')
                         and t.deleted_at is null),
               (select count(*) from tenon.tenants t
                where t.founded_by = wanted_user and (t.deleted_at is null or t.deleted_at > now() - interval '30 days'));
end
$$;
revoke execute on function tenon.may_found(uuid) from public;
grant execute on function tenon.may_found(uuid) to tenon_app;
set role tenon_owner;
