//! Sinks: where a tenant's entries are streamed to, once they are sealed. As records; [`stream`] is what workers do.

mod draft;
mod line;
pub mod stream;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use crate::account::quota::{self, Quota};
use crate::actor::ActorReference;
use crate::change;
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{Error, Result};
use crate::event::EventType;
use crate::id::{AuditSinkId, TenantId};
use crate::kept::{self, Head, Kept, Statements};
use crate::receiver::address::AddressPolicy;
use crate::receiver::signature::Secret;
use crate::secret::{MasterKey, Purpose};
use crate::wire;

pub use draft::{SinkDraft, SinkKind};

/// A sink, without its secret.
#[derive(Clone, Debug, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Sink {
    /// Its id.
    pub id: AuditSinkId,
    /// Whose.
    pub tenant_id: TenantId,
    /// For people.
    pub name: String,
    /// What kind.
    pub kind: SinkKind,
    /// Where entries go; none of a file.
    pub url: Option<String>,
    /// What keys of objects begin with; of a file.
    pub prefix: Option<String>,
    /// Whether entries are sent.
    pub active: bool,
    /// Everything up to this position is delivered.
    #[serde(skip)]
    pub position: i64,
    /// When it is tried again, where it has failed.
    #[serde(skip)]
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Since when every attempt has failed.
    #[serde(skip)]
    pub failing_since: Option<DateTime<Utc>>,
    /// Why the last attempt has failed.
    #[serde(skip)]
    pub last_error: Option<String>,
    /// When something was delivered last.
    #[serde(skip)]
    pub last_delivered_at: Option<DateTime<Utc>>,
    /// Counts changes, from 1; deliveries are none.
    pub version: i64,
    /// When it was created.
    #[serde(serialize_with = "wire::serialize")]
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: ActorReference,
    /// When it was last changed.
    #[serde(serialize_with = "wire::serialize")]
    pub updated_at: DateTime<Utc>,
    /// By whom.
    pub updated_by: ActorReference,
}

macro_rules! columns {
    () => {
        "id, tenant_id, name, kind, url, prefix, active, position, next_attempt_at, failing_since, last_error, last_delivered_at, \
         version, created_at, created_by, updated_at, updated_by"
    };
}

impl Kept for Sink {
    type Id = AuditSinkId;
    const KIND: EntityKind = EntityKind::AuditSink;
    const STATEMENTS: Statements = kept::statements!(
        "tenon.audit_sinks" where "tenant_id = $1 and deleted_at is null" by created_at, columns!()
    );

    fn head(&self) -> Head {
        let Self { id, version, created_at, updated_at, .. } = *self;
        Head { id: id.0, version, created_at, updated_at }
    }

    fn shown(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(Error::internal)
    }
}

/// Creates a sink; answers the secret of one that is signed for, which is shown this once. It gets what is sealed from then on, or all that
/// is there.
pub async fn create(
    tx: &mut TenantTx<'_>,
    draft: SinkDraft,
    from_beginning: bool,
    policy: &AddressPolicy,
    master: &MasterKey,
) -> Result<(Sink, Option<Secret>)> {
    let fields = draft.check(policy, None)?;
    quota::claim(tx, Quota::AuditSinks, 1).await?;
    let id = AuditSinkId::new();
    let secret = match fields.kind {
        SinkKind::Http => Some(fields.secret.unwrap_or_else(Secret::generate)),
        SinkKind::Syslog | SinkKind::File => None,
    };
    let statement = concat!(
        "insert into tenon.audit_sinks (tenant_id, id, name, kind, url, prefix, secret, active, position, created_at, created_by, updated_at,
                                        updated_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8,
                 case when $9 then 0 else coalesce((select max(s.position) from tenon.audit_seals s where s.tenant_id = $1),
                                                   (select a.position from tenon.audit_anchors a where a.tenant_id = $1), 0) end,
                 $10, $11, $10, $11) returning ",
        columns!()
    );
    let sink: Sink = sqlx::query_as(statement)
        .bind(tx.actor().tenant)
        .bind(id)
        .bind(fields.name)
        .bind(fields.kind)
        .bind(fields.url)
        .bind(fields.prefix)
        .bind(secret.as_ref().map(|secret| seal(master, id, secret)))
        .bind(fields.active)
        .bind(from_beginning)
        .bind(wire::now())
        .bind(tx.actor().principal.reference().to_string())
        .fetch_one(tx.conn())
        .await?;
    change::record(tx, &[sink.change(EventType::AUDIT_SINK_CREATED, None)?]).await?;
    Ok((sink, secret))
}

/// The sink.
pub async fn get(tx: &mut TenantTx<'_>, id: AuditSinkId) -> Result<Sink> {
    kept::get(tx, id).await
}

/// Changes a sink to what `edit` makes of it; its kind stays. What has failed is tried again at once.
pub async fn update(
    tx: &mut TenantTx<'_>,
    id: AuditSinkId,
    expected: Option<i64>,
    policy: &AddressPolicy,
    master: &MasterKey,
    edit: impl FnOnce(SinkDraft) -> SinkDraft,
) -> Result<Sink> {
    let before: Sink = kept::lock(tx, id, expected).await?;
    let draft = SinkDraft {
        name: Some(before.name.clone()),
        kind: Some(before.kind),
        url: before.url.clone(),
        prefix: before.prefix.clone(),
        active: Some(before.active),
        secret: None,
    };
    let fields = SinkDraft { kind: Some(before.kind), ..edit(draft) }.check(policy, before.url.as_deref())?;
    let statement = concat!(
        "update tenon.audit_sinks set name = $3, url = $4, prefix = $5, active = $6, secret = coalesce($7, secret), attempts = 0,
                next_attempt_at = null, lease = null, leased_until = null, version = version + 1, updated_at = $8, updated_by = $9
         where tenant_id = $1 and id = $2 returning ",
        columns!()
    );
    let after: Sink = sqlx::query_as(statement)
        .bind(before.tenant_id)
        .bind(id)
        .bind(fields.name)
        .bind(fields.url)
        .bind(fields.prefix)
        .bind(fields.active)
        .bind(fields.secret.map(|secret| seal(master, id, &secret)))
        .bind(wire::now())
        .bind(tx.actor().principal.reference().to_string())
        .fetch_one(tx.conn())
        .await?;
    change::record(tx, &[after.change(EventType::AUDIT_SINK_UPDATED, Some(&before))?]).await?;
    Ok(after)
}

/// Deletes a sink: what it has not got it never gets. A worker that is at it loses its lease, and sends no further batch.
pub async fn delete(tx: &mut TenantTx<'_>, id: AuditSinkId, expected: Option<i64>) -> Result<Sink> {
    let before: Sink = kept::lock(tx, id, expected).await?;
    let statement = concat!(
        "update tenon.audit_sinks set deleted_at = $3, active = false, lease = null, leased_until = null,
                version = version + 1, updated_at = $3, updated_by = $4
         where tenant_id = $1 and id = $2 returning ",
        columns!()
    );
    let after: Sink = kept::rewrite(tx, id, statement).await?;
    change::record(tx, &[after.change(EventType::AUDIT_SINK_DELETED, Some(&before))?]).await?;
    Ok(after)
}

fn seal(master: &MasterKey, id: AuditSinkId, secret: &Secret) -> Vec<u8> {
    secret.seal(master, Purpose::AuditSinkSecret, id.0)
}

fn open(master: &MasterKey, id: AuditSinkId, sealed: &[u8]) -> Result<Secret> {
    Secret::open(master, Purpose::AuditSinkSecret, id.0, sealed)
}
