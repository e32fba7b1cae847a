//! `/connection/companies`.

use poem_openapi::Object;
use poem_openapi::types::MaybeUndefined;
use serde::Serialize;
use serde_json::{Map, Value};
use tenon_common::crm::company::{Company, CompanyDraft};
use tenon_common::id::UserId;
use uuid::Uuid;

use crate::calls::caller::{CompaniesDelete, CompaniesRead, CompaniesWrite};
use crate::crm::records::{Kind, Patch, Relation, Resource};
use crate::http::actor::ActorBody;
use crate::http::body::{FieldError, Rules};
use crate::http::timestamp::Timestamp;
use crate::openapi::tags::Tags;

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
            external_id: Some("crm-1001".to_owned()),
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

impl Patch<CompanyDraft> for CompanyPatch {
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

/// Companies.
#[derive(Clone, Copy, Debug, Default)]
pub struct Companies;

impl Resource for Companies {
    type Record = Company;
    type Body = CompanyBody;
    type Input = CompanyInput;
    type Patch = CompanyPatch;
    type Rules = CompanyRules;
    type Read = CompaniesRead;
    type Write = CompaniesWrite;
    type Delete = CompaniesDelete;

    const PATH: &'static str = "/api/v1/connection/companies";
    const TAG: Tags = Tags::Companies;
    const RELATIONS: &'static [Relation<Company>] =
        &[Relation { name: "owner", kind: Kind::Users, id: |company| company.owner_id.map(|id| id.0) }];
    const NOTES: &'static [(&'static str, &'static str)] =
        &[("delete_company", "Its contacts and leads stay, and keep its id.")];
}
