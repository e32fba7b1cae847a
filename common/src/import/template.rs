//! Templates: how files of a kind are imported, kept under a name.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::types::Json;

use crate::account::quota::{self, Quota};
use crate::actor::ActorReference;
use crate::change;
use crate::db::TenantTx;
use crate::db::record::record;
use crate::entity::EntityKind;
use crate::error::{Error, FieldError, Result, broken_constraint};
use crate::event::EventType;
use crate::id::{ImportTemplateId, TenantId};
use crate::import::{Options, mapping};
use crate::kept::{self, Head, Kept, Statements};
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
}

impl Kept for Template {
    type Id = ImportTemplateId;
    const KIND: EntityKind = EntityKind::ImportTemplate;
    const STATEMENTS: Statements =
        kept::statements!("tenon.import_templates" where "tenant_id = $1" by created_at, columns!());

    fn head(&self) -> Head {
        let Self { id, version, created_at, updated_at, .. } = *self;
        Head { id: id.0, version, created_at, updated_at }
    }

    fn shown(&self) -> Result<Value> {
        Ok(json!({"id": self.id, "name": self.name, "object": self.options.object, "version": self.version}))
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
    kept::lock::<Template>(tx, id, expected).await?;
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
    let removed: Template = kept::lock(tx, id, expected).await?;
    let statement = "delete from tenon.import_templates where tenant_id = $1 and id = $2";
    sqlx::query(statement).bind(tx.actor().tenant).bind(id).execute(tx.conn()).await?;
    told(tx, removed, EventType::IMPORT_TEMPLATE_DELETED).await
}

async fn told(tx: &mut TenantTx<'_>, template: Template, event: EventType) -> Result<Template> {
    change::record(tx, &[template.change(event, None)?]).await?;
    Ok(template)
}

/// A template.
pub async fn get(tx: &mut TenantTx<'_>, id: ImportTemplateId) -> Result<Template> {
    kept::get(tx, id).await
}

fn refusal(error: sqlx::Error) -> Error {
    match broken_constraint(&error) {
        Some("import_templates_name") => Error::duplicate("name", None),
        _ => error.into(),
    }
}
