-- Deliveries in the order of their object's changes, for webhooks whose `ordering` is `object`: a later event of an object waits for the end
-- of the earlier one's delivery. What waits so is held: a job whose `run_at` is infinite, which no claim finds. Jobs of other webhooks have
-- no place in any order, and cost nothing more.
--
-- Of each key (a webhook and an object) the first job that has not ended is its head. No transaction leaves a head that is held: fan-outs
-- hold what has something before it, and whoever ends a head releases the next one. A lock keeps those two apart (165, by tenant): it is
-- taken when the rest of the transaction is done, and what is looked at afterwards is what the others have left. Rows are locked before it.
-- Switches of webhooks, which take lock 120 alone, have nobody beside them anyway.
alter table apalis.jobs
    -- The webhook and the object;
    add column order_key bytea,
    -- the object's version and the event, which sort as they were made.
    add column order_at  bytea;
create index jobs_order on apalis.jobs (order_key, order_at, id) where order_key is not null and status <> 'Killed';

create function tenon.order_key(webhook uuid, object uuid) returns bytea
    language sql immutable strict parallel safe
    as $$ select uuid_send(webhook) || uuid_send(object) $$;
create function tenon.order_at(version bigint, event uuid) returns bytea
    language sql immutable strict parallel safe
    as $$ select int8send(version) || uuid_send(event) $$;
-- And back.
create function tenon.order_webhook(order_key bytea) returns uuid
    language sql immutable strict parallel safe
    as $$ select encode(substr(order_key, 1, 16), 'hex')::uuid $$;
create function tenon.order_event(order_at bytea) returns uuid
    language sql immutable strict parallel safe
    as $$ select encode(substr(order_at, 9, 16), 'hex')::uuid $$;
grant execute on function tenon.order_key(uuid, uuid), tenon.order_at(bigint, uuid), tenon.order_webhook(bytea), tenon.order_event(bytea)
    to tenon_app, tenon_worker, tenon_queue;

set role tenon_queue;

-- Releases the heads of these keys that are held; answers how many. The caller has the lock.
create function tenon.release_heads(keys bytea[]) returns bigint
    -- The plan is kept, and may be made while all tables are empty: only one that looks each row up is allowed.
    language plpgsql set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off
    set enable_mergejoin = off set enable_material = off set jit = off
as $$
declare
    count_released bigint;
begin
    with heads as materialized (
        select h.id
        from (select distinct k.order_key from unnest(keys) as k (order_key)) k
        cross join lateral (
            select j.id, j.run_at from apalis.jobs j
            where j.order_key = k.order_key and j.status <> 'Killed'
            order by j.order_at, j.id limit 1
        ) as h
        where h.run_at = 'infinity'
    ), released as (
        update apalis.jobs j set run_at = now()
        where j.id = any (array(select h.id from heads h)) and j.status = 'Pending' and j.run_at = 'infinity'
        returning j.id, j.lane, j.order_key, j.order_at
    ), due as (
        update tenon.deliveries d set next_attempt_at = now()
        from released r
        where d.tenant_id = split_part(r.lane, '/', 1)::uuid and d.webhook_id = tenon.order_webhook(r.order_key) and d.event_id = tenon.order_event(r.order_at)
          and d.job_id = r.id and d.status = 'pending'
    )
    select count(*) into count_released from released;
    return count_released;
end
$$;

-- What a batch of ends does for what waits for them, when all else is written.
create function tenon.make_room(tenants uuid[], keys bytea[]) returns bigint
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    count_released bigint;
begin
    perform pg_advisory_xact_lock(165, l.lock) from (select distinct tenon.switch_lock(t) as lock from unnest(tenants) t order by 1) l;
    count_released := tenon.release_heads(keys);
    if count_released > 0 then
        perform pg_notify('tenon_jobs', 'webhooks');
    end if;
    return count_released;
end
$$;

-- As before, and what ends makes room for what waits for it. Nothing is asked for that where no job of the batch has a place in an order.
create or replace function tenon.finish_deliveries(
        worker text, job_ids text[], tenants uuid[], webhooks uuid[], events uuid[], attempted boolean[], started_at timestamptz[],
        duration_ms integer[], outcomes text[], status_codes integer[], errors text[], responses text[], statuses text[],
        next_run_in float8[], killed boolean[])
    returns bigint
    -- Not in SQL: its functions are parsed and planned anew with each call, which took three quarters of this one's time. The plan that
    -- is kept serves arrays of any length.
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
declare
    finished   bigint;
    made_room  bytea[];
    made_by    uuid[];
