//! What a worker holds: a local queue for each kind, and the names and ids behind the fence.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ack::JobRef;
use super::handler::{Finished, Prepared, Slot};
use super::lanes::Lanes;
use super::measure::Meters;
use super::outcome::{Due, Outcome, Settled};
use super::pulse::Pulse;
use super::registry::Kind;
use super::worker::Settings;
use crate::job::Queue;
use crate::tasks::Task;

/// Claimed ahead is what the kind finishes in this time, so that a slow kind holds nothing that another worker, or another
/// tenant's turn, could have.
const AHEAD: Duration = Duration::from_millis(100);

/// Acknowledgements that may wait for the database before nothing more is claimed.
const MAX_UNWRITTEN: usize = 10_000;

/// A worker's state, shared by its tasks.
pub(super) struct Shared {
    name: RwLock<Arc<str>>,
    /// Ids of the jobs that this process knows to hold; what it holds in the table beyond them is handed back by the keeper.
    held: Mutex<HashSet<Arc<str>>>,
    pub(super) settings: Settings,
    pub(super) locals: HashMap<&'static str, Arc<Local>>,
    /// Wakes the fetcher.
    pub(super) fetch: Notify,
    /// When the fetcher should look again, at the latest.
    soonest: Mutex<Option<Instant>>,
    /// A claim is on its way.
    pub(super) claiming: AtomicBool,
    pub(super) draining: AtomicBool,
    /// Acknowledgements on their way to the database.
    unwritten: AtomicUsize,
    /// Stops the handlers: the deadline of the drain has passed.
    pub(super) abort: CancellationToken,
    /// Ends what waits for the database without end.
    pub(super) give_up: CancellationToken,
    pub(super) preparing: TaskTracker,
    /// The task that [`Prepare`](super::Prepare) is run in, claim by claim.
    pub(super) prepares: Task,
    /// Handlers, with what hands over what became of their jobs.
    pub(super) handling: TaskTracker,
    /// Whether the worker asks for jobs.
    pub(super) pulse: Pulse,
}

/// The local queue of a kind.
pub(super) struct Local {
    pub(super) kind: Kind,
    pub(super) meters: Meters,
    buffer: Mutex<VecDeque<Slot>>,
    pub(super) waker: AtomicWaker,
    /// Handlers that run.
    running: AtomicUsize,
    /// Jobs that are being prepared, waiting here, running, or reserved.
    taken: AtomicUsize,
    /// Jobs finished since the last look at the rate.
    finished: AtomicUsize,
    /// How many may be claimed ahead of free handlers.
    ahead: AtomicUsize,
    /// There may be due jobs of the kind that nobody has claimed.
    pub(super) more: AtomicBool,
    /// The last claim left some behind: turns matter.
    pub(super) crowded: AtomicBool,
    /// What is held of each lane, where lanes have limits.
    pub(super) lanes: Lanes,
    acks: mpsc::UnboundedSender<Finished>,
}

impl Shared {
    pub(super) fn new(kinds: Vec<(Kind, mpsc::UnboundedSender<Finished>)>, settings: Settings) -> Self {
        let locals =
            kinds.into_iter().map(|(kind, acks)| (kind.name, Arc::new(Local::new(kind, acks)))).collect();
        Self {
            name: RwLock::new(fresh_name()),
            held: Mutex::default(),
            locals,
            fetch: Notify::new(),
            soonest: Mutex::default(),
            claiming: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            unwritten: AtomicUsize::new(0),
            abort: CancellationToken::new(),
            give_up: CancellationToken::new(),
            preparing: TaskTracker::new(),
            prepares: settings.tasks.named("preparing"),
            handling: TaskTracker::new(),
            pulse: Pulse::default(),
            settings,
        }
    }

