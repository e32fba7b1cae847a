//! Waiting until nothing is on its way any more.

use anyhow::Result;
use sqlx::{Connection, PgConnection};
use std::time::{Duration, Instant};

use super::arrivals::Arrivals;
use crate::stack::Stack;

/// What has not come after this time is lost.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(100);

/// What is on its way, by the database.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub(super) struct Open {
    /// Events that were committed.
    pub(super) events: i64,
    /// Jobs of webhooks, whatever their state.
    pub(super) jobs: i64,
    /// Deliveries that are not `delivered`.
    pub(super) undelivered: i64,
}

impl Open {
    pub(super) async fn look(connection: &mut PgConnection) -> Result<Self> {
        let open = sqlx::query_as(
            "select (select count(*) from tenon.events where type = 'contact.created') as events,
                    (select count(*) from apalis.jobs where kind in ('fan-out-event', 'deliver-webhook')) as jobs,
                    (select count(*) from tenon.deliveries where status <> 'delivered') as undelivered",
        );
        Ok(open.fetch_one(connection).await?)
    }
}

/// Returns when every event has come and nothing is left to do, or when it is no use to wait longer.
pub(super) async fn wait(stack: &Stack, arrivals: &Arrivals) -> Result<()> {
    let mut connection = PgConnection::connect(stack.database.admin_url()).await?;
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let open = Open::look(&mut connection).await?;
        if (open.jobs, open.undelivered) == (0, 0) && arrivals.count() as u64 >= open.events.cast_unsigned() {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}
