//! The end of records, and of what hangs on them.

use sqlx::PgConnection;
use tenon_common::Result;
use tenon_common::crm::activity::Activity;
use tenon_common::crm::company::Company;
use tenon_common::crm::contact::Contact;
use tenon_common::crm::lead::Lead;
use tenon_common::crm::pipeline::{self, Pipeline, PipelineDraft};
use tenon_common::crm::record::{self, Record};
use uuid::Uuid;

use super::{Place, Sample, events, for_each_record, named, refusal};

impl Place {
    pub(super) async fn purge<R: Record>(&self, id: Uuid, expected: Option<i64>) -> Result<R> {
        self.db().write(&self.admin, async |tx| record::purge(tx, id, expected).await).await
    }
}

fn refused<T>(outcome: Result<T>) -> String {
    outcome.err().as_ref().map_or_else(|| "nothing".to_owned(), refusal)
}

async fn is_removed_for_good<R: Sample>() {
    let place = Place::new().await;
    let mut behind = place.behind().await;
    let created: R = place.create(R::draft(1)).await;
    let id = created.id();
    assert_eq!(refused(place.purge::<R>(id, None).await), "StateConflict");
    place.delete::<R>(id).await;
    assert_eq!(refused(place.purge::<R>(id, Some(1)).await), "STALE 2");
    let last: R = place.purge(id, Some(2)).await.expect("purged");
    assert_eq!((last.version(), last.name(), last.deleted_at().is_some()), (3, created.name(), true));
    assert_eq!(refused(place.purge::<R>(id, None).await), "NOT_FOUND");
    assert_eq!(refused(place.get::<R>(id).await), "NOT_FOUND");
    let statement = format!("select count(*) from tenon.{}", R::listing().name);
    let rows: i64 =
        sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(&mut behind).await.expect("counted");
    assert_eq!(rows, 0);
    assert_eq!(events(&mut behind, id).await, named::<R>(&["created", "deleted", "purged"]));
}

for_each_record!(is_removed_for_good:
    a_purged_contact_is_gone = Contact,
    a_purged_company_is_gone = Company,
    a_purged_lead_is_gone = Lead,
    a_purged_activity_is_gone = Activity,
    a_purged_pipeline_is_gone = Pipeline,
);

/// The stages of a pipeline, hidden or not, by name, and whether they are hidden under the pipeline's delete batch.
async fn stages(behind: &mut PgConnection, pipeline: Uuid) -> Vec<(String, bool, bool)> {
    sqlx::query_as(
        "select s.name, s.deleted_at is not null, coalesce(s.delete_batch_id = p.delete_batch_id, false)
         from tenon.pipeline_stages s join tenon.pipelines p on p.id = s.pipeline_id where p.id = $1 order by s.name",
    )
    .bind(pipeline)
    .fetch_all(behind)
    .await
    .expect("stages")
}

fn shown(rows: &[(&str, bool, bool)]) -> Vec<(String, bool, bool)> {
    rows.iter().map(|(name, hidden, with)| ((*name).to_owned(), *hidden, *with)).collect()
}

/// Stages are what hangs on a pipeline: one batch hides them, and brings back what it has hidden.
#[tokio::test]
async fn what_hangs_on_a_record_is_hidden_shown_and_removed_with_it() {
    let place = Place::new().await;
    let mut behind = place.behind().await;
    let other: Pipeline = place.create(Pipeline::draft(2)).await;
    let pipeline: Pipeline = place.create(Pipeline::draft(1)).await;
    let id = pipeline.id;
    let without_won = |now: PipelineDraft| {
        let stages = now.stages.into_iter().filter(|stage| stage.name.as_deref() != Some("Won")).collect();
        PipelineDraft { stages, ..now }
    };
    let update =
        place.db().write(&place.admin, async |tx| pipeline::update(tx, id, None, None, without_won).await);
    update.await.expect("changed");
    assert_eq!(stages(&mut behind, id.0).await, shown(&[("New", false, false), ("Won", true, false)]));

    let deleted: Pipeline = place.delete(id.0).await;
    assert_eq!(deleted.stages.len(), 1, "the last state has its stages");
    assert_eq!(stages(&mut behind, id.0).await, shown(&[("New", true, true), ("Won", true, false)]));
    let untouched = shown(&[("New", false, false), ("Won", false, false)]);
    assert_eq!(stages(&mut behind, other.id.0).await, untouched);

    let restored: Pipeline = place.restore(id.0).await;
    assert_eq!(restored.stages, deleted.stages);
    assert_eq!(stages(&mut behind, id.0).await, shown(&[("New", false, false), ("Won", true, false)]));

    place.delete::<Pipeline>(id.0).await;
    let last: Pipeline = place.purge(id.0, None).await.expect("purged");
    assert_eq!(last.stages, deleted.stages);
    let left: i64 = sqlx::query_scalar("select count(*) from tenon.pipeline_stages where pipeline_id = $1")
        .bind(id.0)
        .fetch_one(&mut behind)
        .await
        .expect("counted");
    assert_eq!(left, 0);
    assert_eq!(stages(&mut behind, other.id.0).await, untouched);
}
