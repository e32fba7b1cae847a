//! Templates: how files of a kind are imported, kept under a name.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::types::Json;

use crate::account::quota::{self, Quota};
use crate::actor::ActorReference;
use crate::change::{self, Change};
use crate::db::TenantTx;
use crate::db::record::record;
use crate::entity::EntityKind;
use crate::error::{Error, FieldError, Result, broken_constraint};
use crate::event::EventType;
use crate::id::{ImportTemplateId, TenantId};
use crate::import::{Options, mapping};
use crate::page::{Page, SortKey, Window};
use crate::rules;
use crate::wire;

/// A template.
#[derive(Clone, Debug)]
pub struct Template {
    /// Its id.
    pub id: ImportTemplateId,
    /// Whose.
    pub tenant_id: TenantId,
    /// The name, unique.
    pub name: String,
    options: Json<Options>,
    /// Counts changes, from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: ActorReference,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// By whom.
    pub updated_by: ActorReference,
}

record!(Template { id, tenant_id, name, options, version, created_at, created_by, updated_at, updated_by });

impl Template {
    /// How files are imported.
    pub fn options(&self) -> &Options {
        &self.options.0
    }

    /// Its place in the list.
    pub fn sort_key(&self) -> SortKey {
        SortKey { at: self.created_at, id: self.id.0 }
    }

    fn change(&self, event: EventType) -> Change {
        let after =
            json!({"id": self.id, "name": self.name, "object": self.options.object, "version": self.version});
        Change { event, object: self.id.0, version: self.version, at: self.updated_at, before: None, after }
    }
}

/// What a caller says of a template.
#[derive(Clone, Debug)]
pub struct TemplateDraft {
    /// 1 to 100 characters.
    pub name: String,
    /// How files are imported.
    pub options: Options,
}

impl TemplateDraft {
    fn check(mut self) -> Result<Self> {
        self.name = rules::text(&self.name, "Name", 100)
            .map_err(|(code, message)| Error::Invalid(vec![FieldError::new("name", code, message)]))?;
        mapping::settle(&mut self.options)?;
        Ok(self)
    }
}

/// Makes a template.
pub async fn create(tx: &mut TenantTx<'_>, draft: TemplateDraft) -> Result<Template> {
    let draft = draft.check()?;
    quota::claim(tx, Quota::ImportTemplates, 1).await?;
    let by = tx.actor().principal.reference().to_string();
    let made = sqlx::query_as(concat!(
        "insert into tenon.import_templates (tenant_id, id, name, object, options, created_at, created_by, updated_at, updated_by)
         values ($1, $2, $3, $4, $5, $6, $7, $6, $7) returning ",
        columns!()
    ))
    .bind(tx.actor().tenant)
    .bind(ImportTemplateId::new())
    .bind(draft.name)
    .bind(draft.options.object.name())
    .bind(Json(draft.options))
    .bind(wire::now())
    .bind(by)
    .fetch_one(tx.conn())
    .await
    .map_err(refusal)?;
    told(tx, made, EventType::IMPORT_TEMPLATE_CREATED).await
}

/// Replaces a template, if it has the expected version.
pub async fn update(
    tx: &mut TenantTx<'_>,
    id: ImportTemplateId,
    expected: Option<i64>,
    draft: TemplateDraft,
) -> Result<Template> {
    let draft = draft.check()?;
    lock(tx, id, expected).await?;
    let by = tx.actor().principal.reference().to_string();
    let changed = sqlx::query_as(concat!(
        "update tenon.import_templates set name = $3, object = $4, options = $5, version = version + 1, updated_at = $6, updated_by = $7
         where tenant_id = $1 and id = $2 returning ",
        columns!()
    ))
    .bind(tx.actor().tenant)
    .bind(id)
    .bind(draft.name)
    .bind(draft.options.object.name())
    .bind(Json(draft.options))
    .bind(wire::now())
    .bind(by)
    .fetch_one(tx.conn())
    .await
    .map_err(refusal)?;
    told(tx, changed, EventType::IMPORT_TEMPLATE_UPDATED).await
}

/// Removes a template, if it has the expected version. Imports that used it have its options.
pub async fn delete(tx: &mut TenantTx<'_>, id: ImportTemplateId, expected: Option<i64>) -> Result<Template> {
    let removed = lock(tx, id, expected).await?;
    let statement = "delete from tenon.import_templates where tenant_id = $1 and id = $2";
    sqlx::query(statement).bind(tx.actor().tenant).bind(id).execute(tx.conn()).await?;
    told(tx, removed, EventType::IMPORT_TEMPLATE_DELETED).await
}

async fn told(tx: &mut TenantTx<'_>, template: Template, event: EventType) -> Result<Template> {
    change::record(tx, &[template.change(event)]).await?;
    Ok(template)
}

/// A template.
pub async fn get(tx: &mut TenantTx<'_>, id: ImportTemplateId) -> Result<Template> {
    one(
        tx,
        id,
        concat!("select ", columns!(), " from tenon.import_templates where tenant_id = $1 and id = $2"),
    )
    .await
}

async fn lock(tx: &mut TenantTx<'_>, id: ImportTemplateId, expected: Option<i64>) -> Result<Template> {
    let locked = concat!(
        "select ",
        columns!(),
        " from tenon.import_templates where tenant_id = $1 and id = $2 for update"
    );
    let found = one(tx, id, locked).await?;
    match expected {
        Some(expected) if expected != found.version => Err(Error::Stale { current: found.version }),
        _ => Ok(found),
    }
}

async fn one(tx: &mut TenantTx<'_>, id: ImportTemplateId, statement: &'static str) -> Result<Template> {
    let found = sqlx::query_as(statement).bind(tx.actor().tenant).bind(id).fetch_optional(tx.conn()).await?;
    found.ok_or(Error::NotFound(EntityKind::ImportTemplate))
}

/// Templates, newest first.
pub async fn list(tx: &mut TenantTx<'_>, window: &Window) -> Result<Page<Template>> {
    let last = window.last();
    let items = sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from tenon.import_templates
         where tenant_id = $1 and ($2::timestamptz is null or (created_at, id) < ($2, $3))
         order by created_at desc, id desc limit $4 offset $5"
    ))
    .bind(tx.actor().tenant)
    .bind(last.map(|last| last.at))
    .bind(last.map(|last| last.id))
    .bind(window.fetch())
    .bind(window.offset())
    .fetch_all(tx.conn())
    .await?;
    let count = "select count(*) from tenon.import_templates where tenant_id = $1";
    let total = match window.counts() {
        true => Some(sqlx::query_scalar(count).bind(tx.actor().tenant).fetch_one(tx.conn()).await?),
        false => None,
    };
    Ok(Page::of(items, total, window))
}

fn refusal(error: sqlx::Error) -> Error {
    match broken_constraint(&error) {
        Some("import_templates_name") => Error::duplicate("name", None),
        _ => error.into(),
    }
}
