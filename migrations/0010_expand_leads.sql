-- Leads: what may become business, and where each stands in a pipeline.

create table tenon.leads (
    tenant_id           uuid not null references tenon.tenants (id),
    id                  uuid not null,
    external_id         text,                -- the key of another system; unique among what is not deleted
    title               text not null check (char_length(title) between 1 and 100),
    status              text not null check (status in ('new', 'contacted', 'qualified', 'converted', 'lost')),
    value_minor         bigint check (value_minor between 0 and 999999999999999),    -- in the currency's minor unit
    currency            text check (currency ~ '^[A-Z]{3}$'),                        -- ISO 4217
    owner_id            uuid,                -- the user who is responsible; an AGENT sees its own
    contact_id          uuid,
    company_id          uuid,
    pipeline_id         uuid,
    stage_id            uuid,
    expected_close_date date,
    version             bigint not null default 1,
    created_at          timestamptz not null,
    created_by          text not null,       -- user:…, apiKey:…, import:…, system
    updated_at          timestamptz not null,
    updated_by          text not null,
    deleted_at          timestamptz,
    deleted_by          text,
    -- What one deletion hid, restore brings back together.
    delete_batch_id     uuid,
    primary key (tenant_id, id),
    check (value_minor is null or currency is not null),
    check ((pipeline_id is null) = (stage_id is null)),
    constraint leads_owner foreign key (tenant_id, owner_id) references tenon.memberships (tenant_id, user_id),
    constraint leads_contact foreign key (tenant_id, contact_id) references tenon.contacts (tenant_id, id),
    constraint leads_company foreign key (tenant_id, company_id) references tenon.companies (tenant_id, id),
    -- A lead's stage is one of its pipeline.
    constraint leads_stage foreign key (tenant_id, pipeline_id, stage_id) references tenon.pipeline_stages (tenant_id, pipeline_id, id)
);
-- Deletion frees the value: only what is not deleted must be unique.
create unique index leads_external_id on tenon.leads (tenant_id, external_id) where deleted_at is null;
-- The list: newest first.
create index leads_newest on tenon.leads (tenant_id, created_at desc, id desc) where deleted_at is null;
-- The owner scope of an AGENT's list, and the check when a membership ends.
create index leads_owner on tenon.leads (tenant_id, owner_id, created_at desc, id desc) where owner_id is not null;
-- The leads of a contact and of a company, newest first.
create index leads_contact on tenon.leads (tenant_id, contact_id, created_at desc, id desc) where contact_id is not null;
create index leads_company on tenon.leads (tenant_id, company_id, created_at desc, id desc) where company_id is not null;
-- The leads in a stage: a board's column, and whether a stage may be removed.
create index leads_stage on tenon.leads (tenant_id, stage_id, created_at desc, id desc) where stage_id is not null;
select tenon.wall('tenon.leads');
select tenon.wall_owner_scope('tenon.leads');
grant select, insert, update, delete on tenon.leads to tenon_app, tenon_worker;