begin
    -- No webhook of these tenants is switched from here on; the next statement sees what the last switch has left.
    perform pg_advisory_xact_lock_shared(120, l.lock) from (select distinct tenon.switch_lock(t) as lock from unnest(tenants) t) l;
    with input as (
        select i.*,
               -- It was read as one to be paused, and may have been resumed since, when this was not there to be resumed.
               i.status = 'paused' and (
                   select w.active and w.deleted_at is null and t.deleted_at is null
                   from tenon.webhooks w join tenon.tenants t on t.id = w.tenant_id
                   where w.tenant_id = i.tenant_id and w.id = i.webhook_id)
               as resumed,
               -- Another job has it, or nobody is to send it any more: this one need not come back.
               i.attempted and i.next_run_in is not null and not exists (
                   select from tenon.deliveries d
                   where d.tenant_id = i.tenant_id and d.webhook_id = i.webhook_id and d.event_id = i.event_id
                     and d.job_id = i.job_id and d.status = 'pending')
               as discarded
        from unnest(job_ids, tenants, webhooks, events, attempted, started_at, duration_ms, outcomes, status_codes, errors,
                    responses, statuses, next_run_in, killed)
            as i (job_id, tenant_id, webhook_id, event_id, attempted, started_at, duration_ms, outcome, status_code, error, response,
                  status, next_run_in, killed)
    ),
    compared as materialized (
        select i.job_id, i.tenant_id, i.webhook_id, i.event_id, i.attempted, i.started_at, i.duration_ms, i.outcome, i.status_code,
               i.error, i.response, i.killed, case when i.resumed then 'pending' else i.status end as status,
               case when i.resumed then 0 when not i.discarded then i.next_run_in end as next_run_in
        from input i
    ),
    -- Nothing is looked up first: whether a job is still held is asked by the write itself.
    ended as (
        delete from apalis.jobs j using compared i
        where j.id = i.job_id and j.lock_by = worker and i.next_run_in is null and not i.killed
        returning i.*, -- What is paused keeps its place: it is resumed.
                  case when i.status <> 'paused' then j.order_key end as order_key
    ),
    again as (
        update apalis.jobs j set
               status = case when i.killed then 'Killed' else 'Pending' end,
               run_at = coalesce(now() + make_interval(secs => i.next_run_in), j.run_at), lock_by = null, lock_at = null,
               done_at = case when i.killed then now() end,
               attempts = j.attempts + i.attempted::integer,
               last_result = case when i.error is null then j.last_result else jsonb_build_object('Err', i.error) end
        from compared i
        where j.id = i.job_id and j.lock_by = worker and (i.next_run_in is not null or i.killed)
        returning i.*, case when i.killed then j.order_key end as order_key
    ),
    held as (
        select * from ended union all select * from again
    ),
    counted as (
        update tenon.deliveries d set
            status = case when h.status = 'delivered' or d.status = 'pending' and d.job_id = h.job_id then h.status else d.status end,
            attempts = d.attempts + h.attempted::integer,
            -- What another job has sent is no step of the schedule.
            schedule_attempts = d.schedule_attempts + (h.attempted and d.job_id is not distinct from h.job_id)::integer,
            next_attempt_at = case when h.status = 'delivered' or d.status <> 'pending' then null
                                   when d.job_id = h.job_id then now() + make_interval(secs => h.next_run_in)
                                   else d.next_attempt_at end,
            delivered_at = case when h.status = 'delivered' then now() else d.delivered_at end,
            last_status_code = case when h.attempted and (h.status = 'delivered' or d.status <> 'delivered') then h.status_code
                                    else d.last_status_code end,
            last_error = case when (h.attempted or h.killed) and (h.status = 'delivered' or d.status <> 'delivered') then h.error
                              else d.last_error end
        from held h
        where d.tenant_id = h.tenant_id and d.webhook_id = h.webhook_id and d.event_id = h.event_id
          and (h.attempted or d.job_id = h.job_id)
        -- With what the attempt's row is made of: joining the two again would compare each with each.
        returning d.tenant_id, d.webhook_id, d.event_id, d.attempts as number, h.attempted, h.started_at, h.duration_ms, h.outcome,
                  h.status_code, h.error, h.response, -- In the collation of the jobs' key.
                  case when h.status = 'delivered' and d.job_id <> h.job_id then d.job_id collate "default" end as superseding
    ),
    attempts as (
        insert into tenon.delivery_attempts
        select c.tenant_id, c.webhook_id, c.event_id, c.number, c.started_at, c.duration_ms, c.outcome, c.status_code, c.error, c.response
        from counted c
        where c.attempted
    ),
    -- The job that was to send again what is delivered now, if it has not begun. One that has finds it delivered, and so does one that is
    -- held: who releases it must not wait for this.
    needless as (
        delete from apalis.jobs j
        where j.id = any (array(select c.superseding from counted c where c.superseding is not null))
          and j.status = 'Pending' and j.lock_by is null and j.run_at < 'infinity'
        returning j.lane, j.order_key
    )
    select count(*) filter (where e.is_held), array_agg(e.order_key) filter (where e.order_key is not null),
           array_agg(e.tenant_id) filter (where e.order_key is not null)
    into finished, made_room, made_by
    from (select true as is_held, h.order_key, h.tenant_id from held h
          union all
          select false, n.order_key, split_part(n.lane, '/', 1)::uuid from needless n where n.order_key is not null) e;
    if made_room is not null then
        perform tenon.make_room(made_by, made_room);
    end if;
    return finished;
