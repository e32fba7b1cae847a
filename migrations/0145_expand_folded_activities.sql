-- no-transaction
-- All of a record's text, folded: `tenon.folded_text` writes it. Where this was broken off, `drop index tenon.activities_folded` and migrate again.
create index concurrently activities_folded on tenon.activities using gin (tenant_id, (tenon.folded(replace(E'\n' || coalesce(subject, '') || E'\n' || coalesce(body, '') || E'\n' || coalesce(external_id, '') || E'\n', ' ', E'\n'))) gin_trgm_ops);
