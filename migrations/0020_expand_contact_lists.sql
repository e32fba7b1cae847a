-- Lists of contacts: indexes of their sorts and filters, and the search in their texts.
-- Trigrams, and the tenant beside them in one index; both are trusted extensions of PostgreSQL's contrib package.
create extension if not exists pg_trgm;
create extension if not exists btree_gin;

create index contacts_name on tenon.contacts (tenant_id, name, id) where deleted_at is null;
create index contacts_lifecycle on tenon.contacts (tenant_id, lifecycle, created_at desc, id desc) where deleted_at is null;
create index contacts_company_name on tenon.contacts (tenant_id, company, created_at desc, id desc) where deleted_at is null;
-- What is deleted, for who restores or purges: there is little of it.
create index contacts_deleted on tenon.contacts (tenant_id, deleted_at, id) where deleted_at is not null;
-- Deleted ones too: who synchronizes asks for all that has changed.
create index contacts_updated on tenon.contacts (tenant_id, updated_at desc, id desc);

-- All of a contact's text; each field and each word begins with a new line, which no field has in it.
create function tenon.contact_text(name text, email text, phone text, company text, title text, lifecycle text, external_id text)
    returns text language sql immutable parallel safe
as $$
    select replace(E'\n' || name || E'\n' || coalesce(email, '') || E'\n' || coalesce(phone, '') || E'\n' || coalesce(company, '')
                   || E'\n' || coalesce(title, '') || E'\n' || coalesce(lifecycle, '') || E'\n' || coalesce(external_id, '') || E'\n',
                   ' ', E'\n')
$$;
-- Who writes a row makes its index entry.
grant execute on function tenon.contact_text(text, text, text, text, text, text, text)
    to tenon_app, tenon_worker, tenon_search, tenon_maint;
create index contacts_text on tenon.contacts
    using gin (tenant_id, tenon.contact_text(name, email, phone, company, title, lifecycle, external_id) gin_trgm_ops);

create policy search on tenon.contacts for select to tenon_search using (true);
grant select (tenant_id, id, owner_id, user_id, name, email, phone, company, title, lifecycle, external_id)
    on tenon.contacts to tenon_search;

-- `ilike` is not leakproof: under row-level security it would read all of the tenant. Here the tenant and the owner scope are
-- conditions of the statement, and the caller reads what is found under the policies again.
set role tenon_search;

-- What has all of one to three patterns. '%' is any text, and costs the index nothing, but each row that is found.
create function tenon.search_contacts(patterns text[]) returns table (id uuid)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 50
as $$
    select c.id from tenon.contacts c
    where patterns[2] is null
      and c.tenant_id = tenon.tenant_id()
      and (tenon.rank() >= 3 or c.owner_id = tenon.user_id() or c.user_id = tenon.user_id())
      and tenon.contact_text(name, email, phone, company, title, lifecycle, external_id) ilike patterns[1]
    union all
    select c.id from tenon.contacts c
    where patterns[2] is not null
      and c.tenant_id = tenon.tenant_id()
      and (tenon.rank() >= 3 or c.owner_id = tenon.user_id() or c.user_id = tenon.user_id())
      and tenon.contact_text(name, email, phone, company, title, lifecycle, external_id) ilike patterns[1]
      and tenon.contact_text(name, email, phone, company, title, lifecycle, external_id) ilike patterns[2]
      and tenon.contact_text(name, email, phone, company, title, lifecycle, external_id) ilike coalesce(patterns[3], '%')
$$;
revoke execute on function tenon.search_contacts(text[]) from public;
grant execute on function tenon.search_contacts(text[]) to tenon_app, tenon_worker;

set role tenon_owner;
