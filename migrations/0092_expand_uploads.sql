-- Uploads: files that come in pieces. Each piece is a file of its own in the storage, until an import takes all of them.

create table tenon.uploads (
    tenant_id  uuid not null references tenon.tenants (id),
    id         uuid not null,
    file_name  text check (char_length(file_name) <= 255),
    bytes      bigint not null check (bytes > 0),
    -- Only ever moved on from the value that the sender named, so that of two pieces for the same place one counts.
    received   bigint not null default 0 check (received between 0 and bytes),
    pieces     integer not null default 0,
    import_id  uuid,                         -- the import that took it; not a reference, for either may go first
    -- A day after the last piece. '-infinity': it is being removed.
    expires_at timestamptz not null,
    created_at timestamptz not null,
    created_by text not null,
    primary key (tenant_id, id)
);
create index uploads_expired on tenon.uploads (expires_at);
select tenon.wall('tenon.uploads');
grant select, insert, update, delete on tenon.uploads to tenon_app;
grant select, update, delete on tenon.uploads to tenon_worker;

create table tenon.upload_pieces (
    tenant_id  uuid not null,
    upload_id  uuid not null,
    first_byte bigint not null,
    bytes      bigint not null check (bytes > 0),
    id         uuid not null,                -- its file is called by it
    primary key (tenant_id, upload_id, first_byte),
    foreign key (tenant_id, upload_id) references tenon.uploads (tenant_id, id)
);
select tenon.wall('tenon.upload_pieces');
grant select, insert, delete on tenon.upload_pieces to tenon_app;
grant select, delete on tenon.upload_pieces to tenon_worker;

-- What has expired, of all tenants, the oldest first: it is removed in transactions of its tenant.
set role tenon_maint;

create function tenon.expired_uploads(most integer) returns table (tenant_id uuid, id uuid)
    language sql stable security definer set search_path = pg_catalog, pg_temp rows 100
as $$
    select u.tenant_id, u.id from tenon.uploads u where u.expires_at < now() order by u.expires_at limit most
$$;

revoke execute on function tenon.expired_uploads(integer) from public;
grant execute on function tenon.expired_uploads(integer) to tenon_worker;

set role tenon_owner;
