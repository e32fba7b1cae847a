//! What names a record that is removed for good.

use serde_json::{Value, json};
use tenon_common::crm::company::Company;
use tenon_common::crm::contact::{Contact, ContactDraft};
use tenon_common::crm::lead::{Lead, LeadDraft};
use tenon_common::crm::pipeline::Pipeline;
use tenon_common::crm::record;
use uuid::Uuid;

use super::{Place, Sample, actor, events, named};

impl Place {
    /// The last event's `changedFields` and `previous`.
    async fn last_change(&self, id: Uuid) -> (Value, Value) {
        let events = crate::log::events(&mut self.behind().await, &id.to_string()).await;
        let body = events.last().expect("an event").json();
        (body["changedFields"].clone(), body["previous"].clone())
    }
}

#[tokio::test]
async fn a_purged_company_is_named_by_nothing() {
    let place = Place::new().await;
    let mut behind = place.behind().await;
    let company: Company = place.create(Company::draft(1)).await;
    let of_company = |number| ContactDraft { company_id: Some(company.id), ..Contact::draft(number) };
    let contacts =
        [place.create::<Contact>(of_company(1)).await, place.create::<Contact>(of_company(2)).await];
    let lead: Lead = place.create(LeadDraft { company_id: Some(company.id), ..Lead::draft(1) }).await;
    let other: Lead = place.create(Lead::draft(2)).await;
    place.delete::<Contact>(contacts[1].id.0).await;
    place.delete::<Company>(company.id.0).await;
    place.purge::<Company>(company.id.0, None).await.expect("purged");

    let contact: Contact = place.get(contacts[0].id.0).await.expect("a contact");
    assert_eq!((contact.company_id, contact.version), (None, 2));
    let previous = json!({"companyId": company.id});
    assert_eq!(place.last_change(contact.id.0).await, (json!(["companyId"]), previous.clone()));
    let lead: Lead = place.get(lead.id.0).await.expect("a lead");
    assert_eq!((lead.company_id, lead.version), (None, 2));
    assert_eq!(place.last_change(lead.id.0).await, (json!(["companyId"]), previous));
    assert_eq!(events(&mut behind, other.id.0).await, named::<Lead>(&["created"]));

    let deleted = events(&mut behind, contacts[1].id.0).await;
    assert_eq!(deleted, named::<Contact>(&["created", "deleted", "updated"]));
    let restored: Contact = place.restore(contacts[1].id.0).await;
    assert_eq!((restored.company_id, restored.version), (None, 4), "its delete batch was kept");
}

#[tokio::test]
async fn a_purged_contact_is_named_by_no_lead_whoever_owns_it() {
    let place = Place::new().await;
    let agent = place.tenant.agent().await;
    let ada = actor(&place.tenant, &agent);
    let contact: Contact = place.create(ContactDraft { owner_id: Some(agent.id), ..Contact::draft(1) }).await;
    let lead: Lead = place.create(LeadDraft { contact_id: Some(contact.id), ..Lead::draft(1) }).await;
    let id = contact.id.0;
    let purge = place.db().write(&ada, async |tx| {
        record::get::<Lead>(tx, lead.id.0).await.expect_err("the lead is not the agent's");
        record::delete::<Contact>(tx, id, None).await?;
        let purged = record::purge::<Contact>(tx, id, None).await?;
        record::get::<Lead>(tx, lead.id.0).await.expect_err("nor is it after the purge");
        Ok(purged)
    });
    purge.await.expect("purged");
    let lead: Lead = place.get(lead.id.0).await.expect("a lead");
    assert_eq!((lead.contact_id, lead.version), (None, 2));
}

#[tokio::test]
async fn a_lead_that_was_deleted_in_a_purged_pipeline_comes_back_without_a_place() {
    let place = Place::new().await;
    let pipeline: Pipeline = place.create(Pipeline::draft(1)).await;
    let lead: Lead = place.create(LeadDraft { pipeline_id: Some(pipeline.id), ..Lead::draft(1) }).await;
    assert_eq!(lead.stage_id, Some(pipeline.stages[0].id));
    place.delete::<Lead>(lead.id.0).await;
    place.delete::<Pipeline>(pipeline.id.0).await;
    place.purge::<Pipeline>(pipeline.id.0, None).await.expect("purged");
    let restored: Lead = place.restore(lead.id.0).await;
    assert_eq!((restored.pipeline_id, restored.stage_id), (None, None));
    let mut behind = place.behind().await;
    let happened = named::<Lead>(&["created", "deleted", "moved_to_stage", "restored"]);
    assert_eq!(events(&mut behind, lead.id.0).await, happened);
}

/// More than are changed by one statement.
#[tokio::test]
async fn many_are_released_as_few_are() {
    let place = Place::new().await;
    let company: Company = place.create(Company::draft(1)).await;
    let mut behind = place.behind().await;
    sqlx::query(
        "insert into tenon.contacts (tenant_id, id, name, company_id, created_at, created_by, updated_at, updated_by)
         select $1, gen_random_uuid(), 'Contact ' || n, $2, now(), 'system', now(), 'system' from generate_series(1, 1205) n",
    )
    .bind(place.tenant.id.0)
    .bind(company.id.0)
    .execute(&mut behind)
    .await
    .expect("contacts");
    place.delete::<Company>(company.id.0).await;
    place.purge::<Company>(company.id.0, None).await.expect("purged");
    let (released, told): (i64, i64) = sqlx::query_as(
        "select (select count(*) from tenon.contacts where company_id is null and version = 2),
                (select count(*) from tenon.events where type = 'contact.updated')",
    )
    .fetch_one(&mut behind)
    .await
    .expect("counted");
    assert_eq!((released, told), (1205, 1205));
}
