-- GET /connection/contacts/{id}: Db::read and record::find of tenon-common. The API sends what stands between the pipeline's
-- beginning and end as one message. The id is made of a number, because pgbench's random values are numbers.
\set n random(1, {contacts})
\startpipeline
BEGIN READ ONLY;
SET LOCAL app.tenant_id = '{tenant}';
SET LOCAL app.user_id = '{user}';
SET LOCAL app.rank = '3';
\endpipeline
select id, tenant_id, external_id, name, email, phone, phone_original, company, company_id, title, lifecycle, owner_id, user_id, version, created_at, created_by, updated_at, updated_by, deleted_at from tenon.contacts where tenant_id = :tenant and id = ('00000000-0000-7000-8000-' || lpad(:n, 12, '0'))::uuid and deleted_at is null;
ROLLBACK;
