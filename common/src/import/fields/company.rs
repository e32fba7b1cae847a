//! Columns of companies.

use super::{Field, Importable, field, id, text};
use crate::crm::company::Company;
use crate::import::Object;
use crate::import::fields::read;

impl Importable for Company {
    const OBJECT: Object = Object::Companies;
    const FIELDS: &'static [Field<Self>] = &[
        text!(
            "externalId",
            external_id,
            ["companyid", "accountid", "organizationid", "crmid", "recordid", "recordidcompany", "reference"]
        ),
        text!(
            "name",
            name,
            [
                "companyname",
                "company",
                "accountname",
                "account",
                "organizationname",
                "organisationname",
                "organization",
                "organisation",
                "firma",
                "unternehmen",
                "societe",
                "entreprise",
                "empresa"
            ]
        ),
        text!("industry", industry, ["sector", "branch", "industrysector", "branche"]),
        text!(
            "website",
            website,
            ["websiteurl", "url", "homepage", "companywebsite", "webpage", "website1value", "web"]
        ),
        field!(
            "employees",
            employees,
            |value, _| read::integer(value),
            ToString::to_string,
            [
                "employeecount",
                "numberofemployees",
                "noofemployees",
                "employeesnumber",
                "headcount",
                "companysize",
                "size"
            ]
        ),
        text!("domain", domain, ["companydomainname", "companydomain", "domainname", "websitedomain"]),
        id!("ownerId", owner_id, []),
    ];
}
