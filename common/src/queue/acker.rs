//! The tasks that write what became of jobs: one for all kinds that leave it to the queue, one for each kind that writes rows
//! of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::ack;
use super::database::{self, Backoff};
use super::handler::{AnyAcknowledge, Finished};
use super::local::Shared;
use super::outcome::Settled;
use crate::tasks::Task;

/// The most that are written at once.
const BATCH: usize = 1000;
/// Fewer than these wait for company, if others were written a moment ago: a write costs its plan and its flush of the log, whatever
/// it writes, and nobody waits for it. Not longer: batches that outgrow the processor's caches cost more a row, not less.
const SMALL: usize = 500;
const LINGER: Duration = Duration::from_millis(5);
/// With fewer than these it waits as long twice more: where little is going on, a write for each costs more than all the work.
const FEW: usize = 8;
/// After this long without a write the next one does not wait.
const IDLE: Duration = Duration::from_millis(20);
/// A job whose acknowledgement panics more often is killed for it; fewer may have had another cause.
const PANICS: u32 = 3;

pub(super) struct Acker {
    pub(super) task: Task,
    shared: Arc<Shared>,
    pool: PgPool,
    acknowledge: Option<Arc<dyn AnyAcknowledge>>,
    /// Held by the task while it works. Whatever becomes of the task: what it has taken from the jobs is written by its next run.
    collected: Mutex<Collected>,
}

struct Collected {
    receiver: UnboundedReceiver<Finished>,
    batch: Vec<Finished>,
    /// What is to be written together: of one name of this worker. The last one is next.
    parts: Vec<Vec<Finished>>,
    /// Panics in a row while a part of a single job was written.
    panics: u32,
    written: Option<Instant>,
}

impl Acker {
    pub(super) fn new(
        task: Task,
        shared: &Arc<Shared>,
        pool: &PgPool,
        acknowledge: Option<Arc<dyn AnyAcknowledge>>,
        receiver: UnboundedReceiver<Finished>,
    ) -> Self {
        let batch = Vec::with_capacity(BATCH);
        let collected = Collected { receiver, batch, parts: Vec::new(), panics: 0, written: None };
        Self {
            task,
            shared: Arc::clone(shared),
            pool: pool.clone(),
            acknowledge,
            collected: Mutex::new(collected),
        }
    }

    /// Writes until the worker is closing and nothing is left.
    pub(super) async fn run(&self, closing: CancellationToken) {
        let mut collected = self.collected.lock().await;
        let collected = &mut *collected;
        loop {
            self.write_all(collected).await;
            let received = tokio::select! {
                biased;
                received = collected.receiver.recv_many(&mut collected.batch, BATCH) => received,
                () = closing.cancelled(), if !collected.receiver.is_closed() => {
                    collected.receiver.close();
                    continue;
                }
            };
            if received == 0 && collected.batch.is_empty() {
                return;
            }
            if collected.written.is_some_and(|at| at.elapsed() < IDLE) {
                self.wait_for_company(collected).await;
            }
        }
    }

    /// Gathers what ends soon, while jobs are under way and the batch is small.
    async fn wait_for_company(&self, collected: &mut Collected) {
        let Collected { receiver, batch, .. } = collected;
        if batch.len() >= SMALL || !self.shared.is_busy() || receiver.is_closed() {
            return;
        }
        for _ in 0..3 {
            tokio::time::sleep(LINGER).await;
            while let Ok(finished) = receiver.try_recv() {
                batch.push(finished);
                if batch.len() >= BATCH {
                    return;
                }
            }
            if batch.len() >= FEW || receiver.is_closed() {
                return;
            }
        }
    }

    /// Writes all that is collected, however long the database is away.
    async fn write_all(&self, collected: &mut Collected) {
        collected.divide();
        let mut backoff = Backoff::default();
        while let Some(part) = collected.parts.last() {
            let written = match self.task.piece(self.try_write(part)).await {
                Ok(written) => written,
                Err(panic) if part.len() == 1 && collected.panics < PANICS => {
                    collected.panics += 1;
                    Err(sqlx::Error::Protocol(format!("writing it panicked: {panic}")))
                }
                Err(panic) => Err(sqlx::Error::Encode(format!("writing it panicked: {panic}").into())),
            };
            match written {
                Ok(()) => {
                    self.settled(collected);
                    backoff.reset();
                }
                Err(error) if database::is_about_data(&error) => {
                    if let [offender] = &part[..] {
                        self.kill(offender, &error, &mut backoff).await;
                        self.settled(collected);
                    } else {
                        collected.halve();
                    }
                }
                Err(error) => {
                    if !self.wait(&error, &mut backoff).await {
                        while !collected.parts.is_empty() {
                            self.settled(collected);
                        }
                    }
                }
            }
        }
    }

    /// The next part is written, or given up.
    fn settled(&self, collected: &mut Collected) {
        if let Some(part) = collected.parts.pop() {
            self.shared.written(part.iter());
        }
        collected.written = Some(Instant::now());
        collected.panics = 0;
    }

    async fn try_write(&self, part: &[Finished]) -> Result<(), sqlx::Error> {
        let worker = &part[0].job.worker;
        if let Some(own) = &self.acknowledge {
            let mut connection = self.pool.acquire().await?;
            let part: Vec<&Finished> = part.iter().collect();
            return own.acknowledge(&mut connection, worker, &part).await;
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

impl Collected {
    /// Divides what came by the worker's names: each is a fence of its own.
    fn divide(&mut self) {
        let mut of_names: HashMap<Arc<str>, Vec<Finished>> = HashMap::new();
        for finished in self.batch.drain(..) {
            of_names.entry(Arc::clone(&finished.job.worker)).or_default().push(finished);
        }
        self.parts.extend(of_names.into_values());
    }

    /// Divides the next part, to find the one in it that the database does not take.
    fn halve(&mut self) {
        if let Some(mut part) = self.parts.pop() {
            let rest = part.split_off(part.len() / 2);
            self.parts.extend([rest, part]);
        }
    }
}
