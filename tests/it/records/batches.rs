//! Many records in one transaction, each with an outcome of its own.

use tenon_common::Result;
use tenon_common::crm::activity::Activity;
use tenon_common::crm::company::{Company, CompanyDraft};
use tenon_common::crm::contact::Contact;
use tenon_common::crm::lead::{Lead, LeadDraft};
use tenon_common::crm::pipeline::Pipeline;
use tenon_common::crm::record::batch::{self, Edit, Outcomes, Upsert};
use tenon_common::crm::record::{Key, Record, Upserted};
use tenon_common::id::{PipelineId, StageId, UserId};
use uuid::Uuid;

use super::{Place, Sample, events, fields, for_each_record, named, refusal};

/// What became of each: `ok`, or the refusal.
fn said<T>(outcomes: &Outcomes<T>) -> Vec<String> {
    outcomes.iter().map(|outcome| outcome.as_ref().map_or_else(refusal, |_| "ok".to_owned())).collect()
}

impl Place {
    async fn create_each<R: Sample>(&self, drafts: Vec<R::Draft>) -> Outcomes<R> {
        let all = drafts.into_iter().map(fields::<R>).collect();
        let created = self.db().write(&self.admin, async |tx| batch::create_each(tx, all).await);
        created.await.expect("a batch")
    }

    async fn update_each<R: Sample>(&self, edits: Vec<(Uuid, Option<i64>, R::Draft)>) -> Outcomes<R> {
        let edit = |(id, expected, draft)| Edit { id, expected, edit: move |_| draft };
        let edits = edits.into_iter().map(edit).collect();
        self.db().write(&self.admin, async |tx| batch::update_each(tx, edits).await).await.expect("a batch")
    }

    async fn upsert_each<R: Sample>(&self, drafts: Vec<R::Draft>) -> Outcomes<Upserted<R>> {
        let upsert = |draft: R::Draft| {
            let key = Key::of("externalId", &draft).expect("a key");
            Upsert { key, fields: Ok(fields::<R>(draft.clone())), edit: move |_| draft }
        };
        let upserts = drafts.into_iter().map(upsert).collect();
        self.db().write(&self.admin, async |tx| batch::upsert_each(tx, upserts).await).await.expect("a batch")
    }
}

