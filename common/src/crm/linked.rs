//! The records that others can be linked with: contacts, companies and leads. Which one is a kind and an id on the wire and in
//! Rust, and a column for each kind in tables, so that foreign keys hold it.

use std::collections::HashSet;

use serde::Serialize;
use uuid::Uuid;

use crate::crm::record::Link;
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{Error, Result};

/// A kind of record that others can be linked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkedKind {
    /// A contact.
    Contact,
    /// A company.
    Company,
    /// A lead.
    Lead,
}

impl LinkedKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Contact, Self::Company, Self::Lead];

    /// The kind as events and messages call it.
    pub fn entity(self) -> EntityKind {
        match self {
            Self::Contact => EntityKind::Contact,
            Self::Company => EntityKind::Company,
            Self::Lead => EntityKind::Lead,
        }
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        self.entity().name()
    }
}

/// A record that another is linked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Linked {
    /// What kind of record.
    #[serde(rename = "type")]
    pub kind: LinkedKind,
    /// Which one.
    pub id: Uuid,
}

impl Linked {
    /// A record.
    pub fn new(kind: LinkedKind, id: Uuid) -> Self {
        Self { kind, id }
    }

    /// Its id, if it is of that kind: what the column of the kind has.
    pub(super) fn of_kind(self, kind: LinkedKind) -> Option<Uuid> {
        Some(self.id).filter(|_| self.kind == kind)
    }

    /// What the columns of the kinds have, of which one is filled.
    pub(super) fn of_columns(
        contact: Option<Uuid>,
        company: Option<Uuid>,
        lead: Option<Uuid>,
    ) -> Result<Self> {
        let kinds =
            [(LinkedKind::Contact, contact), (LinkedKind::Company, company), (LinkedKind::Lead, lead)];
        let found = kinds.into_iter().find_map(|(kind, id)| id.map(|id| Self { kind, id }));
        found.ok_or_else(|| Error::internal("a link without an end"))
    }
}

/// What hangs on a contact: associations from either end, and links of activities.
pub(super) const OF_CONTACT: &[Link] = &[
    Link { table: ASSOCIATIONS, column: "first_contact_id", condition: "" },
    Link { table: ASSOCIATIONS, column: "second_contact_id", condition: "" },
    Link { table: ACTIVITY_LINKS, column: "contact_id", condition: "" },
];
/// The same of a company.
pub(super) const OF_COMPANY: &[Link] = &[
    Link { table: ASSOCIATIONS, column: "first_company_id", condition: "" },
    Link { table: ASSOCIATIONS, column: "second_company_id", condition: "" },
    Link { table: ACTIVITY_LINKS, column: "company_id", condition: "" },
];
/// The same of a lead.
pub(super) const OF_LEAD: &[Link] = &[
    Link { table: ASSOCIATIONS, column: "first_lead_id", condition: "" },
    Link { table: ASSOCIATIONS, column: "second_lead_id", condition: "" },
    Link { table: ACTIVITY_LINKS, column: "lead_id", condition: "" },
];
const ASSOCIATIONS: &str = "tenon.associations";
const ACTIVITY_LINKS: &str = "tenon.activity_links";

/// What people call the record, if the caller sees it and it is not deleted.
pub(super) async fn find_name(tx: &mut TenantTx<'_>, of: Linked) -> Result<Option<String>> {
    let statement = match of.kind {
        LinkedKind::Contact => {
            "select name from tenon.contacts where tenant_id = $1 and id = $2 and deleted_at is null"
        }
        LinkedKind::Company => {
            "select name from tenon.companies where tenant_id = $1 and id = $2 and deleted_at is null"
        }
        LinkedKind::Lead => {
            "select title from tenon.leads where tenant_id = $1 and id = $2 and deleted_at is null"
        }
    };
    Ok(sqlx::query_scalar(statement).bind(tx.actor().tenant).bind(of.id).fetch_optional(tx.conn()).await?)
}

/// The same, or the refusal that there is no such record.
pub(super) async fn name(tx: &mut TenantTx<'_>, of: Linked) -> Result<String> {
    find_name(tx, of).await?.ok_or(Error::NotFound(of.kind.entity()))
}

/// Those of the records that the caller sees and that are not deleted: one statement for each kind that is named.
pub(super) async fn seen(tx: &mut TenantTx<'_>, named: &[Linked]) -> Result<HashSet<Linked>> {
    let mut seen = HashSet::new();
    for kind in LinkedKind::ALL {
        let ids: Vec<Uuid> = named.iter().filter_map(|linked| linked.of_kind(kind)).collect();
        if ids.is_empty() {
            continue;
        }
        let statement = match kind {
            LinkedKind::Contact => {
                "select id from tenon.contacts where tenant_id = $1 and id = any ($2) and deleted_at is null"
            }
            LinkedKind::Company => {
                "select id from tenon.companies where tenant_id = $1 and id = any ($2) and deleted_at is null"
            }
            LinkedKind::Lead => {
                "select id from tenon.leads where tenant_id = $1 and id = any ($2) and deleted_at is null"
            }
        };
        let found: Vec<Uuid> =
            sqlx::query_scalar(statement).bind(tx.actor().tenant).bind(ids).fetch_all(tx.conn()).await?;
        seen.extend(found.into_iter().map(|id| Linked { kind, id }));
    }
    Ok(seen)
}
