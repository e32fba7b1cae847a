//! Acts on their way into the trail. A request only notes its own, in memory; they are written in the background, those that are alike
//! together, so that a flood of refusals is no flood of rows.
//!
//! The first act of a kind is written with the next [`Recorder::flush`]. What is like it within the [window](DirectAction) is counted,
//! and written as one more entry when the window ends. A process that is killed loses what it has not written.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};

use super::act::Act;
use super::direct::{self, Noted};
use super::write::count;
use crate::actor::{Actor, Origin};
use crate::db::{Db, TenantTx};
use crate::error::Result;
use crate::id::TenantId;

/// Acts that are not alike and are remembered at once: of a tenant, and in all. Of more the details are left out.
const OF_TENANT: usize = 2_000;
const IN_ALL: usize = 20_000;
/// Entries of one transaction.
const BATCH: usize = 500;

/// Notes acts, and writes them.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    acts: HashMap<Act, Seen>,
    of_tenant: HashMap<TenantId, usize>,
}

#[derive(Debug)]
struct Seen {
    /// Of those that are not written yet.
    count: i32,
    at: DateTime<Utc>,
    origin: Origin,
    /// When something like it was written last.
    written: Option<Instant>,
}

/// What is to be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    Now,
    Everything,
}

impl Recorder {
    /// Notes an act. Waits for nothing; `origin` is asked for the first of those that are alike.
    pub fn note(&self, act: Act, origin: impl FnOnce() -> Origin) {
        self.state().note(act, origin);
    }

    /// Writes what is due. What cannot be written is tried again with the next call.
    pub async fn flush(&self, db: &Db) {
        self.write_due(db, Due::Now).await;
    }

    /// Writes everything that was noted: the process ends.
    pub async fn flush_all(&self, db: &Db) {
        self.write_due(db, Due::Everything).await;
    }

    /// Writes an act at once. That it could not be written is logged and counted.
    pub async fn write(&self, db: &Db, act: Act, origin: Origin) {
        let tenant = act.tenant;
        let noted = [Noted { act, at: Utc::now(), origin, count: 1 }];
        if let Err(error) = write(db, tenant, &noted).await {
            failed(&error);
        }
    }

    async fn write_due(&self, db: &Db, due: Due) {
        let mut tenants: HashMap<TenantId, Vec<Noted>> = HashMap::new();
        for noted in self.state().take(due, Instant::now()) {
            tenants.entry(noted.act.tenant).or_default().push(noted);
        }
        let mut taken = Taken { recorder: self, parts: Vec::new() };
        for noted in tenants.into_values() {
            taken.parts.extend(noted.chunks(BATCH).map(<[Noted]>::to_vec));
        }
        let mut unwritten = Vec::new();
        while let Some(part) = taken.parts.last() {
            let written = match part.first() {
                Some(first) => write(db, first.act.tenant, part).await,
                None => Ok(()),
            };
            let part = taken.parts.pop().unwrap_or_default();
            if let Err(error) = written {
                failed(&error);
                unwritten.push(part);
            }
        }
        taken.parts = unwritten;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was taken and is not written: due again, whatever becomes of who was about to write it.
struct Taken<'a> {
    recorder: &'a Recorder,
    parts: Vec<Vec<Noted>>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        for part in &self.parts {
            self.recorder.state().put_back(part);
        }
    }
}

impl State {
    fn note(&mut self, act: Act, origin: impl FnOnce() -> Origin) {
        if let Some(seen) = self.acts.get_mut(&act) {
            if seen.count == 0 {
                (seen.at, seen.origin) = (Utc::now(), origin());
            }
            seen.count = seen.count.saturating_add(1);
            return;
        }
        let full = self.acts.len() >= IN_ALL
            || self.of_tenant.get(&act.tenant).is_some_and(|count| *count >= OF_TENANT);
        let act = if full { act.in_short() } else { act };
        self.add(act, 1, Utc::now(), origin);
    }

    fn add(&mut self, act: Act, count: i32, at: DateTime<Utc>, origin: impl FnOnce() -> Origin) {
        let tenant = act.tenant;
        match self.acts.entry(act) {
            Entry::Occupied(mut seen) => {
                let seen = seen.get_mut();
                if seen.count == 0 {
                    (seen.at, seen.origin) = (at, origin());
                }
                seen.count = seen.count.saturating_add(count);
            }
            Entry::Vacant(place) => {
                place.insert(Seen { count, at, origin: origin(), written: None });
                *self.of_tenant.entry(tenant).or_default() += 1;
            }
        }
    }

