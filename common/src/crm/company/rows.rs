//! Companies column by column, to be bound and unnested by one statement.

use crate::crm::company::Company;
use crate::id::{CompanyId, UserId};

/// The columns of many companies, for `unnest`.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) id: Vec<CompanyId>,
    pub(super) external_id: Vec<Option<String>>,
    pub(super) name: Vec<String>,
    pub(super) industry: Vec<Option<String>>,
    pub(super) website: Vec<Option<String>>,
    pub(super) employees: Vec<Option<i32>>,
    pub(super) domain: Vec<Option<String>>,
    pub(super) owner_id: Vec<Option<UserId>>,
}

impl Rows {
    pub(super) fn of(companies: &[Company]) -> Self {
        let mut rows = Self::default();
        for company in companies {
            rows.id.push(company.id);
            rows.external_id.push(company.external_id.clone());
            rows.name.push(company.name.clone());
            rows.industry.push(company.industry.clone());
            rows.website.push(company.website.clone());
            rows.employees.push(company.employees);
            rows.domain.push(company.domain.clone());
            rows.owner_id.push(company.owner_id);
        }
        rows
    }
}
