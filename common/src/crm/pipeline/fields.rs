//! What pipelines are listed, filtered and sorted by.

use crate::list::{Field, Kind, Listing};

/// The list of pipelines. The search function and the indexes are in `migrations/0023_expand_pipeline_lists.sql`.
pub static LIST: Listing = Listing {
    name: "pipelines",
    table: "tenon.pipelines",
    columns: super::COLUMNS,
    members: &[
        "id",
        "tenantId",
        "externalId",
        "name",
        "stages",
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
        Field::new("version", "version", Kind::Integer).required(),
        Field::new("createdAt", "created_at", Kind::Instant).required().sortable(),
        Field::new("updatedAt", "updated_at", Kind::Instant).required().sortable(),
        Field::new("deletedAt", "deleted_at", Kind::Instant).sortable(),
    ],
    search: Some("select id from tenon.search_pipelines"),
    default_sort: "-createdAt",
};