    /// Takes what is to be written, and forgets what nobody has done for a window.
    fn take(&mut self, due: Due, now: Instant) -> Vec<Noted> {
        let mut taken = Vec::new();
        let of_tenant = &mut self.of_tenant;
        self.acts.retain(|act, seen| {
            let waits = seen.written.is_some_and(|written| now.duration_since(written) < act.action.window());
            if waits && due == Due::Now {
                return true;
            }
            if seen.count == 0 {
                if let Some(count) = of_tenant.get_mut(&act.tenant) {
                    *count -= 1;
                }
                return false;
            }
            seen.written = Some(now);
            let (count, origin) = (std::mem::take(&mut seen.count), std::mem::take(&mut seen.origin));
            taken.push(Noted { act: act.clone(), at: seen.at, origin, count });
            true
        });
        of_tenant.retain(|_, count| *count > 0);
        taken
    }

    /// What was taken and not written is due again.
    fn put_back(&mut self, part: &[Noted]) {
        for noted in part {
            // What has come meanwhile is later.
            let later = self.acts.get_mut(&noted.act).map(|seen| std::mem::take(&mut seen.count));
            self.add(noted.act.clone(), noted.count, noted.at, || noted.origin.clone());
            if let Some(seen) = self.acts.get_mut(&noted.act) {
                seen.count = seen.count.saturating_add(later.unwrap_or_default());
                seen.written = None;
            }
        }
    }
}

async fn write(db: &Db, tenant: TenantId, noted: &[Noted]) -> Result<()> {
    db.write(&Actor::system(tenant), async |tx: &mut TenantTx<'_>| direct::write(tx, noted).await).await?;
    for noted in noted {
        count("security", noted.act.outcome.name(), 1);
    }
    Ok(())
}

fn failed(error: &crate::Error) {
    metrics::counter!("tenon_audit_write_failures_total").increment(1);
    tracing::warn!(%error, "entries of the audit trail were not written");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::actor::Principal;
    use crate::id::UserId;

    fn refused(tenant: u128, user: u128) -> Act {
        let user = Principal::User(UserId(uuid::Uuid::from_u128(user)));
        Act::refused(TenantId(uuid::Uuid::from_u128(tenant)), user, Some("do_it"), "ROLE_TOO_LOW")
    }

    fn counts(taken: &[Noted]) -> i64 {
        taken.iter().map(|noted| i64::from(noted.count)).sum()
    }

    #[test]
    fn the_first_is_written_at_once_and_the_others_when_the_window_ends() {
        let (mut state, start) = (State::default(), Instant::now());
        for _ in 0..3 {
            state.note(refused(1, 1), Origin::default);
        }
        assert_eq!(counts(&state.take(Due::Now, start)), 3);
        for _ in 0..97 {
            state.note(refused(1, 1), Origin::default);
        }
        assert!(state.take(Due::Now, start + Duration::from_secs(59)).is_empty());
        let taken = state.take(Due::Now, start + Duration::from_secs(60));
        assert_eq!((taken.len(), counts(&taken)), (1, 97));
        assert!(state.take(Due::Now, start + Duration::from_secs(119)).is_empty());
        assert_eq!(state.acts.len(), 1);
        assert!(state.take(Due::Now, start + Duration::from_secs(120)).is_empty());
        assert_eq!((state.acts.len(), state.of_tenant.len()), (0, 0), "forgotten");
    }

    #[test]
    fn what_could_not_be_written_is_due_again_with_what_came_meanwhile() {
        let (mut state, now) = (State::default(), Instant::now());
        state.note(refused(1, 1), || Origin { request_id: Some("first".to_owned()), ..Origin::default() });
        let taken = state.take(Due::Now, now);
        state.note(refused(1, 1), Origin::default);
        state.put_back(&taken);
        let again = state.take(Due::Now, now);
        assert_eq!((again.len(), again[0].count, again[0].at), (1, 2, taken[0].at));
        assert_eq!(again[0].origin.request_id.as_deref(), Some("first"));
    }

    #[test]
    fn of_too_many_only_the_number_is_kept_and_other_tenants_do_not_suffer() {
        let (mut state, now) = (State::default(), Instant::now());
        for user in 0..5_000 {
            state.note(refused(1, user), Origin::default);
        }
        state.note(refused(2, 1), Origin::default);
        assert_eq!(state.acts.len(), OF_TENANT + 2);
        assert!(state.acts.contains_key(&refused(2, 1)));
        let taken = state.take(Due::Now, now);
        assert_eq!(counts(&taken), 5_001);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_counted_twice(steps in proptest::collection::vec((0u128..3, 0u128..3, 0u64..90, any::<bool>()), 0..60)) {
            let (mut state, mut now) = (State::default(), Instant::now());
            let (mut noted, mut written) = (0, 0);
            for (tenant, user, seconds, fails) in steps {
                state.note(refused(tenant, user), Origin::default);
                noted += 1;
                now += Duration::from_secs(seconds);
                let taken = state.take(Due::Now, now);
                match fails {
                    true => state.put_back(&taken),
                    false => written += counts(&taken),
                }
            }
            written += counts(&state.take(Due::Everything, now));
            prop_assert_eq!(noted, written);
            state.take(Due::Now, now + Duration::from_secs(7200));
            prop_assert_eq!((state.acts.len(), state.of_tenant.len()), (0, 0));
        }
    }
}