    /// The name under which this worker holds jobs now.
    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes another name: under the old one the worker was given up for dead, and others have its jobs.
    pub(super) fn rename(&self) -> Arc<str> {
        let name = fresh_name();
        *self.name.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&name);
        name
    }

    pub(super) fn hold(&self, ids: impl IntoIterator<Item = Arc<str>>) {
        lock(&self.held).extend(ids);
    }

    pub(super) fn forget<'a>(&self, ids: impl IntoIterator<Item = &'a Arc<str>>) {
        let mut held = lock(&self.held);
        for id in ids {
            held.remove(id);
        }
    }

    /// Those of the ids that this process does not know to hold.
    pub(super) fn unknown(&self, mut ids: Vec<String>) -> Vec<String> {
        let held = lock(&self.held);
        ids.retain(|id| !held.contains(id.as_str()));
        ids
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    /// The kinds of a queue, or of all, may have something due.
    pub(super) fn expect_more(&self, queue: Option<&str>) {
        for local in self.locals.values() {
            if queue.is_none_or(|queue| queue == local.kind.queue.name()) {
                local.more.store(true, Relaxed);
            }
        }
        self.fetch.notify_one();
    }

    /// Something becomes due after this long.
    pub(super) fn expect_in(&self, delay: Duration) {
        let Some(at) = Instant::now().checked_add(delay) else { return };
        let mut soonest = lock(&self.soonest);
        if soonest.is_none_or(|earlier| at < earlier) {
            *soonest = Some(at);
            drop(soonest);
            self.fetch.notify_one();
        }
    }

    /// When to look again, if something is known to become due.
    pub(super) fn soonest(&self) -> Option<Instant> {
        *lock(&self.soonest)
    }

    /// Forgets it, when it has come.
    pub(super) fn soonest_passed(&self) {
        *lock(&self.soonest) = None;
    }

    /// Whether more may be claimed, for the database keeps up with the acknowledgements.
    pub(super) fn keeps_up(&self) -> bool {
        self.unwritten.load(Relaxed) < MAX_UNWRITTEN
    }

    /// Whether it would ask for jobs of any kind.
    pub(super) fn has_room(&self) -> bool {
        self.keeps_up() && self.locals.values().any(|local| local.wants() > 0)
    }

    /// Whether any job is under way here.
    pub(super) fn is_busy(&self) -> bool {
        self.locals.values().any(|local| local.taken.load(Relaxed) > 0)
    }

    /// Acknowledgements were written, or given up.
    pub(super) fn written<'a>(&self, finished: impl ExactSizeIterator<Item = &'a Finished> + Clone) {
        let before = self.unwritten.fetch_sub(finished.len(), Relaxed);
        self.forget(finished.clone().map(|finished| &finished.job.id));
        for finished in finished {
            if let Settled::Again { due, .. } = &finished.settled {
                let delay = match due {
                    Due::In(delay) => *delay,
                    Due::At(at) => (*at - chrono::Utc::now()).to_std().unwrap_or_default(),
                    Due::Unchanged => continue,
                };
                // Later ones are found by the poll.
                if delay <= self.settings.poll_every {
                    self.expect_in(delay);
                }
            }
        }
        if before >= MAX_UNWRITTEN {
            self.fetch.notify_one();
        }
    }

    /// A job's end: what becomes of it goes to the acker.
    pub(super) fn finish(&self, local: &Local, job: Arc<JobRef>, outcome: Outcome) {
        let settled = outcome.settle(job.attempt, job.max_attempts, |attempt| (local.kind.backoff)(attempt));
        local.meters.settled(&job, &outcome, &settled);
        local.give_back(1);
        local.finished.fetch_add(1, Relaxed);
        if local.lanes.let_go(&job.lane_name) {
            local.more.store(true, Relaxed);
        }
        if settled == Settled::Untouched {
            self.forget([&job.id]);
        } else {
            self.unwritten.fetch_add(1, Relaxed);
            // The receiver is gone when the worker has stopped; its jobs are released by then.
            let _ = local.acks.send(Finished { job, outcome, settled });
        }
        if local.more.load(Relaxed) && local.wants() > 0 {
            self.fetch.notify_one();
        }
    }

    /// What preparing made of a claim.
    pub(super) fn deliver(&self, local: &Local, prepared: Prepared) {
        for (job, outcome) in prepared.finished {
            self.finish(local, job, outcome);
        }
        if !prepared.slots.is_empty() {
            lock(&local.buffer).extend(prepared.slots);
            local.waker.wake();
        }
    }

    /// The same, each not before its time.
    pub(super) async fn deliver_in_time(
        &self,
        local: &Local,
        prepared: Prepared,
        times: &HashMap<String, Instant>,
    ) {
        let Prepared { slots, finished } = prepared;
        let time = |slot: &Slot| times.get(&*slot.job.id).copied();
        let (mut later, now): (Vec<_>, Vec<_>) = slots.into_iter().partition(|slot| time(slot).is_some());
        self.deliver(local, Prepared { slots: now, finished });
        later.sort_by_key(time);
        for slot in later {
            if let Some(at) = time(&slot).filter(|_| !self.is_draining()) {
                tokio::time::sleep_until(at.into()).await;
            }
            self.deliver(local, Prepared { slots: vec![slot], finished: Vec::new() });
        }
    }

    /// The next jobs for a handler: one, or a batch of one lane. What was claimed under an earlier name is somebody else's.
    pub(super) fn next(&self, local: &Local) -> Option<Vec<Slot>> {
        let name = self.name();
        let mut buffer = lock(&local.buffer);
        let first = loop {
            let slot = buffer.pop_front()?;
            if *slot.job.worker == *name {
                break slot;
            }
            local.give_back(1);
            local.lanes.let_go(&slot.job.lane_name);
            self.forget([&slot.job.id]);
        };
        let mut slots = vec![first];
        let mut position = 0;
        while slots.len() < local.kind.batch && position < buffer.len() {
            if buffer[position].job.lane == slots[0].job.lane && *buffer[position].job.worker == *name {
                slots.extend(buffer.remove(position));
            } else {
                position += 1;
            }
        }
        drop(buffer);
        local.running.fetch_add(1, Relaxed);
        Some(slots)
    }

    /// Hands back all that no handler has begun.
    pub(super) fn release_waiting(&self) {
        for local in self.locals.values() {
            let slots = std::mem::take(&mut *lock(&local.buffer));
            for slot in slots {
                self.finish(local, slot.job, Outcome::Release);
            }
        }
    }

    pub(super) fn queues(&self) -> Vec<Queue> {
        let mut queues: Vec<Queue> = self.locals.values().map(|local| local.kind.queue).collect();
        queues.sort();
        queues.dedup();
        queues
    }
}

