//! The account: what was made for each webhook, by the database and by the clients' clocks, and what became of it.

use anyhow::{Result, bail};
use sqlx::{Connection, PgConnection};
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};
use tenon_common::id::EventId;
use uuid::Uuid;

use super::arrivals::Arrivals;
use super::options::Options;
use super::switches::Switched;
use super::writes::Writes;
use crate::stack::Stack;

/// What has not ended after this time is stuck.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(50);

/// What became of the events of one webhook.
#[derive(Debug, Clone)]
struct Line {
    name: &'static str,
    switches: usize,
    /// Events that were committed while it was active or not, of the types that it had subscribed to.
    made: i64,
    /// Different events that came.
    received: i64,
    /// Events that its enabling told of.
    told: i64,
    /// Deliveries that are not `delivered`.
    undelivered: i64,
    /// Requests with an event that had come before.
    repeated: u64,
    /// Events that were surely committed while it was active and subscribed, and did not come.
    missing: u64,
    /// Events that surely were not, and came.
    surplus: u64,
}

impl Line {
    fn is_clean(&self) -> bool {
        self.made == self.received + self.told && (self.undelivered, self.missing, self.surplus) == (0, 0, 0)
    }
}

/// What became of every event.
#[derive(Debug, Clone)]
pub struct Account {
    /// Rounds that are done.
    pub rounds: u32,
    /// How often the worker was killed.
    pub kills: u32,
    seed: u32,
    lines: Vec<Line>,
}

impl Account {
    pub(super) async fn draw_up(
        options: &Options,
        stack: &Stack,
        webhooks: &[Switched],
        writes: &[Writes],
        arrivals: &Arrivals,
    ) -> Result<Self> {
        let mut connection = PgConnection::connect(stack.database.admin_url()).await?;
        let ids = ids(&mut connection).await?;
        let mut lines = Vec::new();
        for webhook in webhooks {
            let came = arrivals.of(&format!("/{}", webhook.name));
            let (mut missing, mut surplus) = (0, 0);
            for write in writes.iter().flat_map(|writes| &writes.writes) {
                let Some(state) = webhook.surely(write.sent, write.answered) else { continue };
                let Some(id) = ids.get(&(write.event.to_owned(), write.object, write.version)) else {
                    bail!("a write that was answered has no event: {write:?}")
                };
                match (state.gets(write.event), came.contains_key(id)) {
                    (true, false) => missing += 1,
                    (false, true) => surplus += 1,
                    _ => {}
                }
            }
            lines.push(Line {
                name: webhook.name,
                switches: webhook.count(),
                made: made(&mut connection, &webhook.id).await?,
                received: i64::try_from(came.len())?,
                told: webhook.told,
                undelivered: undelivered(&mut connection, &webhook.id).await?,
                repeated: came.values().map(|times| times - 1).sum(),
                missing,
                surplus,
            });
        }
        Ok(Self { rounds: 0, kills: 0, seed: options.seed, lines })
    }

    /// Whether every event that was made for a webhook came, or was told of, and none else.
    pub fn is_clean(&self) -> bool {
        self.lines.iter().all(Line::is_clean)
    }
}

/// The `webhook-id` of each change of a contact.
async fn ids(connection: &mut PgConnection) -> Result<HashMap<(String, Uuid, i64), String>> {
    let events: Vec<(EventId, String, Uuid, i64)> = sqlx::query_as(
        "select id, type, object_id, object_version from tenon.events where object_type = 'contact'",
    )
    .fetch_all(connection)
    .await?;
    Ok(events.into_iter().map(|(id, event, object, version)| ((event, object, version), id.wire())).collect())
}

/// The events of all states of a webhook, by the snapshots that its states began and ended with.
async fn made(connection: &mut PgConnection, webhook: &str) -> Result<i64> {
    let statement = "with states as (
                         select events, begun, begun_by, ended, ended_by from tenon.webhook_states where webhook_id = $1::uuid
                         union all
                         select events, state_since, state_by, null, null from tenon.webhooks where id = $1::uuid
                     )
                     select count(*) from tenon.events e join states s
                     on e.type = any (s.events)
                        and (not pg_visible_in_snapshot(e.xid, s.begun) or e.xid = s.begun_by)
                        and (s.ended is null or pg_visible_in_snapshot(e.xid, s.ended) and e.xid <> s.ended_by)";
    Ok(sqlx::query_scalar(statement).bind(webhook).fetch_one(connection).await?)
}

async fn undelivered(connection: &mut PgConnection, webhook: &str) -> Result<i64> {
    let statement =
        "select count(*) from tenon.deliveries where webhook_id = $1::uuid and status <> 'delivered'";
    Ok(sqlx::query_scalar(statement).bind(webhook).fetch_one(connection).await?)
}

/// Returns when nothing is on its way any more, or when it is no use to wait longer.
pub(super) async fn settle(stack: &Stack) -> Result<()> {
    let mut connection = PgConnection::connect(stack.database.admin_url()).await?;
    let statement =
        "select (select count(*) from apalis.jobs where kind in ('fan-out-event', 'deliver-webhook'))
                          + (select count(*) from tenon.deliveries where status in ('pending', 'paused'))";
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let open: i64 = sqlx::query_scalar(statement).fetch_one(&mut connection).await?;
        if open == 0 {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, kills, seed, .. } = self;
        writeln!(formatter, "{rounds} rounds, the worker killed {kills} times; --seed {seed}")?;
        writeln!(
            formatter,
            "{:<12}{:>9}{:>9}{:>9}{:>9}{:>9}{:>12}{:>9}{:>9}",
            "webhook",
            "switches",
            "made",
            "received",
            "told of",
            "repeated",
            "undelivered",
            "missing",
            "surplus"
        )?;
        for line in &self.lines {
            let Line { name, switches, made, received, told, undelivered, repeated, missing, surplus } = line;
            let wrong = if line.is_clean() { "" } else { "  WRONG" };
            writeln!(
                formatter,
                "{name:<12}{switches:>9}{made:>9}{received:>9}{told:>9}{repeated:>9}{undelivered:>12}{missing:>9}{surplus:>9}{wrong}"
            )?;
        }
        Ok(())
    }
}
