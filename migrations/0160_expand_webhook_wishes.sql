-- What a receiver wants of a webhook beside the address: which of the events, in which form, signed how, in which order and at what pace.
-- Each column's default is what was before.
alter table tenon.webhooks
    -- A filter in the grammar of the lists, over the event's body.
    add column filter               text check (char_length(filter) <= 4096),
    -- Whether changes that the webhook's own creator makes are left out.
    add column skip_own             boolean not null default false,
    -- Names of the headers of its own, in lower case; names and values together are sealed.
    add column header_names         text[] not null default '{}',
    add column headers              bytea,
    add column payload              text not null default 'full' check (payload in ('full', 'thin')),
    -- The version of the API in which it gets bodies.
    add column api_version          text not null default '2026-01-01',
    -- An Ed25519 key beside the secret: the private one sealed, the public one as it is shown.
    add column signing_key          bytea,
    add column public_key           text,
    add column previous_signing_key bytea,
    add column max_per_second       integer check (max_per_second between 1 and 1000),
    add column max_concurrency      integer check (max_concurrency between 1 and 100),
    -- `plan`, `standard`, or seconds separated by commas; null is the installation's.
    add column retry_schedule       text check (char_length(retry_schedule) <= 300),
    add column ordering             text not null default 'none' check (ordering in ('none', 'object'));

-- Whether a replay sends it.
alter table tenon.deliveries add column replay boolean not null default false;

set role tenon_queue;

-- read_deliveries, and the receiver's wishes. That one stays for older workers.
create function tenon.read_sendings(tenants uuid[], webhooks uuid[], events uuid[])
    returns table (tenant_id uuid, webhook_id uuid, event_id uuid, id uuid, event_type text, status text, attempts integer,
                   schedule_attempts integer, replay boolean, job_id text, active boolean, deleted boolean, body text,
                   event_created_at timestamptz, url text, address_version bigint, failing boolean, secret bytea, previous_secret bytea,
                   previous_secret_expires_at timestamptz, signing_key bytea, previous_signing_key bytea, headers bytea, payload text,
                   api_version text, max_per_second integer, max_concurrency integer, retry_schedule text, ordering text)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 100
as $$
    select d.tenant_id, d.webhook_id, d.event_id, d.id, d.event_type, d.status, d.attempts, d.schedule_attempts, d.replay, d.job_id,
           w.active and t.deleted_at is null, w.deleted_at is not null, e.body, e.created_at,
           w.url, w.address_version, w.failing_since is not null, w.secret, w.previous_secret, w.previous_secret_expires_at, w.signing_key,
           w.previous_signing_key, w.headers, w.payload, w.api_version, w.max_per_second, w.max_concurrency, w.retry_schedule, w.ordering
    from unnest(tenants, webhooks, events) as wanted (tenant_id, webhook_id, event_id)
    join tenon.tenants t on t.id = wanted.tenant_id
    join tenon.deliveries d on d.tenant_id = wanted.tenant_id and d.webhook_id = wanted.webhook_id and d.event_id = wanted.event_id
    join tenon.webhooks w on w.tenant_id = d.tenant_id and w.id = d.webhook_id
    join tenon.events e on e.tenant_id = d.tenant_id and e.id = d.event_id
$$;
revoke execute on function tenon.read_sendings(uuid[], uuid[], uuid[]) from public;
grant execute on function tenon.read_sendings(uuid[], uuid[], uuid[]) to tenon_worker;

set role tenon_owner;
