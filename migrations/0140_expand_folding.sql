-- Texts without case and accents: what José is looked for as, and found by. Not the extension `unaccent`: its function is not immutable,
-- for its rules are a file of the server. Nothing but what is built in, so that every server folds alike.
-- What has no accent to take off is looked at once; a text of many languages costs a few microseconds.
create function tenon.folded(t text) returns text language plpgsql immutable strict parallel safe as $$
begin
    if octet_length(t) = char_length(t) then
        return lower(t);
    end if;
    t := lower(regexp_replace(normalize(t, NFD), U&'[\0300-\036F]+', '', 'g'));
    -- Letters of their own, which have no accent to Unicode.
    if t ~ '[ßæœøłđðþħı]' then
        t := replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
            t, 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'ø', 'o'), 'ł', 'l'), 'đ', 'd'), 'ð', 'd'), 'þ', 'th'), 'ħ', 'h'), 'ı', 'i');
    end if;
    return t;
end
$$;
-- Whoever writes a record writes its index.
grant execute on function tenon.folded(text) to public;

-- All of a record's text, folded, as the indexes and the search functions have it. Each field and each word begins with a new line,
-- which no field has in it; `common/src/list/pattern.rs` knows that.
create function tenon.folded_text(columns text[]) returns text language sql immutable as $$
    select format($text$tenon.folded(replace(E'\n' || %s || E'\n', ' ', E'\n'))$text$,
        string_agg(format('coalesce(%I, '''')', c.name), $text$ || E'\n' || $text$ order by c.place))
    from unnest(columns) with ordinality as c (name, place)
$$;

-- Makes or replaces the function `tenon.search_<records>`, which finds what has all of one to three patterns of `like` in its folded
-- text; the patterns are folded here. Servers from before ask for the same and are told of more.
create function tenon.make_search(records text, mine text[], columns text[]) returns void language plpgsql as $$
declare
    all_text text := tenon.folded_text(columns);
    scope text := (select ' and (tenon.rank() >= 3 or ' || string_agg(format('%I = tenon.user_id()', m), ' or ') || ')' from unnest(mine) as m);
    visible text := format('select r.id from tenon.%I r where r.tenant_id = tenon.tenant_id()%s', records, coalesce(scope, ''));
    search text := format('tenon.%I', 'search_' || records);
begin
    set local role tenon_search;
    -- '%' is any text, and costs the index nothing, but each row that is found: so one pattern has a statement of its own.
    execute format($function$
        create or replace function %1$s(patterns text[]) returns table (id uuid)
            language sql stable security definer set search_path = pg_catalog, pg_temp rows 50
        as $body$
            %2$s and patterns[2] is null and %3$s like (select tenon.folded(patterns[1]))
            union all
            %2$s and patterns[2] is not null and %3$s like (select tenon.folded(patterns[1]))
                and %3$s like (select tenon.folded(patterns[2])) and %3$s like (select tenon.folded(coalesce(patterns[3], '%%')))
        $body$
    $function$, search, visible, all_text);
    execute format('revoke execute on function %s(text[]) from public', search);
    execute format('grant execute on function %s(text[]) to tenon_app, tenon_worker', search);
    set local role tenon_owner;
end
$$;

-- Makes a new table of records searchable: an index of all of a record's text, and the function. `records` is the table's name; `mine`
-- are the columns of the users who see a record, where not everybody does.
-- `like` of a folded text is not leakproof: under row-level security it would read all of the tenant. In the function the tenant and the
-- owner scope are conditions of the statement, and the caller reads what is found under the policies again.
create or replace function tenon.make_searchable(records text, mine text[], variadic fields text[]) returns void language plpgsql as $$
declare
    columns text[] := (
        select array_agg(lower(regexp_replace(f.field, '([A-Z])', '_\1', 'g')) order by f.place)
        from unnest(fields) with ordinality as f (field, place));
    granted text := (select string_agg(quote_ident(c), ', ') from unnest(mine || columns) as c);
begin
    execute format('create index %I on tenon.%I using gin (tenant_id, (%s) gin_trgm_ops)',
        records || '_folded', records, tenon.folded_text(columns));
    execute format('create policy search on tenon.%I for select to tenon_search using (true)', records);
    execute format('grant select (tenant_id, id, %s) on tenon.%I to tenon_search', granted, records);
    perform tenon.make_search(records, mine, columns);
end
$$;
