//! Deliveries about to be made, and their order where a webhook asks for one.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use crate::db::TenantTx;
use crate::error::Result;
use crate::job::EncodedJob;
use crate::webhook::order::{self, Place};
use crate::webhook::sending::Sending;

/// A delivery: its job, what sending it takes, and its place where its webhook has an order.
pub(super) struct Candidate {
    pub(super) job: EncodedJob,
    pub(super) sending: Sending,
    pub(super) place: Option<Place>,
}

impl Candidate {
    fn key(&self) -> Option<Vec<u8>> {
        self.place.map(|place| place.key(self.sending.webhook_id))
    }
}

/// The order of a fan-out's jobs, column by column; empty where no webhook asks for one.
#[derive(Default)]
pub(super) struct Order {
    /// The column `order_key`.
    pub(super) keys: Vec<Option<Vec<u8>>>,
    /// The column `order_at`.
    pub(super) at: Vec<Option<Vec<u8>>>,
    /// Whether something of this fan-out is before it.
    pub(super) held: Vec<bool>,
}

impl Order {
    /// Of these, in their sequence. What is held is due at no time, for who reserves room.
    pub(super) fn of(candidates: &mut [Candidate]) -> Self {
        let mut heads: HashMap<Vec<u8>, Place> = HashMap::new();
        for candidate in candidates.iter() {
            if let (Some(key), Some(place)) = (candidate.key(), candidate.place) {
                heads.entry(key).and_modify(|head| *head = place.min(*head)).or_insert(place);
            }
        }
        let mut order = Self::default();
        if heads.is_empty() {
            return order;
        }
        for candidate in candidates {
            let key = candidate.key();
            let head = key.as_ref().and_then(|key| heads.get(key).copied());
            let is_held = head != candidate.place;
            if is_held {
                candidate.job.run_at = Some(DateTime::<Utc>::MAX_UTC);
            }
            order.keys.push(key);
            order.at.push(candidate.place.map(Place::at));
            order.held.push(is_held);
        }
        order
    }

    /// Looks again when all is made: what is not to be run now after all. Nothing is asked where nothing has an order.
    pub(super) async fn settle(&self, tx: &mut TenantTx<'_>, jobs: &[EncodedJob]) -> Result<HashSet<String>> {
        if self.keys.is_empty() {
            return Ok(HashSet::new());
        }
        let ordered = jobs.iter().zip(&self.keys).filter(|(_, key)| key.is_some());
        order::settle(tx, ordered.map(|(job, _)| &*job.id).collect()).await
    }
}
