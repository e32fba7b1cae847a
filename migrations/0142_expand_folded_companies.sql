-- no-transaction
-- All of a record's text, folded: `tenon.folded_text` writes it. Where this was broken off, `drop index tenon.companies_folded` and migrate again.
create index concurrently companies_folded on tenon.companies using gin (tenant_id, (tenon.folded(replace(E'\n' || coalesce(name, '') || E'\n' || coalesce(industry, '') || E'\n' || coalesce(website, '') || E'\n' || coalesce(domain, '') || E'\n' || coalesce(external_id, '') || E'\n', ' ', E'\n'))) gin_trgm_ops);
