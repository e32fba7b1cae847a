//! What is shown and said of organizations.

use std::collections::HashMap;

use poem_openapi::Object;
use poem_openapi::types::{Any, Example};
use serde::Serialize;
use serde_json::{Map, Value};
use tenon_common::account::tenant::{self, Tenant, TenantDraft};
use uuid::Uuid;

use crate::http::body::{FieldError, Rules};
use crate::http::timestamp::Timestamp;

/// An organization. All other records belong to one.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Organization", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct OrganizationBody {
    /// The organization's id: the `tenantId` of its records.
    pub id: Uuid,
    /// The name.
    pub name: String,
    /// The slug: unique among all that organizations have or had.
    pub slug: String,
    /// free, team, business or unlimited. Changed by the installation's operator.
    pub plan: String,
    /// The organization's own settings. With `requireIfMatch` true every `PUT`, `PATCH` and `DELETE` must name a version by
    /// `If-Match`, and is 428 `PRECONDITION_REQUIRED` otherwise; it takes effect within 5 seconds.
    pub settings: HashMap<String, Any<Value>>,
    /// Counts changes, from 1. The `ETag` is made of it.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was deleted; null for what is not.
    #[oai(nullable)]
    pub deleted_at: Option<Timestamp>,
}

/// What an organization is replaced with.
#[derive(Object, Debug)]
#[oai(rename = "OrganizationInput", rename_all = "camelCase", example)]
pub struct OrganizationInput {
    /// 1 to 100 characters after trimming.
    pub name: String,
    /// 3 to 63 characters of `a-z`, `0-9` and single dashes, that begin with a letter and do not end with a dash.
    pub slug: String,
    /// The organization's own settings, at most 16 KiB; none if absent. `requireIfMatch` is true or false.
    pub settings: Option<HashMap<String, Any<Value>>>,
}

impl Example for OrganizationInput {
    fn example() -> Self {
        let settings = [("timeZone".to_owned(), Any(Value::from("Europe/Vienna")))];
        Self {
            name: "ACME Corp".to_owned(),
            slug: "acme-corp".to_owned(),
            settings: Some(settings.into_iter().collect()),
        }
    }
}

/// Changes to an organization (RFC 7396): absent keeps a field.
#[derive(Object, Debug)]
#[oai(rename = "OrganizationPatch", rename_all = "camelCase")]
pub struct OrganizationPatch {
    /// 1 to 100 characters after trimming.
    pub name: Option<String>,
    /// The new slug; the old one stays reserved for the organization.
    pub slug: Option<String>,
    /// Merged into the settings: null takes a setting away.
    pub settings: Option<HashMap<String, Any<Value>>>,
}

impl From<Tenant> for OrganizationBody {
    fn from(tenant: Tenant) -> Self {
        let settings = tenant.settings.as_object().cloned().unwrap_or_default();
        Self {
            id: tenant.id.0,
            name: tenant.name,
            slug: tenant.slug,
            plan: tenant.plan,
            settings: settings.into_iter().map(|(name, value)| (name, Any(value))).collect(),
            version: tenant.version,
            created_at: tenant.created_at.into(),
            updated_at: tenant.updated_at.into(),
            deleted_at: tenant.deleted_at.map(Timestamp),
        }
    }
}

pub(super) fn object(settings: HashMap<String, Any<Value>>) -> Map<String, Value> {
    let mut settings: Vec<_> = settings.into_iter().map(|(name, Any(value))| (name, value)).collect();
    settings.sort_by(|one, other| one.0.cmp(&other.0));
    settings.into_iter().collect()
}

impl OrganizationPatch {
    pub(super) fn merge(self, mut draft: TenantDraft) -> TenantDraft {
        draft.name = self.name.or(draft.name);
        draft.slug = self.slug.or(draft.slug);
        if let Some(settings) = self.settings {
            tenant::merge(draft.settings.get_or_insert_default(), object(settings));
        }
        draft
    }
}

/// The rules of an organization's fields.
pub struct OrganizationRules;

impl Rules for OrganizationRules {
    fn broken(body: &Map<String, Value>) -> Vec<FieldError> {
        let text = |field: &str| body.get(field).and_then(Value::as_str).map(str::to_owned);
        let settings = body.get("settings").and_then(Value::as_object).cloned();
        let draft = TenantDraft { name: text("name"), slug: text("slug"), settings };
        draft.broken().into_iter().map(FieldError::from).collect()
    }
}