async fn each_has_an_outcome_of_its_own<R: Sample>() {
    let place = Place::new().await;
    let mut behind = place.behind().await;
    let taken: R = place.create(R::draft(9)).await;
    let created = place
        .create_each::<R>(vec![R::draft(2), R::draft(9), R::renamed(R::draft(2), "Again"), R::draft(1)])
        .await;
    assert_eq!(said(&created), ["ok", "Duplicate", "Duplicate", "ok"]);
    let created: Vec<R> = created.into_iter().filter_map(Result::ok).collect();
    let (one, other) = (created[0].id(), created[1].id());
    assert_eq!(events(&mut behind, one).await, named::<R>(&["created"]));

    let nobody = Uuid::now_v7();
    let ids = [one, nobody, other, one];
    let read = place.db().read(&place.admin, async |tx| batch::get_each::<R>(tx, &ids).await).await;
    assert_eq!(said(&read.expect("a batch")), ["ok", "NOT_FOUND", "ok", "ok"]);

    let renamed = |number| R::renamed(R::draft(number), "Renamed");
    let updated = place
        .update_each::<R>(vec![
            (one, Some(1), renamed(2)),
            (other, Some(7), renamed(1)),
            (nobody, None, renamed(3)),
            (one, None, renamed(2)),
            (taken.id(), None, R::draft(9)),
        ])
        .await;
    assert_eq!(said(&updated), ["ok", "STALE 1", "NOT_FOUND", "/id REPEATED", "ok"]);
    assert_eq!(updated[4].as_ref().expect("unchanged").version(), 1, "what changes nothing writes nothing");
    assert_eq!(events(&mut behind, one).await, named::<R>(&["created", "updated"]));

    // One of them collides, so that they are written one by one.
    let collision = R::known_as(renamed(1), Some("x-9"));
    let updated = place.update_each::<R>(vec![(other, None, collision), (one, None, R::draft(2))]).await;
    assert_eq!(said(&updated), ["Duplicate", "ok"]);
    assert_eq!(place.get::<R>(one).await.expect("a record").version(), 3);

    let upserted = place.upsert_each::<R>(vec![R::draft(5), renamed(9), R::draft(5), R::draft(4)]).await;
    assert_eq!(said(&upserted), ["ok", "ok", "/externalId REPEATED", "ok"]);
    let made = upserted.iter().flatten().map(|upserted| matches!(upserted, Upserted::Created(_)));
    assert_eq!(made.collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(events(&mut behind, taken.id()).await, named::<R>(&["created", "updated"]));

    let deletions = vec![(one, Some(1)), (other, None), (nobody, None), (other, None)];
    let deleted =
        place.db().write(&place.admin, async |tx| batch::delete_each::<R>(tx, deletions).await).await;
    assert_eq!(said(&deleted.expect("a batch")), ["STALE 3", "ok", "NOT_FOUND", "/id REPEATED"]);
    assert_eq!(events(&mut behind, other).await, named::<R>(&["created", "deleted"]));
    let batches: Vec<Option<Uuid>> = place.delete_batches::<R>(&[one, other]).await;
    assert!(batches[0].is_none() && batches[1].is_some(), "{batches:?}");
}

impl Place {
    /// What the records' deletions are marked with.
    async fn delete_batches<R: Record>(&self, ids: &[Uuid]) -> Vec<Option<Uuid>> {
        let mut batches = Vec::new();
        let statement = format!("select delete_batch_id from tenon.{} where id = $1", R::listing().name);
        for id in ids {
            let query = sqlx::query_scalar(sqlx::AssertSqlSafe(statement.clone())).bind(id);
            batches.push(query.fetch_one(&mut self.behind().await).await.expect("a row"));
        }
        batches
    }
}

for_each_record!(each_has_an_outcome_of_its_own:
    each_contact_of_a_batch_has_its_outcome = Contact,
    each_company_of_a_batch_has_its_outcome = Company,
    each_lead_of_a_batch_has_its_outcome = Lead,
    each_activity_of_a_batch_has_its_outcome = Activity,
);

#[tokio::test]
async fn what_a_company_names_is_asked_for_before_the_batch_is_written() {
    let place = Place::new().await;
    let with = |number, industry: &str, owner| CompanyDraft {
        industry: Some(industry.to_owned()),
        owner_id: owner,
        ..Company::draft(number)
    };
    let nobody = Some(UserId::new());
    let admin = Some(place.tenant.admin().id);
    let drafts = vec![
        with(1, "Technology", admin),
        with(2, "Alchemy", None),
        with(3, "Banking", nobody),
        with(4, "Banking", None),
    ];
    let created = place.create_each::<Company>(drafts).await;
    assert_eq!(said(&created), ["ok", "/industry UNKNOWN_INDUSTRY", "/ownerId NOT_A_MEMBER", "ok"]);
    let id = created[3].as_ref().expect("created").id.0;
    let updated = place.update_each::<Company>(vec![
        (id, None, with(4, "Alchemy", None)),
        (id, None, with(4, "Banking", None)),
    ]);
    assert_eq!(said(&updated.await), ["/industry UNKNOWN_INDUSTRY", "/id REPEATED"]);
    let upserted =
        place.upsert_each::<Company>(vec![with(4, "Alchemy", None), with(5, "Energy", admin)]).await;
    assert_eq!(said(&upserted), ["/industry UNKNOWN_INDUSTRY", "ok"]);
}

#[tokio::test]
async fn each_lead_of_a_batch_finds_its_own_place() {
    let place = Place::new().await;
    let mut behind = place.behind().await;
    let pipelines =
        [place.create::<Pipeline>(Pipeline::draft(1)).await, place.create(Pipeline::draft(2)).await];
    let at = |number, pipeline: Option<PipelineId>, stage: Option<StageId>| LeadDraft {
        pipeline_id: pipeline,
        stage_id: stage,
        ..Lead::draft(number)
    };
    let won = pipelines[0].stages[1].id;
    let created = place
        .create_each::<Lead>(vec![
            at(1, Some(pipelines[0].id), None),
            at(2, None, Some(won)),
            at(3, Some(pipelines[1].id), Some(won)),
            at(4, None, Some(StageId::new())),
            at(5, Some(PipelineId::new()), None),
            at(6, Some(pipelines[1].id), None),
            at(7, None, None),
        ])
        .await;
    assert_eq!(
        said(&created),
        [
            "ok",
            "ok",
            "/stageId NOT_IN_PIPELINE",
            "/stageId UNKNOWN_RECORD",
            "/pipelineId UNKNOWN_RECORD",
            "ok",
            "ok"
        ]
    );
    let places: Vec<_> = created.iter().flatten().map(|lead| (lead.pipeline_id, lead.stage_id)).collect();
    let first = |pipeline: &Pipeline| (Some(pipeline.id), Some(pipeline.stages[0].id));
    let expected =
        [first(&pipelines[0]), (Some(pipelines[0].id), Some(won)), first(&pipelines[1]), (None, None)];
    assert_eq!(places, expected);

    let leads: Vec<&Lead> = created.iter().flatten().collect();
    let moved = Lead::renamed(at(1, None, Some(won)), "Moved and renamed");
    let updated = place
        .update_each::<Lead>(vec![
            (leads[0].id.0, None, moved),
            (leads[1].id.0, None, at(2, None, Some(won))),
            (leads[3].id.0, None, at(7, Some(pipelines[1].id), None)),
        ])
        .await;
    assert_eq!(said(&updated), ["ok", "ok", "ok"]);
    let happened = named::<Lead>(&["created", "updated", "moved_to_stage"]);
    assert_eq!(events(&mut behind, leads[0].id.0).await, happened);
    assert_eq!(events(&mut behind, leads[1].id.0).await, named::<Lead>(&["created"]));
    assert_eq!(events(&mut behind, leads[3].id.0).await, named::<Lead>(&["created", "moved_to_stage"]));
}

/// Each batch has what the other has, the other way round.
#[tokio::test]
async fn batches_that_want_the_same_do_not_wait_for_each_other() {
    let place = Place::new().await;
    let all: Vec<usize> = (0..60).collect();
    let drafts = |numbers: &[usize]| numbers.iter().map(|number| Company::draft(*number)).collect::<Vec<_>>();
    let reversed: Vec<usize> = all.iter().rev().copied().collect();
    for _ in 0..5 {
        let (one, other) = tokio::join!(
            place.upsert_each::<Company>(drafts(&all)),
            place.upsert_each::<Company>(drafts(&reversed))
        );
        assert!(one.iter().chain(&other).all(Result::is_ok));
    }
    let (one, other) = tokio::join!(
        place.create_each::<Lead>(all.iter().map(|number| Lead::draft(*number)).collect()),
        place.create_each::<Lead>(reversed.iter().map(|number| Lead::draft(*number)).collect()),
    );
    assert_eq!(one.iter().chain(&other).filter(|outcome| outcome.is_ok()).count(), 60);
}
