//! The parameters of lists in the document. They follow from what each list declares, so that no handler repeats them.

use poem_openapi::registry::{MetaOperationParam, MetaParamIn, MetaSchema, MetaSchemaRef};
use tenon_common::filter::MAX_BYTES;
use tenon_common::list::{Field, Kind, Listing};

/// The parameters of a list.
pub fn parameters(listing: &Listing) -> Vec<MetaOperationParam> {
    let text = MetaSchema::new("string");
    let number = MetaSchema::new_with_format("integer", "uint32");
    let fields = listing.filterable().join("`, `");
    let sortable = listing.sortable().join("`, `");
    let members = listing.members.join("`, `");
    let mut all = vec![
        parameter(
            "filter",
            &format!(
                "A condition such as `createdAt >= 2026-01-31 and not (version = 1)`; its grammar is in `openapi/filters.md`. Fields: `{fields}`."
            ),
            MetaSchema { max_length: Some(MAX_BYTES), ..text.clone() },
        ),
        parameter(
            "q",
            "Words that all stand somewhere in the record's texts, regardless of case and accents; one of one or two letters or digits at the beginning of a word.",
            text.clone(),
        ),
        parameter(
            "sort",
            &format!(
                "Fields parted by commas, each with `-` before it for descending; `{}` if absent. Records without a value come last. Fields: `{sortable}`.",
                listing.default_sort
            ),
            text.clone(),
        ),
        parameter(
            "fields",
            &format!(
                "Members of the records to answer, parted by commas; the others are absent. Members: `{members}`."
            ),
            text.clone(),
        ),
        parameter("page", "The page's number, from 1.", number.clone()),
        parameter("pageSize", "Records on a page, 1 to 200; 20 if absent.", number.clone()),
        parameter("limit", "Records at most, 1 to 200, when paging by cursor.", number),
        parameter(
            "cursor",
            "`pagination.nextCursor` of the page before, with the same filters and sort.",
            text,
        ),
        parameter(
            "count",
            "How `pagination.total` is told: `exact` counts all, `estimated` up to 10,000, beyond which `pagination.totalIsMinimum` is true. If \
             absent: with `page` counted up to 100,000 in the same way, with `cursor` not at all.",
            one_of(["none", "estimated", "exact"]),
        ),
        parameter(
            "deleted",
            "Whether deleted records are shown: not, too, or only these. `exclude` if absent.",
            one_of(["exclude", "include", "only"]),
        ),
        parameter(
            "updatedSince",
            "Records that were changed at that instant or later.",
            MetaSchema::new_with_format("string", "date-time"),
        ),
    ];
    all.extend(listing.fields.iter().map(shorthand));
    all
}

fn shorthand(field: &Field) -> MetaOperationParam {
    let description = match field.kind {
        Kind::Many { .. } | Kind::ManyIds { .. } => {
            format!("Records with this value among their `{}`.", field.name)
        }
        _ => format!("Records with this `{}`.", field.name),
    };
    let schema = match field.kind {
        Kind::Text | Kind::Folded | Kind::Many { .. } => MetaSchema::new("string"),
        Kind::Uuid | Kind::ManyIds { .. } => MetaSchema::new_with_format("string", "uuid"),
        Kind::Instant => MetaSchema::new_with_format("string", "date-time"),
        Kind::Date => MetaSchema::new_with_format("string", "date"),
        Kind::Integer => MetaSchema::new_with_format("integer", "int64"),
        Kind::Thousandths => MetaSchema::new_with_format("number", "double"),
        Kind::Boolean => MetaSchema::new("boolean"),
    };
    parameter(field.name, &description, schema)
}

fn one_of(values: [&str; 3]) -> MetaSchema {
    MetaSchema { enum_items: values.into_iter().map(Into::into).collect(), ..MetaSchema::new("string") }
}

/// A parameter of the query that may be left out.
pub fn parameter(name: &str, description: &str, schema: MetaSchema) -> MetaOperationParam {
    MetaOperationParam {
        name: name.to_owned(),
        schema: MetaSchemaRef::Inline(Box::new(schema)),
        in_type: MetaParamIn::Query,
        description: Some(description.to_owned()),
        required: false,
        deprecated: false,
        explode: true,
        style: None,
    }
}
