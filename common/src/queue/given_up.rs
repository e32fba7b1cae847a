//! What a job was about does not wait for ever for a job that was given up: another job ends it.

use sqlx::{Connection, PgConnection};

use super::ack::{self, Acked};
use super::handler::Acknowledge;
use super::outcome::Settled;
use crate::job::{EncodedJob, Job, insert};

/// A job whose subject has to be ended where the job is given up: workers die of it, or its attempts are spent.
pub trait Ends: Job {
    /// The job that ends the subject.
    type End: Job;

    /// That job.
    fn end(&self) -> Self::End;
}

/// Writes acknowledgements as the queue does, and with those of jobs that are killed the jobs that end their subjects. A handler records
/// [`Ends::end`] with [`Claimed::record`](super::Claimed::record) before it begins.
#[derive(Clone, Copy, Debug)]
pub struct EndGivenUp;

impl<J: Ends> Acknowledge<J> for EndGivenUp
where
    J::End: Sync,
{
    type Record = J::End;

    fn given_up(&self, job: &J) -> Option<J::End> {
        Some(job.end())
    }

    async fn acknowledge(
        &self,
        connection: &mut PgConnection,
        worker: &str,
        acked: &[Acked<'_, J::End>],
    ) -> Result<(), sqlx::Error> {
        let mut tx = connection.begin().await?;
        ack::write(&mut tx, worker, acked.iter().map(|acked| (acked.job, acked.settled))).await?;
        let killed: Vec<&Acked<'_, J::End>> =
            acked.iter().filter(|acked| matches!(acked.settled, Settled::Killed { .. })).collect();
        if !killed.is_empty() {
            let killed = still_killed(&mut tx, killed).await?;
            let end = |acked: &Acked<'_, J::End>| {
                let end = acked.record?;
                Some(EncodedJob::new(end, acked.job.lane, acked.job.traceparent.as_deref()))
            };
            let ends: Result<Vec<EncodedJob>, _> = killed.into_iter().filter_map(end).collect();
            insert(&mut tx, ends.map_err(|error| sqlx::Error::Encode(Box::new(error)))?).await?;
        }
        tx.commit().await
    }
}

/// Those whose rows say so: of what another worker holds by now nothing is ended.
async fn still_killed<'a, 'b, R>(
    connection: &mut PgConnection,
    acked: Vec<&'a Acked<'b, R>>,
) -> Result<Vec<&'a Acked<'b, R>>, sqlx::Error> {
    let ids: Vec<&str> = acked.iter().map(|acked| &*acked.job.id).collect();
    let killed: Vec<String> =
        sqlx::query_scalar("select id from apalis.jobs where id = any ($1) and status = 'Killed'")
            .bind(&ids)
            .fetch_all(connection)
            .await?;
    Ok(acked.into_iter().filter(|acked| killed.iter().any(|id| **id == *acked.job.id)).collect())
}
