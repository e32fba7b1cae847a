//! How many exports there may be at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tenon_common::id::TenantId;

use crate::http::code::Code;
use crate::http::refusal::Refusal;

/// Seconds after which it is worth asking again.
const RETRY_AFTER: u64 = 5;

/// The places for exports, in this process and for one organization.
#[derive(Debug)]
pub(super) struct Slots {
    at_once: usize,
    of_tenant: usize,
    taken: Arc<Mutex<HashMap<TenantId, usize>>>,
}

/// A place that is taken until it is dropped.
#[derive(Debug)]
pub struct Slot {
    tenant: TenantId,
    taken: Arc<Mutex<HashMap<TenantId, usize>>>,
}

impl Slots {
    pub(super) fn new(at_once: usize, of_tenant: usize) -> Self {
        Self { at_once, of_tenant, taken: Arc::default() }
    }

    /// Takes a place, or refuses with the limit that is reached.
    pub(super) fn take(&self, tenant: TenantId) -> Result<Slot, Refusal> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_tenant = taken.get(&tenant).copied().unwrap_or_default();
        if of_tenant >= self.of_tenant {
            return Err(refused(
                "exports",
                self.of_tenant,
                "Another export of this organization has to end first",
            ));
        }
        if taken.values().sum::<usize>() >= self.at_once {
            return Err(refused(
                "server-exports",
                self.at_once,
                "The server has as many exports as it does at once",
            ));
        }
        taken.insert(tenant, of_tenant + 1);
        Ok(Slot { tenant, taken: self.taken.clone() })
    }
}

fn refused(policy: &str, limit: usize, message: &str) -> Refusal {
    Refusal::because(Code::RateLimited, message)
        .detail("policy", policy)
        .detail("limit", limit.to_string())
        .retry_after(RETRY_AFTER)
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back_and_one_organization_does_not_take_all() {
        let slots = Slots::new(3, 2);
        let (one, other) = (TenantId::new(), TenantId::new());
        let first = slots.take(one).expect("a place");
        let _second = slots.take(one).expect("a place");
        let refused = slots.take(one).expect_err("no third one");
        assert_eq!((refused.code, refused.details["policy"].as_str()), (Code::RateLimited, "exports"));
        let _third = slots.take(other).expect("a place for another");
        let refused = slots.take(other).expect_err("none is left");
        assert_eq!(
            (refused.details["policy"].as_str(), refused.details["limit"].as_str()),
            ("server-exports", "3")
        );
        drop(first);
        drop(slots.take(other).expect("a place that was given back"));
        assert!(slots.take(one).is_ok());
    }
}
