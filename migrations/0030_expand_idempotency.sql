-- Answers that are saved under clients' idempotency keys, each in the transaction of its change.
-- No foreign key to tenants: the row is written in a transaction that has just written that tenant's data, and the check
-- would lock one row for every write of a tenant.
create table tenon.idempotency_keys (
    tenant_id  uuid not null,
    -- SHA-256 of principal, method, path and the client's key.
    key_hash   bytea not null check (octet_length(key_hash) = 32),
    -- The request's hash and the answer, sealed with the master key: an answer may show a secret.
    answer     bytea not null,
    expires_at timestamptz not null,
    primary key (tenant_id, key_hash)
);
create index idempotency_keys_expiry on tenon.idempotency_keys (expires_at);
select tenon.wall('tenon.idempotency_keys');
grant select, insert, update on tenon.idempotency_keys to tenon_app;

-- Tries the key's lock, which the transaction holds to its end, and looks up the saved answer. One round trip, and in this
-- order: each statement of a volatile function has a snapshot of its own, so that what the last holder of the lock has
-- committed is seen. One statement for both would look with a snapshot that is older than its lock.
create function tenon.claim_idempotency_key(wanted_tenant uuid, wanted_key bytea, wanted_lock bigint, out in_flight boolean, out answer bytea)
    language plpgsql volatile as $$
begin
    in_flight := not pg_try_advisory_xact_lock(wanted_lock);
    select saved.answer into answer from tenon.idempotency_keys saved
    where saved.tenant_id = wanted_tenant and saved.key_hash = wanted_key and saved.expires_at > now();
    -- Who gets the saved answer holds the lock for a moment too, and is in nobody's way.
    in_flight := in_flight and answer is null;
end
$$;
grant execute on function tenon.claim_idempotency_key(uuid, bytea, bigint) to tenon_app;

-- What has expired is nobody's any more: it is removed for all tenants at once, a batch at a time.
create policy expiry on tenon.idempotency_keys to tenon_queue using (expires_at < now()) with check (false);
grant select, delete on tenon.idempotency_keys to tenon_queue;

set role tenon_queue;

create function tenon.remove_expired_idempotency_keys(most integer) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    with removed as (
        delete from tenon.idempotency_keys
        where (tenant_id, key_hash) in (
                  select tenant_id, key_hash from tenon.idempotency_keys where expires_at < now() order by expires_at limit most)
          and expires_at < now()
        returning 1
    )
    select count(*) from removed
$$;

revoke execute on function tenon.remove_expired_idempotency_keys(integer) from public;
grant execute on function tenon.remove_expired_idempotency_keys(integer) to tenon_worker;

set role tenon_owner;
