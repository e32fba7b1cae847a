-- Activities: calls, e-mails, meetings, notes, tasks and messages, and the contacts, companies and leads that they are about.

create table tenon.activities (
    tenant_id       uuid not null references tenon.tenants (id),
    id              uuid not null,
    external_id     text,                    -- the key of another system; unique among what is not deleted
    kind            text not null check (kind in ('call', 'email', 'meeting', 'note', 'task', 'message')),
    subject         text check (char_length(subject) between 1 and 200),
    body            text check (char_length(body) between 1 and 20000),
    occurred_at     timestamptz,             -- null for a task that nobody has dated
    due_at          timestamptz,
    completed_at    timestamptz,
    owner_id        uuid,                    -- the user who is responsible; an AGENT sees its own
    version         bigint not null default 1,
    created_at      timestamptz not null,
    created_by      text not null,           -- user:…, apiKey:…, import:…, system
    updated_at      timestamptz not null,
    updated_by      text not null,
    deleted_at      timestamptz,
    deleted_by      text,
    -- What one deletion hid, restore brings back together.
    delete_batch_id uuid,
    primary key (tenant_id, id),
    check (subject is not null or body is not null),
    check (occurred_at is not null or kind = 'task'),
    constraint activities_owner foreign key (tenant_id, owner_id) references tenon.memberships (tenant_id, user_id)
);
-- Deletion frees the value: only what is not deleted must be unique.
create unique index activities_external_id on tenon.activities (tenant_id, external_id) where deleted_at is null;
-- The list: newest first.
create index activities_newest on tenon.activities (tenant_id, created_at desc, id desc) where deleted_at is null;
-- The owner scope of an AGENT's list, and the check when a membership ends.
create index activities_owner on tenon.activities (tenant_id, owner_id, created_at desc, id desc) where owner_id is not null;
select tenon.wall('tenon.activities');
select tenon.wall_owner_scope('tenon.activities');
grant select, insert, update, delete on tenon.activities to tenon_app, tenon_worker;

create table tenon.activity_links (
    tenant_id       uuid not null,
    activity_id     uuid not null,
    contact_id      uuid,
    company_id      uuid,
    lead_id         uuid,
    -- Where the activity stands in the record's timeline: when it occurred, or else when it was created.
    at              timestamptz not null,
    -- Hidden with the record that it leads to.
    deleted_at      timestamptz,
    -- That record's.
    delete_batch_id uuid,
    check (num_nonnulls(contact_id, company_id, lead_id) = 1),
    constraint activity_links_activity foreign key (tenant_id, activity_id) references tenon.activities (tenant_id, id),
    constraint activity_links_contact foreign key (tenant_id, contact_id) references tenon.contacts (tenant_id, id),
    constraint activity_links_company foreign key (tenant_id, company_id) references tenon.companies (tenant_id, id),
    constraint activity_links_lead foreign key (tenant_id, lead_id) references tenon.leads (tenant_id, id)
);
-- The links of an activity, each once.
create unique index activity_links_once on tenon.activity_links (tenant_id, activity_id, coalesce(contact_id, company_id, lead_id));
-- The timelines of contacts, companies and leads: what an activity is linked with is in one of them.
create index activity_links_of_contact on tenon.activity_links (tenant_id, contact_id, at desc, activity_id desc)
    where contact_id is not null;
create index activity_links_of_company on tenon.activity_links (tenant_id, company_id, at desc, activity_id desc)
    where company_id is not null;
create index activity_links_of_lead on tenon.activity_links (tenant_id, lead_id, at desc, activity_id desc)
    where lead_id is not null;
select tenon.wall('tenon.activity_links');
-- Below ADMIN: who sees neither the activity nor the record does not see the link. Both are looked up under their own policies.
create policy end_scope on tenon.activity_links as restrictive for all to tenon_app
    using ((select tenon.rank()) >= 3
           or exists (select from tenon.activities a where a.tenant_id = activity_links.tenant_id and a.id = activity_id)
           or exists (select from tenon.contacts c where c.tenant_id = activity_links.tenant_id and c.id = contact_id)
           or exists (select from tenon.companies c where c.tenant_id = activity_links.tenant_id and c.id = company_id)
           or exists (select from tenon.leads l where l.tenant_id = activity_links.tenant_id and l.id = lead_id))
    with check ((select tenon.rank()) >= 3
           or exists (select from tenon.activities a where a.tenant_id = activity_links.tenant_id and a.id = activity_id)
           or exists (select from tenon.contacts c where c.tenant_id = activity_links.tenant_id and c.id = contact_id)
           or exists (select from tenon.companies c where c.tenant_id = activity_links.tenant_id and c.id = company_id)
           or exists (select from tenon.leads l where l.tenant_id = activity_links.tenant_id and l.id = lead_id));
grant select, insert, update, delete on tenon.activity_links to tenon_app, tenon_worker;
