-- POST /connection/contacts: Db::write, record::create_many and change::record of tenon-common, for one contact. Ids are as
-- near to each other as the API's (UUIDv7, ULID): those of a run share the time that they begin with. The tables are the product's, or
-- others with the same columns and nothing but primary keys.
\startpipeline
BEGIN;
SET LOCAL app.notify = 'off';
SET LOCAL app.tenant_id = '{tenant}';
SET LOCAL app.user_id = '{user}';
SET LOCAL app.rank = '3';
\endpipeline
insert into {contact_table} (tenant_id, id, external_id, name, email, email_key, phone, phone_original, company, title, lifecycle, owner_id, user_id, company_id, created_at, created_by, updated_at, updated_by) select :tenant::uuid, c.id, c.external_id, c.name, c.email, c.email_key, c.phone, c.phone_original, c.company, c.title, c.lifecycle, c.owner_id, c.user_id, c.company_id, now(), :actor::text, now(), :actor::text from unnest(array[overlay(gen_random_uuid()::text placing :prefix::text from 1 for 15)::uuid], array[null]::text[], array['John Doe'], array['0123456789abcdef0123456789abcdef@example.com'], array[gen_random_uuid()::text || '@example.com'], array['+1234567890'], array['+1234567890'], array['ACME Corp'], array[null]::text[], array[null]::text[], array[null]::uuid[], array[null]::uuid[], array[null]::uuid[]) as c (id, external_id, name, email, email_key, phone, phone_original, company, title, lifecycle, owner_id, user_id, company_id) on conflict do nothing returning id;
with event as (insert into {event_table} (tenant_id, id, type, object_type, object_id, object_version, body, context) select :tenant::uuid, e.id, e.type, e.object_type, e.object_id, e.object_version, e.body, :context::text from unnest(array[overlay(gen_random_uuid()::text placing :prefix::text from 1 for 15)::uuid], array['contact.created'], array['contact'], array[:tenant::uuid], array[1::bigint], array[:body::text]) as e (id, type, object_type, object_id, object_version, body)) insert into {job_table} (id, job_type, job, max_attempts, metadata) values (:ulid::text || substr(md5(random()::text), 1, 16), 'webhooks', :payload::bytea, 25, :metadata::hstore);
COMMIT;
