-- What a replay is stopped for: what it has brought and what has not ended is taken back to what it was before.

grant update on tenon.webhook_replay_events to tenon_queue;

set role tenon_queue;

-- Takes back the deliveries of a replay of the caller's tenant; answers how many. Those that somebody has sent again meanwhile are not the
-- replay's any more. Their jobs go with them, but for those that a worker holds; what waits for one in an order has room then. Jobs come
-- before deliveries, as for the ends of attempts, and the order's lock behind all rows. Not in SQL: the order comes with a later file.
create function tenon.take_back_replay(wanted_tenant uuid, wanted_replay uuid) returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    set enable_seqscan = off set jit = off
as $$
declare
    of_webhook uuid;
    keys       bytea[];
    taken      bigint;
begin
    if wanted_tenant is distinct from tenon.tenant_id() then
        return 0;
    end if;
    select r.webhook_id into of_webhook from tenon.webhook_replays r where r.tenant_id = wanted_tenant and r.id = wanted_replay;
    with brought as materialized (
        select d.job_id
        from tenon.webhook_replay_events e
        join tenon.deliveries d on d.tenant_id = e.tenant_id and d.webhook_id = of_webhook and d.event_id = e.event_id
        where e.tenant_id = wanted_tenant and e.replay_id = wanted_replay and e.outcome = 'enqueued' and d.status = 'pending' and d.replay
    ), dropped as (
        delete from apalis.jobs j using brought b
        where j.id = b.job_id collate "default" and j.status = 'Pending' and j.lock_by is null
        returning j.order_key
    )
    select array_agg(distinct o.order_key) into keys from dropped o where o.order_key is not null;
    with back as (
        update tenon.deliveries d set
            status = case e.former when 'none' then 'cancelled' else e.former end, next_attempt_at = null, replay = false
        from tenon.webhook_replay_events e
        where e.tenant_id = wanted_tenant and e.replay_id = wanted_replay and e.outcome = 'enqueued'
          and d.tenant_id = wanted_tenant and d.webhook_id = of_webhook and d.event_id = e.event_id
          and d.status in ('pending', 'paused') and d.replay
        returning d.event_id
    ), forgotten as (
        update tenon.webhook_replay_events e set outcome = null from back
        where e.tenant_id = wanted_tenant and e.replay_id = wanted_replay and e.event_id = back.event_id
    )
    select count(*) into taken from back;
    if keys is not null then
        perform tenon.make_room(array[wanted_tenant], keys);
    end if;
    return taken;
end
$$;
revoke execute on function tenon.take_back_replay(uuid, uuid) from public;
grant execute on function tenon.take_back_replay(uuid, uuid) to tenon_app;

set role tenon_owner;
