//! What a tenant keeps a few of beside the records of the CRM: webhooks, audit sinks, API keys, templates of imports. One is read by its id and
//! locked before it is changed, all are listed newest first, and each change has its event. What is special about one stands with it.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{Encode, FromRow, Postgres, Type};
use uuid::Uuid;

use crate::change::Change;
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{Error, Result};
use crate::event::EventType;
use crate::page::{Page, SortKey, Window};
use crate::wire;

/// A kind of such things.
pub trait Kept: for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static {
    /// Its id.
    type Id: for<'q> Encode<'q, Postgres> + Type<Postgres> + Send + 'static;
    /// What it is, for the refusal where there is none.
    const KIND: EntityKind;
    /// How it is found.
    const STATEMENTS: Statements;

    /// What all of them have.
    fn head(&self) -> Head;

    /// As the API shows it, which events carry: never with a secret.
    ///
    /// # Errors
    /// Where it is no JSON.
    fn shown(&self) -> Result<Value>;

    /// Its place in the list.
    fn sort_key(&self) -> SortKey {
        let Head { id, created_at, .. } = self.head();
        SortKey { at: created_at, id }
    }

    /// What has become of it, with what it was before where something else was.
    ///
    /// # Errors
    /// As [`Kept::shown`].
    fn change(&self, event: EventType, before: Option<&Self>) -> Result<Change> {
        let Head { id, version, updated_at, .. } = self.head();
        let before = before.map(Self::shown).transpose()?;
        Ok(Change { event, object: id, version, at: updated_at, before, after: self.shown()? })
    }
}

/// What all of them have.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// The id.
    pub id: Uuid,
    /// Counts changes, from 1.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The statements that find things of a kind, as the macro of that name makes them.
#[derive(Clone, Copy, Debug)]
pub struct Statements {
    pub(crate) get: &'static str,
    pub(crate) lock: &'static str,
    pub(crate) list: &'static str,
    pub(crate) count: &'static str,
}

/// The [`Statements`] of a table: of which rows, by what they are listed, and the columns of one. `$1` is the tenant, `$2` the id; of lists
/// `$2` how many, `$3` behind how many, `$4` and `$5` behind which.
macro_rules! statements {
    ($table:literal where $there:literal by created_at, $($columns:tt)+) => {
        $crate::kept::statements!(
            @ $table, $there, "(created_at, id) < ($4, $5)", "created_at desc, id desc", $($columns)+
        )
    };
    // Ids sort by time.
    ($table:literal where $there:literal by id, $($columns:tt)+) => {
        $crate::kept::statements!(@ $table, $there, "id < $5", "id desc", $($columns)+)
    };
    (@ $table:literal, $there:literal, $behind:literal, $order:literal, $($columns:tt)+) => {
        $crate::kept::Statements {
            get: concat!("select ", $($columns)+, " from ", $table, " where ", $there, " and id = $2"),
            lock: concat!(
                "select ", $($columns)+, " from ", $table, " where ", $there, " and id = $2 for no key update"
            ),
            list: concat!(
                "select ", $($columns)+, " from ", $table, " where ", $there,
                " and ($4::timestamptz is null or ", $behind, ") order by ", $order, " limit $2 offset $3"
            ),
            count: concat!("select count(*) from ", $table, " where ", $there),
        }
    };
}

pub(crate) use statements;

/// The one with this id.
pub(crate) async fn get<K: Kept>(tx: &mut TenantTx<'_>, id: K::Id) -> Result<K> {
    one(tx, id, K::STATEMENTS.get).await
}

/// The one with this id, which nobody else changes until the end of the transaction; refused where it has not the expected version.
pub(crate) async fn lock<K: Kept>(tx: &mut TenantTx<'_>, id: K::Id, expected: Option<i64>) -> Result<K> {
    let found: K = one(tx, id, K::STATEMENTS.lock).await?;
    refuse_stale(found.head().version, expected)?;
    Ok(found)
}

/// Refuses a version that is not the expected one.
pub(crate) fn refuse_stale(current: i64, expected: Option<i64>) -> Result<()> {
    match expected {
        Some(expected) if expected != current => Err(Error::Stale { current }),
        _ => Ok(()),
    }
}

async fn one<K: Kept>(tx: &mut TenantTx<'_>, id: K::Id, statement: &'static str) -> Result<K> {
    let found = sqlx::query_as(statement).bind(tx.actor().tenant).bind(id).fetch_optional(tx.conn()).await?;
    found.ok_or(Error::NotFound(K::KIND))
}

/// Rewrites the one with this id by a statement that answers it: `$1` is the tenant, `$2` the id, `$3` now, `$4` who does it.
pub(crate) async fn rewrite<K: Kept>(tx: &mut TenantTx<'_>, id: K::Id, statement: &'static str) -> Result<K> {
    let rewritten = sqlx::query_as(statement)
        .bind(tx.actor().tenant)
        .bind(id)
        .bind(wire::now())
        .bind(tx.actor().principal.reference().to_string())
        .fetch_one(tx.conn())
        .await?;
    Ok(rewritten)
}

/// All of a kind, newest first.
///
/// # Errors
/// Those of the database.
pub async fn list<K: Kept>(tx: &mut TenantTx<'_>, window: &Window) -> Result<Page<K>> {
    let (tenant, last) = (tx.actor().tenant, window.last());
    let items = sqlx::query_as(K::STATEMENTS.list)
        .bind(tenant)
        .bind(window.fetch())
        .bind(window.offset())
        .bind(last.map(|last| last.at))
        .bind(last.map(|last| last.id))
        .fetch_all(tx.conn())
        .await?;
    let total = match window.counts() {
        true => Some(sqlx::query_scalar(K::STATEMENTS.count).bind(tenant).fetch_one(tx.conn()).await?),
        false => None,
    };
    Ok(Page::of(items, total, window))
}

#[cfg(test)]
mod tests {
    #[test]
    fn statements_are_of_the_rows_that_are_there() {
        let kept = super::statements!("tenon.things" where "tenant_id = $1 and deleted_at is null" by created_at, "id, name");
        assert_eq!(
            kept.lock,
            "select id, name from tenon.things where tenant_id = $1 and deleted_at is null and id = $2 for no key update"
        );
        assert_eq!(
            kept.list,
            "select id, name from tenon.things where tenant_id = $1 and deleted_at is null and \
             ($4::timestamptz is null or (created_at, id) < ($4, $5)) order by created_at desc, id desc limit $2 offset $3"
        );
        let by_id = super::statements!("tenon.things" where "tenant_id = $1" by id, "id");
        assert_eq!(
            by_id.list,
            "select id from tenon.things where tenant_id = $1 and ($4::timestamptz is null or id < $5) \
             order by id desc limit $2 offset $3"
        );
    }
}
