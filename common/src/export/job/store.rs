//! The rows of `tenon.exports`: made, read and stopped.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;

use super::{RunExport, State};
use crate::account::quota::{self, Quota};
use crate::actor::{Actor, ActorKind, ActorReference, Origin, Principal};
use crate::crm::record::Record;
use crate::db::TenantTx;
use crate::db::record::record;
use crate::entity::EntityKind;
use crate::error::{Error, Result};
use crate::export::{Aborted, Format, Style, Told};
use crate::id::{ApiKeyId, ExportId, TenantId, UserId};
use crate::import::Object;
use crate::import::object::dispatch;
use crate::job::{self, Job};
use crate::list::{Asked, ListRequest};
use crate::page::{Page, SortKey, Window};
use crate::role::Role;
use crate::wire;

/// What an export was asked for, beside object and format.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// Which records.
    #[serde(flatten)]
    pub asked: Asked,
    /// Whether CSV begins with a byte order mark.
    pub bom: bool,
    /// Whether cells are written as they are, also those that a spreadsheet would run.
    pub raw: bool,
}

/// An export that is written into a file.
#[derive(Clone, Debug)]
pub struct ExportJob {
    /// Its id.
    pub id: ExportId,
    /// Whose.
    pub tenant_id: TenantId,
    object: String,
    format: String,
    state: String,
    options: Json<Options>,
    /// Records that are written.
    pub rows: i64,
    /// Bytes of the file, once it is whole.
    pub bytes: i64,
    fence: i64,
    /// Why it failed: a code.
    pub failure: Option<String>,
    /// The same in words.
    pub failure_message: Option<String>,
    role: String,
    owner_id: Option<UserId>,
    origin: Json<Origin>,
    /// When its first run began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Until when its file is kept.
    pub expires_at: Option<DateTime<Utc>>,
    /// Counts changes of its state, from 1.
    pub version: i64,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: ActorReference,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// By whom.
    pub updated_by: ActorReference,
}

record!(ExportJob {
    id,
    tenant_id,
    object,
    format,
    state,
    options,
    rows,
    bytes,
    fence,
    failure,
    failure_message,
    role,
    owner_id,
    origin,
    started_at,
    finished_at,
    expires_at,
    version,
    created_at,
    created_by,
    updated_at,
    updated_by,
});

/// The files of all runs of an export are below this key.
pub(super) fn folder(tenant: TenantId, export: ExportId) -> String {
    format!("exports/{tenant}/{export}")
}

impl ExportJob {
    /// What records.
    pub fn object(&self) -> Object {
        Object::parse(&self.object).unwrap_or(Object::Contacts)
    }

    /// What it is written as.
    pub fn format(&self) -> Format {
        Format::parse(&self.format).unwrap_or(Format::Csv)
    }

    /// Where it stands. A file whose time is over is not there any more, whether it was removed already or not.
    pub fn state(&self) -> State {
        match State::parse(&self.state).unwrap_or(State::Failed) {
            State::Succeeded if self.expires_at.is_some_and(|until| until <= Utc::now()) => State::Expired,
            state => state,
        }
    }

    /// What was asked for.
    pub fn options(&self) -> &Options {
        &self.options.0
    }

    /// How it is written.
    pub fn style(&self) -> Style {
        Style { format: self.format(), bom: self.options.bom, raw: self.options.raw }
    }

    /// Its place in the list.
    pub fn sort_key(&self) -> SortKey {
        SortKey { at: self.created_at, id: self.id.0 }
    }

    /// The name of its file for who fetches it.
    pub fn file_name(&self) -> String {
        format!("{}-{}.{}", self.object, self.created_at.format("%Y%m%dT%H%M%SZ"), self.format)
    }

    /// The key of its file.
    pub fn file_key(&self) -> String {
        format!("{}/file", self.run_folder(self.fence))
    }

    /// The key below which everything of a run is.
    pub(super) fn run_folder(&self, fence: i64) -> String {
        format!("{}/{fence}", folder(self.tenant_id, self.id))
    }

    pub(super) fn fence(&self) -> i64 {
        self.fence
    }

    /// As whom its records are read.
    pub(super) fn actor(&self) -> Result<Actor> {
        let principal = match (self.created_by.kind, self.created_by.id) {
            (ActorKind::User, Some(id)) => Principal::User(UserId(id)),
            (ActorKind::ApiKey, Some(id)) => Principal::ApiKey(ApiKeyId(id), self.owner_id),
            _ => Principal::System,
        };
        let origin = self.origin.0.clone();
        Ok(Actor { tenant: self.tenant_id, principal, role: Role::parse(&self.role)?, origin })
    }

    /// Refuses its file to who sees less than whom it was written for.
    pub fn check_reach(&self, caller: &Actor) -> Result<()> {
        caller.reach(Role::parse(&self.role)?, self.owner_id)
    }

    /// Writes the event of its end.
    pub(super) async fn tell(&self, tx: &mut TenantTx<'_>, aborted: Option<Aborted>) -> Result<()> {
        let told = Told {
            id: self.id,
            object: self.object().name(),
            format: self.format(),
            asked: self.options.asked.clone(),
            rows: self.rows.unsigned_abs(),
            bytes: self.bytes.unsigned_abs(),
            started_at: self.started_at.unwrap_or(self.created_at),
            completed_at: self.updated_at,
            aborted,
        };
        told.record(tx).await
    }
}

