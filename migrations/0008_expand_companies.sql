-- Companies, the industries that a tenant chooses theirs from, and the company of a contact.

create table tenon.industries (
    tenant_id     uuid not null references tenon.tenants (id),
    name          text not null check (char_length(name) between 1 and 100),
    display_order integer not null,
    primary key (tenant_id, name)
);
select tenon.wall('tenon.industries');
grant select, insert, update, delete on tenon.industries to tenon_app;
grant select on tenon.industries to tenon_worker;

-- What a new tenant's list is filled with; from then on it is the tenant's own.
create function tenon.default_industries() returns table (name text, display_order integer) language sql immutable as $$
    select name, display_order::integer from unnest(array[
        'Agriculture', 'Automotive', 'Banking', 'Biotechnology', 'Chemicals', 'Construction', 'Consulting', 'Consumer goods', 'Education',
        'Energy', 'Engineering', 'Entertainment', 'Finance', 'Food and beverages', 'Government', 'Healthcare', 'Hospitality', 'Insurance',
        'Legal services', 'Logistics', 'Manufacturing', 'Media', 'Non-profit', 'Pharmaceuticals', 'Real estate', 'Retail', 'Technology',
        'Telecommunications', 'Transportation', 'Travel', 'Utilities', 'Other'
    ]) with ordinality as default_industry (name, display_order)
$$;
grant execute on function tenon.default_industries() to tenon_app, tenon_maint;

-- In the transaction that makes the tenant, whoever makes it: the wall lets that tenant's rows through.
create function tenon.fill_industries() returns trigger language plpgsql as $$
begin
    insert into tenon.industries (tenant_id, name, display_order)
    select new.id, d.name, d.display_order from tenon.default_industries() d;
    return null;
end
$$;
create trigger industries after insert on tenon.tenants for each row execute function tenon.fill_industries();

set role tenon_maint;
insert into tenon.industries (tenant_id, name, display_order)
select t.id, d.name, d.display_order from tenon.tenants t cross join tenon.default_industries() d
on conflict do nothing;
set role tenon_owner;

-- As it was, but right where there is no `self_column`: format() refuses a null name.
create or replace function tenon.wall_owner_scope(walled regclass, self_column text default null) returns void language plpgsql as $$
declare
    mine text := '(select tenon.rank()) >= 3 or owner_id = (select tenon.user_id())'
        || case when self_column is null then '' else format(' or %I = (select tenon.user_id())', self_column) end;
begin
    execute format('create policy owner_scope on %s as restrictive for all to tenon_app using (%s) with check (%2$s)', walled, mine);
end
$$;

create table tenon.companies (
    tenant_id       uuid not null references tenon.tenants (id),
    id              uuid not null,
    external_id     text,                    -- the key of another system; unique among what is not deleted
    name            text not null check (char_length(name) between 1 and 100),
    industry        text,                    -- of the tenant's list
    website         text check (char_length(website) <= 2048),
    employees       integer check (employees between 0 and 10000000),
    domain          text check (char_length(domain) between 1 and 253),    -- lower case
    owner_id        uuid,                    -- the user who is responsible; an AGENT sees its own
    version         bigint not null default 1,
    created_at      timestamptz not null,
    created_by      text not null,           -- user:…, apiKey:…, import:…, system
    updated_at      timestamptz not null,
    updated_by      text not null,
    deleted_at      timestamptz,
    deleted_by      text,
    -- What one deletion hid, restore brings back together.
    delete_batch_id uuid,
    primary key (tenant_id, id),
    constraint companies_industry foreign key (tenant_id, industry) references tenon.industries (tenant_id, name),
    constraint companies_owner foreign key (tenant_id, owner_id) references tenon.memberships (tenant_id, user_id)
);
-- Deletion frees the value: only what is not deleted must be unique.
create unique index companies_external_id on tenon.companies (tenant_id, external_id) where deleted_at is null;
-- The list: newest first.
create index companies_newest on tenon.companies (tenant_id, created_at desc, id desc) where deleted_at is null;
-- The owner scope of an AGENT's list, and the check when a membership ends.
create index companies_owner on tenon.companies (tenant_id, owner_id, created_at desc, id desc) where owner_id is not null;
-- Whose domain is this: of a visitor, of an address.
create index companies_domain on tenon.companies (tenant_id, domain, id) where deleted_at is null;
-- The companies of an industry, newest first, and the check when it leaves the list.
create index companies_industry on tenon.companies (tenant_id, industry, created_at desc, id desc);
select tenon.wall('tenon.companies');
select tenon.wall_owner_scope('tenon.companies');
grant select, insert, update, delete on tenon.companies to tenon_app, tenon_worker;

alter table tenon.contacts
    add column company_id uuid,
    add constraint contacts_company foreign key (tenant_id, company_id) references tenon.companies (tenant_id, id);
-- A company's contacts, newest first.
create index contacts_company on tenon.contacts (tenant_id, company_id, created_at desc, id desc) where company_id is not null;
