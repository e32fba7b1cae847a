//! The list, and what most of its scenarios share.

mod clocks;
mod connections;
mod handshakes;
mod kills;
mod networks;
mod outages;
mod receivers;
mod redis;
mod servers;
mod tenants;

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;
use tokio::time::sleep;

use super::account::Account;
use super::listener::Listener;
use super::scenario::{Bounds, Outcome, Run, Scenario, Setting};
use super::site::{Customer, Site};
use super::writers::{Writers, Written};

/// How long a healthy receiver takes.
const ANSWER: Duration = Duration::from_millis(5);
/// Between two faults, at most.
const APART: Duration = Duration::from_millis(1500);
const HOOK: &str = "/hook";
/// What every start costs in repeats at most: what one webhook has under way, and what was not yet written down.
const UNDER_WAY: u64 = 40;

const SHORT: bool = true;
const LONG: bool = false;

/// All, in the order in which they run.
#[rustfmt::skip]
pub(super) fn all() -> Vec<Scenario> {
    let within = Bounds::within;
    vec![
        of("worker-killed", SHORT, within(30).repeated(8 * UNDER_WAY), |s| Box::pin(kills::worker(s)),
           "kill -9 of the worker beside writes; what it had begun comes again, the rest once"),
        of("api-killed", LONG, within(30), |s| Box::pin(kills::api(s)),
           "kill -9 of the API beside writes; what was committed comes once, answered or not"),
        of("both-killed", LONG, within(30).repeated(8 * UNDER_WAY), |s| Box::pin(kills::both(s)),
           "kill -9 of either or both beside writes; as above"),
        of("worker-stopped", SHORT, within(30), |s| Box::pin(kills::worker_stopped(s)),
           "SIGTERM to the worker beside writes; it ends what it has begun, and nothing comes again"),
        of("api-stopped", LONG, within(30), |s| Box::pin(kills::api_stopped(s)),
           "SIGTERM to the API beside writes; it answers what it has begun, and nothing comes again"),
        of("postgres-stopped", LONG, within(30).repeated(UNDER_WAY), |s| Box::pin(servers::stopped(s)),
           "fast shutdowns of PostgreSQL beside writes; both programs wait for it"),
        of("postgres-stopped-at-once", SHORT, within(30).repeated(4 * UNDER_WAY), |s| Box::pin(servers::stopped_at_once(s)),
           "immediate shutdowns of PostgreSQL beside writes; what was answered is there"),
        of("postgres-killed", LONG, within(30).repeated(4 * UNDER_WAY), |s| Box::pin(servers::killed(s)),
           "kill -9 of PostgreSQL beside writes; what was answered is there"),
        of("redis-killed", LONG, within(30), |s| Box::pin(redis::killed(s)),
           "Redis stopped, killed and back beside writes; no request fails, and limits hold with it and without"),
        of("database-cut", SHORT, within(30).repeated(UNDER_WAY), |s| Box::pin(connections::of_worker(s)),
           "the worker's way to PostgreSQL waits, is reset, refuses and is slow, then heals"),
        of("database-cut-for-api", LONG, within(30), |s| Box::pin(connections::of_api(s)),
           "the same of the API; no answer says what is not so"),
        of("database-silent", LONG, within(150).repeated(2 * UNDER_WAY), |s| Box::pin(connections::silent(s)),
           "the worker's connections to PostgreSQL fall silent for ever, new ones work; it goes on, or /livez fails and a new start does"),
        of("database-silent-for-api", LONG, within(30), |s| Box::pin(connections::silent_for_api(s)),
           "the same of the API; it answers again by itself when the deadline of what hangs is over"),
        of("connections-lossy", LONG, within(60).repeated(4 * UNDER_WAY), |s| Box::pin(connections::lossy(s)),
           "delays and broken connections everywhere, by proxies: to PostgreSQL and to the receiver"),
        of("network-lossy", LONG, within(60).repeated(UNDER_WAY), |s| Box::pin(networks::lossy(s)),
           "the worker in a network of its own that delays and loses packets (netem): to PostgreSQL and to the receiver"),
        of("network-pulled", LONG, within(60).repeated(UNDER_WAY), |s| Box::pin(networks::pulled(s)),
           "the worker in a network of its own whose wire is pulled for seconds; nobody is told"),
        of("receivers-refuse", SHORT, within(90), |s| Box::pin(receivers::refuse(s)),
           "receivers hang, trickle a head, reset, close, send no HTTP, 503, 101, 103 or headers without end; tried again, healthy ones unmoved"),
        of("receivers-spoil", SHORT, within(30), |s| Box::pin(receivers::spoil(s)),
           "receivers say 2xx and then reset, trickle, lie about the length either way, send no chunks; delivered once, healthy ones unmoved"),
        of("receivers-flood", SHORT, within(60), |s| Box::pin(receivers::flood(s)),
           "receivers answer 200 MiB, and megabytes of headers; the worker's memory stays flat"),
        of("tls-breaks", SHORT, within(60), |s| Box::pin(handshakes::breaks(s)),
           "TLS refuses, has another name, has run out, is signed by nobody, closes, is garbage, hangs; tried again until it is well"),
        of("clock-of-worker", LONG, within(60), |s| Box::pin(clocks::of_worker(s)),
           "the worker's clock jumps an hour forward and back (libfaketime); retries and what is put off come in real time"),
        of("clock-of-api", LONG, within(30), |s| Box::pin(clocks::of_api(s)),
           "the API's clock jumps an hour forward and back (libfaketime); events come once, and the feed tells each once"),
        of("tenant-noisy", SHORT, within(120), |s| Box::pin(tenants::noisy(s)),
           "600 events of one tenant to a receiver that hangs; a quiet one waits 3 s at most, no transaction is open; the 600 come when it is well"),
        of("outage", LONG, within(120), |s| Box::pin(outages::outage(s)),
           "a receiver is gone, then says 503, then is well; the schedule brings all that failed, once"),
    ]
}

fn of(name: &'static str, is_short: bool, bounds: Bounds, run: Run, meaning: &'static str) -> Scenario {
    Scenario { name, meaning, is_short, bounds, run }
}

/// A healthy receiver of the first tenant's events.
async fn healthy(site: &mut Site) -> Result<(Listener, Customer)> {
    let (listener, customer) = (Listener::start(&site.book).await?, site.first()?);
    listener.manner.take(ANSWER);
    site.hook(&customer, &listener, HOOK, None).await?;
    Ok((listener, customer))
}

/// Moments that the seed chooses.
struct Moments(StdRng);

impl Moments {
    fn new(setting: &Setting) -> Self {
        Self(StdRng::seed_from_u64(u64::from(setting.seed) ^ 0x4d6f_6d65_6e74))
    }

    /// A while, up to the time that lies between two faults.
    async fn next(&mut self) {
        sleep(APART.mul_f64(self.0.random())).await;
    }

    fn among(&mut self, count: u32) -> u32 {
        self.0.random_range(0..count)
    }
}

/// The account, when all has ended.
async fn settled(site: &mut Site, written: &Written) -> Result<Outcome> {
    Account::of(site, written).await.map(Outcome::Account)
}

fn writers(setting: &Setting, customers: &[Customer]) -> Writers {
    Writers::new(customers, setting.seed)
}
