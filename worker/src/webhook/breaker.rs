//! A circuit breaker for each webhook, in this process's memory.
//!
//! After a number of failures in a row the webhook is paused; then one delivery at a time is let through
//! as a probe, and the pause grows with every probe that fails. An answer with `Retry-After` pauses at
//! once, for as long as it says. Deliveries that meet a pause are put off, uncounted. Whether a webhook is
//! disabled is not decided here: that is durable, and this is not.
//!
//! All of it is about an address: the first delivery that was read with a later version of it finds nothing remembered, in each process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::concurrency::Address;
use super::result::AttemptResult;

/// When to pause, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Failures in a row that pause a webhook.
    pub failures: u32,
    /// The first pause; each one after a failed probe is twice as long.
    pub first_pause: Duration,
    /// The longest pause that grows so.
    pub longest_pause: Duration,
    /// The longest pause that a receiver's `Retry-After` makes for the whole webhook. (Its delivery waits
    /// as long as the receiver said.)
    pub longest_retry_after: Duration,
    /// After this time without a result a probe counts as lost and another is let through. Longer than the
    /// deadline of an attempt.
    pub probe_lost_after: Duration,
    /// Webhooks that are remembered; beyond it the breaker lets everything through.
    pub remembered: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            failures: 10,
            first_pause: Duration::from_secs(5),
            longest_pause: Duration::from_secs(60),
            longest_retry_after: Duration::from_secs(15 * 60),
            probe_lost_after: Duration::from_secs(45),
            remembered: 100_000,
        }
    }
}

/// Those put off by the same pause come back this far apart, up to [`SPREAD`], so that a receiver that has
/// just recovered, and the queue, do not get all of them at once.
const APART: Duration = Duration::from_millis(5);
const SPREAD: Duration = Duration::from_secs(10);
/// How long those that meet a probe are put off: its result is near.
const NEXT_LOOK: Duration = Duration::from_secs(1);
/// A webhook without news for this long is forgotten when room is needed.
const STALE: Duration = Duration::from_secs(60 * 60);

/// Whether a delivery may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Send it, and tell the breaker its result.
    Go,
    /// Put it off until then.
    SnoozeUntil(Instant),
}

/// The breakers of all webhooks that have failed lately.
#[derive(Debug)]
pub struct Breaker {
    settings: Settings,
    webhooks: Mutex<HashMap<Uuid, Webhook>>,
}

#[derive(Debug)]
struct Webhook {
    /// Of the address that this is known of.
    version: i64,
    state: State,
    /// Pauses in a row; with each the next one grows.
    pauses: u32,
    /// Deliveries put off since the last change of state.
    put_off: u32,
    changed: Instant,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Paused { until: Instant },
    Probing,
}

impl Breaker {
    /// A breaker that knows of no failures.
    pub fn new(settings: Settings) -> Self {
        Self { settings, webhooks: Mutex::default() }
    }

    /// Whether a delivery to the address may be sent now. The first `Go` after a pause is the probe.
    pub fn may_send(&self, address: Address) -> Decision {
        self.may_send_at(address, Instant::now())
    }

    /// How many deliveries to the address may be under way; none where there is no reason to say.
    pub fn allowance(&self, address: Address) -> Option<usize> {
        let webhooks = self.lock();
        let webhook = webhooks.get(&address.webhook).filter(|webhook| webhook.version == address.version)?;
        match webhook.state {
            State::Closed { .. } => None,
            State::Paused { until } if Instant::now() < until => Some(0),
            State::Probing | State::Paused { .. } => Some(1),
        }
    }

    /// Learns from a finished attempt; nothing, if the webhook has another address by now.
    pub fn record(&self, address: Address, result: &AttemptResult) {
        self.record_at(address, result, Instant::now());
    }

    /// How many webhooks are paused.
    pub fn paused(&self) -> usize {
        self.lock().values().filter(|webhook| !matches!(webhook.state, State::Closed { .. })).count()
    }

    fn may_send_at(&self, address: Address, now: Instant) -> Decision {
        let mut webhooks = self.lock();
        let Some(webhook) = webhooks.get_mut(&address.webhook) else { return Decision::Go };
        if webhook.version != address.version {
            if webhook.version < address.version {
                webhooks.remove(&address.webhook);
            }
            return Decision::Go;
        }
        match webhook.state {
            State::Closed { .. } => Decision::Go,
            State::Paused { until } if now < until => webhook.put_off(until),
            State::Probing if now < webhook.changed + self.settings.probe_lost_after => {
                webhook.put_off(now + NEXT_LOOK)
            }
            State::Paused { .. } | State::Probing => {
                webhook.enter(State::Probing, now);
                Decision::Go
            }
        }
    }

    fn record_at(&self, address: Address, result: &AttemptResult, now: Instant) {
        let id = address.webhook;
        let mut webhooks = self.lock();
        match webhooks.get(&id).map(|webhook| webhook.version) {
            Some(version) if version > address.version => return,
            Some(version) if version < address.version => drop(webhooks.remove(&id)),
            _ => {}
        }
        if !result.receiver_is_unwell() {
            // It answered, if only to refuse this message.
            webhooks.remove(&id);
            return;
        }
        if !webhooks.contains_key(&id) && !self.has_room(&mut webhooks, now) {
            return;
        }
        let webhook = webhooks.entry(id).or_insert_with(|| Webhook::new(address.version, now));
        let asked = result.retry_after.unwrap_or_default().min(self.settings.longest_retry_after);
        match webhook.state {
            State::Closed { failures } if failures + 1 < self.settings.failures && asked.is_zero() => {
                webhook.enter(State::Closed { failures: failures + 1 }, now);
            }
            State::Closed { .. } | State::Probing => {
                let pause = if asked.is_zero() { self.next_pause(webhook.pauses) } else { asked };
                let until = now + pause;
                webhook.pauses += 1;
                webhook.enter(State::Paused { until }, now);
            }
            // The result of a delivery that was under way when the pause began.
            State::Paused { until } => webhook.state = State::Paused { until: until.max(now + asked) },
        }
    }

    fn next_pause(&self, pauses: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(pauses);
        self.settings.first_pause.saturating_mul(doubled).min(self.settings.longest_pause)
    }

    /// Makes room if the map is full. Looking through all of it is rare: only a failure of a webhook that
    /// has not failed lately comes here.
    fn has_room(&self, webhooks: &mut HashMap<Uuid, Webhook>, now: Instant) -> bool {
        if webhooks.len() >= self.settings.remembered {
            webhooks.retain(|_, webhook| {
                let paused = !matches!(webhook.state, State::Closed { .. });
                paused && now.duration_since(webhook.changed) < STALE
            });
        }
        webhooks.len() < self.settings.remembered
    }

    /// Nothing panics while it is held, so a poisoned lock cannot be.
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Webhook>> {
        self.webhooks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Webhook {
    fn new(version: i64, now: Instant) -> Self {
        Self { version, state: State::Closed { failures: 0 }, pauses: 0, put_off: 0, changed: now }
    }

    fn enter(&mut self, state: State, now: Instant) {
        self.state = state;
        self.put_off = 0;
        self.changed = now;
    }

    fn put_off(&mut self, until: Instant) -> Decision {
        let spread = APART.saturating_mul(self.put_off).min(SPREAD);
        self.put_off = self.put_off.saturating_add(1);
        Decision::SnoozeUntil(until + spread)
    }
}

#[cfg(test)]
mod tests;
