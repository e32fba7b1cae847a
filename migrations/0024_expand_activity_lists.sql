-- Lists of activities: indexes of their sorts and filters, and the search in their texts. Those by contact, company and lead begin
-- with the indexes of the timelines.
create index activities_kind on tenon.activities (tenant_id, kind, created_at desc, id desc) where deleted_at is null;
create index activities_subject on tenon.activities (tenant_id, subject, id) where deleted_at is null;
create index activities_occurred on tenon.activities (tenant_id, occurred_at, id) where deleted_at is null;
create index activities_due on tenon.activities (tenant_id, due_at, id) where deleted_at is null;
create index activities_completed on tenon.activities (tenant_id, completed_at, id) where deleted_at is null;
-- What is deleted, for who restores or purges: there is little of it.
create index activities_deleted on tenon.activities (tenant_id, deleted_at, id) where deleted_at is not null;
-- Deleted ones too: who synchronizes asks for all that has changed.
create index activities_updated on tenon.activities (tenant_id, updated_at desc, id desc);
select tenon.make_searchable('activities', array['owner_id'], 'subject', 'body', 'externalId');
