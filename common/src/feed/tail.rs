//! Waiting for what comes: one task of the process looks for all readers that wait, and holds the one connection that listens.
//!
//! Every change makes a job, and the queue's workers are told of jobs by NOTIFY; whoever listens there hears of changes too, also of
//! other processes' ones. It is only a hint: what there is to read is asked of the database, of all tenants with readers at once. That
//! is asked at least once a second, so that nothing depends on what was heard, and at most every [`GAP`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::db::Db;
use crate::feed::Place;
use crate::id::TenantId;
use crate::queue::listen_for_jobs;
use crate::tasks::{Task, Tasks};

/// Between two questions, however much is heard.
const GAP: Duration = Duration::from_millis(25);
/// A question where nothing is heard.
const POLL: Duration = Duration::from_secs(1);
/// How long the connection outlives the last reader.
const LINGER: Duration = Duration::from_secs(30);

/// Tells readers that there is something to read. Clones share one task, which runs while somebody waits.
#[derive(Clone, Debug)]
pub struct Tail {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    db: Db,
    /// The newest transaction that can be read, of each tenant with readers; 0 where nothing is known yet.
    tenants: Mutex<HashMap<TenantId, watch::Sender<i64>>>,
    /// Somebody waits now, or something was heard.
    stir: Arc<Notify>,
    started: std::sync::Once,
    /// Nobody is left who could read.
    ended: CancellationToken,
    task: Task,
    listener: Task,
}

/// A reader of one tenant's feed.
#[derive(Debug)]
pub struct Following {
    newest: watch::Receiver<i64>,
}

impl Tail {
    /// Nobody waits yet, and nothing is connected.
    pub fn new(db: Db, tasks: &Tasks) -> Self {
        let shared = Shared {
            db,
            tenants: Mutex::default(),
            stir: Arc::default(),
            started: std::sync::Once::new(),
            ended: CancellationToken::new(),
            task: tasks.named("tail"),
            listener: tasks.named("tail/listener"),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Begins to look for changes of a tenant. Needs a runtime.
    pub fn follow(&self, tenant: TenantId) -> Following {
        let newest = self.shared.tenants().entry(tenant).or_insert_with(|| watch::channel(0).0).subscribe();
        self.shared.started.call_once(|| {
            let (weak, stir) = (Arc::downgrade(&self.shared), Arc::clone(&self.shared.stir));
            let looking = move || look(weak.clone(), Arc::clone(&stir));
            tokio::spawn(self.shared.task.clone().run(self.shared.ended.clone(), looking));
        });
        self.shared.stir.notify_one();
        Following { newest }
    }
}

impl Following {
    /// Waits until there is something to read behind a place that a reader got as the end of what there was.
    pub async fn beyond(&mut self, place: Place) {
        if self.newest.wait_for(|newest| *newest >= place.xid).await.is_err() {
            // The task is gone with the process's state: nothing will come.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The task sees that nobody is left.
        self.ended.cancel();
        self.stir.notify_one();
    }
}

impl Shared {
    fn tenants(&self) -> MutexGuard<'_, HashMap<TenantId, watch::Sender<i64>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tenants that have readers; those that have none any more are forgotten.
    fn followed(&self) -> Vec<TenantId> {
        let mut tenants = self.tenants();
        tenants.retain(|_, newest| newest.receiver_count() > 0);
        tenants.keys().copied().collect()
    }

    /// Tells readers what is new; whether more is on its way.
    async fn ask(&self, tenants: &[TenantId]) -> Result<bool, sqlx::Error> {
        let rows: Vec<(TenantId, Option<i64>, bool)> = sqlx::query_as(
            "select tenant_id, newest::text::bigint, more_to_come from tenon.newest_changes($1)",
        )
        .bind(tenants)
        .fetch_all(self.db.pool())
        .await?;
        let known = self.tenants();
        for (tenant, newest, _) in &rows {
            if let (Some(known), Some(newest)) = (known.get(tenant), newest) {
                known.send_if_modified(|known| std::mem::replace(known, *newest) != *newest);
            }
        }
        Ok(rows.iter().any(|(_, _, more_to_come)| *more_to_come))
    }
}

/// Looks for as long as there is a [`Tail`].
async fn look(shared: Weak<Shared>, stir: Arc<Notify>) {
    let mut ears: Option<Ears> = None;
    let (mut held, mut failing) = (Duration::ZERO, false);
    loop {
        let Some(strong) = shared.upgrade() else { return };
        let followed = strong.followed();
        if followed.is_empty() {
            drop(strong);
            if timeout(LINGER, stir.notified()).await.is_err() {
                ears = None;
                stir.notified().await;
            }
            continue;
        }
        ears.get_or_insert_with(|| Ears::open(&strong, &stir));
        let asked = strong.ask(&followed).await;
        drop(strong);
        let not_before = Instant::now() + GAP;
        let more_to_come = matches!(asked, Ok(true));
        // What holds the watermark may be a transaction whose end nobody is told of: asked again soon, then less often.
        held = if more_to_come { (held * 2).clamp(GAP, POLL) } else { Duration::ZERO };
        if let Err(error) = &asked
            && !failing
        {
            tracing::warn!(%error, "readers of changes cannot be told of new ones; will try again");
        }
        failing = asked.is_err();
        let _ = timeout(if more_to_come { held } else { POLL }, stir.notified()).await;
        sleep_until(not_before).await;
    }
}

/// The connection that listens; closed when it is dropped.
struct Ears(JoinHandle<()>);

impl Ears {
    fn open(shared: &Shared, stir: &Arc<Notify>) -> Self {
        let (options, stir) = ((*shared.db.pool().connect_options()).clone(), Arc::clone(stir));
        // Aborted when nobody has waited for a while.
        let task = shared.listener.clone().run(CancellationToken::new(), move || {
            let (options, stir) = (options.clone(), Arc::clone(&stir));
            async move {
                loop {
                    if let Ok(mut listener) = listen_for_jobs(&options).await {
                        stir.notify_one();
                        while let Ok(Some(_)) = listener.try_recv().await {
                            stir.notify_one();
                        }
                    }
                    // The poll stands in meanwhile.
                    sleep(POLL).await;
                }
            }
        });
        Self(tokio::spawn(task))
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.0.abort();
    }
}
