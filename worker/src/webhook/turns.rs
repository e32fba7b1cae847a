//! Whose turn it is to send. A delivery without a slot waits here for a moment if its webhook answers fast enough for its turn
//! to come within that moment; else it is put off, and makes room for others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::Notify;

use super::concurrency::{Address, Full, Permit, Slots, Wanted};

/// How long a delivery waits for its turn at most.
const PATIENCE: Duration = Duration::from_millis(250);
/// What a webhook is taken to need for an answer before anything is known of it. Short, because to be wrong costs those who
/// wait their patience, once; too long, and the first claim of a fast webhook would be put off.
const EXPECTED: Duration = Duration::from_millis(5);

/// For each slot so many wait for a webhook that has not answered yet: it may hang.
const UNKNOWN: u32 = 3;

/// How soon, and how late, a delivery comes back that was put off.
const SOON: Duration = Duration::from_millis(50);
const LATE: Duration = Duration::from_secs(2);

/// The turns of all webhooks.
#[derive(Debug)]
pub struct Turns {
    slots: Slots,
    per_webhook: u32,
    lines: Cache<Address, Arc<Line>>,
}

/// Those who wait for one webhook, at one address.
#[derive(Debug)]
struct Line {
    freed: Notify,
    waiting: AtomicU32,
    /// A moving average of what it takes to answer, in microseconds.
    typical_us: AtomicU32,
    /// Whether it has answered yet.
    has_answered: AtomicBool,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            freed: Notify::new(),
            waiting: 0.into(),
            typical_us: microseconds(EXPECTED).into(),
            has_answered: false.into(),
        }
    }
}

/// A turn. When it is dropped the next one in line has it.
#[derive(Debug)]
pub struct Turn {
    // Freed first, then the next one is told.
    permit: Option<Permit>,
    line: Arc<Line>,
}

impl Turns {
    /// Turns on these slots, `per_webhook` of them for a webhook.
    pub fn new(slots: Slots, per_webhook: u32) -> Self {
        let lines = Cache::builder().max_capacity(100_000).time_to_idle(Duration::from_secs(300)).build();
        Self { slots, per_webhook, lines }
    }

    /// Waits for a turn, or says that it is not worth waiting.
    pub async fn take(&self, wanted: Wanted) -> Result<Turn, Full> {
        let line = self.lines.get_with(wanted.address, Arc::default);
        match self.slots.try_acquire(wanted) {
            Ok(permit) => return Ok(Turn { permit: Some(permit), line }),
            Err(Full::Webhook) if line.waiting.load(Ordering::Relaxed) < self.worth_waiting(&line) => {}
            Err(full) => return Err(full),
        }
        let _waiting = Waiting::begin(&line);
        let waited = tokio::time::timeout(PATIENCE, self.wait(wanted, &line)).await;
        waited.unwrap_or_else(|_| {
            line.slower_than(PATIENCE);
            Err(Full::Webhook)
        })
    }

    async fn wait(&self, wanted: Wanted, line: &Arc<Line>) -> Result<Turn, Full> {
        loop {
            let freed = line.freed.notified();
            match self.slots.try_acquire(wanted) {
                Ok(permit) => return Ok(Turn { permit: Some(permit), line: line.clone() }),
                Err(Full::Webhook) => freed.await,
                Err(full) => return Err(full),
            }
        }
    }

    /// When a delivery should come back that did not get its webhook's turn: after a few answers of it, at most two seconds.
    pub fn come_back_in(&self, address: Address) -> Duration {
        let line = self.lines.get_with(address, Arc::default);
        let typical = Duration::from_micros(line.typical_us.load(Ordering::Relaxed).into());
        (typical * 4).clamp(SOON, LATE)
    }

    /// How many deliveries to a webhook may be under way or wait for their turn here.
    pub fn limit(&self, wanted: Wanted) -> usize {
        let at_once = wanted.max_concurrency.unwrap_or(self.per_webhook);
        let line = self.lines.get(&wanted.address);
        let waiting = match line {
            Some(line) if line.has_answered.load(Ordering::Relaxed) => self.worth_waiting(&line),
            _ => at_once.saturating_mul(UNKNOWN),
        };
        let limit = at_once.saturating_add(waiting).min(self.slots.most_to(wanted));
        usize::try_from(limit).unwrap_or(usize::MAX)
    }

