//! The tasks that write what became of jobs: one for all kinds that leave it to the queue, one for each kind that writes rows
//! of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::ack;
use super::database::{self, Backoff};
use super::handler::{AnyAcknowledge, Finished};
use super::local::Shared;
use super::outcome::Settled;

/// The most that are written at once.
const BATCH: usize = 1000;
/// Fewer than these wait for company, if others were written a moment ago: a write costs its plan and its flush of the log, whatever
/// it writes, and nobody waits for it. Not longer: batches that outgrow the processor's caches cost more a row, not less.
const SMALL: usize = 500;
const LINGER: Duration = Duration::from_millis(5);
/// After this long without a write the next one does not wait.
const IDLE: Duration = Duration::from_millis(20);

pub(super) struct Acker {
    pub(super) shared: Arc<Shared>,
    pub(super) pool: PgPool,
    pub(super) acknowledge: Option<Arc<dyn AnyAcknowledge>>,
    pub(super) receiver: UnboundedReceiver<Finished>,
}

impl Acker {
    /// Writes until the worker is closing and nothing is left.
    pub(super) async fn run(mut self, closing: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut written = None;
        loop {
            let received = tokio::select! {
                biased;
                received = self.receiver.recv_many(&mut batch, BATCH) => received,
                () = closing.cancelled(), if !self.receiver.is_closed() => {
                    self.receiver.close();
                    continue;
                }
            };
            if received == 0 {
                return;
            }
            if written.is_some_and(|at: Instant| at.elapsed() < IDLE) {
                self.wait_for_company(&mut batch).await;
            }
            self.write(&batch).await;
            self.shared.written(batch.iter());
            batch.clear();
            written = Some(Instant::now());
        }
    }

    /// Gathers what ends soon, while jobs are under way and the batch is small.
    async fn wait_for_company(&mut self, batch: &mut Vec<Finished>) {
        if batch.len() >= SMALL || !self.shared.is_busy() || self.receiver.is_closed() {
            return;
        }
        tokio::time::sleep(LINGER).await;
        while batch.len() < BATCH {
            let Ok(finished) = self.receiver.try_recv() else { return };
            batch.push(finished);
        }
    }

    /// Writes them, however long the database is away.
    async fn write(&self, batch: &[Finished]) {
        let mut of_names: HashMap<&str, Vec<&Finished>> = HashMap::new();
        for finished in batch {
            of_names.entry(&finished.job.worker).or_default().push(finished);
        }
        let mut backoff = Backoff::default();
        let mut parts: Vec<Vec<&Finished>> = of_names.into_values().collect();
        while let Some(mut part) = parts.pop() {
            match self.try_write(&part).await {
                Ok(()) => backoff.reset(),
                Err(error) if database::is_about_data(&error) => {
                    if let [offender] = part[..] {
                        self.kill(offender, &error, &mut backoff).await;
                    } else {
                        let rest = part.split_off(part.len() / 2);
                        parts.extend([rest, part]);
                    }
                }
                Err(error) => {
                    if !self.wait(&error, &mut backoff).await {
                        return;
                    }
                    parts.push(part);
                }
            }
        }
    }

    async fn try_write(&self, part: &[&Finished]) -> Result<(), sqlx::Error> {
        let worker = &part[0].job.worker;
        if let Some(own) = &self.acknowledge {
            let mut connection = self.pool.acquire().await?;
            return own.acknowledge(&mut connection, worker, part).await;
        }
        let mut tx = database::begin(&self.pool).await?;
        ack::write(&mut tx, worker, part.iter().map(|finished| (&*finished.job, &finished.settled))).await?;
        tx.commit().await
    }

    /// Kills the job whose acknowledgement the database will never take.
    async fn kill(&self, offender: &Finished, error: &sqlx::Error, backoff: &mut Backoff) {
        tracing::error!(kind = offender.job.kind, job_id = %offender.job.id, %error, "what became of the job cannot be written");
        let text = format!("what became of it ({:?}) cannot be written: {error}", offender.outcome);
        let settled = Settled::Killed { error: super::outcome::printable(&text), counted: true };
        loop {
            let done = async {
                let mut tx = database::begin(&self.pool).await?;
                ack::write(&mut tx, &offender.job.worker, [(&*offender.job, &settled)]).await?;
                tx.commit().await
            };
            match done.await {
                Ok(()) => return,
                Err(error) => {
                    if !self.wait(&error, backoff).await {
                        return;
                    }
                }
            }
        }
    }

    /// Waits before the next try; false when the worker is told to end without.
    async fn wait(&self, error: &sqlx::Error, backoff: &mut Backoff) -> bool {
        let pause = backoff.next();
        if backoff.is_news() {
            tracing::warn!(%error, pause_ms = pause.as_millis(), "acknowledgements cannot be written; will try again");
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            () = self.shared.give_up.cancelled() => false,
        }
    }
}
