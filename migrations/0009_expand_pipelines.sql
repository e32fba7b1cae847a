-- Pipelines and the stages that leads go through. They are the whole tenant's: nobody owns one.

create table tenon.pipelines (
    tenant_id       uuid not null references tenon.tenants (id),
    id              uuid not null,
    external_id     text,                    -- the key of another system; unique among what is not deleted
    name            text not null check (char_length(name) between 1 and 100),
    version         bigint not null default 1,    -- of the pipeline with its stages
    created_at      timestamptz not null,
    created_by      text not null,           -- user:…, apiKey:…, import:…, system
    updated_at      timestamptz not null,
    updated_by      text not null,
    deleted_at      timestamptz,
    deleted_by      text,
    -- What one deletion hid, restore brings back together.
    delete_batch_id uuid,
    primary key (tenant_id, id)
);
-- Deletion frees the value: only what is not deleted must be unique.
create unique index pipelines_external_id on tenon.pipelines (tenant_id, external_id) where deleted_at is null;
-- The list: newest first.
create index pipelines_newest on tenon.pipelines (tenant_id, created_at desc, id desc) where deleted_at is null;
select tenon.wall('tenon.pipelines');
grant select, insert, update, delete on tenon.pipelines to tenon_app, tenon_worker;

create table tenon.pipeline_stages (
    tenant_id       uuid not null,
    id              uuid not null,
    pipeline_id     uuid not null,
    name            text not null check (char_length(name) between 1 and 100),
    display_order   integer not null check (display_order between 0 and 10000),
    probability     integer check (probability between 0 and 100),    -- per cent; null where nobody says
    -- A stage that was removed stays as a row, for what is deleted may still name it.
    deleted_at      timestamptz,
    -- The pipeline's, where the stage was hidden with it.
    delete_batch_id uuid,
    primary key (tenant_id, id),
    -- For those who name a stage together with its pipeline. Begins as the pipeline's stages are looked up.
    constraint pipeline_stages_of_pipeline unique (tenant_id, pipeline_id, id),
    foreign key (tenant_id, pipeline_id) references tenon.pipelines (tenant_id, id)
);
select tenon.wall('tenon.pipeline_stages');
grant select, insert, update, delete on tenon.pipeline_stages to tenon_app, tenon_worker;
