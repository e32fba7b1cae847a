//! What companies are listed, filtered and sorted by.

use crate::list::{Field, Kind, Listing};

/// The list of companies. The search function and the indexes are in `migrations/0021_expand_company_lists.sql`.
pub static LIST: Listing = Listing {
    name: "companies",
    table: "tenon.companies",
    columns: super::COLUMNS,
    members: &[
        "id",
        "tenantId",
        "externalId",
        "name",
        "industry",
        "website",
        "employees",
        "domain",
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
        Field::new("name", "name", Kind::Text).required().sortable().searched(),
        Field::new("industry", "industry", Kind::Text).grouped().searched(),
        Field::new("website", "website", Kind::Text).searched(),
        Field::new("employees", "employees", Kind::Integer).sortable(),
        Field::new("domain", "domain", Kind::Folded).sortable().searched(),
        Field::new("ownerId", "owner_id", Kind::Uuid),
        Field::new("version", "version", Kind::Integer).required(),
        Field::new("createdAt", "created_at", Kind::Instant).required().sortable(),
        Field::new("updatedAt", "updated_at", Kind::Instant).required().sortable(),
        Field::new("deletedAt", "deleted_at", Kind::Instant).sortable(),
    ],
    search: Some("select id from tenon.search_companies"),
    default_sort: "-createdAt",
};