end
$$;

-- The same of what was delivered.
create or replace function tenon.finish_delivered(
        worker text, job_ids text[], tenants uuid[], webhooks uuid[], events uuid[], started_at timestamptz[], duration_ms integer[],
        status_codes integer[], responses text[])
    returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
declare
    finished  bigint;
    made_room bytea[];
    made_by   uuid[];
begin
    perform pg_advisory_xact_lock_shared(120, l.lock) from (select distinct tenon.switch_lock(t) as lock from unnest(tenants) t) l;
    with ended as (
        delete from apalis.jobs j
        using unnest(job_ids, tenants, webhooks, events, started_at, duration_ms, status_codes, responses)
            as i (job_id, tenant_id, webhook_id, event_id, started_at, duration_ms, status_code, response)
        where j.id = i.job_id and j.lock_by = worker
        returning i.*, j.order_key
    ),
    counted as (
        update tenon.deliveries d set
            status = 'delivered', attempts = d.attempts + 1,
            schedule_attempts = d.schedule_attempts + (d.job_id is not distinct from e.job_id)::integer,
            next_attempt_at = null, delivered_at = now(), last_status_code = e.status_code, last_error = null
        from ended e
        where d.tenant_id = e.tenant_id and d.webhook_id = e.webhook_id and d.event_id = e.event_id
        returning d.tenant_id, d.webhook_id, d.event_id, d.attempts as number, e.started_at, e.duration_ms, e.status_code, e.response,
                  case when d.job_id <> e.job_id then d.job_id collate "default" end as superseding
    ),
    attempts as (
        insert into tenon.delivery_attempts (tenant_id, webhook_id, event_id, number, started_at, duration_ms, outcome, status_code, response)
        select c.tenant_id, c.webhook_id, c.event_id, c.number, c.started_at, c.duration_ms, 'success', c.status_code, c.response
        from counted c
    ),
    needless as (
        delete from apalis.jobs j
        where j.id = any (array(select c.superseding from counted c where c.superseding is not null))
          and j.status = 'Pending' and j.lock_by is null and j.run_at < 'infinity'
        returning j.lane, j.order_key
    )
    select count(*) filter (where e.is_held), array_agg(e.order_key) filter (where e.order_key is not null),
           array_agg(e.tenant_id) filter (where e.order_key is not null)
    into finished, made_room, made_by
    from (select true as is_held, h.order_key, h.tenant_id from ended h
          union all
          select false, n.order_key, split_part(n.lane, '/', 1)::uuid from needless n where n.order_key is not null) e;
    if made_room is not null then
        perform tenon.make_room(made_by, made_room);
    end if;
    return finished;
