//! `/connection/companies`.

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::param::{Header, Path};
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::{Map, Value};
use tenon_common::account::role::Role;
use tenon_common::crm::company::{self, Company, CompanyDraft};
use tenon_common::crm::record;
use tenon_common::id::UserId;
use uuid::Uuid;

use crate::actor::ActorBody;
use crate::app::App;
use crate::body::{Body, FieldError, Rules};
use crate::caller::{Caller, CompaniesDelete, CompaniesRead, CompaniesWrite};
use crate::error::ApiError;
use crate::lists::{self, Selected};
use crate::params;
use crate::response::{Created, Deleted, Fetched, Listed, Shown};
use crate::tags::Tags;
use crate::timestamp::Timestamp;

/// An organization that the organization deals with.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Company", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct CompanyBody {
    /// The company's id.
    pub id: Uuid,
    /// The organization's id.
    pub tenant_id: Uuid,
    /// The company's key in another system; unique among companies that are not deleted.
    #[oai(nullable)]
    pub external_id: Option<String>,
    /// The name.
    pub name: String,
    /// One of `GET /api/v1/meta/industries`.
    #[oai(nullable)]
    pub industry: Option<String>,
    /// The website's address.
    #[oai(nullable)]
    pub website: Option<String>,
    /// How many people work there.
    #[oai(nullable)]
    pub employees: Option<i32>,
    /// The domain of its addresses, in lower case.
    #[oai(nullable)]
    pub domain: Option<String>,
    /// The user who is responsible. An AGENT sees its own companies.
    #[oai(nullable)]
    pub owner_id: Option<Uuid>,
    /// Counts changes, from 1. The `ETag` is made of it.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Who created it.
    pub created_by: ActorBody,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: ActorBody,
    /// When it was deleted; null for what is not.
    #[oai(nullable)]
    pub deleted_at: Option<Timestamp>,
}

/// A company to create, or what one is replaced with.
#[derive(Object, Debug, Clone)]
#[oai(rename = "CompanyInput", rename_all = "camelCase", example)]
pub struct CompanyInput {
    /// 1 to 100 characters after trimming.
    pub name: String,
    /// The company's key in another system, 1 to 255 characters.
    #[oai(nullable)]
    pub external_id: Option<String>,
    /// The name of an industry of `GET /api/v1/meta/industries`.
    #[oai(nullable)]
    pub industry: Option<String>,
    /// An http or https URL.
    #[oai(nullable)]
    pub website: Option<String>,
    /// How many people work there, 0 to 10,000,000.
    #[oai(nullable)]
    pub employees: Option<i32>,
    /// A domain name such as example.com, in any case.
    #[oai(nullable)]
    pub domain: Option<String>,
    /// The user who is responsible. What an AGENT creates is its own.
    #[oai(nullable)]
    pub owner_id: Option<Uuid>,
}

impl poem_openapi::types::Example for CompanyInput {
    fn example() -> Self {
        Self {
            name: "ACME Corp".to_owned(),
            external_id: None,
            industry: Some("Technology".to_owned()),
            website: Some("https://acme.example".to_owned()),
            employees: Some(250),
            domain: Some("acme.example".to_owned()),
            owner_id: None,
        }
    }
}

/// Changes to a company (RFC 7396): absent keeps a field, null clears it.
#[derive(Object, Debug)]
#[oai(rename = "CompanyPatch", rename_all = "camelCase")]
pub struct CompanyPatch {
    /// 1 to 100 characters after trimming. Cannot be cleared.
    pub name: Option<String>,
    /// The company's key in another system.
    #[oai(nullable)]
    pub external_id: MaybeUndefined<String>,
    /// The name of an industry of `GET /api/v1/meta/industries`.
    #[oai(nullable)]
    pub industry: MaybeUndefined<String>,
    /// An http or https URL.
    #[oai(nullable)]
    pub website: MaybeUndefined<String>,
    /// How many people work there, 0 to 10,000,000.
    #[oai(nullable)]
    pub employees: MaybeUndefined<i32>,
    /// A domain name such as example.com.
    #[oai(nullable)]
    pub domain: MaybeUndefined<String>,
    /// The user who is responsible: giving a company away.
    #[oai(nullable)]
    pub owner_id: MaybeUndefined<Uuid>,
}

