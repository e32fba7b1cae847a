//! What goes on on a connection, and until when something has to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::bounds::Bounds;

/// One connection's.
#[derive(Debug)]
pub(super) struct Pulse(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Requests that have come and whose answers have not been handed over.
    under_way: u32,
    /// Those of them whose bodies have not come in full.
    receiving: u32,
    /// Bodies that nobody wants, which are read on so that the client gets to its answer.
    discarding: u32,
    /// When it began to wait for a request.
    waits_since: Instant,
    /// When the first byte of one came since then.
    heard: Option<Instant>,
    /// When anything came.
    read: Instant,
    served: bool,
    http2: bool,
    /// Pieces of answers that were handed over, with more to come, and when: the client has not taken them until the next is asked for.
    offered: BTreeMap<u64, Instant>,
    next: u64,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A request's headers did not come in time.
    Headers,
    /// No request came for long.
    Idle,
    /// Nothing of an answer was taken for long.
    Stalled,
}

impl Due {
    pub(super) const ALL: [Self; 3] = [Self::Headers, Self::Idle, Self::Stalled];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Idle => "idle",
            Self::Stalled => "stalled",
        }
    }
}

impl Pulse {
    pub(super) fn new() -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self(Mutex::new(State {
            under_way: 0,
            receiving: 0,
            discarding: 0,
            waits_since: now,
            heard: None,
            read: now,
            served: false,
            http2: false,
            offered: BTreeMap::new(),
            next: 0,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came.
    pub(super) fn read(&self) {
        let (mut state, now) = (self.state(), Instant::now());
        state.read = now;
        if state.under_way == 0 && state.discarding == 0 {
            state.heard.get_or_insert(now);
        }
    }

    /// A request's headers are here.
    pub(super) fn begin(self: &Arc<Self>, http2: bool, has_body: bool) -> (UnderWay, Option<Receiving>) {
        let mut state = self.state();
        state.under_way += 1;
        state.served = true;
        state.http2 = http2;
        state.heard = None;
        state.receiving += u32::from(has_body);
        drop(state);
        (UnderWay(self.clone()), has_body.then(|| Receiving(self.clone())))
    }

    /// A body that nobody wants is read.
    pub(super) fn discard(self: &Arc<Self>) -> Discarding {
        self.state().discarding += 1;
        Discarding(self.clone())
    }

    /// A piece of an answer was handed over.
    pub(super) fn offer(&self) -> u64 {
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.offered.insert(id, Instant::now());
        id
    }

    /// It has been taken, or nobody waits for that any more.
    pub(super) fn taken(&self, id: u64) {
        self.state().offered.remove(&id);
    }

    /// When the connection ends if nothing happens on it, and why.
    pub(super) fn due(&self, bounds: &Bounds) -> Option<(Instant, Due)> {
        let state = self.state();
        let stalled = state.offered.values().min().map(|at| (*at + bounds.stall_deadline, Due::Stalled));
        let waits =
            (state.under_way == 0 && state.discarding == 0).then(|| match (state.served, state.heard) {
                (false, _) => (state.waits_since + bounds.header_deadline, Due::Headers),
                (true, Some(heard)) if !state.http2 => (heard + bounds.header_deadline, Due::Headers),
                // Frames of HTTP/2 are not only those of requests.
                (true, _) => (state.waits_since + bounds.idle_deadline, Due::Idle),
            });
        stalled.into_iter().chain(waits).min_by_key(|(at, _)| *at)
    }

    /// Since when it has done nothing that others should wait for: first those that wait for a request, then those whose bodies do not
    /// come; none for one whose requests are being answered.
    pub(super) fn spare(&self, now: Instant) -> Option<(u8, Instant)> {
        let state = self.state();
        let silent = now.saturating_duration_since(state.read) >= SILENT;
        match (state.under_way, state.discarding) {
            (0, 0) => Some((0, state.waits_since)),
            (0, _) => Some((1, state.read)),
            _ => (state.receiving == state.under_way && silent).then_some((2, state.read)),
        }
    }
}

/// A body that is on its way brings something in this time.
const SILENT: std::time::Duration = std::time::Duration::from_secs(1);

/// A request that is being answered, until it is dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Pulse>);

impl UnderWay {
    pub(super) fn pulse(&self) -> &Pulse {
        &self.0
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.under_way -= 1;
        state.waits_since = Instant::now();
    }
}

/// A body that comes, until it is dropped.
#[derive(Debug)]
pub(super) struct Receiving(Arc<Pulse>);

impl Receiving {
    pub(super) fn pulse(&self) -> &Arc<Pulse> {
        &self.0
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.0.state().receiving -= 1;
    }
}

/// A body that is read for nothing, until it is dropped.
#[derive(Debug)]
pub(super) struct Discarding(Arc<Pulse>);

impl Drop for Discarding {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.discarding -= 1;
        state.waits_since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn due(pulse: &Pulse) -> Option<(Instant, &'static str)> {
        pulse.due(&Bounds::default()).map(|(at, due)| (at, due.name()))
    }

    #[test]
    fn the_headers_of_the_first_request_have_their_time_from_the_beginning() {
        let pulse = Pulse::new();
        let at_first = due(&pulse);
        assert_eq!(at_first.map(|(_, why)| why), Some("headers"));
        pulse.read();
        assert_eq!(due(&pulse), at_first);
    }

    #[test]
    fn between_requests_there_is_more_time_until_the_first_byte() {
        let pulse = Pulse::new();
        let (under_way, _) = pulse.begin(false, false);
        assert_eq!(due(&pulse), None);
        drop(under_way);
        assert_eq!(due(&pulse).map(|(_, why)| why), Some("idle"));
        pulse.read();
        let begun = due(&pulse);
        assert_eq!(begun.map(|(_, why)| why), Some("headers"));
        pulse.read();
        assert_eq!(due(&pulse), begun);
    }

    #[test]
    fn pings_of_http2_are_no_requests() {
        let pulse = Pulse::new();
        drop(pulse.begin(true, false));
        let idle = due(&pulse);
        assert_eq!(idle.map(|(_, why)| why), Some("idle"));
        pulse.read();
        assert_eq!(due(&pulse), idle);
    }

    #[test]
    fn a_piece_that_is_not_taken_ends_it() {
        let pulse = Pulse::new();
        let _under_way = pulse.begin(true, false);
        let first = pulse.offer();
        let at_first = due(&pulse);
        assert_eq!(at_first.map(|(_, why)| why), Some("stalled"));
        let second = pulse.offer();
        assert_eq!(due(&pulse), at_first);
        pulse.taken(first);
        assert!(due(&pulse) >= at_first);
        pulse.taken(second);
        assert_eq!(due(&pulse), None);
    }

    #[test]
    fn who_waits_makes_room_before_who_sends_slowly_and_nobody_else_does() {
        let [idle, sending, answered] = [(); 3].map(|()| Pulse::new());
        let sent = sending.begin(false, true);
        let _answered = answered.begin(false, false);
        let rank = |pulse: &Pulse, now| pulse.spare(now).map(|(rank, _)| rank);
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(10));
        assert_eq!([&idle, &sending, &answered].map(|pulse| rank(pulse, now)), [Some(0), None, None]);
        assert_eq!([&idle, &sending, &answered].map(|pulse| rank(pulse, later)), [Some(0), Some(2), None]);
        let _discarding = sending.discard();
        drop(sent);
        assert_eq!((rank(&sending, now), due(&sending)), (Some(1), None));
    }
}
