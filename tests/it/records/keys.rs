//! Records by a unique value.

use tenon_common::crm::activity::Activity;
use tenon_common::crm::company::Company;
use tenon_common::crm::contact::Contact;
use tenon_common::crm::lead::Lead;
use tenon_common::crm::pipeline::Pipeline;
use tenon_common::crm::record::{self, Key, Precondition, Upserted};
use tenon_common::{Error, Result};

use super::{Place, Sample, events, for_each_record, named, refusal};

impl Place {
    async fn upsert<R: Sample>(
        &self,
        key: &Key<R>,
        precondition: Precondition,
        draft: R::Draft,
    ) -> Result<Upserted<R>> {
        let draft = key.complete(draft)?;
        let edit = draft.clone();
        self.db()
            .write(&self.admin, async |tx| record::upsert(tx, key, precondition, draft, |_| edit).await)
            .await
    }

    async fn find_by<R: Sample>(&self, key: &Key<R>) -> Result<R> {
        self.db().read(&self.admin, async |tx| record::find_by(tx, key).await).await
    }
}

fn key<R: Sample>(value: &str) -> Key<R> {
    Key::parse("externalId", value).expect("a key")
}

fn updated<R: Sample>(upserted: Result<Upserted<R>>) -> R {
    match upserted.expect("upserted") {
        Upserted::Updated(record) => record,
        Upserted::Created(_) => panic!("it was there"),
    }
}

fn refused<T>(outcome: Result<T>) -> String {
    outcome.err().as_ref().map_or_else(|| "nothing".to_owned(), refusal)
}

async fn is_known_by_its_key<R: Sample>() {
    let place = Place::new().await;
    let (known, unknown) = (key::<R>("x-1"), key::<R>("x-2"));
    let draft = R::known_as(R::draft(1), None);
    let absent = place.upsert(&known, Precondition::Present, draft.clone()).await;
    assert_eq!(refused(absent), "NOT_FOUND");
    let Ok(Upserted::Created(created)) = place.upsert(&known, Precondition::Absent, draft.clone()).await
    else {
        panic!("it was not there")
    };
    assert_eq!(place.find_by(&known).await.expect("found").id(), created.id());
    assert_eq!(refused(place.find_by(&unknown).await), "NOT_FOUND");
    let there = place.upsert(&known, Precondition::Absent, draft.clone()).await;
    assert_eq!(refused(there), "STALE 1");

    let renamed = R::renamed(draft.clone(), "Renamed");
    let changed = updated(place.upsert(&known, Precondition::Version(1), renamed.clone()).await);
    assert_eq!((changed.id(), changed.version(), changed.name()), (created.id(), 2, "Renamed"));
    let stale = place.upsert(&known, Precondition::Version(1), draft.clone()).await;
    assert_eq!(refused(stale), "STALE 2");

    let locked = place.db().write(&place.admin, async |tx| {
        let before: R = record::lock_by(tx, &known).await?;
        record::delete_locked(tx, before, Some(2)).await
    });
    locked.await.expect("deleted");
    assert_eq!(refused(place.find_by(&known).await), "NOT_FOUND");
    assert!(matches!(
        place.upsert(&known, Precondition::None, draft).await,
        Ok(Upserted::Created(again)) if again.id() != created.id()
    ));
    let mut behind = place.behind().await;
    assert_eq!(events(&mut behind, created.id()).await, named::<R>(&["created", "updated", "deleted"]));
    assert_eq!(refused(place.restore_by_force::<R>(created.id()).await), "RestoreConflict");
}

impl Place {
    async fn restore_by_force<R: Sample>(&self, id: uuid::Uuid) -> Result<R> {
        self.db().write(&self.admin, async |tx| record::restore(tx, id).await).await
    }
}

for_each_record!(is_known_by_its_key:
    a_contact_is_known_by_its_external_id = Contact,
    a_company_is_known_by_its_external_id = Company,
    a_lead_is_known_by_its_external_id = Lead,
    an_activity_is_known_by_its_external_id = Activity,
);

/// A pipeline's stages are replaced as a whole, under new ids.
#[tokio::test]
async fn a_pipeline_is_known_by_its_external_id() {
    let place = Place::new().await;
    let known = key::<Pipeline>("x-1");
    let created = place.upsert(&known, Precondition::None, Pipeline::draft(1)).await;
    let Ok(Upserted::Created(created)) = created else { panic!("{created:?}") };
    assert_eq!(created.stages.len(), 2);
    let replaced = updated(place.upsert(&known, Precondition::Present, Pipeline::draft(1)).await);
    assert_eq!((replaced.id, replaced.version, replaced.stages.len()), (created.id, 2, 2));
    let found = place.find_by(&known).await.expect("found");
    assert_eq!(found.stages, replaced.stages);
    assert!(found.stages.iter().all(|stage| !created.stages.contains(stage)), "{found:?}");
    let mut behind = place.behind().await;
    assert_eq!(events(&mut behind, created.id.0).await, named::<Pipeline>(&["created", "stage.updated"]));
}

async fn of_many_at_once_one_creates<R: Sample>() {
    let place = Place::new().await;
    let known = key::<R>("x-1");
    let upsert = |number: usize| {
        let draft = R::renamed(R::draft(1), &format!("Writer {number}"));
        place.upsert(&known, Precondition::None, draft)
    };
    let outcomes = futures::future::join_all((0..6).map(upsert)).await;
    let outcomes: Vec<Upserted<R>> = outcomes.into_iter().collect::<Result<_>>().expect("upserted");
    let created = outcomes.iter().filter(|outcome| matches!(outcome, Upserted::Created(_))).count();
    assert_eq!(created, 1);
    assert_eq!(place.find_by(&known).await.expect("found").version(), 6);
}

for_each_record!(of_many_at_once_one_creates:
    of_many_companies_at_once_one_is_created = Company,
    of_many_leads_at_once_one_is_created = Lead,
    of_many_activities_at_once_one_is_created = Activity,
);

#[tokio::test]
async fn a_key_is_a_unique_value_and_the_draft_has_no_other() {
    let place = Place::new().await;
    for (name, value, pointer) in
        [("domain", "acme.example", "/key UNKNOWN_KEY"), ("externalId", " ", "/value INVALID_LENGTH")]
    {
        assert_eq!(refused(Key::<Company>::parse(name, value)), pointer);
    }
    let other = Company::known_as(Company::draft(1), Some("x-2"));
    let refused_key = place.upsert(&key::<Company>("x-1"), Precondition::None, other).await;
    assert_eq!(refused(refused_key), "/externalId KEY_MISMATCH");
    assert!(matches!(place.find_by(&key::<Company>("x-2")).await, Err(Error::NotFound(_))));
}
