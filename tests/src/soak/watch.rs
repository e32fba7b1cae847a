//! What is looked at meanwhile: the worker's metrics and probes, and what waits.

use anyhow::{Context, Result};
use sqlx::{Connection, PgConnection};
use std::time::Duration;

use crate::Client;
use crate::stack::Stack;

/// The worst that was seen, and the last.
pub(super) struct Watch {
    /// Of the API and of the worker.
    operations: [Client; 2],
    database: PgConnection,
    /// The longest that the worker had not asked for jobs.
    pub(super) silence: Duration,
    /// The longest that a delivery of an active webhook had been due.
    pub(super) oldest: Duration,
    /// How often tasks were begun again, by name.
    pub(super) restarts: Vec<(String, u64)>,
    /// Times that a program said that it was not ready, and what it said first.
    pub(super) unready: u64,
    pub(super) first_reason: Option<String>,
    /// What is on its way now.
    pub(super) open: Open,
}

/// What is on its way.
#[derive(Debug, Clone, Copy, Default, sqlx::FromRow)]
pub(super) struct Open {
    /// Jobs of whatever kind.
    pub(super) jobs: i64,
    /// Imports that have not ended.
    pub(super) imports: i64,
    /// Deliveries that are not delivered.
    pub(super) undelivered: i64,
    /// For how many seconds the oldest delivery that can be sent has waited.
    pub(super) oldest: f64,
}

impl Open {
    pub(super) fn is_empty(&self) -> bool {
        (self.jobs, self.imports, self.undelivered) == (0, 0, 0)
    }
}

impl Watch {
    pub(super) async fn new(stack: &Stack) -> Result<Self> {
        let operations = [&stack.api, &stack.worker].map(|program| Client::new(&program.operations_url()));
        let database = PgConnection::connect(stack.database.admin_url()).await?;
        Ok(Self {
            operations,
            database,
            silence: Duration::ZERO,
            oldest: Duration::ZERO,
            restarts: Vec::new(),
            unready: 0,
            first_reason: None,
            open: Open::default(),
        })
    }

    /// Looks once; what is on its way.
    pub(super) async fn look(&mut self) -> Result<Open> {
        let mut restarts = Vec::new();
        for client in &self.operations {
            let ready = client.get("/readyz").await;
            if ready.status != 200 {
                self.unready += 1;
                self.first_reason.get_or_insert_with(|| ready.text());
            }
            let page = client.get("/metrics").await.text();
            restarts
                .extend(series(&page, "tenon_task_restarts_total").map(|(task, count)| (task, count as u64)));
            if let Some((_, at)) = series(&page, "tenon_worker_last_claim_timestamp_seconds").next() {
                let ago = chrono::Utc::now().timestamp_millis() as f64 / 1000.0 - at;
                self.silence =
                    self.silence.max(Duration::try_from_secs_f64(ago.max(0.0)).unwrap_or_default());
            }
        }
        self.restarts = restarts;
        self.open = sqlx::query_as(
            "select (select count(*) from apalis.jobs) as jobs,
                    (select count(*) from tenon.imports
                     where state not in ('succeeded', 'partial', 'failed', 'cancelled', 'reverted')) as imports,
                    (select count(*) from tenon.deliveries where status <> 'delivered') as undelivered,
                    (select coalesce(extract(epoch from now() - min(d.created_at)), 0)::float8
                     from tenon.deliveries d join tenon.webhooks w on (w.tenant_id, w.id) = (d.tenant_id, d.webhook_id)
                     where d.status in ('pending', 'paused') and w.active) as oldest",
        )
        .fetch_one(&mut self.database)
        .await
        .context("what is on its way")?;
        self.oldest = self.oldest.max(Duration::try_from_secs_f64(self.open.oldest).unwrap_or_default());
        Ok(self.open)
    }
}

/// The values of a metric, by the text of its labels' values.
fn series<'a>(page: &'a str, name: &'a str) -> impl Iterator<Item = (String, f64)> + 'a {
    page.lines().filter_map(move |line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = rest.rsplit_once(' ')?;
        let label = labels.split('"').nth(1).unwrap_or_default();
        Some((label.to_owned(), value.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_with_their_label() {
        let page = "# HELP a_total Of a.\na_total{task=\"one\"} 3\na_total{task=\"two\"} 0\nb 1.5\n";
        assert_eq!(
            series(page, "a_total").collect::<Vec<_>>(),
            [("one".to_owned(), 3.0), ("two".to_owned(), 0.0)]
        );
        assert_eq!(series(page, "b").collect::<Vec<_>>(), [(String::new(), 1.5)]);
    }
}
