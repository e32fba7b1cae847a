//! How a receiver behaves: well, unless told otherwise, and well again after so many faults.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use super::fault::Fault;

/// Shared by a receiver's connections and whoever tells it how to behave.
#[derive(Debug, Clone, Default)]
pub(super) struct Manner(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    fault: Option<Fault>,
    /// How often it still does it; none without end.
    left: Option<usize>,
    /// Handshakes that still break.
    handshakes: usize,
    /// Before an answer that is none of a fault.
    takes: Duration,
    /// One of so many requests is answered with 503.
    fails_one_in: Option<(u32, StdRng)>,
    /// Ends what the present fault has begun.
    healed: CancellationToken,
}

impl Manner {
    /// So many times, or without end.
    pub(super) fn misbehave(&self, fault: Fault, times: Option<usize>) {
        let mut state = self.state();
        (state.fault, state.left) = (Some(fault), times);
    }

    /// So many TLS handshakes break.
    pub(super) fn break_handshakes(&self, times: usize) {
        self.state().handshakes = times;
    }

    /// Behaves well from now on; requests that hang are broken off.
    pub(super) fn heal(&self) {
        let mut state = self.state();
        (state.fault, state.handshakes, state.fails_one_in) = (None, 0, None);
        std::mem::take(&mut state.healed).cancel();
    }

    /// Takes its time.
    pub(super) fn take(&self, time: Duration) {
        self.state().takes = time;
    }

    /// Answers one of so many requests, which the seed chooses, with 503.
    pub(super) fn fail_one_in(&self, count: u32, seed: u32) {
        self.state().fails_one_in = Some((count, StdRng::seed_from_u64(seed.into())));
    }

    /// What to do to the next request.
    pub(super) fn next(&self) -> Option<Fault> {
        let mut state = self.state();
        if let Some(fault) = state.fault
            && spend(&mut state.left)
        {
            return Some(fault);
        }
        let (count, chance) = state.fails_one_in.as_mut()?;
        chance.random_ratio(1, *count).then_some(Fault::Unavailable)
    }

    /// Whether the next connection is closed before anything is read of it.
    pub(super) fn closes_at_once(&self) -> bool {
        let mut state = self.state();
        state.fault == Some(Fault::ClosesAtOnce) && spend(&mut state.left)
    }

    /// Whether the next handshake breaks.
    pub(super) fn breaks_handshake(&self) -> bool {
        let mut state = self.state();
        let breaks = state.handshakes > 0;
        state.handshakes = state.handshakes.saturating_sub(1);
        breaks
    }

    pub(super) fn takes(&self) -> Duration {
        self.state().takes
    }

    pub(super) fn healed(&self) -> CancellationToken {
        self.state().healed.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether there was one left.
fn spend(left: &mut Option<usize>) -> bool {
    match left {
        None => true,
        Some(0) => false,
        Some(left) => {
            *left -= 1;
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_lasts_so_many_times_or_until_it_is_healed() {
        let manner = Manner::default();
        assert_eq!(manner.next(), None);
        manner.misbehave(Fault::Hangs, Some(2));
        assert_eq!(
            [manner.next(), manner.next(), manner.next()],
            [Some(Fault::Hangs), Some(Fault::Hangs), None]
        );
        manner.misbehave(Fault::Hangs, None);
        let hanging = manner.healed();
        assert!((0..100).all(|_| manner.next() == Some(Fault::Hangs)) && !hanging.is_cancelled());
        manner.heal();
        assert!(manner.next().is_none() && hanging.is_cancelled() && !manner.healed().is_cancelled());
        manner.break_handshakes(1);
        assert_eq!([manner.breaks_handshake(), manner.breaks_handshake()], [true, false]);
    }

    #[test]
    fn the_seed_chooses_which_requests_fail() {
        let fails = |seed| {
            let manner = Manner::default();
            manner.fail_one_in(4, seed);
            (0..40).map(|_| manner.next().is_some()).collect::<Vec<_>>()
        };
        assert_eq!(fails(1), fails(1));
        assert!(fails(1).contains(&true) && fails(1).contains(&false) && fails(1) != fails(2));
    }
}
