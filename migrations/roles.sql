-- The roles of a Tenon installation. Run once per PostgreSQL cluster by an administrator (a role that may create roles);
-- `tenon-api migrate` runs it by itself when it is connected as one. Running it again changes nothing.
--
-- None of them is a superuser or bypasses row-level security. Logins get their passwords from you:
--   alter role tenon_app password '…';   (or create logins of your own and grant them tenon_app or tenon_worker)
do $roles$
declare
    wanted record;
begin
    -- Two installations may run this at once in one cluster.
    perform pg_advisory_xact_lock(hashtext('tenon roles'));
    for wanted in
        select * from (values
            -- Owns schema and tables. Does not inherit what it may become: owning tenon_queue's functions must not mean
            -- seeing through tenon_queue's policies.
            ('tenon_owner',   'nologin noinherit'),
            ('tenon_app',     'login'),      -- the API
            ('tenon_worker',  'login'),      -- the worker
            ('tenon_queue',   'nologin'),    -- owns the definer functions that claim and finish deliveries of many tenants
            ('tenon_auth',    'nologin'),    -- owns the definer functions that look up credentials before a tenant is known
            ('tenon_search',  'nologin'),    -- owns the search functions
            ('tenon_maint',   'nologin'),    -- backfills; owns the functions that purge tenants
            ('tenon_metrics', 'login')       -- scalers and exporters: metrics functions only
        ) as role(name, attributes)
    loop
        if not exists (select from pg_roles where rolname = wanted.name) then
            execute format('create role %I %s nosuperuser nobypassrls nocreatedb nocreaterole', wanted.name, wanted.attributes);
        end if;
    end loop;

    -- Functions are handed to these roles by the migrations, which run as tenon_owner.
    for wanted in
        select member.name from (values ('tenon_queue'), ('tenon_auth'), ('tenon_search'), ('tenon_maint')) as member(name)
        where not pg_has_role('tenon_owner', member.name, 'member')
    loop
        execute format('grant %I to tenon_owner', wanted.name);
    end loop;

    if not exists (select from pg_db_role_setting s join pg_roles r on r.oid = s.setrole where r.rolname = 'tenon_app') then
        alter role tenon_app set statement_timeout = '5s';
        alter role tenon_app set idle_in_transaction_session_timeout = '10s';
        alter role tenon_app set lock_timeout = '2s';
        -- Claims and acknowledgements are short; a worker that hangs in a transaction holds the change feed's watermark.
        alter role tenon_worker set idle_in_transaction_session_timeout = '60s';
        alter role tenon_metrics set statement_timeout = '2s';
    end if;
end
$roles$;
