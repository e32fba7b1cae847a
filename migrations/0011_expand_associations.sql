-- Associations: labelled links between contacts, companies and leads. One row is seen from both of its ends.

create table tenon.associations (
    tenant_id         uuid not null references tenon.tenants (id),
    id                uuid not null,
    -- The two ends in an order that does not depend on who asks, so that no pair is there twice: a contact before a company
    -- before a lead, and of one kind the smaller id first.
    first_contact_id  uuid,
    first_company_id  uuid,
    first_lead_id     uuid,
    second_contact_id uuid,
    second_company_id uuid,
    second_lead_id    uuid,
    -- What the other end is to this one; empty where nobody says.
    first_label       text not null check (char_length(first_label) <= 100),
    second_label      text not null check (char_length(second_label) <= 100),
    created_at        timestamptz not null,
    created_by        text not null,           -- user:…, apiKey:…, import:…, system
    -- Hidden with one of its ends.
    deleted_at        timestamptz,
    -- That end's.
    delete_batch_id   uuid,
    primary key (tenant_id, id),
    check (num_nonnulls(first_contact_id, first_company_id, first_lead_id) = 1),
    check (num_nonnulls(second_contact_id, second_company_id, second_lead_id) = 1),
    check (first_contact_id is not null
           or (first_company_id is not null and second_contact_id is null)
           or second_lead_id is not null),
    check (first_contact_id < second_contact_id),
    check (first_company_id < second_company_id),
    check (first_lead_id < second_lead_id),
    constraint associations_first_contact foreign key (tenant_id, first_contact_id) references tenon.contacts (tenant_id, id),
    constraint associations_first_company foreign key (tenant_id, first_company_id) references tenon.companies (tenant_id, id),
    constraint associations_first_lead foreign key (tenant_id, first_lead_id) references tenon.leads (tenant_id, id),
    constraint associations_second_contact foreign key (tenant_id, second_contact_id) references tenon.contacts (tenant_id, id),
    constraint associations_second_company foreign key (tenant_id, second_company_id) references tenon.companies (tenant_id, id),
    constraint associations_second_lead foreign key (tenant_id, second_lead_id) references tenon.leads (tenant_id, id)
);
-- From either end a label names one association of the pair.
create unique index associations_first_label on tenon.associations
    (tenant_id, coalesce(first_contact_id, first_company_id, first_lead_id),
     coalesce(second_contact_id, second_company_id, second_lead_id), first_label);
create unique index associations_second_label on tenon.associations
    (tenant_id, coalesce(second_contact_id, second_company_id, second_lead_id),
     coalesce(first_contact_id, first_company_id, first_lead_id), second_label);
-- A record's associations, newest first; a row is in one index for each of its ends.
create index associations_of_first_contact on tenon.associations (tenant_id, first_contact_id, created_at desc, id desc)
    where first_contact_id is not null;
create index associations_of_first_company on tenon.associations (tenant_id, first_company_id, created_at desc, id desc)
    where first_company_id is not null;
create index associations_of_first_lead on tenon.associations (tenant_id, first_lead_id, created_at desc, id desc)
    where first_lead_id is not null;
create index associations_of_second_contact on tenon.associations (tenant_id, second_contact_id, created_at desc, id desc)
    where second_contact_id is not null;
create index associations_of_second_company on tenon.associations (tenant_id, second_company_id, created_at desc, id desc)
    where second_company_id is not null;
create index associations_of_second_lead on tenon.associations (tenant_id, second_lead_id, created_at desc, id desc)
    where second_lead_id is not null;
select tenon.wall('tenon.associations');
-- Below ADMIN: who sees neither end does not see what is between them. The ends are looked up under their own policies.
create policy end_scope on tenon.associations as restrictive for all to tenon_app
    using ((select tenon.rank()) >= 3
           or exists (select from tenon.contacts c
                      where c.tenant_id = associations.tenant_id and c.id in (first_contact_id, second_contact_id))
           or exists (select from tenon.companies c
                      where c.tenant_id = associations.tenant_id and c.id in (first_company_id, second_company_id))
           or exists (select from tenon.leads l
                      where l.tenant_id = associations.tenant_id and l.id in (first_lead_id, second_lead_id)))
    with check ((select tenon.rank()) >= 3
           or exists (select from tenon.contacts c
                      where c.tenant_id = associations.tenant_id and c.id in (first_contact_id, second_contact_id))
           or exists (select from tenon.companies c
                      where c.tenant_id = associations.tenant_id and c.id in (first_company_id, second_company_id))
           or exists (select from tenon.leads l
                      where l.tenant_id = associations.tenant_id and l.id in (first_lead_id, second_lead_id)));
grant select, insert, update, delete on tenon.associations to tenon_app, tenon_worker;
