-- Lists of contacts: indexes of their sorts and filters, and the search in their texts.
-- Trigrams, and the tenant beside them in one index; both are trusted extensions of PostgreSQL's contrib package.
create extension if not exists pg_trgm;
create extension if not exists btree_gin;

create index contacts_name on tenon.contacts (tenant_id, name, id) where deleted_at is null;
create index contacts_lifecycle on tenon.contacts (tenant_id, lifecycle, created_at desc, id desc) where deleted_at is null;
create index contacts_company_name on tenon.contacts (tenant_id, company, created_at desc, id desc) where deleted_at is null;
-- What is deleted, for who restores or purges: there is little of it.
create index contacts_deleted on tenon.contacts (tenant_id, deleted_at, id) where deleted_at is not null;
-- Deleted ones too: who synchronizes asks for all that has changed.
create index contacts_updated on tenon.contacts (tenant_id, updated_at desc, id desc);

-- Makes a table of records searchable: an index of all of a record's text, and the function `tenon.search_<records>`, which finds
-- what has all of one to three patterns of `ilike` in it. Each field and each word of the text begins with a new line, which no field
-- has in it; `common/src/list/pattern.rs` knows that. `records` is the table's name; `mine` are the columns of the users who see a
-- record, where not everybody does.
-- `ilike` is not leakproof: under row-level security it would read all of the tenant. In the function the tenant and the owner scope
-- are conditions of the statement, and the caller reads what is found under the policies again.
create function tenon.make_searchable(records text, mine text[], variadic fields text[]) returns void language plpgsql as $$
declare
    columns text[] := (
        select array_agg(lower(regexp_replace(f.field, '([A-Z])', '_\1', 'g')) order by f.place)
        from unnest(fields) with ordinality as f (field, place));
    all_text text := format($text$replace(E'\n' || %s || E'\n', ' ', E'\n')$text$, (
        select string_agg(format('coalesce(%I, '''')', c.name), $text$ || E'\n' || $text$ order by c.place)
        from unnest(columns) with ordinality as c (name, place)));
    scope text := (select ' and (tenon.rank() >= 3 or ' || string_agg(format('%I = tenon.user_id()', m), ' or ') || ')' from unnest(mine) as m);
    granted text := (select string_agg(quote_ident(c), ', ') from unnest(mine || columns) as c);
    visible text := format('select r.id from tenon.%I r where r.tenant_id = tenon.tenant_id()%s', records, coalesce(scope, ''));
    search text := format('tenon.%I', 'search_' || records);
begin
    execute format('create index %I on tenon.%I using gin (tenant_id, (%s) gin_trgm_ops)', records || '_text', records, all_text);
    execute format('create policy search on tenon.%I for select to tenon_search using (true)', records);
    execute format('grant select (tenant_id, id, %s) on tenon.%I to tenon_search', granted, records);
    set local role tenon_search;
    -- '%' is any text, and costs the index nothing, but each row that is found: so one pattern has a statement of its own.
    execute format($function$
        create function %1$s(patterns text[]) returns table (id uuid)
            language sql stable security definer set search_path = pg_catalog, pg_temp rows 50
        as $body$
            %2$s and patterns[2] is null and %3$s ilike patterns[1]
            union all
            %2$s and patterns[2] is not null and %3$s ilike patterns[1] and %3$s ilike patterns[2]
                and %3$s ilike coalesce(patterns[3], '%%')
        $body$
    $function$, search, visible, all_text);
    execute format('revoke execute on function %s(text[]) from public', search);
    execute format('grant execute on function %s(text[]) to tenon_app, tenon_worker', search);
    set local role tenon_owner;
end
$$;

select tenon.make_searchable(
    'contacts', array['owner_id', 'user_id'], 'name', 'email', 'phone', 'company', 'title', 'lifecycle', 'externalId');
