//! What the database knows: which events were made for whom, and what is still open.

use anyhow::{Context, Result};
use sqlx::{Connection, PgConnection};
use std::collections::{HashMap, HashSet};
use tenon_common::id::EventId;
use uuid::Uuid;

use super::site::Site;
use super::writers::Written;

/// A look behind the wall.
pub(super) struct Ledger(PgConnection);

/// An event that tells of a new contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) contact: Uuid,
    pub(super) tenant: Uuid,
}

/// What is not done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Open {
    pub(super) fan_outs: i64,
    pub(super) undelivered: i64,
}

impl Ledger {
    pub(super) async fn open(site: &Site) -> Result<Self> {
        let url = site.stack.database.admin_url();
        Ok(Self(PgConnection::connect(url).await.context("a look behind the wall")?))
    }

    /// All of them, by `webhook-id`.
    pub(super) async fn made(&mut self) -> Result<HashMap<String, Made>> {
        let events: Vec<(EventId, Uuid, Uuid)> = sqlx::query_as(
            "select id, object_id, tenant_id from tenon.events where type = 'contact.created'",
        )
        .fetch_all(&mut self.0)
        .await?;
        let events = events.into_iter();
        Ok(events.map(|(id, contact, tenant)| (id.wire(), Made { contact, tenant })).collect())
    }

    /// The contacts that are there of those about which the clients are in doubt.
    pub(super) async fn doubtful(&mut self, written: &Written) -> Result<HashSet<Uuid>> {
        let query = sqlx::query_scalar("select id from tenon.contacts where name = any ($1)");
        let found: Vec<Uuid> = query.bind(&written.doubtful).fetch_all(&mut self.0).await?;
        Ok(found.into_iter().collect())
    }

    /// How much of what the webhooks are to get has not been got.
    pub(super) async fn look(&mut self, site: &Site) -> Result<Open> {
        let ids: Vec<Uuid> = site.hooks.iter().map(|hook| hook.id).collect();
        let query = sqlx::query_as(
            "select (select count(*) from apalis.jobs where kind = 'fan-out-event') as fan_outs,
                    (select count(*) from tenon.deliveries where webhook_id = any ($1) and status <> 'delivered') as undelivered",
        );
        Ok(query.bind(ids).fetch_one(&mut self.0).await?)
    }

    /// Jobs of whatever kind that were given up.
    pub(super) async fn given_up(&mut self) -> Result<i64> {
        let query = sqlx::query_scalar("select count(*) from apalis.jobs where status = 'Killed'");
        Ok(query.fetch_one(&mut self.0).await?)
    }

    /// How many seconds the oldest transaction is open, whosever it is.
    pub(super) async fn oldest_transaction(&mut self) -> Result<f64> {
        let query = sqlx::query_scalar(
            "select coalesce(extract(epoch from clock_timestamp() - min(xact_start)), 0)::float8 from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'",
        );
        Ok(query.fetch_one(&mut self.0).await?)
    }

    /// In what states the deliveries of a webhook are that are not delivered, and what they say.
    pub(super) async fn why(&mut self, webhook: Uuid) -> Result<String> {
        let states: Vec<(String, i64, Option<String>)> = sqlx::query_as(
            "select status || coalesce(case when next_attempt_at > now() + interval '1 minute' then ', due in more than a minute' end, ''),
                    count(*), max(last_error)
             from tenon.deliveries where webhook_id = $1 and status <> 'delivered' group by 1 order by 1",
        )
        .bind(webhook)
        .fetch_all(&mut self.0)
        .await?;
        let states = states.into_iter().map(|(state, count, error)| {
            format!("{count} {state}{}", error.map(|error| format!(" ({error})")).unwrap_or_default())
        });
        let states = states.collect::<Vec<_>>().join(", ");
        Ok(if states.is_empty() { "none but delivered ones".to_owned() } else { states })
    }
}
