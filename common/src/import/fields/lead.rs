//! Columns of leads.

use super::{Field, Importable, field, id, text};
use crate::crm::lead::Lead;
use crate::import::Object;
use crate::import::fields::read;

impl Importable for Lead {
    const OBJECT: Object = Object::Leads;
    const MONEY: Option<(&'static str, &'static str)> = Some(("value", "currency"));
    const FIELDS: &'static [Field<Self>] = &[
        text!(
            "externalId",
            external_id,
            ["leadid", "dealid", "opportunityid", "crmid", "recordid", "recordiddeal", "reference"]
        ),
        text!(
            "title",
            title,
            [
                "name",
                "leadname",
                "leadtitle",
                "dealname",
                "dealtitle",
                "opportunityname",
                "opportunity",
                "deal",
                "subject",
                "topic"
            ]
        ),
        field!(
            "status",
            status,
            |value, _| read::status(value),
            |status| status.name().to_owned(),
            ["leadstatus", "dealstatus", "state"]
        ),
        field!(
            "value",
            value,
            |value, _| read::number(value),
            ToString::to_string,
            [
                "amount",
                "dealvalue",
                "dealamount",
                "leadvalue",
                "opportunityamount",
                "estimatedvalue",
                "estrevenue",
                "price"
            ]
        ),
        text!(
            "currency",
            currency,
            [
                "currencycode",
                "currencyisocode",
                "amountcurrency",
                "dealcurrency",
                "dealcurrencyofvalue",
                "currencyofvalue"
            ]
        ),
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
            [
                "closedate",
                "closingdate",
                "expectedclose",
                "estclosedate",
                "estimatedclosedate",
                "dealclosedate",
                "dealexpectedclosedate"
            ]
        ),
    ];
}
