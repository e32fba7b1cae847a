//! How much of each lane a worker holds, where a kind says how much it may.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many jobs of a lane a worker may hold at a time. What a lane cannot send now is not claimed, so that it costs nothing while it
/// waits and stands in nobody's way.
pub trait Admission: Send + Sync + 'static {
    /// Of a lane of which nothing is known.
    fn usual(&self) -> usize;

    /// Of this lane, now.
    fn limit(&self, lane: &str) -> usize;

    /// The lanes that may have fewer than [`Admission::usual`], though nothing of them may be held.
    fn limited(&self) -> Vec<Arc<str>>;
}

/// The lanes of a kind.
pub(super) struct Lanes {
    admission: Option<Arc<dyn Admission>>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    counts: HashMap<Arc<str>, usize>,
    /// Lanes that got all that they might have at the last claim: when a job of one has ended, the next may be claimed.
    full: HashSet<Arc<str>>,
}

impl Lanes {
    pub(super) fn new(admission: Option<Arc<dyn Admission>>) -> Self {
        Self { admission, held: Mutex::default() }
    }

    pub(super) fn has_limits(&self) -> bool {
        self.admission.is_some()
    }

    /// What a claim with room for so many may bring: of the lanes named, and of any other.
    pub(super) fn limits(&self, room: usize) -> (Vec<(Arc<str>, usize)>, usize) {
        let Some(admission) = &self.admission else { return (Vec::new(), room) };
        let mut held = self.held();
        let mut lanes: HashSet<Arc<str>> = held.counts.keys().cloned().collect();
        lanes.extend(admission.limited());
        let limits: Vec<_> = lanes
            .into_iter()
            .map(|lane| {
                let may = admission.limit(&lane).saturating_sub(held.count(&lane));
                (lane, may)
            })
            .collect();
        held.full = limits.iter().filter(|(_, may)| *may == 0).map(|(lane, _)| Arc::clone(lane)).collect();
        (limits, admission.usual())
    }

    /// How many more of this lane may be held.
    pub(super) fn room(&self, lane: &str) -> usize {
        let Some(admission) = &self.admission else { return usize::MAX };
        admission.limit(lane).saturating_sub(self.held().count(lane))
    }

    /// These lanes got all that they may have.
    pub(super) fn remember<'a>(&self, lanes: impl Iterator<Item = &'a Arc<str>>) {
        if self.admission.is_some() {
            self.held().full.extend(lanes.cloned());
        }
    }

    /// A job of each is held from now on.
    pub(super) fn hold<'a>(&self, lanes: impl Iterator<Item = &'a Arc<str>>) {
        if self.admission.is_some() {
            let mut held = self.held();
            for lane in lanes {
                *held.counts.entry(Arc::clone(lane)).or_default() += 1;
            }
        }
    }

    /// A job of the lane is held no longer; whether the lane was full.
    pub(super) fn let_go(&self, lane: &Arc<str>) -> bool {
        if self.admission.is_none() {
            return false;
        }
        let mut held = self.held();
        if let Some(count) = held.counts.get_mut(lane) {
            *count -= 1;
            if *count == 0 {
                held.counts.remove(lane);
            }
        }
        held.full.contains(lane)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn count(&self, lane: &str) -> usize {
        self.counts.get(lane).copied().unwrap_or_default()
    }
}
