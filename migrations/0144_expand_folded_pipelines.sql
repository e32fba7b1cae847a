-- no-transaction
-- All of a record's text, folded: `tenon.folded_text` writes it. Where this was broken off, `drop index tenon.pipelines_folded` and migrate again.
create index concurrently pipelines_folded on tenon.pipelines using gin (tenant_id, (tenon.folded(replace(E'\n' || coalesce(name, '') || E'\n' || coalesce(external_id, '') || E'\n', ' ', E'\n'))) gin_trgm_ops);
