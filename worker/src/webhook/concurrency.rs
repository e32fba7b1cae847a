//! How many deliveries are in flight: for each webhook, for each tenant, and in this process.
//!
//! A receiver that hangs takes the slots of its own webhook and no others; a tenant with many such
//! receivers takes its own and no others'. A quarter of a tenant's slots, and of the process's, is closed
//! to retries, so that what fails does not hold up what is new. Nobody waits here: without a slot the
//! delivery is put off, uncounted.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

/// The most that may be in flight at a time.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// In this process.
    pub total: u32,
    /// For one tenant.
    pub per_tenant: u32,
    /// For one webhook that does not set its own.
    pub per_webhook: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { total: 512, per_tenant: 128, per_webhook: 10 }
    }
}

/// A webhook's address. Whatever is learned of one is not held against the next, nor against the same one after somebody enabled the
/// webhook, were it active already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address {
    /// Whose it is.
    pub webhook: Uuid,
    /// Grows when the address changes and when the webhook is enabled.
    pub version: i64,
}

/// A delivery that wants to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Whose it is.
    pub tenant: Uuid,
    /// Where it goes.
    pub address: Address,
    /// The webhook's own `maxConcurrency`.
    pub max_concurrency: Option<u32>,
    /// Whether it was attempted before.
    pub is_retry: bool,
}

/// Whose slots are all taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The webhook's.
    Webhook,
    /// The tenant's.
    Tenant,
    /// The process's.
    Process,
}

/// The slots; its clones share them. Memory is bounded by what is in flight.
#[derive(Debug, Clone)]
pub struct Slots {
    limits: Limits,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    total: Count,
    tenants: HashMap<Uuid, Count>,
    addresses: HashMap<Address, Count>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    all: u32,
    retries: u32,
}

/// A slot; it is free again when this is dropped.
#[derive(Debug)]
#[must_use = "the slot is free again when this is dropped"]
pub struct Permit {
    taken: Arc<Mutex<Taken>>,
    wanted: Wanted,
}

impl Slots {
    /// Slots with these limits, all free. A limit of 0 counts as 1.
    pub fn new(limits: Limits) -> Self {
        Self { limits, taken: Arc::default() }
    }

    /// Takes a slot, or says at once whose are all taken.
    pub fn try_acquire(&self, wanted: Wanted) -> Result<Permit, Full> {
        let per_webhook = wanted.max_concurrency.unwrap_or(self.limits.per_webhook).max(1);
        let mut guard = lock(&self.taken);
        let taken = &mut *guard;
        let (tenant, webhook) =
            (count(&taken.tenants, wanted.tenant), count(&taken.addresses, wanted.address));
        // A webhook's slots are the same to retries: the receiver is the same.
        if webhook.all >= per_webhook {
            return Err(Full::Webhook);
        }
        if !tenant.has_room(self.limits.per_tenant, wanted.is_retry) {
            return Err(Full::Tenant);
        }
        if !taken.total.has_room(self.limits.total, wanted.is_retry) {
            return Err(Full::Process);
        }
        taken.total.add(wanted.is_retry);
        taken.tenants.entry(wanted.tenant).or_default().add(wanted.is_retry);
        taken.addresses.entry(wanted.address).or_default().add(wanted.is_retry);
        drop(guard);
        Ok(Permit { taken: self.taken.clone(), wanted })
    }

    /// How many may be in flight to this address, as far as its tenant and this process are concerned.
    pub fn most_to(&self, wanted: Wanted) -> u32 {
        let taken = lock(&self.taken);
        let free = |limit: u32, count: Count| limit.max(1).saturating_sub(count.all);
        let of_tenant = free(self.limits.per_tenant, count(&taken.tenants, wanted.tenant));
        let of_all = free(self.limits.total, taken.total);
        count(&taken.addresses, wanted.address).all.saturating_add(of_tenant.min(of_all))
    }

    /// How many are in flight in this process.
    pub fn in_flight(&self) -> u32 {
        lock(&self.taken).total.all
    }

    /// How many are in flight to this address.
    pub fn in_flight_to(&self, address: Address) -> u32 {
        count(&lock(&self.taken).addresses, address).all
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.total.subtract(self.wanted.is_retry);
        give_back(&mut taken.tenants, self.wanted.tenant, self.wanted.is_retry);
        give_back(&mut taken.addresses, self.wanted.address, self.wanted.is_retry);
    }
}

impl Count {
    fn has_room(self, limit: u32, is_retry: bool) -> bool {
        let limit = limit.max(1);
        self.all < limit && (!is_retry || self.retries < limit - limit / 4)
    }

    fn add(&mut self, is_retry: bool) {
        self.all += 1;
        self.retries += u32::from(is_retry);
    }

    fn subtract(&mut self, is_retry: bool) {
        self.all -= 1;
        self.retries -= u32::from(is_retry);
    }
}

fn count<K: Eq + Hash>(counts: &HashMap<K, Count>, key: K) -> Count {
    counts.get(&key).copied().unwrap_or_default()
}

