-- The search functions go over to the folded texts, whose indexes are there by now; those of before serve nobody any more.
select tenon.make_search('contacts', array['owner_id', 'user_id'], array['name', 'email', 'phone', 'company', 'title', 'lifecycle', 'external_id']);
select tenon.make_search('companies', array['owner_id'], array['name', 'industry', 'website', 'domain', 'external_id']);
select tenon.make_search('leads', array['owner_id'], array['title', 'external_id']);
select tenon.make_search('pipelines', array[]::text[], array['name', 'external_id']);
select tenon.make_search('activities', array['owner_id'], array['subject', 'body', 'external_id']);
drop index tenon.contacts_text;
drop index tenon.companies_text;
drop index tenon.leads_text;
drop index tenon.pipelines_text;
drop index tenon.activities_text;
