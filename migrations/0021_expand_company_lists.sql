-- Lists of companies: indexes of their sorts and filters, and the search in their texts.
create index companies_name on tenon.companies (tenant_id, name, id) where deleted_at is null;
create index companies_employees on tenon.companies (tenant_id, employees, id) where deleted_at is null;
-- What is deleted, for who restores or purges: there is little of it.
create index companies_deleted on tenon.companies (tenant_id, deleted_at, id) where deleted_at is not null;
-- Deleted ones too: who synchronizes asks for all that has changed.
create index companies_updated on tenon.companies (tenant_id, updated_at desc, id desc);
select tenon.make_searchable('companies', array['owner_id'], 'name', 'industry', 'website', 'domain', 'externalId');
