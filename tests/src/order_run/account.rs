//! The account: what came, and in which order.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;
use sqlx::{Connection, PgConnection};

use super::book::Book;
use super::options::Options;
use crate::stack::Stack;

/// What has been taken is known to be delivered soon after.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

/// What came, and in which order.
#[derive(Debug, Clone)]
pub struct Account {
    options: Options,
    kills: u32,
    requests: u64,
    events: u64,
    repeated: u64,
    early: u64,
    /// Deliveries that are missing, or not `delivered`.
    undelivered: i64,
    /// From the first write, or the start of the workers if that is later, to the last event.
    took: Duration,
}

impl Account {
    pub(super) async fn draw_up(
        options: &Options,
        stack: &Stack,
        book: &Book,
        kills: u32,
        took: Duration,
    ) -> Result<Self> {
        let undelivered = undelivered(options, stack).await?;
        let entries = book.entries();
        Ok(Self {
            options: options.clone(),
            kills,
            requests: entries.requests,
            events: entries.events,
            repeated: entries.repeated,
            early: entries.early,
            undelivered,
            took,
        })
    }

    /// Whether all came, and none before what was before it.
    pub fn is_clean(&self) -> bool {
        self.events == self.options.total()
            && self.undelivered == 0
            && (self.early == 0 || self.options.unordered)
    }
}

async fn undelivered(options: &Options, stack: &Stack) -> Result<i64> {
    let mut connection = PgConnection::connect(stack.database.admin_url()).await?;
    let statement = "select $1 - count(*) from tenon.deliveries where status = 'delivered'";
    let end = Instant::now() + PATIENCE;
    loop {
        let asked = sqlx::query_scalar(statement).bind(i64::try_from(options.total())?);
        let undelivered: i64 = asked.fetch_one(&mut connection).await?;
        if undelivered == 0 || Instant::now() >= end {
            return Ok(undelivered);
        }
        tokio::time::sleep(LOOK).await;
    }
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { options, kills, requests, events, repeated, early, undelivered, took } = self;
        let order = if options.unordered { "without an order" } else { "in order" };
        writeln!(
            formatter,
            "{} objects, {} events of each, {order}; one of {} requests refused, a worker of {} killed {kills} times",
            options.objects, options.events, options.fail_in, options.workers
        )?;
        let rate = *events as f64 / took.as_secs_f64();
        writeln!(
            formatter,
            "{events} events taken by {requests} requests in {:.1} s, {rate:.0}/s",
            took.as_secs_f64()
        )?;
        let wrong = if self.is_clean() { "" } else { "  WRONG" };
        writeln!(
            formatter,
            "came before an earlier one: {early}; repeated: {repeated}; undelivered: {undelivered}{wrong}"
        )
    }
}