end
$$;

-- Gives the jobs of these deliveries their places, and has each key of theirs begin with its head: what comes after one that is new is held
-- again if it has not begun. For who has just made the jobs.
create function tenon.order_deliveries(wanted_tenant uuid, wanted_webhook uuid, wanted_events uuid[]) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    set enable_seqscan = off set jit = off
as $$
declare
    keys bytea[];
begin
    if wanted_tenant is distinct from tenon.tenant_id() then
        return;
    end if;
    with placed as materialized (
        update apalis.jobs j set order_key = tenon.order_key(wanted_webhook, e.object_id), order_at = tenon.order_at(e.object_version, e.id)
        from tenon.deliveries d
        join tenon.events e on e.tenant_id = d.tenant_id and e.id = d.event_id
        where d.tenant_id = wanted_tenant and d.webhook_id = wanted_webhook and d.event_id = any (wanted_events)
          and j.id = d.job_id collate "default" and j.status <> 'Killed'
        returning j.id, j.order_key, j.order_at
    ),
    -- Jobs that these have taken the deliveries from, if they have not begun: nothing is to wait for them.
    needless as (
        delete from apalis.jobs j using placed p
        where j.order_key = p.order_key and j.order_at = p.order_at and j.id <> p.id and j.status = 'Pending' and j.lock_by is null
    )
    select array_agg(distinct p.order_key) into keys from placed p;
    if keys is null then
        return;
    end if;
    perform pg_advisory_xact_lock(165, tenon.switch_lock(wanted_tenant));
    with unfinished as materialized (
        select j.id, row_number() over (partition by j.order_key order by j.order_at, j.id) = 1 as is_head
        from apalis.jobs j
        where j.order_key = any (keys) and j.status <> 'Killed'
    ), moved as (
        update apalis.jobs j set run_at = case when u.is_head then now() else 'infinity' end
        from unfinished u
        where j.id = u.id and j.status = 'Pending' and j.lock_by is null and (j.run_at = 'infinity') = u.is_head
        returning j.id, j.order_at, u.is_head
    )
    update tenon.deliveries d set next_attempt_at = case when m.is_head then now() end
    from moved m
    where d.tenant_id = wanted_tenant and d.webhook_id = wanted_webhook and d.event_id = tenon.order_event(m.order_at)
      and d.job_id = m.id and d.status = 'pending';
end
$$;

-- The end of a webhook's order: what is held is due now. Beside no fan-out and no end of an attempt: in a transaction that switches.
create function tenon.unorder_deliveries(wanted_tenant uuid, wanted_webhook uuid) returns void
    language sql security definer set search_path = pg_catalog, pg_temp
    set enable_seqscan = off set jit = off