impl From<Company> for CompanyBody {
    fn from(company: Company) -> Self {
        Self {
            id: company.id.0,
            tenant_id: company.tenant_id.0,
            external_id: company.external_id,
            name: company.name,
            industry: company.industry,
            website: company.website,
            employees: company.employees,
            domain: company.domain,
            owner_id: company.owner_id.map(|id| id.0),
            version: company.version,
            created_at: company.created_at.into(),
            created_by: company.created_by.into(),
            updated_at: company.updated_at.into(),
            updated_by: company.updated_by.into(),
            deleted_at: company.deleted_at.map(Timestamp),
        }
    }
}

impl From<CompanyInput> for CompanyDraft {
    fn from(input: CompanyInput) -> Self {
        Self {
            name: Some(input.name),
            external_id: input.external_id,
            industry: input.industry,
            website: input.website,
            employees: input.employees,
            domain: input.domain,
            owner_id: input.owner_id.map(UserId),
        }
    }
}

impl CompanyPatch {
    fn merge(self, mut draft: CompanyDraft) -> CompanyDraft {
        draft.name = self.name.or(draft.name);
        self.external_id.update_to(&mut draft.external_id);
        self.industry.update_to(&mut draft.industry);
        self.website.update_to(&mut draft.website);
        self.employees.update_to(&mut draft.employees);
        self.domain.update_to(&mut draft.domain);
        self.owner_id.map_value(UserId).update_to(&mut draft.owner_id);
        draft
    }
}

/// The rules of a company's fields.
pub struct CompanyRules;

impl Rules for CompanyRules {
    fn broken(body: &Map<String, Value>) -> Vec<FieldError> {
        let text = |field: &str| body.get(field).and_then(Value::as_str).map(str::to_owned);
        let number = |field: &str| body.get(field).and_then(Value::as_i64);
        let draft = CompanyDraft {
            // Whether it has to be there, the schema says.
            name: text("name").or_else(|| Some("-".to_owned())),
            external_id: text("externalId"),
            industry: text("industry"),
            website: text("website"),
            employees: number("employees").and_then(|number| i32::try_from(number).ok()),
            domain: text("domain"),
            owner_id: None,
        };
        let errors = draft.check().err().unwrap_or_default();
        errors.into_iter().map(FieldError::from).collect()
    }
}

/// What a company is replaced with. An AGENT that names no owner keeps it: it would lose the company otherwise.
fn replacement(draft: CompanyDraft, now: &CompanyDraft, owns_only: bool) -> CompanyDraft {
    let owner_id = draft.owner_id.or(now.owner_id.filter(|_| owns_only));
    CompanyDraft { owner_id, ..draft }
}

/// The operations.
pub struct CompaniesApi;

#[OpenApi(prefix_path = "/api/v1/connection/companies", tag = "Tags::Companies")]
impl CompaniesApi {
    /// List companies
    ///
    /// Newest first, unless `sort` says otherwise. Page by number with `page` and `pageSize`, which also tells the total and
    /// reaches 10,000 companies, or by cursor with `limit` and then `cursor`, which reaches all of them. `filter`, `q`, `deleted`,
    /// `updatedSince` and fields by their names narrow the list together. Needs `companies:read`.
    #[oai(path = "/", method = "get", operation_id = "list_companies")]
    async fn list(
        &self,
        caller: Caller<CompaniesRead>,
        app: Data<&Arc<App>>,
        request: &Request,
    ) -> Result<Listed<Selected<CompanyBody>>, ApiError> {
        let query = lists::query(request, &company::LIST, &app.cursors)?;
        let found = app.db.read(&caller.actor, async |tx| record::list::<Company>(tx, &query).await).await?;
        Ok(lists::answer(request, &app.cursors, &query, found, CompanyBody::from))
    }

    /// Create a company
    ///
    /// Needs `companies:write`. Emits `company.created`.
    #[oai(path = "/", method = "post", operation_id = "create_company")]
    async fn create(
        &self,
        caller: Caller<CompaniesWrite>,
        app: Data<&Arc<App>>,
        body: Body<CompanyInput, CompanyRules>,
    ) -> Result<Created<CompanyBody>, ApiError> {
        let fields = CompanyDraft::from(body.0).check().map_err(tenon_common::Error::Invalid)?;
        let company =
            app.db.write(&caller.actor, async |tx| record::create::<Company>(tx, fields).await).await?;
        let location = format!("/api/v1/connection/companies/{}", company.id);
        Ok(Created { version: Some(company.version), location, data: company.into() })
    }

