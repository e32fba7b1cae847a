//! What belongs to the request that is being answered.

use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tenon_common::actor::Principal;
use tenon_common::id::TenantId;

use crate::http::limits::class::Class;
use crate::http::limits::policy::{self, Standings};
use crate::http::versions::Named;

/// A request's time where nothing else is said, its body included. Statements have their own, shorter one.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(30);

/// The facts of a request, for whoever answers it.
#[derive(Clone, Debug)]
pub struct Facts {
    /// `X-Request-Id`, the client's or ours.
    pub id: Arc<str>,
    /// The client's address.
    pub ip: IpAddr,
    /// The path of the document that it fits.
    pub route: &'static str,
    /// The `operationId`; none where it fits none.
    pub operation: Option<&'static str>,
    /// What it says of its version.
    pub named: Named,
    /// How rate limits count it; none where it fits no operation.
    pub class: Option<Class>,
    /// Where the policies stand that have counted it.
    pub counted: Arc<Mutex<Standings>>,
    /// Who calls, once that is known; also of a caller who is refused.
    pub caller: Arc<OnceLock<(TenantId, Principal)>>,
    /// How long the client had its answer wait, in milliseconds: no time of the server's.
    pub waited: Arc<AtomicU64>,
    /// Whether its body is being received: it is the client who is waited for.
    pub receiving: Arc<AtomicBool>,
}

tokio::task_local! {
    pub(crate) static FACTS: Facts;
}

/// Rate limits have counted the request: its answer will say so.
pub fn counted(standings: Standings) {
    let note = |facts: &Facts| {
        let mut counted = facts.counted.lock().unwrap_or_else(PoisonError::into_inner);
        *counted = policy::together(&counted, &standings);
    };
    // Outside a request there is no answer to say it.
    FACTS.try_with(note).unwrap_or_default();
}

/// The request is this caller's.
pub fn called_by(tenant: TenantId, principal: Principal) {
    // What is asked of a caller again is asked of the same one.
    let note = |facts: &Facts| facts.caller.set((tenant, principal)).unwrap_or_default();
    FACTS.try_with(note).unwrap_or_default();
}

/// So long the answer waited because the client asked for that.
pub fn waited(time: Duration) {
    let millis = u64::try_from(time.as_millis()).unwrap_or_default();
    let add = |facts: &Facts| facts.waited.fetch_add(millis, Relaxed);
    FACTS.try_with(add).unwrap_or_default();
}

/// Until this is dropped, the request's body is being received.
#[must_use = "the body counts as received when this is dropped"]
pub(crate) struct Receiving(());

impl Receiving {
    /// From now on.
    pub(crate) fn begin() -> Self {
        note_receiving(true);
        Self(())
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        note_receiving(false);
    }
}

fn note_receiving(is: bool) {
    FACTS.try_with(|facts| facts.receiving.store(is, Relaxed)).unwrap_or_default();
}

/// The request's id.
pub fn id() -> String {
    FACTS.try_with(|facts| facts.id.to_string()).unwrap_or_default()
}
