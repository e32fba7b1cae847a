//! What contacts are listed, filtered and sorted by.

use crate::list::{Field, Kind, Listing};

/// The list of contacts. The search function and the indexes are in `migrations/0020_expand_contact_lists.sql`.
pub static LIST: Listing = Listing {
    name: "contacts",
    table: "tenon.contacts",
    columns: super::COLUMNS,
    members: &[
        "id",
        "tenantId",
        "externalId",
        "name",
        "email",
        "phone",
        "phoneOriginal",
        "company",
        "companyId",
        "title",
        "lifecycle",
        "ownerId",
        "userId",
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
        Field::new("name", "name", Kind::Text).required().sortable().searched(),
        Field::new("email", "email_key", Kind::Folded).sortable().searched(),
        Field::new("phone", "phone", Kind::Text).searched(),
        Field::new("company", "company", Kind::Text).grouped().searched(),
        Field::new("companyId", "company_id", Kind::Uuid),
        Field::new("title", "title", Kind::Text).searched(),
        Field::new("lifecycle", "lifecycle", Kind::Text).grouped().searched(),
        Field::new("ownerId", "owner_id", Kind::Uuid),
        Field::new("userId", "user_id", Kind::Uuid),
        Field::new("createdAt", "created_at", Kind::Instant).required().sortable(),
        Field::new("updatedAt", "updated_at", Kind::Instant).required().sortable(),
        Field::new("deletedAt", "deleted_at", Kind::Instant).sortable(),
    ],
    search: Some("select id from tenon.search_contacts"),
    default_sort: "-createdAt",
};
