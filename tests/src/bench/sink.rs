//! A receiver of webhooks that costs the machine next to nothing: it shares the processors with what is measured.

use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use uuid::Uuid;

use super::http::{content_length, end_of_head};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
/// What a flood answers with.
pub(super) const FLOOD_BYTES: usize = 200 * 1024 * 1024;
const OBJECT: &[u8] = br#""object":{"type":"contact","id":""#;

/// It answers 200: with nothing, or below `/flood` with 200 MiB. Below `/when` it remembers what came when; below `/aside` it counts apart;
/// below `/hang` it never answers, and counts nothing.
pub(super) struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

#[derive(Default)]
struct Shared {
    lap: Mutex<Lap>,
    reached: Notify,
    /// Requests that wait for an answer that does not come.
    hanging: AtomicU64,
    /// What came below `/aside`, since the start.
    aside: AtomicU64,
}

/// What came since [`Sink::begin`].
#[derive(Default, Debug)]
struct Lap {
    count: u64,
    target: u64,
    first: Option<Instant>,
    last: Option<Instant>,
    objects: HashMap<Uuid, Came>,
}

/// How often something came, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Came {
    pub(super) first: Instant,
    pub(super) last: Instant,
    pub(super) times: u64,
}

impl Shared {
    fn lap(&self) -> MutexGuard<'_, Lap> {
        self.lap.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    /// A thread of its own serves: a sender that happens to be in this process has it no nearer than one that is not.
    pub(super) fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("receiver")
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)));
        let listener = listener.context("the receiver's address")?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, runtime: Some(runtime) })
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Counts from nought, up to a target.
    pub(super) fn begin(&self, target: u64) {
        *self.shared.lap() = Lap { target, ..Lap::default() };
    }

    /// What was begun without a target has one now.
    pub(super) fn expect(&self, target: u64) {
        self.shared.lap().target = target;
    }

    /// How many have come below `/aside` since the start.
    pub(super) fn aside(&self) -> u64 {
        self.shared.aside.load(Ordering::Relaxed)
    }

    /// How many requests wait below `/hang`.
    pub(super) fn hanging(&self) -> u64 {
        self.shared.hanging.load(Ordering::Relaxed)
    }

    /// How many have come.
    pub(super) fn count(&self) -> u64 {
        self.shared.lap().count
    }

    /// Waits until the target is reached; when the first and the last came.
    pub(super) async fn reached(&self, patience: Duration) -> Result<(Instant, Instant)> {
        let end = Instant::now() + patience;
        loop {
            let notified = self.shared.reached.notified();
            let (count, target) = {
                let lap = self.shared.lap();
                if lap.count >= lap.target {
                    return lap.first.zip(lap.last).context("nothing was to come");
                }
                (lap.count, lap.target)
            };
            let left = end.saturating_duration_since(Instant::now());
            ensure!(!left.is_zero(), "{count} of {target} deliveries came within {patience:?}");
            let _ = tokio::time::timeout(left, notified).await;
        }
    }

    /// When each object came.
    pub(super) fn objects(&self) -> HashMap<Uuid, Came> {
        std::mem::take(&mut self.shared.lap().objects)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // A sender may close whenever it likes.
        tokio::spawn(async move { serve(stream, &shared).await.ok() });
    }
}

/// How a path is answered.
#[derive(Clone, Copy)]
enum Way {
    Ok,
    When,
    Aside,
    Flood,
    Hang,
}

impl Way {
    /// By the request's head.
    fn of(head: &str) -> Self {
        let path = head.strip_prefix("POST ").unwrap_or_default();
        [("/when", Self::When), ("/aside", Self::Aside), ("/flood", Self::Flood), ("/hang", Self::Hang)]
            .into_iter()
            .find_map(|(prefix, way)| path.starts_with(prefix).then_some(way))
            .unwrap_or(Self::Ok)
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(8 * 1024);
    loop {
        let head = loop {
            if let Some(end) = end_of_head(&buffer) {
                break end;
            }
            ensure!(stream.read_buf(&mut buffer).await? > 0, "closed");
        };
        let text = std::str::from_utf8(&buffer[..head])?;
        let length = content_length(text).unwrap_or_default();
        let way = Way::of(text);
        while buffer.len() < head + length {
            ensure!(stream.read_buf(&mut buffer).await? > 0, "closed");
        }
        match way {
            Way::Flood => {
                shared.arrived(None);
                return flood(stream).await;
            }
            Way::Hang => return hang(stream, shared).await,
            Way::Aside => {
                stream.write_all(OK).await?;
                shared.aside.fetch_add(1, Ordering::Relaxed);
            }
            Way::When => {
                let object = object(&buffer[head..head + length]);
                stream.write_all(OK).await?;
                shared.arrived(object);
            }
            Way::Ok => {
                stream.write_all(OK).await?;
                shared.arrived(None);
            }
        }
        buffer.drain(..head + length);
    }
}

impl Shared {
    fn arrived(&self, object: Option<Uuid>) {
        let now = Instant::now();
        let mut lap = self.lap();
        lap.count += 1;
        lap.first.get_or_insert(now);
        lap.last = Some(now);
        if let Some(object) = object {
            let came = lap.objects.entry(object).or_insert(Came { first: now, last: now, times: 0 });
            came.last = now;
            came.times += 1;
        }
        if lap.count == lap.target {
            drop(lap);
            self.reached.notify_waiters();
            self.reached.notify_one();
        }
    }
}

/// The id of the contact that an event is about.
fn object(body: &[u8]) -> Option<Uuid> {
    let at = body.windows(OBJECT.len()).position(|window| window == OBJECT)? + OBJECT.len();
    Uuid::try_parse_ascii(body.get(at..at + 36)?).ok()
}

/// Until the sender has had enough.
async fn hang(mut stream: TcpStream, shared: &Shared) -> Result<()> {
    shared.hanging.fetch_add(1, Ordering::Relaxed);
    let closed = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    shared.hanging.fetch_sub(1, Ordering::Relaxed);
    closed?;
    Ok(())
}

async fn flood(mut stream: TcpStream) -> Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {FLOOD_BYTES}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let chunk = vec![b'x'; 64 * 1024];
    for _ in 0..FLOOD_BYTES / chunk.len() {
        stream.write_all(&chunk).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_how_it_is_answered() {
        for (head, hangs, remembers) in [
            ("POST /hang/3 HTTP/1.1", true, false),
            ("POST /when/ours HTTP/1.1", false, true),
            ("POST /one HTTP/1.1", false, false),
        ] {
            let way = Way::of(head);
            assert_eq!((matches!(way, Way::Hang), matches!(way, Way::When)), (hangs, remembers), "{head}");
        }
    }

    #[test]
    fn the_contact_of_an_event_is_found_in_its_body() {
        let id = Uuid::now_v7();
        let body =
            format!(r#"{{"id":"evt_1","object":{{"type":"contact","id":"{id}","version":1}},"data":{{}}}}"#);
        assert_eq!(object(body.as_bytes()), Some(id));
        assert_eq!(object(br#"{"object":{"type":"webhook","id":"1"}}"#), None);
    }
}
