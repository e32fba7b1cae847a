-- With what rights an upload was begun: who sees less than that does not have it. Null of those that an older server begins.
alter table tenon.uploads
    add column role text check (role in ('CLIENT', 'AGENT', 'ADMIN', 'SUPER_ADMIN', 'DEVELOPER')),
    add column user_id uuid;