impl Local {
    fn new(kind: Kind, acks: mpsc::UnboundedSender<Finished>) -> Self {
        Self {
            meters: Meters::new(&kind),
            lanes: Lanes::new(kind.admission.clone()),
            kind,
            buffer: Mutex::default(),
            waker: AtomicWaker::new(),
            running: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
            ahead: AtomicUsize::new(0),
            more: AtomicBool::new(true),
            crowded: AtomicBool::new(false),
            acks,
        }
    }

    /// Whether a handler is free and has something to do.
    pub(super) fn is_ready(&self) -> bool {
        self.running() < self.kind.concurrency && !lock(&self.buffer).is_empty()
    }

    /// Handlers that run.
    pub(super) fn running(&self) -> usize {
        self.running.load(Relaxed)
    }

    /// A handler has ended.
    pub(super) fn ended(&self) {
        self.running.fetch_sub(1, Relaxed);
        self.waker.wake();
    }

    fn capacity(&self) -> usize {
        self.kind.concurrency * self.kind.batch + self.ahead.load(Relaxed)
    }

    /// How many more it can take.
    pub(super) fn room(&self) -> usize {
        self.capacity().saturating_sub(self.taken.load(Relaxed))
    }

    /// How many a claim should bring: none while what is here lasts, so that claims are few and large.
    pub(super) fn wants(&self) -> usize {
        let room = self.room();
        if room >= self.capacity().div_ceil(3) || lock(&self.buffer).is_empty() { room } else { 0 }
    }

    /// Jobs were claimed.
    pub(super) fn took(&self, count: usize) {
        self.taken.fetch_add(count, Relaxed);
    }

    /// Takes up to `wanted` of the room; how many it got.
    pub(super) fn take(&self, wanted: usize) -> usize {
        let mut got = 0;
        let _ = self.taken.fetch_update(Relaxed, Relaxed, |taken| {
            got = wanted.min(self.capacity().saturating_sub(taken));
            Some(taken + got)
        });
        got
    }

    /// Gives back room.
    pub(super) fn give_back(&self, count: usize) {
        self.taken.fetch_sub(count, Relaxed);
    }

    /// Looks at how fast the kind goes, and so how far ahead to claim.
    pub(super) fn measure(&self, elapsed: Duration, max_ahead: usize) {
        let finished = self.finished.swap(0, Relaxed) as f64;
        let ahead = (finished * AHEAD.as_secs_f64() / elapsed.as_secs_f64().max(1e-6)) as usize;
        // Up at once, down by halves: a pause of the database is not a change of pace.
        let before = self.ahead.load(Relaxed);
        self.ahead.store(ahead.max(before / 2).min(max_ahead), Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Unique for every start, and for every time a worker was given up: host, process, chance.
fn fresh_name() -> Arc<str> {
    let host = std::env::var("HOSTNAME")
        .or_else(|_| std::fs::read_to_string("/proc/sys/kernel/hostname"))
        .unwrap_or_else(|_| "worker".to_owned());
    let chance: u64 = rand::random();
    format!("{}-{}-{chance:016x}", host.trim(), std::process::id()).into()
}
