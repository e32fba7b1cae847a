-- Imports: files whose rows become records. What became of the rows is kept chunk by chunk, a row of the table for thousands of rows of
-- the file; only those that were refused or left out have a row each, with their cells, for the file of errors.

create table tenon.imports (
    tenant_id   uuid not null references tenon.tenants (id),
    id          uuid not null,
    object      text not null check (object in ('contacts', 'companies', 'leads', 'activities')),
    state       text not null check (state in ('validating', 'ready', 'running', 'succeeded', 'partial', 'failed', 'cancelled',
                                               'reverting', 'reverted')),
    dry_run     boolean not null,
    options     jsonb not null,              -- what was asked for, as the API shows it; never used in a condition
    -- The file as it was sent, and where its rows are read from: the same, or what was made of it.
    file_name   text check (char_length(file_name) <= 255),
    file_bytes  bigint not null,
    file_key    text not null,
    rows_key    text,
    rows_format text check (rows_format in ('csv', 'ndjson')),
    rows_bytes  bigint,
    rows_begin  bigint not null default 0,   -- behind the header and a mark of the encoding
    delimiter   text check (char_length(delimiter) = 1),
    columns     text[] not null default '{}',
    -- Known once all of the file was looked at.
    total       bigint,
    -- The chunk that begins next: rows before it are done, and everything about them is committed.
    committed_through_row  bigint not null default 0,
    committed_through_byte bigint not null default 0,
    created     bigint not null default 0,
    updated     bigint not null default 0,
    unchanged   bigint not null default 0,
    skipped     bigint not null default 0,
    failed      bigint not null default 0,
    reverted    bigint not null default 0,
    kept        bigint not null default 0,   -- by a revert, because they were changed since
    errors_allowed bigint,                   -- refused rows, counted from the beginning; more of them end it
    -- Raised by every run: of an earlier one that comes back nothing is accepted.
    fence       bigint not null default 0,
    failure     text,                        -- a code, where it failed as a whole
    failure_message text,
    -- As whom its records are made.
    role        text not null check (role in ('CLIENT', 'AGENT', 'ADMIN', 'SUPER_ADMIN', 'DEVELOPER')),
    user_id     uuid,
    started_at  timestamptz,
    finished_at timestamptz,
    revert_until timestamptz,                -- until when it can be reverted; then what that needs is removed
    version     bigint not null default 1,
    created_at  timestamptz not null,
    created_by  text not null,
    updated_at  timestamptz not null,
    updated_by  text not null,
    primary key (tenant_id, id)
);
create index imports_newest on tenon.imports (tenant_id, created_at desc, id desc);
create index imports_running on tenon.imports (tenant_id) where state in ('running', 'reverting');
create index imports_expired on tenon.imports (tenant_id, revert_until) where revert_until is not null;
select tenon.wall('tenon.imports');
grant select, insert, update on tenon.imports to tenon_app, tenon_worker;
grant delete on tenon.imports to tenon_worker;

create table tenon.import_chunks (
    tenant_id uuid not null,
    import_id uuid not null,
    first_row bigint not null,               -- rows count from 1, the header not among them
    row_count integer not null,
    -- A letter for each row: c created, u updated, n unchanged, s skipped, f failed.
    outcomes  text not null,
    -- The records, in the order of the rows; null where there is none.
    ids       uuid[] not null,
    -- Of each updated row the fields as they were, as a JSON object of texts.
    before    text[] not null,
    -- And the version that the row left; null where nothing was written.
    versions  bigint[] not null,
    reverted_at timestamptz,
    primary key (tenant_id, import_id, first_row),
    foreign key (tenant_id, import_id) references tenon.imports (tenant_id, id)
);
select tenon.wall('tenon.import_chunks');
grant select on tenon.import_chunks to tenon_app;
grant select, insert, update, delete on tenon.import_chunks to tenon_worker;

create table tenon.import_errors (
    tenant_id uuid not null,
    import_id uuid not null,
    row       bigint not null,
    outcome   text not null check (outcome in ('failed', 'skipped')),
    record_id uuid,                          -- the one that is in the way
    errors    text not null,                 -- JSON: column, field, code, message, value
    cells     text not null,                 -- JSON: the cells as they were, in the order of the columns
    primary key (tenant_id, import_id, row),
    foreign key (tenant_id, import_id) references tenon.imports (tenant_id, id)
);
select tenon.wall('tenon.import_errors');
grant select on tenon.import_errors to tenon_app;
grant select, insert, delete on tenon.import_errors to tenon_worker;

-- Of a dry run the unique values that its rows would have taken: what a later row collides with is not in the tables.
create table tenon.import_keys (
    tenant_id uuid not null,
    import_id uuid not null,
    field     text not null,
    value     text not null,
    row       bigint not null,
    primary key (tenant_id, import_id, field, value),
    foreign key (tenant_id, import_id) references tenon.imports (tenant_id, id)
);
select tenon.wall('tenon.import_keys');
grant select on tenon.import_keys to tenon_app;
grant select, insert, delete on tenon.import_keys to tenon_worker;

create table tenon.import_templates (
    tenant_id  uuid not null references tenon.tenants (id),
    id         uuid not null,
    name       text not null check (char_length(name) between 1 and 100),
    object     text not null check (object in ('contacts', 'companies', 'leads', 'activities')),
    options    jsonb not null,
    version    bigint not null default 1,
    created_at timestamptz not null,
    created_by text not null,
    updated_at timestamptz not null,
    updated_by text not null,
    primary key (tenant_id, id)
);
create unique index import_templates_name on tenon.import_templates (tenant_id, name);
create index import_templates_newest on tenon.import_templates (tenant_id, created_at desc, id desc);
select tenon.wall('tenon.import_templates');
grant select, insert, update, delete on tenon.import_templates to tenon_app;
grant select on tenon.import_templates to tenon_worker;
