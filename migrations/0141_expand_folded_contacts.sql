-- no-transaction
-- All of a record's text, folded: `tenon.folded_text` writes it. Where this was broken off, `drop index tenon.contacts_folded` and migrate again.
create index concurrently contacts_folded on tenon.contacts using gin (tenant_id, (tenon.folded(replace(E'\n' || coalesce(name, '') || E'\n' || coalesce(email, '') || E'\n' || coalesce(phone, '') || E'\n' || coalesce(company, '') || E'\n' || coalesce(title, '') || E'\n' || coalesce(lifecycle, '') || E'\n' || coalesce(external_id, '') || E'\n', ' ', E'\n'))) gin_trgm_ops);
