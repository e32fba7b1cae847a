create table tenon.contacts (
    tenant_id      uuid not null references tenon.tenants (id),
    id             uuid not null,
    external_id    text,                     -- the key of another system; unique among what is not deleted
    name           text not null check (char_length(name) between 1 and 100),
    email          text,                     -- as it was sent
    email_key      text,                     -- trimmed and case-folded, what uniqueness is about
    phone          text,                     -- E.164
    phone_original text,                     -- as it was sent
    company        text check (char_length(company) between 1 and 100),
    title          text check (char_length(title) between 1 and 100),
    lifecycle      text check (char_length(lifecycle) between 1 and 50),
    owner_id       uuid,                     -- the user who is responsible; an AGENT sees its own
    user_id        uuid,                     -- the user whom this contact is; a CLIENT sees itself
    version        bigint not null default 1,
    created_at     timestamptz not null,
    created_by     text not null,            -- user:…, apiKey:…, import:…, system
    updated_at     timestamptz not null,
    updated_by     text not null,
    deleted_at     timestamptz,
    deleted_by     text,
    -- What one deletion hid, restore brings back together.
    delete_batch_id uuid,
    primary key (tenant_id, id),
    constraint contacts_owner foreign key (tenant_id, owner_id) references tenon.memberships (tenant_id, user_id),
    constraint contacts_user foreign key (tenant_id, user_id) references tenon.memberships (tenant_id, user_id)
);
-- Deletion frees the values: only what is not deleted must be unique.
create unique index contacts_email on tenon.contacts (tenant_id, email_key) where deleted_at is null;
create unique index contacts_external_id on tenon.contacts (tenant_id, external_id) where deleted_at is null;
-- The list: newest first.
create index contacts_newest on tenon.contacts (tenant_id, created_at desc, id desc) where deleted_at is null;
-- The owner scope of an AGENT's list, and the check when a membership ends.
create index contacts_owner on tenon.contacts (tenant_id, owner_id, created_at desc, id desc) where owner_id is not null;
select tenon.wall('tenon.contacts');
select tenon.wall_owner_scope('tenon.contacts', 'user_id');
grant select, insert, update, delete on tenon.contacts to tenon_app, tenon_worker;
