//! What activities are listed, filtered and sorted by.

use crate::list::{Field, Kind, Listing};

/// Rows of an activity's links.
macro_rules! linked {
    () => {
        "tenon.activity_links l where l.tenant_id = activities.tenant_id and l.activity_id = activities.id and l.deleted_at is null"
    };
}

/// The list of activities. The search function and the indexes are in `migrations/0024_expand_activity_lists.sql`.
pub static LIST: Listing = Listing {
    name: "activities",
    table: "tenon.activities",
    columns: super::columns!(),
    members: &[
        "id",
        "tenantId",
        "externalId",
        "kind",
        "subject",
        "body",
        "occurredAt",
        "dueAt",
        "completedAt",
        "links",
        "ownerId",
        "version",
        "createdAt",
        "createdBy",
        "updatedAt",
        "updatedBy",
        "deletedAt",
    ],
    fields: &[
        Field::new("id", "id", Kind::Uuid).required().sortable(),
        Field::new("externalId", "external_id", Kind::Text).sortable().searched(),
        Field::new("kind", "kind", Kind::Text).required().grouped(),
        Field::new("subject", "subject", Kind::Text).sortable().searched(),
        Field::new("body", "body", Kind::Text).searched(),
        Field::new("occurredAt", "occurred_at", Kind::Instant).sortable(),
        Field::new("dueAt", "due_at", Kind::Instant).sortable(),
        Field::new("completedAt", "completed_at", Kind::Instant).sortable(),
        Field::new("contactId", "l.contact_id", Kind::ManyIds { rows: linked!() }),
        Field::new("companyId", "l.company_id", Kind::ManyIds { rows: linked!() }),
        Field::new("leadId", "l.lead_id", Kind::ManyIds { rows: linked!() }),
        Field::new("ownerId", "owner_id", Kind::Uuid),
        Field::new("version", "version", Kind::Integer).required(),
        Field::new("createdAt", "created_at", Kind::Instant).required().sortable(),
        Field::new("updatedAt", "updated_at", Kind::Instant).required().sortable(),
        Field::new("deletedAt", "deleted_at", Kind::Instant).sortable(),
    ],
    search: Some("select id from tenon.search_activities"),
    default_sort: "-createdAt",
};
