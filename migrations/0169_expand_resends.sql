-- Resending what waits: its job is brought forward, not doubled.

set role tenon_queue;

-- Has these deliveries of a webhook of the caller's tenant tried now that wait for an attempt; answers which. One whose job a worker
-- holds, or that waits for something else than the time (its job is due at `infinity`), stays as it is. Jobs are locked before
-- deliveries, as by the ends of attempts.
create function tenon.bring_deliveries_forward(wanted_tenant uuid, wanted_webhook uuid, events uuid[]) returns setof uuid
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    with waiting as materialized (
        select d.event_id, d.job_id
        from unnest(events) as wanted (event_id)
        join tenon.deliveries d
          on d.tenant_id = wanted_tenant and d.webhook_id = wanted_webhook and d.event_id = wanted.event_id and d.status = 'pending'
        where wanted_tenant = tenon.tenant_id()
    ), free as materialized (
        select j.id, w.event_id
        from waiting w join apalis.jobs j on j.id = w.job_id collate "default"
        where j.status = 'Pending' and j.lock_by is null and j.run_at < 'infinity'
        for update of j skip locked
    ), due as (
        update apalis.jobs j set run_at = least(j.run_at, now()) from free where j.id = free.id
    ), locked as materialized (
        select d.event_id
        from free join tenon.deliveries d
          on d.tenant_id = wanted_tenant and d.webhook_id = wanted_webhook and d.event_id = free.event_id
        where d.status = 'pending' and d.job_id = free.id
        order by d.event_id
        for no key update of d
    )
    update tenon.deliveries d set next_attempt_at = least(d.next_attempt_at, now())
    from locked
    where d.tenant_id = wanted_tenant and d.webhook_id = wanted_webhook and d.event_id = locked.event_id
    returning d.event_id
$$;
revoke execute on function tenon.bring_deliveries_forward(uuid, uuid, uuid[]) from public;
grant execute on function tenon.bring_deliveries_forward(uuid, uuid, uuid[]) to tenon_app;

set role tenon_owner;
