//! Who is connected, and who makes room.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::bounds::Bounds;
use super::pulse::Pulse;

/// So long a new connection waits for another to go.
const ROOM_WITHIN: Duration = Duration::from_secs(1);

/// All connections of the API.
#[derive(Debug)]
pub(super) struct Connections {
    bounds: Arc<Bounds>,
    room: Arc<Semaphore>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    all: HashMap<u64, Entry>,
    of_address: HashMap<IpAddr, u32>,
}

#[derive(Debug)]
struct Entry {
    counted: Option<IpAddr>,
    pulse: Arc<Pulse>,
    leave: CancellationToken,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// For anybody.
    Server,
    /// For this address.
    Address,
}

impl Full {
    pub(super) const ALL: [Self; 2] = [Self::Server, Self::Address];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Server => "full",
            Self::Address => "address",
        }
    }
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    id: u64,
    /// What goes on on it.
    pub(super) pulse: Arc<Pulse>,
    /// Others need its place.
    pub(super) leave: CancellationToken,
    _room: OwnedSemaphorePermit,
}

impl Connections {
    pub(super) fn new(bounds: Arc<Bounds>) -> Arc<Self> {
        let most = usize::try_from(bounds.connections).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Arc::new(Self { bounds, room: Arc::new(Semaphore::new(most)), open: Mutex::default() })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for who comes from an address. Where all are taken, another connection has to go: of the same address, or of the one
    /// that has the most.
    pub(super) async fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<Place, Full> {
        let counted = self.bounds.counted(peer);
        let full = counted.is_some_and(|address| {
            self.open().of_address.get(&address).is_some_and(|open| *open >= self.bounds.of_address)
        });
        if full && !self.part_from(|entry| entry.counted == counted) {
            return Err(Full::Address);
        }
        let room = match self.room.clone().try_acquire_owned() {
            Ok(room) => room,
            Err(_) => {
                let crowd = self.crowd();
                if !self.part_from(|entry| entry.counted == crowd) && !self.part_from(|_| true) {
                    return Err(Full::Server);
                }
                let room = tokio::time::timeout(ROOM_WITHIN, self.room.clone().acquire_owned()).await;
                room.ok().and_then(Result::ok).ok_or(Full::Server)?
            }
        };
        Ok(self.enter(counted, room))
    }

    fn enter(self: &Arc<Self>, counted: Option<IpAddr>, room: OwnedSemaphorePermit) -> Place {
        let (pulse, leave) = (Pulse::new(), CancellationToken::new());
        let mut open = self.open();
        let id = open.next;
        open.next += 1;
        open.all.insert(id, Entry { counted, pulse: pulse.clone(), leave: leave.clone() });
        if let Some(address) = counted {
            *open.of_address.entry(address).or_default() += 1;
        }
        metrics::gauge!("tenon_http_connections").increment(1.0);
        Place { connections: self.clone(), id, pulse, leave, _room: room }
    }

    /// The address with the most connections.
    fn crowd(&self) -> Option<IpAddr> {
        self.open().of_address.iter().max_by_key(|(_, open)| **open).map(|(address, _)| *address)
    }

    /// Asks the connection to leave that has done nothing for longest; false where all are at work.
    fn part_from(&self, among: impl Fn(&Entry) -> bool) -> bool {
        let (open, now) = (self.open(), Instant::now());
        let staying = open.all.values().filter(|entry| !entry.leave.is_cancelled() && among(entry));
        let spare = staying.filter_map(|entry| Some((entry.pulse.spare(now)?, &entry.leave)));
        let Some((_, leave)) = spare.min_by_key(|(spare, _)| *spare) else { return false };
        leave.cancel();
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        if let Some(address) = open.all.remove(&self.id).and_then(|entry| entry.counted)
            && let Some(left) = open.of_address.get_mut(&address)
        {
            *left -= 1;
            if *left == 0 {
                open.of_address.remove(&address);
            }
        }
        metrics::gauge!("tenon_http_connections").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(most: u32, of_address: u32) -> Arc<Connections> {
        Connections::new(Arc::new(Bounds { connections: most, of_address, ..Bounds::default() }))
    }

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// Ends with the connection's place when it is asked to.
    fn obeys(place: Place) -> tokio::task::JoinHandle<()> {
        tokio::spawn(async move { place.leave.cancelled().await })
    }

    #[tokio::test]
    async fn the_address_with_the_most_makes_room() {
        let connections = connections(3, 3);
        let alone = connections.admit(peer(1)).await.expect("room");
        let crowd = [(); 2].map(|()| connections.admit(peer(2)));
        let [first, second] = futures::future::join_all(crowd).await.try_into().expect("two");
        let (first, second) = (first.expect("room"), second.expect("room"));
        let (asked, stays) = (first.leave.clone(), second.leave.clone());
        let _gone = (obeys(first), obeys(second));
        let new = connections.admit(peer(3)).await.expect("room was made");
        assert_eq!(
            (asked.is_cancelled(), stays.is_cancelled(), alone.leave.is_cancelled()),
            (true, false, false)
        );
        drop((alone, new));
        assert_eq!(connections.open().of_address.len(), 1);
    }

    #[tokio::test]
    async fn who_is_being_answered_stays() {
        let connections = connections(2, 2);
        let places = [
            connections.admit(peer(1)).await.expect("room"),
            connections.admit(peer(2)).await.expect("room"),
        ];
        let _answers = places.each_ref().map(|place| place.pulse.begin(false, false));
        assert_eq!(connections.admit(peer(3)).await.expect_err("full"), Full::Server);
    }

    #[tokio::test]
    async fn an_address_has_no_more_than_its_part() {
        let connections = connections(10, 2);
        let places = [
            connections.admit(peer(1)).await.expect("room"),
            connections.admit(peer(1)).await.expect("room"),
        ];
        let answers = places.each_ref().map(|place| place.pulse.begin(false, false));
        assert_eq!(connections.admit(peer(1)).await.expect_err("full"), Full::Address);
        let _other = connections.admit(peer(2)).await.expect("room for others");
        drop(answers);
        let _new = connections.admit(peer(1)).await.expect("its own make room");
        assert!(places.iter().any(|place| place.leave.is_cancelled()));
    }
}
