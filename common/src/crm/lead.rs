//! Leads: what may become business.

mod draft;
mod status;
mod store;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::Value;

use crate::account::role::Role;
use crate::actor::ActorReference;
use crate::change::{self, Change};
use crate::crm::{money, references};
use crate::db::TenantTx;
use crate::db::record::record;
use crate::entity::EntityKind;
use crate::error::{ConflictCode, Error, Result};
use crate::event::EventType;
use crate::id::{CompanyId, ContactId, LeadId, PipelineId, StageId, TenantId, UserId};
use crate::page::{Page, SortKey, Window};
use crate::wire;

pub use draft::{LeadDraft, LeadFields};
pub use status::Status;

/// A lead. On the wire it has `value` where this has minor units.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lead {
    /// Its id.
    pub id: LeadId,
    /// Whose.
    pub tenant_id: TenantId,
    /// The key of another system.
    pub external_id: Option<String>,
    /// 1–100 characters.
    pub title: String,
    /// How far it has come.
    pub status: Status,
    /// What it is worth, in the currency's minor unit.
    #[serde(skip)]
    pub value_minor: Option<i64>,
    /// ISO 4217; never null where there is a value.
    pub currency: Option<String>,
    /// The user who is responsible.
    pub owner_id: Option<UserId>,
    /// The person.
    pub contact_id: Option<ContactId>,
    /// The company.
    pub company_id: Option<CompanyId>,
    /// The pipeline that it is in.
    pub pipeline_id: Option<PipelineId>,
    /// The stage of that pipeline; a lead in a pipeline is in a stage of it.
    pub stage_id: Option<StageId>,
    /// When it is expected to be won.
    pub expected_close_date: Option<NaiveDate>,
    /// Counts changes, from 1.
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
    /// When it was deleted; null for what is not.
    #[serde(serialize_with = "wire::serialize_option")]
    pub deleted_at: Option<DateTime<Utc>>,
}

record!(Lead {
    id,
    tenant_id,
    external_id,
    title,
    status,
    value_minor,
    currency,
    owner_id,
    contact_id,
    company_id,
    pipeline_id,
    stage_id,
    expected_close_date,
    version,
    created_at,
    created_by,
    updated_at,
    updated_by,
    deleted_at,
});

/// Creates one lead.
pub async fn create(tx: &mut TenantTx<'_>, fields: LeadFields) -> Result<Lead> {
    let mut created = create_many(tx, vec![fields]).await?;
    created.pop().ok_or_else(|| Error::internal("a lead was created and not answered"))
}

/// Creates leads and their events; two statements, whatever their number, and a few more for what they name. The first that
/// collides is refused, and with it all of them.
pub async fn create_many(tx: &mut TenantTx<'_>, fields: Vec<LeadFields>) -> Result<Vec<Lead>> {
    let mut leads: Vec<Lead> = fields.into_iter().map(|fields| new(tx, fields)).collect::<Result<_>>()?;
    references::contacts(tx, "contactId", leads.iter().filter_map(|lead| lead.contact_id)).await?;
    references::companies(tx, "companyId", leads.iter().filter_map(|lead| lead.company_id)).await?;
    let mut places: Vec<(references::Named, references::Place)> = Vec::new();
    for lead in &mut leads {
        let named = (lead.pipeline_id, lead.stage_id);
        let known = places.iter().find(|(asked, _)| *asked == named).map(|(_, place)| *place);
        let place = match known {
            Some(place) => place,
            None => references::place(tx, named).await?,
        };
        places.push((named, place));
        (lead.pipeline_id, lead.stage_id) = place.unzip();
    }
    store::insert(tx, &leads).await?;
    let changes =
        leads.iter().map(|lead| changed(EventType::LEAD_CREATED, None, lead)).collect::<Result<Vec<_>>>()?;
    change::record(tx, &changes).await?;
    Ok(leads)
}

