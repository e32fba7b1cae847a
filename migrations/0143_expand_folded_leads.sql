-- no-transaction
-- All of a record's text, folded: `tenon.folded_text` writes it. Where this was broken off, `drop index tenon.leads_folded` and migrate again.
create index concurrently leads_folded on tenon.leads using gin (tenant_id, (tenon.folded(replace(E'\n' || coalesce(title, '') || E'\n' || coalesce(external_id, '') || E'\n', ' ', E'\n'))) gin_trgm_ops);
