-- The end of an attempt is written against what the delivery and its webhook are by then, not against what the job had read. Both
-- functions keep their signatures, so that older workers write so too.

set role tenon_queue;

-- As before, beside no switch of the webhooks' tenants.
create or replace function tenon.note_webhook_health(tenants uuid[], webhooks uuid[], succeeded boolean[]) returns void
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    select pg_advisory_xact_lock_shared(120, l.lock) from (select distinct tenon.switch_lock(t) as lock from unnest(tenants) t) l;
    with said as (
        select tenant_id, webhook_id, bool_or(succeeded) as succeeded, count(*) filter (where not succeeded) as failures
        from unnest(tenants, webhooks, succeeded) as s (tenant_id, webhook_id, succeeded)
        group by tenant_id, webhook_id
    ), due as materialized (
        select w.tenant_id, w.id, s.succeeded, s.failures
        from said s join tenon.webhooks w on w.tenant_id = s.tenant_id and w.id = s.webhook_id
        where not s.succeeded or w.failing_since is not null
        order by w.tenant_id, w.id
        for no key update of w
    )
    update tenon.webhooks w set
        failing_since = case when due.succeeded then null else coalesce(w.failing_since, now()) end,
        failures = case when due.succeeded then 0 else w.failures + due.failures end,
        warned = case when due.succeeded then 0 else w.warned end
    from due where w.tenant_id = due.tenant_id and w.id = due.id
$$;

-- The end of many turns: attempt rows, the deliveries' state and the jobs' acknowledgement in one statement. Fenced: of a
-- job that another worker holds by now nothing is written. `next_run_in` (seconds) null ends the job, else it is run again then;
-- `killed` keeps it for a person to look at. `attempted` false (snoozed, cancelled, paused) counts nothing. A delivery is in a call
-- once. Answers how many of the jobs were still held.
--
-- An attempt is a row whatever has become of the delivery meanwhile, and a success delivers it whatever its status. Anything else
-- changes the status only of what is pending, by its own job.
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
    finished bigint;
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
        returning i.*
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
        returning i.*
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
    -- The job that was to send again what is delivered now, if it has not begun. One that has finds it delivered.
    needless as (
        delete from apalis.jobs j
        where j.id = any (array(select c.superseding from counted c where c.superseding is not null))
          and j.status = 'Pending' and j.lock_by is null
    )
    select count(*) into finished from held;
    return finished;
end
$$;

-- Lists the attempts of workers that died over them: whether the receiver got them, nobody knows. They are no step of the schedule.
create function tenon.interrupt_deliveries(tenants uuid[], webhooks uuid[], events uuid[], started_at timestamptz[], why text)
    returns void
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    select pg_advisory_xact_lock_shared(120, l.lock) from (select distinct tenon.switch_lock(t) as lock from unnest(tenants) t) l;
    with counted as (
        update tenon.deliveries d set
            attempts = d.attempts + 1,
            last_status_code = case when d.status = 'delivered' then d.last_status_code end,
            last_error = case when d.status = 'delivered' then d.last_error else why end
        from unnest(tenants, webhooks, events, started_at) as i (tenant_id, webhook_id, event_id, started_at)
        where d.tenant_id = i.tenant_id and d.webhook_id = i.webhook_id and d.event_id = i.event_id
        returning d.tenant_id, d.webhook_id, d.event_id, d.attempts as number, i.started_at
    )
    insert into tenon.delivery_attempts (tenant_id, webhook_id, event_id, number, started_at, duration_ms, outcome, error)
    select c.tenant_id, c.webhook_id, c.event_id, c.number, c.started_at, 0, 'interrupted', why from counted c
$$;
revoke execute on function tenon.interrupt_deliveries(uuid[], uuid[], uuid[], timestamptz[], text) from public;
grant execute on function tenon.interrupt_deliveries(uuid[], uuid[], uuid[], timestamptz[], text) to tenon_worker;

set role tenon_owner;