/// The lead, if there is one that is not deleted.
pub async fn find(tx: &mut TenantTx<'_>, id: LeadId) -> Result<Option<Lead>> {
    let statement = concat!(
        "select ",
        columns!(),
        " from tenon.leads where tenant_id = $1 and id = $2 and deleted_at is null"
    );
    Ok(sqlx::query_as(statement).bind(tx.actor().tenant).bind(id).fetch_optional(tx.conn()).await?)
}

/// The lead, or the refusal that there is none.
pub async fn get(tx: &mut TenantTx<'_>, id: LeadId) -> Result<Lead> {
    find(tx, id).await?.ok_or(Error::NotFound(EntityKind::Lead))
}

/// Leads that are not deleted, newest first.
pub async fn list(tx: &mut TenantTx<'_>, window: &Window) -> Result<Page<Lead>> {
    let tenant = tx.actor().tenant;
    let items = match window.last() {
        None => {
            let statement = concat!(
                "select ",
                columns!(),
                " from tenon.leads where tenant_id = $1 and deleted_at is null
                 order by created_at desc, id desc limit $2 offset $3"
            );
            let query = sqlx::query_as(statement).bind(tenant).bind(window.fetch()).bind(window.offset());
            query.fetch_all(tx.conn()).await?
        }
        Some(last) => {
            let statement = concat!(
                "select ",
                columns!(),
                " from tenon.leads where tenant_id = $1 and deleted_at is null and (created_at, id) < ($3, $4)
                 order by created_at desc, id desc limit $2"
            );
            let query =
                sqlx::query_as(statement).bind(tenant).bind(window.fetch()).bind(last.at).bind(last.id);
            query.fetch_all(tx.conn()).await?
        }
    };
    let total = match window.counts() {
        true => {
            let count = "select count(*) from tenon.leads where tenant_id = $1 and deleted_at is null";
            Some(sqlx::query_scalar(count).bind(tenant).fetch_one(tx.conn()).await?)
        }
        false => None,
    };
    Ok(Page::of(items, total, window))
}

/// Changes a lead to what `edit` makes of it, under a row lock, if it has the expected version. A change that changes
/// nothing writes nothing, no event either.
pub async fn update(
    tx: &mut TenantTx<'_>,
    id: LeadId,
    expected: Option<i64>,
    edit: impl FnOnce(LeadDraft) -> LeadDraft,
) -> Result<Lead> {
    let before = lock(tx, id, false).await?;
    if expected.is_some_and(|expected| expected != before.version) {
        return Err(Error::Stale { current: before.version });
    }
    let fields = edit(LeadDraft::from(&before)).check().map_err(Error::Invalid)?;
    let mut after = before.clone();
    apply(&mut after, fields);
    settle(tx, &before, &mut after).await?;
    if after == before {
        return Ok(before);
    }
    if after.owner_id != before.owner_id {
        tx.widen_to_tenant().await?;
    }
    stamp(tx, &mut after);
    store::write(tx, &before, &after, ConflictCode::Duplicate).await?;
    change::record(tx, &changes(&before, &after)?).await?;
    Ok(after)
}

/// Moves a lead to a stage, of whichever pipeline. Where it is there already, nothing is written.
pub async fn move_to(
    tx: &mut TenantTx<'_>,
    id: LeadId,
    expected: Option<i64>,
    stage: StageId,
) -> Result<Lead> {
    let moved = |now| LeadDraft { pipeline_id: None, stage_id: Some(stage), ..now };
    update(tx, id, expected, moved).await
}

/// Sets a locked lead to converted and names what it became. Whether it may be, the caller has asked.
pub(super) async fn convert(
    tx: &mut TenantTx<'_>,
    before: &Lead,
    contact: Option<ContactId>,
    company: Option<CompanyId>,
) -> Result<Lead> {
    let mut after = before.clone();
    after.status = Status::Converted;
    after.contact_id = contact;
    after.company_id = company;
    stamp(tx, &mut after);
    store::write(tx, before, &after, ConflictCode::Duplicate).await?;
    change::record(tx, &[changed(EventType::LEAD_CONVERTED, Some(before), &after)?]).await?;
    Ok(after)
}

