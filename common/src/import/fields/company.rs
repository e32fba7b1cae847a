//! Columns of companies.

use super::{Field, Importable, field, id, text};
use crate::crm::company::Company;
use crate::import::Object;
use crate::import::fields::read;

impl Importable for Company {
    const OBJECT: Object = Object::Companies;
    const FIELDS: &'static [Field<Self>] = &[
        text!("externalId", external_id, ["companyid", "crmid", "recordid", "reference"]),
        text!("name", name, ["companyname", "company", "organization", "organisation", "account"]),
        text!("industry", industry, ["sector", "branch"]),
        text!("website", website, ["url", "homepage", "web"]),
        field!(
            "employees",
            employees,
            |value, _| read::integer(value),
            ToString::to_string,
            ["employeecount", "numberofemployees", "headcount", "size"]
        ),
        text!("domain", domain, ["domainname", "companydomain"]),
        id!("ownerId", owner_id, []),
    ];
}
