//! The limits as one process counts them.

use std::array;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use moka::sync::Cache;

use super::gcra;
use super::policy::{Demand, MOST, Standing, Standings};

/// The longest period of a policy: a bucket that nobody asks for as long is empty.
const IDLE: Duration = Duration::from_secs(15 * 60);

/// When the bucket will be empty, in microseconds of this process.
type Bucket = Arc<Mutex<u64>>;

/// A bucket for each demand.
#[derive(Debug)]
pub struct Local {
    buckets: Cache<Demand, Bucket>,
    /// What instants are counted from.
    start: Instant,
}

impl Local {
    /// At most a million buckets are remembered; those least recently used are forgotten first.
    pub fn new() -> Self {
        let buckets = Cache::builder().max_capacity(1_000_000).time_to_idle(IDLE).build();
        Self { buckets, start: Instant::now() }
    }

    /// Takes so many of each demand, or none of any where one of them refuses. Demands are of different policies, in the order of
    /// the policies.
    pub fn take(&self, demands: &[Demand], cost: u32) -> Standings {
        self.take_at(demands, cost, u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX / 2))
    }

    fn take_at(&self, demands: &[Demand], cost: u32, now: u64) -> Standings {
        debug_assert!(demands.is_sorted_by(|one, next| one.policy < next.policy), "{demands:?}");
        let buckets: [Option<Bucket>; MOST] =
            array::from_fn(|at| demands.get(at).map(|demand| self.bucket(demand)));
        // All are held before any is asked; always in the order of the policies, so that nobody waits in a circle.
        let mut held = buckets.each_ref().map(|bucket| {
            bucket.as_ref().map(|bucket| bucket.lock().unwrap_or_else(PoisonError::into_inner))
        });
        let found: [_; MOST] = array::from_fn(|at| {
            let (demand, empty_at) = (demands.get(at)?, held[at].as_deref()?);
            Some(gcra::ask(demand.rate, *empty_at, now, cost))
        });
        let refused = found.iter().flatten().any(|found| found.wait > 0);
        array::from_fn(|at| {
            let (demand, mut found, empty_at) = (demands.get(at)?, found[at]?, held[at].as_deref_mut()?);
            match refused {
                // Where it stands, with nothing taken.
                true => found = gcra::Found { wait: found.wait, ..gcra::ask(demand.rate, *empty_at, now, 0) },
                false => *empty_at = found.empty_at,
            }
            let Demand { policy, rate, .. } = *demand;
            Some(Standing { policy, rate, remaining: found.remaining, reset: found.reset, wait: found.wait })
        })
    }

    fn bucket(&self, demand: &Demand) -> Bucket {
        self.buckets.get(demand).unwrap_or_else(|| self.buckets.get_with(*demand, Bucket::default))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::policy::{Policy, Rate, Subject};
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn demands(tenant: u128, principal: u128) -> [Demand; 2] {
        let (tenant, principal) = (Uuid::from_u128(tenant), Uuid::from_u128(principal));
        [
            Demand {
                policy: Policy::Org,
                rate: Rate { count: 5, seconds: 5 },
                subject: Subject::Tenant(tenant),
                epoch: 0,
            },
            Demand {
                policy: Policy::Write,
                rate: Rate { count: 3, seconds: 30 },
                subject: Subject::Principal(tenant, principal),
                epoch: 0,
            },
        ]
    }

    fn remaining(standings: Standings) -> (Vec<u32>, Option<&'static str>) {
        let refusing = standings.iter().flatten().find(|standing| standing.wait > 0);
        (
            standings.iter().flatten().map(|standing| standing.remaining).collect(),
            refusing.map(|standing| standing.policy.name()),
        )
    }

    #[test]
    fn what_one_policy_refuses_takes_nothing_from_the_others() {
        let local = Local::new();
        let take = |principal, now| remaining(local.take_at(&demands(1, principal), 1, now));
        for left in [(4, 2), (3, 1), (2, 0)] {
            assert_eq!(take(1, 0), (vec![left.0, left.1], None));
        }
        // The key has had its three; the tenant keeps its two for others.
        for _ in 0..10 {
            assert_eq!(take(1, 0), (vec![2, 0], Some("write")));
        }
        assert_eq!(take(2, 0), (vec![1, 2], None));
        assert_eq!(take(2, 0), (vec![0, 1], None));
        // Now the tenant refuses, and the second key keeps its last.
        assert_eq!(take(2, 0), (vec![0, 1], Some("org")));
        assert_eq!(take(2, SECOND - 1), (vec![0, 1], Some("org")));
        assert_eq!(take(2, SECOND), (vec![0, 0], None));
        // Another tenant has its own.
        assert_eq!(remaining(local.take_at(&demands(2, 1), 1, 0)), (vec![4, 2], None));
    }

    #[test]
    fn looking_takes_nothing() {
        let local = Local::new();
        for _ in 0..10 {
            assert_eq!(remaining(local.take_at(&demands(1, 1), 0, 0)), (vec![5, 3], None));
        }
    }

    #[test]
    fn many_at_once_get_exactly_as_many_as_there_are() {
        let local = Local::new();
        let allowed = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for principal in 0..8 {
                let (local, allowed) = (&local, &allowed);
                scope.spawn(move || {
                    for _ in 0..100 {
                        if remaining(local.take_at(&demands(1, principal % 4), 1, 0)).1.is_none() {
                            allowed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(allowed.into_inner(), 5);
    }

    #[test]
    fn a_changed_rate_begins_anew() {
        let local = Local::new();
        let [org, _] = demands(1, 1);
        for _ in 0..5 {
            local.take_at(&[org], 1, 0);
        }
        assert_eq!(remaining(local.take_at(&[org], 1, 0)).1, Some("org"));
        let wider = Demand { rate: Rate { count: 50, seconds: 5 }, ..org };
        assert_eq!(remaining(local.take_at(&[wider], 1, 0)), (vec![49], None));
    }
}
