//! What a caller says of a company, before and after it was checked.

use crate::crm::company::Company;
use crate::error::{FieldError, Result};
use crate::id::UserId;
use crate::rules::{self, checked};

/// The most employees that a company can have.
pub const MAX_EMPLOYEES: i32 = 10_000_000;

/// What a caller says of a company, not checked yet.
#[derive(Clone, Debug, Default)]
pub struct CompanyDraft {
    /// Required.
    pub name: Option<String>,
    /// See [`Company::external_id`].
    pub external_id: Option<String>,
    /// See [`Company::industry`].
    pub industry: Option<String>,
    /// See [`Company::website`].
    pub website: Option<String>,
    /// See [`Company::employees`].
    pub employees: Option<i32>,
    /// See [`Company::domain`]; in any case.
    pub domain: Option<String>,
    /// See [`Company::owner_id`].
    pub owner_id: Option<UserId>,
}

/// What a caller says of a company, checked; whether the tenant has the industry and the owner, the database says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompanyFields {
    pub(super) name: String,
    pub(super) external_id: Option<String>,
    pub(super) industry: Option<String>,
    pub(super) website: Option<String>,
    pub(super) employees: Option<i32>,
    pub(super) domain: Option<String>,
    pub(super) owner_id: Option<UserId>,
}

impl CompanyDraft {
    /// Checks all fields; answers all that is wrong.
    pub fn check(self) -> Result<CompanyFields, Vec<FieldError>> {
        let mut errors = Vec::new();
        let name = checked(&mut errors, "name", self.name.as_deref(), |v| rules::text(v, "Name", 100));
        if self.name.is_none() {
            errors.push(FieldError::new("name", "REQUIRED", "Name is required"));
        }
        if self.employees.is_some_and(|employees| !(0..=MAX_EMPLOYEES).contains(&employees)) {
            let message = "Employees must be a number from 0 to 10,000,000";
            errors.push(FieldError::new("employees", "OUT_OF_RANGE", message));
        }
        let fields = CompanyFields {
            name: name.unwrap_or_default(),
            external_id: checked(&mut errors, "externalId", self.external_id.as_deref(), rules::external_id),
            industry: checked(&mut errors, "industry", self.industry.as_deref(), |v| {
                rules::text(v, "Industry", 100)
            }),
            website: checked(&mut errors, "website", self.website.as_deref(), rules::website),
            employees: self.employees,
            domain: checked(&mut errors, "domain", self.domain.as_deref(), rules::domain),
            owner_id: self.owner_id,
        };
        if errors.is_empty() { Ok(fields) } else { Err(errors) }
    }
}

impl From<&Company> for CompanyDraft {
    /// What the company says now, for a PATCH to change.
    fn from(company: &Company) -> Self {
        Self {
            name: Some(company.name.clone()),
            external_id: company.external_id.clone(),
            industry: company.industry.clone(),
            website: company.website.clone(),
            employees: company.employees,
            domain: company.domain.clone(),
            owner_id: company.owner_id,
        }
    }
}