fn give_back<K: Eq + Hash>(counts: &mut HashMap<K, Count>, key: K, is_retry: bool) {
    if let Entry::Occupied(mut entry) = counts.entry(key) {
        entry.get_mut().subtract(is_retry);
        if entry.get().all == 0 {
            entry.remove();
        }
    }
}

/// Nothing panics while it is held, so a poisoned lock cannot be.
fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(webhook: u128) -> Address {
        Address { webhook: Uuid::from_u128(webhook), version: 1 }
    }

    fn to(tenant: u128, webhook: u128) -> Wanted {
        Wanted {
            tenant: Uuid::from_u128(tenant),
            address: address(webhook),
            max_concurrency: None,
            is_retry: false,
        }
    }

    fn slots(total: u32, per_tenant: u32, per_webhook: u32) -> Slots {
        Slots::new(Limits { total, per_tenant, per_webhook })
    }

    #[test]
    fn a_full_webhook_holds_up_nobody_else() {
        let slots = slots(100, 100, 2);
        let _held = [slots.try_acquire(to(1, 1)).expect("free"), slots.try_acquire(to(1, 1)).expect("free")];
        assert_eq!(slots.try_acquire(to(1, 1)).expect_err("full"), Full::Webhook);
        let _other = slots.try_acquire(to(1, 2)).expect("another webhook");
        assert_eq!((slots.in_flight(), slots.in_flight_to(address(1))), (3, 2));
    }

    #[test]
    fn a_full_tenant_holds_up_no_other_tenant() {
        let slots = slots(100, 2, 10);
        let _held = [slots.try_acquire(to(1, 1)).expect("free"), slots.try_acquire(to(1, 2)).expect("free")];
        assert_eq!(slots.try_acquire(to(1, 3)).expect_err("full"), Full::Tenant);
        let _other = slots.try_acquire(to(2, 4)).expect("another tenant");
    }

    #[test]
    fn an_address_that_hangs_holds_up_no_deliveries_to_the_next() {
        let slots = slots(100, 100, 1);
        let _hangs = slots.try_acquire(to(1, 1)).expect("free");
        assert_eq!(slots.try_acquire(to(1, 1)).expect_err("full"), Full::Webhook);
        let next = Wanted { address: Address { version: 2, ..address(1) }, ..to(1, 1) };
        let _sent = slots.try_acquire(next).expect("another address");
    }

    #[test]
    fn a_webhook_may_set_its_own_limit() {
        let slots = slots(100, 100, 10);
        let single = Wanted { max_concurrency: Some(1), ..to(1, 1) };
        let held = slots.try_acquire(single).expect("free");
        assert_eq!(slots.try_acquire(single).expect_err("full"), Full::Webhook);
        drop(held);
        let _again = slots.try_acquire(single).expect("free again");
    }

    #[test]
    fn retries_leave_room_for_first_attempts() {
        let slots = slots(8, 4, 10);
        let retry = |tenant, webhook| Wanted { is_retry: true, ..to(tenant, webhook) };
        let _held: Vec<_> = (0..3).map(|n| slots.try_acquire(retry(1, n)).expect("free")).collect();
        assert_eq!(slots.try_acquire(retry(1, 9)).expect_err("reserved"), Full::Tenant);
        let _first = slots.try_acquire(to(1, 9)).expect("kept for first attempts");
        let _others: Vec<_> = (0..3).map(|n| slots.try_acquire(retry(2, 10 + n)).expect("free")).collect();
        assert_eq!(slots.try_acquire(retry(3, 20)).expect_err("reserved"), Full::Process);
        let _first = slots.try_acquire(to(3, 20)).expect("kept for first attempts");
    }

    proptest! {
        #[test]
        fn limits_hold_and_nothing_is_left_behind(
            steps in prop::collection::vec((0u128..3, 0u128..6, any::<bool>(), any::<bool>()), 0..200),
        ) {
            let slots = slots(6, 4, 2);
            let mut held: Vec<Permit> = Vec::new();
            for (tenant, webhook, is_retry, release) in steps {
                if release && !held.is_empty() {
                    drop(held.swap_remove(0));
                } else if let Ok(permit) = slots.try_acquire(Wanted { is_retry, ..to(tenant, webhook) }) {
                    held.push(permit);
                }
                prop_assert_eq!(slots.in_flight() as usize, held.len());
                prop_assert!(held.len() <= 6);
                let to_webhook = held.iter().filter(|permit| permit.wanted.address == address(webhook)).count();
                let of_tenant = held.iter().filter(|permit| permit.wanted.tenant == Uuid::from_u128(tenant)).count();
                prop_assert!(to_webhook <= 2 && of_tenant <= 4);
            }
            drop(held);
            let taken = lock(&slots.taken);
            prop_assert!(taken.addresses.is_empty() && taken.tenants.is_empty() && taken.total.all == 0);
        }
    }
}