    /// Get a company
    ///
    /// With `If-None-Match` 304 for the version that you have. Needs `companies:read`.
    #[oai(path = "/:id", method = "get", operation_id = "get_company")]
    async fn get(
        &self,
        caller: Caller<CompaniesRead>,
        app: Data<&Arc<App>>,
        /// The company's id.
        id: Path<Uuid>,
        /// The `ETag` that you have.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Fetched<CompanyBody>, ApiError> {
        let company = app.db.read(&caller.actor, async |tx| record::get::<Company>(tx, id.0).await).await?;
        let version = company.version;
        Ok(Fetched::unless(if_none_match.as_deref(), company.into(), version))
    }

    /// Replace a company
    ///
    /// Fields that are absent are cleared. Needs `companies:write`. Emits `company.updated`, unless nothing differs.
    #[oai(path = "/:id", method = "put", operation_id = "replace_company")]
    async fn replace(
        &self,
        caller: Caller<CompaniesWrite>,
        app: Data<&Arc<App>>,
        /// The company's id.
        id: Path<Uuid>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<CompanyInput, CompanyRules>,
    ) -> Result<Shown<CompanyBody>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let owns_only = caller.actor.role < Role::Admin;
        let draft = CompanyDraft::from(body.0);
        draft.clone().check().map_err(tenon_common::Error::Invalid)?;
        let edit = async |tx: &mut tenon_common::TenantTx<'_>| {
            record::update(tx, id.0, expected, |now| replacement(draft, &now, owns_only)).await
        };
        let company: Company = app.db.write(&caller.actor, edit).await?;
        let version = company.version;
        Ok(Shown::versioned(company.into(), version))
    }

    /// Change a company
    ///
    /// JSON merge patch (RFC 7396): absent keeps a field, null clears it. Needs `companies:write`. Emits `company.updated`,
    /// unless nothing differs.
    #[oai(path = "/:id", method = "patch", operation_id = "update_company")]
    async fn update(
        &self,
        caller: Caller<CompaniesWrite>,
        app: Data<&Arc<App>>,
        /// The company's id.
        id: Path<Uuid>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<CompanyPatch, CompanyRules>,
    ) -> Result<Shown<CompanyBody>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let patch = body.0;
        let edit = async |tx: &mut tenon_common::TenantTx<'_>| {
            record::update(tx, id.0, expected, |draft| patch.merge(draft)).await
        };
        let company: Company = app.db.write(&caller.actor, edit).await?;
        let version = company.version;
        Ok(Shown::versioned(company.into(), version))
    }

    /// Delete a company
    ///
    /// It is hidden, its external id is free again, and it can be restored. Its contacts stay, and keep its id. Needs `companies:delete`.
    /// Emits `company.deleted`.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_company")]
    async fn delete(
        &self,
        caller: Caller<CompaniesDelete>,
        app: Data<&Arc<App>>,
        /// The company's id.
        id: Path<Uuid>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// `return=representation` for the last state in a 200.
        #[oai(name = "Prefer")]
        prefer: Header<Option<String>>,
    ) -> Result<Deleted<CompanyBody>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let company = app
            .db
            .write(&caller.actor, async |tx| record::delete::<Company>(tx, id.0, expected).await)
            .await?;
        Ok(Deleted::as_preferred(prefer.as_deref(), || company.into()))
    }

    /// Restore a company
    ///
    /// Brings a deleted company back. Refused with `RESTORE_CONFLICT` where another company has its external id by now.
    /// Needs `companies:write`. Emits `company.restored`.
    #[oai(path = "/:id/restore", method = "post", operation_id = "restore_company")]
    async fn restore(
        &self,
        caller: Caller<CompaniesWrite>,
        app: Data<&Arc<App>>,
        /// The company's id.
        id: Path<Uuid>,
    ) -> Result<Shown<CompanyBody>, ApiError> {
        let company =
            app.db.write(&caller.actor, async |tx| record::restore::<Company>(tx, id.0).await).await?;
        let version = company.version;
        Ok(Shown::versioned(company.into(), version))
    }
}
