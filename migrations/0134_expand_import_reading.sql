-- How an import's file was read: its encoding, its delimiter, its sheet, which columns are ignored. Known once all of it was looked at;
-- never used in a condition.
alter table tenon.imports add column reading jsonb;