/// Hides a lead and frees its external id. Answers its last state.
pub async fn delete(tx: &mut TenantTx<'_>, id: LeadId, expected: Option<i64>) -> Result<Lead> {
    let before = lock(tx, id, false).await?;
    if expected.is_some_and(|expected| expected != before.version) {
        return Err(Error::Stale { current: before.version });
    }
    let mut after = before.clone();
    stamp(tx, &mut after);
    after.deleted_at = Some(after.updated_at);
    store::write(tx, &before, &after, ConflictCode::Duplicate).await?;
    change::record(tx, &[changed(EventType::LEAD_DELETED, Some(&before), &after)?]).await?;
    Ok(after)
}

/// Brings a deleted lead back; without a stage where that was removed meanwhile. Refused with the record that has its external
/// id by now.
pub async fn restore(tx: &mut TenantTx<'_>, id: LeadId) -> Result<Lead> {
    let before = lock(tx, id, true).await?;
    let mut after = before.clone();
    stamp(tx, &mut after);
    after.deleted_at = None;
    if let Some(stage) = before.stage_id
        && references::stage(tx, stage).await?.is_none()
    {
        (after.pipeline_id, after.stage_id) = (None, None);
    }
    store::write(tx, &before, &after, ConflictCode::RestoreConflict).await?;
    change::record(tx, &[changed(EventType::LEAD_RESTORED, Some(&before), &after)?]).await?;
    Ok(after)
}

/// Moves all leads of some stages to another one, each with its event. For the removal of stages.
pub(super) async fn relocate(
    tx: &mut TenantTx<'_>,
    from: &[StageId],
    (pipeline, stage): (PipelineId, StageId),
) -> Result<()> {
    let statement = concat!(
        "select ",
        columns!(),
        " from tenon.leads where tenant_id = $1 and stage_id = any($2) and deleted_at is null order by id for no key update"
    );
    let tenant = tx.actor().tenant;
    let found: Vec<Lead> = sqlx::query_as(statement).bind(tenant).bind(from).fetch_all(tx.conn()).await?;
    let mut changes = Vec::with_capacity(found.len());
    let (mut ids, mut times) = (Vec::new(), Vec::new());
    for before in &found {
        let mut after = before.clone();
        (after.pipeline_id, after.stage_id) = (Some(pipeline), Some(stage));
        stamp(tx, &mut after);
        ids.push(after.id);
        times.push(after.updated_at);
        changes.push(changed(EventType::LEAD_MOVED_TO_STAGE, Some(before), &after)?);
    }
    let actor = tx.actor().principal.reference().to_string();
    sqlx::query(
        "update tenon.leads l set pipeline_id = $2, stage_id = $3, version = l.version + 1, updated_at = moved.at, updated_by = $4
         from unnest($5::uuid[], $6::timestamptz[]) as moved (id, at)
         where l.tenant_id = $1 and l.id = moved.id",
    )
    .bind(tenant)
    .bind(pipeline)
    .bind(stage)
    .bind(actor)
    .bind(ids)
    .bind(times)
    .execute(tx.conn())
    .await?;
    change::record(tx, &changes).await
}

impl Lead {
    /// Its place in the list.
    pub fn sort_key(&self) -> SortKey {
        SortKey { at: self.created_at, id: self.id.0 }
    }

    /// What it is worth, in its currency.
    pub fn value(&self) -> Option<f64> {
        Some(money::from_minor(self.value_minor?, self.currency.as_deref()?))
    }
}

fn new(tx: &TenantTx<'_>, fields: LeadFields) -> Result<Lead> {
    let actor = tx.actor();
    let now = wire::now();
    let by = actor.principal.reference();
    // What an AGENT creates is its own: it could not see it otherwise.
    let own = (actor.role < Role::Admin).then(|| actor.principal.user()).flatten();
    if own.is_some() && fields.owner_id.is_some() && fields.owner_id != own {
        return Err(Error::Forbidden(
            "Your role may create leads for yourself only; give them away afterwards".to_owned(),
        ));
    }
    let mut lead = Lead {
        id: LeadId::new(),
        tenant_id: actor.tenant,
        external_id: None,
        title: String::new(),
        status: Status::New,
        value_minor: None,
        currency: None,
        owner_id: None,
        contact_id: None,
        company_id: None,
        pipeline_id: None,
        stage_id: None,
        expected_close_date: None,
        version: 1,
        created_at: now,
        created_by: by,
        updated_at: now,
        updated_by: by,
        deleted_at: None,
    };
    apply(&mut lead, fields);
    lead.owner_id = lead.owner_id.or(own);
    Ok(lead)
}

