//! What names a record that is removed for good names nothing from then on, whoever owns it and whether it is deleted itself: each
//! is changed, with its event.

use crate::crm::contact::Contact;
use crate::crm::lead::Lead;
use crate::crm::record::{Rows, rewrite};
use crate::db::TenantTx;
use crate::error::Result;
use crate::id::{CompanyId, ContactId, PipelineId};

/// Of a contact: leads.
pub(super) async fn contact(tx: &mut TenantTx<'_>, id: ContactId) -> Result<()> {
    let rows = Rows { column: "contact_id", ids: &[id.0], deleted: None };
    rewrite(tx, rows, |lead: &mut Lead| lead.contact_id = None).await
}

/// Of a company: contacts and leads.
pub(super) async fn company(tx: &mut TenantTx<'_>, id: CompanyId) -> Result<()> {
    let rows = Rows { column: "company_id", ids: &[id.0], deleted: None };
    rewrite(tx, rows, |contact: &mut Contact| contact.company_id = None).await?;
    rewrite(tx, rows, |lead: &mut Lead| lead.company_id = None).await
}

/// Of a pipeline: the leads that were deleted while they were in it. No other is in it once it is deleted.
pub(super) async fn pipeline(tx: &mut TenantTx<'_>, id: PipelineId) -> Result<()> {
    let rows = Rows { column: "pipeline_id", ids: &[id.0], deleted: None };
    rewrite(tx, rows, |lead: &mut Lead| (lead.pipeline_id, lead.stage_id) = (None, None)).await
}