/// An export to make.
#[derive(Clone, Debug)]
pub struct NewExport {
    object: Object,
    format: Format,
    options: Options,
}

impl NewExport {
    /// Checks what is asked for, as the list and the streamed export do; and as it is kept.
    pub fn check(object: Object, style: Style, request: ListRequest) -> Result<Self> {
        let asked = Asked::of(&request)?;
        for request in [request, asked.request()] {
            dispatch!(object, R => request.walk(<R as Record>::listing()))?;
        }
        let options = Options { asked, bom: style.bom, raw: style.raw };
        Ok(Self { object, format: style.format, options })
    }
}

/// Makes an export and its job.
pub async fn create(tx: &mut TenantTx<'_>, new: NewExport) -> Result<ExportJob> {
    let actor = tx.actor().clone();
    if actor.role < Role::Admin && actor.principal.user().is_none() {
        return Err(Error::Forbidden("A key of this role has to act on behalf of a user".to_owned()));
    }
    quota::claim(tx, Quota::Exports, 1).await?;
    quota::claim(tx, Quota::ExportBytes, 1).await?;
    let id = ExportId::new();
    let made: ExportJob = sqlx::query_as(concat!(
        "insert into tenon.exports (tenant_id, id, object, format, state, options, role, owner_id, origin,
                                    created_at, created_by, updated_at, updated_by)
         values ($1, $2, $3, $4, 'queued', $5, $6, $7, $8, $9, $10, $9, $10)
         returning ",
        columns!()
    ))
    .bind(actor.tenant)
    .bind(id)
    .bind(new.object.name())
    .bind(new.format.name())
    .bind(Json(&new.options))
    .bind(actor.role.name())
    .bind(actor.principal.user())
    .bind(Json(&actor.origin))
    .bind(wire::now())
    .bind(actor.principal.reference().to_string())
    .fetch_one(tx.conn())
    .await?;
    let job = RunExport { tenant_id: actor.tenant, export_id: id };
    job::enqueue(tx.conn(), Some(actor.tenant.0), &job).await?;
    tx.enqueued(RunExport::QUEUE);
    Ok(made)
}

/// An export.
pub async fn get(tx: &mut TenantTx<'_>, id: ExportId) -> Result<ExportJob> {
    let found = sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from tenon.exports where tenant_id = $1 and id = $2"
    ));
    let found = found.bind(tx.actor().tenant).bind(id).fetch_optional(tx.conn()).await?;
    found.ok_or(Error::NotFound(EntityKind::Export))
}

/// The same, which nobody else changes meanwhile.
pub(super) async fn lock(tx: &mut TenantTx<'_>, id: ExportId) -> Result<ExportJob> {
    let found = sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from tenon.exports where tenant_id = $1 and id = $2 for no key update"
    ));
    let found = found.bind(tx.actor().tenant).bind(id).fetch_optional(tx.conn()).await?;
    found.ok_or(Error::NotFound(EntityKind::Export))
}

/// [`ExportJob::state`] of a row.
macro_rules! stands {
    () => {
        "case when state = 'succeeded' and expires_at <= now() then 'expired' else state end"
    };
}

/// Exports, newest first.
pub async fn list(tx: &mut TenantTx<'_>, state: Option<State>, window: &Window) -> Result<Page<ExportJob>> {
    let state = state.map(State::name);
    let last = window.last();
    let items = sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from tenon.exports
         where tenant_id = $1 and ($2::text is null or ",
        stands!(),
        " = $2)
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
        true => Some(count(tx, state).await?),
        false => None,
    };
    Ok(Page::of(items, total, window))
}

async fn count(tx: &mut TenantTx<'_>, state: Option<&str>) -> Result<i64> {
    let count = concat!(
        "select count(*) from tenon.exports where tenant_id = $1 and ($2::text is null or ",
        stands!(),
        " = $2)"
    );
    Ok(sqlx::query_scalar(count).bind(tx.actor().tenant).bind(state).fetch_one(tx.conn()).await?)
}

/// Stops an export. The page that is under way is its last, and there will be no file.
pub async fn cancel(tx: &mut TenantTx<'_>, id: ExportId) -> Result<ExportJob> {
    let export = lock(tx, id).await?;
    match export.state() {
        State::Cancelled => return Ok(export),
        State::Queued | State::Running => {}
        other => return Err(Error::state(format!("An export that is {} cannot be cancelled", other.name()))),
    }
    let cancelled = set_state(tx, id, "state = 'cancelled', finished_at = now()").await?;
    cancelled.tell(tx, Some(Aborted::Cancelled)).await?;
    Ok(cancelled)
}

/// Changes an export that is locked. `set` is one of the texts of this package.
pub(super) async fn set_state(tx: &mut TenantTx<'_>, id: ExportId, set: &'static str) -> Result<ExportJob> {
    let statement = format!(
        "update tenon.exports set {set}, version = version + 1, updated_at = now(), updated_by = $3
         where tenant_id = $1 and id = $2 returning {}",
        columns!()
    );
    let by = tx.actor().principal.reference().to_string();
    let changed = sqlx::query_as(sqlx::AssertSqlSafe(statement)).bind(tx.actor().tenant).bind(id).bind(by);
    Ok(changed.fetch_one(tx.conn()).await?)
}
