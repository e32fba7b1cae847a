-- A key that is rotated becomes another one, and what it was is removed after a month. Whoever asks whether a change is "its own" wants to
-- know of all of them: each key has the id of the first. Written here, so that a server that knows nothing of it writes it too.
alter table tenon.api_keys add column lineage uuid;
-- The first of the keys that the webhook's creator was rotated from, where it is a key.
alter table tenon.webhooks add column own_key uuid;

create function tenon.begin_key_lineage() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    new.lineage := coalesce(
        (select k.lineage from tenon.api_keys k where k.tenant_id = new.tenant_id and k.id = new.rotated_from), new.rotated_from, new.id);
    return new;
end
$$;
revoke execute on function tenon.begin_key_lineage() from public;
create trigger begin_lineage before insert on tenon.api_keys for each row execute function tenon.begin_key_lineage();

create function tenon.note_own_key() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    new.own_key := (select k.lineage from tenon.api_keys k
                    where k.tenant_id = new.tenant_id and k.id = substring(new.created_by from '^apiKey:(.{36})$')::uuid);
    return new;
end
$$;
revoke execute on function tenon.note_own_key() from public;
create trigger note_own_key before insert on tenon.webhooks for each row execute function tenon.note_own_key();

grant select (lineage) on tenon.api_keys to tenon_app;

set role tenon_maint;
with recursive line as (
    select k.tenant_id, k.id, k.id as first from tenon.api_keys k where k.rotated_from is null
    union all
    select k.tenant_id, k.id, line.first from line join tenon.api_keys k on k.tenant_id = line.tenant_id and k.rotated_from = line.id
)
update tenon.api_keys k set lineage = line.first from line where k.tenant_id = line.tenant_id and k.id = line.id;
update tenon.webhooks w set own_key = k.lineage
from tenon.api_keys k where k.tenant_id = w.tenant_id and w.created_by = 'apiKey:' || k.id;
set role tenon_owner;

alter table tenon.api_keys alter column lineage set not null;

set role tenon_auth;

-- For fan-outs, which read nothing else of keys. Of the tenant that the transaction is in.
create function tenon.key_lineages(keys uuid[]) returns table (id uuid, lineage uuid)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 10
as $$
    select k.id, k.lineage from tenon.api_keys k where k.tenant_id = tenon.tenant_id() and k.id = any (keys)
$$;
revoke execute on function tenon.key_lineages(uuid[]) from public;
grant execute on function tenon.key_lineages(uuid[]) to tenon_app, tenon_worker;

set role tenon_owner;
