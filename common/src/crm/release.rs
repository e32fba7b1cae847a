//! What names records that are removed for good names nothing from then on, whoever owns it and whether it is deleted itself: each
//! is changed, with its event.

use uuid::Uuid;

use crate::crm::contact::Contact;
use crate::crm::lead::Lead;
use crate::crm::record::{Rows, rewrite};
use crate::db::TenantTx;
use crate::error::Result;

/// Of contacts: leads.
pub(super) async fn contact(tx: &mut TenantTx<'_>, ids: &[Uuid]) -> Result<()> {
    let rows = Rows { column: "contact_id", ids, deleted: None };
    rewrite(tx, rows, |lead: &mut Lead| lead.contact_id = None).await
}

/// Of companies: contacts and leads.
pub(super) async fn company(tx: &mut TenantTx<'_>, ids: &[Uuid]) -> Result<()> {
    let rows = Rows { column: "company_id", ids, deleted: None };
    rewrite(tx, rows, |contact: &mut Contact| contact.company_id = None).await?;
    rewrite(tx, rows, |lead: &mut Lead| lead.company_id = None).await
}

/// Of pipelines: the leads that were deleted while they were in them. No other is in one once it is deleted.
pub(super) async fn pipeline(tx: &mut TenantTx<'_>, ids: &[Uuid]) -> Result<()> {
    let rows = Rows { column: "pipeline_id", ids, deleted: None };
    rewrite(tx, rows, |lead: &mut Lead| (lead.pipeline_id, lead.stage_id) = (None, None)).await
}
