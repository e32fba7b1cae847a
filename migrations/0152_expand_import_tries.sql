-- Of a dry run, whose chunks are undone: the records that its rows would have made or changed, as they would be, by the number of the row
-- that touched each first. Later chunks are tried with these as they would find them. A row with the field '' has what such a record would
-- say; each other one is a value by which it would be found or be in the way, its id among them.
--
-- import_keys stays for older workers; nothing else writes it any more.
create table tenon.import_tries (
    tenant_id uuid not null,
    import_id uuid not null,
    field     text not null,
    value     text not null,
    row       bigint not null,
    record_id uuid,                          -- none of a record that would be new
    says      text,                          -- JSON: its fields as texts
    primary key (tenant_id, import_id, field, value, row),
    foreign key (tenant_id, import_id) references tenon.imports (tenant_id, id)
);
select tenon.wall('tenon.import_tries');
grant select on tenon.import_tries to tenon_app;
grant select, insert, update, delete on tenon.import_tries to tenon_worker;
