//! A worker whose process dies of one of its jobs, as of a job that takes all memory: what the queue's tests start. It stops in
//! good order when standard input ends.

use nix::sys::signal::{Signal, raise};
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::time::Duration;
use tenon_common::Db;
use tenon_common::db::DbConfig;
use tenon_common::job::{Job, Queue};
use tenon_common::queue::{Claimed, Outcome, Registration, Registry, Settings, Worker};

/// The job of the queue's tests.
#[derive(Serialize, Deserialize)]
struct Note {
    n: i64,
}

impl Job for Note {
    const KIND: &'static str = "test-note";
    const QUEUE: Queue = Queue::Mail;
    const MAX_ATTEMPTS: i32 = 3;
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_default();
    let fatal: i64 = arguments.next().unwrap_or_default().parse()?;
    let db = Db::connect_lazy(&DbConfig {
        url,
        max_connections: 6,
        acquire_timeout: Duration::from_secs(3),
        application_name: "mortal",
    })?;
    let notes = Registration::<Note>::new(move |note: Claimed<Note>| async move {
        if note.args.n == fatal {
            raise(Signal::SIGKILL).ok();
        }
        Outcome::Done
    });
    let settings = Settings {
        dead_after: Duration::from_millis(800),
        sweep_every: Duration::from_millis(200),
        poll_every: Duration::from_millis(20),
        ..Settings::default()
    };
    let worker = Worker::new(db, Registry::new().register(notes.concurrency(4)), settings)?;
    let end = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    worker.run(async { drop(end.await) }).await;
    Ok(())
}
