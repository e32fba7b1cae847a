-- no-transaction
-- What jobs_held serves too.
drop index concurrently if exists apalis.jobs_locked
