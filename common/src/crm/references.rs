//! What records say of other records: whether those are there, and the words for those that are not. The foreign keys make sure
//! of the tenant; what is asked here is whether the caller sees the record, and whether it is deleted.

use uuid::Uuid;

use crate::db::TenantTx;
use crate::error::{Error, FieldError, Result};
use crate::id::CompanyId;

/// Refuses companies that the caller does not see or that are deleted. One statement, and none where there is nothing to ask.
pub(super) async fn companies(
    tx: &mut TenantTx<'_>,
    field: &str,
    ids: impl IntoIterator<Item = CompanyId>,
) -> Result<()> {
    let statement = "select not exists (
             select from unnest($2::uuid[]) as named (id)
             where not exists (select from tenon.companies c where c.tenant_id = $1 and c.id = named.id and c.deleted_at is null))";
    seen(tx, statement, ids.into_iter().map(|id| id.0).collect(), || unknown(field, "company")).await
}

async fn seen(
    tx: &mut TenantTx<'_>,
    statement: &'static str,
    ids: Vec<Uuid>,
    refusal: impl FnOnce() -> Error,
) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let tenant = tx.actor().tenant;
    let all: bool = sqlx::query_scalar(statement).bind(tenant).bind(ids).fetch_one(tx.conn()).await?;
    if all { Ok(()) } else { Err(refusal()) }
}

/// The field names no record of that kind.
pub(super) fn unknown(field: &str, kind: &str) -> Error {
    let message = format!("Must be the id of a {kind} of this organization that is not deleted");
    Error::Invalid(vec![FieldError::new(field, "UNKNOWN_RECORD", message)])
}

/// The field names no member.
pub(super) fn not_a_member(field: &str) -> Error {
    Error::Invalid(vec![FieldError::new(
        field,
        "NOT_A_MEMBER",
        "Must be the id of a user of this organization",
    )])
}
