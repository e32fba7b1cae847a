//! Associations: labelled links between contacts, companies and leads. An association is one row with two ends, and looks the
//! same from both: the other record, what that is to this one (`label`), and what this one is to it (`inverseLabel`).

mod labels;
mod store;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::actor::ActorReference;
use crate::change::{self, Change};
use crate::crm::linked::{self, Linked, LinkedKind};
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{Conflict, ConflictCode, Error, QueryCode, Result};
use crate::event::EventType;
use crate::id::{AssociationId, TenantId};
use crate::page::{Page, SortKey, Window};
use crate::wire;

pub use labels::Labels;

/// An association, as it looks from one of its ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Association {
    /// Its id.
    pub id: AssociationId,
    /// The record at the other end.
    pub to: Linked,
    /// What people call that record; none where the caller does not see it.
    pub name: Option<String>,
    /// What that record is to this one; empty where nobody says.
    pub label: String,
    /// What this record is to that one; empty where nobody says.
    pub inverse_label: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: ActorReference,
}

/// What [`put`] found or made.
#[derive(Debug)]
pub struct Put {
    /// The association.
    pub association: Association,
    /// Whether there was none.
    pub created: bool,
}

impl Association {
    /// Its place in the list.
    pub fn sort_key(&self) -> SortKey {
        SortKey { at: self.created_at, id: self.id.0 }
    }
}

/// The associations of a record with others that are not deleted, newest first; with those of one kind, where one is named.
pub async fn list(
    tx: &mut TenantTx<'_>,
    from: Linked,
    kind: Option<LinkedKind>,
    window: &Window,
) -> Result<Page<Association>> {
    linked::name(tx, from).await?;
    store::list(tx, from, kind, window).await
}

/// Associates two records that the caller sees and that are not deleted. Where they are associated under the label already,
/// nothing is written.
pub async fn put(tx: &mut TenantTx<'_>, from: Linked, to: Linked, labels: Labels) -> Result<Put> {
    linked::name(tx, from).await?;
    let name = linked::name(tx, to).await?;
    if from == to {
        return Err(Error::Query {
            code: QueryCode::Parameter,
            parameter: "toId",
            message: "A record cannot be associated with itself".to_owned(),
        });
    }
    let new = Association {
        id: AssociationId::new(),
        to,
        name: Some(name.clone()),
        inverse_label: labels.inverse().to_owned(),
        label: labels.label().to_owned(),
        created_at: wire::now(),
        created_by: tx.actor().principal.reference(),
    };
    if store::insert(tx, from, &new).await? {
        change::record(tx, &[changed(tx, EventType::ASSOCIATION_CREATED, from, &new)?]).await?;
        return Ok(Put { association: new, created: true });
    }
    let found = store::lock(tx, from, to, labels.label()).await?;
    match found.filter(|found| labels.fit(&found.inverse_label)) {
        Some(found) => Ok(Put { association: Association { name: Some(name), ..found }, created: false }),
        None => Err(other_labels()),
    }
}

/// Ends the association with this label, or the one without a label. Answers its last state.
pub async fn delete(tx: &mut TenantTx<'_>, from: Linked, to: Linked, labels: &Labels) -> Result<Association> {
    linked::name(tx, from).await?;
    let found = store::lock(tx, from, to, labels.label()).await?;
    let found = found.ok_or(Error::NotFound(EntityKind::Association))?;
    store::delete(tx, found.id).await?;
    change::record(tx, &[changed(tx, EventType::ASSOCIATION_DELETED, from, &found)?]).await?;
    Ok(Association { name: linked::find_name(tx, to).await?, ..found })
}

/// The pair has the one label already, with another one in the other direction.
fn other_labels() -> Error {
    Error::Conflict(Conflict {
        code: ConflictCode::Duplicate,
        message: "The records are associated under one of these labels already, and under another one in the other direction"
            .to_owned(),
        field: Some("inverseLabel"),
        with: None,
    })
}

/// What events show.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    id: AssociationId,
    tenant_id: TenantId,
    from: Linked,
    to: Linked,
    label: Option<&'a str>,
    inverse_label: Option<&'a str>,
    #[serde(serialize_with = "wire::serialize")]
    created_at: DateTime<Utc>,
    created_by: ActorReference,
}

fn changed(tx: &TenantTx<'_>, event: EventType, from: Linked, of: &Association) -> Result<Change> {
    let data = Data {
        id: of.id,
        tenant_id: tx.actor().tenant,
        from,
        to: of.to,
        label: labels::said(&of.label),
        inverse_label: labels::said(&of.inverse_label),
        created_at: of.created_at,
        created_by: of.created_by,
    };
    let after = serde_json::to_value(data).map_err(Error::internal)?;
    let (version, at) =
        if event == EventType::ASSOCIATION_CREATED { (1, of.created_at) } else { (2, wire::now()) };
    Ok(Change { event, object: of.id.0, version, at, before: None, after })
}
