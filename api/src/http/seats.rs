//! Seats of those who are answered for long: how many may wait or read a stream at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tenon_common::id::TenantId;

use crate::http::code::Code;
use crate::http::refusal::Refusal;

/// How many may sit at once.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Of a tenant.
    pub of_tenant: u32,
    /// Of all.
    pub in_all: u32,
}

impl Default for Most {
    fn default() -> Self {
        Self { of_tenant: 20, in_all: 1000 }
    }
}

/// Seats of one kind.
#[derive(Debug)]
pub struct Seats {
    /// How many there are.
    pub most: Most,
    /// Who sits there: "readers of changes that wait".
    who: &'static str,
    /// The gauge of those who sit.
    gauge: &'static str,
    /// The name of the limit of a tenant.
    policy: &'static str,
    taken: Arc<Taken>,
}

#[derive(Debug, Default)]
struct Taken(Mutex<HashMap<TenantId, u32>>);

/// The right to wait, until it is dropped.
#[derive(Debug)]
pub struct Seat {
    taken: Arc<Taken>,
    gauge: &'static str,
    tenant: TenantId,
}

impl Seats {
    /// Nobody sits yet.
    pub fn new(who: &'static str, gauge: &'static str) -> Self {
        metrics::gauge!(gauge).increment(0.0);
        Self { most: Most::default(), who, gauge, policy: "readers", taken: Arc::default() }
    }

    /// With so many seats for a tenant, under a name of their own.
    #[must_use]
    pub fn limited(mut self, policy: &'static str, of_tenant: u32) -> Self {
        self.policy = policy;
        self.most.of_tenant = of_tenant;
        self
    }

    /// A seat for somebody of a tenant, or why there is none.
    pub fn seat(&self, tenant: TenantId) -> Result<Seat, Refusal> {
        let (mut taken, Most { of_tenant, in_all }) = (self.taken.lock(), self.most);
        if taken.get(&tenant).copied().unwrap_or_default() >= of_tenant {
            let words = format!("The organization has {of_tenant} {}, which is the most", self.who);
            return Err(Refusal::because(Code::RateLimited, words)
                .detail("policy", self.policy)
                .retry_after(5));
        }
        if taken.values().sum::<u32>() >= in_all {
            let words = format!("This server has as many {} as it can have", self.who);
            return Err(Refusal::because(Code::DependencyUnavailable, words).retry_after(5));
        }
        *taken.entry(tenant).or_default() += 1;
        metrics::gauge!(self.gauge).increment(1.0);
        Ok(Seat { taken: Arc::clone(&self.taken), gauge: self.gauge, tenant })
    }
}

impl Taken {
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        if let Some(sitting) = taken.get_mut(&self.tenant) {
            *sitting -= 1;
            if *sitting == 0 {
                taken.remove(&self.tenant);
            }
        }
        metrics::gauge!(self.gauge).decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_seats_for_a_tenant_and_for_all() {
        let mut seats = Seats::new("readers", "tenon_test_readers");
        seats.most = Most { of_tenant: 2, in_all: 3 };
        let [one, two, three] = [TenantId::new(), TenantId::new(), TenantId::new()];
        let sitting = [seats.seat(one).expect("free"), seats.seat(one).expect("free")];
        assert_eq!(seats.seat(one).expect_err("full").code, Code::RateLimited);
        let last = seats.seat(two).expect("free");
        assert_eq!(seats.seat(three).expect_err("full").code, Code::DependencyUnavailable);
        drop(sitting);
        let again = seats.seat(three).expect("free again");
        drop((last, again));
        assert!(seats.taken.lock().is_empty());
    }
}
