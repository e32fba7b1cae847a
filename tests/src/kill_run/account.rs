//! The account: what the clients know, what the database holds and what the receiver got, side by side.

use anyhow::Result;
use sqlx::{Connection, PgConnection};
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};
use tenon_common::id::EventId;

use super::arrivals::Arrivals;
use super::options::Options;
use super::settle::Open;
use super::writers::Written;
use crate::stack::Stack;

/// What became of every event.
#[derive(Debug, Clone)]
pub struct Account {
    options: Options,
    /// Contacts that were answered with 201.
    pub sent: u64,
    /// Requests of which the client cannot know what they did: the answer was lost, or said that the database was away.
    pub unknown: u64,
    /// Those of them whose contact is there all the same.
    pub unknown_and_there: u64,
    /// Different events that came.
    pub received: u64,
    /// Requests with an event that had come before.
    pub repeated: u64,
    /// The `webhook-id`s of events that were committed and never came.
    pub lost: Vec<String>,
    /// `webhook-id`s that came, and of which no event was committed.
    pub invented: Vec<String>,
    /// Contacts that were answered with 201 and are not there.
    pub forgotten: u64,
    /// Contacts that are there without their event.
    pub without_event: u64,
    /// Jobs that are still in the queue.
    pub jobs_left: u64,
    /// Deliveries that are not `delivered`.
    pub undelivered: u64,
    /// From the last kill to the last event that had not come before.
    pub caught_up: Duration,
}

impl Account {
    pub(super) async fn draw_up(
        options: &Options,
        stack: &Stack,
        written: &Written,
        arrivals: &Arrivals,
        since: Instant,
    ) -> Result<Self> {
        let mut connection = PgConnection::connect(stack.database.admin_url()).await?;
        let committed = committed(&mut connection).await?;
        let times = arrivals.times();
        let open = Open::look(&mut connection).await?;
        let caught_up = arrivals.last_new().map(|at| at.saturating_duration_since(since));
        Ok(Self {
            options: options.clone(),
            sent: written.acknowledged.len() as u64,
            unknown: written.doubtful.len() as u64,
            unknown_and_there: made(&mut connection, &written.doubtful).await?,
            received: times.len() as u64,
            repeated: times.values().map(|times| times - 1).sum(),
            lost: missing(&committed, &times),
            invented: missing(&times, &committed),
            forgotten: forgotten(&mut connection, written).await?,
            without_event: without_event(&mut connection).await?,
            jobs_left: open.jobs.cast_unsigned(),
            undelivered: open.undelivered.cast_unsigned(),
            caught_up: caught_up.unwrap_or_default(),
        })
    }

    /// Whether every event that was committed came, none that was not, and nothing is stuck.
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty()
            && self.invented.is_empty()
            && [self.forgotten, self.without_event, self.jobs_left, self.undelivered] == [0; 4]
    }
}

/// The `webhook-id`s of all events that were committed.
async fn committed(connection: &mut PgConnection) -> Result<HashMap<String, ()>> {
    let ids: Vec<EventId> = sqlx::query_scalar("select id from tenon.events where type = 'contact.created'")
        .fetch_all(connection)
        .await?;
    Ok(ids.into_iter().map(|id| (id.wire(), ())).collect())
}

/// The keys of the one that the other lacks.
fn missing<A, B>(of: &HashMap<String, A>, other: &HashMap<String, B>) -> Vec<String> {
    let mut missing: Vec<String> = of.keys().filter(|id| !other.contains_key(*id)).cloned().collect();
    missing.sort_unstable();
    missing
}

async fn made(connection: &mut PgConnection, names: &[String]) -> Result<u64> {
    count(
        sqlx::query_scalar("select count(*) from tenon.contacts where name = any ($1)").bind(names),
        connection,
    )
    .await
}

async fn forgotten(connection: &mut PgConnection, written: &Written) -> Result<u64> {
    let query = sqlx::query_scalar(
        "select count(*) from unnest($1::uuid[]) as a (id) where not exists (select from tenon.contacts c where c.id = a.id)",
    );
    count(query.bind(&written.acknowledged), connection).await
}

async fn without_event(connection: &mut PgConnection) -> Result<u64> {
    let query = sqlx::query_scalar(
        "select count(*) from tenon.contacts c
         where not exists (select from tenon.events e where e.type = 'contact.created' and e.object_id = c.id)",
    );
    count(query, connection).await
}

type Count<'q> = sqlx::query::QueryScalar<'q, sqlx::Postgres, i64, sqlx::postgres::PgArguments>;

async fn count(query: Count<'_>, connection: &mut PgConnection) -> Result<u64> {
    Ok(query.fetch_one(connection).await?.cast_unsigned())
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { events, worker_kills, api_kills, database_kills, seed } = self.options;
        writeln!(
            formatter,
            "{events} events under kill -9: the worker {worker_kills} times, the API {api_kills}, PostgreSQL {database_kills}; \
             --seed {seed}\n"
        )?;
        let unknown_and_not = self.unknown - self.unknown_and_there;
        let lines = [
            ("sent", self.sent, "answered 201".to_owned()),
            (
                "unknown",
                self.unknown,
                format!("no answer, or 503: {} made, {unknown_and_not} not", self.unknown_and_there),
            ),
            ("received", self.received, "different events".to_owned()),
            ("repeated", self.repeated, "requests with a webhook-id that had come before".to_owned()),
            ("lost", self.lost.len() as u64, "committed and never received".to_owned()),
            ("invented", self.invented.len() as u64, "received and not committed".to_owned()),
            ("forgotten", self.forgotten, "answered 201 and not in the database".to_owned()),
            ("without event", self.without_event, "contacts in the database".to_owned()),
            ("jobs left", self.jobs_left, "in the queue".to_owned()),
            ("undelivered", self.undelivered, "deliveries that are not `delivered`".to_owned()),
        ];
        for (name, number, meaning) in lines {
            writeln!(formatter, "{name:<14}{number:>8}  {meaning}")?;
        }
        let seconds = self.caught_up.as_secs_f64();
        writeln!(formatter, "{:<14}{seconds:>7.1}s  from the last kill to the last new event", "caught up")?;
        for (name, ids) in [("lost", &self.lost), ("invented", &self.invented)] {
            for id in ids.iter().take(10) {
                writeln!(formatter, "{name}: {id}")?;
            }
        }
        Ok(())
    }
}
