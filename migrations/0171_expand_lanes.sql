-- Deliveries wait in a lane for each webhook, `tenant/webhook`, so that a claim can pass by what cannot be sent: a receiver that hangs, is
-- paused, or has had what it takes in a second. Older servers put them into their tenant's lane as before, and claim from any.

alter policy enqueue on apalis.jobs with check (split_part(lane, '/', 1) = (select tenon.tenant_id())::text);

-- Lanes that keep a pace over all workers together. Whoever claims from one locks its row for so long.
create table apalis.lanes (
    lane            text collate "C" primary key,
    max_per_second  integer,
    max_concurrency integer,
    -- When the next one may begin; those that are claimed have their times before it.
    next_at         timestamptz not null default '-infinity',
    -- The last claim's transaction: what it holds is counted only by who sees it.
    claimed_by      xid8 not null default '0'
) with (fillfactor = 50);
grant select, update on apalis.lanes to tenon_worker;
grant select, insert, update, delete on apalis.lanes to tenon_queue;

set role tenon_queue;

create function tenon.keep_lane() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op <> 'DELETE' and new.deleted_at is null and (new.max_per_second is not null or new.max_concurrency is not null) then
        insert into apalis.lanes (lane, max_per_second, max_concurrency)
        values (new.tenant_id || '/' || new.id, new.max_per_second, new.max_concurrency)
        on conflict (lane) do update set max_per_second = excluded.max_per_second, max_concurrency = excluded.max_concurrency,
                                         next_at = '-infinity';
    else
        delete from apalis.lanes l where l.lane = old.tenant_id || '/' || old.id;
    end if;
    return null;
end
$$;
revoke execute on function tenon.keep_lane() from public;
grant execute on function tenon.keep_lane() to tenon_owner;