as $$
    with placed as materialized (
        select j.id, j.order_at, j.run_at = 'infinity' as is_held
        from apalis.jobs j
        where wanted_tenant = tenon.tenant_id() and split_part(j.lane, '/', 1) = wanted_tenant::text and j.status <> 'Killed'
          and j.order_key between tenon.order_key(wanted_webhook, '00000000-0000-0000-0000-000000000000')
                              and tenon.order_key(wanted_webhook, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ), freed as (
        update apalis.jobs j set order_key = null, order_at = null, run_at = case when p.is_held then now() else j.run_at end
        from placed p where j.id = p.id
    )
    update tenon.deliveries d set next_attempt_at = now()
    from placed p
    where p.is_held and d.tenant_id = wanted_tenant and d.webhook_id = wanted_webhook and d.event_id = tenon.order_event(p.order_at)
      and d.job_id = p.id and d.status = 'pending'
$$;

-- Deletes what waits for a webhook whose deliveries are paused or cancelled, held or not: resuming makes new jobs, which would wait for the
-- old ones. In a transaction that switches.
create function tenon.drop_ordered_deliveries(wanted_tenant uuid, wanted_webhook uuid) returns void
    language sql security definer set search_path = pg_catalog, pg_temp
    set enable_seqscan = off set jit = off
as $$
    delete from apalis.jobs j
    where wanted_tenant = tenon.tenant_id() and split_part(j.lane, '/', 1) = wanted_tenant::text and j.status = 'Pending' and j.lock_by is null
      and j.order_key between tenon.order_key(wanted_webhook, '00000000-0000-0000-0000-000000000000')
                          and tenon.order_key(wanted_webhook, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
$$;

-- Releases heads that are held although nothing is before them, of all tenants, at most so many; answers how many. There should be none: a
-- job may have ended by hand, or by a statement that knows no order. What waits for a webhook that is disabled, or for a tenant that is
-- deleted, waits on.
create function tenon.release_stalled_deliveries(most integer) returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    set enable_seqscan = off set jit = off
as $$
declare
    stalled    bytea[];
    of_tenants uuid[];
begin
    with recursive keys as (
        (select j.order_key from apalis.jobs j where j.order_key is not null and j.status <> 'Killed' order by j.order_key limit 1)
        union all
        select next.order_key from keys k cross join lateral (
            select j.order_key from apalis.jobs j
            where j.order_key > k.order_key and j.status <> 'Killed' order by j.order_key limit 1) as next
    ), heads as (
        select h.* from keys k cross join lateral (
            select j.order_key, split_part(j.lane, '/', 1)::uuid as tenant_id, j.run_at from apalis.jobs j
            where j.order_key = k.order_key and j.status <> 'Killed'
            order by j.order_at, j.id limit 1) as h
        where h.run_at = 'infinity'
    ), found as (
        select h.order_key, h.tenant_id
        from heads h
        join tenon.tenants t on t.id = h.tenant_id and t.deleted_at is null
        join tenon.webhooks w on w.tenant_id = h.tenant_id and w.id = tenon.order_webhook(h.order_key) and w.active and w.deleted_at is null
        limit most
    )
    select array_agg(f.order_key), array_agg(f.tenant_id) into stalled, of_tenants from found f;
    if stalled is null then
        return 0;
    end if;
    -- Beside no switch, and looked at again: what seemed to be stalled may have been about to be released.
    perform pg_advisory_xact_lock_shared(120, l.lock)
    from (select distinct tenon.switch_lock(t) as lock from unnest(of_tenants) t order by 1) l;
    return tenon.make_room(of_tenants, stalled);
end
$$;

-- As before; what is held stays held.
create or replace function tenon.hasten_deliveries(wanted_tenant uuid, wanted_webhook uuid) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    with waiting as materialized (
        select j.id, (convert_from(j.job, 'UTF8')::jsonb ->> 'eventId')::uuid as event_id
        from apalis.jobs j
        where wanted_tenant = tenon.tenant_id() and j.kind = 'deliver-webhook' and j.status = 'Pending'
          and j.lane = any (array[wanted_tenant::text, wanted_tenant || '/' || wanted_webhook])
          and j.lock_by is null and j.run_at > now() and j.run_at < 'infinity'
          and convert_from(j.job, 'UTF8')::jsonb ->> 'webhookId' = wanted_webhook::text
        for update skip locked
    ), due as (
        update apalis.jobs j set run_at = now() from waiting where j.id = waiting.id
    ), deliveries as materialized (
        select d.event_id from waiting
        join tenon.deliveries d on d.tenant_id = wanted_tenant and d.webhook_id = wanted_webhook and d.event_id = waiting.event_id
        where d.status = 'pending' and d.job_id = waiting.id
        order by d.event_id
        for no key update of d
    ), hastened as (
        update tenon.deliveries d set next_attempt_at = now() from deliveries
        where d.tenant_id = wanted_tenant and d.webhook_id = wanted_webhook and d.event_id = deliveries.event_id
        returning 1
    )
    select count(*) from hastened
$$;

revoke execute on function tenon.release_heads(bytea[]), tenon.make_room(uuid[], bytea[]), tenon.order_deliveries(uuid, uuid, uuid[]), tenon.unorder_deliveries(uuid, uuid),
    tenon.drop_ordered_deliveries(uuid, uuid), tenon.release_stalled_deliveries(integer) from public;
grant execute on function tenon.order_deliveries(uuid, uuid, uuid[]), tenon.unorder_deliveries(uuid, uuid),
    tenon.drop_ordered_deliveries(uuid, uuid) to tenon_app, tenon_worker;
grant execute on function tenon.release_stalled_deliveries(integer) to tenon_worker;

set role tenon_owner;
