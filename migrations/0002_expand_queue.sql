-- The queue's table, as our own backend uses it. It stands on apalis-postgres 1.0.0's migrations, whose table stays theirs:
-- columns are added with defaults, none is changed, and their own statements still work. Runs as tenon_owner.

-- Who runs a job is checked by comparing lock_by, not by a reference: a worker's row goes when it is dead.
alter table apalis.jobs drop constraint fk_worker_lock_by;

-- What a claim selects by stands beside the metadata it comes from, so that an index can hold it. Byte order is enough and
-- is the cheapest. Jobs without a tenant are in the lane ''.
alter table apalis.jobs
    add column kind text collate "C" not null generated always as (coalesce(metadata -> 'kind', '')) stored,
    add column lane text collate "C" not null generated always as (coalesce(metadata -> 'lane', '')) stored,
    -- How often a worker died while it held the job. Not an attempt: attempts are counted when they end.
    add column orphaned integer not null default 0;

-- Duplicates of the primary key, indexes that no statement uses, and indexes over all rows where a few matter.
drop index apalis.unique_job_id, apalis.lidx, apalis.idx_apalis_jobs_lock_by, apalis.idx_apalis_jobs_fetch_partial,
    apalis.idx_jobs_idempotency_key;
drop index apalis.unique_worker_id, apalis.wtidx, apalis.lsidx, apalis.idx_apalis_workers_last_seen,
    apalis.idx_apalis_workers_worker_type;

-- Fair turns: the lanes of a kind that have something, and the oldest of each.
create index jobs_lane on apalis.jobs (kind, lane, run_at) where status = 'Pending';
-- The oldest of a kind, whatever its lane: age, depth, the next one due. `orphaned >= 0` is always true and is asked for by
-- those statements only, so that the planner cannot take this index for one lane's rows and read all other lanes' first.
create index jobs_due on apalis.jobs (kind, run_at) where status = 'Pending' and orphaned >= 0;
-- What a worker holds; hidden in the same way from acknowledgements, which go by id and compare lock_by.
create index jobs_locked on apalis.jobs (lock_by) where lock_by is not null and orphaned >= 0;
create index jobs_killed on apalis.jobs (job_type, done_at) where status = 'Killed';
create unique index jobs_idempotency_key on apalis.jobs (job_type, idempotency_key) where idempotency_key is not null;

alter table apalis.jobs set (
    -- Every job leaves a few dead rows behind, and a claim walks over what is not yet removed: clean early, without naps, the
    -- indexes too. Giving pages back to the file system would take an exclusive lock, and they are wanted again at once.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 100000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 50000,
    vacuum_index_cleanup = on,
    vacuum_truncate = false
);

-- Wakes workers: once per statement and queue, and only when something is due now. The payload is the queue's name and tells
-- nothing of a tenant. A transaction that notifies holds a lock of the whole server while it commits, so that the commits of
-- busy writers go single file; such a writer does `set local app.notify = 'off'` and wakes the workers after its commit.
drop trigger notify_workers on apalis.jobs;
drop function apalis.notify_new_jobs();
create function apalis.notify_due() returns trigger language plpgsql as $$
begin
    if current_setting('app.notify', true) is distinct from 'off' then
        perform pg_notify('tenon_jobs', due.job_type)
        from (select distinct i.job_type from inserted i where i.status = 'Pending' and i.run_at <= now()) due;
    end if;
    return null;
end
$$;
create trigger notify_due after insert on apalis.jobs
    referencing new table as inserted for each statement execute function apalis.notify_due();

-- apalis's own fetch, for its tools: by id from an ordered subquery, so that no plan scans the table.
create or replace function apalis.get_jobs(worker_id text, v_job_type text, v_job_count integer default 5)
    returns setof apalis.jobs language sql volatile
as $$
    update apalis.jobs
    set status = 'Queued', lock_by = worker_id, lock_at = now()
    where id = any (array(
        select j.id from apalis.jobs j
        where j.status = 'Pending' and j.run_at <= now() and j.job_type = v_job_type and j.orphaned >= 0
        order by j.run_at
        limit v_job_count
        for update skip locked))
    returning *;
$$;

-- The API adds jobs of the tenant it is in, and reads none. The worker does everything: it runs jobs of all tenants, and
-- enters a tenant as the API does for what a job touches.
alter table apalis.jobs enable row level security;
alter table apalis.jobs force row level security;
create policy enqueue on apalis.jobs for insert to tenon_app with check (lane = (select tenon.tenant_id())::text);
create policy run on apalis.jobs to tenon_worker using (true) with check (true);
create policy queue on apalis.jobs to tenon_queue using (true) with check (true);

grant usage on schema apalis to tenon_app, tenon_worker, tenon_queue;
grant insert on apalis.jobs to tenon_app;
grant select, insert, update, delete on apalis.jobs to tenon_worker, tenon_queue;
grant select, insert, update, delete on apalis.workers to tenon_worker;

revoke execute on all functions in schema apalis from public;
grant execute on all functions in schema apalis to tenon_worker;