-- Makes all that waits to be sent to a webhook due now. Found by the jobs that wait: a tenant has fewer of them than deliveries. What a
-- worker holds, or another transaction is at, is left alone, so that this waits for nobody.
create or replace function tenon.hasten_deliveries(wanted_tenant uuid, wanted_webhook uuid) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
as $$
    with waiting as materialized (
        select j.id, (convert_from(j.job, 'UTF8')::jsonb ->> 'eventId')::uuid as event_id
        from apalis.jobs j
        where wanted_tenant = tenon.tenant_id() and j.kind = 'deliver-webhook' and j.status = 'Pending'
          and j.lane = any (array[wanted_tenant::text, wanted_tenant || '/' || wanted_webhook])
          and j.lock_by is null and j.run_at > now()
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

-- The end of attempts that the receivers took: what finish_deliveries writes of them, and of nothing else. Most ends are such.
create function tenon.finish_delivered(
        worker text, job_ids text[], tenants uuid[], webhooks uuid[], events uuid[], started_at timestamptz[], duration_ms integer[],
        status_codes integer[], responses text[])
    returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
declare
    finished bigint;
begin
    perform pg_advisory_xact_lock_shared(120, l.lock) from (select distinct tenon.switch_lock(t) as lock from unnest(tenants) t) l;
    with ended as (
        delete from apalis.jobs j
        using unnest(job_ids, tenants, webhooks, events, started_at, duration_ms, status_codes, responses)
            as i (job_id, tenant_id, webhook_id, event_id, started_at, duration_ms, status_code, response)
        where j.id = i.job_id and j.lock_by = worker
        returning i.*
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
          and j.status = 'Pending' and j.lock_by is null
    )
    select count(*) into finished from ended;
    return finished;
end
$$;
revoke execute on function tenon.finish_delivered(text, text[], uuid[], uuid[], uuid[], timestamptz[], integer[], integer[], text[])
    from public;
grant execute on function tenon.finish_delivered(text, text[], uuid[], uuid[], uuid[], timestamptz[], integer[], integer[], text[])
    to tenon_worker;

set role tenon_maint;

-- As before, and the tenant's lanes of webhooks.
create or replace function tenon.purge_tenant(wanted uuid, older_than interval, most integer) returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    tables  record;
    people  uuid[];
    removed bigint;
begin
    perform from tenon.tenants t where t.id = wanted and t.purged_at is null and t.deleted_at <= now() - older_than
        for no key update skip locked;
    if not found then
        return null;
    end if;
    update tenon.tenants t set purging_since = now() where t.id = wanted and t.purging_since is null;
    for tables in select * from tenon.tables_in_order_of_removal() loop
        if tables.name = 'tenon.memberships' then
            -- Who is a member of nothing any more goes too: nobody else knows of the address.
            with gone as (
                delete from tenon.memberships m
                where m.tenant_id = wanted
                  and m.user_id = any (array(select x.user_id from tenon.memberships x where x.tenant_id = wanted limit most))
                returning m.user_id
            )
            select count(*), array_agg(gone.user_id) into removed, people from gone;
            delete from tenon.users u
            where u.id = any (people) and not exists (select from tenon.memberships m where m.user_id = u.id);
        else
            execute format('delete from %1$s one where one.tenant_id = $1
                                and one.ctid = any (array(select one.ctid from %1$s one where one.tenant_id = $1 %2$s limit $2))',
                           tables.name, tables.leaves) using wanted, most;
            get diagnostics removed = row_count;
        end if;
        if removed > 0 then
            return removed;
        end if;
    end loop;
    delete from apalis.jobs j where j.lane = wanted::text or j.lane >= wanted || '/' and j.lane < wanted || '0';
    get diagnostics removed = row_count;
    if removed > 0 then
        return removed;
    end if;
    update tenon.tenants t set purged_at = now(), name = 'Purged', settings = '{}', deleted_by = null where t.id = wanted;
    return 0;
end
$$;

set role tenon_owner;

create trigger keep_lane after insert on tenon.webhooks for each row
    when (new.max_per_second is not null or new.max_concurrency is not null) execute function tenon.keep_lane();
create trigger change_lane after update of max_per_second, max_concurrency, deleted_at on tenon.webhooks for each row
    when (old.max_per_second is distinct from new.max_per_second or old.max_concurrency is distinct from new.max_concurrency
          or old.deleted_at is distinct from new.deleted_at)
    execute function tenon.keep_lane();
create trigger leave_lane after delete on tenon.webhooks for each row
    when (old.max_per_second is not null or old.max_concurrency is not null) execute function tenon.keep_lane();

-- Claims the oldest of kinds for which few wait, in one round trip; of those that are only asked about says that something is due. May be
-- forgotten in a crash of the database: a claim that is lost is a job that still waits.
create function apalis.claim_oldest(worker text, kinds text[], rooms integer[], asked_about text[])
    returns table (kind text, id text, lane text, job bytea, attempts integer, max_attempts integer, orphaned integer,
                   run_at timestamptz, traceparent text, now timestamptz)
    language plpgsql
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
#variable_conflict use_column
begin
    perform set_config('synchronous_commit', 'off', true);
    return query
        with picked as (
            select p.place from unnest(kinds, rooms) as w (kind, room)
            cross join lateral (
                select j.ctid as place from apalis.jobs j
                where j.kind = w.kind collate "C" and j.status = 'Pending' and j.orphaned >= 0 and j.run_at <= pg_catalog.now()
                order by j.run_at limit w.room for update skip locked
            ) as p
        ),
        claimed as (
            update apalis.jobs j set status = 'Running', lock_by = worker, lock_at = pg_catalog.now()
            where j.ctid = any (array(select place from picked))
            returning j.kind, j.id, j.lane, j.job, j.attempts, j.max_attempts, j.orphaned, j.run_at, j.metadata
        )
        select c.kind::text, c.id, c.lane::text, c.job, c.attempts, c.max_attempts, c.orphaned, c.run_at, c.metadata -> 'traceparent',
               pg_catalog.now()
        from claimed c
        union all
        select a.kind, null, null, null, null, null, null, null, null, pg_catalog.now() from unnest(asked_about) as a (kind)
        where exists (select from apalis.jobs j where j.kind = a.kind collate "C" and j.status = 'Pending' and j.orphaned >= 0
                                                  and j.run_at <= pg_catalog.now());
end
$$;
revoke execute on function apalis.claim_oldest(text, text[], integer[], text[]) from public;
grant execute on function apalis.claim_oldest(text, text[], integer[], text[]) to tenon_worker;
