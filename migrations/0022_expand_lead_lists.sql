-- Lists of leads: indexes of their sorts and filters, and the search in their texts.

-- What a lead is worth in its own currency, as the API shows it, in thousandths: no currency has more digits after the point. As a
-- whole number it is compared by operators that are leakproof, across currencies too, and sorted by. The currencies without digits
-- and with three are those of `common/src/crm/money.rs`.
alter table tenon.leads add column value_thousandths bigint generated always as (
    value_minor * case
        when currency in ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF')
            then 1000
        when currency in ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') then 1
        else 10
    end) stored;

create index leads_title on tenon.leads (tenant_id, title, id) where deleted_at is null;
create index leads_status on tenon.leads (tenant_id, status, created_at desc, id desc) where deleted_at is null;
create index leads_value on tenon.leads (tenant_id, value_thousandths, id) where deleted_at is null;
create index leads_expected_close on tenon.leads (tenant_id, expected_close_date, id) where deleted_at is null;
-- The leads of a pipeline, newest first; and those that name it still before it is removed for good.
create index leads_pipeline on tenon.leads (tenant_id, pipeline_id, created_at desc, id desc) where pipeline_id is not null;
-- What is deleted, for who restores or purges: there is little of it.
create index leads_deleted on tenon.leads (tenant_id, deleted_at, id) where deleted_at is not null;
-- Deleted ones too: who synchronizes asks for all that has changed.
create index leads_updated on tenon.leads (tenant_id, updated_at desc, id desc);
select tenon.make_searchable('leads', array['owner_id'], 'title', 'externalId');
