-- no-transaction
-- What a worker holds, and how much of a lane.
create index concurrently if not exists jobs_held on apalis.jobs (lock_by, lane) where lock_by is not null and orphaned >= 0
