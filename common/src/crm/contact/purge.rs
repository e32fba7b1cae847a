//! The end of a contact.

use crate::change;
use crate::crm::contact::{Contact, changed, find, lock, stamp};
use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::event::EventType;
use crate::id::ContactId;

/// Removes a deleted contact for good. Answers its last state, which the event has too; nothing else is left of it but earlier
/// events, for as long as those are kept.
pub async fn purge(tx: &mut TenantTx<'_>, id: ContactId, expected: Option<i64>) -> Result<Contact> {
    let before = match lock(tx, id, true).await {
        Err(Error::NotFound(_)) if find(tx, id).await?.is_some() => {
            return Err(Error::state("Only a deleted contact can be purged"));
        }
        locked => locked?,
    };
    if expected.is_some_and(|expected| expected != before.version) {
        return Err(Error::Stale { current: before.version });
    }
    let mut last = before.clone();
    stamp(tx, &mut last);
    sqlx::query("delete from tenon.contacts where tenant_id = $1 and id = $2")
        .bind(tx.actor().tenant)
        .bind(id)
        .execute(tx.conn())
        .await?;
    change::record(tx, &[changed(EventType::CONTACT_PURGED, Some(&before), &last)?]).await?;
    Ok(last)
}
