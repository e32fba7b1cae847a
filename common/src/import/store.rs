//! The rows of `tenon.imports`: made, read, listed, and set to another state.

mod import;

use sqlx::types::Json;

use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{Error, Result};
use crate::id::ImportId;
use crate::import::{Options, RunImport, State, ValidateImport, file};
use crate::job::{self, Job};
use crate::page::{Page, Window};
use crate::wire;

pub use import::Import;
use import::columns;

/// A file that was sent.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name.
    pub name: Option<String>,
    /// Its bytes.
    pub bytes: u64,
}

/// An import to make, whose file is in the storage already.
#[derive(Clone, Debug)]
pub struct NewImport {
    /// Its id, which the file's key has.
    pub id: ImportId,
    /// How.
    pub options: Options,
    /// The file.
    pub file: File,
    /// The columns, where they are known by now.
    pub columns: Vec<String>,
}

/// Makes an import and the job that looks at its file.
pub async fn create(tx: &mut TenantTx<'_>, new: NewImport) -> Result<Import> {
    let actor = tx.actor().clone();
    let by = actor.principal.reference().to_string();
    let allowed = new.options.max_errors.and_then(|most| i64::try_from(most).ok());
    let made: Import = sqlx::query_as(concat!(
        "insert into tenon.imports (tenant_id, id, object, state, dry_run, options, file_name, file_bytes, file_key, columns,
                                    errors_allowed, role, user_id, created_at, created_by, updated_at, updated_by)
         values ($1, $2, $3, 'validating', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $13, $14)
         returning ",
        columns!()
    ))
    .bind(actor.tenant)
    .bind(new.id)
    .bind(new.options.object.name())
    .bind(new.options.dry_run)
    .bind(Json(&new.options))
    .bind(new.file.name)
    .bind(i64::try_from(new.file.bytes).map_err(Error::internal)?)
    .bind(file::key(actor.tenant, new.id))
    .bind(new.columns)
    .bind(allowed)
    .bind(actor.role.name())
    .bind(actor.principal.user())
    .bind(wire::now())
    .bind(by)
    .fetch_one(tx.conn())
    .await?;
    enqueue(tx, &ValidateImport { tenant_id: actor.tenant, import_id: new.id }).await?;
    Ok(made)
}

/// Inserts a job of the tenant's.
pub(super) async fn enqueue<J: Job>(tx: &mut TenantTx<'_>, job: &J) -> Result<()> {
    let lane = tx.actor().tenant.0;
    job::enqueue(tx.conn(), Some(lane), job).await?;
    tx.enqueued(J::QUEUE);
    Ok(())
}

/// Has its rows made.
pub(super) async fn enqueue_run(tx: &mut TenantTx<'_>, import: ImportId) -> Result<()> {
    let tenant_id = tx.actor().tenant;
    enqueue(tx, &RunImport { tenant_id, import_id: import }).await
}

/// An import.
pub async fn get(tx: &mut TenantTx<'_>, id: ImportId) -> Result<Import> {
    let found = sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from tenon.imports where tenant_id = $1 and id = $2"
    ));
    found
        .bind(tx.actor().tenant)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?
        .ok_or(Error::NotFound(EntityKind::Import))
}

/// The same, which nobody else changes meanwhile.
pub(super) async fn lock(tx: &mut TenantTx<'_>, id: ImportId) -> Result<Import> {
    let found = sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from tenon.imports where tenant_id = $1 and id = $2 for no key update"
    ));
    found
        .bind(tx.actor().tenant)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?
        .ok_or(Error::NotFound(EntityKind::Import))
}

/// Imports, newest first.
pub async fn list(tx: &mut TenantTx<'_>, state: Option<State>, window: &Window) -> Result<Page<Import>> {
    let state = state.map(State::name);
    let last = window.last();
    let items = sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from tenon.imports
         where tenant_id = $1 and ($2::text is null or state = $2)
           and ($3::timestamptz is null or (created_at, id) < ($3, $4))
         order by created_at desc, id desc limit $5 offset $6"
    ))
    .bind(tx.actor().tenant)
    .bind(state)
    .bind(last.map(|last| last.at))
    .bind(last.map(|last| last.id))
    .bind(window.fetch())
    .bind(window.offset())
    .fetch_all(tx.conn())
    .await?;
    let total = match window.counts() {
        true => Some(find_totals(tx, state).await?),
        false => None,
    };
    Ok(Page::of(items, total, window))
}

/// How many imports there are in a state, or at all.
pub async fn find_totals(tx: &mut TenantTx<'_>, state: Option<&str>) -> Result<i64> {
    let count =
        "select count(*) from tenon.imports where tenant_id = $1 and ($2::text is null or state = $2)";
    Ok(sqlx::query_scalar(count).bind(tx.actor().tenant).bind(state).fetch_one(tx.conn()).await?)
}

/// Changes an import that is locked. `set` is one of the texts of this package.
pub(super) async fn set_state(tx: &mut TenantTx<'_>, id: ImportId, set: &'static str) -> Result<Import> {
    let statement = format!(
        "update tenon.imports set {set}, version = version + 1, updated_at = now(), updated_by = $3
         where tenant_id = $1 and id = $2 returning {}",
        columns!()
    );
    let by = tx.actor().principal.reference().to_string();
    let changed = sqlx::query_as(sqlx::AssertSqlSafe(statement)).bind(tx.actor().tenant).bind(id).bind(by);
    Ok(changed.fetch_one(tx.conn()).await?)
}
