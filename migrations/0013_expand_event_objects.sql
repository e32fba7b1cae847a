-- What happened to a record, newest first: its timeline. An event's id begins with its time.
create index events_of_object on tenon.events (tenant_id, object_id, id);
