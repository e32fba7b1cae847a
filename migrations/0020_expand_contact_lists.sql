-- Lists of contacts: indexes of their sorts and filters, and the search in their texts.
-- Trigrams, and the tenant beside them in one index; both are trusted extensions of PostgreSQL's contrib package.
create extension if not exists pg_trgm;
create extension if not exists btree_gin;

create index contacts_name on tenon.contacts (tenant_id, name, id) where deleted_at is null;
create index contacts_lifecycle on tenon.contacts (tenant_id, lifecycle, created_at desc, id desc) where deleted_at is null;
-- Deleted ones too: who synchronizes asks for all that has changed.
create index contacts_updated on tenon.contacts (tenant_id, updated_at desc, id desc);

-- All of a contact's text; each field begins with a new line, which no field has in it. The search function says the same
-- expression again.
create index contacts_text on tenon.contacts using gin (tenant_id, (
    E'\n' || name || E'\n' || coalesce(email, '') || E'\n' || coalesce(phone, '') || E'\n' || coalesce(company, '')
    || E'\n' || coalesce(title, '') || E'\n' || coalesce(lifecycle, '') || E'\n' || coalesce(external_id, '')) gin_trgm_ops);

create policy search on tenon.contacts for select to tenon_search using (true);
grant select (tenant_id, id, owner_id, user_id, name, email, phone, company, title, lifecycle, external_id)
    on tenon.contacts to tenon_search;

-- `ilike` is not leakproof: under row-level security it would read all of the tenant. Here the tenant and the owner scope are
-- conditions of the statement, and the caller reads what is found under the policies again.
set role tenon_search;

create function tenon.search_contacts(pattern text, wanted_field text, field_pattern text) returns table (id uuid)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 50
as $$
    select c.id from tenon.contacts c
    where c.tenant_id = tenon.tenant_id()
      and (tenon.rank() >= 3 or c.owner_id = tenon.user_id() or c.user_id = tenon.user_id())
      and (E'\n' || c.name || E'\n' || coalesce(c.email, '') || E'\n' || coalesce(c.phone, '') || E'\n'
           || coalesce(c.company, '') || E'\n' || coalesce(c.title, '') || E'\n' || coalesce(c.lifecycle, '') || E'\n'
           || coalesce(c.external_id, '')) ilike pattern
      and (wanted_field is null
           or case wanted_field
                  when 'name' then c.name
                  when 'email' then c.email
                  when 'phone' then c.phone
                  when 'company' then c.company
                  when 'title' then c.title
                  when 'lifecycle' then c.lifecycle
                  when 'externalId' then c.external_id
              end ilike field_pattern)
$$;

revoke execute on function tenon.search_contacts(text, text, text) from public;
grant execute on function tenon.search_contacts(text, text, text) to tenon_app, tenon_worker;

set role tenon_owner;
