-- GET /connection/contacts?limit=50&cursor=…: Db::read and record::list of tenon-common. Rows are a second apart, so that the
-- place of a page follows from a number. The limit is a parameter, as the API sends it.
\set limit 51
\set page random(1, {pages})
\set n {contacts} + 1 - 50 * :page
\startpipeline
BEGIN READ ONLY;
SET LOCAL app.tenant_id = '{tenant}';
SET LOCAL app.user_id = '{user}';
SET LOCAL app.rank = '3';
\endpipeline
select id, tenant_id, external_id, name, email, phone, phone_original, company, company_id, title, lifecycle, owner_id, user_id, version, created_at, created_by, updated_at, updated_by, deleted_at from tenon.contacts where tenant_id = :tenant and deleted_at is null and (created_at, id) < ('2026-01-01T00:00:00Z'::timestamptz + :n::float8 * interval '1 second', ('00000000-0000-7000-8000-' || lpad(:n, 12, '0'))::uuid) order by created_at desc, id desc limit :limit;
ROLLBACK;
