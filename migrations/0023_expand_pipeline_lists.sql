-- Lists of pipelines: indexes of their sorts, and the search in their texts, which are the whole tenant's.
create index pipelines_name on tenon.pipelines (tenant_id, name, id) where deleted_at is null;
-- What is deleted, for who restores or purges: there is little of it.
create index pipelines_deleted on tenon.pipelines (tenant_id, deleted_at, id) where deleted_at is not null;
-- Deleted ones too: who synchronizes asks for all that has changed.
create index pipelines_updated on tenon.pipelines (tenant_id, updated_at desc, id desc);
select tenon.make_searchable('pipelines', array[]::text[], 'name', 'externalId');
