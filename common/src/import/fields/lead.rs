//! Columns of leads.

use super::{Field, Importable, field, id, text};
use crate::crm::lead::Lead;
use crate::import::Object;
use crate::import::fields::read;

impl Importable for Lead {
    const OBJECT: Object = Object::Leads;
    const FIELDS: &'static [Field<Self>] = &[
        text!("externalId", external_id, ["leadid", "dealid", "crmid", "recordid", "reference"]),
        text!("title", title, ["name", "leadname", "dealname", "subject"]),
        field!(
            "status",
            status,
            |value, _| read::status(value),
            |status| status.name().to_owned(),
            ["leadstatus", "state"]
        ),
        field!(
            "value",
            value,
            |value, _| read::number(value),
            ToString::to_string,
            ["amount", "dealvalue", "price"]
        ),
        text!("currency", currency, ["currencycode"]),
        id!("ownerId", owner_id, []),
        id!("contactId", contact_id, []),
        id!("companyId", company_id, []),
        id!("pipelineId", pipeline_id, []),
        id!("stageId", stage_id, []),
        field!(
            "expectedCloseDate",
            expected_close_date,
            read::day,
            ToString::to_string,
            ["closedate", "expectedclose"]
        ),
    ];
}
