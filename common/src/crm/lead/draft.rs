//! What a caller says of a lead, before and after it was checked.

use chrono::NaiveDate;

use crate::crm::lead::{Lead, Status};
use crate::crm::money;
use crate::error::{FieldError, Result};
use crate::id::{CompanyId, ContactId, PipelineId, StageId, UserId};
use crate::rules::{self, checked};

/// What a caller says of a lead, not checked yet.
#[derive(Clone, Debug, Default)]
pub struct LeadDraft {
    /// Required.
    pub title: Option<String>,
    /// See [`Lead::external_id`].
    pub external_id: Option<String>,
    /// Required.
    pub status: Option<Status>,
    /// See [`Lead::value`].
    pub value: Option<f64>,
    /// See [`Lead::currency`]; in any case. US dollars where a value names none.
    pub currency: Option<String>,
    /// See [`Lead::owner_id`].
    pub owner_id: Option<UserId>,
    /// See [`Lead::contact_id`].
    pub contact_id: Option<ContactId>,
    /// See [`Lead::company_id`].
    pub company_id: Option<CompanyId>,
    /// See [`Lead::pipeline_id`]; that of the stage where none is named.
    pub pipeline_id: Option<PipelineId>,
    /// See [`Lead::stage_id`]; the pipeline's first where none is named.
    pub stage_id: Option<StageId>,
    /// See [`Lead::expected_close_date`].
    pub expected_close_date: Option<NaiveDate>,
    /// Whether a value must name its currency: none may become another one in silence.
    pub names_currency: bool,
}

/// What a caller says of a lead, checked; whether there is what it names, the change asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeadFields {
    pub(super) title: String,
    pub(super) external_id: Option<String>,
    pub(super) status: Status,
    pub(super) value_minor: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) owner_id: Option<UserId>,
    pub(super) contact_id: Option<ContactId>,
    pub(super) company_id: Option<CompanyId>,
    pub(super) pipeline_id: Option<PipelineId>,
    pub(super) stage_id: Option<StageId>,
    pub(super) expected_close_date: Option<NaiveDate>,
}

impl LeadDraft {
    /// Checks all fields; answers all that is wrong.
    pub fn check(self) -> Result<LeadFields, Vec<FieldError>> {
        let mut errors = Vec::new();
        let title = checked(&mut errors, "title", self.title.as_deref(), |v| rules::text(v, "Title", 100));
        if self.title.is_none() {
            errors.push(FieldError::new("title", "REQUIRED", "Title is required"));
        }
        if self.status.is_none() {
            errors.push(FieldError::new("status", "REQUIRED", "Status is required"));
        }
        let external_id = checked(&mut errors, "externalId", self.external_id.as_deref(), rules::external_id);
        if self.value.is_some() && self.currency.is_none() && self.names_currency {
            let message = "The value's currency is required; or clear the value too";
            errors.push(FieldError::new("currency", "REQUIRED", message));
        }
        let named = self.currency.as_deref().or(self.value.map(|_| money::DEFAULT_CURRENCY));
        let currency = checked(&mut errors, "currency", named, money::currency);
        let value_minor = match (self.value, &currency) {
            (Some(value), Some(currency)) => match money::to_minor(value, currency) {
                Ok(minor) => Some(minor),
                Err((code, message)) => {
                    errors.push(FieldError::new("value", code, message));
                    None
                }
            },
            _ => None,
        };
        let expected_close_date = self.expected_close_date.map(rules::day).transpose();
        let expected_close_date = expected_close_date.unwrap_or_else(|(code, message)| {
            errors.push(FieldError::new("expectedCloseDate", code, message));
            None
        });
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(LeadFields {
            title: title.unwrap_or_default(),
            external_id,
            status: self.status.unwrap_or(Status::New),
            value_minor,
            currency,
            owner_id: self.owner_id,
            contact_id: self.contact_id,
            company_id: self.company_id,
            pipeline_id: self.pipeline_id,
            stage_id: self.stage_id,
            expected_close_date,
        })
    }
}

impl From<&Lead> for LeadDraft {
    /// What the lead says now, for a PATCH to change.
    fn from(lead: &Lead) -> Self {
        Self {
            title: Some(lead.title.clone()),
            external_id: lead.external_id.clone(),
            status: Some(lead.status),
            value: lead.value(),
            currency: lead.currency.clone(),
            owner_id: lead.owner_id,
            contact_id: lead.contact_id,
            company_id: lead.company_id,
            pipeline_id: lead.pipeline_id,
            stage_id: lead.stage_id,
            expected_close_date: lead.expected_close_date,
            names_currency: lead.currency.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> LeadDraft {
        let (title, status, value) = (Some("Deal".to_owned()), Some(Status::New), Some(12.5));
        LeadDraft { title, status, value, ..LeadDraft::default() }
    }

    fn broken(draft: LeadDraft) -> Vec<(String, &'static str)> {
        let errors = draft.check().err().unwrap_or_default();
        errors.into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn a_value_never_gets_another_currency_in_silence() {
        let euros = LeadDraft { currency: Some("EUR".to_owned()), ..draft() };
        let refused = [("/currency".to_owned(), "REQUIRED")];
        assert_eq!(broken(LeadDraft { names_currency: true, ..draft() }), refused);
        assert_eq!(broken(LeadDraft { names_currency: true, value: None, ..draft() }), []);
        assert_eq!(broken(draft()), []);
        use crate::crm::record::Draft;
        assert_eq!(broken(draft().replacing(&euros)), refused);
        assert_eq!(broken(draft().replacing(&LeadDraft { currency: Some("USD".to_owned()), ..draft() })), []);
    }

    #[test]
    fn days_are_of_this_time() {
        for (day, wanted) in
            [((26, 11, 28), false), ((1899, 12, 31), false), ((2199, 12, 31), true), ((2200, 1, 1), false)]
        {
            let expected_close_date = NaiveDate::from_ymd_opt(day.0, day.1, day.2);
            let errors = broken(LeadDraft { expected_close_date, ..draft() });
            let refused = [("/expectedCloseDate".to_owned(), "OUT_OF_RANGE")];
            assert_eq!(errors, if wanted { &[][..] } else { &refused }, "{day:?}");
        }
    }
}
