//! What the database holds.

use anyhow::{Result, ensure};
use sqlx::{Connection, PgConnection};
use std::time::{Duration, Instant};

use crate::stack::Stack;

/// What has not followed after this time does not follow.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
const LOOK: Duration = Duration::from_millis(200);

/// Counts behind the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct Held {
    /// Contacts that are not deleted.
    pub(super) contacts: i64,
    /// Their different `externalId`s.
    pub(super) distinct: i64,
    /// Events of created contacts.
    pub(super) events: i64,
    /// Contacts that these are of.
    pub(super) told: i64,
    /// Entries of created contacts in the audit trail.
    pub(super) audited: i64,
}

impl Held {
    pub(super) async fn look(stack: &Stack) -> Result<Self> {
        let mut connection = PgConnection::connect(stack.database.admin_url()).await?;
        let held = sqlx::query_as(
            "select (select count(*) from tenon.contacts where deleted_at is null) as contacts,
                    (select count(distinct external_id) from tenon.contacts where deleted_at is null) as distinct,
                    (select count(*) from tenon.events where type = 'contact.created') as events,
                    (select count(distinct object_id) from tenon.events where type = 'contact.created') as told,
                    (select count(*) from tenon.audit_events where action = 'contact.created') as audited",
        );
        Ok(held.fetch_one(&mut connection).await?)
    }
}

/// All fields of all contacts that are not deleted, in short; not who changed them when.
pub(super) async fn contents(stack: &Stack) -> Result<String> {
    let mut connection = PgConnection::connect(stack.database.admin_url()).await?;
    let digest: Option<String> = sqlx::query_scalar(
        "select md5(string_agg(md5(row(id, external_id, name, email, phone, phone_original, company, title, lifecycle, owner_id)::text),
                               '' order by id))
         from tenon.contacts where deleted_at is null",
    )
    .fetch_one(&mut connection)
    .await?;
    Ok(digest.unwrap_or_default())
}

/// Waits until no event waits for its fan-out; how long that took.
pub(super) async fn fanned_out(stack: &Stack) -> Result<Duration> {
    let mut connection = PgConnection::connect(stack.database.admin_url()).await?;
    let began = Instant::now();
    loop {
        let waiting: bool =
            sqlx::query_scalar("select exists (select from apalis.jobs where kind = 'fan-out-event')")
                .fetch_one(&mut connection)
                .await?;
        if !waiting {
            return Ok(began.elapsed());
        }
        ensure!(began.elapsed() < PATIENCE, "events still wait for their fan-out after {PATIENCE:?}");
        tokio::time::sleep(LOOK).await;
    }
}