    /// The same of a webhook of which nothing is known.
    pub fn usual(&self) -> usize {
        usize::try_from(self.per_webhook.saturating_mul(1 + UNKNOWN)).unwrap_or(usize::MAX)
    }

    /// How many turns come within the patience.
    fn worth_waiting(&self, line: &Line) -> u32 {
        let typical = line.typical_us.load(Ordering::Relaxed).max(100);
        let turns = microseconds(PATIENCE) / typical;
        turns.saturating_mul(self.per_webhook)
    }
}

impl Line {
    /// A moving average: an eighth of the new, seven of the old. Written without a lock, for an estimate may lose one.
    fn took(&self, duration: Duration) {
        let took = microseconds(duration);
        self.has_answered.store(true, Ordering::Relaxed);
        let typical = self.typical_us.load(Ordering::Relaxed);
        self.typical_us.store(typical - typical / 8 + took / 8, Ordering::Relaxed);
    }

    /// No turn came in this time: whoever holds the slots has answered nothing yet that the average could know of.
    fn slower_than(&self, duration: Duration) {
        self.typical_us.fetch_max(microseconds(duration), Ordering::Relaxed);
    }
}

fn microseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

impl Turn {
    /// How long the receiver took: the next ones wait accordingly.
    pub fn took(&self, duration: Duration) {
        self.line.took(duration);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.permit = None;
        self.line.freed.notify_one();
    }
}

/// One more in line, until it is dropped.
struct Waiting<'a>(&'a Line);

impl<'a> Waiting<'a> {
    fn begin(line: &'a Line) -> Self {
        line.waiting.fetch_add(1, Ordering::Relaxed);
        Self(line)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::concurrency::Limits;
    use super::*;

    fn wanted(webhook: u128) -> Wanted {
        let address = Address { webhook: Uuid::from_u128(webhook), version: 1 };
        Wanted { tenant: Uuid::from_u128(1), address, max_concurrency: None, is_retry: false }
    }

    fn turns() -> Turns {
        Turns::new(Slots::new(Limits { total: 100, per_tenant: 100, per_webhook: 1 }), 1)
    }

    #[tokio::test]
    async fn the_next_in_line_gets_the_turn() {
        let turns = Arc::new(turns());
        let first = turns.take(wanted(7)).await.expect("free");
        let second = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(wanted(7)).await.map(|_| ()) }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert_eq!(second.await.expect("runs"), Ok(()));
    }

    #[tokio::test]
    async fn a_webhook_may_have_what_it_answers_in_time_and_one_that_hangs_its_slots() {
        let limits = Limits { total: 100, per_tenant: 3, per_webhook: 2 };
        let turns = Turns::new(Slots::new(limits), 2);
        assert_eq!((turns.usual(), turns.limit(wanted(7))), (8, 3), "the tenant has three slots");
        let slot = turns.take(wanted(7)).await.expect("free");
        assert_eq!(turns.limit(wanted(8)), 2, "one is taken");
        slot.took(Duration::from_secs(30));
        assert_eq!(turns.limit(wanted(7)), 2, "one that is slow has its slots, and nobody waits for them");
        drop(slot);
        let roomy = Turns::new(Slots::new(Limits { per_tenant: 100, ..limits }), 2);
        roomy.take(wanted(7)).await.expect("free").took(Duration::from_millis(5));
        assert_eq!(
            roomy.limit(wanted(7)),
            100,
            "as many as the quarter of a second has turns, and no more than the tenant may have"
        );
    }

    #[tokio::test]
    async fn nobody_waits_for_a_webhook_that_hangs() {
        let turns = turns();
        let first = turns.take(wanted(7)).await.expect("free");
        assert_eq!(turns.take(wanted(7)).await.map(|_| ()), Err(Full::Webhook), "after the patience");
        assert_eq!(turns.worth_waiting(&first.line), 1, "one that has answered nothing is known to be slow");
        first.took(Duration::from_secs(30));
        assert_eq!(turns.worth_waiting(&first.line), 0);
        assert_eq!(turns.come_back_in(wanted(7).address), LATE);
        assert_eq!(turns.come_back_in(wanted(9).address), SOON, "nothing is known of it");
        assert!(turns.take(wanted(8)).await.is_ok(), "another webhook is not held up");
    }
}