fn apply(lead: &mut Lead, fields: LeadFields) {
    lead.title = fields.title;
    lead.external_id = fields.external_id;
    lead.status = fields.status;
    lead.value_minor = fields.value_minor;
    lead.currency = fields.currency;
    lead.owner_id = fields.owner_id;
    lead.contact_id = fields.contact_id;
    lead.company_id = fields.company_id;
    lead.pipeline_id = fields.pipeline_id;
    lead.stage_id = fields.stage_id;
    lead.expected_close_date = fields.expected_close_date;
}

/// Asks for what a change names that was not named before, and finds the lead's place in its pipeline.
async fn settle(tx: &mut TenantTx<'_>, before: &Lead, after: &mut Lead) -> Result<()> {
    if after.contact_id != before.contact_id {
        references::contacts(tx, "contactId", after.contact_id).await?;
    }
    if after.company_id != before.company_id {
        references::companies(tx, "companyId", after.company_id).await?;
    }
    let named = (after.pipeline_id, after.stage_id);
    if named != (before.pipeline_id, before.stage_id) {
        (after.pipeline_id, after.stage_id) = references::place(tx, named).await?.unzip();
    }
    Ok(())
}

fn stamp(tx: &TenantTx<'_>, lead: &mut Lead) {
    lead.version += 1;
    lead.updated_at = wire::now().max(lead.updated_at);
    lead.updated_by = tx.actor().principal.reference();
}

/// The lead under a row lock, deleted or not.
pub(super) async fn lock(tx: &mut TenantTx<'_>, id: LeadId, deleted: bool) -> Result<Lead> {
    let statement = concat!(
        "select ",
        columns!(),
        " from tenon.leads where tenant_id = $1 and id = $2 and (deleted_at is not null) = $3 for no key update"
    );
    let found = sqlx::query_as(statement)
        .bind(tx.actor().tenant)
        .bind(id)
        .bind(deleted)
        .fetch_optional(tx.conn())
        .await?;
    found.ok_or(Error::NotFound(EntityKind::Lead))
}

/// One event for what is the lead's own, one for its place: receivers may listen to either.
fn changes(before: &Lead, after: &Lead) -> Result<Vec<Change>> {
    let place = |lead: &Lead| (lead.pipeline_id, lead.stage_id);
    let with = |lead: &Lead, (pipeline_id, stage_id)| Lead { pipeline_id, stage_id, ..lead.clone() };
    let own = with(before, place(after));
    let stamped = Lead {
        version: before.version,
        updated_at: before.updated_at,
        updated_by: before.updated_by,
        ..after.clone()
    };
    let mut changes = Vec::new();
    if own != stamped {
        changes.push(changed(EventType::LEAD_UPDATED, Some(&own), after)?);
    }
    if place(before) != place(after) {
        let elsewhere = with(after, place(before));
        changes.push(changed(EventType::LEAD_MOVED_TO_STAGE, Some(&elsewhere), after)?);
    }
    Ok(changes)
}

fn changed(event: EventType, before: Option<&Lead>, after: &Lead) -> Result<Change> {
    Ok(Change {
        event,
        object: after.id.0,
        version: after.version,
        at: after.updated_at,
        before: before.map(shown).transpose()?,
        after: shown(after)?,
    })
}

/// As the API shows it.
fn shown(lead: &Lead) -> Result<Value> {
    let mut shown = serde_json::to_value(lead).map_err(Error::internal)?;
    shown["value"] = lead.value().into();
    Ok(shown)
}
