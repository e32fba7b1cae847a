-- Who asks again after the first was answered gets that answer, also while others who ask again hold the key's lock: only as long as
-- nothing is saved is the first under way. It looks after it has tried the lock, with a snapshot of its own.
create or replace function tenon.claim_idempotency_key(wanted_tenant uuid, wanted_key bytea, wanted_lock bigint, out in_flight boolean,
                                                       out answer bytea)
    language plpgsql volatile as $$
declare
    locked boolean := pg_try_advisory_xact_lock(wanted_lock);
begin
    select saved.answer into answer from tenon.idempotency_keys saved
    where saved.tenant_id = wanted_tenant and saved.key_hash = wanted_key and saved.expires_at > now();
    in_flight := not locked and answer is null;
end
$$;
