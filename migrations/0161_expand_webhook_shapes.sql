-- Which of the events a webhook gets is decided by what it wanted when the event was committed: its filter, and whether it skips what its
-- own creator does, belong to its state as its subscription does.
alter table tenon.webhook_states
    add column filter   text,
    add column skip_own boolean not null default false;

-- As before, and the wishes.
create or replace function tenon.begin_webhook_state() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'UPDATE' then
        insert into tenon.webhook_states (tenant_id, webhook_id, version, active, events, filter, skip_own, begun, begun_by, begun_from,
                                          ended, ended_by)
        values (old.tenant_id, old.id, old.version, old.active, old.events, old.filter, old.skip_own, old.state_since, old.state_by,
                old.state_from, pg_current_snapshot(), pg_current_xact_id());
    end if;
    new.state_since := pg_current_snapshot();
    new.state_by := pg_current_xact_id();
    new.state_from := tenon.first_event_id(now() - interval '1 hour');
    return new;
end
$$;

create or replace trigger switch_state before update of active, events, filter, skip_own on tenon.webhooks for each row
    when (old.active is distinct from new.active or old.events is distinct from new.events
          or old.filter is distinct from new.filter or old.skip_own is distinct from new.skip_own)
    execute function tenon.begin_webhook_state();

-- The names of subscriptions that a type of event is in: `pipeline.stage.updated`, `pipeline.stage.*`, `pipeline.*` and `*`. No type has more
-- than three parts; the programs hold that. Of a type of two, the last is one that nobody can subscribe to.
create function tenon.subscriptions_to(type text) returns text[]
    language sql immutable strict parallel safe
    as $$ select array['*', type, split_part(type, '.', 1) || '.*', split_part(type, '.', 1) || '.' || split_part(type, '.', 2) || '.*'] $$;
grant execute on function tenon.subscriptions_to(text) to tenon_app, tenon_worker, tenon_queue;

-- Whether the webhook's filter could not judge the event: it is sent all the same.
alter table tenon.deliveries add column unjudged boolean not null default false;
