//! Clients that create contacts, and say honestly what they know of each.

use anyhow::{Context, Result, bail};
use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::json;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::site::Customer;
use crate::Client;
use crate::stack::text;

/// Of each tenant.
const WRITERS: u32 = 2;
/// Contacts of a writer at most: a fault that does not end does not fill the disk.
const MOST: u32 = 4000;
/// Tries of one contact, each under a name of its own.
const TRIES: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(20);
/// Of the first writes before a fault, and of the last after it.
const AROUND: Duration = Duration::from_millis(500);
/// The longest text of a contact, so that bodies differ in length.
const LONGEST: usize = 100;

/// What the clients know.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// The contacts of 201 answers, and when those came.
    pub(super) accepted: HashMap<Uuid, Instant>,
    /// The names of contacts that may have been made: the answer was lost, or said that something went wrong.
    pub(super) doubtful: Vec<String>,
    /// Answers that asked to come later.
    pub(super) limited: u64,
}

impl Written {
    pub(super) fn add(&mut self, other: Self) {
        self.accepted.extend(other.accepted);
        self.doubtful.extend(other.doubtful);
        self.limited += other.limited;
    }
}

/// Who writes, and how.
#[derive(Debug, Clone)]
pub(super) struct Writers {
    pub(super) customers: Vec<Customer>,
    pub(super) seed: u32,
    /// The longest pause of a writer between two contacts.
    pub(super) pause: Duration,
}

impl Writers {
    pub(super) fn new(customers: &[Customer], seed: u32) -> Self {
        Self { customers: customers.to_vec(), seed, pause: PAUSE }
    }

    pub(super) fn pausing(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// So many contacts of each tenant.
    pub(super) async fn write(&self, count: u32) -> Result<Written> {
        let each = count.div_ceil(WRITERS);
        self.until(&CancellationToken::new(), each).await
    }

    /// Contacts before, beside and after a fault; what it said at its end.
    pub(super) async fn beside<T>(&self, fault: impl Future<Output = Result<T>>) -> Result<(Written, T)> {
        let stop = CancellationToken::new();
        let fault = async {
            sleep(AROUND).await;
            let result = fault.await;
            sleep(AROUND).await;
            stop.cancel();
            result
        };
        let (written, result) = tokio::join!(self.until(&stop, MOST), fault);
        Ok((written?, result?))
    }

    async fn until(&self, stop: &CancellationToken, most: u32) -> Result<Written> {
        let mut rng = StdRng::seed_from_u64(self.seed.into());
        let mut writers = Vec::new();
        for customer in &self.customers {
            for _ in 0..WRITERS {
                let number = writers.len();
                let rng = StdRng::seed_from_u64(rng.random());
                let mut writer =
                    Writer { client: &customer.client, number, rng, stop, written: Written::default() };
                writers.push(async move {
                    writer.write(most, self.pause).await?;
                    anyhow::Ok(writer.written)
                });
            }
        }
        let mut all = Written::default();
        for written in join_all(writers).await {
            all.add(written?);
        }
        Ok(all)
    }
}

struct Writer<'a> {
    client: &'a Client,
    number: usize,
    rng: StdRng,
    stop: &'a CancellationToken,
    written: Written,
}

impl Writer<'_> {
    async fn write(&mut self, most: u32, pause: Duration) -> Result<()> {
        for count in 0..most {
            if self.stop.is_cancelled() {
                break;
            }
            let text = "x".repeat(self.rng.random_range(1..=LONGEST));
            self.create(count, &text).await?;
            sleep(pause.mul_f64(self.rng.random())).await;
        }
        Ok(())
    }

    /// Until one is answered with 201. An answer that no fault explains ends it.
    async fn create(&mut self, count: u32, text: &str) -> Result<()> {
        // Names tell those of several turns of one scenario apart.
        let turn: u32 = self.rng.random();
        for attempt in 1..=TRIES {
            let name = format!("Contact {}.{count}.{attempt} {turn:08x}", self.number);
            let body = json!({"name": name, "company": text});
            match self.client.try_send(Method::POST, "/connection/contacts", Some(body)).await {
                Ok(answer) if answer.status == 201 => {
                    let id = self::text(&answer.json()["data"], "id").parse().context("the id")?;
                    self.written.accepted.insert(id, Instant::now());
                    return Ok(());
                }
                // What it stands on may have gone after the commit, before its answer.
                Ok(answer) if answer.status == 503 => self.written.doubtful.push(name),
                Ok(answer) if answer.status == 429 => self.written.limited += 1,
                Ok(answer) => bail!("creating a contact: {answer}"),
                Err(error) if was_never_sent(&error) => {}
                Err(_) => self.written.doubtful.push(name),
            }
            if self.stop.is_cancelled() {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
        bail!("a contact could not be created in {TRIES} tries")
    }
}

/// Nobody was there to connect to.
fn was_never_sent(error: &anyhow::Error) -> bool {
    error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect)
}
